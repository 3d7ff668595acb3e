// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/world.h"

#include <hrt/plugin.hpp>

namespace hrt::fault {

World& world() {
  static World instance;
  return instance;
}

void reset_world() {
  const std::lock_guard lock(world().mutex);
  world().calls = {};
  world().misuses = 0;
}

void report_leaks() {
  const std::lock_guard lock(world().mutex);
  const Alive& alive = world().alive;
  const std::pair<const char*, uint64_t> counts[] = {
      {"devices", alive.devices},   {"executables", alive.executables}, {"prepared", alive.prepared},
      {"contexts", alive.contexts}, {"buffers", alive.buffers},         {"fences", alive.fences},
  };
  std::string text;
  for (const auto& [name, count] : counts)
    if (count > 0) text += sdk::cat(text.empty() ? "" : ", ", count, " ", name);
  if (!text.empty()) sdk::log(HRT_LOG_ERROR, "still alive at shutdown: " + text);
}

void misuse(const std::string& what) {
  ++world().misuses;
  sdk::log(HRT_LOG_ERROR, "misused by the host: " + what);
}

}  // namespace hrt::fault
