// SPDX-License-Identifier: Apache-2.0
// Vulkan's functions, found at run time: no link dependency, and a machine without a loader is a machine
// without devices.
#pragma once

#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include <vulkan/vulkan_core.h>

#include <string>

// Names of functions, for members and for their look-up: the one thing here that a function cannot do.
#define HRT_VK_GLOBAL(X)              \
  X(CreateInstance)                   \
  X(EnumerateInstanceLayerProperties) \
  X(EnumerateInstanceVersion)

#define HRT_VK_INSTANCE(X)                     \
  X(CreateDevice)                              \
  X(DestroyInstance)                           \
  X(EnumerateDeviceExtensionProperties)        \
  X(EnumeratePhysicalDevices)                  \
  X(GetDeviceProcAddr)                         \
  X(GetPhysicalDeviceExternalBufferProperties) \
  X(GetPhysicalDeviceFeatures2)                \
  X(GetPhysicalDeviceMemoryProperties)         \
  X(GetPhysicalDeviceProperties2)              \
  X(GetPhysicalDeviceQueueFamilyProperties)

#define HRT_VK_INSTANCE_OPTIONAL(X)               \
  X(CreateDebugUtilsMessengerEXT)                 \
  X(DestroyDebugUtilsMessengerEXT)                \
  X(GetPhysicalDeviceCalibrateableTimeDomainsEXT) \
  X(GetPhysicalDeviceCooperativeMatrixPropertiesNV)

#define HRT_VK_DEVICE(X)         \
  X(AllocateCommandBuffers)      \
  X(AllocateDescriptorSets)      \
  X(AllocateMemory)              \
  X(BeginCommandBuffer)          \
  X(BindBufferMemory)            \
  X(CmdBindDescriptorSets)       \
  X(CmdBindPipeline)             \
  X(CmdCopyBuffer)               \
  X(CmdCopyQueryPoolResults)     \
  X(CmdDispatch)                 \
  X(CmdPipelineBarrier)          \
  X(CmdPushConstants)            \
  X(CmdResetQueryPool)           \
  X(CmdWriteTimestamp)           \
  X(CreateBuffer)                \
  X(CreateCommandPool)           \
  X(CreateComputePipelines)      \
  X(CreateDescriptorPool)        \
  X(CreateDescriptorSetLayout)   \
  X(CreateFence)                 \
  X(CreatePipelineCache)         \
  X(CreatePipelineLayout)        \
  X(CreateQueryPool)             \
  X(CreateSemaphore)             \
  X(CreateShaderModule)          \
  X(DestroyBuffer)               \
  X(DestroyCommandPool)          \
  X(DestroyDescriptorPool)       \
  X(DestroyDescriptorSetLayout)  \
  X(DestroyDevice)               \
  X(DestroyFence)                \
  X(DestroyPipeline)             \
  X(DestroyPipelineCache)        \
  X(DestroyPipelineLayout)       \
  X(DestroyQueryPool)            \
  X(DestroySemaphore)            \
  X(DestroyShaderModule)         \
  X(EndCommandBuffer)            \
  X(FreeMemory)                  \
  X(GetBufferMemoryRequirements) \
  X(GetDeviceQueue)              \
  X(GetPipelineCacheData)        \
  X(GetQueryPoolResults)         \
  X(GetSemaphoreCounterValue)    \
  X(MapMemory)                   \
  X(QueueSubmit)                 \
  X(ResetCommandPool)            \
  X(SignalSemaphore)             \
  X(UpdateDescriptorSets)        \
  X(WaitForFences)               \
  X(WaitSemaphores)

#define HRT_VK_DEVICE_OPTIONAL(X) \
  X(CmdPipelineBarrier2)          \
  X(GetCalibratedTimestampsEXT)   \
  X(GetMemoryHostPointerPropertiesEXT)

namespace hrt::gpu::vulkan {

#define HRT_VK_MEMBER(name) PFN_vk##name name = nullptr;

// What the loader offers before there is an instance. reason: why there is no loader; else empty.
struct Loader {
  PFN_vkGetInstanceProcAddr get = nullptr;
  HRT_VK_GLOBAL(HRT_VK_MEMBER)
  std::string reason;
};

struct InstanceApi {
  HRT_VK_INSTANCE(HRT_VK_MEMBER)
  HRT_VK_INSTANCE_OPTIONAL(HRT_VK_MEMBER)
};

struct DeviceApi {
  HRT_VK_DEVICE(HRT_VK_MEMBER)
  HRT_VK_DEVICE_OPTIONAL(HRT_VK_MEMBER)
};

#undef HRT_VK_MEMBER

// Opened at the first call, and never closed: drivers leave threads and exit handlers behind.
const Loader& loader();

// Throw UNSUPPORTED when a function that is not optional is missing.
InstanceApi instance_api(VkInstance instance);
DeviceApi device_api(const InstanceApi& api, VkDevice device);

}  // namespace hrt::gpu::vulkan
