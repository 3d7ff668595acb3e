// SPDX-License-Identifier: Apache-2.0
// The OpenCL driver of the GPU backends.
#pragma once

#include "backends/gpu_common/driver.h"

namespace hrt::gpu::opencl {

extern const DriverInfo driver_info;

}  // namespace hrt::gpu::opencl
