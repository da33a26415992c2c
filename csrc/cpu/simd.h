// Lanes as GCC vectors of SPARFT_LANES floats (4 or 8). Included once per file, inside the file's target pragma and
// after all headers of the library; everything is in an unnamed namespace or always inline, so that no AVX2 code can
// be linked into what other files call.
#pragma once

#include "../lanes.h"

namespace sparft {
namespace {

constexpr int kLanes = SPARFT_LANES;
typedef float Floats __attribute__((vector_size(4 * SPARFT_LANES)));
typedef std::uint32_t Uints __attribute__((vector_size(4 * SPARFT_LANES)));
typedef std::int32_t Ints __attribute__((vector_size(4 * SPARFT_LANES)));
typedef double Doubles __attribute__((vector_size(4 * SPARFT_LANES)));
typedef std::int64_t Longs __attribute__((vector_size(4 * SPARFT_LANES)));
constexpr int kHalf = kLanes / 2;  // doubles in a vector

template <class V, class T>
SPARFT_HD V load(const T* from) {
  V v;
  memcpy(&v, from, sizeof v);
  return v;
}

template <class V, class T>
SPARFT_HD void store(T* to, V v) {
  memcpy(to, &v, sizeof v);
}

#if SPARFT_LANES == 8
SPARFT_HD Doubles root(Doubles x) { return (Doubles)_mm256_sqrt_pd((__m256d)x); }
SPARFT_HD bool any(Ints mask) { return _mm256_movemask_epi8((__m256i)mask) != 0; }
SPARFT_HD unsigned bits(Ints mask) { return static_cast<unsigned>(_mm256_movemask_ps((__m256)mask)); }
#elif defined(__x86_64__)
SPARFT_HD Doubles root(Doubles x) { return (Doubles)_mm_sqrt_pd((__m128d)x); }
SPARFT_HD bool any(Ints mask) { return _mm_movemask_epi8((__m128i)mask) != 0; }
SPARFT_HD unsigned bits(Ints mask) { return static_cast<unsigned>(_mm_movemask_ps((__m128)mask)); }
#else
SPARFT_HD Doubles root(Doubles x) {
  for (int i = 0; i < kHalf; ++i) x[i] = sqrt(x[i]);
  return x;
}
SPARFT_HD unsigned bits(Ints mask) {
  unsigned all = 0;
  for (int i = 0; i < kLanes; ++i) all |= (mask[i] != 0 ? 1U : 0U) << i;
  return all;
}
SPARFT_HD bool any(Ints mask) { return bits(mask) != 0; }
#endif

// Writes the lanes chosen by the bits of mask one after another; the rest of the vector behind them may be overwritten.
#if SPARFT_LANES == 8
struct Order {
  std::uint8_t lane[256][8];
  constexpr Order() : lane() {
    for (int mask = 0; mask < 256; ++mask)
      for (int l = 0, n = 0; l < 8; ++l)
        if ((mask >> l & 1) != 0) lane[mask][n++] = static_cast<std::uint8_t>(l);
  }
};
constexpr Order kOrder;

template <class V, class T>
SPARFT_HD void pack(V v, unsigned mask, T* to) {
  const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(kOrder.lane[mask])));
  store(to, (V)_mm256_permutevar8x32_epi32((__m256i)v, order));
}
#else
template <class V, class T>
SPARFT_HD void pack(V v, unsigned mask, T* to) {
  for (; mask != 0; mask &= mask - 1) *to++ = v[__builtin_ctz(mask)];
}
#endif

}  // namespace

template <>
struct Lane<Floats> {
  using U = Uints;
  using I = Ints;
  using Mask = Ints;

  static SPARFT_HD Floats from_int(Ints x) { return __builtin_convertvector(x, Floats); }
  static SPARFT_HD Ints to_int(Floats x) { return __builtin_convertvector(x, Ints); }

#if SPARFT_LANES == 8
  static SPARFT_HD Floats root(Floats x) { return (Floats)_mm256_sqrt_ps((__m256)x); }
  static SPARFT_HD void multiply(Uints a, std::uint32_t b, Uints& high, Uints& low) {
    const __m256i factor = _mm256_set1_epi32(static_cast<int>(b));
    const __m256i even = _mm256_mul_epu32((__m256i)a, factor);
    const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64((__m256i)a, 32), factor);
    low = (Uints)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
    high = (Uints)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
  }
#elif defined(__x86_64__)
  static SPARFT_HD Floats root(Floats x) { return (Floats)_mm_sqrt_ps((__m128)x); }
  static SPARFT_HD void multiply(Uints a, std::uint32_t b, Uints& high, Uints& low) {
    const __m128i factor = _mm_set1_epi32(static_cast<int>(b));
    const __m128i even = _mm_mul_epu32((__m128i)a, factor);
    const __m128i odd = _mm_mul_epu32(_mm_srli_epi64((__m128i)a, 32), factor);
    low = (Uints)_mm_unpacklo_epi32(_mm_shuffle_epi32(even, 0x08), _mm_shuffle_epi32(odd, 0x08));
    high = (Uints)_mm_unpacklo_epi32(_mm_shuffle_epi32(even, 0x0D), _mm_shuffle_epi32(odd, 0x0D));
  }
#else
  static SPARFT_HD Floats root(Floats x) {
    for (int i = 0; i < kLanes; ++i) x[i] = sqrtf(x[i]);
    return x;
  }
  static SPARFT_HD void multiply(Uints a, std::uint32_t b, Uints& high, Uints& low) {
    for (int i = 0; i < kLanes; ++i) {
      const std::uint64_t product = std::uint64_t{a[i]} * b;
      high[i] = static_cast<std::uint32_t>(product >> 32);
      low[i] = static_cast<std::uint32_t>(product);
    }
  }
#endif
};

}  // namespace sparft
