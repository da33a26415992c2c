// Farthest-point selection: arrays in, rows out.
#include <pybind11/pybind11.h>

#include <string>

#include "bindings.h"
#include "farthest.h"

namespace sparft {
namespace {

// How many rows come out; what take asks beyond the rows is refused here, before memory is taken for it.
std::int64_t total_of(const Span<const std::int64_t>& take, std::int64_t rows) {
  std::int64_t total = 0;
  for (std::int64_t k = 0; k < take.rows; ++k) {
    if (take.data[k] < 0 || take.data[k] > rows - total)
      wrong_value("take[" + std::to_string(k) + "] = " + std::to_string(take.data[k]) +
                  " is negative or more than the rows of points; take 0 .. the rows of that cluster");
    total += take.data[k];
  }
  return total;
}

py::array_t<std::int64_t> farthest_points(py::handle points_, py::handle cluster_, py::handle take_, int threads) {
  const auto points = array<const float>(points_, "points", 2);
  const auto cluster = array<const std::int32_t>(cluster_, "cluster");
  const auto take = array<const std::int64_t>(take_, "take");
  same_length(cluster, points);
  same_device(cluster, points);
  if (take.device != kHost) wrong_value("take lies on a CUDA device; put it on the CPU, it says how many rows come out");
  const FarthestPoints p{points.data, points.rows, points.columns, cluster.data, take.data, take.rows};
  py::array_t<std::int64_t> out(total_of(take, points.rows));
  std::int64_t* rows = out.mutable_data();
  const py::gil_scoped_release unlocked;
  if (points.device == kHost) {
    farthest_cpu(p, threads, rows);
  } else {
#ifdef SPARFT_WITH_CUDA
    farthest_cuda(p, points.device, rows);
#else
    no_cuda("points");
#endif
  }
  return out;
}

}  // namespace

void bind_farthest(py::module_& m) { m.def("farthest_points", &farthest_points); }

}  // namespace sparft
