// Farthest points on a device: all clusters pick at once, one launch per pick. Eight threads share a row, each one
// lane of point_distance. Picks are decided by integer maxima over (distance, row), which have no order to show.
#include "../farthest.h"

#include <algorithm>
#include <vector>

#include "segments.cuh"

namespace sparft {
namespace {

using cuda::Buffer;
using cuda::kThreads;

using Key = unsigned long long;  // the type of CUDA's 64-bit atomics

constexpr int kLanes = 8;
constexpr int kRowsPerBlock = kThreads / kLanes;
constexpr std::uint32_t kEveryLane = 0xFFFFFFFFU;
constexpr float kPicked = -1.0f;

struct Clusters {  // all on the device
  const float* points;
  std::int64_t dims;
  std::int64_t rows;
  const std::int32_t* cluster;  // ascending
  const std::int64_t* row;      // ascending within a cluster
  const std::int64_t* begin;    // [clusters + 1], into the two above
  const std::int64_t* first;    // [clusters + 1], into the result
};

// The sum of eight lanes as add_lanes has it, in each of them.
template <class T>
__device__ T add_across(T x) {
  x += __shfl_xor_sync(kEveryLane, x, 4);
  x += __shfl_xor_sync(kEveryLane, x, 2);
  return x + __shfl_xor_sync(kEveryLane, x, 1);
}

__device__ float distance_across(const float* a, const float* b, std::int64_t dims, int lane) {
  float s = 0.0f;
  for (std::int64_t j = lane; j < dims; j += kLanes) {
    const float x = a[j] - b[j];
    s += x * x;
  }
  return add_across(s);
}

__device__ double medoid_across(const float* a, const double* sum, double m, std::int64_t dims, int lane) {
  double s = 0.0;
  for (std::int64_t j = lane; j < dims; j += kLanes) {
    const double x = m * static_cast<double>(a[j]) - sum[j];
    s += x * x;
  }
  return add_across(s);
}

// Distances are not negative, so their bits are ordered as they are; the lower row has the larger key.
__device__ Key pick_key(float distance, std::int64_t row) {
  return (static_cast<Key>(__float_as_uint(distance)) << 32) | (0xFFFFFFFFULL - static_cast<Key>(row));
}
__device__ std::int64_t picked_row(Key key) { return static_cast<std::int64_t>(0xFFFFFFFFULL - (key & 0xFFFFFFFFULL)); }

__global__ void look_at_points(FarthestPoints p, int* bad) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < p.rows * p.dims && !(std::fabs(p.points[i]) <= kFarthestLimit)) atomicOr(bad, 1);
  if (i < p.rows && (p.cluster[i] < 0 || p.cluster[i] >= p.clusters)) atomicOr(bad, 1);
}

// begin[c] = how many of the sorted clusters are below c.
__global__ void find_clusters(const std::int32_t* cluster, std::int64_t rows, std::int64_t clusters, std::int64_t* begin) {
  const std::int64_t c = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (c > clusters) return;
  std::int64_t low = 0;
  std::int64_t high = rows;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (cluster[middle] < c) low = middle + 1;
    else high = middle;
  }
  begin[c] = low;
}

struct Piece {  // up to kSumRows rows of one cluster
  std::int64_t begin;
  std::int64_t end;
};

// Block (x, y): dimension y * kThreads + thread of piece x.
__global__ void sum_pieces(Clusters c, const Piece* pieces, double* sums) {
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  if (j >= c.dims) return;
  double s = 0.0;
  for (std::int64_t i = pieces[blockIdx.x].begin; i < pieces[blockIdx.x].end; ++i)
    s += static_cast<double>(c.points[c.row[i] * c.dims + j]);
  sums[blockIdx.x * c.dims + j] = s;
}

// Block (x, y): dimension y * kThreads + thread of cluster x, whose pieces are first_piece[x] .. first_piece[x + 1]-1.
__global__ void sum_clusters(std::int64_t dims, const std::int64_t* first_piece, const double* pieces, double* sums) {
  const std::int64_t j = static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  if (j >= dims) return;
  double s = 0.0;
  for (std::int64_t k = first_piece[blockIdx.x]; k < first_piece[blockIdx.x + 1]; ++k) s += pieces[k * dims + j];
  sums[blockIdx.x * dims + j] = s;
}

