#include <cmath>

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
  const Keys keys(p, utility, 1, s, tile_ops(cpu.lanes));
  const std::int64_t tiles = (p.arms + kTile - 1) / kTile;
  const std::int64_t slabs = std::min<std::int64_t>(worth(cpu.threads, keys.family(), p.arms), tiles);
  std::vector<std::vector<Best>> best(static_cast<std::size_t>(slabs));
  std::vector<std::exception_ptr> failed(static_cast<std::size_t>(slabs));
  parallel_for(static_cast<int>(slabs), slabs, [&](std::int64_t slab) {
    try {
      Leaders leaders(n);
      double key[kTile];
      for (std::int64_t tile = tiles * slab / slabs; tile < tiles * (slab + 1) / slabs; ++tile) {
        const std::int64_t arm = tile * kTile;
        const std::int64_t count = std::min(kTile, p.arms - arm);
        keys.arms(0, arm, count, key);
        if (open != nullptr) keys.ops().close(open + arm, count, key);
        leaders.scan(keys.ops(), key, count, arm);
      }
      best[static_cast<std::size_t>(slab)] = leaders.take();
    } catch (...) {
      failed[static_cast<std::size_t>(slab)] = std::current_exception();
    }
  });
  for (const std::exception_ptr& error : failed)
    if (error) std::rethrow_exception(error);
  std::vector<Best> all = std::move(best[0]);
  for (std::size_t slab = 1; slab < best.size(); ++slab) all.insert(all.end(), best[slab].begin(), best[slab].end());
  if (static_cast<std::int64_t>(all.size()) < n)
    throw std::runtime_error("fewer than n items are open: open was changed during the call");
  std::partial_sort(all.begin(), all.begin() + n, all.end(), ahead);
  for (std::int64_t i = 0; i < n; ++i) out[i] = all[static_cast<std::size_t>(i)].arm;
}

}  // namespace sparft
