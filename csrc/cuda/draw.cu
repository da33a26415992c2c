// Draws written out: utilities of draws, and bare normals.
#include "beliefs.cuh"

namespace sparft {
namespace {

using cuda::Beliefs;
using cuda::Buffer;
using cuda::kThreads;
using cuda::Noise;

constexpr std::int64_t kAtOnce = std::int64_t{1} << 25;  // numbers held on the device

// out[i] = utility of element first + i. A thread takes what one Philox block gives.
template <Family kFamily>
__global__ void draw(Beliefs beliefs, Utility utility, Stream s, std::uint64_t first, std::int64_t count, double* out) {
  using Of = Noise<kFamily>;
  const std::uint64_t block =
      first / Of::kWidth + static_cast<std::uint64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (block * Of::kWidth >= first + static_cast<std::uint64_t>(count)) return;
  const Of noise(s, block);
#pragma unroll
  for (int lane = 0; lane < Of::kWidth; ++lane) {
    const std::uint64_t element = block * Of::kWidth + lane;
    const auto i = static_cast<std::int64_t>(element - first);
    if (i < 0 || i >= count) continue;
    const auto arm = static_cast<std::int64_t>(element % static_cast<std::uint64_t>(beliefs.p.arms));
    out[i] = utility_of(utility, noise.theta(beliefs[arm], s, element, lane));
  }
}

__global__ void fill_normals(Stream s, std::uint64_t first, std::int64_t count, float* out) {
  const std::uint64_t block = (first >> 2) + static_cast<std::uint64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const Quad n = stream_normals(s, block);
#pragma unroll
  for (int lane = 0; lane < 4; ++lane) {
    const auto at = static_cast<std::int64_t>(block * 4 + lane - first);
    if (at >= 0 && at < count) out[at] = n.z[lane];
  }
}

}  // namespace

void draw_cuda(const Posterior& p, const Utility& utility, std::int64_t rounds, Stream s, double* out) {
  const cuda::DevicePosterior posterior(p);
  const std::int64_t total = rounds * p.arms;
  Buffer<double> held(std::min(total, kAtOnce), "allocate draws");
  for (std::int64_t done = 0; done < total; done += kAtOnce) {
    const std::int64_t n = std::min(kAtOnce, total - done);
    cuda::by_family(p.kind, [&](auto family) {
      constexpr Family kFamily = decltype(family)::value;
      const unsigned grid = cuda::blocks_for(n / Noise<kFamily>::kWidth + 2);
      draw<kFamily><<<grid, kThreads>>>(posterior.beliefs(), utility, s, static_cast<std::uint64_t>(done), n, held.get());
    });
    cuda::finish();
    held.fetch(out + done, n);
  }
}

void normals_cuda(Stream s, std::uint64_t first, std::int64_t count, float* out) {
  Buffer<float> held(std::min(count, kAtOnce), "allocate normals");
  for (std::int64_t done = 0; done < count; done += kAtOnce) {
    const std::int64_t n = std::min(kAtOnce, count - done);
    fill_normals<<<cuda::blocks_for(n / 4 + 2), kThreads>>>(s, first + static_cast<std::uint64_t>(done), n, held.get());
    cuda::finish();
    held.fetch(out + done, n);
  }
}

}  // namespace sparft