// nearest[cluster] = least bits of a medoid_distance.
__global__ void find_medoid_distance(Clusters c, const double* sums, double* distance, Key* nearest) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kLanes;
  const int lane = threadIdx.x % kLanes;
  const std::int64_t at = i < c.rows ? i : c.rows - 1;  // every lane must reach the shuffles
  const std::int32_t k = c.cluster[at];
  const double m = static_cast<double>(c.begin[k + 1] - c.begin[k]);
  const double d = medoid_across(c.points + c.row[at] * c.dims, sums + k * c.dims, m, c.dims, lane);
  if (i >= c.rows || lane != 0) return;
  distance[i] = d;
  atomicMin(&nearest[k], static_cast<Key>(__double_as_longlong(d)));
}

// best = the key of the lowest row at that distance; its distance to itself is 0.
__global__ void find_medoid(Clusters c, const double* distance, const Key* nearest, Key* best) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= c.rows) return;
  const std::int32_t k = c.cluster[i];
  if (c.first[k] == c.first[k + 1] || static_cast<Key>(__double_as_longlong(distance[i])) != nearest[k]) return;
  atomicMax(&best[c.first[k]], pick_key(0.0f, c.row[i]));
}

// Pick number t >= 1 of every cluster that has one: distances to the pick before, then the farthest row.
__global__ void pick(Clusters c, std::int64_t t, float* least, Key* best) {
  __shared__ Key block_best;
  if (threadIdx.x == 0) block_best = 0;
  __syncthreads();
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * kRowsPerBlock;
  const std::int64_t i = begin + threadIdx.x / kLanes;
  const int lane = threadIdx.x % kLanes;
  const std::int64_t at = i < c.rows ? i : c.rows - 1;
  const std::int32_t k = c.cluster[at];
  const std::int64_t slot = c.first[k] + t;
  const bool active = i < c.rows && slot < c.first[k + 1];
  // The eight lanes of a row agree on active; rows that are not still take part in the shuffles, on their own point.
  const std::int64_t row = c.row[at];
  const std::int64_t before = active ? picked_row(best[slot - 1]) : row;
  const float d = distance_across(c.points + row * c.dims, c.points + before * c.dims, c.dims, lane);
  const std::int32_t of_block = c.cluster[begin];
  if (active && lane == 0) {
    float near = row == before ? kPicked : least[i];
    if (d < near) near = d;
    least[i] = near;
    if (near >= 0.0f) atomicMax(k == of_block ? &block_best : &best[slot], pick_key(near, row));
  }
  __syncthreads();
  if (threadIdx.x == 0 && block_best != 0) atomicMax(&best[c.first[of_block] + t], block_best);
}

__global__ void fill_least(std::int64_t n, float* least) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < n) least[i] = INFINITY;
}

// The pieces of all clusters, and where each cluster's begin.
std::vector<Piece> cut(const std::vector<std::int64_t>& begin, std::vector<std::int64_t>& first_piece) {
  std::vector<Piece> pieces;
  for (std::size_t k = 0; k + 1 < begin.size(); ++k) {
    first_piece.push_back(static_cast<std::int64_t>(pieces.size()));
    for (std::int64_t i = begin[k]; i < begin[k + 1]; i += kSumRows)
      pieces.push_back({i, std::min(i + kSumRows, begin[k + 1])});
  }
  first_piece.push_back(static_cast<std::int64_t>(pieces.size()));
  return pieces;
}

template <class T>
Buffer<T> upload(const std::vector<T>& host, const char* what) {
  Buffer<T> device(static_cast<std::int64_t>(host.size()), what);
  device.fill(host.data(), device.size());
  return device;
}

