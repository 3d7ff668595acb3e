// SPDX-License-Identifier: Apache-2.0
// Buffers. Devices allow few allocations, so that small buffers share blocks of memory.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "backends/vulkan/device.h"

namespace hrt::gpu::vulkan {

class Memory;

// One allocation of the device, in parts.
struct Block {
  VkDeviceMemory memory = VK_NULL_HANDLE;
  uint32_t type = 0;
  uint64_t bytes = 0;
  bool imported = false;  // memory of the host
  std::byte* mapped = nullptr;
  std::map<uint64_t, uint64_t> free;  // offset to size; neighbours are merged

  std::optional<uint64_t> take(uint64_t size, uint64_t alignment);
  void give(uint64_t offset, uint64_t size);
  bool empty() const { return free.size() == 1 && free.begin()->second == bytes; }
};

class VulkanBuffer : public Buffer {
 public:
  ~VulkanBuffer() override;
  uint64_t bytes() const override { return size; }

  Memory* memory = nullptr;
  VkBuffer handle = VK_NULL_HANDLE;
  uint64_t size = 0;
  std::byte* mapped = nullptr;  // where the host can write it; NULL: by copies only
  bool cached = false;          // the host reads it fast, too
  Block* block = nullptr;
  uint64_t offset = 0, reserved = 0;
};

enum class Use { Data, Staging };

class Memory {
 public:
  // most: bytes that are allocated of each heap; imported memory of the host is not counted.
  explicit Memory(Device& device, uint64_t most = UINT64_MAX);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  std::unique_ptr<VulkanBuffer> allocate(uint64_t bytes, Use use);
  std::unique_ptr<VulkanBuffer> import(void* host, uint64_t bytes);

 private:
  friend class VulkanBuffer;
  std::unique_ptr<VulkanBuffer> make(uint64_t bytes, bool imported);
  uint32_t pick_type(uint32_t allowed, bool mapped, bool cached) const;
  void place(VulkanBuffer& buffer, const VkMemoryRequirements& needed, uint32_t type);
  uint64_t limit(uint32_t type) const;
  bool fits(uint32_t type, uint64_t bytes) const;
  Block& add_block(uint32_t type, uint64_t bytes, void* host);
  void remove_block(const Block& block);
  void release(VulkanBuffer& buffer);

  Device& device_;
  const uint64_t most_;
  std::mutex mutex_;
  std::list<Block> blocks_;
  std::vector<uint64_t> used_;  // by heap
};

}  // namespace hrt::gpu::vulkan
