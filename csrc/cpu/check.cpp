#include "check.h"

#include <cfloat>
#include <cmath>

#include "../choose.h"
#include "tile.h"

namespace sparft {
namespace {

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kGaussianMean:
      return "total";
    case Kind::kBeta:
    case Kind::kMixedProportional:
      return "success";
    case Kind::kSoftmax:
    case Kind::kFixed:
      return "value";
    case Kind::kGaussian:
    case Kind::kKalman:
      break;
  }
  return "mean";
}

void finite(const char* name, const double* x, std::int64_t n) {
  for (std::int64_t k = 0; k < n; ++k)
    if (!std::isfinite(x[k])) refuse(at(name, k, text(x[k])) + " is not finite; give a number");
}

void not_negative(const char* name, const double* x, std::int64_t n, const char* what) {
  for (std::int64_t k = 0; k < n; ++k) {
    if (!std::isfinite(x[k])) refuse(at(name, k, text(x[k])) + " is not finite; give a number >= 0");
    if (x[k] < 0.0) refuse(at(name, k, text(x[k])) + " is negative; " + what);
  }
}

void number(const char* name, double x) {
  if (!std::isfinite(x)) refuse(std::string(name) + " = " + text(x) + " is not finite; give a number");
}

void positive(const char* name, double x) {
  number(name, x);
  if (x <= 0.0) refuse(std::string(name) + " = " + text(x) + " is not above 0; give a number > 0");
}

void at_least_zero(const char* name, double x) {
  number(name, x);
  if (x < 0.0) refuse(std::string(name) + " = " + text(x) + " is negative; give a number >= 0");
}

void in_group(std::int32_t group) {
  if (group < 2 || group > 1024)
    refuse("group = " + std::to_string(group) + " is out of range; give the rollouts of a group, 2 to 1024");
}

bool is_shape(double x) { return x >= kShapeMin && x <= kShapeMax; }

[[noreturn]] void no_shape(const std::string& what) {
  refuse(what + " is out of range; give a number from 1e-6 to 1e30");
}

// prior + scale * evidence of every arm, in the range that the draws are made for.
void shapes(const Posterior& p, const char* name, const char* prior_name, const double* evidence,
            const double* prior, double flat_prior) {
  not_negative(name, evidence, p.arms, "evidence is >= 0");
  for (std::int64_t k = 0; k < p.arms; ++k) {
    if (prior != nullptr && !is_shape(prior[k])) no_shape(at(prior_name, k, text(prior[k])));
    const double shape = (prior == nullptr ? flat_prior : prior[k]) + p.scale * evidence[k];
    if (!(shape <= kShapeMax))
      refuse(at(name, k, text(evidence[k])) + " makes a shape of " + text(shape) + "; shapes are at most 1e30");
  }
}

void check_means(const Posterior& p) {
  finite("total", p.first, p.arms);
  not_negative("count", p.second, p.arms, "a count is >= 0");
  for (std::int64_t k = 0; k < p.arms; ++k)
    if (!std::isfinite(belief_of(p, k).a))
      refuse(at("total", k, text(p.first[k])) + " over " + at("count", k, text(p.second[k])) +
             " is not a finite mean; rescale both");
}

void check_variances(const Posterior& p) {
  finite("mean", p.first, p.arms);
  finite("variance", p.second, p.arms);
  for (std::int64_t k = 0; k < p.arms; ++k) {
    const double variance = p.second[k] + p.inflation;
    if (!(variance > 0.0 && variance <= DBL_MAX))
      refuse(at("variance", k, text(p.second[k])) + " + inflation = " + text(variance) +
             " is not above 0 and finite; a variance is > 0");
  }
}

}  // namespace

void check_numbers(const Posterior& p) {
  switch (p.kind) {
    case Kind::kGaussianMean:
      positive("scale", p.scale);
      at_least_zero("sigma", p.sigma);
      return number("prior_mean", p.prior_mean);
    case Kind::kKalman:
      return at_least_zero("inflation", p.inflation);
    case Kind::kMixedProportional:
    case Kind::kBeta:
      positive("scale", p.scale);
      if (p.kind == Kind::kMixedProportional) in_group(p.group);
      if (p.prior_first == nullptr && !is_shape(p.prior_success)) no_shape("prior_success = " + text(p.prior_success));
      if (p.prior_second == nullptr && !is_shape(p.prior_failure)) no_shape("prior_failure = " + text(p.prior_failure));
      return;
    case Kind::kSoftmax:
      return positive("temperature", p.temperature);
    case Kind::kGaussian:
    case Kind::kFixed:
      return;
  }
}

