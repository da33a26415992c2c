// observe on a device. Equal arms are brought together by a stable sort; then one thread per arm applies its
// observations in the order given: what the CPU op does, and no atomics on floats. A thread only says that something
// is not plainly good. Then the host reads the arrays and decides, by the checks of the CPU op.
#include "../observe.h"

#include "segments.cuh"

namespace sparft {
namespace {

using cuda::Buffer;
using cuda::kThreads;

// Well below the largest double, so that another order of adding cannot pass it.
constexpr double kSurelyFinite = 1e307;

// The observations of one arm, in order.
struct Group {
  const std::int64_t* order;
  std::int64_t n;
};

struct MeanUpdate {
  using Observations = MeanObservations;
  MeanObservations o;

  __device__ bool good(std::int64_t i) const {
    // Together at most kSurelyFinite, whatever n is.
    return o.arm[i] >= 0 && o.arm[i] < o.arms && std::fabs(o.value[i]) <= kSurelyFinite / static_cast<double>(o.n);
  }
  __device__ bool operator()(std::int32_t arm, const Group& g, bool write) const {
    const bool ok = std::fabs(o.total[arm]) <= kSurelyFinite && o.count[arm] >= 0 && o.count[arm] <= INT64_MAX - o.n;
    if (!write) return ok;
    double total = o.total[arm];
    for (std::int64_t j = 0; j < g.n; ++j) total += o.value[g.order[j]];
    o.total[arm] = total;
    o.count[arm] += g.n;
    return true;
  }
};

// Multiples of 2^-32 below 2^21: one order of adding is as good as another.
struct Exact {
  double stored;
  double reach;  // what |stored + any of the terms| cannot pass

  __device__ explicit Exact(double x) : stored(x), reach(std::fabs(x)) {}
  __device__ void add(double term) {
    stored += term;
    reach += std::fabs(term);
  }
  __device__ bool good() const { return reach < kExactBelow; }
};

struct SumUpdate {
  using Observations = SumObservations;
  SumObservations o;

  __device__ double weight(std::int64_t i) const { return o.observed_weight == nullptr ? 1.0 : o.observed_weight[i]; }
  __device__ bool good(std::int64_t i) const { return sum_ok(o.arm[i], o.arms, o.value[i], weight(i), o.scale); }
  __device__ bool operator()(std::int32_t arm, const Group& g, bool write) const {
    Exact total(o.total[arm]);
    Exact weights(o.weight[arm]);
    bool ok = is_exact(total.stored) && is_exact(weights.stored) && weights.stored >= 0.0;
    for (std::int64_t j = 0; j < g.n; ++j) {
      const std::int64_t i = g.order[j];
      total.add(sum_term(o.value[i], weight(i), o.scale));
      weights.add(weight_term(weight(i), o.scale));
    }
    ok = ok && total.good() && weights.good();
    if (write) {
      o.total[arm] = total.stored;
      o.weight[arm] = weights.stored;
    }
    return ok;
  }
};

struct BetaUpdate {
  using Observations = BetaObservations;
  BetaObservations o;

  __device__ bool good(std::int64_t i) const { return beta_ok(o.arm[i], o.arms, o.successes[i], o.rollouts[i], o.scale); }
  __device__ bool operator()(std::int32_t arm, const Group& g, bool write) const {
    Exact success(o.success[arm]);
    Exact failure(o.failure[arm]);
    bool ok = is_exact(success.stored) && is_exact(failure.stored) && success.stored >= 0.0 && failure.stored >= 0.0;
    if (o.keep != 1.0) {  // reach stays: what is stored must be fit for keep = 1 too
      success.stored = quantum(success.stored * o.keep);
      failure.stored = quantum(failure.stored * o.keep);
    }
    for (std::int64_t j = 0; j < g.n; ++j) {
      const std::int64_t i = g.order[j];
      success.add(beta_term(o.successes[i], o.scale));
      failure.add(beta_term(o.rollouts[i] - o.successes[i], o.scale));
    }
    ok = ok && success.good() && failure.good();
    if (write) {
      o.success[arm] = success.stored;
      o.failure[arm] = failure.stored;
    }
    return ok;
  }
};

struct KalmanUpdate {
  using Observations = KalmanObservations;
  KalmanObservations o;

