// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/backend.h"

HRT_PLUGIN("hrt.vulkan", "0.1.0", "GPUs and other devices with a Vulkan driver", nullptr, nullptr,
           {"hrt.backend/1", &hrt::gpu::backend()})