// Throws what check_farthest throws, from copies on the host.
void judge(const FarthestPoints& p) {
  const auto points = cuda::to_host(p.points, p.rows * p.dims, "copy to the host for its check");
  const auto cluster = cuda::to_host(p.cluster, p.rows, "copy to the host for its check");
  check_farthest({points.data(), p.rows, p.dims, cluster.data(), p.take, p.clusters}, 1);
}

}  // namespace

void farthest_cuda(const FarthestPoints& p, int device, std::int64_t* out) {
  const cuda::OnDevice scope(device);
  // Sizes are refused before anything is read.
  if (p.clusters < 1 || p.clusters > INT32_MAX || p.dims < 1 || p.rows > INT32_MAX) check_farthest(p, 1);
  cuda::Flag bad;
  if (p.rows > 0) look_at_points<<<cuda::blocks_for(p.rows * p.dims), kThreads>>>(p, bad.get());
  if (bad.raised()) judge(p);
  const cuda::Sorted sorted(p.cluster, p.rows, p.clusters);
  Buffer<std::int64_t> begin_there(p.clusters + 1, "allocate clusters");
  find_clusters<<<cuda::blocks_for(p.clusters + 1), kThreads>>>(sorted.key(), p.rows, p.clusters, begin_there.get());
  const auto begin = cuda::to_host(begin_there.get(), p.clusters + 1, "copy clusters");
  std::vector<std::int64_t> first{0};
  std::int64_t most = 0;
  for (std::int64_t k = 0; k < p.clusters; ++k) {
    const auto at = static_cast<std::size_t>(k);
    if (p.take[k] < 0 || p.take[k] > begin[at + 1] - begin[at]) judge(p);
    first.push_back(first.back() + p.take[k]);
    most = std::max(most, p.take[k]);
  }
  if (most == 0) return;

  std::vector<std::int64_t> first_piece;
  const std::vector<Piece> pieces = cut(begin, first_piece);
  const auto pieces_there = upload(pieces, "allocate pieces");
  const auto first_piece_there = upload(first_piece, "allocate pieces");
  const auto first_there = upload(first, "allocate takes");
  const Clusters c{p.points,       p.dims,           p.rows, sorted.key(), sorted.order(), begin_there.get(),
                   first_there.get()};
  const auto strips = static_cast<unsigned>((p.dims + kThreads - 1) / kThreads);
  Buffer<double> piece_sums(static_cast<std::int64_t>(pieces.size()) * p.dims, "allocate sums");
  Buffer<double> sums(p.clusters * p.dims, "allocate sums");
  sum_pieces<<<dim3(static_cast<unsigned>(pieces.size()), strips), kThreads>>>(c, pieces_there.get(), piece_sums.get());
  sum_clusters<<<dim3(static_cast<unsigned>(p.clusters), strips), kThreads>>>(p.dims, first_piece_there.get(),
                                                                             piece_sums.get(), sums.get());
  const auto row_blocks = static_cast<unsigned>((p.rows + kRowsPerBlock - 1) / kRowsPerBlock);
  Buffer<double> distance(p.rows, "allocate distances");
  auto nearest = upload(std::vector<Key>(static_cast<std::size_t>(p.clusters), ~Key{0}), "allocate medoids");
  Buffer<Key> best(first.back(), "allocate picks");
  best.clear();
  Buffer<float> least(p.rows, "allocate distances");
  fill_least<<<cuda::blocks_for(p.rows), kThreads>>>(p.rows, least.get());
  find_medoid_distance<<<row_blocks, kThreads>>>(c, sums.get(), distance.get(), nearest.get());
  find_medoid<<<cuda::blocks_for(p.rows), kThreads>>>(c, distance.get(), nearest.get(), best.get());
  for (std::int64_t t = 1; t < most; ++t) pick<<<row_blocks, kThreads>>>(c, t, least.get(), best.get());
  cuda::finish();
  const auto keys = cuda::to_host(best.get(), first.back(), "copy picks");
  std::transform(keys.begin(), keys.end(), out,
                 [](Key key) { return static_cast<std::int64_t>(0xFFFFFFFFULL - (key & 0xFFFFFFFFULL)); });
}

}  // namespace sparft
