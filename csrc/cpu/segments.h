// Numbers the different arms of a list 0, 1, .. by first appearance, without ever touching memory per arm of the
// curriculum: the cost is that of the list.
#pragma once

#include <cstdint>
#include <vector>

namespace sparft {

class Segments {
 public:
  Segments(const std::int32_t* arm, std::int64_t n, std::int64_t arms) : of_(static_cast<std::size_t>(n)) {
    // A table that the list fills anyway may be direct; else open addressing, at most half full.
    const bool direct = arms <= 4 * n;
    int bits = 1;
    while (!direct && (std::int64_t{1} << bits) < 2 * n) ++bits;
    std::vector<std::int32_t> slots(static_cast<std::size_t>(direct ? arms : std::int64_t{1} << bits), -1);
    const std::size_t mask = slots.size() - 1;
    for (std::size_t i = 0; i < of_.size(); ++i) {
      const auto key = static_cast<std::uint32_t>(arm[i]);
      std::size_t at = direct ? key : (key * 0x9E3779B1U) >> (32 - bits);
      while (!direct && slots[at] >= 0 && arms_[static_cast<std::size_t>(slots[at])] != arm[i]) at = (at + 1) & mask;
      if (slots[at] < 0) {
        slots[at] = static_cast<std::int32_t>(arms_.size());
        arms_.push_back(arm[i]);
      }
      of_[i] = slots[at];
    }
  }

  const std::vector<std::int32_t>& arms() const { return arms_; }
  std::size_t operator[](std::int64_t i) const {  // index into arms()
    return static_cast<std::size_t>(of_[static_cast<std::size_t>(i)]);
  }

 private:
  std::vector<std::int32_t> arms_;
  std::vector<std::int32_t> of_;
};

}  // namespace sparft
