// Fisher-Yates from Philox words: cpu/permutation.cpp.
#pragma once

#include <cstdint>

#include "philox.h"

namespace sparft {

// Uniform integer in [0, bound), bound < 2^32, of the 64-bit number element of the stream. Scaling 64 bits instead of
// rejecting leaves a bias below bound / 2^64 and one fixed counter per element.
SPARFT_HD std::uint64_t bounded(Stream s, std::uint64_t element, std::uint64_t bound) {
  const Words w = stream_words(s, Op::kPermutation, element >> 1);
  const unsigned at = static_cast<unsigned>(element & 1U) * 2U;
  return (std::uint64_t{w.w[at + 1]} * bound + ((std::uint64_t{w.w[at]} * bound) >> 32)) >> 32;
}

// Writes a permutation of 0..n-1; throws std::invalid_argument unless 0 <= n < 2^31.
void check_permutation(std::int64_t n);
void permutation_cpu(std::int64_t n, Stream s, std::int64_t* out);

}  // namespace sparft
