#include "../permutation.h"

#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

namespace sparft {

void check_permutation(std::int64_t n) {
  if (n < 0) throw std::invalid_argument("n = " + std::to_string(n) + " is negative; give 0 or more");
  if (n > INT32_MAX) throw std::invalid_argument("n = " + std::to_string(n) + " is above 2147483647; permute in parts");
}

void permutation_cpu(std::int64_t n, Stream s, std::int64_t* out) {
  std::iota(out, out + n, std::int64_t{0});
  for (std::int64_t i = n - 1; i > 0; --i) {
    const std::uint64_t j = bounded(s, static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(i) + 1);
    std::swap(out[i], out[j]);
  }
}

}  // namespace sparft
