// SPDX-License-Identifier: Apache-2.0
#include "backends/opencl/timeline.h"

#include <algorithm>
#include <chrono>

#include "backends/gpu_common/limits.h"

namespace hrt::gpu::opencl {

namespace {

using Clock = std::chrono::steady_clock;
// How often a waiter looks at the events itself: a device that is gone may never call back.
constexpr std::chrono::milliseconds kPoll{100};

}  // namespace

const std::shared_ptr<Timeline>& timeline_of(const Point& point) {
  if (!point.fence) misuse("a point without a fence");
  return static_cast<ClFence*>(point.fence)->timeline();
}

Timeline::~Timeline() {
  for (const Item& i : promised_) api().SetUserEventStatus(i.event.get(), CL_INVALID_EVENT);
}

Event Timeline::wait_event(uint64_t value) {
  const std::lock_guard lock(mutex_);
  if (reached_ >= value) return nullptr;
  for (const auto* list : {&submitted_, &promised_}) {
    for (const Item& i : *list) {
      if (i.value < value) continue;
      return again(i.event);
    }
  }
  cl_int code = CL_SUCCESS;
  Event event(api().CreateUserEvent(device_.context.get(), &code));
  device_.check_submit(code, "clCreateUserEvent");
  promised_.push_back({value, again(event)});
  return event;
}

void Timeline::add(uint64_t value, const Event& event) {
  const std::lock_guard lock(mutex_);
  submitted_.push_back({value, again(event)});
}

void Timeline::reach(uint64_t value, cl_int status) {
  std::vector<Item> done, kept;
  {
    const std::lock_guard lock(mutex_);
    if (status < 0)
      device_.lose(sdk::cat("a submission ended with ", error_name(status), " (", status, ")"));
    else
      reached_ = std::max(reached_, value);
    for (auto* list : {&submitted_, &promised_}) {
      const auto ended =
          std::stable_partition(list->begin(), list->end(), [&](const Item& i) { return i.value > value; });
      auto& to = list == &promised_ ? done : kept;
      std::move(ended, list->end(), std::back_inserter(to));
      list->erase(ended, list->end());
    }
  }
  changed_.notify_all();
  // Without the lock: this may run what waited, and call back.
  for (const Item& i : done) api().SetUserEventStatus(i.event.get(), status < 0 ? status : CL_COMPLETE);
}

void Timeline::poll(std::unique_lock<std::mutex>& lock) {
  std::vector<std::pair<uint64_t, cl_int>> ended;
  for (const Item& i : submitted_) {
    cl_int status = CL_QUEUED;
    const cl_int code =
        api().GetEventInfo(i.event.get(), CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, nullptr);
    if (code != CL_SUCCESS) status = code;
    if (status <= CL_COMPLETE) ended.emplace_back(i.value, status);
  }
  lock.unlock();
  for (const auto& [value, status] : ended) reach(value, status);
  lock.lock();
}

bool Timeline::wait(uint64_t value, uint64_t timeout_ns) {
  const auto begin = Clock::now();
  const std::chrono::nanoseconds timeout(std::min<uint64_t>(timeout_ns, INT64_MAX));
  std::unique_lock lock(mutex_);
  while (reached_ < value) {
    device_.alive();
    const auto left = timeout - (Clock::now() - begin);
    if (left <= Clock::duration::zero()) return false;
    if (changed_.wait_for(lock, std::min<std::chrono::nanoseconds>(left, kPoll)) == std::cv_status::timeout)
      poll(lock);
  }
  return true;
}

}  // namespace hrt::gpu::opencl
