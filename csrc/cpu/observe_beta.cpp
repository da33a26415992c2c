#include "observe_exact.h"

namespace sparft {
namespace {

[[noreturn]] void refuse_beta(const BetaObservations& o, std::int64_t i) {
  const double s = o.successes[i];
  const double r = o.rollouts[i];
  if (o.arm[i] < 0 || o.arm[i] >= o.arms) refuse_arm(i, o.arm[i], o.arms);
  if (!(r > 0.0) || !std::isfinite(r))
    refuse(at("rollouts", i, r) + " is not a finite number above 0; leave out groups that were not scored");
  if (!(s >= 0.0) || !(s <= r))
    refuse(at("successes", i, s) + " is not in 0 .. " + at("rollouts", i, r) + "; successes are a part of the rollouts");
  refuse(at("rollouts", i, r) + " with scale " + text(o.scale) + " is beyond 2**21 in stored units; rescale the arrays");
}

ExactTerms checked(const BetaObservations& o) {
  ExactTerms t{{"success", "failure"}, {o.success, o.failure}, false, o.arms, o.arm, o.n, o.keep, {}};
  for (auto& terms : t.terms) terms.reset(new double[static_cast<std::size_t>(o.n)]);
  double* a = t.terms[0].get();
  double* b = t.terms[1].get();
  for (std::int64_t i = 0; i < o.n; ++i)
    if (!beta_ok(o.arm[i], o.arms, o.successes[i], o.rollouts[i], o.scale)) refuse_beta(o, i);
  t.prefetch();
  quanta(o.successes, o.scale, o.n, a);
  for (std::int64_t i = 0; i < o.n; ++i) b[i] = o.rollouts[i] - o.successes[i];
  for (std::int64_t i = 0; i < o.n; ++i) b[i] = beta_term(b[i], o.scale);
  check_exact(t, abs_sum(a, o.n), abs_sum(b, o.n));
  return t;
}

}  // namespace

void check_call(const BetaObservations& o) {
  check_arms("success", o.arms);
  check_positive("scale", o.scale);
  if (!(o.keep >= 0.0 && o.keep <= 1.0))
    refuse("keep = " + text(o.keep) + " is not in 0 .. 1; it is the share of the old evidence that stays");
  check_overlap({{"success", o.success, o.arms * 8},
                 {"failure", o.failure, o.arms * 8},
                 {"arm", o.arm, o.n * 4},
                 {"successes", o.successes, o.n * 8},
                 {"rollouts", o.rollouts, o.n * 8}});
}

void check_beta(const BetaObservations& o) { checked(o); }

void observe_beta_cpu(const BetaObservations& o) { add_exact(checked(o)); }

}  // namespace sparft
