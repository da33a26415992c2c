// Beliefs about arms, and the definition of what an element draws from them.
#pragma once

#include <cmath>
#include <cstdint>

#include "draws.h"

namespace sparft {

enum class Kind : int {
  kGaussian = 0,           // first = mean, second = sd
  kGaussianMean = 1,       // first = total, second = count
  kKalman = 2,             // first = mean, second = variance
  kBeta = 3,               // first = success, second = failure
  kSoftmax = 4,            // first = value
  kFixed = 5,              // first = value
  kMixedProportional = 6,  // first = success, second = failure
};

struct Posterior {
  Kind kind = Kind::kGaussian;
  std::int64_t arms = 0;
  int device = -1;  // where all arrays lie: -1 host, else CUDA device
  const double* first = nullptr;
  const double* second = nullptr;        // null for kSoftmax, kFixed
  const double* prior_first = nullptr;   // per arm, or null: prior_success
  const double* prior_second = nullptr;  // per arm, or null: prior_failure
  double scale = 1.0;
  double sigma = 1.0;
  double prior_mean = 0.0;
  double inflation = 0.0;
  double temperature = 1.0;
  double prior_success = 1.0;
  double prior_failure = 1.0;
  std::int32_t group = 2;
};

// How an element is drawn from the two numbers of its arm.
enum class Family : int { kNormal, kBeta, kGumbel, kFixed };

struct Belief {
  double a;  // mean, alpha or location
  double b;  // deviation, beta, or nothing
};

SPARFT_HD Family family_of(Kind kind) {
  switch (kind) {
    case Kind::kBeta:
      return Family::kBeta;
    case Kind::kSoftmax:
    case Kind::kMixedProportional:
      return Family::kGumbel;
    case Kind::kFixed:
      return Family::kFixed;
    default:
      return Family::kNormal;
  }
}

// log of the probability that a group of G rollouts is mixed when the success rate is Beta(a, b):
// 1 - prod (a+j)/(a+b+j) - prod (b+j)/(a+b+j). Eight factors a division, which shapes up to 1e30 cannot overflow.
SPARFT_HD double log_mixed(double a, double b, std::int32_t group) {
  const double both = a + b;
  double all = 1.0;
  double none = 1.0;
  for (std::int32_t j = 0; j < group;) {
    double x = 1.0;
    double y = 1.0;
    double z = 1.0;
    for (const std::int32_t stop = j + 8 < group ? j + 8 : group; j < stop; ++j) {
      const double step = static_cast<double>(j);
      x = x * (a + step);
      y = y * (b + step);
      z = z * (both + step);
    }
    all = all * (x / z);
    none = none * (y / z);
  }
  const float mixed = static_cast<float>((1.0 - all) - none);
  return mixed < 0x1p-126f ? -HUGE_VAL : static_cast<double>(log_positive(mixed));
}

SPARFT_HD double alpha_of(const Posterior& p, std::int64_t k) {
  return (p.prior_first != nullptr ? p.prior_first[k] : p.prior_success) + p.scale * p.first[k];
}

SPARFT_HD double beta_shape_of(const Posterior& p, std::int64_t k) {
  return (p.prior_second != nullptr ? p.prior_second[k] : p.prior_failure) + p.scale * p.second[k];
}

SPARFT_HD Belief belief_of(const Posterior& p, std::int64_t k) {
  switch (p.kind) {
    case Kind::kGaussian:
      return Belief{p.first[k], p.second[k]};
    case Kind::kGaussianMean: {
      const double count = p.second[k];
      const double mean = p.first[k] / count;  // taken first, so that compilers may vectorise the choice
      return Belief{count > 0.0 ? mean : p.prior_mean, p.sigma / sqrt(p.scale * count + 1.0)};
    }
    case Kind::kKalman:
      return Belief{p.first[k], sqrt(p.second[k] + p.inflation)};
    case Kind::kBeta:
      return Belief{alpha_of(p, k), beta_shape_of(p, k)};
    case Kind::kSoftmax:
      return Belief{p.first[k] / p.temperature, 0.0};
    case Kind::kMixedProportional:
      return Belief{log_mixed(alpha_of(p, k), beta_shape_of(p, k), p.group), 0.0};
    case Kind::kFixed:
      break;
  }
  return Belief{p.first[k], 0.0};
}

// The draw of one element: r * arms + k for arm k in round r.
SPARFT_HD double theta_from(Family family, const Belief& belief, Stream s, std::uint64_t element) {
  const unsigned lane = static_cast<unsigned>(element & 3U);
  switch (family) {
    case Family::kNormal:
      return belief.a + belief.b * static_cast<double>(stream_normals(s, element >> 2).z[lane]);
    case Family::kBeta:
      return static_cast<double>(beta_of(s, element, static_cast<float>(belief.a), static_cast<float>(belief.b)));
    case Family::kGumbel:
      return belief.a + static_cast<double>(stream_gumbels(s, element >> 2).z[lane]);
    case Family::kFixed:
      break;
  }
  return belief.a;
}

SPARFT_HD double theta_of(const Posterior& p, Stream s, std::uint64_t element, std::int64_t arm) {
  return theta_from(family_of(p.kind), belief_of(p, arm), s, element);
}

}  // namespace sparft
