// SPDX-License-Identifier: Apache-2.0
// hrt.backend/1 of the fault devices.
#pragma once

#include <hrt/plugin.h>

namespace hrt::fault {

// The name must stay where it is. [load-thread]
const hrt_backend_api& make_backend(const char* name, hrt_memory memory);

// Of a device with memory of its own: little, so that a test can ask for too much.
constexpr uint64_t kDeviceBytes = uint64_t(16) << 20;
// Of offsets in buffers; and of what is imported.
constexpr uint64_t kDeviceAlignment = 256, kSharedAlignment = 4096;

}  // namespace hrt::fault
