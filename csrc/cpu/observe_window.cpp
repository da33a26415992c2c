#include <algorithm>
#include <limits>

#include "../observe.h"
#include "observe_checks.h"

namespace sparft {
namespace {

void check_width(std::int64_t width) {
  if (width < 1) refuse("window has no slots (0 columns); give at least one");
}

double sum_of(const WindowMean& w, std::int64_t a, std::int64_t filled) {
  double sum = 0.0;
  for (std::int64_t s = 0; s < filled; ++s) sum += w.window[a * w.width + s];
  return sum;
}

[[noreturn]] void refuse_window(const WindowMean& w, std::int64_t a, std::int64_t filled) {
  for (std::int64_t s = 0; s < filled; ++s) {
    const double x = w.window[a * w.width + s];
    if (!std::isfinite(x))
      refuse("window[" + text(a) + ", " + text(s) + "] = " + text(x) + " is not finite; restore it");
  }
  refuse("window[" + text(a) + "] has values whose sum overflows; use smaller ones");
}

}  // namespace

void check_call(const WindowObservations& o) {
  check_arms("window", o.arms);
  check_width(o.width);
  check_overlap({{"window", o.window, o.arms * o.width * 8},
                 {"seen", o.seen, o.arms * 8},
                 {"arm", o.arm, o.n * 4},
                 {"value", o.value, o.n * 8}});
}

void check_window(const WindowObservations& o) {
  for (std::int64_t i = 0; i < o.n; ++i) {
    if (o.arm[i] < 0 || o.arm[i] >= o.arms) refuse_arm(i, o.arm[i], o.arms);
    if (!std::isfinite(o.value[i])) refuse(at("value", i, o.value[i]) + " is not finite; drop or repair it");
    const std::int64_t seen = o.seen[o.arm[i]];
    if (seen < 0 || seen > INT64_MAX - o.n)
      refuse(at("seen", o.arm[i], seen) + " is negative or would overflow; it counts from 0");
  }
}

void observe_window_cpu(const WindowObservations& o) {
  check_window(o);
  for (std::int64_t i = 0; i < o.n; ++i) {
    const std::int64_t k = o.arm[i];
    o.window[k * o.width + o.seen[k] % o.width] = o.value[i];
    o.seen[k] += 1;
  }
}

void check_call(const WindowMean& w) {
  check_arms("window", w.arms);
  check_width(w.width);
}

void check_window_mean(const WindowMean& w) {
  for (std::int64_t a = 0; a < w.arms; ++a) {
    if (w.seen[a] < 0) refuse(at("seen", a, w.seen[a]) + " is negative; it counts from 0");
    const std::int64_t filled = std::min(w.seen[a], w.width);
    if (!std::isfinite(sum_of(w, a, filled))) refuse_window(w, a, filled);
  }
}

void window_mean_cpu(const WindowMean& w) {
  for (std::int64_t a = 0; a < w.arms; ++a) {
    const std::int64_t filled = std::min(w.seen[a], w.width);
    const double sum = sum_of(w, a, filled);
    w.out[a] = filled == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(filled);
    if (w.seen[a] < 0 || !std::isfinite(sum)) check_window_mean(w);  // which throws; out is this call's own
  }
}

}  // namespace sparft
