// draw, choose and choose_top: Python's arguments in, checked in full, and out to the CPU or the device.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "bindings.h"
#include "choose.h"

namespace sparft {
namespace {

enum class Backend { kCpu, kCuda, kNumpy };

constexpr std::int64_t kKeyMost = INT64_MAX;

std::string shown(py::handle value) { return py::repr(value).cast<std::string>(); }

// An integer from low to most; anything else is refused by name.
std::int64_t integer(py::handle value, const char* name, std::int64_t low, std::int64_t most) {
  PyObject* exact = value.ptr();
  py::object held;
  if (!PyLong_CheckExact(exact)) {
    const bool is_bool = PyBool_Check(exact) || py::isinstance<py::bool_>(value) ||
                         std::string(Py_TYPE(exact)->tp_name).find("bool") != std::string::npos;
    if (is_bool) wrong_type(std::string(name) + " = " + shown(value) + " is a bool; give an integer");
    held = py::reinterpret_steal<py::object>(PyNumber_Index(exact));
    if (!held) {
      PyErr_Clear();
      wrong_type(std::string(name) + " = " + shown(value) + " is a " + py::type::of(value).attr("__name__").cast<std::string>() +
                 "; give an integer");
    }
    exact = held.ptr();
  }
  int overflow = 0;
  const long long number = PyLong_AsLongLongAndOverflow(exact, &overflow);
  if (overflow != 0 || number < low || number > most)
    wrong_value(std::string(name) + " = " + py::str(py::handle(exact)).cast<std::string>() +
                " is out of range; give an integer from " + std::to_string(low) + " to " + std::to_string(most));
  return number;
}

Backend backend_of(py::handle value) {
  if (PyUnicode_Check(value.ptr())) {
    const char* const names[] = {"auto", "cpu", "cuda", "numpy"};
    const Backend known[] = {Backend::kCpu, Backend::kCpu, Backend::kCuda, Backend::kNumpy};
    for (int i = 0; i < 4; ++i)
      if (PyUnicode_CompareWithASCIIString(value.ptr(), names[i]) == 0) return known[i];
  }
  wrong_value("backend = " + shown(value) + " is unknown; use one of auto, cpu, cuda, numpy");
}

// A Python posterior: its arrays are kept alive, and lie on one device.
class Arms {
 public:
  explicit Arms(py::handle posterior) {
    switch (kind_of(posterior, "KIND", "posterior", "Gaussian(mean, sd) or another of sparft_verl.bandit")) {
      case 0:
        two(posterior, Kind::kGaussian, "mean", "sd");
        return;
      case 1:
        two(posterior, Kind::kGaussianMean, "total", "count");
        p.scale = scalar(posterior, "scale");
        p.sigma = scalar(posterior, "sigma");
        p.prior_mean = scalar(posterior, "prior_mean");
        return;
      case 2:
        two(posterior, Kind::kKalman, "mean", "variance");
        p.inflation = scalar(posterior, "inflation");
        return;
      case 3:
        shapes(posterior, Kind::kBeta);
        return;
      case 4:
        p.kind = Kind::kSoftmax;
        p.first = take(posterior, "value", 0);
        p.temperature = scalar(posterior, "temperature");
        return;
      case 5:
        p.kind = Kind::kFixed;
        p.first = take(posterior, "value", 0);
        return;
      case 6:
        shapes(posterior, Kind::kMixedProportional);
        p.group = static_cast<std::int32_t>(integer(posterior.attr("group"), "group", 2, 1024));
        return;
      default:
        wrong_type("posterior = " + shown(posterior) + " has an unknown KIND; give one of sparft_verl.bandit");
    }
  }

  static std::int64_t kind_of(py::handle value, const char* attribute, const char* name, const char* fix) {
    const py::object kind = py::getattr(value, attribute, py::none());
    if (!PyLong_CheckExact(kind.ptr()) || PyType_Check(value.ptr()))
      wrong_type(std::string(name) + " = " + shown(value) + " is no " + name + "; give " + fix);
    return integer(kind, attribute, 0, INT32_MAX);
  }

  template <class T>
  void same_place(const Span<T>& with) const {
    same_length(with, arrays_[0]);
    if (with.device != kHost) same_device(with, arrays_[0]);
  }

  const Span<const double>& named() const { return arrays_[0]; }

