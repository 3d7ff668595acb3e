// SPDX-License-Identifier: Apache-2.0
// The threads that a session computes on.
#pragma once

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <condition_variable>
#include <memory>
#include <mutex>

#include "core/base/error.h"
#include "core/base/handoff.h"

namespace hrt {

class Threads {
 public:
  explicit Threads(unsigned count) {  // 0: one per core
    if (count > 1024) fail(HRT_ERROR_USAGE, "{} threads are over the limit of 1024", count);
    const int cores = tbb::this_task_arena::max_concurrency();
    const int threads = count == 0 ? cores : int(count);
    if (threads > cores)
      more_ = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                    size_t(threads));
    arena_ = std::make_unique<tbb::task_arena>(threads);
  }

  ~Threads() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return queued_ == 0; });
  }
  Threads(const Threads&) = delete;

  int count() const { return arena_->max_concurrency(); }

  // Runs f on these threads, to its end; the caller is one of them, or waits.
  template <class F>
  void run(F&& f) {
    Handoff handoff;
    handoff.give();
    // The scheduler calls this through a reference, which is read before the hand-over can be told.
    arena_->execute([&]() __attribute__((no_sanitize("thread"))) {
      const Handoff::Work work(handoff);
      f();
    });
  }

  // Runs f on one of these threads, some time before they end. f must not throw.
  template <class F>
  void enqueue(F f) {
    {
      const std::lock_guard lock(mutex_);
      ++queued_;
    }
    arena_->enqueue([this, f = std::move(f)] {
      f();
      const std::lock_guard lock(mutex_);
      if (--queued_ == 0) ended_.notify_all();
    });
  }

 private:
  std::unique_ptr<tbb::global_control> more_;
  std::unique_ptr<tbb::task_arena> arena_;
  std::mutex mutex_;
  std::condition_variable ended_;
  size_t queued_ = 0;
};

}  // namespace hrt
