// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/backend.h"
#include "backends/opencl/driver.h"

const hrt::gpu::DriverInfo hrt::gpu::g_driver = {hrt::gpu::opencl::driver_info.name,
                                                 hrt::gpu::opencl::driver_info.devices,
                                                 hrt::gpu::opencl::driver_info.open};

HRT_PLUGIN("hrt.opencl", "0.1.0", "GPUs and CPUs with an OpenCL driver", nullptr, nullptr,
           {"hrt.backend/1", &hrt::gpu::backend()})