  Posterior p;

 private:
  static double scalar(py::handle posterior, const char* name) { return number(posterior.attr(name), name); }

  const double* take(py::handle posterior, const char* name, int slot) {
    arrays_[slot] = array<const double>(posterior.attr(name), name);
    if (slot == 0) {
      p.arms = arrays_[0].rows;
      p.device = arrays_[0].device;
    } else {
      same_length(arrays_[slot], arrays_[0]);
      same_device(arrays_[slot], arrays_[0]);
    }
    return arrays_[slot].data;
  }

  void two(py::handle posterior, Kind kind, const char* first, const char* second) {
    p.kind = kind;
    p.first = take(posterior, first, 0);
    p.second = take(posterior, second, 1);
  }

  void shapes(py::handle posterior, Kind kind) {
    two(posterior, kind, "success", "failure");
    p.scale = scalar(posterior, "scale");
    prior(posterior, "prior_success", 2, p.prior_first, p.prior_success);
    prior(posterior, "prior_failure", 3, p.prior_second, p.prior_failure);
  }

  void prior(py::handle posterior, const char* name, int slot, const double*& each, double& flat) {
    const py::object value = posterior.attr(name);
    if (PyFloat_Check(value.ptr()) || PyLong_Check(value.ptr())) {
      flat = number(value, name);
    } else {
      each = take(posterior, name, slot);
    }
  }

  Span<const double> arrays_[4];
};

Utility utility_of_python(py::handle value) {
  Utility utility;
  const std::int64_t kind =
      Arms::kind_of(value, "UTILITY", "utility", "Identity() or another of sparft_verl.bandit");
  if (kind > static_cast<int>(UtilityKind::kMixed)) wrong_type("utility = " + shown(value) + " has an unknown kind");
  utility.kind = static_cast<UtilityKind>(kind);
  if (utility.kind == UtilityKind::kTarget) utility.target = number(value.attr("tau"), "tau");
  if (utility.kind == UtilityKind::kMixed)
    utility.group = static_cast<std::int32_t>(integer(value.attr("group"), "group", 2, 1024));
  return utility;
}

// What all three calls take besides.
struct Call {
  Call(py::handle posterior, py::handle utility_, py::handle seed, py::handle stream, py::handle step,
       py::handle backend_, py::handle threads, int lanes)
      : arms(posterior),
        utility(utility_of_python(utility_)),
        s(make_stream(key(seed, "seed"), key(stream, "stream"), key(step, "step"))),
        backend(backend_of(backend_)),
        cpu{static_cast<int>(integer(threads, "threads", 1, 64)), lanes} {
    if (arms.p.device == kHost) return;
    if (backend != Backend::kCuda && shown(backend_) != "'auto'")
      wrong_value(std::string(arms.named().name) + " lies on a CUDA device but backend = " + shown(backend_) +
                  "; use backend=\"cuda\" or move it to the CPU");
    backend = Backend::kCuda;
  }

  // Once sizes are known to be right. The compiled ops check the arrays themselves.
  void check() const {
    check_numbers(arms.p);
    if (backend == Backend::kNumpy) check_posterior(arms.p);
    check_utility(arms.p, utility);
#ifndef SPARFT_WITH_CUDA
    if (arms.p.device != kHost) no_cuda(arms.named().name);
    if (backend == Backend::kCuda)
      throw std::runtime_error(
          "backend=\"cuda\" is not in this build; build with SPARFT_CUDA=1, or use backend=\"cpu\"");
#endif
  }

  static std::uint64_t key(py::handle value, const char* name) {
    return static_cast<std::uint64_t>(integer(value, name, 0, kKeyMost));
  }

