// One text for many lanes: the draws are templates over a lane type F, which is `float` on host and device and a
// GCC vector of floats in the SIMD files (cpu/simd.h). Lane<F> holds what the language does not spell alike.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

// Always inline on the host too: a function compiled inside an AVX2 file must never be what other files link to.
#ifdef __CUDACC__
#define SPARFT_HD __host__ __device__ __forceinline__
#else
#define SPARFT_HD inline __attribute__((always_inline))
#endif

#ifdef __FAST_MATH__
#error "sparft: -ffast-math breaks the promise that NumPy, C++ and CUDA draw the same numbers; remove it from CFLAGS"
#endif

namespace sparft {

template <class F>
struct Lane;

template <>
struct Lane<float> {
  using U = std::uint32_t;
  using I = std::int32_t;
  using Mask = bool;

  static SPARFT_HD float from_int(I x) { return static_cast<float>(x); }
  static SPARFT_HD I to_int(float x) { return static_cast<I>(x); }
  static SPARFT_HD float root(float x) { return sqrtf(x); }
  static SPARFT_HD void multiply(U a, std::uint32_t b, U& high, U& low) {
    const std::uint64_t product = std::uint64_t{a} * b;
    high = static_cast<U>(product >> 32);
    low = static_cast<U>(product);
  }
};

// The same bits as another type of the same size.
template <class To, class From>
SPARFT_HD To recast(From from) {
  static_assert(sizeof(To) == sizeof(From), "recast keeps the bits");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}

// One number in all lanes. Literals are double rounded to float, as NumPy rounds them.
template <class F>
SPARFT_HD F splat(double x) {
  return F{} + static_cast<float>(x);
}

}  // namespace sparft
