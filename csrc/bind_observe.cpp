// The observe ops: arrays in, checked, updated where they lie.
#include <pybind11/pybind11.h>

#include <vector>

#include "bindings.h"
#include "observe.h"

namespace sparft {
namespace {

#ifdef SPARFT_WITH_CUDA
#define SPARFT_ON(span, on_host, on_device) ((span).device == kHost ? (on_host) : (on_device))
#else
#define SPARFT_ON(span, on_host, on_device) ((span).device == kHost ? (on_host) : no_cuda((span).name))
#endif

template <class First, class... Rest>
void same_devices(const First& first, const Rest&... rest) {
  (same_device(rest, first), ...);
}

void observe_mean(py::handle total_, py::handle count_, py::handle arm_, py::handle value_) {
  const auto total = array<double>(total_, "total");
  const auto count = array<std::int64_t>(count_, "count");
  const auto arm = array<const std::int32_t>(arm_, "arm");
  const auto value = array<const double>(value_, "value");
  same_length(count, total);
  same_length(value, arm);
  same_devices(total, count, arm, value);
  const MeanObservations o{total.data, count.data, total.rows, arm.data, value.data, arm.rows};
  check_call(o);
  const py::gil_scoped_release unlocked;
  SPARFT_ON(total, observe_mean_cpu(o), observe_mean_cuda(o, total.device));
}

void observe_sum(py::handle total_, py::handle weight_, py::handle arm_, py::handle value_, py::handle observed_,
                 py::handle scale) {
  const auto total = array<double>(total_, "total");
  const auto weight = array<double>(weight_, "weight");
  const auto arm = array<const std::int32_t>(arm_, "arm");
  const auto value = array<const double>(value_, "value");
  const auto observed = observed_.is_none() ? Span<const double>{} : array<const double>(observed_, "observed_weight");
  same_length(weight, total);
  same_length(value, arm);
  same_devices(total, weight, arm, value);
  if (!observed_.is_none()) {
    same_length(observed, arm);
    same_devices(total, observed);
  }
  const SumObservations o{total.data, weight.data,   total.rows, arm.data,
                          value.data, observed.data, arm.rows,   number(scale, "scale")};
  check_call(o);
  const py::gil_scoped_release unlocked;
  SPARFT_ON(total, observe_sum_cpu(o), observe_sum_cuda(o, total.device));
}

void observe_beta(py::handle success_, py::handle failure_, py::handle arm_, py::handle successes_,
                  py::handle rollouts_, py::handle keep, py::handle scale) {
  const auto success = array<double>(success_, "success");
  const auto failure = array<double>(failure_, "failure");
  const auto arm = array<const std::int32_t>(arm_, "arm");
  const auto successes = array<const double>(successes_, "successes");
  const auto rollouts = array<const double>(rollouts_, "rollouts");
  same_length(failure, success);
  same_length(successes, arm);
  same_length(rollouts, arm);
  same_devices(success, failure, arm, successes, rollouts);
  const BetaObservations o{success.data,   failure.data,  success.rows, arm.data,
                           successes.data, rollouts.data, arm.rows,     number(keep, "keep"),
                           number(scale, "scale")};
  check_call(o);
  const py::gil_scoped_release unlocked;
  SPARFT_ON(success, observe_beta_cpu(o), observe_beta_cuda(o, success.device));
}

void observe_kalman(py::handle mean_, py::handle variance_, py::handle arm_, py::handle value_, py::handle weight_,
                    py::handle inflation) {
  const auto mean = array<double>(mean_, "mean");
  const auto variance = array<double>(variance_, "variance");
  const auto arm = array<const std::int32_t>(arm_, "arm");
  const auto value = array<const double>(value_, "value");
  const auto weight = array<const double>(weight_, "weight");
  same_length(variance, mean);
  same_length(value, arm);
  same_length(weight, arm);
  same_devices(mean, variance, arm, value, weight);
  const KalmanObservations o{mean.data,  variance.data, mean.rows, arm.data,
                             value.data, weight.data,   arm.rows,  number(inflation, "inflation")};
  check_call(o);
  const py::gil_scoped_release unlocked;
  SPARFT_ON(mean, observe_kalman_cpu(o), observe_kalman_cuda(o, mean.device));
}

void observe_window(py::handle window_, py::handle seen_, py::handle arm_, py::handle value_) {
  const auto window = array<double>(window_, "window", 2);
  const auto seen = array<std::int64_t>(seen_, "seen");
  const auto arm = array<const std::int32_t>(arm_, "arm");
  const auto value = array<const double>(value_, "value");
  same_length(seen, window);
  same_length(value, arm);
  same_devices(window, seen, arm, value);
  const WindowObservations o{window.data, seen.data, window.rows, window.columns, arm.data, value.data, arm.rows};
  check_call(o);
  const py::gil_scoped_release unlocked;
  SPARFT_ON(window, observe_window_cpu(o), observe_window_cuda(o, window.device));
}

py::array_t<double> window_mean(py::handle window_, py::handle seen_) {
  const auto window = array<const double>(window_, "window", 2);
  const auto seen = array<const std::int64_t>(seen_, "seen");
  same_length(seen, window);
  same_devices(window, seen);
  py::array_t<double> out(window.rows);
  const WindowMean w{window.data, seen.data, window.rows, window.columns, out.mutable_data()};
  check_call(w);
  const py::gil_scoped_release unlocked;
  SPARFT_ON(window, window_mean_cpu(w), window_mean_cuda(w, window.device));
  return out;
}

// Nothing is written before all arrays have passed.
void rescale(const py::tuple& arrays, py::handle factor) {
  std::vector<std::string> names;
  std::vector<Span<double>> spans;
  names.reserve(arrays.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    names.push_back("arrays[" + std::to_string(i) + "]");
    spans.push_back(array<double>(arrays[i], names.back().c_str()));
  }
  const double by = number(factor, "factor");
  check_call(Rescaling{nullptr, 0, by});
  for (std::size_t i = 0; i < spans.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (spans[i].data < spans[j].data + spans[j].rows && spans[j].data < spans[i].data + spans[i].rows)
        wrong_value(names[j] + " and " + names[i] + " share memory, which would be rescaled twice; give it once");
  const py::gil_scoped_release unlocked;
  for (const Span<double>& s : spans) {
    const Rescaling r{s.data, s.rows, by};
    SPARFT_ON(s, check_rescale(r, s.name), rescale_check_cuda(r, s.name, s.device));
  }
  for (const Span<double>& s : spans) {
    const Rescaling r{s.data, s.rows, by};
    SPARFT_ON(s, rescale_cpu(r), rescale_cuda(r, s.device));
  }
}

}  // namespace

void bind_observe(py::module_& m) {
  m.def("observe_mean", &observe_mean);
  m.def("observe_sum", &observe_sum);
  m.def("observe_beta", &observe_beta);
  m.def("observe_kalman", &observe_kalman);
  m.def("observe_window", &observe_window);
  m.def("window_mean", &window_mean);
  m.def("rescale", &rescale);
}

}  // namespace sparft
