// SPDX-License-Identifier: Apache-2.0
#include "backends/vulkan/spirv.h"

#include <algorithm>
#include <array>

namespace hrt::gpu::vulkan {
namespace {

// A capability by its number, and whether a device with these features has it.
struct Need {
  uint32_t number;
  const char* name;
  bool (*met)(const Physical& p);
};

constexpr auto kSubgroups = [](const Physical& p) { return p.caps.subgroup_size > 1; };
constexpr auto kDot = [](const Physical& p) { return p.features.dot.shaderIntegerDotProduct == VK_TRUE; };

constexpr std::array kNeeds = std::to_array<Need>({
    {1, "Shader", [](const Physical&) { return true; }},
    {9, "Float16", [](const Physical& p) { return p.features.small.shaderFloat16 == VK_TRUE; }},
    {10, "Float64", [](const Physical& p) { return p.features.core.features.shaderFloat64 == VK_TRUE; }},
    {11, "Int64", [](const Physical& p) { return p.features.core.features.shaderInt64 == VK_TRUE; }},
    {22, "Int16", [](const Physical& p) { return p.features.core.features.shaderInt16 == VK_TRUE; }},
    {39, "Int8", [](const Physical& p) { return p.features.small.shaderInt8 == VK_TRUE; }},
    {61, "GroupNonUniform", kSubgroups},
    {62, "GroupNonUniformVote", kSubgroups},
    {63, "GroupNonUniformArithmetic", kSubgroups},
    {64, "GroupNonUniformBallot", kSubgroups},
    {65, "GroupNonUniformShuffle", kSubgroups},
    {66, "GroupNonUniformShuffleRelative", kSubgroups},
    {4433, "StorageBuffer16BitAccess",
     [](const Physical& p) { return p.features.storage16.storageBuffer16BitAccess == VK_TRUE; }},
    {4434, "UniformAndStorageBuffer16BitAccess",
     [](const Physical& p) { return p.features.storage16.uniformAndStorageBuffer16BitAccess == VK_TRUE; }},
    {4435, "StoragePushConstant16",
     [](const Physical& p) { return p.features.storage16.storagePushConstant16 == VK_TRUE; }},
    {4448, "StorageBuffer8BitAccess",
     [](const Physical& p) { return p.features.storage8.storageBuffer8BitAccess == VK_TRUE; }},
    {4449, "UniformAndStorageBuffer8BitAccess",
     [](const Physical& p) { return p.features.storage8.uniformAndStorageBuffer8BitAccess == VK_TRUE; }},
    {4450, "StoragePushConstant8",
     [](const Physical& p) { return p.features.storage8.storagePushConstant8 == VK_TRUE; }},
    {5345, "VulkanMemoryModel",
     [](const Physical& p) { return p.features.memory_model.vulkanMemoryModel == VK_TRUE; }},
    {5357, "CooperativeMatrixNV",
     [](const Physical& p) { return p.features.matrix_nv.cooperativeMatrix == VK_TRUE; }},
    {6016, "DotProductInputAll", kDot},
    {6017, "DotProductInput4x8Bit", kDot},
    {6018, "DotProductInput4x8BitPacked", kDot},
    {6019, "DotProduct", kDot},
    {6022, "CooperativeMatrixKHR",
     [](const Physical& p) { return p.features.matrix_khr.cooperativeMatrix == VK_TRUE; }},
});

constexpr uint32_t kMagic = 0x07230203;
constexpr size_t kHeader = 5;
constexpr uint32_t kOpCapability = 17, kOpDecorate = 71, kBinding = 33;

bool is_subgroup_capability(uint32_t c) { return (c >= 61 && c <= 68) || c == 5357 || c == 6022; }

}  // namespace

Module inspect(std::span<const uint32_t> words) {
  Module module;
  if (words.size() < kHeader || words[0] != kMagic) sdk::fail("a kernel is no SPIR-V");
  for (size_t at = kHeader; at < words.size();) {
    const uint32_t length = words[at] >> 16, op = words[at] & 0xffff;
    if (length == 0 || length > words.size() - at) sdk::fail("a kernel's SPIR-V is cut short");
    if (op == kOpCapability && length >= 2) {
      module.capabilities.push_back(words[at + 1]);
      module.subgroups |= is_subgroup_capability(words[at + 1]);
    } else if (op == kOpDecorate && length >= 4 && words[at + 2] == kBinding) {
      module.bindings = std::max(module.bindings, words[at + 3] + 1);
    }
    at += length;
  }
  return module;
}

std::string missing(const Module& module, const Physical& physical) {
  for (const uint32_t c : module.capabilities) {
    const auto need = std::ranges::find(kNeeds, c, &Need::number);
    if (need == kNeeds.end()) return sdk::cat("SPIR-V capability ", c);
    if (!need->met(physical)) return need->name;
  }
  return "";
}

}  // namespace hrt::gpu::vulkan
