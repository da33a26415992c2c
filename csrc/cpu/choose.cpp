#include "../choose.h"

#include <cmath>

#include "keys.h"
#include "parallel.h"

namespace sparft {
namespace {

constexpr std::int64_t kBatchDraws = std::int64_t{1} << 20;

// Rounds of few arms: each tile holds several.
class FewArms {
 public:
  FewArms(const Keys& keys, std::int64_t arms, int threads) : keys_(keys), arms_(arms), threads_(threads) {}

  void pick(std::int64_t first, std::int64_t n, std::int32_t* out) {
    const std::int64_t each = keys_.rounds_per_tile();
    const int threads = worth(threads_, keys_.family(), n * arms_);
    parallel_for(threads, (n + each - 1) / each, [&](std::int64_t task) {
      const std::int64_t done = task * each;
      const std::int64_t rounds = std::min(each, n - done);
      double key[kTile];
      keys_.rounds(first + done, rounds, key);
      if (!mask_.empty()) keys_.ops().close(mask_.data(), rounds * arms_, key);
      keys_.ops().best_rows(key, rounds, arms_, out + done);
    });
  }

  void close(const std::uint8_t* open) {
    mask_.clear();
    for (std::int64_t i = 0; i < keys_.rounds_per_tile(); ++i) mask_.insert(mask_.end(), open, open + arms_);
  }

 private:
  const Keys& keys_;
  std::int64_t arms_;
  int threads_;
  std::vector<std::uint8_t> mask_;
};

// Rounds of many arms: tiles of arms, and slabs of tiles for the threads when there are fewer rounds than threads.
class ManyArms {
 public:
  ManyArms(const Keys& keys, std::int64_t arms, int threads) : keys_(keys), arms_(arms), threads_(threads) {}

  void pick(std::int64_t first, std::int64_t n, std::int32_t* out) {
    const std::int64_t tiles = (arms_ + kTile - 1) / kTile;
    const int threads = worth(threads_, keys_.family(), n * arms_);
    // more slabs than threads, since a thread that starts late should find less left to do
    const std::int64_t slabs = threads == 1 || n >= 4 * threads ? 1 : std::min<std::int64_t>(8 * threads, tiles);
    best_.assign(static_cast<std::size_t>(n * slabs), Best{-HUGE_VAL, -1});
    parallel_for(threads, n * slabs, [&](std::int64_t task) {
      const std::int64_t slab = task % slabs;
      best_[static_cast<std::size_t>(task)] =
          scan(first + task / slabs, tiles * slab / slabs * kTile, std::min(arms_, tiles * (slab + 1) / slabs * kTile));
    });
    for (std::int64_t r = 0; r < n; ++r) {
      Best winner{-HUGE_VAL, -1};
      for (std::int64_t slab = 0; slab < slabs; ++slab) {
        const Best& other = best_[static_cast<std::size_t>(r * slabs + slab)];
        if (beats(other, winner)) winner = other;
      }
      out[r] = static_cast<std::int32_t>(winner.arm);
    }
  }

  void close(const std::uint8_t* open) { open_ = open; }

 private:
  Best scan(std::int64_t round, std::int64_t low, std::int64_t high) const {
    Best best{-HUGE_VAL, -1};
    double key[kTile];
    for (std::int64_t arm = low; arm < high; arm += kTile) {
      const std::int64_t n = std::min(kTile, high - arm);
      keys_.arms(round, arm, n, key);
      if (open_ != nullptr) keys_.ops().close(open_ + arm, n, key);
      const std::int64_t at = keys_.ops().best(key, n, best.key);
      if (at >= 0) best.arm = arm + at;
    }
    return best;
  }

  const Keys& keys_;
  std::int64_t arms_;
  int threads_;
  const std::uint8_t* open_ = nullptr;
  std::vector<Best> best_;
};

template <class Picker>
void choose_with(Picker picker, Keys& keys, OpenArms& open, std::int64_t rounds, std::int64_t batch, double floor,
                 Stream s, std::int32_t* out) {
  assign_rounds(open, rounds, batch, floor, s, out,
                [&](std::int64_t first, std::int64_t n, std::int32_t* arm, bool mask_changed) {
                  if (mask_changed && !open.all()) picker.close(open.mask());
                  do picker.pick(first, n, arm);
                  while (keys.again());
                  // above -inf there was nothing: every open arm is worth -inf, and the lowest wins
                  for (std::int64_t r = 0; r < n; ++r)
                    if (arm[r] < 0 && open.count() > 0) arm[r] = static_cast<std::int32_t>(open.of_rank(0));
                });
}

}  // namespace

void draw_cpu(const Posterior& p, const Utility& utility, std::int64_t rounds, Stream s, Cpu cpu, double* out) {
  Keys keys(p, utility, rounds, s, tile_ops(cpu.lanes));
  const int threads = worth(cpu.threads, keys.family(), rounds * p.arms);
  const std::int64_t each = keys.rounds_per_tile();
  if (each > 0) {
    parallel_for(threads, (rounds + each - 1) / each, [&](std::int64_t task) {
      const std::int64_t round = task * each;
      keys.rounds(round, std::min(each, rounds - round), out + round * p.arms);
    });
    return;
  }
  const std::int64_t tiles = (p.arms + kTile - 1) / kTile;
  do {
    parallel_for(threads, rounds * tiles, [&](std::int64_t task) {
      const std::int64_t arm = task % tiles * kTile;
      keys.arms(task / tiles, arm, std::min(kTile, p.arms - arm), out + task / tiles * p.arms + arm);
    });
  } while (keys.again());
}

void choose_cpu(const Posterior& p, const Utility& utility, std::int64_t rounds, const std::int64_t* capacity,
                double floor, Stream s, Cpu cpu, std::int32_t* out) {
  const std::int64_t batch = std::min(rounds, std::max<std::int64_t>(kBatchDraws / p.arms, 1));
  Keys keys(p, utility, rounds, s, tile_ops(cpu.lanes));
  OpenArms open(capacity, p.arms);
  if (keys.rounds_per_tile() > 0) {
    choose_with(FewArms(keys, p.arms, cpu.threads), keys, open, rounds, batch, floor, s, out);
  } else {
    choose_with(ManyArms(keys, p.arms, cpu.threads), keys, open, rounds, batch, floor, s, out);
  }
}

void normals_cpu(Stream s, std::uint64_t first, std::int64_t count, Cpu cpu, float* out) {
  tile_ops(cpu.lanes).normals(s, first, count, out);
}

void words_cpu(Stream s, std::uint64_t first, std::int64_t count, std::uint32_t* out) {
  for (std::int64_t done = 0; done < count;) {
    const std::uint64_t index = first + static_cast<std::uint64_t>(done);
    const Words w = stream_words(s, Op::kNormal, index >> 2);
    for (std::uint64_t lane = index & 3U; lane < 4 && done < count; ++lane) out[done++] = w.w[lane];
  }
}

}  // namespace sparft
