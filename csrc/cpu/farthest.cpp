// Distances only fall as picks are added, so what was computed against earlier picks bounds a row from above, and a
// row is brought up to date only while its bound could still win. The pick is that of the plain algorithm, to the bit:
// the winner is fully up to date, and every other row's bound does not beat it. Most (row, pick) pairs are never read.
#include "../farthest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "parallel.h"

namespace sparft {
namespace {

constexpr std::int64_t kBoundRows = 64;                        // rows that share one bound
constexpr std::int64_t kChunkRows = 16 * kSumRows;             // rows of one task
constexpr std::int64_t kParallelFrom = std::int64_t{1} << 18;  // coordinates; below, a thread costs more than it saves

struct Rows {  // by position: grouped by cluster, ascending inside
  const float* points;
  const std::int32_t* row;
  std::int64_t dims;
  const float* at(std::int64_t i) const { return points + row[i] * dims; }
};

struct Medoid {
  double distance;
  std::int64_t at;
};

struct Farthest {
  float distance;
  std::int64_t at;
};

struct Kernels {
  bool (*within_limit)(const float*, std::int64_t);
  void (*add_rows)(const Rows&, std::int64_t, std::int64_t, double*);
  Medoid (*medoid)(const Rows&, std::int64_t, std::int64_t, const double*, double);
  void (*distances)(const Rows&, std::int64_t, std::int64_t, const float*, float*);
  float (*maximum)(const float*, std::int64_t);
  Farthest (*refresh)(const Rows&, std::int64_t, std::int64_t, const float* const*, std::int32_t, float*, std::int32_t*,
                      Farthest);
};

namespace baseline {
#include "farthest_kernels.h"
}  // namespace baseline

#ifdef __x86_64__
#pragma GCC push_options
#pragma GCC target("avx2")
namespace avx2 {
#include "farthest_kernels.h"
}  // namespace avx2
#pragma GCC pop_options
#endif

const Kernels& kernels() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return avx2::kKernels;
#endif
  return baseline::kKernels;
}

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument(message); }

[[noreturn]] void refuse_points(const FarthestPoints& p) {
  for (std::int64_t i = 0; i < p.rows * p.dims; ++i)
    if (!(std::fabs(p.points[i]) <= kFarthestLimit))
      refuse("points[" + std::to_string(i / p.dims) + ", " + std::to_string(i % p.dims) +
             "] = " + std::to_string(p.points[i]) + " is not a number of at most 1e15; drop or rescale it");
  refuse("points was changed during the call; give a copy");
}

std::vector<std::int64_t> sizes(const FarthestPoints& p) {
  std::vector<std::int64_t> size(static_cast<std::size_t>(p.clusters), 0);
  for (std::int64_t i = 0; i < p.rows; ++i) {
    if (p.cluster[i] < 0 || p.cluster[i] >= p.clusters)
      refuse("cluster[" + std::to_string(i) + "] = " + std::to_string(p.cluster[i]) +
             " is out of range; take has clusters 0.." + std::to_string(p.clusters - 1));
    ++size[static_cast<std::size_t>(p.cluster[i])];
  }
  return size;
}

void check_take(const FarthestPoints& p, const std::vector<std::int64_t>& size) {
  for (std::int64_t k = 0; k < p.clusters; ++k) {
    const std::string seen = "take[" + std::to_string(k) + "] = " + std::to_string(p.take[k]);
    if (p.take[k] < 0) refuse(seen + " is negative; take 0 or more");
    if (p.take[k] > size[static_cast<std::size_t>(k)])
      refuse(seen + " exceeds the " + std::to_string(size[static_cast<std::size_t>(k)]) +
             " rows of that cluster; take fewer");
  }
}

struct Cluster {
  std::int64_t low;  // positions low .. high-1
  std::int64_t high;
  std::int64_t take;
  std::int64_t out;    // where its picks go
  std::int64_t bound;  // its first bound
  Medoid medoid{0.0, -1};
};

struct Chunk {  // rows of one task
  std::size_t cluster;
  std::int64_t low;
  std::int64_t high;
  std::int64_t block;  // its first block of kSumRows
  Medoid best{0.0, -1};
};

std::int64_t parts(std::int64_t n, std::int64_t of) { return (n + of - 1) / of; }

// All memory of a call, taken before any thread starts.
struct Work {
  Rows rows;
  std::vector<Cluster> clusters;
  std::vector<Chunk> chunks;
  std::vector<double> blocks;        // [blocks, dims]
  std::vector<double> sums;          // [clusters, dims]
  std::vector<float> nearest;        // by position: least distance to the first `seen` picks
  std::vector<std::int32_t> seen;    // by position
  std::vector<float> bound;          // greatest `nearest` of kBoundRows rows
  std::vector<const float*> picked;  // where picks lie
  std::int64_t* out;
};

void add_blocks(Work& w) {
  const auto dims = static_cast<std::size_t>(w.rows.dims);
  for (const Chunk& c : w.chunks)
    for (std::int64_t b = c.block; b < c.block + parts(c.high - c.low, kSumRows); ++b)
      for (std::size_t j = 0; j < dims; ++j)
        w.sums[c.cluster * dims + j] += w.blocks[static_cast<std::size_t>(b) * dims + j];
}

