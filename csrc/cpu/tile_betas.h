// Betas of a tile by vectors: one attempt for all, then what it leaves open; part of tile_simd.h.
#pragma once

#include "tile_words.h"

namespace sparft {
namespace {

// Betas of a tile that are still to be settled, packed so that every lane has work.
struct Packed {
  std::int64_t count = 0;
  std::int32_t at[kTile + kLanes];  // where in the tile; the mask of add() says which lanes of its vectors are meant
  float a[kTile + kLanes];
  float b[kTile + kLanes];

  SPARFT_HD void add(unsigned mask, Ints where, Floats shape_a, Floats shape_b) {
    pack(where, mask, at + count);
    pack(shape_a, mask, a + count);
    pack(shape_b, mask, b + count);
    count += __builtin_popcount(mask);
  }
  SPARFT_HD void fill_last() {  // the last vector repeats the last element
    for (int l = 0; l < kLanes && count > 0; ++l) {
      at[count + l] = at[count - 1];
      a[count + l] = a[count - 1];
      b[count + l] = b[count - 1];
    }
  }
};

// Betas attempt by attempt, from the first on: the definition, for the few that need more than one or have a shape
// below 1.
void betas_by_attempts(const Source& source, std::uint64_t element, Packed& left, float* p) {
  const Floats one = splat<Floats>(1.0);
  left.fill_last();
  for (std::int64_t i = 0; i < left.count; i += kLanes) {
    const Floats a = load<Floats>(left.a + i);
    const Floats b = load<Floats>(left.b + i);
    const Uints offset = load<Uints>(left.at + i);
    Floats da, ca, db, cb;
    gamma_constants(a, da, ca);
    gamma_constants(b, db, cb);
    Floats ga = da;
    Floats gb = db;
    Ints need_a = Ints{} - 1;
    Ints need_b = Ints{} - 1;
    for (std::uint32_t t = 0; t < kGammaAttempts && any(need_a | need_b); ++t) {
      const WordsOf<Floats> w = source.words(gamma_index(element, t), offset);
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
    Floats drawn = ga / (ga + gb);
    const Ints boosted = (a < one) | (b < one);
    if (any(boosted)) {
      const WordsOf<Floats> w = source.words(gamma_index(element, kBoostAttempt), offset);
      drawn = boosted ? beta_boosted(a, b, ga, gb, uniform_of<Floats>(w.w[0]), uniform_of<Floats>(w.w[1])) : drawn;
    }
    for (int l = 0; l < kLanes; ++l) p[left.at[i + l]] = drawn[l];
  }
}

// First attempts that the squeeze did not settle, by the rule itself; the few that it refuses go to `left`.
struct Unsettled : Packed {
  float x[2][kTile + kLanes];
  float u[2][kTile + kLanes];

  SPARFT_HD void add(unsigned mask, Ints where, Floats shape_a, Floats shape_b, const Floats* lane_x,
                     const Floats* lane_u) {
    for (int i = 0; i < 2; ++i) {
      pack(lane_x[i], mask, x[i] + count);
      pack(lane_u[i], mask, u[i] + count);
    }
    Packed::add(mask, where, shape_a, shape_b);
  }

  void settle(float* p, Packed& left) {
    fill_last();
    for (std::int64_t i = 0; i < count; i += kLanes) {
      const Floats sa = load<Floats>(a + i);
      const Floats sb = load<Floats>(b + i);
      Floats da, ca, db, cb;
      gamma_constants(sa, da, ca);
      gamma_constants(sb, db, cb);
      const Floats xa = load<Floats>(x[0] + i);
      const Floats xb = load<Floats>(x[1] + i);
      const Floats va = gamma_cube(ca, xa);
      const Floats vb = gamma_cube(cb, xb);
      const Ints accepted =
          gamma_accepts(da, va, xa, load<Floats>(u[0] + i)) & gamma_accepts(db, vb, xb, load<Floats>(u[1] + i));
      const Floats ga = da * va;
      const Floats gb = db * vb;
      const Floats drawn = ga / (ga + gb);
      const int lanes = static_cast<int>(count - i < kLanes ? count - i : kLanes);
      for (int l = 0; l < lanes; ++l) p[at[i + l]] = drawn[l];
      const unsigned there = (1U << lanes) - 1U;
      const unsigned refused = bits(~accepted) & there;
      if (refused != 0) left.add(refused, load<Ints>(at + i), sa, sb);
    }
  }
};

// First attempts of kLanes elements from j on, whose words are w.
SPARFT_HD void first_attempts(const WordsOf<Floats>& w, std::int64_t j, Floats a, Floats b, float* p,
                              Unsettled& unsettled, Packed& left) {
  const Floats one = splat<Floats>(1.0);
  Floats da, ca, db, cb, x[2];
  gamma_constants(a, da, ca);
  gamma_constants(b, db, cb);
  box_muller<Floats>(w.w[0], w.w[1], x[0], x[1]);
  const Floats u[2] = {uniform_of<Floats>(w.w[2]), uniform_of<Floats>(w.w[3])};
  const Floats ga = da * gamma_cube(ca, x[0]);
  const Floats gb = db * gamma_cube(cb, x[1]);
  store(p + j, ga / (ga + gb));
  // where the squeeze holds the cube is positive: |x| < 2.35 and c <= 0.41
  const Ints settled = gamma_squeeze(x[0], u[0]) & gamma_squeeze(x[1], u[1]);
  const Ints plain = (a >= one) & (b >= one);
  const Ints where = (Ints)element_of_lane() + static_cast<std::int32_t>(j);
  unsettled.add(bits(~settled & plain), where, a, b, x, u);
  if (any(~plain)) left.add(bits(~plain), where, a, b);
}

void betas(Stream s, std::uint64_t element, std::int64_t n, const double* a, const double* b, double* theta) {
  constexpr std::int64_t kPair = 2 * kLanes;
  static_assert(kTile % kPair == 0, "a tile rounded up to pairs is no longer than a tile");
  float fa[kTile + kPair];
  float fb[kTile + kPair];
  float p[kTile + kPair];
  const Source source(s);
  Unsettled unsettled;
  Packed left;
  for (std::int64_t j = 0; j < n; ++j) fa[j] = static_cast<float>(a[j]);
  for (std::int64_t j = 0; j < n; ++j) fb[j] = static_cast<float>(b[j]);
  for (std::int64_t l = 0; l < kPair; ++l) fa[n + l] = fb[n + l] = 1.0f;
  for (std::int64_t j = 0; j < n; j += kPair) {
    WordsOf<Floats> w[2];
    source.words(gamma_index(element + static_cast<std::uint64_t>(j), 0), kLanes, element_of_lane(), w);
    for (std::int64_t i = 0; i < 2; ++i) {
      const std::int64_t at = j + i * kLanes;
      first_attempts(w[i], at, load<Floats>(fa + at), load<Floats>(fb + at), p, unsettled, left);
    }
  }
  unsettled.settle(p, left);
  betas_by_attempts(source, element, left, p);
  for (std::int64_t j = 0; j < n; ++j) theta[j] = static_cast<double>(p[j]);
}

}  // namespace
}  // namespace sparft
