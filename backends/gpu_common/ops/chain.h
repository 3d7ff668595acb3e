// SPDX-License-Identifier: Apache-2.0
// Nodes that are chains of element-wise operations in floats.
#pragma once

#include <optional>

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

Compiled chained(const Node& node, std::vector<ChainOp> ops, uint32_t inplace);
// op(A, B) of two inputs that may be broadcast.
Compiled chained_binary(const Node& node, int32_t op);
// op over any number of inputs, then the last one, if it is not 0, with immediate a.
Compiled chained_fold(const Node& node, int32_t op, int32_t last = 0, float a = 0);
// The number that a constant of one element is; nothing for other inputs.
std::optional<float> constant_number(const Node& node, size_t input);
bool has_floats(const Node& node);  // input 0 is float32 or float16

}  // namespace hrt::gpu
