// SPDX-License-Identifier: Apache-2.0
#include "backends/opencl/device.h"

namespace hrt::gpu::opencl {

void Device::alive() {
  if (!is_lost()) return;
  const std::lock_guard lock(mutex_);
  throw sdk::Error(HRT_ERROR_DEVICE_LOST, sdk::cat(caps.name, " was lost: ", reason_));
}

void Device::lose(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (reason_.empty()) reason_ = why;
  lost_.store(true, std::memory_order_release);
}

void Device::check_submit(cl_int code, const char* what) {
  if (is_loss(code)) lose(sdk::cat(what, ": ", error_name(code), " (", code, ")"));
  alive();
  check(code, what);
}

cl_command_queue Device::take_queue(cl_command_queue_properties properties) {
  const std::lock_guard lock(mutex_);
  auto& idle = idle_[properties];
  cl_command_queue queue = nullptr;
  if (!idle.empty()) {
    queue = idle.back().release();
    idle.pop_back();
  } else {
    cl_int code = CL_SUCCESS;
    queue = api().CreateCommandQueue(context.get(), id, properties, &code);
    check(code, "clCreateCommandQueue");
  }
  ++in_flight_;
  return queue;
}

void Device::give_queue(cl_command_queue_properties properties, cl_command_queue queue) {
  const std::lock_guard lock(mutex_);
  idle_[properties].emplace_back(queue);
}

void Device::end_submission() {
  const std::lock_guard lock(mutex_);
  --in_flight_;
  changed_.notify_all();
}

bool Device::idle(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, timeout, [&] { return in_flight_ == 0; })) return false;
  // Buffers are placed by commands that nobody waits for, and a submission calls back before the driver has
  // done all that it does for it: its threads must not be found at work when the process ends.
  for (const auto& [properties, queues] : idle_)
    for (const Queue& q : queues) api().Finish(q.get());
  return true;
}

}  // namespace hrt::gpu::opencl
