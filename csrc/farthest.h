// Farthest-point selection inside clusters: cpu/farthest*.cpp.
//
// Per cluster, its rows in ascending order, m of them: the first pick is the medoid, the row of least medoid_distance
// with S = the sum of the rows (in double: blocks of kSumRows rows added row by row from 0.0, then the blocks in order
// from 0.0); each next one is the row whose least distance to the picks so far is greatest. Ties: lowest row.
#pragma once

#include <cstdint>

#include "philox.h"

namespace sparft {

constexpr std::int64_t kSumRows = 256;
constexpr float kFarthestLimit = 1e15f;  // larger coordinates could overflow a squared distance

struct FarthestPoints {
  const float* points;  // [rows, dims]
  std::int64_t rows;
  std::int64_t dims;
  const std::int32_t* cluster;  // [rows]
  const std::int64_t* take;     // [clusters], always host memory
  std::int64_t clusters;
};

// The fixed order of every sum over dims: lane j % 8 takes dimension j, then halves are added three times.
template <class T>
SPARFT_HD T add_lanes(const T* s) {
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

// Squared distance, in float. Adding squares never lowers a rounded sum, so a partial sum is a lower bound of it.
SPARFT_HD float point_distance(const float* a, const float* b, std::int64_t dims) {
  float s[8] = {};
  for (std::int64_t j = 0; j < dims; ++j) {
    const float x = a[j] - b[j];
    s[j & 7] += x * x;
  }
  return add_lanes(s);
}

// m^2 times the squared distance to the mean S / m, in double: m * a - S is exact for most data, so ties stay ties.
SPARFT_HD double medoid_distance(const float* a, const double* sum, double m, std::int64_t dims) {
  double s[8] = {};
  for (std::int64_t j = 0; j < dims; ++j) {
    const double x = m * static_cast<double>(a[j]) - sum[j];
    s[j & 7] += x * x;
  }
  return add_lanes(s);
}

// Throws std::invalid_argument unless points are finite and within kFarthestLimit, 0 <= cluster < clusters, and
// 0 <= take <= rows of the cluster.
void check_farthest(const FarthestPoints& p, int threads = 1);

// Checks, then writes sum(take) rows, cluster by cluster, each in the order picked.
void farthest_cpu(const FarthestPoints& p, int threads, std::int64_t* out);

#ifdef SPARFT_WITH_CUDA
// points and cluster are device pointers, take and out host; checks like check_farthest and throws as it does.
void farthest_cuda(const FarthestPoints& p, int device, std::int64_t* out);
#endif

}  // namespace sparft
