// SPDX-License-Identifier: Apache-2.0
// Dispatches recorded into one command buffer, and the times that they took.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "backends/vulkan/memory.h"
#include "backends/vulkan/pipelines.h"
#include "backends/vulkan/queues.h"

namespace hrt::gpu::vulkan {

// Turns the device's time stamps into CLOCK_MONOTONIC.
class Clock {
 public:
  Clock(Device& device, Queues& queues) : device_(device), queues_(queues) {}
  // Ticks of the device, and the host's time in ns at that moment, as near as it can be had.
  struct Pair {
    uint64_t ticks, ns;
  };
  Pair now();
  uint64_t to_ns(uint64_t ticks, const Pair& now) const;

 private:
  Pair calibrated() const;
  Pair bracketed() const;

  Device& device_;
  Queues& queues_;
  std::mutex mutex_;
  Pair best_{};  // without VK_EXT_calibrated_timestamps
};

class QueryPool {
 public:
  QueryPool(Device& device, uint32_t count);
  ~QueryPool();
  QueryPool(const QueryPool&) = delete;
  QueryPool& operator=(const QueryPool&) = delete;
  VkQueryPool handle() const { return handle_; }
  std::vector<uint64_t> read(uint32_t count) const;

 private:
  Device& device_;
  VkQueryPool handle_ = VK_NULL_HANDLE;
};

class VulkanRecording : public Recording {
 public:
  VulkanRecording(Device& device, Memory& memory, Queues& queues, std::span<const Dispatch> dispatches,
                  bool profile);
  ~VulkanRecording() override;

  void submit(std::vector<At> wait, const At& signal);
  std::vector<Time> times(Clock& clock) const;

 private:
  void make_sets(std::span<const Dispatch> dispatches);
  void fill_set(VkDescriptorSet set, const Dispatch& dispatch) const;
  void record(std::span<const Dispatch> dispatches);

  Device& device_;
  Queues& queues_;
  Commands commands_;
  VkDescriptorPool pool_ = VK_NULL_HANDLE;
  std::vector<VkDescriptorSet> sets_;
  // Two a dispatch, when times are wanted. The device writes them to memory: lavapipe answers a question for
  // them only when everything that was ever submitted has ended.
  std::unique_ptr<QueryPool> queries_;
  std::unique_ptr<VulkanBuffer> ticks_;
  std::vector<uint32_t> nodes_;
  At last_;  // what the last submission signals
};

}  // namespace hrt::gpu::vulkan
