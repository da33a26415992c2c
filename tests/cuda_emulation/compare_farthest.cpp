// farthest_points: same rows in the same order, same refusals. Rounded coordinates make equal distances.
#include <cmath>

#include "farthest.h"
#include "harness.h"

namespace sparft::compare {

void compare_farthest(Random& random) {
  for (int i = 0; i < 100; ++i) {
    const std::int64_t rows = random.whole(1, i % 5 == 0 ? 1500 : 200);
    const std::int64_t dims = random.whole(1, i % 7 == 0 ? 300 : 40);
    const std::int64_t clusters = random.whole(1, 9);
    std::vector<float> points;
    for (std::int64_t j = 0; j < rows * dims; ++j) {
      const auto x = static_cast<float>(random.real(-2, 2));
      points.push_back(i % 2 == 0 ? x : std::round(x));
    }
    std::vector<std::int32_t> cluster;
    std::vector<std::int64_t> size(static_cast<std::size_t>(clusters)), take;
    for (std::int64_t j = 0; j < rows; ++j)
      ++size[static_cast<std::size_t>(cluster.emplace_back(static_cast<std::int32_t>(random.whole(0, clusters - 1))))];
    std::int64_t all = 0;
    for (const std::int64_t m : size) all += take.emplace_back(random.whole(0, i % 4 == 0 || m < 30 ? m : 30));
    switch (i % 20) {  // one thing to refuse now and then
      case 3: points[static_cast<std::size_t>(random.whole(0, rows * dims - 1))] = NAN; break;
      case 7: points[static_cast<std::size_t>(random.whole(0, rows * dims - 1))] = 2e15f; break;
      case 11: cluster[static_cast<std::size_t>(random.whole(0, rows - 1))] = 9; break;  // clusters are at most 9
      case 15: take[0] = size[0] + 1, ++all; break;
      default: break;
    }
    std::vector<std::int64_t> picked(static_cast<std::size_t>(all) + 1, -7), picked_cuda = picked;
    const FarthestPoints p{points.data(), rows, dims, cluster.data(), take.data(), clusters};
    const std::string cpu = refusal([&] { farthest_cpu(p, 1, picked.data()); });
    const std::string cuda = refusal([&] { farthest_cuda(p, 0, picked_cuda.data()); });
    expect(cpu == cuda, "refusal of farthest_points: '%s', not '%s'", cuda.c_str(), cpu.c_str());
    expect(same_bits(picked, picked_cuda), "farthest_points of %d rows, %d dims, %d clusters", static_cast<int>(rows),
           static_cast<int>(dims), static_cast<int>(clusters));
  }
}

}  // namespace sparft::compare
