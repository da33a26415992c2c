// Blocks and warps on one CPU thread. A CUDA thread that never waits is a call; one that waits at a barrier or a
// shuffle keeps its stack in a fiber until the others have come. Blocks follow each other. Every other launch runs
// blocks and threads backwards, so that a result which hangs on their order, or on a barrier that is missing, shows.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
inline dim3 blockIdx, threadIdx, gridDim, blockDim;

namespace emulated {

constexpr unsigned kWarp = 32;
constexpr unsigned kMaxThreads = 1024;

enum class State { kNew, kReady, kAtBlock, kAtWarp, kDone };

[[noreturn]] inline void stop(const char* why) {
  std::fprintf(stderr, "emulated CUDA: %s (block %u, %u)\n", why, blockIdx.x, blockIdx.y);
  std::abort();
}

// Entered once by setcontext; from then on by longjmp, which unlike swapcontext asks nothing of the kernel.
struct Fiber {
  static constexpr std::size_t kStack = 128 * 1024;

  jmp_buf at;
  ucontext_t start;
  std::unique_ptr<char[]> stack{new char[kStack]};
  bool entered = false;
};

class Block {
 public:
  void run(unsigned threads, bool backwards, const std::function<void()>& body) {
    if (threads == 0 || threads > kMaxThreads) stop("a block of that size cannot be launched");
    threads_ = threads;
    backwards_ = backwards;
    body_ = &body;
    started_ = 0;
    for (unsigned t = 0; t < threads; ++t) state_[t] = State::kNew;
    while (started_ < threads) resume(take_fiber());
    while (release())
      for (unsigned i = 0; i < threads; ++i)
        if (state_[thread(i)] == State::kReady) resume_thread(thread(i));
  }

  void wait(State where) {
    const unsigned me = current_;
    state_[me] = where;
    fiber_of_[me] = running_;
    leave();
    current_ = me;
    threadIdx = dim3(me);
  }

  unsigned current() const { return current_; }
  std::uint64_t slot[kMaxThreads];  // what a thread gives to a shuffle
  int votes = 0;
  int counted = 0;  // votes at the barrier before

 private:
  unsigned thread(unsigned i) const { return backwards_ ? threads_ - 1 - i : i; }

  static void enter() { that->work(); }
  inline static Block* that = nullptr;

  // A fiber calls thread after thread; one that waits takes the fiber with it and another goes on.
  void work() {
    for (;;) {
      while (started_ < threads_) {
        const unsigned me = thread(started_++);
        current_ = me;
        threadIdx = dim3(me);
        (*body_)();
        state_[me] = State::kDone;
      }
      idle_.push_back(running_);
      leave();
    }
  }

  __attribute__((noinline)) void leave() {
    if (_setjmp(running_->at) == 0) _longjmp(scheduler_, 1);
  }

  __attribute__((noinline)) void resume(Fiber* fiber) {
    running_ = fiber;
    that = this;
    if (_setjmp(scheduler_) != 0) return;
    if (running_->entered) _longjmp(running_->at, 1);
    running_->entered = true;
    setcontext(&running_->start);
    stop("setcontext failed");
  }

  void resume_thread(unsigned t) { resume(fiber_of_[t]); }

  Fiber* take_fiber() {
    if (idle_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>());
      Fiber& made = *fibers_.back();
      getcontext(&made.start);
      made.start.uc_stack.ss_sp = made.stack.get();
      made.start.uc_stack.ss_size = Fiber::kStack;
      made.start.uc_link = nullptr;
      makecontext(&made.start, enter, 0);
      return &made;
    }
    Fiber* fiber = idle_.back();
    idle_.pop_back();
    return fiber;
  }

  unsigned in_state(unsigned low, unsigned high, State state) const {
    unsigned n = 0;
    for (unsigned t = low; t < high; ++t) n += state_[t] == state ? 1U : 0U;
    return n;
  }

  void ready(unsigned low, unsigned high) {
    for (unsigned t = low; t < high; ++t) state_[t] = State::kReady;
  }

  // Nobody runs: every thread is done or waits. Lets go those that have all come to one place; false when all are done.
  bool release() {
    bool released = false;
    for (unsigned low = 0; low < threads_; low += kWarp) {
      const unsigned high = low + kWarp < threads_ ? low + kWarp : threads_;
      const unsigned here = in_state(low, high, State::kAtWarp);
      if (here == 0) continue;
      if (here != kWarp) stop("a shuffle of all lanes that not all lanes reach");
      ready(low, high);
      released = true;
    }
    if (released) return true;
    const unsigned here = in_state(0, threads_, State::kAtBlock);
    if (here == 0) return false;
    if (here != threads_) stop("a barrier that not all threads reach");
    ready(0, threads_);
    counted = votes;
    votes = 0;
    return true;
  }

  State state_[kMaxThreads];
  Fiber* fiber_of_[kMaxThreads];
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  Fiber* running_ = nullptr;
  jmp_buf scheduler_;
  const std::function<void()>* body_ = nullptr;
  unsigned threads_ = 0;
  unsigned started_ = 0;
  unsigned current_ = 0;
  bool backwards_ = false;
};

inline Block block;
inline std::uint64_t launches = 0;

// kernel<<<grid, threads>>>(arguments) is written launch([](..) { kernel(..); }, grid, threads)(arguments).
template <class Kernel>
auto launch(const Kernel& kernel, dim3 grid, dim3 threads) {
  return [=](const auto&... arguments) {
    if (grid.x == 0 || grid.y == 0 || grid.y > 65535 || grid.z != 1 || threads.y != 1 || threads.z != 1)
      stop("a grid of that shape cannot be launched");
    const std::function<void()> body = [&] { kernel(arguments...); };
    const bool backwards = launches++ % 2 != 0;
    gridDim = grid;
    blockDim = threads;
    const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y;
    for (std::uint64_t i = 0; i < blocks; ++i) {
      const std::uint64_t at = backwards ? blocks - 1 - i : i;
      blockIdx = dim3(static_cast<unsigned>(at % grid.x), static_cast<unsigned>(at / grid.x));
      block.run(threads.x, backwards, body);
    }
  };
}

}  // namespace emulated
