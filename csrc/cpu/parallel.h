// A bounded number of threads over independent tasks; results must not depend on who runs what.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace sparft {

// Threads are kept: starting one costs as much as 10^4 draws. The caller works too and waits only for tasks that
// somebody has begun, so that on a busy machine a helper that is not given a core in time costs nothing.
class ThreadPool {
 public:
  struct Job {
    void (*run)(const void* task, std::int64_t i);
    const void* task;  // touched only by who has claimed an index below `tasks`: the caller is still there then
    std::int64_t tasks;
    std::atomic<std::int64_t> next{0};
    std::int64_t done = 0;  // guarded by `mutex`
    std::mutex mutex;
    std::condition_variable finished;

    void work() {
      std::int64_t mine = 0;
      for (std::int64_t i = next.fetch_add(1); i < tasks; i = next.fetch_add(1), ++mine) run(task, i);
      if (mine == 0) return;
      const std::lock_guard<std::mutex> lock(mutex);
      done += mine;
      if (done == tasks) finished.notify_all();
    }
  };

  // The pool of this process. A fork copies no threads and may copy a locked mutex, so a child has a new one; none is
  // ever destroyed, for its threads may outlive static objects.
  static ThreadPool& instance() {
    static std::mutex guard;
    static std::atomic<ThreadPool*> pool{nullptr};
    ThreadPool* seen = pool.load();
    if (seen != nullptr && seen->process_ == getpid()) return *seen;
    const std::lock_guard<std::mutex> lock(guard);
    seen = pool.load();
    if (seen == nullptr || seen->process_ != getpid()) pool.store(seen = new ThreadPool);
    return *seen;
  }

  void help(const std::shared_ptr<Job>& job, std::int64_t helpers) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      try {
        for (; threads_ < helpers; ++threads_) std::thread([this] { serve(); }).detach();
      } catch (const std::system_error&) {
        // The system gives no more threads: those there are, and the caller, do all tasks.
      }
      for (std::int64_t i = 0; i < helpers; ++i) jobs_.push_back(job);
    }
    wake_.notify_all();
  }

 private:
  void serve() {
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return !jobs_.empty(); });
      const std::shared_ptr<Job> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job->work();
    }
  }

  const pid_t process_ = getpid();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Job>> jobs_;
  std::int64_t threads_ = 0;
};

// task(i) for i in [0, tasks); task must not throw.
template <class Task>
void parallel_for(int threads, std::int64_t tasks, const Task& task) {
  const std::int64_t helpers = std::min<std::int64_t>(threads, tasks) - 1;
  if (helpers < 1) {
    for (std::int64_t i = 0; i < tasks; ++i) task(i);
    return;
  }
  const auto job = std::make_shared<ThreadPool::Job>();
  job->run = [](const void* of, std::int64_t i) { (*static_cast<const Task*>(of))(i); };
  job->task = &task;
  job->tasks = tasks;
  ThreadPool::instance().help(job, helpers);
  job->work();
  std::unique_lock<std::mutex> lock(job->mutex);
  job->finished.wait(lock, [&] { return job->done == tasks; });
}

}  // namespace sparft
