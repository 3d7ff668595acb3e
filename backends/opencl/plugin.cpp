// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/backend.h"

HRT_PLUGIN("hrt.opencl", "0.1.0", "GPUs and CPUs with an OpenCL driver", nullptr, nullptr,
           {"hrt.backend/1", &hrt::gpu::backend()})