void pick_rows(Work& w, const Cluster& c) {
  const Kernels& kernel = kernels();
  float* bound = w.bound.data() + c.bound;
  const std::int64_t bounds = parts(c.high - c.low, kBoundRows);
  const float** picked = w.picked.data() + c.out;
  const auto low = [&](std::int64_t b) { return c.low + b * kBoundRows; };
  const auto high = [&](std::int64_t b) { return std::min(c.high, low(b) + kBoundRows); };
  const auto tighten = [&](std::int64_t b) {
    bound[b] = kernel.maximum(w.nearest.data() + low(b), high(b) - low(b));
  };
  for (std::int64_t b = 0; b < bounds; ++b) tighten(b);
  std::int64_t pick = c.medoid.at;
  for (std::int64_t n = 0;;) {
    w.out[c.out + n] = w.rows.row[pick];
    picked[n] = w.rows.at(pick);
    w.nearest[static_cast<std::size_t>(pick)] = -1.0f;  // below every distance: not picked again
    if (++n == c.take) return;
    tighten((pick - c.low) / kBoundRows);
    Farthest best{-1.0f, -1};
    const auto visit = [&](std::int64_t b) {
      best = kernel.refresh(w.rows, low(b), high(b), picked, static_cast<std::int32_t>(n), w.nearest.data(),
                            w.seen.data(), best);
      tighten(b);
    };
    visit(std::max_element(bound, bound + bounds) - bound);
    for (std::int64_t b = 0; b < bounds; ++b)
      if (bound[b] > best.distance || (bound[b] == best.distance && low(b) < best.at)) visit(b);
    pick = best.at;
  }
}

// Positions grouped by cluster; clusters of which nothing is taken get no work.
std::vector<std::int32_t> plan(const FarthestPoints& p, Work& w) {
  std::vector<std::int64_t> next = sizes(p);  // becomes the position at which each cluster's next row goes
  std::int64_t position = 0;
  std::int64_t out = 0;
  std::int64_t bounds = 0;
  std::int64_t blocks = 0;
  for (std::int64_t k = 0; k < p.clusters; ++k) {
    const std::int64_t high = position + next[static_cast<std::size_t>(k)];
    for (std::int64_t low = position; p.take[k] > 0 && low < high; low += kChunkRows) {
      w.chunks.push_back({w.clusters.size(), low, std::min(high, low + kChunkRows), blocks});
      blocks += parts(w.chunks.back().high - low, kSumRows);
    }
    if (p.take[k] > 0) {
      w.clusters.push_back({position, high, p.take[k], out, bounds});
      bounds += parts(high - position, kBoundRows);
    }
    next[static_cast<std::size_t>(k)] = position;
    position = high;
    out += p.take[k];
  }
  std::vector<std::int32_t> row(static_cast<std::size_t>(p.rows));
  for (std::int64_t i = 0; i < p.rows; ++i)
    row[static_cast<std::size_t>(next[static_cast<std::size_t>(p.cluster[i])]++)] = static_cast<std::int32_t>(i);
  w.blocks.assign(static_cast<std::size_t>(blocks * p.dims), 0.0);
  w.sums.assign(w.clusters.size() * static_cast<std::size_t>(p.dims), 0.0);
  w.nearest.resize(row.size());
  w.seen.assign(row.size(), 1);
  w.bound.resize(static_cast<std::size_t>(bounds));
  w.picked.resize(static_cast<std::size_t>(out));
  return row;
}

}  // namespace

void check_farthest(const FarthestPoints& p, int threads) {
  if (p.clusters < 1) refuse("take has no clusters (length 0); give at least one");
  if (p.clusters > INT32_MAX) refuse("take has more than 2147483647 clusters; merge some");
  if (p.dims < 1) refuse("points has no columns; give at least one dimension");
  if (p.rows > INT32_MAX) refuse("points has more than 2147483647 rows; split it");
  check_take(p, sizes(p));
  const std::int64_t chunks = parts(p.rows, kChunkRows);
  std::vector<std::uint8_t> good(static_cast<std::size_t>(chunks));
  parallel_for(threads, chunks, [&](std::int64_t i) {
    const std::int64_t low = i * kChunkRows;
    const std::int64_t rows = std::min(p.rows - low, kChunkRows);
    good[static_cast<std::size_t>(i)] = kernels().within_limit(p.points + low * p.dims, rows * p.dims) ? 1 : 0;
  });
  if (std::find(good.begin(), good.end(), 0) != good.end()) refuse_points(p);
}

void farthest_cpu(const FarthestPoints& p, int threads, std::int64_t* out) {
  if (p.rows * p.dims < kParallelFrom) threads = 1;
  check_farthest(p, threads);
  Work w;
  w.out = out;
  const std::vector<std::int32_t> row = plan(p, w);
  w.rows = Rows{p.points, row.data(), p.dims};
  const auto each = [&](auto& items, const auto& task) {
    parallel_for(threads, static_cast<std::int64_t>(items.size()),
                 [&](std::int64_t i) { task(items[static_cast<std::size_t>(i)]); });
  };
  each(w.chunks, [&](const Chunk& c) {
    double* block = w.blocks.data() + c.block * p.dims;
    for (std::int64_t low = c.low; low < c.high; low += kSumRows, block += p.dims)
      kernels().add_rows(w.rows, low, std::min(c.high, low + kSumRows), block);
  });
  add_blocks(w);
  each(w.chunks, [&](Chunk& c) {
    const Cluster& cluster = w.clusters[c.cluster];
    const double* sum = w.sums.data() + c.cluster * static_cast<std::size_t>(p.dims);
    c.best = kernels().medoid(w.rows, c.low, c.high, sum, static_cast<double>(cluster.high - cluster.low));
  });
  for (const Chunk& c : w.chunks) {  // in order of position, so that ties stay with the lowest row
    Medoid& best = w.clusters[c.cluster].medoid;
    if (best.at < 0 || c.best.distance < best.distance) best = c.best;
  }
  each(w.chunks, [&](const Chunk& c) {
    kernels().distances(w.rows, c.low, c.high, w.rows.at(w.clusters[c.cluster].medoid.at), w.nearest.data());
  });
  each(w.clusters, [&](const Cluster& c) { pick_rows(w, c); });
}

}  // namespace sparft
