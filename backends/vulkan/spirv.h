// SPDX-License-Identifier: Apache-2.0
// What a SPIR-V module needs from a device. Format: the Khronos SPIR-V specification, section 2.3.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "backends/vulkan/physical.h"

namespace hrt::gpu::vulkan {

struct Module {
  std::vector<uint32_t> capabilities;
  uint32_t bindings = 0;  // one more than the highest
  bool subgroups = false;
};

Module inspect(std::span<const uint32_t> words);

// What the module needs that the device has not, or "".
std::string missing(const Module& module, const Physical& physical);

}  // namespace hrt::gpu::vulkan
