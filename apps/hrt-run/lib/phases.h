// SPDX-License-Identifier: Apache-2.0
// What a device with a queue spends its time on, from the events that the core records for each submission.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/profile/trace.h"

namespace hrt {

// A device's time per run, from when each submission was due to its end. Submissions that overlap count each.
struct DevicePhases {
  std::string device;
  double upload_ns = 0, execute_ns = 0, download_ns = 0;
};

// Of events of the categories "upload", "execute" and "download"; in the order of the first event of each
// device. runs: how many they belong to.
std::vector<DevicePhases> device_phases(const std::vector<TraceEvent>& events, size_t runs);

}  // namespace hrt
