#include <algorithm>

#include "observe_exact.h"

namespace sparft {
namespace {

[[noreturn]] void refuse_sum(const SumObservations& o, std::int64_t i, double weight) {
  if (o.arm[i] < 0 || o.arm[i] >= o.arms) refuse_arm(i, o.arm[i], o.arms);
  if (!std::isfinite(o.value[i])) refuse(at("value", i, o.value[i]) + " is not finite; drop or repair it");
  if (!(weight >= 0.0) || !std::isfinite(weight))
    refuse(at("observed_weight", i, weight) + " is not a finite number >= 0; drop or repair it");
  refuse(at("value", i, o.value[i]) + " with weight " + text(weight) + " and scale " + text(o.scale) +
         " is beyond 2**21 in stored units; rescale the arrays, or use smaller values");
}

void weighted_terms(const double* __restrict value, const double* __restrict weight, double scale, std::int64_t n,
                    double* __restrict out) noexcept {
  for (std::int64_t i = 0; i < n; ++i) out[i] = sum_term(value[i], weight[i], scale);
}

ExactTerms checked(const SumObservations& o) {
  ExactTerms t{{"total", "weight"}, {o.total, o.weight}, true, o.arms, o.arm, o.n, 1.0, {}};
  for (auto& terms : t.terms) terms.reset(new double[static_cast<std::size_t>(o.n)]);
  double* a = t.terms[0].get();
  double* b = t.terms[1].get();
  const double* w = o.observed_weight;
  bool good = in_range(o.arm, o.n, o.arms);
  if (good) t.prefetch();
  if (w == nullptr) {
    quanta(o.value, o.scale, o.n, a);
    std::fill_n(b, o.n, weight_term(1.0, o.scale));
  } else {
    weighted_terms(o.value, w, o.scale, o.n, a);
    quanta(w, o.scale, o.n, b);
    good &= o.n == 0 || *std::min_element(w, w + o.n) >= 0.0;
  }
  // Whatever is not finite or is too large shows in the sums; which it is, is looked up only then.
  const double sum0 = abs_sum(a, o.n);
  const double sum1 = abs_sum(b, o.n);
  if (!(good && sum0 < kExactBelow && sum1 < kExactBelow))
    for (std::int64_t i = 0; i < o.n; ++i) {
      const double weight = w == nullptr ? 1.0 : w[i];
      if (!sum_ok(o.arm[i], o.arms, o.value[i], weight, o.scale)) refuse_sum(o, i, weight);
    }
  check_exact(t, sum0, sum1);
  return t;
}

}  // namespace

void check_call(const SumObservations& o) {
  check_arms("total", o.arms);
  check_positive("scale", o.scale);
  check_overlap({{"total", o.total, o.arms * 8},
                 {"weight", o.weight, o.arms * 8},
                 {"arm", o.arm, o.n * 4},
                 {"value", o.value, o.n * 8},
                 {"observed_weight", o.observed_weight, o.observed_weight == nullptr ? 0 : o.n * 8}});
}

void check_sum(const SumObservations& o) { checked(o); }

void observe_sum_cpu(const SumObservations& o) { add_exact(checked(o)); }

}  // namespace sparft
