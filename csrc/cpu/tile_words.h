// Philox words by vectors, and the normals and Gumbels made of four in a row; part of tile_simd.h.
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

// A stream with everything in all lanes that its counters share, spread out once and not for every vector.
class Source {
 public:
  explicit SPARFT_HD Source(Stream s) {
    const RoundKeys keys = keys_of(s);
    for (int round = 0; round < 10; ++round) {
      first_[round] = Uints{} + keys.first(round);
      second_[round] = Uints{} + keys.second(round);
    }
    step_low_ = Uints{} + static_cast<std::uint32_t>(s.step);
    step_high_ = Uints{} + static_cast<std::uint32_t>(s.step >> 32);
  }

  SPARFT_HD Uints first(int round) const { return first_[round]; }
  SPARFT_HD Uints second(int round) const { return second_[round]; }

  // Words of the counters index + offset.
  SPARFT_HD WordsOf<Floats> words(std::uint64_t index, Uints offset) const {
    return philox<Floats>(counter(index, offset), *this);
  }

  // The same of index and index + step.
  SPARFT_HD void words(std::uint64_t index, std::uint64_t step, Uints offset, WordsOf<Floats> (&pair)[2]) const {
    pair[0] = counter(index, offset);
    pair[1] = counter(index + step, offset);
    philox_each<Floats, 2>(pair, *this);
  }

 private:
  SPARFT_HD WordsOf<Floats> counter(std::uint64_t index, Uints offset) const {
    const Uints low = offset + static_cast<std::uint32_t>(index);
    const Uints carry = (Uints)(low < offset);  // all ones where the low half overflowed
    return WordsOf<Floats>{{low, Uints{} + static_cast<std::uint32_t>(index >> 32) - carry, step_low_, step_high_}};
  }

  Uints first_[10];
  Uints second_[10];
  Uints step_low_;
  Uints step_high_;
};

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

SPARFT_HD std::uint64_t gamma_index(std::uint64_t element, std::uint32_t attempt) {
  return op_index(Op::kGamma, element | (std::uint64_t{attempt} << 48));
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
SPARFT_HD void groups(const Source& source, std::uint64_t block, std::int64_t n, float* out) {
  std::int64_t done = 0;
  for (; done + kGroup < n; done += 2 * kGroup) {
    WordsOf<Floats> pair[2];
    source.words(op_index(Make::kOp, block + static_cast<std::uint64_t>(done / 4)), kLanes, block_of_lane(), pair);
    Make::group(pair[0], out + done);
    Make::group(pair[1], out + done + kGroup);
  }
  if (done < n)
    Make::group(source.words(op_index(Make::kOp, block + static_cast<std::uint64_t>(done / 4)), block_of_lane()),
                out + done);
}

}  // namespace
}  // namespace sparft
