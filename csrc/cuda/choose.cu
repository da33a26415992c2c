// The best arm of each round. Draws stay in registers; the reductions follow a total order, so their shape does not
// show. Few arms: a warp per round. Many: a block per tile of arms and round, then a block per round.
#include "beliefs.cuh"

namespace sparft {
namespace {

using cuda::Beliefs;
using cuda::Buffer;
using cuda::kThreads;
using cuda::Noise;

constexpr int kWarp = 32;
constexpr int kWarps = kThreads / kWarp;
constexpr std::int64_t kFewArms = 1024;
constexpr std::int64_t kTile = 4096;  // arms of one round per block
constexpr std::int64_t kMaxBatch = 65535;
constexpr std::int64_t kMaxTileResults = std::int64_t{1} << 22;

struct Job {
  Beliefs beliefs;
  Utility utility;
  Stream s;
  const std::uint8_t* open;  // [arms], or null: all
  std::int64_t first_round;
};

__device__ Best better(const Best& a, const Best& b) { return beats(b, a) ? b : a; }

// Best open arm of a round among [low, high); this thread takes every stride-th Philox block from its rank on.
template <Family kFamily>
__device__ Best scan(const Job& job, std::int64_t round, std::int64_t low, std::int64_t high, int rank, int stride) {
  using Of = Noise<kFamily>;
  const std::int64_t base = (job.first_round + round) * job.beliefs.p.arms;
  Best best{0.0, -1};
  for (std::int64_t block = (base + low) / Of::kWidth + rank; block * Of::kWidth < base + high; block += stride) {
    const Of noise(job.s, static_cast<std::uint64_t>(block));
#pragma unroll
    for (int lane = 0; lane < Of::kWidth; ++lane) {
      const std::int64_t element = block * Of::kWidth + lane;
      const std::int64_t arm = element - base;
      if (arm < low || arm >= high || (job.open != nullptr && job.open[arm] == 0)) continue;
      const double theta = noise.theta(job.beliefs[arm], job.s, static_cast<std::uint64_t>(element), lane);
      best = better(best, Best{utility_of(job.utility, theta), arm});
    }
  }
  return best;
}

__device__ Best warp_best(Best mine) {
  for (int half = kWarp / 2; half > 0; half /= 2) {
    const Best other{__shfl_xor_sync(0xFFFFFFFFU, mine.key, half), __shfl_xor_sync(0xFFFFFFFFU, mine.arm, half)};
    mine = better(mine, other);
  }
  return mine;
}

// The best of a block's candidates, in every thread of its first warp.
__device__ Best block_best(Best mine) {
  __shared__ Best of_warp[kWarps];
  mine = warp_best(mine);
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = mine;
  __syncthreads();
  return threadIdx.x < kWarp ? warp_best(of_warp[threadIdx.x % kWarps]) : mine;
}

template <Family kFamily>
__global__ void best_of_few(Job job, std::int64_t rounds, std::int32_t* arm) {
  const std::int64_t round = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (round >= rounds) return;  // the whole warp
  const int lane = threadIdx.x % kWarp;
  const Best best = warp_best(scan<kFamily>(job, round, 0, job.beliefs.p.arms, lane, kWarp));
  if (lane == 0) arm[round] = static_cast<std::int32_t>(best.arm);
}

// Block (x, y): tile x of round y.
template <Family kFamily>
__global__ void best_of_tile(Job job, Best* tile_best) {
  const std::int64_t low = blockIdx.x * kTile;
  const std::int64_t high = low + kTile < job.beliefs.p.arms ? low + kTile : job.beliefs.p.arms;
  const Best best = block_best(scan<kFamily>(job, blockIdx.y, low, high, static_cast<int>(threadIdx.x), kThreads));
  if (threadIdx.x == 0) tile_best[blockIdx.y * static_cast<std::int64_t>(gridDim.x) + blockIdx.x] = best;
}

__global__ void best_of_round(const Best* tile_best, std::int64_t tiles, std::int32_t* arm) {
  Best best{0.0, -1};
  for (std::int64_t tile = threadIdx.x; tile < tiles; tile += kThreads)
    best = better(best, tile_best[blockIdx.x * tiles + tile]);
  best = block_best(best);
  if (threadIdx.x == 0) arm[blockIdx.x] = static_cast<std::int32_t>(best.arm);
}

}  // namespace

void choose_cuda(const Posterior& p, const Utility& utility, std::int64_t rounds, const std::int64_t* capacity,
                 double floor, Stream s, std::int32_t* out) {
  const cuda::DevicePosterior posterior(p);
  if (rounds == 0) return;
  const bool few = p.arms <= kFewArms;
  const std::int64_t tiles = (p.arms + kTile - 1) / kTile;
  const std::int64_t batch = std::min({rounds, kMaxBatch, std::max<std::int64_t>(kMaxTileResults / tiles, 1)});
  Buffer<std::uint8_t> mask(capacity == nullptr ? 0 : p.arms, "allocate mask");
  Buffer<Best> tile_best(few ? 0 : batch * tiles, "allocate tile results");
  Buffer<std::int32_t> arm(batch, "allocate arms");
  OpenArms open(capacity, p.arms);
  Job job{posterior.beliefs(), utility, s, mask.get(), 0};
  assign_rounds(open, rounds, batch, floor, s, out,
                [&](std::int64_t first, std::int64_t n, std::int32_t* host, bool mask_changed) {
                  if (mask_changed && open.mask() != nullptr) mask.fill(open.mask(), p.arms);
                  job.first_round = first;
                  cuda::by_family(p.kind, [&](auto family) {
                    constexpr Family kFamily = decltype(family)::value;
                    const auto y = static_cast<unsigned>(n);
                    if (few) {
                      best_of_few<kFamily><<<(y + kWarps - 1) / kWarps, kThreads>>>(job, n, arm.get());
                    } else {
                      best_of_tile<kFamily><<<dim3(static_cast<unsigned>(tiles), y), kThreads>>>(job, tile_best.get());
                      best_of_round<<<y, kThreads>>>(tile_best.get(), tiles, arm.get());
                    }
                  });
                  cuda::finish();
                  arm.fetch(host, n);
                });
}

}  // namespace sparft
