// The n open items of the largest keys. Keys are drawn again in every pass and never stored: a radix select finds,
// digit by digit, a bound above which few enough items lie; those are collected and sorted. An item ranks by its key
// and then by its index, 128 bits that no two items share, so that ties need no rule of their own. Counting is in
// integers and the collected items are sorted: no order of threads can show.
#include <cub/device/device_radix_sort.cuh>

#include "beliefs.cuh"

namespace sparft {
namespace {

using cuda::Beliefs;
using cuda::Buffer;
using cuda::kThreads;
using cuda::Noise;

using Count = unsigned long long;  // the type of CUDA's 64-bit atomics

constexpr int kDigitBits = 11;
constexpr int kDigits = 1 << kDigitBits;
constexpr int kKeyBits = 64;
constexpr std::int64_t kSpare = 1 << 16;  // items that may be collected beyond n
constexpr unsigned kMaxBlocks = 4096;     // a block counts in its own memory and adds that once

// What an item is ordered by; larger is better.
struct Rank {
  std::uint64_t key;
  std::uint64_t index;  // counted from the last item
};

struct Items {
  Beliefs beliefs;
  Utility utility;
  Stream s;
  const std::uint8_t* open;  // [arms], or null: all
};

// Keys as integers in the same order; both zeros are one.
SPARFT_HD std::uint64_t ordered(double key) {
  const std::uint64_t bits = recast<std::uint64_t>(key + 0.0);
  return (bits >> 63) != 0 ? ~bits : bits | (std::uint64_t{1} << 63);
}

// The part of the order that is settled: the bits of both halves above a shift.
struct Prefix {
  Rank value;  // shifted down
  int key_shift;
  int index_shift;
};

SPARFT_HD std::uint64_t shifted(std::uint64_t x, int shift) { return shift >= 64 ? 0 : x >> shift; }

// -1, 0, 1: r lies below, in or above the prefix.
SPARFT_HD int compare(const Rank& r, const Prefix& p) {
  const std::uint64_t key = shifted(r.key, p.key_shift);
  if (key != p.value.key) return key < p.value.key ? -1 : 1;
  const std::uint64_t index = shifted(r.index, p.index_shift);
  if (index != p.value.index) return index < p.value.index ? -1 : 1;
  return 0;
}

// visit(item, rank) for every open item of this thread's share.
template <Family kFamily, class Visit>
__device__ void for_items(const Items& items, const Visit& visit) {
  using Of = Noise<kFamily>;
  const std::int64_t arms = items.beliefs.p.arms;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * kThreads;
  for (std::int64_t block = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; block * Of::kWidth < arms;
       block += stride) {
    const Of noise(items.s, static_cast<std::uint64_t>(block));
#pragma unroll
    for (int lane = 0; lane < Of::kWidth; ++lane) {
      const std::int64_t k = block * Of::kWidth + lane;
      if (k >= arms || (items.open != nullptr && items.open[k] == 0)) continue;
      const double theta = noise.theta(items.beliefs[k], items.s, static_cast<std::uint64_t>(k), lane);
      visit(k, Rank{ordered(utility_of(items.utility, theta)), static_cast<std::uint64_t>(arms - 1 - k)});
    }
  }
}

// histogram[d] += how many items in the prefix have d as their next digit.
template <Family kFamily>
__global__ void count_digits(Items items, Prefix prefix, bool of_index, int shift, std::uint64_t mask,
                             Count* histogram) {
  __shared__ unsigned counts[kDigits];
  for (int d = threadIdx.x; d < kDigits; d += kThreads) counts[d] = 0;
  __syncthreads();
  for_items<kFamily>(items, [&](std::int64_t, const Rank& r) {
    if (compare(r, prefix) != 0) return;
    atomicAdd(&counts[((of_index ? r.index : r.key) >> shift) & mask], 1U);
  });
  __syncthreads();
  for (int d = threadIdx.x; d < kDigits; d += kThreads)
    if (counts[d] != 0) atomicAdd(&histogram[d], static_cast<Count>(counts[d]));
}

// All items in or above the prefix, in no order; the key complemented, so that the best sort first.
template <Family kFamily>
__global__ void collect(Items items, Prefix prefix, Count* found, std::uint64_t* key, std::uint64_t* item) {
  for_items<kFamily>(items, [&](std::int64_t k, const Rank& r) {
    if (compare(r, prefix) < 0) return;
    const Count at = atomicAdd(found, Count{1});
    key[at] = ~r.key;
    item[at] = static_cast<std::uint64_t>(k);
  });
}

__global__ void count_open(const std::uint8_t* open, std::int64_t arms, Count* count, int* bad) {
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (k < arms && open[k] > 1) atomicOr(bad, 1);
  const int in_block = __syncthreads_count(k < arms && open[k] == 1);
  if (threadIdx.x == 0) atomicAdd(count, static_cast<Count>(in_block));
}

std::int64_t open_items(const Posterior& p, std::int64_t n, const std::uint8_t* open) {
  if (open == nullptr) return p.arms;
  cuda::Flag bad;
  Buffer<Count> count(1, "allocate count");
  count.clear();
  count_open<<<cuda::blocks_for(p.arms), kThreads>>>(open, p.arms, count.get(), bad.get());
  const bool wrong = bad.raised();
  Count items = 0;
  count.fetch(&items, 1);
  if (wrong || static_cast<std::int64_t>(items) < n)
    check_top(p, n, cuda::to_host(open, p.arms, "copy to the host for its check").data());
  return static_cast<std::int64_t>(items);
}

int bits_of(std::uint64_t x) {
  int bits = 0;
  for (; x != 0; x >>= 1) ++bits;
  return bits;
}

// The digit that holds the wanted-th best of those counted, and how many have a higher one.
struct Digit {
  std::uint64_t value;
  std::int64_t higher;
};

Digit find(const std::vector<Count>& counts, std::int64_t wanted) {
  Digit d{counts.size() - 1, 0};
  while (d.value > 0) {
    const auto here = static_cast<std::int64_t>(counts[d.value]);
    if (d.higher + here >= wanted) break;
    d.higher += here;
    --d.value;
  }
  return d;
}

// A prefix that at least n items are in or above, and not many more; `items` becomes how many. count() fills a
// histogram of the next digit.
template <class CountDigits>
Prefix narrow(std::int64_t n, int index_bits, std::int64_t& items, const CountDigits& count_digits_of) {
  Prefix prefix{{0, 0}, kKeyBits, index_bits};
  std::int64_t above = 0;
  while (items > n + kSpare) {
    const bool of_index = prefix.key_shift == 0;
    int& left = of_index ? prefix.index_shift : prefix.key_shift;
    const int used = std::min(left, kDigitBits);
    const std::vector<Count> counts = count_digits_of(prefix, of_index, left - used, std::int64_t{1} << used);
    const Digit d = find(counts, n - above);
    above += d.higher;
    items = above + static_cast<std::int64_t>(counts[d.value]);
    left -= used;
    std::uint64_t& value = of_index ? prefix.value.index : prefix.value.key;
    value = (value << used) | d.value;
  }
  return prefix;
}

}  // namespace

void top_cuda(const Posterior& p, const Utility& utility, std::int64_t n, const std::uint8_t* open, int open_device,
              Stream s, std::int64_t* out) {
  const cuda::DevicePosterior posterior(p);
  const cuda::Input<std::uint8_t> mask(open, p.arms, open_device, "allocate mask");
  std::int64_t count = open_items(p, n, mask.get());
  if (n == 0) return;
  const Items items{posterior.beliefs(), utility, s, mask.get()};
  const int index_bits = std::max(1, bits_of(static_cast<std::uint64_t>(p.arms - 1)));
  const auto launch = [&](const auto& kernel_of) {
    cuda::by_family(p.kind, [&](auto family) {
      constexpr Family kFamily = decltype(family)::value;
      kernel_of(family, std::min(kMaxBlocks, cuda::blocks_for(p.arms / Noise<kFamily>::kWidth + 1)));
    });
    cuda::finish();
  };

  Buffer<Count> histogram(kDigits, "allocate histogram");
  const Prefix prefix =
      narrow(n, index_bits, count, [&](const Prefix& in, bool of_index, int shift, std::int64_t digits) {
        histogram.clear();
        launch([&](auto family, unsigned blocks) {
          count_digits<decltype(family)::value><<<blocks, kThreads>>>(
              items, in, of_index, shift, static_cast<std::uint64_t>(digits - 1), histogram.get());
        });
        return cuda::to_host(histogram.get(), digits, "copy histogram");
      });

  Buffer<Count> found(1, "allocate count");
  found.clear();
  Buffer<std::uint64_t> key(count, "allocate candidates");
  Buffer<std::uint64_t> item(count, "allocate candidates");
  Buffer<std::uint64_t> key_sorted(count, "allocate candidates");
  Buffer<std::uint64_t> item_sorted(count, "allocate candidates");
  launch([&](auto family, unsigned blocks) {
    collect<decltype(family)::value><<<blocks, kThreads>>>(items, prefix, found.get(), key.get(), item.get());
  });
  const auto sort = [&](const std::uint64_t* by, std::uint64_t* by_out, const std::uint64_t* with,
                        std::uint64_t* with_out, int bits) {
    cuda::with_storage("sort", [&](void* storage, std::size_t& bytes) {
      return cub::DeviceRadixSort::SortPairs(storage, bytes, by, by_out, with, with_out, count, 0, bits);
    });
  };
  sort(item.get(), item_sorted.get(), key.get(), key_sorted.get(), index_bits);
  sort(key_sorted.get(), key.get(), item_sorted.get(), item.get(), kKeyBits);  // stable: ties stay by index
  cuda::finish();
  const auto best = cuda::to_host(item.get(), n, "copy items");
  std::copy(best.begin(), best.end(), out);
}

}  // namespace sparft