  __device__ bool good(std::int64_t i) const { return kalman_ok(o.arm[i], o.arms, o.value[i], o.weight[i]); }
  __device__ bool operator()(std::int32_t arm, const Group& g, bool write) const {
    const KalmanState old{o.mean[arm], o.variance[arm]};
    double weight = 0.0;
    double weighted = 0.0;
    for (std::int64_t j = 0; j < g.n; ++j) {
      const std::int64_t i = g.order[j];
      weight += o.weight[i];
      weighted += o.weight[i] * o.value[i];
    }
    const KalmanState next = kalman_update(old, o.inflation, weight, weighted);
    if (write) {
      o.mean[arm] = next.mean;
      o.variance[arm] = next.variance;
    }
    return kalman_state_ok(old, o.inflation) && kalman_state_ok(next, o.inflation);
  }
};

struct WindowUpdate {
  using Observations = WindowObservations;
  WindowObservations o;

  __device__ bool good(std::int64_t i) const {
    return o.arm[i] >= 0 && o.arm[i] < o.arms && std::isfinite(o.value[i]);
  }
  __device__ bool operator()(std::int32_t arm, const Group& g, bool write) const {
    const std::int64_t seen = o.seen[arm];
    const bool ok = seen >= 0 && seen <= INT64_MAX - o.n;
    if (!write) return ok;
    const std::int64_t skip = g.n > o.width ? g.n - o.width : 0;  // what this call itself overwrites
    for (std::int64_t j = skip; j < g.n; ++j) o.window[arm * o.width + (seen + j) % o.width] = o.value[g.order[j]];
    o.seen[arm] = seen + g.n;
    return true;
  }
};

template <class Update>
__global__ void look_at_observations(Update update, int* bad) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < update.o.n && !update.good(i)) atomicOr(bad, 1);
}

// The thread of an arm's first observation has them all.
template <class Update>
__global__ void each_arm(Update update, const std::int32_t* arm, const std::int64_t* order, bool write, int* bad) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t n = update.o.n;
  if (i >= n || (i > 0 && arm[i - 1] == arm[i])) return;
  std::int64_t end = i + 1;
  while (end < n && arm[end] == arm[i]) ++end;
  if (!update(arm[i], Group{order + i, end - i}, write)) atomicOr(bad, 1);
}

// judge() throws what is wrong, or finds that nothing is.
template <class Update, class Judge>
void observe(const Update& update, int device, const Judge& judge) {
  const std::int64_t n = update.o.n;
  if (n == 0) return;
  const cuda::OnDevice scope(device);
  cuda::Flag bad;
  look_at_observations<<<cuda::blocks_for(n), kThreads>>>(update, bad.get());
  bool judged = bad.raised();
  if (judged) judge();
  const cuda::Sorted sorted(update.o.arm, n, update.o.arms);
  const auto pass = [&](bool write) {
    each_arm<<<cuda::blocks_for(n), kThreads>>>(update, sorted.key(), sorted.order(), write, bad.get());
  };
  pass(false);
  if (!judged && bad.raised()) judge();
  pass(true);
  cuda::finish();
}

template <class T>
std::vector<T> host(const T* device, std::int64_t n) {
  return cuda::to_host(device, n, "copy to the host for its check");
}

__global__ void mean_of_windows(WindowMean w, double* out, int* bad) {
  const std::int64_t a = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (a >= w.arms) return;
  const std::int64_t filled = w.seen[a] < w.width ? w.seen[a] : w.width;
  double sum = 0.0;
  for (std::int64_t s = 0; s < filled; ++s) sum += w.window[a * w.width + s];
  if (w.seen[a] < 0 || !std::isfinite(sum)) atomicOr(bad, 1);
  out[a] = filled <= 0 ? std::nan("") : sum / static_cast<double>(filled);
}

