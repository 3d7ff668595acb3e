// SPDX-License-Identifier: Apache-2.0
// Fences over events. A submission's last event carries the value that it signals; when the runtime calls
// back, the number grows. Live events are those of submissions that have not ended, and no more.
#pragma once

#include <condition_variable>
#include <mutex>

#include "backends/gpu_common/driver.h"
#include "backends/opencl/device.h"

namespace hrt::gpu::opencl {

// What a fence and the callbacks of its submissions share.
class Timeline {
 public:
  explicit Timeline(Device& device) : device_(device) {}
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;
  ~Timeline();  // what still waits for a promised value ends with an error

  // An event that completes when the value is reached; NULL: it is reached. A value that nothing submitted
  // will reach yet gets an event of its own, which a later submission completes.
  Event wait_event(uint64_t value);
  void add(uint64_t value, const Event& event);
  void reach(uint64_t value, cl_int status);
  bool wait(uint64_t value, uint64_t timeout_ns);

 private:
  struct Item {
    uint64_t value;
    Event event;
  };
  void poll(std::unique_lock<std::mutex>& lock);

  Device& device_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t reached_ = 0;
  std::vector<Item> submitted_;
  std::vector<Item> promised_;  // user events
};

class ClFence : public Fence {
 public:
  explicit ClFence(Device& device) : timeline_(std::make_shared<Timeline>(device)) {}
  bool wait(uint64_t value, uint64_t timeout_ns) override { return timeline_->wait(value, timeout_ns); }
  const std::shared_ptr<Timeline>& timeline() const { return timeline_; }

 private:
  std::shared_ptr<Timeline> timeline_;
};

const std::shared_ptr<Timeline>& timeline_of(const Point& point);

}  // namespace hrt::gpu::opencl
