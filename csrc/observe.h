// Running sums and counts per arm: cpu/observe.cpp.
#pragma once

#include <cstdint>

namespace sparft {

struct Observations {
  double* total;        // [arms], in and out
  std::int64_t* count;  // [arms], in and out
  std::int64_t arms;
  const std::int32_t* arm;  // [n]
  const double* value;      // [n]
  std::int64_t n;
};

// Throws std::invalid_argument before anything is written.
void check_observe(const Observations& o);

// total[arm[i]] += value[i], count[arm[i]] += 1, in the order of i: the sums depend on nothing else.
void observe_cpu(const Observations& o);

}  // namespace sparft
