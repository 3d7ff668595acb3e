// SPDX-License-Identifier: Apache-2.0
// Copies of boxes between row-major tensors, and what operators that move elements about share.
#pragma once

#include <optional>

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

// y[to + coordinates times ys] = x[from + coordinates times xs] for all coordinates below dims.
struct Box {
  Dims dims, xs, ys;
  int64_t from = 0, to = 0;
};
// Neighbouring dims that both sides walk evenly become one, those of one element vanish; one dim is left at
// least.
Box merged(const Box& box);
// In pieces where x or y is longer than kernels reach.
void copy_box(Emit& emit, Ref x, Ref y, hrt_dtype dtype, const Box& box);
// Output 0 becomes the one element of x, or zeros without it.
void fill(Emit& emit, std::optional<Ref> x);

Dims strides_of(std::span<const int64_t> dims);  // row-major
// Between 0 and rank - 1, or an error.
size_t axis_of(int64_t axis, int rank);
// supports() where input 0 is moved about: its type has a size that kernels move on this device.
std::string movable(const Node& node, const Caps& caps);

}  // namespace hrt::gpu
