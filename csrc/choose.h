// draw, choose and choose_top over arms: cpu/choose.cpp and cuda/choose.cu.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "posterior.h"
#include "utility.h"

namespace sparft {

struct Best {
  double key;
  std::int64_t arm;  // -1: none yet
};

// A total order (larger key, then lower arm), so that any order of reduction ends at the same arm. Keys of closed
// arms must not get here; those of open arms are never NaN.
SPARFT_HD bool beats(const Best& a, const Best& b) {
  if (a.arm < 0) return false;
  if (b.arm < 0) return true;
  return a.key > b.key || (a.key == b.key && a.arm < b.arm);
}

// All of these throw std::invalid_argument naming argument, value and fix. check_posterior reads the arrays, hence on
// the host. The ops see to it themselves that it would pass: on the CPU while they draw, where that saves a reading.
void check_numbers(const Posterior& p);    // the numbers beside the arrays
void check_posterior(const Posterior& p);  // the arrays, once the numbers are right
void check_utility(const Posterior& p, const Utility& utility);
void check_rounds(const Posterior& p, std::int64_t rounds);  // sizes only, reads no array
void check_capacity(const Posterior& p, std::int64_t rounds, const std::int64_t* capacity, double floor);
void check_top(const Posterior& p, std::int64_t n, const std::uint8_t* open);

// How the CPU works; neither number changes a result.
struct Cpu {
  int threads = 1;
  int lanes = 0;  // 1, 4 or 8 at a time; 0: as many as the machine has
};

// utility(theta) of every arm in every round, [rounds, arms].
void draw_cpu(const Posterior& p, const Utility& utility, std::int64_t rounds, Stream s, Cpu cpu, double* out);
// One arm per round. capacity [arms], on the host, or null for no limit.
void choose_cpu(const Posterior& p, const Utility& utility, std::int64_t rounds, const std::int64_t* capacity,
                double floor, Stream s, Cpu cpu, std::int32_t* out);
// The n open arms of the largest keys in round 0, best first. open [arms] of 0 and 1, or null for all.
void top_cpu(const Posterior& p, const Utility& utility, std::int64_t n, const std::uint8_t* open, Stream s,
             Cpu cpu, std::int64_t* out);
void normals_cpu(Stream s, std::uint64_t first, std::int64_t count, Cpu cpu, float* out);
void words_cpu(Stream s, std::uint64_t first, std::int64_t count, std::uint32_t* out);

#ifdef SPARFT_WITH_CUDA
// out, capacity are on the host; arrays of p where p.device says, open where open_device says.
void draw_cuda(const Posterior& p, const Utility& utility, std::int64_t rounds, Stream s, double* out);
void choose_cuda(const Posterior& p, const Utility& utility, std::int64_t rounds, const std::int64_t* capacity,
                 double floor, Stream s, std::int32_t* out);
void top_cuda(const Posterior& p, const Utility& utility, std::int64_t n, const std::uint8_t* open, int open_device,
              Stream s, std::int64_t* out);
void normals_cuda(Stream s, std::uint64_t first, std::int64_t count, float* out);
// Empty when a device can be used, else why not.
std::string cuda_problem();
std::string cuda_device_name();
#endif

// Rank of the open arm that the floor takes in this round, or -1 when the arg-max stands.
SPARFT_HD std::int64_t floor_rank(Stream s, std::int64_t round, double floor, std::int64_t open_arms) {
  const Words w = stream_words(s, Op::kFloor, static_cast<std::uint64_t>(round));
  if (!(static_cast<double>(w.w[0]) * 0x1p-32 < floor * static_cast<double>(open_arms))) return -1;
  return static_cast<std::int64_t>((std::uint64_t{w.w[1]} * static_cast<std::uint64_t>(open_arms)) >> 32);
}

// Arms with capacity left, counted so that the arm of a given rank is found without walking over all.
class OpenArms {
 public:
  // capacity null: all of them, for ever.
  OpenArms(const std::int64_t* capacity, std::int64_t arms) : arms_(arms), count_(arms) {
    if (capacity == nullptr) return;
    left_.assign(capacity, capacity + arms);
    open_.assign(static_cast<std::size_t>(arms), 1);
    in_block_.assign(static_cast<std::size_t>((arms + kBlock - 1) / kBlock), 0);
    for (std::int64_t k = 0; k < arms; ++k) {
      if (capacity[k] > 0) ++in_block_[static_cast<std::size_t>(k / kBlock)];
      else open_[static_cast<std::size_t>(k)] = 0, --count_;
    }
  }

  std::int64_t count() const { return count_; }
  bool all() const { return count_ == arms_; }
  // [arms] of 0 and 1; null when there are no capacities.
  const std::uint8_t* mask() const { return open_.empty() ? nullptr : open_.data(); }
  bool is_open(std::int64_t arm) const { return open_.empty() || open_[static_cast<std::size_t>(arm)] != 0; }

  // Takes one from the arm; true when that closed it.
  bool take(std::int64_t arm) {
    const auto k = static_cast<std::size_t>(arm);
    if (left_.empty() || --left_[k] > 0) return false;
    open_[k] = 0;
    --in_block_[k / kBlock];
    --count_;
    return true;
  }

  std::int64_t of_rank(std::int64_t rank) const {
    if (all()) return rank;
    std::size_t block = 0;
    while (rank >= in_block_[block]) rank -= in_block_[block++];
    std::size_t k = block * kBlock;
    while (rank > 0 || open_[k] == 0) rank -= open_[k++];
    return static_cast<std::int64_t>(k);
  }

 private:
  static constexpr std::int64_t kBlock = 1024;
  std::int64_t arms_;
  std::int64_t count_;
  std::vector<std::int64_t> left_;
  std::vector<std::uint8_t> open_;
  std::vector<std::int64_t> in_block_;
};

// Capacities make rounds depend on each other, draws do not. So pick(first, n, out, mask_changed) takes the arg-max of
// n rounds at once over the arms of open.mask() now; those of them that are still open when their round comes stand,
// because an arg-max over all arms that is still open is the arg-max over the open ones. The rest is picked again.
template <class Pick>
void assign_rounds(OpenArms& open, std::int64_t rounds, std::int64_t max_batch, double floor, Stream s,
                   std::int32_t* out, Pick pick) {
  bool mask_changed = true;
  std::int64_t batch = open.mask() == nullptr ? max_batch : std::min<std::int64_t>(max_batch, 64);
  for (std::int64_t round = 0; round < rounds;) {
    const std::int64_t n = std::min(batch, rounds - round);
    pick(round, n, out + round, mask_changed);
    mask_changed = false;
    std::int64_t done = 0;
    for (; done < n; ++done) {
      std::int32_t& arm = out[round + done];
      if (floor > 0.0) {
        const std::int64_t rank = floor_rank(s, round + done, floor, open.count());
        if (rank >= 0) arm = static_cast<std::int32_t>(open.of_rank(rank));
      }
      if (arm < 0) throw std::runtime_error("no arm is open: capacity was changed during the call");
      if (!open.is_open(arm)) break;
      if (open.take(arm)) mask_changed = true;
    }
    batch = done < n ? std::max<std::int64_t>(1, batch / 2) : std::min(max_batch, batch * 2);
    round += done;
  }
}

}  // namespace sparft
