// The steps of a tile by vectors; tile4.cpp and tile8.cpp include it under their names and targets.
#pragma once

#include "simd.h"
#include "tile.h"

namespace sparft {
namespace {

constexpr std::int64_t kGroup = 4 * kLanes;  // variates of one vector of Philox blocks

// Which block each lane takes, such that transposing within halves of a register leaves the variates in order.
SPARFT_HD Uints block_of_lane() {
#if SPARFT_LANES == 8
  return Uints{0, 2, 4, 6, 1, 3, 5, 7};
#else
  return Uints{0, 1, 2, 3};
#endif
}

SPARFT_HD Uints element_of_lane() {
#if SPARFT_LANES == 8
  return Uints{0, 1, 2, 3, 4, 5, 6, 7};
#else
  return Uints{0, 1, 2, 3};
#endif
}

// Words of the counters index + offset.
SPARFT_HD WordsOf<Floats> words_from(Stream s, std::uint64_t index, Uints offset) {
  const Uints low = offset + static_cast<std::uint32_t>(index);
  const Uints carry = (Uints)(low < offset);  // all ones where the low half overflowed
  return words_at<Floats>(s, low, Uints{} + static_cast<std::uint32_t>(index >> 32) - carry);
}

// Writes lane l of z0, z1, z2, z3 to out[4*block_of_lane()[l] ..].
SPARFT_HD void store_transposed(Floats z0, Floats z1, Floats z2, Floats z3, float* out) {
#if SPARFT_LANES == 8
  const Floats a = __builtin_shufflevector(z0, z1, 0, 8, 1, 9, 4, 12, 5, 13);
  const Floats b = __builtin_shufflevector(z0, z1, 2, 10, 3, 11, 6, 14, 7, 15);
  const Floats c = __builtin_shufflevector(z2, z3, 0, 8, 1, 9, 4, 12, 5, 13);
  const Floats d = __builtin_shufflevector(z2, z3, 2, 10, 3, 11, 6, 14, 7, 15);
  store(out, __builtin_shufflevector(a, c, 0, 1, 8, 9, 4, 5, 12, 13));
  store(out + 8, __builtin_shufflevector(a, c, 2, 3, 10, 11, 6, 7, 14, 15));
  store(out + 16, __builtin_shufflevector(b, d, 0, 1, 8, 9, 4, 5, 12, 13));
  store(out + 24, __builtin_shufflevector(b, d, 2, 3, 10, 11, 6, 7, 14, 15));
#else
  const Floats a = __builtin_shufflevector(z0, z1, 0, 4, 1, 5);
  const Floats b = __builtin_shufflevector(z0, z1, 2, 6, 3, 7);
  const Floats c = __builtin_shufflevector(z2, z3, 0, 4, 1, 5);
  const Floats d = __builtin_shufflevector(z2, z3, 2, 6, 3, 7);
  store(out, __builtin_shufflevector(a, c, 0, 1, 4, 5));
  store(out + 4, __builtin_shufflevector(a, c, 2, 3, 6, 7));
  store(out + 8, __builtin_shufflevector(b, d, 0, 1, 4, 5));
  store(out + 12, __builtin_shufflevector(b, d, 2, 3, 6, 7));
#endif
}

struct MakeNormals {
  static constexpr Op kOp = Op::kNormal;
  static SPARFT_HD void group(const WordsOf<Floats>& w, float* out) {
    Floats z0, z1, z2, z3;
    box_muller<Floats>(w.w[0], w.w[1], z0, z1);
    box_muller<Floats>(w.w[2], w.w[3], z2, z3);
    store_transposed(z0, z1, z2, z3, out);
  }
};

struct MakeGumbels {
  static constexpr Op kOp = Op::kGumbel;
  static SPARFT_HD void group(const WordsOf<Floats>& w, float* out) {
    store_transposed(gumbel_of<Floats>(w.w[0]), gumbel_of<Floats>(w.w[1]), gumbel_of<Floats>(w.w[2]),
                     gumbel_of<Floats>(w.w[3]), out);
  }
};

// Whole groups of variates from block `block` on, at least n of them: out has room for n rounded up to kGroup.
template <class Make>
void groups(Stream s, std::uint64_t block, std::int64_t n, float* out) {
  for (std::int64_t done = 0; done < n; done += kGroup)
    Make::group(words_from(s, op_index(Make::kOp, block + static_cast<std::uint64_t>(done / 4)), block_of_lane()),
                out + done);
}

void normals(Stream s, std::uint64_t first, std::int64_t n, float* out) {
  float spare[kGroup];
  while (n > 0) {
    const std::int64_t skip = static_cast<std::int64_t>(first & 3U);
    std::int64_t made = n - n % kGroup;
    if (skip == 0 && made > 0) {
      groups<MakeNormals>(s, first >> 2, made, out);
    } else {
      groups<MakeNormals>(s, first >> 2, kGroup, spare);
      made = skip == 0 ? n : 4 - skip;
      if (made > n) made = n;
      memcpy(out, spare + skip, static_cast<std::size_t>(made) * sizeof(float));
    }
    out += made;
    n -= made;
    first += static_cast<std::uint64_t>(made);
  }
}

void beliefs(const Posterior& p, std::int64_t k, std::int64_t n, double* __restrict a, double* __restrict b) {
  const double* first = p.first + k;
  const double* second = p.second + k;
  switch (p.kind) {
    case Kind::kGaussianMean:
      for (std::int64_t j = 0; j < n; ++j) {
        const double mean = first[j] / second[j];
        a[j] = second[j] > 0.0 ? mean : p.prior_mean;
        b[j] = p.sigma / sqrt(p.scale * second[j] + 1.0);
      }
      return;
    case Kind::kKalman:
      for (std::int64_t j = 0; j < n; ++j) a[j] = first[j];
      for (std::int64_t j = 0; j < n; ++j) b[j] = sqrt(second[j] + p.inflation);
      return;
    case Kind::kBeta:
      if (p.prior_first != nullptr || p.prior_second != nullptr) break;
      for (std::int64_t j = 0; j < n; ++j) a[j] = p.prior_success + p.scale * first[j];
      for (std::int64_t j = 0; j < n; ++j) b[j] = p.prior_failure + p.scale * second[j];
      return;
    default:
      break;
  }
  for (std::int64_t j = 0; j < n; ++j) {
    const Belief belief = belief_of(p, k + j);
    a[j] = belief.a;
    b[j] = belief.b;
  }
}

// The whole rule for the elements at[0..count) of a tile, whose first attempt the squeeze did not settle.
void betas_by_rule(Stream s, std::uint64_t element, const std::int32_t* at, std::int64_t count, const float* a,
                   const float* b, double* theta) {
  const Floats one = splat<Floats>(1.0);
  for (std::int64_t i = 0; i < count; i += kLanes) {
    Floats fa, fb;
    Uints low, high;
    for (int l = 0; l < kLanes; ++l) {
      const std::int32_t j = at[i + l < count ? i + l : count - 1];
      const std::uint64_t index = op_index(Op::kGamma, element + static_cast<std::uint64_t>(j));
      fa[l] = a[j];
      fb[l] = b[j];
      low[l] = static_cast<std::uint32_t>(index);
      high[l] = static_cast<std::uint32_t>(index >> 32);
    }
    Floats da, ca, db, cb;
    gamma_constants(fa, da, ca);
    gamma_constants(fb, db, cb);
    Floats ga = da;
    Floats gb = db;
    Ints need_a = Ints{} - 1;
    Ints need_b = Ints{} - 1;
    for (std::uint32_t t = 0; t < kGammaAttempts && any(need_a | need_b); ++t) {
      const WordsOf<Floats> w = words_at<Floats>(s, low, high | (t << 16));
      Floats xa, xb;
      box_muller<Floats>(w.w[0], w.w[1], xa, xb);
      const Floats va = gamma_cube(ca, xa);
      const Floats vb = gamma_cube(cb, xb);
      const Ints new_a = need_a & gamma_accepts(da, va, xa, uniform_of<Floats>(w.w[2]));
      const Ints new_b = need_b & gamma_accepts(db, vb, xb, uniform_of<Floats>(w.w[3]));
      ga = new_a ? da * va : ga;
      gb = new_b ? db * vb : gb;
      need_a &= ~new_a;
      need_b &= ~new_b;
    }
    Floats p = ga / (ga + gb);
    const Ints boosted = (fa < one) | (fb < one);
    if (any(boosted)) {
      const WordsOf<Floats> w = words_at<Floats>(s, low, high | (kBoostAttempt << 16));
      p = boosted ? beta_boosted(fa, fb, ga, gb, uniform_of<Floats>(w.w[0]), uniform_of<Floats>(w.w[1])) : p;
    }
    for (int l = 0; l < kLanes && i + l < count; ++l) theta[at[i + l]] = static_cast<double>(p[l]);
  }
}

void betas(Stream s, std::uint64_t element, std::int64_t n, const double* a, const double* b, double* theta) {
  float fa[kTile + kLanes];
  float fb[kTile + kLanes];
  float p[kTile + kLanes];
  std::int32_t at[kTile + kLanes];
  std::int64_t count = 0;
  for (std::int64_t j = 0; j < n; ++j) fa[j] = static_cast<float>(a[j]);
  for (std::int64_t j = 0; j < n; ++j) fb[j] = static_cast<float>(b[j]);
  for (int l = 0; l < kLanes; ++l) fa[n + l] = fb[n + l] = 1.0f;
  const Floats one = splat<Floats>(1.0);
  for (std::int64_t j = 0; j < n; j += kLanes) {
    const Floats sa = load<Floats>(fa + j);
    const Floats sb = load<Floats>(fb + j);
    const WordsOf<Floats> w =
        words_from(s, op_index(Op::kGamma, element + static_cast<std::uint64_t>(j)), element_of_lane());
    Floats da, ca, db, cb, xa, xb;
    gamma_constants(sa, da, ca);
    gamma_constants(sb, db, cb);
    box_muller<Floats>(w.w[0], w.w[1], xa, xb);
    const Floats ga = da * gamma_cube(ca, xa);
    const Floats gb = db * gamma_cube(cb, xb);
    store(p + j, ga / (ga + gb));
    // where the squeeze holds the cube is positive: |x| < 2.35 and c <= 0.41
    const Ints settled = gamma_squeeze(xa, uniform_of<Floats>(w.w[2])) &
                         gamma_squeeze(xb, uniform_of<Floats>(w.w[3])) & (sa >= one) & (sb >= one);
    for (unsigned open = bits(~settled); open != 0; open &= open - 1)
      at[count++] = static_cast<std::int32_t>(j) + __builtin_ctz(open);
  }
  while (count > 0 && at[count - 1] >= n) --count;
  for (std::int64_t j = 0; j < n; ++j) theta[j] = static_cast<double>(p[j]);
  betas_by_rule(s, element, at, count, fa, fb, theta);
}

void thetas(Family family, Stream s, std::uint64_t element, std::int64_t n, const double* __restrict a,
            const double* __restrict b, double* __restrict theta) {
  float variates[kTile + 4 + kGroup];
  const std::int64_t skip = static_cast<std::int64_t>(element & 3U);
  const float* z = variates + skip;
  switch (family) {
    case Family::kNormal:
      groups<MakeNormals>(s, element >> 2, n + skip, variates);
      for (std::int64_t j = 0; j < n; ++j) theta[j] = a[j] + b[j] * static_cast<double>(z[j]);
      return;
    case Family::kBeta:
      betas(s, element, n, a, b, theta);
      return;
    case Family::kGumbel:
      groups<MakeGumbels>(s, element >> 2, n + skip, variates);
      for (std::int64_t j = 0; j < n; ++j) theta[j] = a[j] + static_cast<double>(z[j]);
      return;
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
  for (std::int64_t j = 0; j < n; j += kHalf) {
    double part[kHalf] = {};
    const std::int64_t m = n - j < kHalf ? n - j : kHalf;
    memcpy(part, theta + j, static_cast<std::size_t>(m) * sizeof(double));
    Doubles x = load<Doubles>(part);
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
    store(part, Doubles(key == key ? key : Doubles{} - HUGE_VAL));
    memcpy(theta + j, part, static_cast<std::size_t>(m) * sizeof(double));
  }
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
