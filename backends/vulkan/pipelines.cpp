// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/pipelines.h"

#include <algorithm>
#include <cstring>

#include <hrt/cache.h>

#include "backends/gpu_common/limits.h"

namespace hrt::gpu::vulkan {
namespace {

// Part of the cache's key: raise it when pipelines are made in another way.
constexpr const char* kVersion = "1";
constexpr uint32_t kStoreEvery = 64;  // pipelines

const hrt_cache_api* host_cache() {
  return static_cast<const hrt_cache_api*>(sdk::g_host.host->get_interface("hrt.host.cache/1"));
}

std::vector<std::byte> load(const std::string& key) {
  std::vector<std::byte> data;
  const hrt_cache_api* const cache = host_cache();
  if (!cache) return data;
  const auto take = [](void* user, const void* bytes, size_t size) {
    const auto* const begin = static_cast<const std::byte*>(bytes);
    static_cast<std::vector<std::byte>*>(user)->assign(begin, begin + size);
  };
  hrt_status* const status = cache->load(sdk::g_host.plugin_id, {key.data(), key.size()}, take, &data);
  if (status) {
    sdk::log(HRT_LOG_WARN, sdk::cat("pipeline cache: ", sdk::g_host.host->status_message(status)));
    sdk::g_host.host->status_destroy(status);
    data.clear();
  }
  return data;
}

std::string cache_key(const Physical& physical) {
  std::string key = sdk::cat("pipelines ", kVersion, " ", physical.caps.key, " ");
  key.append(reinterpret_cast<const char*>(physical.properties.pipelineCacheUUID), VK_UUID_SIZE);
  return key;
}

}  // namespace

// ------------------------------------------------------------------------------------------ cache

bool is_cache_of(const VkPhysicalDeviceProperties& properties, std::span<const std::byte> data) {
  VkPipelineCacheHeaderVersionOne header;
  static_assert(sizeof header == 32);
  if (data.size() < sizeof header) return false;
  std::memcpy(&header, data.data(), sizeof header);
  return header.headerSize == sizeof header && header.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
         header.vendorID == properties.vendorID && header.deviceID == properties.deviceID &&
         std::memcmp(header.pipelineCacheUUID, properties.pipelineCacheUUID, VK_UUID_SIZE) == 0;
}

PipelineCache::PipelineCache(Device& device) : device_(device), key_(cache_key(device.physical())) {
  std::vector<std::byte> data = load(key_);
  if (!data.empty() && !is_cache_of(device.physical().properties, data)) {
    sdk::log(HRT_LOG_WARN, "pipeline cache: what is stored is not of this device; it is built anew");
    data.clear();
  }
  VkPipelineCacheCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
  info.initialDataSize = data.size();
  info.pInitialData = data.data();
  device.check(device.vk().CreatePipelineCache(device.handle(), &info, nullptr, &handle_),
               "vkCreatePipelineCache");
}

PipelineCache::~PipelineCache() {
  if (unsaved_ && !device_.lost()) store();
  if (!device_.abandoned()) device_.vk().DestroyPipelineCache(device_.handle(), handle_, nullptr);
}

void PipelineCache::added() {
  const std::lock_guard lock(mutex_);
  if (++unsaved_ >= kStoreEvery) store();
}

// A cache that cannot be stored is no error: the next process compiles again.
void PipelineCache::store() {
  unsaved_ = 0;
  const hrt_cache_api* const cache = host_cache();
  if (!cache) return;
  size_t size = 0;
  if (device_.vk().GetPipelineCacheData(device_.handle(), handle_, &size, nullptr) != VK_SUCCESS) return;
  std::vector<std::byte> data(size);
  if (device_.vk().GetPipelineCacheData(device_.handle(), handle_, &size, data.data()) != VK_SUCCESS) return;
  cache->store(sdk::g_host.plugin_id, {key_.data(), key_.size()}, data.data(), size);
}

// -------------------------------------------------------------------------------------- pipelines

Pipelines::~Pipelines() {
  if (device_.abandoned()) return;
  const DeviceApi& vk = device_.vk();
  for (const auto& [key, entry] : entries_)
    if (entry->pipeline) vk.DestroyPipeline(device_.handle(), entry->pipeline->handle, nullptr);
  for (const auto& [bindings, layout] : layouts_) {
    vk.DestroyPipelineLayout(device_.handle(), layout.pipeline, nullptr);
    vk.DestroyDescriptorSetLayout(device_.handle(), layout.set, nullptr);
  }
}

const VulkanPipeline* Pipelines::find(const std::string& kernel, const std::string& variant,
                                      std::span<const int32_t> constants) {
  const std::string name = variant.empty() ? kernel : sdk::cat(kernel, " ", variant);
  std::string lacks;
  for (const Kernel& k : kernels()) {
    if (kernel != k.name || variant != k.variant) continue;
    const std::span words(k.begin, k.end);
    Entry* entry = nullptr;
    {
      const std::lock_guard lock(mutex_);
      auto& slot = entries_[{&k, {constants.begin(), constants.end()}}];
      if (!slot) slot = std::make_unique<Entry>();
      entry = slot.get();
    }
    const std::lock_guard lock(entry->mutex);
    if (!entry->pipeline) {
      const Module module = inspect(words);
      lacks = missing(module, device_.physical());
      if (!lacks.empty()) continue;
      compile(*entry, name, words, module, constants);
      cache_.added();
    }
    return &*entry->pipeline;
  }
  if (!lacks.empty())
    sdk::unsupported("kernel ", name, " needs ", lacks, ", which ", device_.physical().caps.name, " has not");
  return nullptr;
}

void Pipelines::check_group(const std::string& name, const Module& module,
                            std::span<const int32_t> constants) const {
  const Caps& caps = device_.physical().caps;
  const auto refuse = [&](const auto&... why) {
    throw sdk::Error(HRT_ERROR_UNSUPPORTED, sdk::cat("kernel ", name, ": ", why...));
  };
  checked_group(caps, name, constants);
  if (module.subgroups && uint32_t(constants[0]) % caps.subgroup_size)
    refuse("a work-group of ", constants[0], " in dimension 0, whole subgroups of ", caps.subgroup_size,
           " are needed");
  if (module.bindings > device_.physical().max_bindings)
    refuse(module.bindings, " buffers, the limit is ", device_.physical().max_bindings);
}

Pipelines::Layout Pipelines::layout(uint32_t bindings) {
  const std::lock_guard lock(mutex_);
  const auto known = layouts_.find(bindings);
  if (known != layouts_.end()) return known->second;
  std::vector<VkDescriptorSetLayoutBinding> list(bindings);
  for (uint32_t i = 0; i < bindings; ++i)
    list[i] = {i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
  VkDescriptorSetLayoutCreateInfo set{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
  set.bindingCount = bindings;
  set.pBindings = list.data();
  Layout made;
  const DeviceApi& vk = device_.vk();
  device_.check(vk.CreateDescriptorSetLayout(device_.handle(), &set, nullptr, &made.set),
                "vkCreateDescriptorSetLayout");
  const VkPushConstantRange push{VK_SHADER_STAGE_COMPUTE_BIT, 0, kPushWords * sizeof(uint32_t)};
  VkPipelineLayoutCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
  info.setLayoutCount = 1;
  info.pSetLayouts = &made.set;
  info.pushConstantRangeCount = 1;
  info.pPushConstantRanges = &push;
  const VkResult result = vk.CreatePipelineLayout(device_.handle(), &info, nullptr, &made.pipeline);
  if (result < 0) vk.DestroyDescriptorSetLayout(device_.handle(), made.set, nullptr);
  device_.check(result, "vkCreatePipelineLayout");
  return layouts_[bindings] = made;
}

void Pipelines::compile(Entry& entry, const std::string& name, std::span<const uint32_t> words,
                        const Module& module, std::span<const int32_t> constants) {
  check_group(name, module, constants);
  VulkanPipeline p;
  p.name = name;
  p.bindings = module.bindings;
  const Layout l = layout(module.bindings);
  p.layout = l.pipeline;
  p.set = l.set;

  const DeviceApi& vk = device_.vk();
  VkShaderModuleCreateInfo code{VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
  code.codeSize = words.size_bytes();
  code.pCode = words.data();
  VkShaderModule shader = VK_NULL_HANDLE;
  device_.check(vk.CreateShaderModule(device_.handle(), &code, nullptr, &shader), "vkCreateShaderModule");

  std::vector<VkSpecializationMapEntry> map(constants.size());
  for (uint32_t i = 0; i < map.size(); ++i) map[i] = {i, i * uint32_t(sizeof(int32_t)), sizeof(int32_t)};
  const VkSpecializationInfo special{uint32_t(map.size()), map.data(), constants.size_bytes(),
                                     constants.data()};
  VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup{
      VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO};
  subgroup.requiredSubgroupSize = device_.physical().caps.subgroup_size;
  VkComputePipelineCreateInfo info{VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
  info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  info.stage.module = shader;
  info.stage.pName = "main";
  info.stage.pSpecializationInfo = &special;
  info.layout = p.layout;
  if (module.subgroups && device_.physical().fixed_subgroups) {
    info.stage.pNext = &subgroup;
    info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
  }
  const VkResult result =
      vk.CreateComputePipelines(device_.handle(), cache_.handle(), 1, &info, nullptr, &p.handle);
  vk.DestroyShaderModule(device_.handle(), shader, nullptr);
  device_.check(result, sdk::cat("vkCreateComputePipelines for ", name).c_str());
  entry.pipeline = std::move(p);
}

}  // namespace hrt::gpu::vulkan
