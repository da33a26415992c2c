// Variates from Philox words: normals, Gumbels and betas, float32. What an element draws depends on its index alone.
#pragma once

#include <cstdint>

#include "math.h"
#include "philox.h"

namespace sparft {

struct Quad {
  float z[4];
};

// (0, 1], in steps of 2^-31. 31 bits under the logarithm let normals reach 6.66; 24 would cap them at 5.9, which
// shows among 10^6 arms.
template <class F>
SPARFT_HD F uniform_of(typename Lane<F>::U w) {
  using I = typename Lane<F>::I;
  return Lane<F>::from_int(recast<I>(w >> 1)) * splat<F>(0x1p-31) + splat<F>(0x1p-32);
}

template <class F>
SPARFT_HD void box_muller(typename Lane<F>::U a, typename Lane<F>::U b, F& z0, F& z1) {
  const F radius = Lane<F>::root(log_positive(uniform_of<F>(a)) * splat<F>(-2.0));
  F sine, cosine;
  sincos_turn<F>(b, sine, cosine);
  z0 = radius * cosine;
  z1 = radius * sine;
}

// -log(-log(1 - v)). Near v = 0, which decides the maximum over many arms, 1 - v would round; so log(1 - v) is taken
// from -v itself there and from the exact complement elsewhere.
template <class F>
SPARFT_HD F gumbel_of(typename Lane<F>::U w) {
  using U = typename Lane<F>::U;
  const F v = uniform_of<F>(w);
  const F complement = uniform_of<F>(U{} + 0xFFFFFFFFU - w);
  F e, m;
  log_split(complement, e, m);
  const typename Lane<F>::Mask low = v < splat<F>(0.29);
  e = low ? splat<F>(0.0) : e;
  m = low ? splat<F>(0.0) - v : m;
  return splat<F>(0.0) - log_positive(splat<F>(0.0) - log_joined(e, m));
}

// Normals number 4*block .. 4*block+3 of the stream.
SPARFT_HD Quad stream_normals(Stream s, std::uint64_t block) {
  const Words w = stream_words(s, Op::kNormal, block);
  Quad q;
  box_muller<float>(w.w[0], w.w[1], q.z[0], q.z[1]);
  box_muller<float>(w.w[2], w.w[3], q.z[2], q.z[3]);
  return q;
}

// Gumbels number 4*block .. 4*block+3 of the stream.
SPARFT_HD Quad stream_gumbels(Stream s, std::uint64_t block) {
  const Words w = stream_words(s, Op::kGumbel, block);
  return Quad{{gumbel_of<float>(w.w[0]), gumbel_of<float>(w.w[1]), gumbel_of<float>(w.w[2]), gumbel_of<float>(w.w[3])}};
}

// --- Beta(a, b) = Ga / (Ga + Gb), gammas by Marsaglia and Tsang, "A simple method for generating gamma variables"
// (ACM TOMS 26, 2000). Attempt t of element e has a counter of its own, so rejections cannot shift other draws.

constexpr std::uint32_t kGammaAttempts = 4000;  // 10^-5000: the bound is for the reader of the loop
constexpr std::uint32_t kBoostAttempt = 4095;   // its block holds the uniforms for shapes below 1
constexpr std::uint64_t kElementLimit = std::uint64_t{1} << 48;
constexpr double kShapeMin = 1e-6;
constexpr double kShapeMax = 1e30;

SPARFT_HD Words gamma_words(Stream s, std::uint64_t element, std::uint32_t attempt) {
  return stream_words(s, Op::kGamma, element | (std::uint64_t{attempt} << 48));
}

// d and c of a shape; shapes below 1 are drawn as shape + 1 and boosted down.
template <class F>
SPARFT_HD void gamma_constants(F shape, F& d, F& c) {
  const F raised = (shape < splat<F>(1.0)) ? shape + splat<F>(1.0) : shape;
  d = raised - splat<F>(1.0 / 3.0);
  c = splat<F>(1.0 / 3.0) / Lane<F>::root(d);
}

// The gamma over d. Where it is not positive there is no gamma.
template <class F>
SPARFT_HD F gamma_cube(F c, F x) {
  const F v = splat<F>(1.0) + c * x;
  return v * v * v;
}

// Sufficient for acceptance of v > 0, and true of 19 in 20.
template <class F>
SPARFT_HD typename Lane<F>::Mask gamma_squeeze(F x, F u) {
  const F x2 = x * x;
  return u < splat<F>(1.0) - splat<F>(0.0331) * (x2 * x2);
}

// The exact rule, for v > 0. Above d = 4096 the sum would cancel away; its first term is then exact enough.
template <class F>
SPARFT_HD typename Lane<F>::Mask gamma_rule(F d, F v, F x, F u) {
  const F x2 = x * x;
  const F bound = splat<F>(0.5) * x2 + d * ((splat<F>(1.0) - v) + log_positive(v));
  const F far = ((x2 * x2) * splat<F>(-1.0 / 108.0)) / d;
  return log_positive(u) < ((d > splat<F>(4096.0)) ? far : bound);
}

template <class F>
SPARFT_HD typename Lane<F>::Mask gamma_accepts(F d, F v, F x, F u) {
  const typename Lane<F>::Mask positive = v > splat<F>(0.0);
  return positive & (gamma_squeeze(x, u) | gamma_rule(d, F(positive ? v : splat<F>(1.0)), x, u));
}

// The beta from its gammas when a shape is below 1: there they may underflow, their logarithms do not.
template <class F>
SPARFT_HD F beta_boosted(F a, F b, F ga, F gb, F ua, F ub) {
  const F one = splat<F>(1.0);
  const F la = log_positive(ga);
  const F lb = log_positive(gb);
  const F xa = (a < one) ? la + log_positive(ua) / a : la;
  const F xb = (b < one) ? lb + log_positive(ub) / b : lb;
  F x = xb - xa;
  x = (x > splat<F>(87.0)) ? splat<F>(87.0) : x;
  x = (x < splat<F>(-87.0)) ? splat<F>(-87.0) : x;
  return one / (one + exp_bounded(x));
}

// The definition of an element's beta; shapes in [kShapeMin, kShapeMax].
SPARFT_HD float beta_of(Stream s, std::uint64_t element, float a, float b) {
  float da, ca, db, cb;
  gamma_constants(a, da, ca);
  gamma_constants(b, db, cb);
  float ga = da;
  float gb = db;
  bool need_a = true;
  bool need_b = true;
  for (std::uint32_t t = 0; t < kGammaAttempts && (need_a || need_b); ++t) {
    const Words w = gamma_words(s, element, t);
    float xa, xb;
    box_muller<float>(w.w[0], w.w[1], xa, xb);
    const float va = gamma_cube(ca, xa);
    const float vb = gamma_cube(cb, xb);
    if (need_a && gamma_accepts(da, va, xa, uniform_of<float>(w.w[2]))) {
      ga = da * va;
      need_a = false;
    }
    if (need_b && gamma_accepts(db, vb, xb, uniform_of<float>(w.w[3]))) {
      gb = db * vb;
      need_b = false;
    }
  }
  if (a >= 1.0f && b >= 1.0f) return ga / (ga + gb);
  const Words w = gamma_words(s, element, kBoostAttempt);
  return beta_boosted(a, b, ga, gb, uniform_of<float>(w.w[0]), uniform_of<float>(w.w[1]));
}

}  // namespace sparft
