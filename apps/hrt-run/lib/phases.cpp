// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/phases.h"

#include <algorithm>

namespace hrt {
namespace {

double DevicePhases::* phase_of(const std::string& category) {
  if (category == "upload") return &DevicePhases::upload_ns;
  if (category == "execute") return &DevicePhases::execute_ns;
  if (category == "download") return &DevicePhases::download_ns;
  return nullptr;
}

}  // namespace

std::vector<DevicePhases> device_phases(const std::vector<TraceEvent>& events, size_t runs) {
  std::vector<DevicePhases> phases;
  for (const TraceEvent& e : events) {
    const auto phase = phase_of(e.category);
    if (!phase) continue;
    auto found = std::ranges::find(phases, e.device, &DevicePhases::device);
    if (found == phases.end()) found = phases.insert(phases.end(), {e.device, 0, 0, 0});
    (*found).*phase += double(e.end_ns - e.begin_ns) / double(std::max<size_t>(runs, 1));
  }
  return phases;
}

}  // namespace hrt