__global__ void look_at_rescaled(Rescaling r, int* bad) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < r.n && !(std::fabs(r.data[i] * r.factor) < kExactBelow)) atomicOr(bad, 1);
}

__global__ void multiply(Rescaling r) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < r.n) r.data[i] = quantum(r.data[i] * r.factor);
}

}  // namespace

void observe_mean_cuda(const MeanObservations& o, int device) {
  observe(MeanUpdate{o}, device, [&] {
    auto total = host(o.total, o.arms);
    auto count = host(o.count, o.arms);
    const auto arm = host(o.arm, o.n);
    const auto value = host(o.value, o.n);
    check_mean({total.data(), count.data(), o.arms, arm.data(), value.data(), o.n});
  });
}

void observe_sum_cuda(const SumObservations& o, int device) {
  observe(SumUpdate{o}, device, [&] {
    auto total = host(o.total, o.arms);
    auto weight = host(o.weight, o.arms);
    const auto arm = host(o.arm, o.n);
    const auto value = host(o.value, o.n);
    const auto observed = host(o.observed_weight, o.observed_weight == nullptr ? 0 : o.n);
    check_sum({total.data(), weight.data(), o.arms, arm.data(), value.data(),
               o.observed_weight == nullptr ? nullptr : observed.data(), o.n, o.scale});
  });
}

void observe_beta_cuda(const BetaObservations& o, int device) {
  observe(BetaUpdate{o}, device, [&] {
    auto success = host(o.success, o.arms);
    auto failure = host(o.failure, o.arms);
    const auto arm = host(o.arm, o.n);
    const auto successes = host(o.successes, o.n);
    const auto rollouts = host(o.rollouts, o.n);
    check_beta({success.data(), failure.data(), o.arms, arm.data(), successes.data(), rollouts.data(), o.n, o.keep,
                o.scale});
  });
}

void observe_kalman_cuda(const KalmanObservations& o, int device) {
  observe(KalmanUpdate{o}, device, [&] {
    auto mean = host(o.mean, o.arms);
    auto variance = host(o.variance, o.arms);
    const auto arm = host(o.arm, o.n);
    const auto value = host(o.value, o.n);
    const auto weight = host(o.weight, o.n);
    check_kalman({mean.data(), variance.data(), o.arms, arm.data(), value.data(), weight.data(), o.n, o.inflation});
  });
}

void observe_window_cuda(const WindowObservations& o, int device) {
  observe(WindowUpdate{o}, device, [&] {
    auto seen = host(o.seen, o.arms);
    const auto arm = host(o.arm, o.n);
    const auto value = host(o.value, o.n);
    check_window({nullptr, seen.data(), o.arms, o.width, arm.data(), value.data(), o.n});
  });
}

void window_mean_cuda(const WindowMean& w, int device) {
  const cuda::OnDevice scope(device);
  cuda::Flag bad;
  Buffer<double> out(w.arms, "allocate means");
  mean_of_windows<<<cuda::blocks_for(w.arms), kThreads>>>(w, out.get(), bad.get());
  if (bad.raised()) {
    const auto window = host(w.window, w.arms * w.width);
    const auto seen = host(w.seen, w.arms);
    check_window_mean({window.data(), seen.data(), w.arms, w.width, w.out});
  }
  out.fetch(w.out, w.arms);
}

void rescale_check_cuda(const Rescaling& r, const char* name, int device) {
  if (r.n == 0) return;
  const cuda::OnDevice scope(device);
  cuda::Flag bad;
  look_at_rescaled<<<cuda::blocks_for(r.n), kThreads>>>(r, bad.get());
  if (!bad.raised()) return;
  auto data = host(r.data, r.n);
  check_rescale({data.data(), r.n, r.factor}, name);
}

void rescale_cuda(const Rescaling& r, int device) {
  if (r.n == 0) return;
  const cuda::OnDevice scope(device);
  multiply<<<cuda::blocks_for(r.n), kThreads>>>(r);
  cuda::finish();
}

}  // namespace sparft
