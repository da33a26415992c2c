// Beliefs of a tile by vectors; part of tile_simd.h.
#pragma once

#include "simd.h"
#include "tile.h"

namespace sparft {
namespace {

// make(x, y) of all elements, into a; the last few by way of a vector of their own.
template <class Make>
SPARFT_HD void map(std::int64_t n, const double* x, const double* y, double* a, Make make) {
  std::int64_t j = 0;
  for (; j + kHalf <= n; j += kHalf) store(a + j, make(load<Doubles>(x + j), load<Doubles>(y + j)));
  if (j == n) return;
  double last[2][kHalf] = {};
  const std::size_t bytes = static_cast<std::size_t>(n - j) * sizeof(double);
  memcpy(last[0], x + j, bytes);
  memcpy(last[1], y + j, bytes);
  store(last[0], make(load<Doubles>(last[0]), load<Doubles>(last[1])));
  memcpy(a + j, last[0], bytes);
}

// log_mixed of shapes a and b, into a.
void log_mixed_of(std::int32_t group, std::int64_t n, double* a, const double* b) {
  map(n, a, b, a, [group](Doubles x, Doubles y) {
    const Doubles both = x + y;
    Doubles all = Doubles{} + 1.0;
    Doubles none = all;
    for (std::int32_t j = 0; j < group;) {
      Doubles p = Doubles{} + 1.0;
      Doubles q = p;
      Doubles r = p;
      for (const std::int32_t stop = j + 8 < group ? j + 8 : group; j < stop; ++j) {
        const double step = static_cast<double>(j);
        p = p * (x + step);
        q = q * (y + step);
        r = r * (both + step);
      }
      all = all * (p / r);
      none = none * (q / r);
    }
    return (1.0 - all) - none;
  });
  for (std::int64_t j = 0; j < n; j += kLanes) {
    const int m = static_cast<int>(n - j < kLanes ? n - j : kLanes);
    Floats mixed{};
    for (int l = 0; l < m; ++l) mixed[l] = static_cast<float>(a[j + l]);
    const Ints none = mixed < splat<Floats>(0x1p-126);
    const Floats log = log_positive(Floats(none ? splat<Floats>(1.0) : mixed));
    for (int l = 0; l < m; ++l) a[j + l] = none[l] != 0 ? -HUGE_VAL : static_cast<double>(log[l]);
  }
}

void beliefs(const Posterior& p, std::int64_t k, std::int64_t n, double* __restrict a, double* __restrict b) {
  const double* first = p.first + k;
  const double* second = p.second == nullptr ? nullptr : p.second + k;
  switch (p.kind) {
    case Kind::kGaussianMean: {
      const double prior = p.prior_mean, scale = p.scale, sigma = p.sigma;
      map(n, first, second, a, [=](Doubles total, Doubles count) {
        return count > 0.0 ? total / count : Doubles{} + prior;
      });
      return map(n, first, second, b, [=](Doubles, Doubles count) { return sigma / root(scale * count + 1.0); });
    }
    case Kind::kKalman:
      for (std::int64_t j = 0; j < n; ++j) a[j] = first[j];
      for (std::int64_t j = 0; j < n; ++j) b[j] = sqrt(second[j] + p.inflation);
      return;
    case Kind::kBeta:
    case Kind::kMixedProportional:
      for (std::int64_t j = 0; j < n; ++j) a[j] = alpha_of(p, k + j);
      for (std::int64_t j = 0; j < n; ++j) b[j] = beta_shape_of(p, k + j);
      if (p.kind == Kind::kMixedProportional) log_mixed_of(p.group, n, a, b);
      return;
    default:
      break;
  }
  for (std::int64_t j = 0; j < n; ++j) a[j] = belief_of(p, k + j).a;
  for (std::int64_t j = 0; j < n; ++j) b[j] = 0.0;
}

}  // namespace
}  // namespace sparft
