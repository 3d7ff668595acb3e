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

struct WalkOperand {
  Ref ref;
  hrt_dtype dtype;
  Dims dims;
};
struct Walk {
  int32_t rank = 0;            // of the outer dims: constant RANK
  std::vector<uint32_t> push;  // WALK_PARAMS
  std::vector<Ref> operands;
  Ref out, table;  // table: the buffer walk_table
  int64_t first;   // element of the output that this begins with
  Grid grid;
};
// One walk, or where tensors are longer than kernels reach several (ops/pieces.h), each a dispatch. At most 5
// operands.
std::vector<Walk> walks(Emit& emit, const WalkOperand& out, std::span<const WalkOperand> operands);

}  // namespace hrt::gpu
