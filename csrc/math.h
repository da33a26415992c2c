// log, exp, sin and cos of all lanes. Every operation is an IEEE-754 add, multiply, divide or square root in a fixed
// order, and the compilers are told not to fuse them, so that NumPy, C++ and CUDA give the same bits; libm would not.
#pragma once

#include "lanes.h"

namespace sparft {

// x = 2^e * (1 + m) with 1 + m in [sqrt(1/2), sqrt(2)), for positive normal x.
template <class F>
SPARFT_HD void log_split(F x, F& e, F& m) {
  using U = typename Lane<F>::U;
  using I = typename Lane<F>::I;
  const U bits = recast<U>(x) + (0x3F800000U - 0x3F3504F3U);
  e = Lane<F>::from_int(recast<I>(bits >> 23) - 127);
  m = recast<F>((bits & 0x007FFFFFU) + 0x3F3504F3U) - splat<F>(1.0);
}

// log(2^e * (1 + m)) by the polynomial of Cephes' logf.
template <class F>
SPARFT_HD F log_joined(F e, F m) {
  const F m2 = m * m;
  F y = splat<F>(7.0376836292e-2);
  y = y * m + splat<F>(-1.1514610310e-1);
  y = y * m + splat<F>(1.1676998740e-1);
  y = y * m + splat<F>(-1.2420140846e-1);
  y = y * m + splat<F>(1.4249322787e-1);
  y = y * m + splat<F>(-1.6668057665e-1);
  y = y * m + splat<F>(2.0000714765e-1);
  y = y * m + splat<F>(-2.4999993993e-1);
  y = y * m + splat<F>(3.3333331174e-1);
  y = y * m * m2;
  y = y + e * splat<F>(-2.12194440e-4);  // ln 2 in two parts: 0.693359375 is exact in float
  y = y - m2 * splat<F>(0.5);
  return (m + y) + e * splat<F>(0.693359375);
}

// Natural logarithm of a positive normal number.
template <class F>
SPARFT_HD F log_positive(F x) {
  F e, m;
  log_split(x, e, m);
  return log_joined(e, m);
}

// e^x for x in [-87, 87], by the polynomial of Cephes' expf.
template <class F>
SPARFT_HD F exp_bounded(F x) {
  using U = typename Lane<F>::U;
  using I = typename Lane<F>::I;
  const F half = (x < splat<F>(0.0)) ? splat<F>(-0.5) : splat<F>(0.5);
  const I n = Lane<F>::to_int(x * splat<F>(1.44269504088896341) + half);
  const F whole = Lane<F>::from_int(n);
  x = x - whole * splat<F>(0.693359375);
  x = x - whole * splat<F>(-2.12194440e-4);
  F y = splat<F>(1.9875691500e-4);
  y = y * x + splat<F>(1.3981999507e-3);
  y = y * x + splat<F>(8.3334519073e-3);
  y = y * x + splat<F>(4.1665795894e-2);
  y = y * x + splat<F>(1.6666665459e-1);
  y = y * x + splat<F>(5.0000001201e-1);
  y = (y * (x * x) + x) + splat<F>(1.0);
  return y * recast<F>(recast<U>(n + 127) << 23);
}

// sin and cos of 2*pi*w/2^32. The quadrant is split off in integers, so nothing is lost in range reduction.
template <class F>
SPARFT_HD void sincos_turn(typename Lane<F>::U w, F& sine, F& cosine) {
  using U = typename Lane<F>::U;
  using I = typename Lane<F>::I;
  const U quadrant = (w + 0x20000000U) >> 30;
  const I rest = recast<I>(w - (quadrant << 30));
  const F x = Lane<F>::from_int(rest) * splat<F>(1.4629180792671596e-9);  // 2*pi / 2^32
  const F x2 = x * x;
  F s = splat<F>(-1.9515295891e-4);
  s = s * x2 + splat<F>(8.3321608736e-3);
  s = s * x2 + splat<F>(-1.6666654611e-1);
  s = s * x2 * x + x;
  F c = splat<F>(2.443315711809948e-5);
  c = c * x2 + splat<F>(-1.388731625493765e-3);
  c = c * x2 + splat<F>(4.166664568298827e-2);
  c = (c * x2 * x2 - x2 * splat<F>(0.5)) + splat<F>(1.0);
  const typename Lane<F>::Mask swap = (quadrant & 1U) != 0U;
  const F first = swap ? c : s;
  const F second = swap ? s : c;
  // the sign bit of sine is bit 1 of the quadrant, that of cosine bit 1 of the quadrant after it
  sine = recast<F>(recast<U>(first) ^ ((quadrant & 2U) << 30));
  cosine = recast<F>(recast<U>(second) ^ (((quadrant + 1U) & 2U) << 30));
}

}  // namespace sparft
