#include "../observe.h"
#include "observe_checks.h"

namespace sparft {

void check_call(const MeanObservations& o) {
  check_arms("total", o.arms);
  check_overlap({{"total", o.total, o.arms * 8},
                 {"count", o.count, o.arms * 8},
                 {"arm", o.arm, o.n * 4},
                 {"value", o.value, o.n * 8}});
}

void check_mean(const MeanObservations& o) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < o.n; ++i) {
    if (o.arm[i] < 0 || o.arm[i] >= o.arms) refuse_arm(i, o.arm[i], o.arms);
    if (!std::isfinite(o.value[i])) refuse(at("value", i, o.value[i]) + " is not finite; drop or repair it");
    sum += std::fabs(o.value[i]);
    __builtin_prefetch(o.total + o.arm[i], 1);  // many arms: the next loop would wait for each in turn
    __builtin_prefetch(o.count + o.arm[i], 1);
  }
  for (std::int64_t i = 0; i < o.n; ++i) {
    const std::int64_t k = o.arm[i];
    if (!std::isfinite(std::fabs(o.total[k]) + sum))
      refuse(at("total", k, o.total[k]) + " is not finite or would overflow with these values; restore or rescale it");
    if (o.count[k] < 0 || o.count[k] > INT64_MAX - o.n)
      refuse(at("count", k, o.count[k]) + " is negative or would overflow; counts start at 0");
  }
}

void observe_mean_cpu(const MeanObservations& o) {
  check_mean(o);
  for (std::int64_t i = 0; i < o.n; ++i) {
    o.total[o.arm[i]] += o.value[i];
    o.count[o.arm[i]] += 1;
  }
}

}  // namespace sparft
