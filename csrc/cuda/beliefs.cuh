// Beliefs on a device, and their draws by the definitions that the CPU has too.
#pragma once

#include <type_traits>
#include <vector>

#include "../choose.h"
#include "memory.cuh"

namespace sparft::cuda {

// Beliefs are computed where they are used, but for the one whose cost grows with the group.
struct Beliefs {
  Posterior p;         // arrays on the device
  const Belief* made;  // [arms], or null

  __device__ Belief operator[](std::int64_t k) const { return made != nullptr ? made[k] : belief_of(p, k); }
};

// The random part of neighbouring elements: four from one Philox block, or one.
template <Family kFamily>
struct Noise {
  static constexpr int kWidth = kFamily == Family::kNormal || kFamily == Family::kGumbel ? 4 : 1;

  Quad q{};

  __device__ Noise(Stream s, std::uint64_t block) {
    if constexpr (kFamily == Family::kNormal) q = stream_normals(s, block);
    if constexpr (kFamily == Family::kGumbel) q = stream_gumbels(s, block);
  }
  __device__ double theta(const Belief& belief, Stream s, std::uint64_t element, int lane) const {
    if constexpr (kFamily == Family::kNormal) return belief.a + belief.b * static_cast<double>(q.z[lane]);
    if constexpr (kFamily == Family::kGumbel) return belief.a + static_cast<double>(q.z[lane]);
    return theta_from(kFamily, belief, s, element);
  }
};

template <class Call>
void by_family(Kind kind, const Call& call) {
  switch (family_of(kind)) {
    case Family::kNormal:
      return call(std::integral_constant<Family, Family::kNormal>{});
    case Family::kBeta:
      return call(std::integral_constant<Family, Family::kBeta>{});
    case Family::kGumbel:
      return call(std::integral_constant<Family, Family::kGumbel>{});
    case Family::kFixed:
      return call(std::integral_constant<Family, Family::kFixed>{});
  }
}

// These are false where something may be wrong; check_posterior on the host then decides.
inline bool plainly_good(const Posterior& p) {
  const auto in = [](double x, double low, double high) { return x >= low && x <= high; };
  constexpr double kLeast = 1e-300;
  constexpr double kMost = 1e300;
  return in(p.scale, kLeast, kMost) && in(p.sigma, 0.0, kMost) && in(p.prior_mean, -kMost, kMost) &&
         in(p.inflation, 0.0, kMost) && in(p.temperature, kLeast, kMost) && in(p.prior_success, kShapeMin, kShapeMax) &&
         in(p.prior_failure, kShapeMin, kShapeMax) && p.group >= 2 && p.group <= 1024;
}

__device__ inline bool is_shape(double x) { return x >= kShapeMin && x <= kShapeMax; }

__device__ inline bool plainly_good(const Posterior& p, std::int64_t k) {
  const double first = p.first[k];
  const double second = p.second != nullptr ? p.second[k] : 0.0;
  if (!std::isfinite(first) || !std::isfinite(second)) return false;
  switch (p.kind) {
    case Kind::kKalman:
      return second + p.inflation > 0.0 && std::isfinite(second + p.inflation);
    case Kind::kBeta:
    case Kind::kMixedProportional: {
      const bool priors = (p.prior_first == nullptr || is_shape(p.prior_first[k])) &&
                          (p.prior_second == nullptr || is_shape(p.prior_second[k]));
      return priors && first >= 0.0 && second >= 0.0 && is_shape(alpha_of(p, k)) && is_shape(beta_shape_of(p, k));
    }
    default:
      return second >= 0.0 && std::isfinite(belief_of(p, k).a);
  }
}

static __global__ void look_at_beliefs(Posterior p, int* bad) {
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (k < p.arms && !plainly_good(p, k)) atomicOr(bad, 1);
}

static __global__ void make_beliefs(Posterior p, Belief* out) {
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (k < p.arms) out[k] = belief_of(p, k);
}

// A posterior whose arrays are used in place when they lie on a device, and copied to the current one when not.
class DevicePosterior {
 public:
  // Throws what check_posterior throws.
  explicit DevicePosterior(const Posterior& p)
      : scope_(p.device),
        first_(p.first, p.arms, p.device, "allocate first array"),
        second_(p.second, p.arms, p.device, "allocate second array"),
        prior_first_(p.prior_first, p.arms, p.device, "allocate priors"),
        prior_second_(p.prior_second, p.arms, p.device, "allocate priors"),
        beliefs_{p, nullptr} {
    Posterior& there = beliefs_.p;
    there.first = first_.get();
    there.second = second_.get();
    there.prior_first = prior_first_.get();
    there.prior_second = prior_second_.get();
    Flag bad;
    look_at_beliefs<<<blocks_for(p.arms), kThreads>>>(there, bad.get());
    if (!plainly_good(p) || bad.raised()) judge(p);
    if (p.kind != Kind::kMixedProportional) return;
    made_ = Buffer<Belief>(p.arms, "allocate beliefs");
    make_beliefs<<<blocks_for(p.arms), kThreads>>>(there, made_.get());
    beliefs_.made = made_.get();
  }

  const Beliefs& beliefs() const { return beliefs_; }

 private:
  static void judge(const Posterior& p) {
    if (p.device == kHostMemory) return check_posterior(p);
    std::vector<double> held[4];
    const auto host = [&](const double* device, std::vector<double>& memory) -> const double* {
      if (device == nullptr) return nullptr;
      memory = to_host(device, p.arms, "copy to the host for its check");
      return memory.data();
    };
    Posterior copy = p;
    copy.device = kHostMemory;
    copy.first = host(p.first, held[0]);
    copy.second = host(p.second, held[1]);
    copy.prior_first = host(p.prior_first, held[2]);
    copy.prior_second = host(p.prior_second, held[3]);
    check_posterior(copy);
  }

  OnDevice scope_;
  Input<double> first_;
  Input<double> second_;
  Input<double> prior_first_;
  Input<double> prior_second_;
  Buffer<Belief> made_;
  Beliefs beliefs_;
};

}  // namespace sparft::cuda
