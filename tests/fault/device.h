// SPDX-License-Identifier: Apache-2.0
// An opened device; what was made with it keeps it.
#pragma once

#include <memory>
#include <optional>

#include "tests/fault/gate.h"
#include "tests/fault/options.h"
#include "tests/fault/queue.h"

namespace hrt::fault {

struct Device {
  Device(const std::string& name, hrt_memory kind, Options o)
      : options(std::move(o)), gate(name, options.faults, options.stall), memory(kind) {
    gate.enter(Function::kDeviceOpen);
    if (memory != HRT_MEMORY_HOST) queue.emplace(gate, options.delay);
  }

  const Options options;
  Gate gate;
  const hrt_memory memory;
  std::optional<Queue> queue;
  uint64_t allocated = 0;  // bytes of its own; behind the lock of the world
};

}  // namespace hrt::fault
