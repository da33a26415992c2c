// Values of arrays, checked fast where all is well and in words where it is not.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "../lanes.h"

namespace sparft {

[[noreturn]] inline void refuse(const std::string& message) { throw std::invalid_argument(message); }

inline std::string text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.15g", value);
  if (std::strtod(buffer, nullptr) != value) std::snprintf(buffer, sizeof buffer, "%.17g", value);
  return buffer;
}

inline std::string at(const char* name, std::int64_t k, const std::string& value) {
  return std::string(name) + "[" + std::to_string(k) + "] = " + value;
}

// Bits of non-negative doubles are ordered as the doubles; the sign bit of the result is set when some x may be
// negative, above `most` or NaN. A loop without branches: at 10^6 arms this is memory speed.
inline bool all_within(const double* x, std::int64_t n, double most) {
  const std::uint64_t limit = recast<std::uint64_t>(most);
  std::uint64_t bad = 0;
  for (std::int64_t k = 0; k < n; ++k) {
    const std::uint64_t bits = recast<std::uint64_t>(x[k]);
    bad |= bits | (limit - bits);
  }
  return (bad >> 63) == 0;
}

// Sign bit set when x is infinite or NaN: the sum carries out of an exponent of ones.
inline std::uint64_t exponent_overflow(double x) {
  return (recast<std::uint64_t>(x) & (std::uint64_t{0x7FF} << 52)) + (std::uint64_t{1} << 52);
}

inline bool all_finite(const double* x, std::int64_t n) {
  std::uint64_t bad = 0;
  for (std::int64_t k = 0; k < n; ++k) bad |= exponent_overflow(x[k]);
  return (bad >> 63) == 0;
}

}  // namespace sparft
