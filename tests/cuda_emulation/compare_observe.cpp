// observe_*, window_mean and rescale: same bits, same refusals, and nothing written by a call that refuses.
#include "harness.h"
#include "observe.h"

namespace sparft::compare {
namespace {

using Doubles = std::vector<double>;
using Counts = std::vector<std::int64_t>;

struct Case {
  std::int64_t arms, n, width;
  std::vector<std::int32_t> arm;
  Doubles value, weight, rollouts, successes;  // [n]
  Doubles exact, exact_too, mean, variance;    // [arms]
  Doubles window;                              // [arms, width]
  Counts count;                                // [arms]
  double keep;
};

Case some_case(Random& random, bool few_arms) {
  Case c{};
  c.arms = random.whole(1, few_arms ? 5 : 300);
  c.n = random.whole(0, 800);
  c.width = random.whole(1, 7);
  c.keep = random.coin() ? 1.0 : 0.9;
  for (std::int64_t i = 0; i < c.n; ++i) {
    c.arm.push_back(static_cast<std::int32_t>(random.whole(0, c.arms - 1)));
    c.value.push_back(random.real(-3, 3));
    c.weight.push_back(random.real(0, 2));
    c.rollouts.push_back(static_cast<double>(random.whole(1, 8)));
    c.successes.push_back(static_cast<double>(random.whole(0, static_cast<std::int64_t>(c.rollouts.back()))));
  }
  for (std::int64_t k = 0; k < c.arms; ++k) {
    c.exact.push_back(static_cast<double>(random.whole(0, 1 << 20)) / 1024.0);
    c.exact_too.push_back(static_cast<double>(random.whole(0, 1 << 20)) / 1024.0);
    c.mean.push_back(random.real(-1, 1));
    c.variance.push_back(random.real(0.1, 2));
    c.count.push_back(random.whole(0, 9));
    for (std::int64_t s = 0; s < c.width; ++s) c.window.push_back(random.real(-1, 1));
  }
  return c;
}

// One thing that an op refuses, for all of them together; some ops do not look at it.
void spoil(Random& random, Case& c, std::int64_t how) {
  const auto i = static_cast<std::size_t>(random.whole(0, c.n - 1));
  const auto k = static_cast<std::size_t>(c.arm[i]);
  switch (how) {
    case 0: c.arm[i] = static_cast<std::int32_t>(c.arms); break;
    case 1: c.arm[i] = -1; break;
    case 2: c.value[i] = NAN; break;
    case 3: c.weight[i] = -1.0; break;
    case 4: c.successes[i] = 99.0; break;
    case 5: c.exact[k] = 2097151.9999; break;
    case 6: c.exact_too[k] = 0x1p-40; break;
    case 7: c.variance[k] = -1.0; break;
    case 8: c.count[k] = -1; break;
    default: c.mean[k] = HUGE_VAL; break;
  }
}

// run(a, b, on_cuda) updates copies of the two arrays that an op has.
template <class A, class B, class Run>
void both(const char* name, const A& a, const B& b, const Run& run) {
  A a_cpu = a, a_cuda = a;
  B b_cpu = b, b_cuda = b;
  const std::string cpu = refusal([&] { run(a_cpu, b_cpu, false); });
  const std::string cuda = refusal([&] { run(a_cuda, b_cuda, true); });
  expect(cpu == cuda, "refusal of %s: '%s', not '%s'", name, cuda.c_str(), cpu.c_str());
  expect(same_bits(a_cpu, a_cuda) && same_bits(b_cpu, b_cuda), "%s", name);
  expect(cuda.empty() || (same_bits(a_cuda, a) && same_bits(b_cuda, b)), "%s wrote before it refused", name);
}

void compare(const Case& c) {
  const std::int32_t* arm = c.arm.data();
  const double* value = c.value.data();
  both("observe_mean", c.mean, c.count, [&](Doubles& total, Counts& count, bool on_cuda) {
    const MeanObservations o{total.data(), count.data(), c.arms, arm, value, c.n};
    on_cuda ? observe_mean_cuda(o, 0) : observe_mean_cpu(o);
  });
  for (const double* weight : {c.weight.data(), static_cast<const double*>(nullptr)})
    both("observe_sum", c.exact, c.exact_too, [&](Doubles& total, Doubles& weights, bool on_cuda) {
      const SumObservations o{total.data(), weights.data(), c.arms, arm, value, weight, c.n, 0.7};
      on_cuda ? observe_sum_cuda(o, 0) : observe_sum_cpu(o);
    });
  both("observe_beta", c.exact, c.exact_too, [&](Doubles& success, Doubles& failure, bool on_cuda) {
    const BetaObservations o{success.data(), failure.data(), c.arms, arm, c.successes.data(), c.rollouts.data(), c.n,
                             c.keep, 0.7};
    on_cuda ? observe_beta_cuda(o, 0) : observe_beta_cpu(o);
  });
  both("observe_kalman", c.mean, c.variance, [&](Doubles& mean, Doubles& variance, bool on_cuda) {
    const KalmanObservations o{mean.data(), variance.data(), c.arms, arm, value, c.weight.data(), c.n, 0.01};
    on_cuda ? observe_kalman_cuda(o, 0) : observe_kalman_cpu(o);
  });
  both("observe_window", c.window, c.count, [&](Doubles& window, Counts& seen, bool on_cuda) {
    const WindowObservations o{window.data(), seen.data(), c.arms, c.width, arm, value, c.n};
    on_cuda ? observe_window_cuda(o, 0) : observe_window_cpu(o);
  });
  both("window_mean", Doubles(c.mean.size()), Counts(), [&](Doubles& out, Counts&, bool on_cuda) {
    Doubles means(out.size());  // what a call that refuses leaves in its output is free
    const WindowMean w{c.window.data(), c.count.data(), c.arms, c.width, means.data()};
    on_cuda ? window_mean_cuda(w, 0) : window_mean_cpu(w);
    out = means;
  });
  both("rescale", c.exact, Counts(), [&](Doubles& data, Counts&, bool on_cuda) {
    const Rescaling r{data.data(), c.arms, c.keep == 1.0 ? 0.3 : 1.5};
    on_cuda ? rescale_check_cuda(r, "data", 0) : check_rescale(r, "data");
    on_cuda ? rescale_cuda(r, 0) : rescale_cpu(r);
  });
}

}  // namespace

void compare_observe(Random& random) {
  for (int i = 0; i < 200; ++i) {
    Case c = some_case(random, i % 4 == 0);
    compare(c);
    if (c.n == 0) continue;
    spoil(random, c, i % 10);
    compare(c);
  }
}

}  // namespace sparft::compare
