// Groups of equal keys: a stable sort, so that the members of a group keep their order, and no two threads meet.
#pragma once

#include <cub/device/device_radix_sort.cuh>

#include "memory.cuh"

namespace sparft::cuda {

static __global__ void number_from_zero(std::int64_t n, std::int64_t* out) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < n) out[i] = i;
}

class Sorted {
 public:
  // key: n device values in [0, keys).
  Sorted(const std::int32_t* key, std::int64_t n, std::int64_t keys)
      : key_(n, "allocate sorted keys"), order_(n, "allocate order") {
    if (n == 0) return;
    Buffer<std::int64_t> number(n, "allocate order");
    number_from_zero<<<blocks_for(n), kThreads>>>(n, number.get());
    int bits = 1;
    while (bits < 31 && (std::int64_t{1} << bits) < keys) ++bits;
    with_storage("sort", [&](void* storage, std::size_t& bytes) {
      return cub::DeviceRadixSort::SortPairs(storage, bytes, key, key_.get(), number.get(), order_.get(), n, 0, bits);
    });
    finish();
  }

  const std::int32_t* key() const { return key_.get(); }      // ascending
  const std::int64_t* order() const { return order_.get(); }  // where each came from

 private:
  Buffer<std::int32_t> key_;
  Buffer<std::int64_t> order_;
};

}  // namespace sparft::cuda
