#include <atomic>
#include <cmath>
#include <exception>

#include "../choose.h"
#include "keys.h"
#include "parallel.h"

namespace sparft {
namespace {

bool ahead(const Best& a, const Best& b) { return a.key > b.key || (a.key == b.key && a.arm < b.arm); }

// The n best of keys that come in the order of their arms. What is kept is more than n, so that the n-th best is
// sought once per n newcomers.
class Leaders {
 public:
  explicit Leaders(std::int64_t n) : n_(static_cast<std::size_t>(n)) { kept_.reserve(n_ + kSlack); }

  void scan(const TileOps& ops, const double* key, std::int64_t n, std::int64_t arm) {
    std::int32_t index[kTile];
    if (!full_) {
      for (std::int64_t j = 0; j < n; ++j)
        if (key[j] >= -HUGE_VAL) kept_.push_back(Best{key[j], arm + j});
    } else {
      // a later arm of the same key loses, so only what is above the bar can enter
      const std::int64_t count = ops.above(key, n, bar_, index);
      for (std::int64_t i = 0; i < count; ++i) kept_.push_back(Best{key[index[i]], arm + index[i]});
    }
    if (kept_.size() >= n_ + std::max(n_, kSlack)) trim();
  }

  std::vector<Best> take() {
    if (kept_.size() > n_) trim();
    return std::move(kept_);
  }

 private:
  static constexpr std::size_t kSlack = static_cast<std::size_t>(kTile);

  void trim() {
    if (n_ > 0) std::nth_element(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(n_) - 1, kept_.end(), ahead);
    kept_.resize(n_);
    bar_ = n_ > 0 ? kept_.back().key : HUGE_VAL;
    full_ = true;
  }

  std::size_t n_;
  bool full_ = false;
  double bar_ = -HUGE_VAL;
  std::vector<Best> kept_;
};

}  // namespace

void top_cpu(const Posterior& p, const Utility& utility, std::int64_t n, const std::uint8_t* open, Stream s, Cpu cpu,
             std::int64_t* out) {
  Keys keys(p, utility, 1, s, tile_ops(cpu.lanes));
  const std::int64_t tiles = (p.arms + kTile - 1) / kTile;
  const int workers = static_cast<int>(std::min<std::int64_t>(worth(cpu.threads, keys.family(), p.arms), tiles));
  std::vector<std::vector<Best>> best(static_cast<std::size_t>(workers));
  std::vector<std::exception_ptr> failed(static_cast<std::size_t>(workers));
  do {
    std::atomic<std::int64_t> next{0};
    parallel_for(workers, workers, [&](std::int64_t worker) {
      try {
        Leaders leaders(n);
        double key[kTile];
        // tiles as they come, but for each worker in rising order
        for (std::int64_t tile = next.fetch_add(1); tile < tiles; tile = next.fetch_add(1)) {
          const std::int64_t arm = tile * kTile;
          const std::int64_t count = std::min(kTile, p.arms - arm);
          keys.arms(0, arm, count, key);
          if (open != nullptr) keys.ops().close(open + arm, count, key);
          leaders.scan(keys.ops(), key, count, arm);
        }
        best[static_cast<std::size_t>(worker)] = leaders.take();
      } catch (...) {
        failed[static_cast<std::size_t>(worker)] = std::current_exception();
      }
    });
    for (const std::exception_ptr& error : failed)
      if (error) std::rethrow_exception(error);
  } while (keys.again());
  std::vector<Best> all = std::move(best[0]);
  for (std::size_t i = 1; i < best.size(); ++i) all.insert(all.end(), best[i].begin(), best[i].end());
  if (static_cast<std::int64_t>(all.size()) < n)
    throw std::runtime_error("fewer than n items are open: open was changed during the call");
  const auto last = all.begin() + static_cast<std::ptrdiff_t>(n);
  if (last != all.end()) std::nth_element(all.begin(), last, all.end(), ahead);
  std::sort(all.begin(), last, ahead);
  for (std::int64_t i = 0; i < n; ++i) out[i] = all[static_cast<std::size_t>(i)].arm;
}

}  // namespace sparft
