// Whether beliefs are surely right: a test without branches, at memory speed. Where it doubts, check.cpp decides.
#pragma once

#include <cfloat>
#include <cstdint>

#include "../posterior.h"

namespace sparft {

// Bits of non-negative doubles are ordered as the doubles; the sign bit of the result is set when some x may be
// negative, above `most` or NaN. A loop without branches: at 10^6 arms this is memory speed.
SPARFT_HD bool all_within(const double* x, std::int64_t n, double most) {
  const std::uint64_t limit = recast<std::uint64_t>(most);
  std::uint64_t bad = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    const std::uint64_t bits = recast<std::uint64_t>(x[k]);
    bad |= bits | (limit - bits);
  }
  return (bad >> 63) == 0;
}

// Sign bit set when x is infinite or NaN: the sum carries out of an exponent of ones.
SPARFT_HD std::uint64_t exponent_overflow(double x) {
  return (recast<std::uint64_t>(x) & (std::uint64_t{0x7FF} << 52)) + (std::uint64_t{1} << 52);
}

SPARFT_HD bool all_finite(const double* x, std::int64_t n) {
  std::uint64_t bad = 0;
  for (std::int64_t k = 0; k < n; ++k) bad |= exponent_overflow(x[k]);
  return (bad >> 63) == 0;
}

// The same whatever the signs.
SPARFT_HD bool all_within_size(const double* x, std::int64_t n, double most) {
  const std::uint64_t limit = recast<std::uint64_t>(most);
  std::uint64_t bad = 0;
  for (std::int64_t k = 0; k < n; ++k) bad |= limit - (recast<std::uint64_t>(x[k]) & (~std::uint64_t{0} >> 1));
  return (bad >> 63) == 0;
}

// No number other than 0 is below `least`; all are known to be >= 0.
SPARFT_HD bool none_tiny(const double* x, std::int64_t n, double least) {
  const std::uint64_t limit = recast<std::uint64_t>(least) - 1;
  std::uint64_t bad = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    // 0 - 1 wraps to the largest number and so does not count as below
    const std::uint64_t below = recast<std::uint64_t>(x[k]) - 1;
    bad |= (below - limit) & ~below;
  }
  return (bad >> 63) == 0;
}

SPARFT_HD bool none_zero(const double* x, std::int64_t n) {
  std::uint64_t bad = 0;
  for (std::int64_t k = 0; k < n; ++k) bad |= recast<std::uint64_t>(x[k]) - 1;
  return (bad >> 63) == 0;
}

// Evidence up to this keeps prior + scale * evidence within the shapes that can be drawn.
SPARFT_HD double evidence_limit(const Posterior& p) { return kShapeMax / 4.0 / (p.scale > 1.0 ? p.scale : 1.0); }

// True only if the arrays of arms k .. k+n-1 hold what check_posterior wants; the numbers of p are known to be right.
SPARFT_HD bool passes_all(const Posterior& p, std::int64_t k, std::int64_t n) {
  const double* first = p.first + k;
  const double* second = p.second == nullptr ? nullptr : p.second + k;
  switch (p.kind) {
    case Kind::kGaussian:
      return all_finite(first, n) && all_within(second, n, DBL_MAX);
    case Kind::kGaussianMean:
      // sums below 10^150 over counts of 0 or above 10^-150 have a finite mean
      return all_within_size(first, n, 1e150) && all_within(second, n, DBL_MAX) && none_tiny(second, n, 1e-150);
    case Kind::kKalman:
      return all_finite(first, n) && all_within(second, n, DBL_MAX / 2.0) && none_tiny(second, n, DBL_MIN) &&
             p.inflation < DBL_MAX / 2.0 && (p.inflation > 0.0 || none_zero(second, n));
    case Kind::kBeta:
    case Kind::kMixedProportional:
      return p.prior_first == nullptr && p.prior_second == nullptr && p.prior_success <= kShapeMax / 4.0 &&
             p.prior_failure <= kShapeMax / 4.0 && all_within(first, n, evidence_limit(p)) &&
             all_within(second, n, evidence_limit(p));
    case Kind::kSoftmax:
    case Kind::kFixed:
      break;
  }
  return all_finite(first, n);
}

}  // namespace sparft
