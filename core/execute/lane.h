// SPDX-License-Identifier: Apache-2.0
// The way to a device with a queue. One thread calls the device, one waits for its fences, and one watches
// the other two: a device that is silent for longer than the timeout is given up, with all that was on its
// way to it, so that nobody waits for it for ever. No thread that could compute waits for a device.
//
// A call that does not come back cannot be ended from outside. Its thread is left alone with what it works
// on, which a job keeps alive, and goes on if the call ever returns.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/base/error.h"

struct hrt_status;

namespace hrt {

class Lane {
 public:
  // One call of the device, and the point on a fence that tells the end of what it queued. Jobs of one lane
  // are called in the order in which they were posted. Posting allocates nothing.
  class Job {
   public:
    virtual ~Job() = default;
    // On the lane's threads: the call itself; whether it queued something whose end must be waited for; one
    // wait of at most so long; and what is asked after the end.
    virtual hrt_status* call() = 0;
    virtual bool queues() const { return false; }
    virtual hrt_status* wait(uint64_t /*timeout_ns*/, uint32_t* reached) {
      *reached = 1;
      return nullptr;
    }
    virtual hrt_status* collect() { return nullptr; }
    // Once for every post, on some thread of the lane's, without locks. NULL: all is well. Not after ~Lane.
    virtual void ended(const Error* failure) noexcept = 0;

   private:
    friend class Lane;
    Job* next_ = nullptr;
    std::shared_ptr<void> keep_;
    bool on_its_way_ = false;
    bool last_ = false;  // gives something back: called in any case
  };

  Lane(std::string device, std::chrono::milliseconds timeout);
  // Lets the calls that were posted come to their end, for as long as the timeout.
  ~Lane();
  Lane(const Lane&) = delete;

  // keep: what the job lives in. False when the device is lost: then nothing was posted. [any-thread]
  bool post(Job& job, std::shared_ptr<void> keep);
  // A call that gives something back to the device: made even when the device is lost. In turn with the jobs.
  template <class F>
  void post_destroy(F f) {
    post_last(std::make_unique<Destroy<F>>(std::move(f)));
  }

  // Gives the device up: everything on its way ends with this error now, nothing is posted any more.
  void give_up(const Error& error);
  std::optional<Error> lost() const;
  // Returns when nothing is on its way, nor held by a thread of the lane's; soon when the device is lost.
  void settle();
  // Ends the threads as ~Lane does. Returns false when one did not come to its end.
  bool stop();

 private:
  template <class F>
  struct Destroy : Job {
    explicit Destroy(F function) : f(std::move(function)) {}
    hrt_status* call() override {
      f();
      return nullptr;
    }
    void ended(const Error*) noexcept override {}
    F f;
  };
  struct State;
  void post_last(std::unique_ptr<Job> job);

  std::shared_ptr<State> state_;
};

}  // namespace hrt
