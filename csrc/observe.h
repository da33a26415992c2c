// Updates of per-arm statistics from (arm, value, ..) lists: cpu/observe*.cpp. An op checks everything, throws
// std::invalid_argument when anything is wrong, and only then writes. The _cuda ops take device pointers in the same
// structs. A device finds with the predicates below *that* something is wrong; for *what*, the arrays are copied to
// the host and given to check_.
#pragma once

#include <cmath>
#include <cstdint>

#include "philox.h"

namespace sparft {

// Sums are kept in multiples of 2^-32 and below 2^21, hence exact in a double: the order of arrival cannot show.
constexpr double kExactBelow = 0x1p21;

// x rounded to a multiple of 2^-32, ties to even: rint(x * 2^32) / 2^32, for which baseline x86-64 has no
// instruction. Between 2^20 and 2^21 doubles lie 2^-32 apart; above, every double is such a multiple.
SPARFT_HD double quantum(double x) {
  const double y = std::fabs(x);
  const double shift = y < 0x1p20 ? 0x1p20 : 0.0;
  return std::copysign((y + shift) - shift, x);
}

SPARFT_HD bool is_exact(double stored) { return std::fabs(stored) < kExactBelow && quantum(stored) == stored; }

// total[arm[i]] += value[i], count[arm[i]] += 1, in the order of i: the sums depend on nothing else.
// Passes when value is finite and, for every arm that occurs, |total| + sum of all |value| is and
// 0 <= count <= INT64_MAX - n.
struct MeanObservations {
  double* total;        // [arms], in and out
  std::int64_t* count;  // [arms], in and out
  std::int64_t arms;
  const std::int32_t* arm;  // [n]
  const double* value;      // [n]
  std::int64_t n;
};

// Per i: total[arm] += sum_term, weight[arm] += weight_term. Passes when for every arm that occurs is_exact(total),
// is_exact(weight), weight >= 0, and |total| + sum |sum_term| < kExactBelow, weight + sum weight_term < kExactBelow.
struct SumObservations {
  double* total;   // [arms], in and out
  double* weight;  // [arms], in and out
  std::int64_t arms;
  const std::int32_t* arm;        // [n]
  const double* value;            // [n]
  const double* observed_weight;  // [n], or null: 1 each
  std::int64_t n;
  double scale;  // true = scale * stored
};

SPARFT_HD double sum_term(double value, double weight, double scale) { return quantum(value * weight / scale); }
SPARFT_HD double weight_term(double weight, double scale) { return quantum(weight / scale); }
SPARFT_HD bool sum_ok(std::int32_t arm, std::int64_t arms, double value, double weight, double scale) {
  return arm >= 0 && arm < arms && std::isfinite(value) && weight >= 0.0 && weight / scale < kExactBelow &&
         std::fabs(value * weight / scale) < kExactBelow;
}

// First, per different arm: success = quantum(success * keep), failure likewise. Then per i: success[arm] += beta_term
// (successes), failure[arm] += beta_term(rollouts - successes). Passes when for every arm that occurs is_exact(..),
// >= 0, and stored + sum of terms < kExactBelow, for both arrays.
struct BetaObservations {
  double* success;  // [arms], in and out
  double* failure;  // [arms], in and out
  std::int64_t arms;
  const std::int32_t* arm;   // [n]
  const double* successes;   // [n]
  const double* rollouts;    // [n]
  std::int64_t n;
  double keep;   // 0 .. 1
  double scale;  // true = scale * stored
};

SPARFT_HD double beta_term(double evidence, double scale) { return quantum(evidence / scale); }
SPARFT_HD bool beta_ok(std::int32_t arm, std::int64_t arms, double successes, double rollouts, double scale) {
  return arm >= 0 && arm < arms && successes >= 0.0 && successes <= rollouts && rollouts > 0.0 &&
         rollouts / scale < kExactBelow;
}

// Per different arm, W = sum weight, U = sum weight * value, each from 0.0 in the order of i; then kalman_update.
struct KalmanObservations {
  double* mean;      // [arms], in and out
  double* variance;  // [arms], in and out
  std::int64_t arms;
  const std::int32_t* arm;  // [n]
  const double* value;      // [n]
  const double* weight;     // [n]
  std::int64_t n;
  double inflation;  // the true variance is variance + inflation
};

struct KalmanState {
  double mean;
  double variance;
};

SPARFT_HD bool kalman_ok(std::int32_t arm, std::int64_t arms, double value, double weight) {
  return arm >= 0 && arm < arms && std::isfinite(value) && weight >= 0.0 && std::isfinite(weight);
}
// Must hold before the update and, for its result, after it; nothing is written unless it does for every arm.
SPARFT_HD bool kalman_state_ok(const KalmanState& s, double inflation) {
  return std::isfinite(s.mean) && std::isfinite(s.variance) && s.variance + inflation > 0.0;
}
// Eq. 10 of PAC: the precisions add, the means are weighted by them.
SPARFT_HD KalmanState kalman_update(const KalmanState& s, double inflation, double weight_sum, double weighted_sum) {
  const double variance = s.variance + inflation;
  const double precision = 1.0 / variance + weight_sum;
  return KalmanState{(s.mean / variance + weighted_sum) / precision, 1.0 / precision - inflation};
}

// Per i in order: window[arm, seen[arm] % width] = value, seen[arm] += 1. Passes when value is finite and
// 0 <= seen <= INT64_MAX - n for every arm that occurs.
struct WindowObservations {
  double* window;      // [arms, width], in and out
  std::int64_t* seen;  // [arms], in and out
  std::int64_t arms;
  std::int64_t width;
  const std::int32_t* arm;  // [n]
  const double* value;      // [n]
  std::int64_t n;
};

// out[a] = (slots 0 .. min(seen, width)-1 added from 0.0 in slot order) / min(seen, width), or nan when seen is 0.
// Passes when seen >= 0 and every such sum is finite.
struct WindowMean {
  const double* window;      // [arms, width]
  const std::int64_t* seen;  // [arms]
  std::int64_t arms;
  std::int64_t width;
  double* out;  // [arms], always host memory
};

// data[i] = quantum(data[i] * factor); passes when is_exact(the result) for every i.
struct Rescaling {
  double* data;
  std::int64_t n;
  double factor;  // finite, > 0
};

// Scalars, sizes and overlaps, from the pointers alone: the binding calls it for arrays on any device.
// scale and factor finite and above 0, keep in 0 .. 1, inflation finite and not below 0, arms and width at least 1.
void check_call(const MeanObservations& o);
void check_call(const SumObservations& o);
void check_call(const BetaObservations& o);
void check_call(const KalmanObservations& o);
void check_call(const WindowObservations& o);
void check_call(const WindowMean& w);
void check_call(const Rescaling& r);

// The values in the arrays, on the host.
void check_mean(const MeanObservations& o);
void check_sum(const SumObservations& o);
void check_beta(const BetaObservations& o);
void check_kalman(const KalmanObservations& o);
void check_window(const WindowObservations& o);
void check_window_mean(const WindowMean& w);
void check_rescale(const Rescaling& r, const char* name);

void observe_mean_cpu(const MeanObservations& o);
void observe_sum_cpu(const SumObservations& o);
void observe_beta_cpu(const BetaObservations& o);
void observe_kalman_cpu(const KalmanObservations& o);
void observe_window_cpu(const WindowObservations& o);
void window_mean_cpu(const WindowMean& w);
void rescale_cpu(const Rescaling& r);

#ifdef SPARFT_WITH_CUDA
// check_call has passed.
void observe_mean_cuda(const MeanObservations& o, int device);
void observe_sum_cuda(const SumObservations& o, int device);
void observe_beta_cuda(const BetaObservations& o, int device);
void observe_kalman_cuda(const KalmanObservations& o, int device);
void observe_window_cuda(const WindowObservations& o, int device);
void window_mean_cuda(const WindowMean& w, int device);
void rescale_check_cuda(const Rescaling& r, const char* name, int device);  // several arrays: check all, then write
void rescale_cuda(const Rescaling& r, int device);
#endif

}  // namespace sparft
