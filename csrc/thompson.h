// Gaussian Thompson sampling over arms of bounded capacity: cpu/thompson.cpp and cuda/thompson.cu.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "philox.h"

namespace sparft {

struct Posterior {
  const double* mean;
  const double* sd;
  const std::int64_t* capacity;
  std::int64_t arms;
};

struct Best {
  double theta;
  std::int32_t arm;  // -1: none yet
};

// A total order (larger theta, then lower arm), so that any order of reduction ends at the same arm.
SPARFT_HD bool beats(const Best& a, const Best& b) {
  if (a.arm < 0) return false;
  if (b.arm < 0) return true;
  return a.theta > b.theta || (a.theta == b.theta && a.arm < b.arm);
}

// Throws std::invalid_argument naming argument, value and fix.
void check_thompson(const Posterior& p, std::int64_t rounds);

// Writes rounds arms. Arguments must have passed check_thompson.
void thompson_cpu(const Posterior& p, std::int64_t rounds, Stream s, int threads, std::int32_t* out);
void normals_cpu(Stream s, std::uint64_t first, std::int64_t count, float* out);
void words_cpu(Stream s, std::uint64_t first, std::int64_t count, std::uint32_t* out);

#ifdef SPARFT_WITH_CUDA
void thompson_cuda(const Posterior& p, std::int64_t rounds, Stream s, std::int32_t* out);
void normals_cuda(Stream s, std::uint64_t first, std::int64_t count, float* out);
// Empty when a device can be used, else why not.
std::string cuda_problem();
std::string cuda_device_name();
#endif

// Capacities make rounds depend on each other, draws do not. So pick(first, n, out, mask_changed) chooses n rounds
// at once under the arms open now; the rounds before the first arm that ran out in between stand, because an
// arg-max over all arms that is still open is the arg-max over the open ones. The rest is chosen again.
template <class Pick>
void assign_rounds(const Posterior& p, std::int64_t rounds, std::int64_t max_batch, std::int32_t* out,
                   std::vector<std::uint8_t>& open, Pick pick) {
  std::vector<std::int64_t> left(p.capacity, p.capacity + p.arms);
  open.resize(left.size());
  for (std::size_t k = 0; k < left.size(); ++k) open[k] = left[k] > 0 ? 1 : 0;
  bool mask_changed = true;
  std::int64_t batch = max_batch;
  for (std::int64_t round = 0; round < rounds;) {
    const std::int64_t n = std::min(batch, rounds - round);
    pick(round, n, out + round, mask_changed);
    mask_changed = false;
    std::int64_t done = 0;
    for (; done < n; ++done) {
      if (out[round + done] < 0) throw std::runtime_error("no arm is open: capacity was changed during the call");
      const auto arm = static_cast<std::size_t>(out[round + done]);
      if (left[arm] == 0) break;
      if (--left[arm] == 0) {
        open[arm] = 0;
        mask_changed = true;
      }
    }
    batch = done < n ? std::max<std::int64_t>(1, batch / 2) : std::min(max_batch, batch * 2);
    round += done;
  }
}

}  // namespace sparft
