#include "../observe.h"
#include "observe_checks.h"

namespace sparft {

void check_call(const Rescaling& r) { check_positive("factor", r.factor); }

void check_rescale(const Rescaling& r, const char* name) {
  bool good = true;
  for (std::int64_t i = 0; i < r.n; ++i) good &= std::fabs(r.data[i] * r.factor) < kExactBelow;
  if (good) return;
  for (std::int64_t i = 0; i < r.n; ++i) {
    if (!std::isfinite(r.data[i])) refuse(at(name, i, r.data[i]) + " is not finite; restore it");
    if (!(std::fabs(r.data[i] * r.factor) < kExactBelow))
      refuse(at(name, i, r.data[i]) + " times factor = " + text(r.factor) +
             " is not below 2**21, where sums are exact; use a smaller factor");
  }
}

void rescale_cpu(const Rescaling& r) {
  for (std::int64_t i = 0; i < r.n; ++i) r.data[i] = quantum(r.data[i] * r.factor);
}

}  // namespace sparft
