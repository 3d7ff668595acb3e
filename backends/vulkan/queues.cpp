// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/queues.h"

#include <algorithm>

namespace hrt::gpu::vulkan {

constexpr uint64_t kPatience = 5'000'000'000;  // ns that destruction waits for a device that is silent

Queues::~Queues() {
  if (device_.lost()) return;
  if (!drain(device_.compute_queue()) || (device_.two_families() && !drain(device_.transfer_queue())))
    device_.abandon("it does not end its work");
}

// False: it took too long. A lost device has nothing to do any more.
bool Queues::drain(VkQueue queue) {
  const DeviceApi& vk = device_.vk();
  const VkFenceCreateInfo info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  VkFence fence = VK_NULL_HANDLE;
  if (vk.CreateFence(device_.handle(), &info, nullptr, &fence) != VK_SUCCESS) return false;
  VkResult result = vk.QueueSubmit(queue, 0, nullptr, fence);
  if (result == VK_SUCCESS) result = vk.WaitForFences(device_.handle(), 1, &fence, VK_TRUE, kPatience);
  if (result == VK_TIMEOUT) return false;
  vk.DestroyFence(device_.handle(), fence, nullptr);
  return result == VK_SUCCESS || result == VK_ERROR_DEVICE_LOST;
}

bool Queues::ready(const Submission& s) const {
  return *s.signal.timeline->promised.begin() == s.signal.value &&
         std::ranges::all_of(s.wait, [](const At& at) { return at.timeline->sent >= at.value; });
}

void Queues::keep_promise(const At& point) {
  point.timeline->promised.erase(point.value);
  point.timeline->sent = point.value;
  device_.order().changed.notify_all();
}

void Queues::send(const Submission& s) {
  std::vector<VkSemaphore> semaphores;
  std::vector<uint64_t> values;
  for (const At& at : s.wait) {
    semaphores.push_back(at.timeline->handle);
    values.push_back(at.value);
  }
  const std::vector<VkPipelineStageFlags> stages(s.wait.size(), VK_PIPELINE_STAGE_ALL_COMMANDS_BIT);
  VkTimelineSemaphoreSubmitInfo points{VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO};
  points.waitSemaphoreValueCount = uint32_t(values.size());
  points.pWaitSemaphoreValues = values.data();
  points.signalSemaphoreValueCount = 1;
  points.pSignalSemaphoreValues = &s.signal.value;
  VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
  info.pNext = &points;
  info.waitSemaphoreCount = uint32_t(semaphores.size());
  info.pWaitSemaphores = semaphores.data();
  info.pWaitDstStageMask = stages.data();
  info.commandBufferCount = s.commands ? 1 : 0;
  info.pCommandBuffers = &s.commands;
  info.signalSemaphoreCount = 1;
  info.pSignalSemaphores = &s.signal.timeline->handle;
  const VkQueue queue = s.transfer ? device_.transfer_queue() : device_.compute_queue();
  device_.check(device_.vk().QueueSubmit(queue, 1, &info, VK_NULL_HANDLE), "vkQueueSubmit");
  keep_promise(s.signal);
}

// Hands over what was kept back and can go now. Its callers are gone: a failure is a loss of the device.
void Queues::send_deferred() {
  for (auto next = deferred_.begin(); next != deferred_.end();) {
    if (!ready(*next)) {
      ++next;
      continue;
    }
    const Submission s = std::move(*next);
    deferred_.erase(next);
    try {
      send(s);
    } catch (const sdk::Error& e) {
      device_.lose(sdk::cat("a submission that had waited failed: ", e.what()));
      return;
    }
    next = deferred_.begin();  // it may be what another one waited for
  }
}

void Queues::submit(Submission s) {
  const std::lock_guard lock(device_.order().mutex);
  add_promise(s.signal);
  if (!ready(s)) {
    deferred_.push_back(std::move(s));
    return;
  }
  try {
    send(s);
  } catch (...) {
    s.signal.timeline->promised.erase(s.signal.value);
    throw;
  }
  send_deferred();
}

void Queues::settle(VkCommandBuffer commands, const At& signal) {
  if (!signal.timeline) return;
  {
    const std::lock_guard lock(device_.order().mutex);
    for (const Submission& s : deferred_)
      if (s.commands == commands) s.signal.timeline->promised.erase(s.signal.value);
    if (std::erase_if(deferred_, [&](const Submission& s) { return s.commands == commands; })) return;
  }
  try {
    if (!signal.timeline->wait(signal.value, kPatience)) device_.abandon("it does not end a submission");
  } catch (const sdk::Error&) {
    return;  // lost: nothing runs any more
  }
}

void Queues::promise(const At& point) {
  const std::lock_guard lock(device_.order().mutex);
  add_promise(point);
}

void Queues::add_promise(const At& point) {
  device_.require_alive();
  if (point.value <= point.timeline->sent || !point.timeline->promised.insert(point.value).second)
    throw sdk::Error(HRT_ERROR_USAGE, sdk::cat("a fence is to be signalled with ", point.value, " again"));
  device_.order().changed.notify_all();
}

bool Queues::is_sent(const At& point) {
  const std::lock_guard lock(device_.order().mutex);
  return point.timeline->sent >= point.value;
}

bool Queues::may_signal(const At& point) {
  const std::lock_guard lock(device_.order().mutex);
  return *point.timeline->promised.begin() == point.value;
}

void Queues::signal(const At& point) {
  const std::lock_guard lock(device_.order().mutex);
  VkSemaphoreSignalInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO};
  info.semaphore = point.timeline->handle;
  info.value = point.value;
  device_.check(device_.vk().SignalSemaphore(device_.handle(), &info), "vkSignalSemaphore");
  keep_promise(point);
  send_deferred();
}

void Queues::signal_behind_copies(const At& point) {
  const std::lock_guard lock(device_.order().mutex);
  send({VK_NULL_HANDLE, {}, point, true});
  send_deferred();
}

}  // namespace hrt::gpu::vulkan
