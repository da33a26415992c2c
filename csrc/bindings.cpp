// The module: the generator itself here, the ops in bind_*.cpp. The public face is sparft_verl/bandit/.
#include "bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "choose.h"
#include "permutation.h"

namespace py = pybind11;
using namespace sparft;

#ifndef SPARFT_CUDA_BUILD
#define SPARFT_CUDA_BUILD ""
#endif

namespace {

py::array_t<float> normal(std::int64_t n, std::uint64_t first, std::uint64_t seed, std::uint64_t stream,
                          std::uint64_t step, bool cuda, int lanes) {
#ifndef SPARFT_WITH_CUDA
  if (cuda)
    throw std::runtime_error("backend=\"cuda\" is not in this build; build with SPARFT_CUDA=1, or use backend=\"cpu\"");
#endif
  py::array_t<float> out(n);
  float* z = out.mutable_data();
  const Stream s = make_stream(seed, stream, step);
  const py::gil_scoped_release unlocked;
#ifdef SPARFT_WITH_CUDA
  if (cuda) normals_cuda(s, first, n, z);
#endif
  if (!cuda) normals_cpu(s, first, n, Cpu{1, lanes}, z);
  return out;
}

py::array_t<std::uint32_t> words(std::int64_t n, std::uint64_t first, std::uint64_t seed, std::uint64_t stream,
                                 std::uint64_t step) {
  py::array_t<std::uint32_t> out(n);
  std::uint32_t* w = out.mutable_data();
  const py::gil_scoped_release unlocked;
  words_cpu(make_stream(seed, stream, step), first, n, w);
  return out;
}

py::array_t<std::int64_t> permutation(std::int64_t n, std::uint64_t seed, std::uint64_t stream, std::uint64_t step) {
  check_permutation(n);
  py::array_t<std::int64_t> out(n);
  std::int64_t* p = out.mutable_data();
  const py::gil_scoped_release unlocked;
  permutation_cpu(n, make_stream(seed, stream, step), p);
  return out;
}

py::tuple philox_words(const py::tuple& counter, std::uint32_t k0, std::uint32_t k1) {
  const Words w = philox<float>(Words{{counter[0].cast<std::uint32_t>(), counter[1].cast<std::uint32_t>(),
                                       counter[2].cast<std::uint32_t>(), counter[3].cast<std::uint32_t>()}},
                                RoundKeys{k0, k1});
  return py::make_tuple(w.w[0], w.w[1], w.w[2], w.w[3]);
}

}  // namespace

PYBIND11_MODULE(_kernel, m) {
  m.doc() = "Compiled ops of sparft_verl.bandit; use that module.";
  m.attr("cuda_build") = SPARFT_CUDA_BUILD;
  bind_choose(m);
  bind_observe(m);
  bind_farthest(m);
  m.def("normal", &normal, py::arg("n"), py::arg("first"), py::arg("seed"), py::arg("stream"), py::arg("step"),
        py::arg("cuda"), py::arg("lanes") = 0);
  m.def("words", &words, py::arg("n"), py::arg("first"), py::arg("seed"), py::arg("stream"), py::arg("step"));
  m.def("permutation", &permutation, py::arg("n"), py::arg("seed"), py::arg("stream"), py::arg("step"));
  m.def("philox", &philox_words, py::arg("counter"), py::arg("k0"), py::arg("k1"));
#ifdef SPARFT_WITH_CUDA
  m.def("cuda_problem", &cuda_problem);
  m.def("cuda_device_name", &cuda_device_name);
#else
  m.def("cuda_problem", [] { return std::string("built without CUDA"); });
  m.def("cuda_device_name", [] { return std::string(); });
#endif
}
