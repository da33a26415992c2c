// Loops over dimensions, included once per instruction set: no #pragma once. The lanes are those of ../farthest.h,
// written as GCC vectors because a compiler may not reorder float sums into lanes by itself.

using Floats = float __attribute__((vector_size(16)));
using Order = std::int32_t __attribute__((vector_size(16)));
using Lanes = float __attribute__((vector_size(32)));
using Doubles = double __attribute__((vector_size(32)));

// Differences of the last n dimensions, four at most; 0 in the lanes without one.
inline Floats rest_of(const float* a, const float* b, std::int64_t n) {
  return Floats{a[0] - b[0], n > 1 ? a[1] - b[1] : 0.0f, n > 2 ? a[2] - b[2] : 0.0f, n > 3 ? a[3] - b[3] : 0.0f};
}

inline float distance(const float* a, const float* b, std::int64_t dims) {
  Lanes s = {};
  std::int64_t j = 0;
  for (; j + 8 <= dims; j += 8) {
    Lanes x;
    Lanes y;
    std::memcpy(&x, a + j, sizeof x);
    std::memcpy(&y, b + j, sizeof y);
    x -= y;
    s += x * x;
  }
  Floats low;
  Floats high;
  std::memcpy(&low, &s, sizeof low);
  std::memcpy(&high, reinterpret_cast<const char*>(&s) + sizeof low, sizeof high);
  if (j < dims) {
    const Floats x = rest_of(a + j, b + j, dims - j);
    low += x * x;
  }
  if (j + 4 < dims) {
    const Floats x = rest_of(a + j + 4, b + j + 4, dims - j - 4);
    high += x * x;
  }
  low += high;  // from here on add_lanes, in registers
  low += __builtin_shuffle(low, Order{2, 3, 0, 1});
  return low[0] + low[1];
}

inline double scaled_distance(const float* a, const double* sum, double m, std::int64_t dims) {
  Doubles low = {};
  Doubles high = {};
  std::int64_t j = 0;
  for (; j + 8 <= dims; j += 8) {
    Floats x;
    Floats y;
    Doubles u;
    Doubles v;
    std::memcpy(&x, a + j, sizeof x);
    std::memcpy(&y, a + j + 4, sizeof y);
    std::memcpy(&u, sum + j, sizeof u);
    std::memcpy(&v, sum + j + 4, sizeof v);
    u = __builtin_convertvector(x, Doubles) * m - u;
    v = __builtin_convertvector(y, Doubles) * m - v;
    low += u * u;
    high += v * v;
  }
  double lanes[8];
  std::memcpy(lanes, &low, sizeof low);
  std::memcpy(lanes + 4, &high, sizeof high);
  for (int lane = 0; j < dims; ++j, ++lane) {
    const double x = m * static_cast<double>(a[j]) - sum[j];
    lanes[lane] += x * x;
  }
  return add_lanes(lanes);
}

bool within_limit(const float* x, std::int64_t n) {
  int good = 1;
  for (std::int64_t i = 0; i < n; ++i) good &= static_cast<int>(std::fabs(x[i]) <= kFarthestLimit);
  return good != 0;
}

void add_rows(const Rows& r, std::int64_t low, std::int64_t high, double* sum) {
  for (std::int64_t i = low; i < high; ++i)
    for (std::int64_t j = 0; j < r.dims; ++j) sum[j] += static_cast<double>(r.at(i)[j]);
}

Medoid medoid(const Rows& r, std::int64_t low, std::int64_t high, const double* sum, double m) {
  Medoid best{scaled_distance(r.at(low), sum, m, r.dims), low};
  for (std::int64_t i = low + 1; i < high; ++i) {
    const double d = scaled_distance(r.at(i), sum, m, r.dims);
    if (d < best.distance) best = Medoid{d, i};
  }
  return best;
}

void distances(const Rows& r, std::int64_t low, std::int64_t high, const float* pick, float* nearest) {
  for (std::int64_t i = low; i < high; ++i) nearest[i] = distance(r.at(i), pick, r.dims);
}

float maximum(const float* x, std::int64_t n) {
  float most = x[0];
  for (std::int64_t i = 1; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

// Brings rows low .. high-1 up to date with the picks so far as long as they could still win, and returns the winner.
// nearest[i] is exact for the first seen[i] picks, hence an upper bound for all.
Farthest refresh(const Rows& r, std::int64_t low, std::int64_t high, const float* const* picks, std::int32_t picked,
                 float* nearest, std::int32_t* seen, Farthest best) {
  for (std::int64_t i = low; i < high; ++i) {
    while (nearest[i] > best.distance || (nearest[i] == best.distance && i < best.at)) {
      if (seen[i] == picked) {
        best = Farthest{nearest[i], i};
        break;
      }
      const float d = distance(r.at(i), picks[seen[i]++], r.dims);
      if (d < nearest[i]) nearest[i] = d;
    }
  }
  return best;
}

const Kernels kKernels = {within_limit, add_rows, medoid, distances, maximum, refresh};
