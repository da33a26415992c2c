// cub's stable sort of pairs by bits [begin, end) of the keys, on the CPU.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "cuda_runtime.h"

namespace cub {

struct DeviceRadixSort {
  template <class K, class V>
  static cudaError_t SortPairs(void* storage, std::size_t& bytes, const K* key, K* key_out, const V* value,
                               V* value_out, std::int64_t n, int begin, int end) {
    if (storage == nullptr) {
      bytes = 1;
      return cudaSuccess;
    }
    const auto digits = [&](std::int64_t i) {
      const std::uint64_t x = static_cast<std::uint64_t>(key[i]) >> begin;
      return end - begin >= 64 ? x : x & ((std::uint64_t{1} << (end - begin)) - 1);
    };
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return digits(a) < digits(b); });
    for (std::int64_t i = 0; i < n; ++i) {
      key_out[i] = key[order[static_cast<std::size_t>(i)]];
      value_out[i] = value[order[static_cast<std::size_t>(i)]];
    }
    return cudaSuccess;
  }
};

}  // namespace cub
