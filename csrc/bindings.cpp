// Binds the ops to Python and nothing else. sparft_verl/bandit/__init__.py is the public face: it checks types and
// shapes; values are checked beside each op.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>

#include "observe.h"
#include "permutation.h"
#include "thompson.h"

namespace py = pybind11;
using namespace sparft;

#ifndef SPARFT_CUDA_BUILD
#define SPARFT_CUDA_BUILD ""
#endif

namespace {

template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
py::ssize_t length(const Array<T>& a, const char* name) {
  if (a.ndim() != 1) throw std::invalid_argument(std::string(name) + " must have one dimension");
  return a.shape(0);
}

template <class T>
void same_length(const Array<T>& a, const char* name, py::ssize_t wanted, const char* of) {
  const py::ssize_t seen = length(a, name);
  if (seen != wanted)
    throw std::invalid_argument(std::string(name) + " has length " + std::to_string(seen) + " but " + of +
                                " has length " + std::to_string(wanted) + "; both need one entry each");
}

Posterior posterior(const Array<double>& mean, const Array<double>& sd, const Array<std::int64_t>& capacity) {
  const py::ssize_t arms = length(mean, "mean");
  same_length(sd, "sd", arms, "mean");
  same_length(capacity, "capacity", arms, "mean");
  return Posterior{mean.data(), sd.data(), capacity.data(), static_cast<std::int64_t>(arms)};
}

#ifndef SPARFT_WITH_CUDA
[[noreturn]] void no_cuda() {
  throw std::runtime_error("backend=\"cuda\" is not in this build; build with SPARFT_CUDA=1, or use backend=\"cpu\"");
}
#endif

Array<std::int32_t> thompson(const Array<double>& mean, const Array<double>& sd, const Array<std::int64_t>& capacity,
                             std::int64_t rounds, std::uint64_t seed, std::uint64_t stream, std::uint64_t step,
                             int threads, bool cuda) {
  const Posterior p = posterior(mean, sd, capacity);
  check_thompson(p, rounds);
  Array<std::int32_t> out(rounds);
  std::int32_t* arm = out.mutable_data();
  const Stream s = make_stream(seed, stream, step);
  const py::gil_scoped_release unlocked;
  if (!cuda) {
    thompson_cpu(p, rounds, s, threads, arm);
  } else {
#ifdef SPARFT_WITH_CUDA
    thompson_cuda(p, rounds, s, arm);
#else
    no_cuda();
#endif
  }
  return out;
}

Array<float> normal(std::int64_t n, std::uint64_t first, std::uint64_t seed, std::uint64_t stream, std::uint64_t step,
                    bool cuda) {
  Array<float> out(n);
  float* z = out.mutable_data();
  const Stream s = make_stream(seed, stream, step);
  const py::gil_scoped_release unlocked;
  if (!cuda) {
    normals_cpu(s, first, n, z);
  } else {
#ifdef SPARFT_WITH_CUDA
    normals_cuda(s, first, n, z);
#else
    no_cuda();
#endif
  }
  return out;
}

Array<std::uint32_t> words(std::int64_t n, std::uint64_t first, std::uint64_t seed, std::uint64_t stream,
                           std::uint64_t step) {
  Array<std::uint32_t> out(n);
  std::uint32_t* w = out.mutable_data();
  const py::gil_scoped_release unlocked;
  words_cpu(make_stream(seed, stream, step), first, n, w);
  return out;
}

Array<std::int64_t> permutation(std::int64_t n, std::uint64_t seed, std::uint64_t stream, std::uint64_t step) {
  check_permutation(n);
  Array<std::int64_t> out(n);
  std::int64_t* p = out.mutable_data();
  const py::gil_scoped_release unlocked;
  permutation_cpu(n, make_stream(seed, stream, step), p);
  return out;
}

Observations observations(Array<double>& total, Array<std::int64_t>& count, const Array<std::int32_t>& arm,
                          const Array<double>& value) {
  const py::ssize_t arms = length(total, "total");
  same_length(count, "count", arms, "total");
  const py::ssize_t n = length(arm, "arm");
  same_length(value, "value", n, "arm");
  const Observations o{total.mutable_data(), count.mutable_data(), arms, arm.data(), value.data(), n};
  check_observe(o);
  return o;
}

py::tuple philox_words(const py::tuple& counter, std::uint32_t k0, std::uint32_t k1) {
  const Words w = philox(Words{{counter[0].cast<std::uint32_t>(), counter[1].cast<std::uint32_t>(),
                                counter[2].cast<std::uint32_t>(), counter[3].cast<std::uint32_t>()}},
                         k0, k1);
  return py::make_tuple(w.w[0], w.w[1], w.w[2], w.w[3]);
}

}  // namespace

PYBIND11_MODULE(_kernel, m) {
  m.doc() = "Compiled ops of sparft_verl.bandit; use that module.";
  m.attr("cuda_build") = SPARFT_CUDA_BUILD;
  m.def("thompson", &thompson, py::arg("mean").noconvert(), py::arg("sd").noconvert(), py::arg("capacity").noconvert(),
        py::arg("rounds"), py::arg("seed"), py::arg("stream"), py::arg("step"), py::arg("threads"), py::arg("cuda"));
  m.def(
      "check_thompson",
      [](const Array<double>& mean, const Array<double>& sd, const Array<std::int64_t>& capacity, std::int64_t rounds) {
        check_thompson(posterior(mean, sd, capacity), rounds);
      },
      py::arg("mean").noconvert(), py::arg("sd").noconvert(), py::arg("capacity").noconvert(), py::arg("rounds"));
  m.def("normal", &normal, py::arg("n"), py::arg("first"), py::arg("seed"), py::arg("stream"), py::arg("step"),
        py::arg("cuda"));
  m.def("words", &words, py::arg("n"), py::arg("first"), py::arg("seed"), py::arg("stream"), py::arg("step"));
  m.def("permutation", &permutation, py::arg("n"), py::arg("seed"), py::arg("stream"), py::arg("step"));
  m.def(
      "observe_mean",
      [](Array<double>& total, Array<std::int64_t>& count, const Array<std::int32_t>& arm, const Array<double>& value) {
        observe_cpu(observations(total, count, arm, value));
      },
      py::arg("total").noconvert(), py::arg("count").noconvert(), py::arg("arm").noconvert(),
      py::arg("value").noconvert());
  m.def("philox", &philox_words, py::arg("counter"), py::arg("k0"), py::arg("k1"));
#ifdef SPARFT_WITH_CUDA
  m.def("cuda_problem", &cuda_problem);
  m.def("cuda_device_name", &cuda_device_name);
#else
  m.def("cuda_problem", [] { return std::string("built without CUDA"); });
  m.def("cuda_device_name", [] { return std::string(); });
#endif
}
