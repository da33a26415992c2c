// Exact sums of quanta in two arrays, which observe_sum and observe_beta share.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "../observe.h"
#include "observe_checks.h"
#include "segments.h"

namespace sparft {

// What is to be added: a[i] to first[arm[i]], b[i] to second[arm[i]], after both have been multiplied by keep.
struct ExactTerms {
  const char* names[2];
  double* arrays[2];  // [arms]
  bool first_may_be_negative;
  std::int64_t arms;
  const std::int32_t* arm;
  std::int64_t n;
  double keep;
  std::unique_ptr<double[]> terms[2];  // [n] each

  // Asks for the memory of the arms while the terms are computed. For arm ids that have been checked.
  void prefetch() const {
    for (std::int64_t i = 0; i < n; ++i)
      for (const double* stored : arrays) __builtin_prefetch(stored + arm[i], 1);
  }
  double low(int which) const { return which == 0 && first_may_be_negative ? -kExactBelow : 0.0; }
};

[[noreturn]] inline void refuse_stored(const ExactTerms& t, int which, std::int64_t k) {
  const double x = t.arrays[which][k];
  const std::string seen = at(t.names[which], k, x);
  if (!std::isfinite(x)) refuse(seen + " is not finite; restore it");
  if (x < t.low(which)) refuse(seen + " is negative; it is a sum of weights or counts and starts at 0");
  if (!is_exact(x)) refuse(seen + " is not a multiple of 2**-32 below 2**21; start at 0, or call rescale(.., factor=1.0)");
  refuse(seen + " would pass 2**21, above which sums are not exact; call rescale(.., factor=0.5) and double scale");
}

// Sum of |terms|; its order is free, because it is exact while below kExactBelow and does not come back from above.
inline double abs_sum(const double* terms, std::int64_t n) {
  double lanes[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (int lane = 0; lane < 4; ++lane) lanes[lane] += std::fabs(terms[i + lane]);
  for (; i < n; ++i) lanes[0] += std::fabs(terms[i]);
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

// The loops that every observation pays for are noexcept and restricted, so that they are vectorised.
inline void quanta(const double* __restrict x, std::int64_t n, double* __restrict out) noexcept {
  for (std::int64_t i = 0; i < n; ++i) out[i] = quantum(x[i]);
}

inline void quanta(const double* __restrict x, double scale, std::int64_t n, double* __restrict out) noexcept {
  for (std::int64_t i = 0; i < n; ++i) out[i] = quantum(x[i] / scale);
}

inline bool in_range(const std::int32_t* arm, std::int64_t n, std::int64_t arms) noexcept {
  std::int32_t least = 0;
  std::int32_t most = -1;
  for (std::int64_t i = 0; i < n; ++i) {
    least = arm[i] < least ? arm[i] : least;
    most = arm[i] > most ? arm[i] : most;
  }
  return least >= 0 && most < arms;
}

inline std::uint64_t bits(double x) noexcept {
  std::uint64_t out;
  std::memcpy(&out, &x, sizeof out);
  return out;
}

// Whether all arms that occur are surely exact and stay so: in integers, without a branch, as it is paid every time.
inline bool surely_exact(const ExactTerms& t, int which, double sum) noexcept {
  const double* stored = t.arrays[which];
  const std::uint64_t sign = which == 0 && t.first_may_be_negative ? 0 : bits(-0.0);
  std::uint64_t wrong = 0;
  std::uint64_t most = 0;
  for (std::int64_t i = 0; i < t.n; ++i) {
    const double x = stored[t.arm[i]];
    const double y = std::fabs(x);
    wrong |= bits(((y + 0x1p20) - 0x1p20) - y) | (bits(x) & sign);
    most = std::max(most, bits(y));
  }
  double greatest;
  std::memcpy(&greatest, &most, sizeof greatest);
  return wrong == 0 && greatest < 0x1p20 && greatest + sum < kExactBelow;
}

// Throws unless every arm that occurs is exact and stays so, whatever the order of the terms.
inline void check_exact(const ExactTerms& t, double sum0, double sum1) {
  if (surely_exact(t, 0, sum0) && surely_exact(t, 1, sum1)) return;
  // Again arm by arm, as the sums over all arms ask for too much.
  const Segments segments(t.arm, t.n, t.arms);
  for (int which = 0; which < 2; ++which) {
    std::vector<double> sums(segments.arms().size(), 0.0);
    for (std::int64_t i = 0; i < t.n; ++i) sums[segments[i]] += std::fabs(t.terms[which][static_cast<std::size_t>(i)]);
    for (std::size_t s = 0; s < sums.size(); ++s) {
      const std::int64_t k = segments.arms()[s];
      const double x = t.arrays[which][k];
      if (!(x >= t.low(which) && is_exact(x) && std::fabs(x) + sums[s] < kExactBelow)) refuse_stored(t, which, k);
    }
  }
}

inline void add_exact(const ExactTerms& t) {
  if (t.keep != 1.0) {
    const Segments segments(t.arm, t.n, t.arms);
    for (const std::int32_t k : segments.arms())
      for (double* stored : t.arrays) stored[k] = quantum(stored[k] * t.keep);
  }
  const double* a = t.terms[0].get();
  const double* b = t.terms[1].get();
  for (std::int64_t i = 0; i < t.n; ++i) {
    t.arrays[0][t.arm[i]] += a[i];
    t.arrays[1][t.arm[i]] += b[i];
  }
}

}  // namespace sparft
