#include "../thompson.h"

#include <cstdio>
#include <stdexcept>

#include "parallel.h"

namespace sparft {
namespace {

constexpr std::int64_t kTile = 512;                            // normals held at a time, per thread
constexpr std::int64_t kParallelFrom = std::int64_t{1} << 17;  // below, starting a thread costs more than it saves
constexpr std::int64_t kBatchDraws = std::int64_t{1} << 20;

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument(message); }

std::string text(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.17g", value);
  return buffer;
}

std::string at(const char* name, std::int64_t k, const std::string& value) {
  return std::string(name) + "[" + std::to_string(k) + "] = " + value;
}

// The normals around an index, made ahead so that few arms share Philox blocks across rounds.
class Window {
 public:
  explicit Window(Stream s) : stream_(s) {}

  // Pointer to normals first .. first+n-1, n <= kTile; none at or after limit is made.
  const float* get(std::uint64_t first, std::int64_t n, std::uint64_t limit) {
    if (first < begin_ || first + static_cast<std::uint64_t>(n) > end_) {
      begin_ = first;
      end_ = std::min(first + static_cast<std::uint64_t>(kTile), limit);
      normals_cpu(stream_, begin_, static_cast<std::int64_t>(end_ - begin_), z_);
    }
    return z_ + (first - begin_);
  }

 private:
  Stream stream_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  float z_[kTile];
};

// Best open arm of one round among [low, high).
Best scan(const Posterior& p, const std::uint8_t* open, std::int64_t round, std::int64_t low, std::int64_t high,
          std::uint64_t limit, Window& window) {
  Best best{0.0, -1};
  for (std::int64_t tile = low; tile < high; tile += kTile) {
    const std::int64_t n = std::min(kTile, high - tile);
    const float* z = window.get(static_cast<std::uint64_t>(round * p.arms + tile), n, limit);
    for (std::int64_t j = 0; j < n; ++j) {
      const std::int64_t k = tile + j;
      if (open[k] == 0) continue;
      const double theta = p.mean[k] + p.sd[k] * static_cast<double>(z[j]);
      if (best.arm < 0 || theta > best.theta) best = Best{theta, static_cast<std::int32_t>(k)};
    }
  }
  return best;
}

void thompson_threads(const Posterior& p, std::int64_t rounds, Stream s, int threads, std::int32_t* out) {
  const std::int64_t batch = std::min(rounds, std::max<std::int64_t>(kBatchDraws / p.arms, 1));
  std::vector<std::uint8_t> open;
  std::vector<Best> best;
  assign_rounds(p, rounds, batch, out, open, [&](std::int64_t first, std::int64_t n, std::int32_t* arm, bool) {
    const std::int64_t slabs = n >= threads ? 1 : std::min<std::int64_t>(threads, (p.arms + kTile - 1) / kTile);
    const std::int64_t width = (p.arms + slabs - 1) / slabs;
    best.assign(static_cast<std::size_t>(n * slabs), Best{0.0, -1});
    parallel_for(threads, n * slabs, [&](std::int64_t task) {
      const std::int64_t round = first + task / slabs;
      const std::int64_t low = std::min(p.arms, (task % slabs) * width);
      const std::int64_t high = std::min(p.arms, low + width);
      Window window(s);
      const auto limit = static_cast<std::uint64_t>(round * p.arms + high);
      best[static_cast<std::size_t>(task)] = scan(p, open.data(), round, low, high, limit, window);
    });
    for (std::int64_t r = 0; r < n; ++r) {
      Best winner{0.0, -1};
      for (std::int64_t slab = 0; slab < slabs; ++slab) {
        const Best& other = best[static_cast<std::size_t>(r * slabs + slab)];
        if (beats(other, winner)) winner = other;
      }
      arm[r] = winner.arm;
    }
  });
}

}  // namespace

void check_thompson(const Posterior& p, std::int64_t rounds) {
  if (p.arms < 1) refuse("mean has no arms (length 0); give at least one arm");
  if (p.arms > INT32_MAX) refuse("mean has " + std::to_string(p.arms) + " arms; at most 2147483647 are supported");
  if (rounds < 0) refuse("rounds = " + std::to_string(rounds) + " is negative; ask for 0 or more");
  if (rounds > static_cast<std::int64_t>(kIndexLimit) / p.arms)
    refuse("rounds = " + std::to_string(rounds) + " times " + std::to_string(p.arms) +
           " arms exceeds 2**60 draws of one step; split the call over steps or streams");
  std::int64_t total = 0;
  for (std::int64_t k = 0; k < p.arms; ++k) {
    if (!std::isfinite(p.mean[k])) refuse(at("mean", k, text(p.mean[k])) + " is not finite; give a number");
    if (!std::isfinite(p.sd[k])) refuse(at("sd", k, text(p.sd[k])) + " is not finite; give a number >= 0");
    if (p.sd[k] < 0.0) refuse(at("sd", k, text(p.sd[k])) + " is negative; a standard deviation is >= 0");
    if (p.capacity[k] < 0)
      refuse(at("capacity", k, std::to_string(p.capacity[k])) + " is negative; use 0 for an arm that is closed");
    total = p.capacity[k] > INT64_MAX - total ? INT64_MAX : total + p.capacity[k];
  }
  if (rounds > total)
    refuse("rounds = " + std::to_string(rounds) + " exceeds sum(capacity) = " + std::to_string(total) +
           "; ask for fewer rounds or open more capacity");
}

void words_cpu(Stream s, std::uint64_t first, std::int64_t count, std::uint32_t* out) {
  for (std::int64_t done = 0; done < count;) {
    const std::uint64_t index = first + static_cast<std::uint64_t>(done);
    const Words w = stream_words(s, Op::kNormal, index >> 2);
    for (std::uint64_t lane = index & 3U; lane < 4 && done < count; ++lane) out[done++] = w.w[lane];
  }
}

void normals_cpu(Stream s, std::uint64_t first, std::int64_t count, float* out) {
  for (std::int64_t done = 0; done < count;) {
    const std::uint64_t index = first + static_cast<std::uint64_t>(done);
    const Normals n = stream_normals(s, index >> 2);
    for (std::uint64_t lane = index & 3U; lane < 4 && done < count; ++lane) out[done++] = n.z[lane];
  }
}

void thompson_cpu(const Posterior& p, std::int64_t rounds, Stream s, int threads, std::int32_t* out) {
  if (threads > 1 && p.arms * rounds >= kParallelFrom) {
    thompson_threads(p, rounds, s, threads, out);
    return;
  }
  std::vector<std::uint8_t> open;
  Window window(s);
  const auto limit = static_cast<std::uint64_t>(rounds * p.arms);
  assign_rounds(p, rounds, 1, out, open, [&](std::int64_t first, std::int64_t, std::int32_t* arm, bool) {
    *arm = scan(p, open.data(), first, 0, p.arms, limit, window).arm;
  });
}

}  // namespace sparft
