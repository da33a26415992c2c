// Errors, memory and launches of the CUDA ops. Everything runs on the legacy default stream: exporters of DLPack
// order their work before it, and an op returns when its own is done.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace sparft::cuda {

constexpr int kThreads = 256;
constexpr int kHostMemory = -1;  // the value of kHost in arrays.h, which needs Python

inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // an error that is not sticky must not be reported again by the next call
  throw std::runtime_error(std::string("CUDA: ") + what + ": " + cudaGetErrorString(status) +
                           "; use backend=\"cpu\" with arrays on the CPU for the same result without a device");
}

// Blocks of kThreads for n elements of work.
inline unsigned blocks_for(std::int64_t n) {
  const std::int64_t blocks = (n + kThreads - 1) / kThreads;
  if (blocks > INT32_MAX) throw std::runtime_error("CUDA: the arrays are too long for one launch; split the call");
  return static_cast<unsigned>(blocks);
}

inline void finish() {
  check(cudaGetLastError(), "launch");
  check(cudaStreamSynchronize(nullptr), "run");
}

// Makes `device` the current one for a scope; kHostMemory leaves the current one.
class OnDevice {
 public:
  explicit OnDevice(int device) {
    check(cudaGetDevice(&before_), "current device");
    if (device != kHostMemory && device != before_) check(cudaSetDevice(device), "choose device");
  }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { cudaSetDevice(before_); }

 private:
  int before_ = 0;
};

template <class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(std::int64_t n, const char* what) : size_(n) {
    if (n > 0) check(cudaMalloc(reinterpret_cast<void**>(&data_), bytes(n)), what);
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() { cudaFree(data_); }

  T* get() const { return data_; }
  std::int64_t size() const { return size_; }
  void clear() {
    if (size_ > 0) check(cudaMemsetAsync(data_, 0, bytes(size_), nullptr), "clear");
  }
  void fill(const T* host, std::int64_t n) {
    if (n > 0) check(cudaMemcpy(data_, host, bytes(n), cudaMemcpyHostToDevice), "copy to device");
  }
  void fetch(T* host, std::int64_t n) const {
    if (n > 0) check(cudaMemcpy(host, data_, bytes(n), cudaMemcpyDeviceToHost), "copy from device");
  }

 private:
  static std::size_t bytes(std::int64_t n) { return static_cast<std::size_t>(n) * sizeof(T); }

  T* data_ = nullptr;
  std::int64_t size_ = 0;
};

// An array where it lies when that is a device, else a copy of it there. Null stays null.
template <class T>
class Input {
 public:
  Input(const T* data, std::int64_t n, int device, const char* what) : data_(data) {
    if (device != kHostMemory || data == nullptr) return;
    copy_ = Buffer<T>(n, what);
    copy_.fill(data, n);
    data_ = copy_.get();
  }
  const T* get() const { return data_; }

 private:
  Buffer<T> copy_;
  const T* data_;
};

template <class T>
std::vector<T> to_host(const T* device, std::int64_t n, const char* what) {
  std::vector<T> host(static_cast<std::size_t>(n));
  if (n > 0) check(cudaMemcpy(host.data(), device, host.size() * sizeof(T), cudaMemcpyDeviceToHost), what);
  return host;
}

// A mark that any thread may set.
class Flag {
 public:
  Flag() : mark_(1, "allocate flag") { mark_.clear(); }
  int* get() const { return mark_.get(); }
  bool raised() const {
    int value = 0;
    check(cudaGetLastError(), "launch");
    mark_.fetch(&value, 1);
    return value != 0;
  }

 private:
  Buffer<int> mark_;
};

// Runs a cub device algorithm: call(storage, bytes) with null storage asks for the size.
template <class Call>
void with_storage(const char* what, const Call& call) {
  std::size_t bytes = 0;
  check(call(static_cast<void*>(nullptr), bytes), what);
  Buffer<char> storage(static_cast<std::int64_t>(bytes) + 1, "allocate scratch memory");
  check(call(static_cast<void*>(storage.get()), bytes), what);
}

}  // namespace sparft::cuda
