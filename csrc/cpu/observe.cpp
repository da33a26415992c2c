#include "../observe.h"

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace sparft {
namespace {

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument(message); }

template <class Value>
std::string at(const char* name, std::int64_t index, Value value) {
  return std::string(name) + "[" + std::to_string(index) + "] = " + std::to_string(value);
}

struct Bytes {
  const char* name;
  const void* data;
  std::int64_t size;
};

bool overlap(const Bytes& a, const Bytes& b) {
  const auto x = reinterpret_cast<std::uintptr_t>(a.data);
  const auto y = reinterpret_cast<std::uintptr_t>(b.data);
  return a.size > 0 && b.size > 0 && x < y + static_cast<std::uintptr_t>(b.size) &&
         y < x + static_cast<std::uintptr_t>(a.size);
}

// Writing total or count must not change what is still to be read, least of all arm ids already checked.
void check_overlap(const Observations& o) {
  const Bytes all[] = {{"total", o.total, o.arms * 8},
                       {"count", o.count, o.arms * 8},
                       {"arm", o.arm, o.n * 4},
                       {"value", o.value, o.n * 8}};
  for (int i = 0; i < 2; ++i)
    for (int j = i + 1; j < 4; ++j)
      if (overlap(all[i], all[j]))
        refuse(std::string(all[i].name) + " and " + all[j].name + " share memory; pass a copy of one of them");
}

}  // namespace

void check_observe(const Observations& o) {
  if (o.arms < 1) refuse("total has no arms (length 0); give at least one arm");
  check_overlap(o);
  double sum = 0.0;
  for (std::int64_t i = 0; i < o.n; ++i) {
    if (o.arm[i] < 0 || o.arm[i] >= o.arms)
      refuse(at("arm", i, o.arm[i]) + " is out of range; arms are 0.." + std::to_string(o.arms - 1));
    if (!std::isfinite(o.value[i])) refuse(at("value", i, o.value[i]) + " is not finite; drop or repair it");
    sum += std::fabs(o.value[i]);
  }
  for (std::int64_t i = 0; i < o.n; ++i) {
    const std::int64_t k = o.arm[i];
    if (!std::isfinite(std::fabs(o.total[k]) + sum))
      refuse(at("total", k, o.total[k]) + " is not finite or would overflow with these values; restore or rescale it");
    if (o.count[k] < 0 || o.count[k] > INT64_MAX - o.n)
      refuse(at("count", k, o.count[k]) + " is negative or would overflow; counts start at 0");
  }
}

void observe_cpu(const Observations& o) {
  for (std::int64_t i = 0; i < o.n; ++i) {
    o.total[o.arm[i]] += o.value[i];
    o.count[o.arm[i]] += 1;
  }
}

}  // namespace sparft
