// SPDX-License-Identifier: Apache-2.0
// An opened device: its functions, whether it is still there, and the timelines of its fences.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "backends/vulkan/physical.h"

namespace hrt::gpu::vulkan {

// Guards the numbers of all timelines of a device; changed: one was sent or promised.
struct Order {
  std::mutex mutex;
  std::condition_variable changed;
};

class Device {
 public:
  Device(std::shared_ptr<Instance> instance, Physical physical);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  VkDevice handle() const { return handle_; }
  const DeviceApi& vk() const { return vk_; }
  const Physical& physical() const { return physical_; }
  Instance& instance() const { return *instance_; }
  VkQueue compute_queue() const { return compute_; }
  VkQueue transfer_queue() const { return transfer_; }  // compute_queue when there is only that

  // Throws what a call answered: HRT_ERROR_DEVICE_LOST from the first time on that the device is lost.
  void check(VkResult result, const char* call);
  void require_alive();
  bool lost() const { return lost_; }
  void lose(const std::string& why);
  // The device works on something that will not end: what it uses cannot be destroyed any more.
  void abandon(const std::string& why);
  bool abandoned() const { return abandoned_; }

  Order& order() const { return order_; }

  // Families that buffers are used in.
  std::array<uint32_t, 2> families() const { return {physical_.compute_family, physical_.transfer_family}; }
  bool two_families() const { return physical_.compute_family != physical_.transfer_family; }

 private:
  std::shared_ptr<Instance> instance_;
  Physical physical_;
  VkDevice handle_ = VK_NULL_HANDLE;
  DeviceApi vk_;
  VkQueue compute_ = VK_NULL_HANDLE;
  VkQueue transfer_ = VK_NULL_HANDLE;
  std::atomic<bool> lost_ = false;
  std::atomic<bool> abandoned_ = false;
  mutable Order order_;
  std::mutex mutex_;
  std::string why_;
};

// A timeline semaphore. Queues orders what is signalled on it.
struct Timeline {
  explicit Timeline(Device& device);
  ~Timeline();
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  uint64_t reached() const;  // the number now
  // True: value was reached within the time. Throws DEVICE_LOST, soon after the device is lost.
  bool wait(uint64_t value, uint64_t timeout_ns) const;

  Device& device;
  VkSemaphore handle = VK_NULL_HANDLE;
  // Guarded by Device::order. sent: the highest value that the device was told to signal, or the host
  // has signalled. promised: those that were asked for and cannot be sent yet.
  uint64_t sent = 0;
  std::set<uint64_t> promised;
};

struct At {  // a point
  std::shared_ptr<Timeline> timeline;
  uint64_t value = 0;
};

// One side of a barrier.
struct Access {
  VkPipelineStageFlags stages;
  VkAccessFlags access;
};
constexpr Access kKernelWrites{VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_SHADER_WRITE_BIT};
constexpr Access kKernelAccess{VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                               VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
constexpr Access kCopyWrites{VK_PIPELINE_STAGE_TRANSFER_BIT, VK_ACCESS_TRANSFER_WRITE_BIT};
constexpr Access kHostReads{VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT};
// What was done before, as far as from says, is done and seen when what to says begins.
void barrier(const Device& device, VkCommandBuffer commands, Access from, Access to);

// A command pool with one command buffer.
class Commands {
 public:
  Commands(Device& device, uint32_t family);
  ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;
  VkCommandBuffer handle() const { return buffer_; }
  void begin(VkCommandBufferUsageFlags usage);  // forgets what was recorded
  void end();

 private:
  Device& device_;
  VkCommandPool pool_ = VK_NULL_HANDLE;
  VkCommandBuffer buffer_ = VK_NULL_HANDLE;
};

}  // namespace hrt::gpu::vulkan
