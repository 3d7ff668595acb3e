// SPDX-License-Identifier: Apache-2.0
// hrt.backend/1 over any driver. A plugin for a GPU interface is its driver, its kernels and
//
//     const DriverInfo hrt::gpu::g_driver = {"vulkan", list, open};
//     HRT_PLUGIN("hrt.vulkan", "0.1.0", "...", nullptr, nullptr, {"hrt.backend/1", &hrt::gpu::backend()})
#pragma once

#include "backends/gpu_common/driver.h"

namespace hrt::gpu {

// Defined by the plugin.
extern const DriverInfo g_driver;

const hrt_backend_api& backend();

}  // namespace hrt::gpu
