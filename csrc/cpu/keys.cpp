#include "keys.h"

namespace sparft {

const TileOps& tile_ops(int lanes) {
  if (lanes == 1) return kTile1;
#ifdef __x86_64__
  static const bool wide = __builtin_cpu_supports("avx2") != 0;
  if (wide && lanes != 4) return kTile8;
#endif
  return kTile4;
}

int worth(int threads, Family family, std::int64_t elements) {
  const std::int64_t from = family == Family::kBeta ? std::int64_t{1} << 14 : std::int64_t{1} << 16;
  return static_cast<int>(std::min<std::int64_t>(threads, std::max<std::int64_t>(elements / (from / 2), 1)));
}

Keys::Keys(const Posterior& p, const Utility& utility, std::int64_t rounds, Stream s, const TileOps& ops)
    : p_(p), utility_(utility), s_(s), ops_(ops), family_(family_of(p.kind)) {
  checks_ = p.arms > kTile && rounds == 1 && p.prior_first == nullptr && p.prior_second == nullptr;
  if (!checks_) check_posterior(p);
  if (p.arms <= kTile) copies_ = std::max<std::int64_t>(1, std::min(rounds, kTile / p.arms));
  const bool ready = p.kind == Kind::kGaussian || p.kind == Kind::kFixed;
  if (ready && copies_ <= 1) {
    a_ = p.first;
    b_ = p.second;
    return;
  }
  if (!ready && copies_ == 0 && rounds == 1) return;
  const std::int64_t copies = std::max<std::int64_t>(copies_, 1);
  held_.resize(static_cast<std::size_t>(2 * copies * p.arms));
  double* a = held_.data();
  double* b = a + copies * p.arms;
  if (ready) {
    std::copy(p.first, p.first + p.arms, a);
    if (p.second != nullptr) std::copy(p.second, p.second + p.arms, b);
  } else {
    ops_.beliefs(p_, 0, p.arms, a, b);
  }
  for (std::int64_t i = 1; i < copies; ++i) {
    std::copy(a, a + p.arms, a + i * p.arms);
    std::copy(b, b + p.arms, b + i * p.arms);
  }
  a_ = a;
  b_ = b;
}

}  // namespace sparft