void check_posterior(const Posterior& p) {
  if (kTile4.passes(p, 0, p.arms)) return;
  switch (p.kind) {
    case Kind::kGaussian:
      finite("mean", p.first, p.arms);
      return not_negative("sd", p.second, p.arms, "a standard deviation is >= 0");
    case Kind::kGaussianMean:
      return check_means(p);
    case Kind::kKalman:
      return check_variances(p);
    case Kind::kMixedProportional:
    case Kind::kBeta:
      shapes(p, "success", "prior_success", p.first, p.prior_first, p.prior_success);
      return shapes(p, "failure", "prior_failure", p.second, p.prior_second, p.prior_failure);
    case Kind::kSoftmax:
    case Kind::kFixed:
      return finite("value", p.first, p.arms);
  }
}

void check_utility(const Posterior& p, const Utility& utility) {
  if (family_of(p.kind) == Family::kGumbel && utility.kind != UtilityKind::kIdentity)
    refuse(std::string("utility must be Identity() with ") +
           (p.kind == Kind::kSoftmax ? "Softmax" : "MixedProportional") +
           ", whose keys carry the randomness; put the utility into its values");
  if (utility.kind == UtilityKind::kTarget) number("tau", utility.target);
  if (utility.kind == UtilityKind::kMixed) in_group(utility.group);
}

void check_rounds(const Posterior& p, std::int64_t rounds) {
  const std::string name = name_of(p.kind);
  if (p.arms < 1) refuse(name + " has no arms (length 0); give at least one arm");
  if (p.arms > INT32_MAX) refuse(name + " has " + std::to_string(p.arms) + " arms; at most 2147483647 are supported");
  if (rounds < 0) refuse("rounds = " + std::to_string(rounds) + " is negative; ask for 0 or more");
  const bool gammas = p.kind == Kind::kBeta;
  if (rounds > static_cast<std::int64_t>(gammas ? kElementLimit : kIndexLimit) / p.arms)
    refuse("rounds = " + std::to_string(rounds) + " times " + std::to_string(p.arms) + " arms exceeds 2**" +
           (gammas ? "48" : "60") + " draws of one step; split the call over steps or streams");
}

void check_capacity(const Posterior& p, std::int64_t rounds, const std::int64_t* capacity, double floor) {
  if (!(floor >= 0.0 && floor <= 1.0 / static_cast<double>(p.arms)))
    refuse("floor = " + text(floor) + " is out of range; give 0 to 1/" + std::to_string(p.arms) +
           ", a share that every arm can have");
  if (capacity == nullptr) return;
  std::int64_t total = 0;
  for (std::int64_t k = 0; k < p.arms; ++k) {
    if (capacity[k] < 0)
      refuse(at("capacity", k, std::to_string(capacity[k])) + " is negative; use 0 for an arm that is closed");
    total = capacity[k] > INT64_MAX - total ? INT64_MAX : total + capacity[k];
  }
  if (rounds > total)
    refuse("rounds = " + std::to_string(rounds) + " exceeds sum(capacity) = " + std::to_string(total) +
           "; ask for fewer rounds or open more capacity");
}

void check_top(const Posterior& p, std::int64_t n, const std::uint8_t* open) {
  std::int64_t count = p.arms;
  if (open != nullptr) {
    count = 0;
    std::uint8_t all = 0;
    for (std::int64_t k = 0; k < p.arms; ++k) {
      all |= open[k];
      count += open[k];
    }
    for (std::int64_t k = 0; all > 1 && k < p.arms; ++k)
      if (open[k] > 1) refuse(at("open", k, std::to_string(open[k])) + " is neither 0 nor 1; give a mask");
  }
  if (n < 0) refuse("n = " + std::to_string(n) + " is negative; ask for 0 or more");
  if (n > count)
    refuse("n = " + std::to_string(n) + " exceeds the " + std::to_string(count) +
           (open == nullptr ? " items" : " open items") + "; ask for fewer or open more");
}

}  // namespace sparft
