#include "../observe.h"
#include "observe_checks.h"
#include "segments.h"

namespace sparft {
namespace {

[[noreturn]] void refuse_kalman(const KalmanObservations& o, std::int64_t i) {
  if (o.arm[i] < 0 || o.arm[i] >= o.arms) refuse_arm(i, o.arm[i], o.arms);
  if (!std::isfinite(o.value[i])) refuse(at("value", i, o.value[i]) + " is not finite; drop or repair it");
  refuse(at("weight", i, o.weight[i]) + " is not a finite number >= 0; drop or repair it");
}

[[noreturn]] void refuse_state(const KalmanObservations& o, std::int64_t k) {
  const std::string mean = at("mean", k, o.mean[k]);
  const std::string variance = at("variance", k, o.variance[k]);
  if (!std::isfinite(o.mean[k])) refuse(mean + " is not finite; restore it");
  if (!kalman_state_ok({o.mean[k], o.variance[k]}, o.inflation))
    refuse(variance + " with inflation = " + text(o.inflation) + " is not a finite variance above 0; restore it");
  refuse(mean + ", " + variance + " would not stay finite and above 0 with these observations; use smaller weights");
}

struct Update {
  Segments segments;
  std::vector<KalmanState> states;  // of segments.arms()
};

// All new states, before any is written.
Update update(const KalmanObservations& o) {
  for (std::int64_t i = 0; i < o.n; ++i)
    if (!kalman_ok(o.arm[i], o.arms, o.value[i], o.weight[i])) refuse_kalman(o, i);
  Update u{Segments(o.arm, o.n, o.arms), {}};
  const std::vector<std::int32_t>& arms = u.segments.arms();
  struct Sums {
    double weight = 0.0;
    double weighted = 0.0;
  };
  std::vector<Sums> sums(arms.size());
  for (std::int64_t i = 0; i < o.n; ++i) {
    Sums& s = sums[u.segments[i]];
    s.weight += o.weight[i];
    s.weighted += o.weight[i] * o.value[i];
  }
  u.states.reserve(arms.size());
  for (std::size_t j = 0; j < arms.size(); ++j) {
    const KalmanState old{o.mean[arms[j]], o.variance[arms[j]]};
    const KalmanState next = kalman_update(old, o.inflation, sums[j].weight, sums[j].weighted);
    if (!kalman_state_ok(old, o.inflation) || !kalman_state_ok(next, o.inflation)) refuse_state(o, arms[j]);
    u.states.push_back(next);
  }
  return u;
}

}  // namespace

void check_call(const KalmanObservations& o) {
  check_arms("mean", o.arms);
  if (!(o.inflation >= 0.0) || !std::isfinite(o.inflation))
    refuse("inflation = " + text(o.inflation) + " is not a finite number >= 0; it is the variance gained by drift");
  check_overlap({{"mean", o.mean, o.arms * 8},
                 {"variance", o.variance, o.arms * 8},
                 {"arm", o.arm, o.n * 4},
                 {"value", o.value, o.n * 8},
                 {"weight", o.weight, o.n * 8}});
}

void check_kalman(const KalmanObservations& o) { update(o); }

void observe_kalman_cpu(const KalmanObservations& o) {
  const Update u = update(o);
  for (std::size_t j = 0; j < u.states.size(); ++j) {
    o.mean[u.segments.arms()[j]] = u.states[j].mean;
    o.variance[u.segments.arms()[j]] = u.states[j].variance;
  }
}

}  // namespace sparft
