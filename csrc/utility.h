// What a drawn success rate is worth: the key by which arms are compared.
#pragma once

#include <cmath>
#include <cstdint>

#include "lanes.h"

namespace sparft {

enum class UtilityKind : int { kIdentity = 0, kNegative = 1, kTarget = 2, kLearnability = 3, kMixed = 4 };

struct Utility {
  UtilityKind kind = UtilityKind::kIdentity;
  double target = 0.0;
  std::int32_t group = 2;
};

// x^n by repeated squaring, n >= 1.
SPARFT_HD double power(double x, std::int32_t n) {
  double y = (n & 1) != 0 ? x : 1.0;
  for (n >>= 1; n > 0; n >>= 1) {
    x = x * x;
    if ((n & 1) != 0) y = y * x;
  }
  return y;
}

SPARFT_HD double utility_of(const Utility& utility, double theta) {
  switch (utility.kind) {
    case UtilityKind::kNegative:
      return -theta;
    case UtilityKind::kTarget:
      return -fabs(theta - utility.target);
    case UtilityKind::kLearnability:
      return theta * (1.0 - theta);
    case UtilityKind::kMixed: {
      const double mixed = (1.0 - power(theta, utility.group)) - power(1.0 - theta, utility.group);
      return mixed == mixed ? mixed : -HUGE_VAL;  // inf - inf, far outside [0, 1]: worth nothing
    }
    case UtilityKind::kIdentity:
      break;
  }
  return theta;
}

}  // namespace sparft
