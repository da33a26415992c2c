// draw, normal, choose and choose_top: same bits, same arms, same refusals.
#include "choose.h"
#include "harness.h"

namespace sparft::compare {
namespace {

constexpr int kKinds = 7;

struct Case {
  std::vector<double> first, second, prior_first, prior_second;
  Posterior p;
  Utility utility;
};

// `ties` makes many arms whose draws are equal, for the kinds that can have them.
Case some_case(Random& random, Kind kind, std::int64_t arms, bool ties, int device) {
  Case c;
  for (std::int64_t k = 0; k < arms; ++k) {
    c.first.push_back(ties ? static_cast<double>(random.whole(0, 2)) : random.real(0, 30));
    c.second.push_back(ties ? 1.0 : random.real(0.01, 30));
    c.prior_first.push_back(random.real(0.3, 2));
    c.prior_second.push_back(random.real(0.3, 2));
    if (ties && kind == Kind::kGaussian) c.second.back() = 0.0;
    if (ties && kind == Kind::kMixedProportional) c.first.back() = 1e25;  // no group is mixed
  }
  c.p.kind = kind;
  c.p.arms = arms;
  c.p.device = device;
  c.p.first = c.first.data();
  c.p.second = kind == Kind::kSoftmax || kind == Kind::kFixed ? nullptr : c.second.data();
  if (random.whole(0, 4) == 0) {
    c.p.prior_first = c.prior_first.data();
    c.p.prior_second = c.prior_second.data();
  }
  c.p.inflation = 0.1;
  c.p.scale = 0.5;
  c.p.temperature = 0.7;
  c.p.group = 8;
  if (family_of(kind) != Family::kGumbel) {
    c.utility.kind = static_cast<UtilityKind>(random.whole(0, 4));
    c.utility.target = 0.5;
    c.utility.group = 8;
  }
  return c;
}

void compare_refusal(Random& random, Kind kind, int device) {
  const std::int64_t arms = random.whole(1, 600);
  Case c = some_case(random, kind, arms, false, device);
  const double wrong[] = {NAN, HUGE_VAL, -1.0, -1e300, 1e300};
  const double value = wrong[random.whole(0, 4)];
  auto& array = c.p.second != nullptr && random.coin() ? c.second : c.first;
  array[static_cast<std::size_t>(random.whole(0, arms - 1))] = value;
  std::vector<double> out(static_cast<std::size_t>(arms));
  const std::string cuda = refusal([&] { draw_cuda(c.p, c.utility, 1, Stream{}, out.data()); });
  Posterior host = c.p;
  host.device = -1;
  const std::string cpu = refusal([&] { check_posterior(host); });
  expect(cpu == cuda, "refusal of kind %d with %g: '%s', not '%s'", static_cast<int>(kind), value, cuda.c_str(),
         cpu.c_str());
}

}  // namespace

void compare_choices(Random& random) {
  for (int i = 0; i < 140; ++i) {
    const Kind kind = static_cast<Kind>(i % kKinds);
    const std::int64_t arms = i % 4 == 0   ? random.whole(1, 60)
                              : i % 4 < 3 ? random.whole(1, 1100)
                                          : random.whole(1000, 9000);
    const Case c = some_case(random, kind, arms, i % 3 == 0, i % 2 - 1);
    const Stream s = make_stream(static_cast<std::uint64_t>(i), 2, 3);
    const std::int64_t rounds = random.whole(0, arms < 200 ? 90 : 9);
    const auto n = static_cast<std::size_t>(rounds);

    std::vector<double> drawn(n * static_cast<std::size_t>(arms)), drawn_cuda = drawn;
    draw_cpu(c.p, c.utility, rounds, s, {}, drawn.data());
    draw_cuda(c.p, c.utility, rounds, s, drawn_cuda.data());
    expect(same_bits(drawn, drawn_cuda), "draw of kind %d, %d rounds of %d arms", i % kKinds, static_cast<int>(rounds),
           static_cast<int>(arms));

    std::vector<std::int64_t> capacity;
    std::int64_t room = 0;
    for (std::int64_t k = 0; k < arms; ++k) room += capacity.emplace_back(random.whole(0, 2));
    if (room < rounds) capacity[static_cast<std::size_t>(random.whole(0, arms - 1))] += rounds - room;
    const std::int64_t* limit = random.coin() ? capacity.data() : nullptr;
    const double floor = random.coin() ? random.real(0, 1.0 / static_cast<double>(arms)) : 0.0;
    std::vector<std::int32_t> arm(n), arm_cuda(n);
    choose_cpu(c.p, c.utility, rounds, limit, floor, s, {}, arm.data());
    choose_cuda(c.p, c.utility, rounds, limit, floor, s, arm_cuda.data());
    expect(same_bits(arm, arm_cuda), "choose of kind %d, %d rounds of %d arms, limit %d, floor %g", i % kKinds,
           static_cast<int>(rounds), static_cast<int>(arms), static_cast<int>(limit != nullptr), floor);

    std::vector<float> normal(static_cast<std::size_t>(random.whole(0, 900))), normal_cuda = normal;
    const auto first = static_cast<std::uint64_t>(random.whole(0, 1 << 20));
    normals_cpu(s, first, static_cast<std::int64_t>(normal.size()), {}, normal.data());
    normals_cuda(s, first, static_cast<std::int64_t>(normal.size()), normal_cuda.data());
    expect(same_bits(normal, normal_cuda), "normals");

    compare_refusal(random, kind, i % 2 - 1);
  }
}

// Beyond kSpare of top.cu the digits are counted; below it all open items are sorted.
void compare_top(Random& random) {
  for (int i = 0; i < 42; ++i) {
    const std::int64_t arms = i % 4 == 0 ? random.whole(1, 500) : random.whole(66000, 100000);
    const bool ties = random.coin();
    const Case c = some_case(random, static_cast<Kind>(i % kKinds), arms, ties, i % 2 - 1);
    std::vector<std::uint8_t> mask;
    std::int64_t open = 0;
    for (std::int64_t k = 0; k < arms; ++k) open += mask.emplace_back(random.whole(0, 99) > 0);
    const std::uint8_t* given = random.coin() ? mask.data() : nullptr;
    if (given == nullptr) open = arms;
    const auto n = i % 3 == 0 ? random.whole(0, open) : random.whole(0, open < 2000 ? open : 2000);
    const Stream s = make_stream(static_cast<std::uint64_t>(i), 5, 7);
    std::vector<std::int64_t> top(static_cast<std::size_t>(n)), top_of_cuda(top);
    top_cpu(c.p, c.utility, n, given, s, {}, top.data());
    top_cuda(c.p, c.utility, n, given, i % 2 - 1, s, top_of_cuda.data());
    expect(same_bits(top, top_of_cuda), "top %d of kind %d, %d arms, ties %d, utility %d", static_cast<int>(n),
           i % kKinds, static_cast<int>(arms), static_cast<int>(ties), static_cast<int>(c.utility.kind));

    if (arms > 500) continue;
    const bool too_many = random.coin();
    if (!too_many) mask[static_cast<std::size_t>(random.whole(0, arms - 1))] = 2;
    const std::int64_t asked = too_many ? arms + 1 : 0;
    top.resize(static_cast<std::size_t>(asked));
    Posterior host = c.p;
    host.device = -1;
    const std::string cpu = refusal([&] { check_top(host, asked, mask.data()); });
    const std::string cuda = refusal([&] { top_cuda(c.p, c.utility, asked, mask.data(), i % 2 - 1, s, top.data()); });
    expect(!cpu.empty() && cpu == cuda, "refusal of a mask: '%s', not '%s'", cuda.c_str(), cpu.c_str());
  }
}

}  // namespace sparft::compare
