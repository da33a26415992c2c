// What the binding files share: one per op family, so that each compiles fast.
#pragma once

#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>

#include "arrays.h"

namespace sparft {

void bind_choose(py::module_& m);
void bind_observe(py::module_& m);
void bind_farthest(py::module_& m);

[[noreturn]] inline void no_cuda(const char* name) {
  throw std::runtime_error(std::string(name) +
                           " lies on a CUDA device, but this build has no CUDA; build with SPARFT_CUDA=1, or move it "
                           "to the CPU");
}

// A Python number as double; text and the like are named in the message, which pybind11's own would not do.
inline double number(py::handle value, const char* name) {
  const double x = PyFloat_AsDouble(value.ptr());
  if (x == -1.0 && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    wrong_type(std::string(name) + " = " + std::string(py::repr(value)) + " is not a number; give a float");
  }
  return x;
}

}  // namespace sparft
