// Tiles of keys: utility(theta) of the elements r * arms + k, in the order of the elements.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "../choose.h"
#include "tile.h"

namespace sparft {

// The widest lanes that the machine has, or those asked for.
const TileOps& tile_ops(int lanes);

// Threads that pay for a call: waking one costs as much as some 10^4 draws of a Gaussian.
int worth(int threads, Family family, std::int64_t elements);

class Keys {
 public:
  // For calls of up to `rounds` rounds at a time. Throws what check_posterior throws, unless it leaves the checking to
  // arms(): beliefs that are read once from memory are best checked then.
  Keys(const Posterior& p, const Utility& utility, std::int64_t rounds, Stream s, const TileOps& ops);

  Keys(const Keys&) = delete;

  const TileOps& ops() const { return ops_; }
  Family family() const { return family_; }
  // After all arms of a round: true when the keys are to be made again, because arms() doubted beliefs that are right
  // after all. Throws when they are not.
  bool again() {
    if (!doubt_) return false;
    check_posterior(p_);
    checks_ = false;
    doubt_ = false;
    return true;
  }

  // Rounds that fit a tile, 0 when one does not.
  std::int64_t rounds_per_tile() const { return copies_; }

  // Keys of n rounds from `round` on, n <= rounds_per_tile().
  void rounds(std::int64_t round, std::int64_t n, double* key) const {
    fill(static_cast<std::uint64_t>(round * p_.arms), n * p_.arms, a_, b_, key);
  }

  // Keys of n <= kTile arms from `arm` on, in one round.
  void arms(std::int64_t round, std::int64_t arm, std::int64_t n, double* key) const {
    const auto element = static_cast<std::uint64_t>(round * p_.arms + arm);
    // betas out of range might never be accepted, so they are checked before; others once drawing has brought them
    // into the cache
    if (checks_ && family_ == Family::kBeta && !ops_.passes(p_, arm, n)) {
      doubt_ = true;
      std::fill(key, key + n, 0.0);
      return;
    }
    if (a_ != nullptr) {
      fill(element, n, a_ + arm, b_ == nullptr ? nullptr : b_ + arm, key);
    } else {
      double a[kTile];
      double b[kTile];
      ops_.beliefs(p_, arm, n, a, b);
      fill(element, n, a, b, key);
    }
    if (checks_ && family_ != Family::kBeta && !ops_.passes(p_, arm, n)) doubt_ = true;
  }

 private:
  void fill(std::uint64_t element, std::int64_t n, const double* a, const double* b, double* key) const {
    ops_.thetas(family_, s_, element, n, a, b, key);
    ops_.utilities(utility_, n, key);
  }

  Posterior p_;
  Utility utility_;
  Stream s_;
  const TileOps& ops_;
  Family family_;
  bool checks_ = false;
  mutable std::atomic<bool> doubt_{false};
  std::int64_t copies_ = 0;
  // The beliefs of all arms, `copies_` times in a row when a tile takes several rounds; null: made tile by tile.
  const double* a_ = nullptr;
  const double* b_ = nullptr;
  std::vector<double> held_;
};

}  // namespace sparft
