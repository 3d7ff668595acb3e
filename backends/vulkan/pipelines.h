// SPDX-License-Identifier: Apache-2.0
// Kernels compiled for their constants, and the cache that makes the next process faster.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/vulkan/device.h"
#include "backends/vulkan/kernels.h"
#include "backends/vulkan/spirv.h"

namespace hrt::gpu::vulkan {

class VulkanPipeline : public Pipeline {
 public:
  VkPipeline handle = VK_NULL_HANDLE;
  VkPipelineLayout layout = VK_NULL_HANDLE;
  VkDescriptorSetLayout set = VK_NULL_HANDLE;
};

// The driver's own cache of compiled pipelines, kept by the host.
class PipelineCache {
 public:
  explicit PipelineCache(Device& device);
  ~PipelineCache();
  PipelineCache(const PipelineCache&) = delete;
  PipelineCache& operator=(const PipelineCache&) = delete;
  VkPipelineCache handle() const { return handle_; }
  void added();  // a pipeline; stores now and then

 private:
  void store();

  Device& device_;
  std::string key_;
  VkPipelineCache handle_ = VK_NULL_HANDLE;
  std::mutex mutex_;
  uint32_t unsaved_ = 0;
};

// True when data begins as the cache of this very device and driver begins (VkPipelineCacheHeaderVersionOne).
bool is_cache_of(const VkPhysicalDeviceProperties& properties, std::span<const std::byte> data);

class Pipelines {
 public:
  explicit Pipelines(Device& device) : device_(device), cache_(device) {}
  ~Pipelines();
  Pipelines(const Pipelines&) = delete;
  Pipelines& operator=(const Pipelines&) = delete;

  const VulkanPipeline* find(const std::string& kernel, const std::string& variant,
                             std::span<const int32_t> constants);

 private:
  struct Layout {
    VkDescriptorSetLayout set = VK_NULL_HANDLE;
    VkPipelineLayout pipeline = VK_NULL_HANDLE;
  };
  struct Entry {
    std::mutex mutex;  // one thread compiles, the others wait for it
    std::optional<VulkanPipeline> pipeline;
  };

  void compile(Entry& entry, const std::string& name, std::span<const uint32_t> words, const Module& module,
               std::span<const int32_t> constants);
  void check_group(const std::string& name, const Module& module, std::span<const int32_t> constants) const;
  Layout layout(uint32_t bindings);

  Device& device_;
  PipelineCache cache_;
  std::mutex mutex_;
  std::map<std::pair<const Kernel*, std::vector<int32_t>>, std::unique_ptr<Entry>> entries_;
  std::map<uint32_t, Layout> layouts_;  // by number of bindings
};

}  // namespace hrt::gpu::vulkan
