// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011) and the
// normal variates made from it. One header for g++ and nvcc, mirrored in sparft_verl/bandit/reference.py.
//
// Every float operation here is an IEEE-754 add, multiply or square root in a fixed order, and both compilers are
// told not to fuse them, so that NumPy, C++ and CUDA give the same bits. libm's log, sin and cos would not.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define SPARFT_HD __host__ __device__ __forceinline__
#else
#define SPARFT_HD inline
#endif

#ifdef __FAST_MATH__
#error "sparft: -ffast-math breaks the promise that NumPy, C++ and CUDA draw the same numbers; remove it from CFLAGS"
#endif

namespace sparft {

struct Words {
  std::uint32_t w[4];
};

struct Normals {
  float z[4];
};

// What a draw is keyed by; the element index is the other half of the counter.
struct Stream {
  std::uint64_t key;
  std::uint64_t step;
};

// The four high bits of the counter's index keep ops apart that are given the same (seed, stream, step).
enum class Op : std::uint64_t { kNormal = 0, kPermutation = 1 };
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

SPARFT_HD Words philox(Words c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53U} * c.w[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57U} * c.w[2];
    c = Words{{static_cast<std::uint32_t>(p1 >> 32) ^ c.w[1] ^ k0, static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32) ^ c.w[3] ^ k1, static_cast<std::uint32_t>(p0)}};
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  return c;
}

SPARFT_HD Words stream_words(Stream s, Op op, std::uint64_t block) {
  const std::uint64_t index = block | (static_cast<std::uint64_t>(op) << 60);
  const Words counter{{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                       static_cast<std::uint32_t>(s.step), static_cast<std::uint32_t>(s.step >> 32)}};
  return philox(counter, static_cast<std::uint32_t>(s.key), static_cast<std::uint32_t>(s.key >> 32));
}

// Natural logarithm of x in [2^-32, 1]; polynomial of Cephes logf. The double literals are rounded to float as
// NumPy rounds them.
SPARFT_HD float log_unit(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits += 0x3F800000U - 0x3F3504F3U;  // so that the mantissa lands in [sqrt(1/2), sqrt(2))
  const float e = static_cast<float>(static_cast<std::int32_t>(bits >> 23) - 127);
  bits = (bits & 0x007FFFFFU) + 0x3F3504F3U;
  float m;
  std::memcpy(&m, &bits, sizeof m);
  m = m - 1.0f;
  const float m2 = m * m;
  float y = static_cast<float>(7.0376836292e-2);
  y = y * m + static_cast<float>(-1.1514610310e-1);
  y = y * m + static_cast<float>(1.1676998740e-1);
  y = y * m + static_cast<float>(-1.2420140846e-1);
  y = y * m + static_cast<float>(1.4249322787e-1);
  y = y * m + static_cast<float>(-1.6668057665e-1);
  y = y * m + static_cast<float>(2.0000714765e-1);
  y = y * m + static_cast<float>(-2.4999993993e-1);
  y = y * m + static_cast<float>(3.3333331174e-1);
  y = y * m * m2;
  y = y + e * static_cast<float>(-2.12194440e-4);  // ln 2 in two parts: 0.693359375 is exact in float
  y = y - m2 * 0.5f;
  return (m + y) + e * 0.693359375f;
}

// sin and cos of 2*pi*w/2^32. The quadrant is split off in integers, so nothing is lost in range reduction.
SPARFT_HD void sincos_turn(std::uint32_t w, float& sine, float& cosine) {
  const std::uint32_t quadrant = (w + 0x20000000U) >> 30;
  const std::int32_t rest = static_cast<std::int32_t>(w - (quadrant << 30));
  const float x = static_cast<float>(rest) * static_cast<float>(1.4629180792671596e-9);  // 2*pi / 2^32
  const float x2 = x * x;
  float s = static_cast<float>(-1.9515295891e-4);
  s = s * x2 + static_cast<float>(8.3321608736e-3);
  s = s * x2 + static_cast<float>(-1.6666654611e-1);
  s = s * x2 * x + x;
  float c = static_cast<float>(2.443315711809948e-5);
  c = c * x2 + static_cast<float>(-1.388731625493765e-3);
  c = c * x2 + static_cast<float>(4.166664568298827e-2);
  c = (c * x2 * x2 - x2 * 0.5f) + 1.0f;
  const bool swap = (quadrant & 1U) != 0U;
  sine = swap ? c : s;
  cosine = swap ? s : c;
  if ((quadrant & 2U) != 0U) sine = -sine;
  if (((quadrant + 1U) & 2U) != 0U) cosine = -cosine;
}

// Box-Muller. 31 bits under the logarithm reach |z| = 6.66; 24 would cap at 5.9, which shows among 10^6 arms.
SPARFT_HD void box_muller(std::uint32_t a, std::uint32_t b, float& z0, float& z1) {
  const float u = static_cast<float>(static_cast<std::int32_t>(a >> 1)) * static_cast<float>(0x1p-31) +
                  static_cast<float>(0x1p-32);
  const float radius = sqrtf(log_unit(u) * -2.0f);
  float sine;
  float cosine;
  sincos_turn(b, sine, cosine);
  z0 = radius * cosine;
  z1 = radius * sine;
}

// Standard normals number 4*block .. 4*block+3 of the stream.
SPARFT_HD Normals stream_normals(Stream s, std::uint64_t block) {
  const Words w = stream_words(s, Op::kNormal, block);
  Normals n;
  box_muller(w.w[0], w.w[1], n.z[0], n.z[1]);
  box_muller(w.w[2], w.w[3], n.z[2], n.z[3]);
  return n;
}

}  // namespace sparft
