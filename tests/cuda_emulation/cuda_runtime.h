// The part of CUDA that csrc/cuda uses, on the CPU, so that the kernels run and are tested without a device.
//
// What it proves: the text of the kernels, compiled by g++, gives the results and the refusals of the CPU ops: indices,
// masks, ties, digits, tails of blocks and warps, order of the launches, every lane at every shuffle and every thread
// at every barrier, no write beyond the ends of a buffer, no buffer kept, no result that hangs on the order of threads
// as far as forwards and backwards differ.
// What it cannot prove: that threads do not race otherwise, or that an atomic is one (a thread is only interrupted at
// barriers and shuffles); the memory model; the arithmetic of a device and of nvcc's flags; that an address is of the
// right memory, since host and device are one; shared memory beyond its size; streams. tests/bandit/test_gpu.py is for
// those.
//
// build.py turns <<< >>> into calls of emulated::launch and leaves all else of a .cu file as it is.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "emulator.h"

#define __global__
#define __device__
#define __host__
#define __shared__ static  // blocks follow each other; what one left behind is as good as what a device leaves
#define __forceinline__ inline

inline void __syncthreads() { emulated::block.wait(emulated::State::kAtBlock); }
inline int __syncthreads_count(int vote) {
  emulated::block.votes += vote != 0 ? 1 : 0;
  emulated::block.wait(emulated::State::kAtBlock);
  return emulated::block.counted;
}

template <class T>
T __shfl_xor_sync(unsigned lanes, T value, int mask) {
  static_assert(sizeof(T) <= 8, "CUDA shuffles at most 64 bits");
  if (lanes != 0xFFFFFFFFU) emulated::stop("only shuffles of all lanes are emulated");
  auto& block = emulated::block;
  const unsigned me = block.current();
  std::memcpy(&block.slot[me], &value, sizeof value);
  block.wait(emulated::State::kAtWarp);
  std::memcpy(&value, &block.slot[me ^ static_cast<unsigned>(mask)], sizeof value);
  block.wait(emulated::State::kAtWarp);  // before anyone writes his slot again
  return value;
}

template <class T>
T atomicAdd(T* at, T x) {
  const T old = *at;
  *at += x;
  return old;
}
template <class T>
T atomicOr(T* at, T x) {
  const T old = *at;
  *at |= x;
  return old;
}
template <class T>
T atomicMax(T* at, T x) {
  const T old = *at;
  if (x > old) *at = x;
  return old;
}
template <class T>
T atomicMin(T* at, T x) {
  const T old = *at;
  if (x < old) *at = x;
  return old;
}

inline unsigned __float_as_uint(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline long long __double_as_longlong(double x) {
  long long bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

using cudaError_t = int;
using cudaStream_t = void*;
constexpr cudaError_t cudaSuccess = 0;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
struct cudaDeviceProp {
  char name[16] = "emulated";
};

inline const char* cudaGetErrorString(cudaError_t) { return "out of memory"; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

namespace emulated {

// A buffer lies between two fences that nothing may write to; its size is kept before the first.
constexpr std::size_t kFence = 256;
constexpr unsigned char kUnwritten = 0xA5;  // not zero, which a kernel might count on
inline std::int64_t buffers = 0;  // not yet freed

}  // namespace emulated

inline cudaError_t cudaMalloc(void** out, std::size_t n) {
  using namespace emulated;
  auto* memory = static_cast<unsigned char*>(std::malloc(n + 2 * kFence + sizeof n));
  if (memory == nullptr) return 2;
  std::memcpy(memory, &n, sizeof n);
  std::memset(memory + sizeof n, kUnwritten, n + 2 * kFence);
  *out = memory + sizeof n + kFence;
  ++buffers;
  return cudaSuccess;
}
inline cudaError_t cudaFree(void* data) {
  using namespace emulated;
  if (data == nullptr) return cudaSuccess;
  auto* memory = static_cast<unsigned char*>(data) - kFence - sizeof(std::size_t);
  std::size_t n;
  std::memcpy(&n, memory, sizeof n);
  for (std::size_t i = 0; i < kFence; ++i)
    if (memory[sizeof n + i] != kUnwritten || memory[sizeof n + kFence + n + i] != kUnwritten)
      stop("a buffer was written beyond its ends");
  std::free(memory);
  --buffers;
  return cudaSuccess;
}
inline cudaError_t cudaMemcpy(void* to, const void* from, std::size_t n, cudaMemcpyKind) {
  std::memcpy(to, from, n);
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* data, int value, std::size_t n, cudaStream_t) {
  std::memset(data, value, n);
  return cudaSuccess;
}
