// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/memory.h"

#include <algorithm>

#include "backends/gpu_common/limits.h"

namespace hrt::gpu::vulkan {
namespace {

constexpr uint64_t kBlock = 64 << 20;
// Up to this size, a buffer of a device with memory of its own lies where the host can write it, if there is
// such memory: the window is small on many machines.
constexpr uint64_t kMappedUpTo = 256 << 10;

constexpr uint64_t round_up(uint64_t v, uint64_t alignment) {
  return (v + alignment - 1) / alignment * alignment;
}

}  // namespace

// ----------------------------------------------------------------------------------------- blocks

std::optional<uint64_t> Block::take(uint64_t size, uint64_t alignment) {
  for (const auto [begin, length] : free) {
    const uint64_t at = round_up(begin, alignment);
    if (at + size > begin + length) continue;
    free.erase(begin);
    if (at > begin) free[begin] = at - begin;
    if (at + size < begin + length) free[at + size] = begin + length - at - size;
    return at;
  }
  return std::nullopt;
}

void Block::give(uint64_t offset, uint64_t size) {
  auto next = free.lower_bound(offset);
  if (next != free.end() && next->first == offset + size) {
    size += next->second;
    next = free.erase(next);
  }
  if (next != free.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      before->second += size;
      return;
    }
  }
  free[offset] = size;
}

Memory::Memory(Device& device, uint64_t most)
    : device_(device), most_(most), used_(device.physical().memory.memoryHeapCount) {}

Memory::~Memory() {
  while (!blocks_.empty()) remove_block(blocks_.front());
}

uint64_t Memory::limit(uint32_t type) const {
  const VkPhysicalDeviceMemoryProperties& memory = device_.physical().memory;
  return std::min<uint64_t>(most_, memory.memoryHeaps[memory.memoryTypes[type].heapIndex].size);
}

bool Memory::fits(uint32_t type, uint64_t bytes) const {
  const uint64_t used = used_[device_.physical().memory.memoryTypes[type].heapIndex];
  return used <= limit(type) && bytes <= limit(type) - used;
}

Block& Memory::add_block(uint32_t type, uint64_t bytes, void* host) {
  const VkPhysicalDeviceMemoryProperties& memory = device_.physical().memory;
  const uint32_t heap = memory.memoryTypes[type].heapIndex;
  VkMemoryAllocateInfo info{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
  info.allocationSize = bytes;
  info.memoryTypeIndex = type;
  VkImportMemoryHostPointerInfoEXT import{VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT};
  import.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
  import.pHostPointer = host;
  if (host) info.pNext = &import;
  Block block;
  const VkResult result = host || fits(type, bytes)
                              ? device_.vk().AllocateMemory(device_.handle(), &info, nullptr, &block.memory)
                              : VK_ERROR_OUT_OF_DEVICE_MEMORY;
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY)
    out_of_memory(device_.physical().caps, bytes, used_[heap], limit(type));
  device_.check(result, "vkAllocateMemory");
  block.type = type;
  block.bytes = bytes;
  block.free[0] = bytes;
  block.mapped = static_cast<std::byte*>(host);
  if (!host && memory.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) {
    void* mapped = nullptr;
    const VkResult map = device_.vk().MapMemory(device_.handle(), block.memory, 0, VK_WHOLE_SIZE, 0, &mapped);
    if (map < 0) device_.vk().FreeMemory(device_.handle(), block.memory, nullptr);
    device_.check(map, "vkMapMemory");
    block.mapped = static_cast<std::byte*>(mapped);
  }
  if (!host) used_[heap] += bytes;
  blocks_.push_front(std::move(block));
  blocks_.front().imported = host != nullptr;
  return blocks_.front();
}

void Memory::remove_block(const Block& block) {
  if (!device_.abandoned()) device_.vk().FreeMemory(device_.handle(), block.memory, nullptr);
  if (!block.imported) used_[device_.physical().memory.memoryTypes[block.type].heapIndex] -= block.bytes;
  blocks_.remove_if([&](const Block& b) { return &b == &block; });
}

// ---------------------------------------------------------------------------------------- buffers

