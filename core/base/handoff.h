// SPDX-License-Identifier: Apache-2.0
// Tells ThreadSanitizer what the task scheduler guarantees. Its library is not instrumented, so the sanitizer
// does not see that what a thread did before it hands work over happens before that work, and that work
// before whatever follows the wait for it. Only the hand-over is described, never what the work touches:
// races between tasks, or between a task and its caller, are found as ever. Costs nothing in other builds.
#pragma once

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HRT_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HRT_TSAN 1
#endif

#if defined(HRT_TSAN)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace hrt {

// Lives on the stack of the thread that hands work over and waits for it; outlives the wait.
class Handoff {
 public:
  Handoff() = default;
  ~Handoff() { acquire(&done_); }
  Handoff(const Handoff&) = delete;

  void give() { release(&given_); }  // before each hand-over

  class Work {  // around what is done on the other side
   public:
    explicit Work(Handoff& handoff) : handoff_(handoff) { acquire(&handoff.given_); }
    ~Work() { release(&handoff_.done_); }
    Work(const Work&) = delete;

   private:
    Handoff& handoff_;
  };

 private:
#if defined(HRT_TSAN)
  static void acquire(char* at) { __tsan_acquire(at); }
  static void release(char* at) { __tsan_release(at); }
#else
  static void acquire(char*) {}
  static void release(char*) {}
#endif
  char given_ = 0;
  char done_ = 0;
};

}  // namespace hrt
