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

// The keys of the ten rounds.
struct RoundKeys {
  std::uint32_t k0;
  std::uint32_t k1;

  SPARFT_HD std::uint32_t first(int round) const { return k0 + 0x9E3779B9U * static_cast<std::uint32_t>(round); }
  SPARFT_HD std::uint32_t second(int round) const { return k1 + 0xBB67AE85U * static_cast<std::uint32_t>(round); }
};

SPARFT_HD RoundKeys keys_of(Stream s) {
  return RoundKeys{static_cast<std::uint32_t>(s.key), static_cast<std::uint32_t>(s.key >> 32)};
}

// Of n counters at once: one alone would leave the processor waiting for each round's multiplications.
template <class F, int n, class Keys>
SPARFT_HD void philox_each(WordsOf<F> (&c)[n], const Keys& keys) {
  using U = typename Lane<F>::U;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < n; ++i) {
      U high0, low0, high1, low1;
      Lane<F>::multiply(c[i].w[0], 0xD2511F53U, high0, low0);
      Lane<F>::multiply(c[i].w[2], 0xCD9E8D57U, high1, low1);
      c[i].w[0] = high1 ^ c[i].w[1] ^ keys.first(round);
      c[i].w[1] = low1;
      c[i].w[2] = high0 ^ c[i].w[3] ^ keys.second(round);
      c[i].w[3] = low0;
    }
  }
}

template <class F, class Keys>
SPARFT_HD WordsOf<F> philox(WordsOf<F> counter, const Keys& keys) {
  WordsOf<F> c[1] = {counter};
  philox_each<F, 1>(c, keys);
  return c[0];
}

SPARFT_HD std::uint64_t op_index(Op op, std::uint64_t block) { return block | (static_cast<std::uint64_t>(op) << 60); }

SPARFT_HD Words stream_words(Stream s, Op op, std::uint64_t block) {
  const std::uint64_t index = op_index(op, block);
  const Words counter{{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                       static_cast<std::uint32_t>(s.step), static_cast<std::uint32_t>(s.step >> 32)}};
  return philox<float>(counter, keys_of(s));
}

}  // namespace sparft
