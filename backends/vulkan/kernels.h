// SPDX-License-Identifier: Apache-2.0
// Kernels as SPIR-V. The table is generated at build time (spirv_table.cmake); what is linked into a library
// decides which kernels its driver has.
#pragma once

#include <cstdint>
#include <span>

namespace hrt::gpu::vulkan {

struct Kernel {
  const char* name;
  const char* variant;  // "" when there is only one
  const uint32_t* begin;
  const uint32_t* end;
};

// Sorted by nothing. Several of the same name and variant are alternatives for different devices: the first
// that a device can run is taken.
std::span<const Kernel> kernels();

}  // namespace hrt::gpu::vulkan