  Arms arms;
  Utility utility;
  Stream s;
  Backend backend;
  Cpu cpu;
};

#ifdef SPARFT_WITH_CUDA
#define SPARFT_RUN(call, on_cpu, on_cuda) ((call).backend == Backend::kCuda ? (on_cuda) : (on_cpu))
#else
#define SPARFT_RUN(call, on_cpu, on_cuda) (on_cpu)
#endif

py::object draw(py::handle posterior, py::handle rounds_, py::handle utility, py::handle seed, py::handle stream,
                py::handle step, py::handle backend, py::handle threads, int lanes) {
  const Call call(posterior, utility, seed, stream, step, backend, threads, lanes);
  const std::int64_t rounds = integer(rounds_, "rounds", 0, kKeyMost);
  check_rounds(call.arms.p, rounds);
  call.check();
  if (call.backend == Backend::kNumpy) return py::none();
  py::array_t<double> out({rounds, call.arms.p.arms});
  double* data = out.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    SPARFT_RUN(call, draw_cpu(call.arms.p, call.utility, rounds, call.s, call.cpu, data),
               draw_cuda(call.arms.p, call.utility, rounds, call.s, data));
  }
  return out;
}

py::object choose(py::handle posterior, py::handle rounds_, py::handle capacity_, py::handle utility,
                  py::handle floor_, py::handle seed, py::handle stream, py::handle step, py::handle backend,
                  py::handle threads, int lanes) {
  const Call call(posterior, utility, seed, stream, step, backend, threads, lanes);
  const std::int64_t rounds = integer(rounds_, "rounds", 0, kKeyMost);
  const double floor = number(floor_, "floor");
  Span<const std::int64_t> capacity;
  if (!capacity_.is_none()) {
    capacity = array<const std::int64_t>(capacity_, "capacity");
    if (capacity.device != kHost) wrong_value("capacity lies on a CUDA device; it is read by the CPU, give it there");
    call.arms.same_place(capacity);
  }
  check_rounds(call.arms.p, rounds);
  check_capacity(call.arms.p, rounds, capacity.data, floor);
  call.check();
  if (call.backend == Backend::kNumpy) return py::none();
  py::array_t<std::int32_t> out(rounds);
  std::int32_t* data = out.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    SPARFT_RUN(call, choose_cpu(call.arms.p, call.utility, rounds, capacity.data, floor, call.s, call.cpu, data),
               choose_cuda(call.arms.p, call.utility, rounds, capacity.data, floor, call.s, data));
  }
  return out;
}

py::object choose_top(py::handle posterior, py::handle n_, py::handle open_, py::handle utility, py::handle seed,
                      py::handle stream, py::handle step, py::handle backend, py::handle threads, int lanes) {
  const Call call(posterior, utility, seed, stream, step, backend, threads, lanes);
  const std::int64_t n = integer(n_, "n", 0, kKeyMost);
  Span<const std::uint8_t> open;
  if (!open_.is_none()) {
    const bool is_bool = py::isinstance<py::array_t<bool>>(open_) && !py::hasattr(open_, "mask");
    open = array<const std::uint8_t>(is_bool ? open_.attr("view")("uint8") : py::reinterpret_borrow<py::object>(open_),
                                     "open");
    call.arms.same_place(open);
    if (open.device != kHost && call.backend != Backend::kCuda)
      wrong_value("open lies on a CUDA device but backend is not \"cuda\"; move it to the CPU");
  }
  check_rounds(call.arms.p, 1);
  if (open.device == kHost) check_top(call.arms.p, n, open.data);
  call.check();
  if (call.backend == Backend::kNumpy) return py::none();
  py::array_t<std::int64_t> out(n);
  std::int64_t* data = out.mutable_data();
  {
    const py::gil_scoped_release unlocked;
    SPARFT_RUN(call, top_cpu(call.arms.p, call.utility, n, open.data, call.s, call.cpu, data),
               top_cuda(call.arms.p, call.utility, n, open.data, open.device, call.s, data));
  }
  return out;
}

}  // namespace

void bind_choose(py::module_& m) {
  const py::arg_v lanes = py::arg("lanes") = 0;
  m.def("draw", &draw, py::arg("posterior"), py::arg("rounds"), py::arg("utility"), py::arg("seed"), py::arg("stream"),
        py::arg("step"), py::arg("backend"), py::arg("threads"), lanes);
  m.def("choose", &choose, py::arg("posterior"), py::arg("rounds"), py::arg("capacity"), py::arg("utility"),
        py::arg("floor"), py::arg("seed"), py::arg("stream"), py::arg("step"), py::arg("backend"), py::arg("threads"),
        lanes);
  m.def("choose_top", &choose_top, py::arg("posterior"), py::arg("n"), py::arg("open"), py::arg("utility"),
        py::arg("seed"), py::arg("stream"), py::arg("step"), py::arg("backend"), py::arg("threads"), lanes);
}

}  // namespace sparft
