#include <algorithm>
#include <stdexcept>

#include "../thompson.h"

namespace sparft {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kTile = 1024;  // arms of one round per block
constexpr std::int64_t kMaxBatch = 4096;

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess)
    throw std::runtime_error(std::string("CUDA: ") + what + ": " + cudaGetErrorString(status) +
                             "; use backend=\"cpu\" for the same draws without a device");
}

template <class T>
class Device {
 public:
  Device(std::int64_t n, const char* what) : bytes_(static_cast<std::size_t>(n) * sizeof(T)) {
    check(cudaMalloc(&data_, bytes_), what);
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  ~Device() { cudaFree(data_); }

  T* get() const { return static_cast<T*>(data_); }
  void fill(const T* host) { check(cudaMemcpy(data_, host, bytes_, cudaMemcpyHostToDevice), "copy to device"); }
  void fetch(T* host, std::int64_t n) const {
    check(cudaMemcpy(host, data_, static_cast<std::size_t>(n) * sizeof(T), cudaMemcpyDeviceToHost), "copy from device");
  }

 private:
  std::size_t bytes_;
  void* data_ = nullptr;
};

// The best of a block's candidates, in thread 0. beats() is a total order, so the shape of the tree does not show.
__device__ Best block_best(Best mine) {
  __shared__ Best shared[kThreads];
  shared[threadIdx.x] = mine;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half && beats(shared[threadIdx.x + half], shared[threadIdx.x]))
      shared[threadIdx.x] = shared[threadIdx.x + half];
  }
  return shared[0];
}

// Block (x, y): best open arm of tile x in round first_round + y. A thread takes whole Philox blocks.
__global__ void best_of_tile(const double* mean, const double* sd, const std::uint8_t* open, std::int64_t arms,
                             std::int64_t first_round, Stream s, Best* tile_best) {
  const std::int64_t base = (first_round + blockIdx.y) * arms;
  const std::int64_t low = blockIdx.x * kTile;
  const std::int64_t high = low + kTile < arms ? low + kTile : arms;
  Best best{0.0, -1};
  for (std::int64_t block = ((base + low) >> 2) + threadIdx.x; block * 4 < base + high; block += kThreads) {
    const Normals n = stream_normals(s, static_cast<std::uint64_t>(block));
    for (int lane = 0; lane < 4; ++lane) {
      const std::int64_t arm = block * 4 + lane - base;
      if (arm < low || arm >= high || open[arm] == 0) continue;
      const Best other{mean[arm] + sd[arm] * static_cast<double>(n.z[lane]), static_cast<std::int32_t>(arm)};
      if (beats(other, best)) best = other;
    }
  }
  best = block_best(best);
  if (threadIdx.x == 0) tile_best[blockIdx.y * static_cast<std::int64_t>(gridDim.x) + blockIdx.x] = best;
}

__global__ void best_of_round(const Best* tile_best, std::int64_t tiles, std::int32_t* arm) {
  Best best{0.0, -1};
  for (std::int64_t tile = threadIdx.x; tile < tiles; tile += kThreads) {
    const Best other = tile_best[blockIdx.x * tiles + tile];
    if (beats(other, best)) best = other;
  }
  best = block_best(best);
  if (threadIdx.x == 0) arm[blockIdx.x] = best.arm;
}

__global__ void fill_normals(Stream s, std::uint64_t first, std::int64_t count, float* out) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::uint64_t block = (first >> 2) + static_cast<std::uint64_t>(i);
  const Normals n = stream_normals(s, block);
  for (int lane = 0; lane < 4; ++lane) {
    const std::int64_t at = static_cast<std::int64_t>(block * 4 + lane - first);
    if (at >= 0 && at < count) out[at] = n.z[lane];
  }
}

}  // namespace

std::string cuda_problem() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) return cudaGetErrorString(status);
  return count > 0 ? "" : "no CUDA device is visible";
}

std::string cuda_device_name() {
  int device = 0;
  cudaDeviceProp properties;
  check(cudaGetDevice(&device), "current device");
  check(cudaGetDeviceProperties(&properties, device), "device properties");
  return properties.name;
}

void thompson_cuda(const Posterior& p, std::int64_t rounds, Stream s, std::int32_t* out) {
  if (rounds == 0) return;
  const std::int64_t tiles = (p.arms + kTile - 1) / kTile;
  const std::int64_t batch = std::min({rounds, kMaxBatch, std::max<std::int64_t>((std::int64_t{1} << 22) / tiles, 1)});
  Device<double> mean(p.arms, "allocate mean");
  Device<double> sd(p.arms, "allocate sd");
  Device<std::uint8_t> mask(p.arms, "allocate mask");
  Device<Best> tile_best(batch * tiles, "allocate tile results");
  Device<std::int32_t> arm(batch, "allocate arms");
  mean.fill(p.mean);
  sd.fill(p.sd);
  std::vector<std::uint8_t> open;
  assign_rounds(p, rounds, batch, out, open,
                [&](std::int64_t first, std::int64_t n, std::int32_t* host, bool mask_changed) {
                  if (mask_changed) mask.fill(open.data());
                  const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(n));
                  best_of_tile<<<grid, kThreads>>>(mean.get(), sd.get(), mask.get(), p.arms, first, s, tile_best.get());
                  best_of_round<<<static_cast<unsigned>(n), kThreads>>>(tile_best.get(), tiles, arm.get());
                  check(cudaGetLastError(), "launch");
                  arm.fetch(host, n);
                });
}

void normals_cuda(Stream s, std::uint64_t first, std::int64_t count, float* out) {
  if (count == 0) return;
  Device<float> z(count, "allocate normals");
  const std::int64_t blocks = static_cast<std::int64_t>(((first & 3U) + static_cast<std::uint64_t>(count) + 3) / 4);
  fill_normals<<<static_cast<unsigned>((blocks + kThreads - 1) / kThreads), kThreads>>>(s, first, count, z.get());
  check(cudaGetLastError(), "launch");
  z.fetch(out, count);
}

}  // namespace sparft
