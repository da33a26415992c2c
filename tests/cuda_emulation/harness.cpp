// Every CUDA op on the emulator beside the CPU op, on random cases: harness SEED. Exit status 1 when any differs.
#include "harness.h"

#include "choose.h"
#include "cuda_runtime.h"

int main(int count, char** arguments) {
  using namespace sparft;
  using namespace sparft::compare;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  Random random(count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 1);
  expect(cuda_problem().empty() && cuda_device_name() == "emulated", "the device");
  const struct {
    const char* name;
    void (*run)(Random&);
  } parts[] = {{"draw, choose", compare_choices},
               {"choose_top", compare_top},
               {"observe", compare_observe},
               {"farthest_points", compare_farthest}};
  for (const auto& part : parts) {
    const int before = differences;
    part.run(random);
    expect(emulated::buffers == 0, "%s kept %lld buffers", part.name, static_cast<long long>(emulated::buffers));
    std::printf("%s: %d differences\n", part.name, differences - before);
  }
  return differences == 0 ? 0 : 1;
}
