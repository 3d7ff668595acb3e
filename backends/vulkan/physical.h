// SPDX-License-Identifier: Apache-2.0
// What a physical device is and has: found once, without opening it.
#pragma once

#include <string>
#include <vector>

#include "backends/gpu_common/driver.h"
#include "backends/vulkan/instance.h"

#ifndef VK_KHR_cooperative_matrix
// Younger than the oldest headers that this is built with. From the Vulkan specification.
#define VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME "VK_KHR_cooperative_matrix"
constexpr VkStructureType VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR =
    VkStructureType(1000506000);
constexpr VkStructureType VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR = VkStructureType(1000506001);
struct VkPhysicalDeviceCooperativeMatrixFeaturesKHR {
  VkStructureType sType;
  void* pNext;
  VkBool32 cooperativeMatrix;
  VkBool32 cooperativeMatrixRobustBufferAccess;
};
struct VkCooperativeMatrixPropertiesKHR {
  VkStructureType sType;
  void* pNext;
  uint32_t MSize, NSize, KSize;
  VkComponentTypeNV AType, BType, CType, ResultType;  // KHR's numbers are NV's
  VkBool32 saturatingAccumulation;
  VkScopeNV scope;
};
using PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR =
    VkResult(VKAPI_PTR*)(VkPhysicalDevice, uint32_t*, VkCooperativeMatrixPropertiesKHR*);
#endif

namespace hrt::gpu::vulkan {

// Optional features, as the device reports them and as it is opened. All zero: not there.
struct Features {
  VkPhysicalDeviceFeatures2 core{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
  VkPhysicalDevice16BitStorageFeatures storage16{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
  VkPhysicalDevice8BitStorageFeatures storage8{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES};
  VkPhysicalDeviceShaderFloat16Int8Features small{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES};
  VkPhysicalDeviceTimelineSemaphoreFeatures timeline{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES};
  VkPhysicalDeviceSynchronization2Features sync2{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SYNCHRONIZATION_2_FEATURES};
  VkPhysicalDeviceSubgroupSizeControlFeatures subgroup{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
  VkPhysicalDeviceShaderIntegerDotProductFeatures dot{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES};
  VkPhysicalDeviceVulkanMemoryModelFeatures memory_model{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES};
  VkPhysicalDeviceCooperativeMatrixFeaturesNV matrix_nv{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_NV};
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix_khr{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};
  bool host_memory = false;  // VK_EXT_external_memory_host
  bool calibrated = false;   // VK_EXT_calibrated_timestamps, for CLOCK_MONOTONIC
};

struct Physical {
  VkPhysicalDevice handle = VK_NULL_HANDLE;
  std::string refusal;  // why this device cannot be used, or empty
  VkPhysicalDeviceProperties properties{};
  VkPhysicalDeviceMemoryProperties memory{};
  uint32_t version = 0;  // of Vulkan, usable
  Caps caps;
  Features features;
  std::vector<std::string> available;  // extensions of the device that may be used
  uint32_t max_bindings = 0;
  bool fixed_subgroups = false;  // kernels can ask for whole subgroups of caps.subgroup_size
  uint32_t compute_family = 0;
  uint32_t transfer_family = 0;  // compute_family when there is none that only copies
  uint32_t timestamp_bits = 0;

  bool has(const char* extension) const;
};

// baseline: Vulkan 1.1 and timeline semaphores, as if the device had nothing else.
Physical look_at(const Instance& instance, VkPhysicalDevice device, bool baseline);

// Links the features that the device can have behind features.core (again, after a copy), and lists the
// extensions that they come with.
std::vector<const char*> link_features(Physical& physical);

}  // namespace hrt::gpu::vulkan
