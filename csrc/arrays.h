// What Python passes as arrays: NumPy arrays, and on CPU or a CUDA device whatever exports DLPack (torch, cupy).
// Nothing is copied or converted; what would need it is refused with argument, rule and fix.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "dlpack.h"

namespace sparft {

namespace py = pybind11;

constexpr int kHost = -1;

enum class Access { kRead, kWrite };

// Memory that lives as long as this object.
template <class T>
struct Span {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t columns = 1;
  int device = kHost;  // CUDA device, or kHost
  const char* name = "";
  py::object keep;

  std::int64_t size() const { return rows * columns; }
};

[[noreturn]] inline void wrong_type(const std::string& message) { throw py::type_error(message); }
[[noreturn]] inline void wrong_value(const std::string& message) { throw std::invalid_argument(message); }

template <class T>
std::string dtype_name() {
  const std::string kind = std::is_floating_point_v<T> ? "float" : std::is_signed_v<T> ? "int" : "uint";
  return kind + std::to_string(8 * sizeof(T));
}

namespace detail {

struct Layout {  // shape and strides in elements, of either kind of array
  py::tuple shape;
  bool compact;
  std::uintptr_t address;
  bool read_only;
};

template <class T>
void check_layout(const Layout& layout, const std::string& name, int dimensions, Access access) {
  if (static_cast<int>(layout.shape.size()) != dimensions)
    wrong_value(name + " has shape " + std::string(py::repr(layout.shape)) +
                (dimensions == 1 ? "; give one dimension, e.g. " + name + ".ravel()" : "; give two dimensions"));
  if (!layout.compact || layout.address % alignof(T) != 0)
    wrong_value(name + " is not contiguous and aligned; give " + name + ".copy()");
  if (access == Access::kWrite && layout.read_only)
    wrong_value(name + " is read-only but is updated in place; give a writeable copy and keep it");
}

template <class T>
Span<T> from_numpy(py::handle value, const char* name, int dimensions, Access access) {
  using Plain = std::remove_const_t<T>;
  const py::array array = py::reinterpret_borrow<py::array>(value);
  const bool plain = Py_TYPE(value.ptr()) == py::detail::npy_api::get().PyArray_Type_;
  if (!plain && py::hasattr(value, "mask") && py::hasattr(value, "filled"))
    wrong_type(std::string(name) + " is a masked array, whose mask would be ignored; give " + name + ".filled(...)");
  if (!py::isinstance<py::array_t<Plain>>(value))
    wrong_type(std::string(name) + " has dtype " + std::string(py::str(array.dtype().attr("str"))) + ", not " +
               dtype_name<Plain>() + "; cast it to " + dtype_name<Plain>());
  const bool compact = (array.flags() & py::array::c_style) != 0;
  if (array.ndim() != dimensions || !compact || (access == Access::kWrite && !array.writeable()) ||
      reinterpret_cast<std::uintptr_t>(array.data()) % alignof(Plain) != 0)
    check_layout<Plain>({py::tuple(array.attr("shape")), compact, reinterpret_cast<std::uintptr_t>(array.data()),
                         !array.writeable()},
                        name, dimensions, access);
  return Span<T>{static_cast<T*>(const_cast<void*>(array.data())), array.shape(0),
                 dimensions == 2 ? array.shape(1) : 1, kHost, name, array};
}

inline py::capsule export_capsule(py::handle value, bool on_cuda) {
  py::dict options;
  if (on_cuda) options["stream"] = 1;  // the legacy default stream, on which our kernels run
  py::dict versioned = options.attr("copy")();
  versioned["max_version"] = py::make_tuple(1, 0);
  try {
    return value.attr("__dlpack__")(**versioned);
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;
  }
  return value.attr("__dlpack__")(**options);  // an exporter older than DLPack 1.0
}

template <class T>
Span<T> from_dlpack(py::handle value, const char* name, int dimensions, Access access) {
  using Plain = std::remove_const_t<T>;
  const auto where = value.attr("__dlpack_device__")().cast<std::pair<int, int>>();
  const bool host = where.first == dlpack::kCpu || where.first == dlpack::kCudaHost;
  if (!host && where.first != dlpack::kCuda)
    wrong_type(std::string(name) + " lies on a device of DLPack type " + std::to_string(where.first) +
               "; move it to the CPU or a CUDA device");
  const py::capsule capsule = export_capsule(value, !host);
  const bool versioned = std::string(capsule.name()) == "dltensor_versioned";
  dlpack::Tensor tensor{};
  bool read_only = false;
  if (versioned) {
    const auto* managed = static_cast<dlpack::ManagedVersioned*>(PyCapsule_GetPointer(capsule.ptr(), capsule.name()));
    if (managed->major != 1) wrong_type(std::string(name) + " exports an unknown version of DLPack; pass a NumPy array");
    tensor = managed->tensor;
    read_only = (managed->flags & dlpack::kReadOnly) != 0;
  } else {
    tensor = static_cast<dlpack::Managed*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"))->tensor;
  }
  const std::uint8_t code = std::is_floating_point_v<Plain> ? 2 : std::is_signed_v<Plain> ? 0 : 1;
  if (tensor.dtype.code != code || tensor.dtype.bits != 8 * sizeof(Plain) || tensor.dtype.lanes != 1)
    wrong_type(std::string(name) + " has dtype " + std::string(py::str(value.attr("dtype"))) + ", not " +
               dtype_name<Plain>() + "; cast it to " + dtype_name<Plain>());
  py::tuple shape(tensor.ndim);
  std::int64_t step = 1;
  bool compact = true;
  for (std::int32_t i = tensor.ndim; i-- > 0;) {
    shape[i] = tensor.shape[i];
    if (tensor.strides != nullptr && tensor.shape[i] > 1 && tensor.strides[i] != step) compact = false;
    step *= tensor.shape[i];
  }
  auto* data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  check_layout<Plain>({shape, compact || step == 0, reinterpret_cast<std::uintptr_t>(data), read_only}, name,
                      dimensions, access);
  return Span<T>{reinterpret_cast<T*>(data), tensor.shape[0], dimensions == 2 ? tensor.shape[1] : 1,
                 host ? kHost : where.second, name, capsule};
}

}  // namespace detail

// The array `value` as it lies in memory, of `dimensions` 1 or 2. T is const for Access::kRead.
template <class T>
Span<T> array(py::handle value, const char* name, int dimensions = 1) {
  constexpr Access access = std::is_const_v<T> ? Access::kRead : Access::kWrite;
  if (py::isinstance<py::array>(value)) return detail::from_numpy<T>(value, name, dimensions, access);
  if (py::hasattr(value, "__dlpack__") && py::hasattr(value, "__dlpack_device__"))
    return detail::from_dlpack<T>(value, name, dimensions, access);
  wrong_type(std::string(name) + " is a " + std::string(py::str(py::type::of(value).attr("__name__"))) +
             "; give a NumPy array of dtype " + dtype_name<std::remove_const_t<T>>() + ", or a tensor with DLPack");
}

template <class A, class B>
void same_length(const Span<A>& a, const Span<B>& of) {
  if (a.rows != of.rows)
    wrong_value(std::string(a.name) + " has length " + std::to_string(a.rows) + " but " + of.name + " has length " +
                std::to_string(of.rows) + "; both need one entry each");
}

template <class A, class B>
void same_device(const Span<A>& a, const Span<B>& with) {
  const auto text = [](int device) { return device == kHost ? std::string("CPU") : "cuda:" + std::to_string(device); };
  if (a.device != with.device)
    wrong_value(std::string(a.name) + " lies on " + text(a.device) + " but " + with.name + " on " + text(with.device) +
                "; put both on one device");
}

}  // namespace sparft
