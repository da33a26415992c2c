// The steps of a tile by the definitions, one element at a time: what the vector files must agree with.
#include "passes.h"
#include "tile.h"

namespace sparft {
namespace {

void normals(Stream s, std::uint64_t first, std::int64_t n, float* out) {
  for (std::int64_t done = 0; done < n;) {
    const std::uint64_t index = first + static_cast<std::uint64_t>(done);
    const Quad q = stream_normals(s, index >> 2);
    for (std::uint64_t lane = index & 3U; lane < 4 && done < n; ++lane) out[done++] = q.z[lane];
  }
}

bool passes(const Posterior& p, std::int64_t k, std::int64_t n) { return passes_all(p, k, n); }

void beliefs(const Posterior& p, std::int64_t k, std::int64_t n, double* a, double* b) {
  for (std::int64_t j = 0; j < n; ++j) {
    const Belief belief = belief_of(p, k + j);
    a[j] = belief.a;
    b[j] = belief.b;
  }
}

void thetas(Family family, Stream s, std::uint64_t element, std::int64_t n, const double* a, const double* b,
            double* theta) {
  for (std::int64_t j = 0; j < n; ++j)
    theta[j] = theta_from(family, Belief{a[j], b == nullptr ? 0.0 : b[j]}, s, element + static_cast<std::uint64_t>(j));
}

void utilities(const Utility& utility, std::int64_t n, double* theta) {
  for (std::int64_t j = 0; j < n; ++j) theta[j] = utility_of(utility, theta[j]);
}

void close(const std::uint8_t* open, std::int64_t n, double* key) {
  for (std::int64_t j = 0; j < n; ++j)
    if (open[j] == 0) key[j] = static_cast<double>(NAN);
}

std::int64_t best(const double* key, std::int64_t n, double& bar) {
  std::int64_t index = -1;
  for (std::int64_t j = 0; j < n; ++j) {
    if (key[j] > bar) {
      bar = key[j];
      index = j;
    }
  }
  return index;
}

void best_rows(const double* key, std::int64_t rounds, std::int64_t arms, std::int32_t* arm) {
  for (std::int64_t r = 0; r < rounds; ++r) {
    double bar = -HUGE_VAL;
    arm[r] = static_cast<std::int32_t>(best(key + r * arms, arms, bar));
  }
}

std::int64_t above(const double* key, std::int64_t n, double bar, std::int32_t* index) {
  std::int64_t count = 0;
  for (std::int64_t j = 0; j < n; ++j)
    if (key[j] > bar) index[count++] = static_cast<std::int32_t>(j);
  return count;
}

}  // namespace

const TileOps kTile1{normals, passes, beliefs, thetas, utilities, close, best, best_rows, above};

}  // namespace sparft
