// SPDX-License-Identifier: Apache-2.0
// An opened device: its context, its command queues, and whether it still works.
//
// Every submission has a queue to itself until it has ended, then the queue goes back to the pool: a
// submission that waits holds up no other, and there are as many queues as submissions were in flight at
// once. A driver that cannot run two kernels at once (Found::in_turn) gets them one behind another.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <vector>

#include "backends/gpu_common/driver.h"
#include "backends/opencl/api.h"

namespace hrt::gpu::opencl {

// One more reference to an event.
inline Event again(const Event& event) {
  check(api().RetainEvent(event.get()), "clRetainEvent");
  return Event(event.get());
}

struct Device {
  cl_device_id id;
  Caps caps;
  bool in_turn = false;
  Context context;

  // Throws HRT_ERROR_DEVICE_LOST, with the first reason, once the device is lost.
  void alive();
  bool is_lost() const { return lost_.load(std::memory_order_acquire); }
  void lose(const std::string& why);
  // Throws for a call that submits or waits: errors that mean the loss of the device lose it.
  void check_submit(cl_int code, const char* what);

  cl_command_queue take_queue(cl_command_queue_properties properties);
  // Back into the pool. A queue whose submission failed half-way is not given back, nor released, which might
  // wait for ever.
  void give_queue(cl_command_queue_properties properties, cl_command_queue queue);
  // The last that a submission does with this device: once per take_queue.
  void end_submission();
  // Calls enqueue(events to wait for), which gives the event of its end; where kernels go in turn, behind the
  // end of the call before.
  template <class F>
  Event take_turn(std::vector<Event> wait, F&& enqueue) {
    if (!in_turn) return enqueue(std::move(wait));
    const std::lock_guard lock(turns_);
    if (last_ != nullptr) wait.push_back(again(last_));
    Event end = enqueue(std::move(wait));
    last_ = again(end);
    return end;
  }
  // Waits until all submissions have ended, and nothing is left of them in the queues. False: some have not.
  bool idle(std::chrono::milliseconds timeout);

 private:
  std::atomic<bool> lost_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string reason_;
  std::map<cl_command_queue_properties, std::vector<Queue>> idle_;
  size_t in_flight_ = 0;
  std::mutex turns_;
  Event last_;  // the end of the last turn
};

}  // namespace hrt::gpu::opencl
