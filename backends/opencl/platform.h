// SPDX-License-Identifier: Apache-2.0
// The devices of all OpenCL platforms, and what they can do.
#pragma once

#include <vector>

#include "backends/gpu_common/driver.h"
#include "backends/opencl/api.h"

namespace hrt::gpu::opencl {

struct Found {
  cl_device_id id;
  Caps caps;
  bool in_turn;  // the driver may not be given kernels that run at the same time
};

// Listed anew at every call. Empty, with a logged reason, when there is no loader, no platform or no device
// that can compile OpenCL C 1.2.
std::vector<Found> find_devices();

}  // namespace hrt::gpu::opencl
