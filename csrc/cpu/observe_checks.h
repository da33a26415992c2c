// Messages and memory checks that the observe ops share.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <stdexcept>
#include <string>

namespace sparft {

[[noreturn]] inline void refuse(const std::string& message) { throw std::invalid_argument(message); }

inline std::string text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.17g", value);
  return buffer;
}
inline std::string text(std::int64_t value) { return std::to_string(value); }
inline std::string text(std::int32_t value) { return std::to_string(value); }

template <class Value>
std::string at(const char* name, std::int64_t index, Value value) {
  return std::string(name) + "[" + std::to_string(index) + "] = " + text(value);
}

[[noreturn]] inline void refuse_arm(std::int64_t i, std::int32_t arm, std::int64_t arms) {
  refuse(at("arm", i, arm) + " is out of range; arms are 0.." + std::to_string(arms - 1));
}

inline void check_positive(const char* name, double value) {
  if (!(value > 0.0) || !std::isfinite(value))
    refuse(std::string(name) + " = " + text(value) + " is not a finite number above 0; give 1.0 for no scaling");
}

struct Bytes {
  const char* name;
  const void* data;
  std::int64_t size;
};

inline bool overlap(const Bytes& a, const Bytes& b) {
  const auto x = reinterpret_cast<std::uintptr_t>(a.data);
  const auto y = reinterpret_cast<std::uintptr_t>(b.data);
  return a.size > 0 && b.size > 0 && x < y + static_cast<std::uintptr_t>(b.size) &&
         y < x + static_cast<std::uintptr_t>(a.size);
}

// The first two are written: that must not change what is still to be read, least of all arm ids already checked.
inline void check_overlap(std::initializer_list<Bytes> all) {
  for (const Bytes* a = all.begin(); a != all.begin() + 2; ++a)
    for (const Bytes* b = a + 1; b != all.end(); ++b)
      if (overlap(*a, *b))
        refuse(std::string(a->name) + " and " + b->name + " share memory; pass a copy of one of them");
}

inline void check_arms(const char* name, std::int64_t arms) {
  if (arms < 1) refuse(std::string(name) + " has no arms (length 0); give at least one arm");
  if (arms > INT32_MAX) refuse(std::string(name) + " has " + text(arms) + " arms; at most 2147483647 are supported");
}

}  // namespace sparft
