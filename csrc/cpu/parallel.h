// A bounded number of threads over independent tasks; results must not depend on who runs what.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

namespace sparft {

// task(i) for i in [0, tasks); task must not throw.
template <class Task>
void parallel_for(int threads, std::int64_t tasks, const Task& task) {
  std::atomic<std::int64_t> next{0};
  const auto work = [&] {
    for (std::int64_t i = next.fetch_add(1); i < tasks; i = next.fetch_add(1)) task(i);
  };
  std::vector<std::thread> helpers;
  const std::int64_t wanted = std::min<std::int64_t>(threads, tasks) - 1;
  helpers.reserve(static_cast<std::size_t>(std::max<std::int64_t>(wanted, 0)));
  try {
    for (std::int64_t i = 0; i < wanted; ++i) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // The system gives no more threads: those running, and this one, do all tasks.
  }
  work();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace sparft
