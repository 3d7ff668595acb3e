// SPDX-License-Identifier: Apache-2.0
// How kernels that include kernels/walk.h are dispatched: an output and operands that are broadcast to it.
#pragma once

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

// Invocations for rows of elements that they stride over: as many as keep the device busy.
struct Grid {
  std::array<uint32_t, 3> group{};
  std::array<int64_t, 3> threads{};
};
Grid grid(const Caps& caps, int64_t inner, int64_t rows);

struct Walk {
  int32_t rank = 0;            // of the outer dims: constant RANK
  std::vector<uint32_t> push;  // WALK_PARAMS
  std::vector<int32_t> table;  // of the outer dims; empty for rank 0
  Grid grid;
};
// At most 5 operands.
Walk walk(const Caps& caps, const Dims& out, std::span<const Dims> operands);
// The buffer walk_table; unused: what to bind where there is no table.
Ref walk_table(Emit& emit, const Walk& walk, Ref unused);

}  // namespace hrt::gpu
