// SPDX-License-Identifier: Apache-2.0
// How often invocations may go through loops: lavapipe ends them after 65535 turns of all loops together.
// What needs more is dispatched in pieces, or refused.
#pragma once

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

constexpr int64_t kMostTurns = 60000;

inline bool too_many_turns(const Caps& caps, int64_t turns) { return caps.is_cpu && turns > kMostTurns; }

inline void require_turns(const Caps& caps, int64_t turns) {
  if (too_many_turns(caps, turns))
    unsupported("loops of ", turns, " turns: kernels on processors have ", kMostTurns);
}

}  // namespace hrt::gpu
