// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/copier.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace hrt::gpu::vulkan {
namespace {

constexpr uint64_t kChunk = 4 << 20;
constexpr uint64_t kSlice = 20'000'000;  // ns: how soon the end is noticed while the device is silent
constexpr uint64_t kMoment = 200'000;    // ns: how soon another job is noticed while the device works

struct Stopped {};

VulkanBuffer& buffer_of(const Span& span) { return *static_cast<VulkanBuffer*>(span.buffer); }

// Can the host do this copy itself?
bool direct(const HostCopy& c) {
  const VulkanBuffer& buffer = buffer_of(c.span);
  return buffer.mapped && (c.direction == HRT_TO_DEVICE || buffer.cached);
}

}  // namespace

Copier::Copier(Device& device, Memory& memory, Queues& queues)
    : device_(device), memory_(memory), queues_(queues), ring_(std::make_shared<Timeline>(device)) {}

Copier::~Copier() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (chunks_) queues_.settle(VK_NULL_HANDLE, {ring_, chunks_});
}

void Copier::enqueue(std::span<const HostCopy> copies, std::vector<At> wait, At signal) {
  const std::lock_guard lock(mutex_);
  queues_.promise(signal);
  jobs_.push_back({{copies.begin(), copies.end()}, std::move(wait), std::move(signal)});
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_all();
}

void Copier::work() {
  try {
    for (Job job; next(job);) run(job);
  } catch (const Stopped&) {
    return;
  } catch (const std::exception& e) {
    device_.lose(sdk::cat("a queued copy failed: ", e.what()));
  }
}

bool Copier::can_run(const Job& job) {
  return queues_.may_signal(job.signal) &&
         std::ranges::all_of(job.wait, [](const At& at) { return at.timeline->reached() >= at.value; });
}

bool Copier::next(Job& job) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
    if (stop_) return false;
    const auto found = std::ranges::find_if(jobs_, [&](const Job& j) { return can_run(j); });
    if (found != jobs_.end()) {
      job = std::move(*found);
      jobs_.erase(found);
      return true;
    }
    wait_a_moment(lock);
  }
}

// For what the jobs wait for: for the device while it works on one of their points, else until somebody
// submits or queues something. Short, as it may not be the point that is reached first.
void Copier::wait_a_moment(std::unique_lock<std::mutex>& lock) {
  std::optional<At> running;
  for (const Job& job : jobs_)
    for (const At& at : job.wait)
      if (!running && queues_.is_sent(at) && at.timeline->reached() < at.value) running = at;
  lock.unlock();
  if (running) {
    running->timeline->wait(running->value, kMoment);
  } else {
    std::unique_lock order(device_.order().mutex);
    device_.order().changed.wait_for(order, std::chrono::nanoseconds(kMoment));
    device_.require_alive();
  }
  lock.lock();
}

void Copier::run(const Job& job) {
  for (const HostCopy& c : job.copies) copy(job, c);
  const auto is_download = [](const HostCopy& c) { return c.direction == HRT_TO_HOST; };
  if (std::ranges::any_of(job.copies, is_download) || std::ranges::all_of(job.copies, direct)) {
    for (Slot& slot : slots_) settle(slot);
    queues_.signal(job.signal);
    return;
  }
  // Uploads: the device signals behind the last chunk, nobody needs to wake up.
  queues_.signal_behind_copies(job.signal);
}

void Copier::copy(const Job& job, const HostCopy& c) {
  if (direct(c)) {
    std::byte* const device = buffer_of(c.span).mapped + c.span.offset;
    if (c.direction == HRT_TO_DEVICE)
      std::memcpy(device, c.host, c.span.bytes);
    else
      std::memcpy(c.host, device, c.span.bytes);
    return;
  }
  for (uint64_t at = 0; at < c.span.bytes; at += kChunk)
    copy_chunk(job, c, at, std::min(kChunk, c.span.bytes - at));
}

void Copier::copy_chunk(const Job& job, const HostCopy& c, uint64_t at, uint64_t bytes) {
  Slot& slot = slots_[chunks_ % slots_.size()];
  if (!slot.staging) {
    slot.staging = memory_.allocate(kChunk, Use::Staging);
    slot.commands = std::make_unique<Commands>(device_, device_.physical().transfer_family);
  }
  settle(slot);
  auto* const host = static_cast<std::byte*>(c.host) + at;
  const bool upload = c.direction == HRT_TO_DEVICE;
  if (upload) std::memcpy(slot.staging->mapped, host, bytes);

  const VkCommandBuffer commands = slot.commands->handle();
  VkBufferCopy region{};
  region.size = bytes;
  (upload ? region.dstOffset : region.srcOffset) = c.span.offset + at;
  const VkBuffer device = buffer_of(c.span).handle;
  slot.commands->begin(VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT);
  if (upload) {
    device_.vk().CmdCopyBuffer(commands, slot.staging->handle, device, 1, &region);
  } else {
    device_.vk().CmdCopyBuffer(commands, device, slot.staging->handle, 1, &region);
    barrier(device_, commands, kCopyWrites, kHostReads);
  }
  slot.commands->end();
  // The points are reached; waiting for them once more makes what they stand for visible to the copy.
  queues_.submit({commands, job.wait, {ring_, chunks_ + 1}, true});
  slot.used = ++chunks_;
  slot.host = upload ? nullptr : host;
  slot.bytes = bytes;
}

void Copier::settle(Slot& slot) {
  if (!slot.used) return;
  wait_ring(slot.used);
  if (slot.host) std::memcpy(slot.host, slot.staging->mapped, slot.bytes);
  slot.host = nullptr;
  slot.used = 0;
}

void Copier::wait_ring(uint64_t value) {
  while (!ring_->wait(value, kSlice))
    if (stop_) throw Stopped();
}

}  // namespace hrt::gpu::vulkan
