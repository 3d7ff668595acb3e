// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/physical.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <optional>
#include <thread>

namespace hrt::gpu::vulkan {
namespace {

constexpr uint32_t kNever = UINT32_MAX;  // not part of any version

// A structure of features: part of Vulkan from a version on, an extension before.
struct Row {
  void* structure;
  uint32_t core;
  const char* extension;
};

std::vector<Row> rows(Features& f) {
  return {{&f.storage16, VK_API_VERSION_1_1, VK_KHR_16BIT_STORAGE_EXTENSION_NAME},
          {&f.storage8, VK_API_VERSION_1_2, VK_KHR_8BIT_STORAGE_EXTENSION_NAME},
          {&f.small, VK_API_VERSION_1_2, VK_KHR_SHADER_FLOAT16_INT8_EXTENSION_NAME},
          {&f.timeline, VK_API_VERSION_1_2, VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME},
          {&f.sync2, VK_API_VERSION_1_3, VK_KHR_SYNCHRONIZATION_2_EXTENSION_NAME},
          {&f.subgroup, VK_API_VERSION_1_3, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME},
          {&f.dot, VK_API_VERSION_1_3, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME},
          {&f.memory_model, VK_API_VERSION_1_2, VK_KHR_VULKAN_MEMORY_MODEL_EXTENSION_NAME},
          {&f.matrix_nv, kNever, VK_NV_COOPERATIVE_MATRIX_EXTENSION_NAME},
          {&f.matrix_khr, kNever, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME}};
}

std::vector<std::string> list_extensions(const InstanceApi& api, VkPhysicalDevice device) {
  uint32_t count = 0;
  api.EnumerateDeviceExtensionProperties(device, nullptr, &count, nullptr);
  std::vector<VkExtensionProperties> list(count);
  api.EnumerateDeviceExtensionProperties(device, nullptr, &count, list.data());
  list.resize(count);
  std::vector<std::string> names;
  for (const auto& e : list) names.emplace_back(e.extensionName);
  return names;
}

// The properties that need structures of their own.
struct Properties {
  VkPhysicalDeviceProperties2 core{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
  VkPhysicalDeviceSubgroupProperties subgroup{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
  VkPhysicalDeviceMaintenance3Properties maintenance3{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
  VkPhysicalDeviceIDProperties id{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
  VkPhysicalDeviceMaintenance4Properties maintenance4{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES};
  VkPhysicalDeviceSubgroupSizeControlProperties sizes{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
  VkPhysicalDeviceShaderIntegerDotProductProperties dot{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_PROPERTIES};
  VkPhysicalDeviceExternalMemoryHostPropertiesEXT host{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT};
  VkPhysicalDeviceShaderSMBuiltinsPropertiesNV sm{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV};
  VkPhysicalDeviceShaderCorePropertiesAMD amd{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD};

  Properties(const InstanceApi& api, const Physical& p) {
    chain(subgroup);
    chain(maintenance3);
    chain(id);
    if (p.version >= VK_API_VERSION_1_3 || p.has(VK_KHR_MAINTENANCE_4_EXTENSION_NAME)) chain(maintenance4);
    if (p.features.subgroup.subgroupSizeControl) chain(sizes);
    if (p.features.dot.shaderIntegerDotProduct) chain(dot);
    if (p.has(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME)) chain(host);
    if (p.has(VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME)) chain(sm);
    if (p.has(VK_AMD_SHADER_CORE_PROPERTIES_EXTENSION_NAME)) chain(amd);
    api.GetPhysicalDeviceProperties2(p.handle, &core);
  }
  Properties(const Properties&) = delete;
  Properties& operator=(const Properties&) = delete;

 private:
  template <class T>
  void chain(T& structure) {
    structure.pNext = core.pNext;
    core.pNext = &structure;
  }
};

void keep_what_is_used(Features& f) {
  VkPhysicalDeviceFeatures used{};  // nothing else of the core is asked for
  used.shaderFloat64 = f.core.features.shaderFloat64;
  used.shaderInt64 = f.core.features.shaderInt64;
  used.shaderInt16 = f.core.features.shaderInt16;
  f.core.features = used;
  f.matrix_nv.cooperativeMatrixRobustBufferAccess = VK_FALSE;
  f.matrix_khr.cooperativeMatrixRobustBufferAccess = VK_FALSE;
}

bool can_import_host_memory(const InstanceApi& api, const Physical& p) {
  if (!p.has(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME)) return false;
  VkPhysicalDeviceExternalBufferInfo info{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO};
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT;
  info.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
  VkExternalBufferProperties answer{VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};
  api.GetPhysicalDeviceExternalBufferProperties(p.handle, &info, &answer);
  return answer.externalMemoryProperties.externalMemoryFeatures & VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
}

bool knows_monotonic_clock(const InstanceApi& api, const Physical& p) {
  if (!p.has(VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME) ||
      !api.GetPhysicalDeviceCalibrateableTimeDomainsEXT)
    return false;
  uint32_t count = 0;
  api.GetPhysicalDeviceCalibrateableTimeDomainsEXT(p.handle, &count, nullptr);
  std::vector<VkTimeDomainEXT> domains(count);
  api.GetPhysicalDeviceCalibrateableTimeDomainsEXT(p.handle, &count, domains.data());
  const auto there = [&](VkTimeDomainEXT d) { return std::ranges::find(domains, d) != domains.end(); };
  return there(VK_TIME_DOMAIN_DEVICE_EXT) && there(VK_TIME_DOMAIN_CLOCK_MONOTONIC_EXT);
}

void find_queues(const InstanceApi& api, Physical& p) {
  uint32_t count = 0;
  api.GetPhysicalDeviceQueueFamilyProperties(p.handle, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  api.GetPhysicalDeviceQueueFamilyProperties(p.handle, &count, families.data());
  std::optional<uint32_t> compute, transfer;
  for (uint32_t i = 0; i < count; ++i) {
    const VkQueueFlags flags = families[i].queueFlags;
    if (flags & VK_QUEUE_COMPUTE_BIT) {
      if (!compute) compute = i;
    } else if ((flags & VK_QUEUE_TRANSFER_BIT) && !(flags & VK_QUEUE_GRAPHICS_BIT) && !transfer) {
      transfer = i;
    }
  }
  if (!compute) {
    p.refusal = "it has no compute queue";
    return;
  }
  p.compute_family = *compute;
  p.transfer_family = transfer.value_or(*compute);
  p.timestamp_bits = families[*compute].timestampValidBits;
}

template <class P>
bool is_wanted_matrix(const P& m, VkComponentTypeNV result) {
  return m.MSize == 16 && m.NSize == 16 && m.KSize == 16 && m.AType == VK_COMPONENT_TYPE_FLOAT16_NV &&
         m.BType == VK_COMPONENT_TYPE_FLOAT16_NV && m.CType == VK_COMPONENT_TYPE_FLOAT32_NV &&
         result == VK_COMPONENT_TYPE_FLOAT32_NV && m.scope == VK_SCOPE_SUBGROUP_NV;
}

template <class P, class F>
std::vector<P> list_matrices(F* function, VkPhysicalDevice device, VkStructureType type) {
  uint32_t count = 0;
  function(device, &count, nullptr);
  P empty{};
  empty.sType = type;
  std::vector<P> list(count, empty);
  function(device, &count, list.data());
  list.resize(count);
  return list;
}

// Halves multiplied into floats, 16x16x16, across a subgroup: through either extension.
bool has_matrix(const Instance& instance, const Physical& p) {
  const InstanceApi& api = instance.api();
  if (p.features.matrix_nv.cooperativeMatrix && api.GetPhysicalDeviceCooperativeMatrixPropertiesNV)
    for (const auto& m : list_matrices<VkCooperativeMatrixPropertiesNV>(
             api.GetPhysicalDeviceCooperativeMatrixPropertiesNV, p.handle,
             VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_NV))
      if (is_wanted_matrix(m, m.DType)) return true;
  if (!p.features.matrix_khr.cooperativeMatrix || !p.features.memory_model.vulkanMemoryModel) return false;
  const auto khr = reinterpret_cast<PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR>(
      loader().get(instance.handle(), "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR"));
  if (!khr) return false;
  for (const auto& m : list_matrices<VkCooperativeMatrixPropertiesKHR>(
           khr, p.handle, VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR))
    if (is_wanted_matrix(m, m.ResultType)) return true;
  return false;
}

uint32_t subgroup_size(Physical& p, const Properties& q) {
  constexpr VkSubgroupFeatureFlags needed =
      VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT | VK_SUBGROUP_FEATURE_BALLOT_BIT |
      VK_SUBGROUP_FEATURE_SHUFFLE_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_RELATIVE_BIT;
  if ((q.subgroup.supportedOperations & needed) != needed ||
      !(q.subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT))
    return 1;
  const auto& f = p.features.subgroup;
  if (!f.subgroupSizeControl || !f.computeFullSubgroups ||
      !(q.sizes.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT))
    return q.subgroup.subgroupSize;
  p.fixed_subgroups = true;
  return std::clamp(32u, q.sizes.minSubgroupSize, q.sizes.maxSubgroupSize);
}

uint32_t compute_units(const Physical& p, const Properties& q) {
  if (p.caps.is_cpu) return std::max(1u, std::thread::hardware_concurrency());
  if (q.sm.shaderSMCount) return q.sm.shaderSMCount;
  const auto& amd = q.amd;
  return std::max(1u,
                  amd.shaderEngineCount * amd.shaderArraysPerEngineCount * amd.computeUnitsPerShaderArray);
}

uint64_t local_heap_bytes(const VkPhysicalDeviceMemoryProperties& memory) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < memory.memoryHeapCount; ++i)
    if (memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
      bytes = std::max<uint64_t>(bytes, memory.memoryHeaps[i].size);
  return bytes;
}

std::string device_key(const Physical& p, const Properties& q) {
  std::string uuid;
  for (const uint8_t byte : q.id.driverUUID) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", byte);
    uuid += hex.data();
  }
  return sdk::cat("vulkan ", p.properties.deviceName, " ", p.properties.vendorID, ":", p.properties.deviceID,
                  " driver ", uuid, " ", p.properties.driverVersion, " api ", p.properties.apiVersion);
}

void fill_memory_caps(Physical& p, const Properties& q) {
  Caps& c = p.caps;
  const VkPhysicalDeviceLimits& limits = p.properties.limits;
  const bool integrated = p.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU;
  if (p.features.host_memory) c.import_alignment = q.host.minImportedHostPointerAlignment;
  c.memory = (c.is_cpu || integrated) && c.import_alignment ? HRT_MEMORY_SHARED : HRT_MEMORY_DEVICE;
  c.memory_bytes = c.memory == HRT_MEMORY_SHARED ? 0 : local_heap_bytes(p.memory);
  c.alignment = std::max<uint64_t>(64, limits.minStorageBufferOffsetAlignment);
  c.max_buffer_bytes = q.maintenance3.maxMemoryAllocationSize;
  if (q.maintenance4.maxBufferSize)
    c.max_buffer_bytes = std::min<uint64_t>(c.max_buffer_bytes, q.maintenance4.maxBufferSize);
  c.max_span_bytes = std::min<uint64_t>(limits.maxStorageBufferRange, c.max_buffer_bytes);
}

void fill_caps(const Instance& instance, Physical& p) {
  const Properties q(instance.api(), p);
  const VkPhysicalDeviceLimits& limits = p.properties.limits;
  const Features& f = p.features;
  Caps& c = p.caps;
  c.name = p.properties.deviceName;
  c.key = device_key(p, q);
  c.is_cpu = p.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  fill_memory_caps(p, q);
  c.max_group_size = limits.maxComputeWorkGroupInvocations;
  std::copy_n(limits.maxComputeWorkGroupSize, 3, c.max_group_sizes.begin());
  std::copy_n(limits.maxComputeWorkGroupCount, 3, c.max_groups.begin());
  c.shared_bytes = limits.maxComputeSharedMemorySize;
  c.subgroup_size = subgroup_size(p, q);
  c.f16_storage = f.storage16.storageBuffer16BitAccess;
  c.f16_math = f.small.shaderFloat16;
  c.i8_storage = f.storage8.storageBuffer8BitAccess;
  c.i64 = f.core.features.shaderInt64;
  c.f64 = f.core.features.shaderFloat64;
  c.dot8 = f.dot.shaderIntegerDotProduct && q.dot.integerDotProduct4x8BitPackedSignedAccelerated;
  c.matrix = c.f16_storage && c.f16_math && c.subgroup_size > 1 && has_matrix(instance, p);
  c.units = compute_units(p, q);
  p.max_bindings =
      std::min(limits.maxPerStageDescriptorStorageBuffers, limits.maxDescriptorSetStorageBuffers);
}

}  // namespace

bool Physical::has(const char* extension) const {
  return std::ranges::find(available, extension) != available.end();
}

std::vector<const char*> link_features(Physical& p) {
  std::vector<const char*> extensions;
  p.features.core.pNext = nullptr;
  for (const Row& row : rows(p.features)) {
    const bool listed = p.has(row.extension);
    if (!listed && p.version < row.core) continue;
    if (listed) extensions.push_back(row.extension);
    auto* const structure = static_cast<VkBaseOutStructure*>(row.structure);
    structure->pNext = static_cast<VkBaseOutStructure*>(p.features.core.pNext);
    p.features.core.pNext = structure;
  }
  if (p.features.host_memory) extensions.push_back(VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
  if (p.features.calibrated) extensions.push_back(VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME);
  return extensions;
}

Physical look_at(const Instance& instance, VkPhysicalDevice device, bool baseline) {
  const InstanceApi& api = instance.api();
  Physical p;
  p.handle = device;
  VkPhysicalDeviceProperties2 properties{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
  api.GetPhysicalDeviceProperties2(device, &properties);
  p.properties = properties.properties;
  p.caps.name = p.properties.deviceName;
  p.version = std::min(p.properties.apiVersion, instance.version());
  if (p.version < VK_API_VERSION_1_1) {
    p.refusal = "it knows Vulkan 1.0 only, 1.1 is needed";
    return p;
  }
  p.available = list_extensions(api, device);
  if (baseline) {
    p.version = VK_API_VERSION_1_1;
    std::erase_if(p.available,
                  [](const std::string& e) { return e != VK_KHR_TIMELINE_SEMAPHORE_EXTENSION_NAME; });
  }
  link_features(p);
  api.GetPhysicalDeviceFeatures2(device, &p.features.core);
  if (!p.features.timeline.timelineSemaphore) {
    p.refusal = "it has no timeline semaphores";
    return p;
  }
  if (baseline) {
    p.features.core.features = {};
    p.features.storage16 = {VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
  }
  keep_what_is_used(p.features);
  p.features.host_memory = can_import_host_memory(api, p);
  p.features.calibrated = knows_monotonic_clock(api, p);
  find_queues(api, p);
  if (!p.refusal.empty()) return p;
  api.GetPhysicalDeviceMemoryProperties(device, &p.memory);
  fill_caps(instance, p);
  return p;
}

}  // namespace hrt::gpu::vulkan
