// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and how a draw
// is keyed. For g++ and nvcc, mirrored in sparft_verl/bandit/reference.py.
#pragma once

#include <cstdint>

#include "lanes.h"

namespace sparft {

template <class F>
struct WordsOf {
  typename Lane<F>::U w[4];
};
using Words = WordsOf<float>;

// What a draw is keyed by; the element index is the other half of the counter.
struct Stream {
  std::uint64_t key;
  std::uint64_t step;
};

// The four high bits of the counter's index keep ops apart that are given the same (seed, stream, step).
enum class Op : std::uint64_t { kNormal = 0, kPermutation = 1, kGamma = 2, kGumbel = 3, kFloor = 4 };
constexpr std::uint64_t kIndexLimit = std::uint64_t{1} << 60;

SPARFT_HD std::uint64_t mix64(std::uint64_t x) {  // the finaliser of SplitMix64: a bijection
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// For one seed no two streams share a key, and for one stream no two seeds do.
SPARFT_HD Stream make_stream(std::uint64_t seed, std::uint64_t stream, std::uint64_t step) {
  return Stream{mix64(mix64(seed) ^ stream), step};
}

template <class F>
SPARFT_HD WordsOf<F> philox(WordsOf<F> c, std::uint32_t k0, std::uint32_t k1) {
  using U = typename Lane<F>::U;
  for (int round = 0; round < 10; ++round) {
    U high0, low0, high1, low1;
    Lane<F>::multiply(c.w[0], 0xD2511F53U, high0, low0);
    Lane<F>::multiply(c.w[2], 0xCD9E8D57U, high1, low1);
    c.w[0] = high1 ^ c.w[1] ^ k0;
    c.w[1] = low1;
    c.w[2] = high0 ^ c.w[3] ^ k1;
    c.w[3] = low0;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return c;
}

// Words of the counters whose index has the given halves, one per lane.
template <class F>
SPARFT_HD WordsOf<F> words_at(Stream s, typename Lane<F>::U index_low, typename Lane<F>::U index_high) {
  using U = typename Lane<F>::U;
  const WordsOf<F> counter{{index_low, index_high, U{} + static_cast<std::uint32_t>(s.step),
                            U{} + static_cast<std::uint32_t>(s.step >> 32)}};
  return philox<F>(counter, static_cast<std::uint32_t>(s.key), static_cast<std::uint32_t>(s.key >> 32));
}

SPARFT_HD std::uint64_t op_index(Op op, std::uint64_t block) { return block | (static_cast<std::uint64_t>(op) << 60); }

SPARFT_HD Words stream_words(Stream s, Op op, std::uint64_t block) {
  const std::uint64_t index = op_index(op, block);
  return words_at<float>(s, static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32));
}

}  // namespace sparft
