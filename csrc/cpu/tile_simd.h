// The steps of a tile by vectors; tile4.cpp and tile8.cpp include it under their names and targets.
#pragma once

#include "passes.h"
#include "simd.h"
#include "tile.h"
#include "tile_beliefs.h"
#include "tile_betas.h"
#include "tile_words.h"

namespace sparft {
namespace {

void normals(Stream s, std::uint64_t first, std::int64_t n, float* out) {
  const Source source(s);
  float spare[kGroup];
  while (n > 0) {
    const std::int64_t skip = static_cast<std::int64_t>(first & 3U);
    std::int64_t made = n - n % kGroup;
    if (skip == 0 && made > 0) {
      groups<MakeNormals>(source, first >> 2, made, out);
    } else {
      groups<MakeNormals>(source, first >> 2, kGroup, spare);
      made = skip == 0 ? n : 4 - skip;
      if (made > n) made = n;
      memcpy(out, spare + skip, static_cast<std::size_t>(made) * sizeof(float));
    }
    out += made;
    n -= made;
    first += static_cast<std::uint64_t>(made);
  }
}

bool passes(const Posterior& p, std::int64_t k, std::int64_t n) { return passes_all(p, k, n); }

// Variates and what is made of them piece by piece, so that reading beliefs from memory overlaps with drawing.
template <class Make, class Combine>
SPARFT_HD void draw_pieces(Stream s, std::uint64_t element, std::int64_t n, Combine combine) {
  constexpr std::int64_t kPiece = 2 * kGroup;
  const Source source(s);
  float z[kPiece];
  const std::int64_t skip = static_cast<std::int64_t>(element & 3U);
  for (std::int64_t at = -skip; at < n; at += kPiece) {
    const std::uint64_t block = (element + static_cast<std::uint64_t>(at + skip)) >> 2;
    if (at >= 0 && at + kPiece <= n) {
      groups<Make>(source, block, kPiece, z);
      for (std::int64_t j = 0; j < kPiece; ++j) combine(at + j, z[j]);
    } else {
      groups<Make>(source, block, n - at < kPiece ? n - at : kPiece, z);
      for (std::int64_t j = at < 0 ? -at : 0; j < kPiece && at + j < n; ++j) combine(at + j, z[j]);
    }
  }
}

void thetas(Family family, Stream s, std::uint64_t element, std::int64_t n, const double* __restrict a,
            const double* __restrict b, double* __restrict theta) {
  switch (family) {
    case Family::kNormal:
      return draw_pieces<MakeNormals>(
          s, element, n, [=](std::int64_t j, float z) { theta[j] = a[j] + b[j] * static_cast<double>(z); });
    case Family::kBeta:
      return betas(s, element, n, a, b, theta);
    case Family::kGumbel:
      return draw_pieces<MakeGumbels>(s, element, n,
                                      [=](std::int64_t j, float z) { theta[j] = a[j] + static_cast<double>(z); });
    case Family::kFixed:
      for (std::int64_t j = 0; j < n; ++j) theta[j] = a[j];
      return;
  }
}

// One loop per kind, which the compiler vectorises: the switch inside utility_of folds away.
template <UtilityKind kKind>
SPARFT_HD void each(Utility utility, std::int64_t n, double* theta) {
  utility.kind = kKind;
  for (std::int64_t j = 0; j < n; ++j) theta[j] = utility_of(utility, theta[j]);
}

void mixed(std::int32_t group, std::int64_t n, double* theta) {
  map(n, theta, theta, theta, [group](Doubles x, Doubles) {
    Doubles y = 1.0 - x;
    Doubles all = (group & 1) != 0 ? x : Doubles{} + 1.0;
    Doubles none = (group & 1) != 0 ? y : Doubles{} + 1.0;
    for (std::int32_t g = group >> 1; g > 0; g >>= 1) {
      x = x * x;
      y = y * y;
      if ((g & 1) != 0) {
        all = all * x;
        none = none * y;
      }
    }
    const Doubles key = (1.0 - all) - none;
    return key == key ? key : Doubles{} - HUGE_VAL;
  });
}

void utilities(const Utility& utility, std::int64_t n, double* theta) {
  switch (utility.kind) {
    case UtilityKind::kIdentity:
      return;
    case UtilityKind::kNegative:
      return each<UtilityKind::kNegative>(utility, n, theta);
    case UtilityKind::kTarget:
      return each<UtilityKind::kTarget>(utility, n, theta);
    case UtilityKind::kLearnability:
      return each<UtilityKind::kLearnability>(utility, n, theta);
    case UtilityKind::kMixed:
      return mixed(utility.group, n, theta);
  }
}

void close(const std::uint8_t* __restrict open, std::int64_t n, double* __restrict key) {
  for (std::int64_t j = 0; j < n; ++j) {
    std::uint64_t bits_of_key;
    memcpy(&bits_of_key, key + j, sizeof bits_of_key);
    bits_of_key |= std::uint64_t{open[j]} - 1;  // all ones, a NaN, where open is 0
    memcpy(key + j, &bits_of_key, sizeof bits_of_key);
  }
}

SPARFT_HD double largest(const double* key, std::int64_t n, double bar) {
  std::int64_t j = 0;
  if (n >= 4 * kHalf) {
    Doubles top[4];
    for (Doubles& t : top) t = Doubles{} + bar;
    for (; j + 4 * kHalf <= n; j += 4 * kHalf) {
      for (int i = 0; i < 4; ++i) {
        const Doubles x = load<Doubles>(key + j + i * kHalf);
        top[i] = x > top[i] ? x : top[i];
      }
    }
    for (const Doubles& t : top)
      for (int l = 0; l < kHalf; ++l) bar = t[l] > bar ? t[l] : bar;
  }
  for (; j < n; ++j) bar = key[j] > bar ? key[j] : bar;
  return bar;
}

SPARFT_HD std::int64_t find(const double* key, double wanted) {
  std::int64_t j = 0;
  while (!(key[j] == wanted)) ++j;
  return j;
}

std::int64_t best(const double* key, std::int64_t n, double& bar) {
  const double top = largest(key, n, bar);
  if (!(top > bar)) return -1;
  bar = top;
  return find(key, top);
}

void best_rows(const double* key, std::int64_t rounds, std::int64_t arms, std::int32_t* arm) {
  for (std::int64_t r = 0; r < rounds; ++r) {
    const double* row = key + r * arms;
    const double top = largest(row, arms, -HUGE_VAL);
    arm[r] = top > -HUGE_VAL ? static_cast<std::int32_t>(find(row, top)) : -1;
  }
}

std::int64_t above(const double* key, std::int64_t n, double bar, std::int32_t* index) {
  std::int64_t count = 0;
  std::int64_t j = 0;
  for (; j + 4 * kHalf <= n; j += 4 * kHalf) {
    Longs some{};
    for (int i = 0; i < 4; ++i) some |= load<Doubles>(key + j + i * kHalf) > bar;
    if (!any((Ints)some)) continue;
    for (std::int64_t i = j; i < j + 4 * kHalf; ++i)
      if (key[i] > bar) index[count++] = static_cast<std::int32_t>(i);
  }
  for (; j < n; ++j)
    if (key[j] > bar) index[count++] = static_cast<std::int32_t>(j);
  return count;
}

}  // namespace
}  // namespace sparft
