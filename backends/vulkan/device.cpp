// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/device.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

namespace hrt::gpu::vulkan {
namespace {

VkDevice create(const Instance& instance, Physical& physical) {
  const float priority = 1;
  std::vector<VkDeviceQueueCreateInfo> queues;
  for (const uint32_t family : std::set{physical.compute_family, physical.transfer_family}) {
    VkDeviceQueueCreateInfo queue{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queue.queueFamilyIndex = family;
    queue.queueCount = 1;
    queue.pQueuePriorities = &priority;
    queues.push_back(queue);
  }
  const std::vector<const char*> extensions = link_features(physical);
  VkDeviceCreateInfo info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
  info.pNext = &physical.features.core;
  info.queueCreateInfoCount = uint32_t(queues.size());
  info.pQueueCreateInfos = queues.data();
  info.enabledExtensionCount = uint32_t(extensions.size());
  info.ppEnabledExtensionNames = extensions.data();
  VkDevice device = VK_NULL_HANDLE;
  const VkResult result = instance.api().CreateDevice(physical.handle, &info, nullptr, &device);
  if (result == VK_SUCCESS) return device;
  const bool memory = result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY;
  throw sdk::Error(memory ? HRT_ERROR_MEMORY : HRT_ERROR_UNSUPPORTED,
                   sdk::cat("opening ", physical.caps.name, " gave ", result_name(result)));
}

}  // namespace

Device::Device(std::shared_ptr<Instance> instance, Physical physical)
    : instance_(std::move(instance)),
      physical_(std::move(physical)),
      handle_(create(*instance_, physical_)),
      vk_(device_api(instance_->api(), handle_)) {
  vk_.GetDeviceQueue(handle_, physical_.compute_family, 0, &compute_);
  vk_.GetDeviceQueue(handle_, physical_.transfer_family, 0, &transfer_);
}

Device::~Device() {
  if (!abandoned_) vk_.DestroyDevice(handle_, nullptr);
}

void Device::lose(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (lost_) return;
  why_ = sdk::cat(physical_.caps.name, " is lost: ", why);
  lost_ = true;
}

void Device::abandon(const std::string& why) {
  lose(why);
  if (!abandoned_.exchange(true))
    sdk::log(HRT_LOG_ERROR, sdk::cat(physical_.caps.name, ": ", why, "; what it uses is not released"));
}

void Device::require_alive() {
  if (!lost_) [[likely]]
    return;
  const std::lock_guard lock(mutex_);
  throw sdk::Error(HRT_ERROR_DEVICE_LOST, why_);
}

void Device::check(VkResult result, const char* call) {
  if (result >= 0) [[likely]]
    return;
  if (result == VK_ERROR_DEVICE_LOST) lose(sdk::cat(call, " gave VK_ERROR_DEVICE_LOST"));
  require_alive();
  const bool memory = result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY;
  throw sdk::Error(memory ? HRT_ERROR_MEMORY : HRT_ERROR_INTERNAL,
                   sdk::cat(physical_.caps.name, ": ", call, " gave ", result_name(result)));
}

Timeline::Timeline(Device& d) : device(d) {
  VkSemaphoreTypeCreateInfo type{VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO};
  type.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE;
  VkSemaphoreCreateInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
  info.pNext = &type;
  d.check(d.vk().CreateSemaphore(d.handle(), &info, nullptr, &handle), "vkCreateSemaphore");
}

Timeline::~Timeline() {
  if (!device.abandoned()) device.vk().DestroySemaphore(device.handle(), handle, nullptr);
}

uint64_t Timeline::reached() const {
  uint64_t value = 0;
  device.check(device.vk().GetSemaphoreCounterValue(device.handle(), handle, &value),
               "vkGetSemaphoreCounterValue");
  return value;
}

// In slices: a loss that another thread noticed ends the wait too. First for the signal to be on its way,
// then for the device: what the host signals needs no call of the driver's.
bool Timeline::wait(uint64_t value, uint64_t timeout_ns) const {
  using namespace std::chrono;
  constexpr uint64_t kSlice = 100'000'000, kYear = 31'536'000'000'000'000;
  const auto end = steady_clock::now() + nanoseconds(std::min(timeout_ns, kYear));
  const auto slice = [&] {
    device.require_alive();
    const auto left = duration_cast<nanoseconds>(end - steady_clock::now()).count();
    return std::min(kSlice, uint64_t(std::max<int64_t>(left, 0)));
  };
  {
    std::unique_lock lock(device.order().mutex);
    while (sent < value) {
      const uint64_t ns = slice();
      if (ns == 0) return false;
      device.order().changed.wait_for(lock, nanoseconds(ns));
    }
  }
  VkSemaphoreWaitInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO};
  info.semaphoreCount = 1;
  info.pSemaphores = &handle;
  info.pValues = &value;
  for (;;) {
    const uint64_t ns = slice();
    const VkResult result = device.vk().WaitSemaphores(device.handle(), &info, ns);
    device.check(result, "vkWaitSemaphores");
    if (result == VK_SUCCESS) return true;
    if (ns == 0) return false;
  }
}

void barrier(const Device& device, VkCommandBuffer commands, Access from, Access to) {
  if (device.physical().features.sync2.synchronization2 && device.vk().CmdPipelineBarrier2) {
    // The bits that both versions have are the same.
    VkMemoryBarrier2 memory{VK_STRUCTURE_TYPE_MEMORY_BARRIER_2};
    memory.srcStageMask = from.stages;
    memory.srcAccessMask = from.access;
    memory.dstStageMask = to.stages;
    memory.dstAccessMask = to.access;
    VkDependencyInfo info{VK_STRUCTURE_TYPE_DEPENDENCY_INFO};
    info.memoryBarrierCount = 1;
    info.pMemoryBarriers = &memory;
    device.vk().CmdPipelineBarrier2(commands, &info);
    return;
  }
  VkMemoryBarrier memory{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  memory.srcAccessMask = from.access;
  memory.dstAccessMask = to.access;
  device.vk().CmdPipelineBarrier(commands, from.stages, to.stages, 0, 1, &memory, 0, nullptr, 0, nullptr);
}

Commands::Commands(Device& device, uint32_t family) : device_(device) {
  const DeviceApi& vk = device.vk();
  VkCommandPoolCreateInfo pool{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
  pool.queueFamilyIndex = family;
  device.check(vk.CreateCommandPool(device.handle(), &pool, nullptr, &pool_), "vkCreateCommandPool");
  VkCommandBufferAllocateInfo buffer{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
  buffer.commandPool = pool_;
  buffer.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  buffer.commandBufferCount = 1;
  const VkResult result = vk.AllocateCommandBuffers(device.handle(), &buffer, &buffer_);
  if (result < 0) vk.DestroyCommandPool(device.handle(), pool_, nullptr);
  device.check(result, "vkAllocateCommandBuffers");
}

Commands::~Commands() {
  if (!device_.abandoned()) device_.vk().DestroyCommandPool(device_.handle(), pool_, nullptr);
}

void Commands::begin(VkCommandBufferUsageFlags usage) {
  device_.check(device_.vk().ResetCommandPool(device_.handle(), pool_, 0), "vkResetCommandPool");
  VkCommandBufferBeginInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  info.flags = usage;
  device_.check(device_.vk().BeginCommandBuffer(buffer_, &info), "vkBeginCommandBuffer");
}

void Commands::end() { device_.check(device_.vk().EndCommandBuffer(buffer_), "vkEndCommandBuffer"); }

}  // namespace hrt::gpu::vulkan