std::unique_ptr<VulkanBuffer> Memory::make(uint64_t bytes, bool imported) {
  VkExternalMemoryBufferCreateInfo external{VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO};
  external.handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
  const auto families = device_.families();
  VkBufferCreateInfo info{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
  if (imported) info.pNext = &external;
  info.size = bytes;
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
               VK_BUFFER_USAGE_TRANSFER_DST_BIT;
  if (device_.two_families()) {
    info.sharingMode = VK_SHARING_MODE_CONCURRENT;
    info.queueFamilyIndexCount = uint32_t(families.size());
    info.pQueueFamilyIndices = families.data();
  }
  auto buffer = std::make_unique<VulkanBuffer>();
  buffer->memory = this;
  buffer->size = bytes;
  device_.check(device_.vk().CreateBuffer(device_.handle(), &info, nullptr, &buffer->handle),
                "vkCreateBuffer");
  return buffer;
}

// The first of the allowed types with what is wanted, or without it when there is none. Mapped memory is
// coherent: every device has a type that is.
uint32_t Memory::pick_type(uint32_t allowed, bool mapped, bool cached) const {
  const VkPhysicalDeviceMemoryProperties& memory = device_.physical().memory;
  constexpr VkMemoryPropertyFlags host =
      VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  constexpr VkMemoryPropertyFlags local = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  constexpr VkMemoryPropertyFlags fast = host | VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
  std::vector<VkMemoryPropertyFlags> wishes;
  if (cached)
    wishes = {fast, host};
  else if (mapped)
    wishes = {local | fast, local | host, local, 0};
  else
    wishes = {local, 0};
  for (const VkMemoryPropertyFlags wish : wishes)
    for (uint32_t i = 0; i < memory.memoryTypeCount; ++i)
      if ((allowed >> i & 1) && (memory.memoryTypes[i].propertyFlags & wish) == wish) return i;
  sdk::unsupported(device_.physical().caps.name, " has no memory for buffers");
}

void Memory::place(VulkanBuffer& buffer, const VkMemoryRequirements& needed, uint32_t type) {
  const std::lock_guard lock(mutex_);
  const auto take = [&](Block& block) {
    const auto at = block.take(needed.size, needed.alignment);
    if (!at) return false;
    buffer.block = &block;
    buffer.offset = *at;
    buffer.reserved = needed.size;
    return true;
  };
  bool placed = false;
  for (Block& block : blocks_)
    if (block.type == type && !block.imported && take(block)) {
      placed = true;
      break;
    }
  // Near the limit a buffer gets no more than it needs.
  const bool shares = needed.size <= kBlock / 2 && fits(type, kBlock);
  if (!placed) take(add_block(type, shares ? kBlock : needed.size, nullptr));
  const VkMemoryType& kind = device_.physical().memory.memoryTypes[type];
  buffer.cached = kind.propertyFlags & VK_MEMORY_PROPERTY_HOST_CACHED_BIT;
  if (buffer.block->mapped) buffer.mapped = buffer.block->mapped + buffer.offset;
  device_.check(
      device_.vk().BindBufferMemory(device_.handle(), buffer.handle, buffer.block->memory, buffer.offset),
      "vkBindBufferMemory");
}

std::unique_ptr<VulkanBuffer> Memory::allocate(uint64_t bytes, Use use) {
  const Caps& caps = device_.physical().caps;
  check_size(caps, bytes);
  const bool mapped = caps.memory == HRT_MEMORY_SHARED || bytes <= kMappedUpTo;
  auto buffer = make(bytes, false);
  VkMemoryRequirements needed;
  device_.vk().GetBufferMemoryRequirements(device_.handle(), buffer->handle, &needed);
  place(*buffer, needed, pick_type(needed.memoryTypeBits, mapped, use == Use::Staging));
  if (use == Use::Data && !mapped) buffer->mapped = nullptr;
  return buffer;
}

std::unique_ptr<VulkanBuffer> Memory::import(void* host, uint64_t bytes) {
  check_import(device_.physical().caps, host, bytes);
  auto buffer = make(bytes, true);
  VkMemoryRequirements needed;
  device_.vk().GetBufferMemoryRequirements(device_.handle(), buffer->handle, &needed);
  VkMemoryHostPointerPropertiesEXT pointer{VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
  device_.check(device_.vk().GetMemoryHostPointerPropertiesEXT(
                    device_.handle(), VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT, host, &pointer),
                "vkGetMemoryHostPointerPropertiesEXT");
  const uint32_t allowed = needed.memoryTypeBits & pointer.memoryTypeBits;
  if (!allowed || needed.size > bytes)
    sdk::unsupported(device_.physical().caps.name, " cannot use this host memory for buffers");
  const std::lock_guard lock(mutex_);
  buffer->block = &add_block(pick_type(allowed, false, true), bytes, host);
  buffer->offset = *buffer->block->take(bytes, 1);
  buffer->reserved = bytes;
  buffer->mapped = buffer->block->mapped;
  buffer->cached = true;
  device_.check(device_.vk().BindBufferMemory(device_.handle(), buffer->handle, buffer->block->memory, 0),
                "vkBindBufferMemory");
  return buffer;
}

VulkanBuffer::~VulkanBuffer() { memory->release(*this); }

void Memory::release(VulkanBuffer& buffer) {
  if (buffer.handle && !device_.abandoned())
    device_.vk().DestroyBuffer(device_.handle(), buffer.handle, nullptr);
  if (!buffer.block) return;
  const std::lock_guard lock(mutex_);
  Block& block = *buffer.block;
  block.give(buffer.offset, buffer.reserved);
  if (!block.empty()) return;
  // One empty block of the usual size is kept for the next buffer.
  const bool kept = std::ranges::any_of(blocks_, [&](const Block& b) {
    return &b != &block && b.type == block.type && !b.imported && b.empty();
  });
  if (kept || block.imported || block.bytes != kBlock) remove_block(block);
}

}  // namespace hrt::gpu::vulkan
