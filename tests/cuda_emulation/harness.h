// What the comparisons share: random cases from one seed, and a count of what differs. See cuda_runtime.h for what a
// run without differences proves.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace sparft::compare {

class Random {
 public:
  explicit Random(std::uint64_t seed) : generator_(seed) {}

  double real(double low, double high) {
    return low + (high - low) * static_cast<double>(generator_() >> 11) * 0x1p-53;
  }
  std::int64_t whole(std::int64_t low, std::int64_t high) {  // both may come
    return low + static_cast<std::int64_t>(generator_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool coin() { return whole(0, 1) == 1; }

 private:
  std::mt19937_64 generator_;  // its numbers are the same everywhere, unlike those of std's distributions
};

inline int differences = 0;

template <class... Values>
void expect(bool same, const char* text, Values... values) {
  if (same) return;
  std::printf("CUDA and CPU differ: ");
  std::printf(text, values...);
  std::printf("\n");
  if (++differences >= 20) std::exit(1);
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// What call() refuses with; empty when it does not.
template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

void compare_choices(Random& random);
void compare_top(Random& random);
void compare_observe(Random& random);
void compare_farthest(Random& random);

}  // namespace sparft::compare
