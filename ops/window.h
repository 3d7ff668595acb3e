// SPDX-License-Identifier: Apache-2.0
// The geometry of a kernel that slides over the spatial axes of (N, C, D1, ..., Dn): attributes
// kernel_shape, strides, dilations, pads and auto_pad of convolutions and pools.
#pragma once

#include "op.h"

namespace hrt::ops {

struct Window {
  Dims input;  // spatial dims
  Dims kernel;
  Dims strides;
  Dims dilations;
  Dims begin;   // padding before
  Dims end;     // and after
  Dims output;  // spatial dims

  size_t rank() const { return kernel.size(); }
  int64_t extent(size_t axis) const { return (kernel[axis] - 1) * dilations[axis] + 1; }
};

// Reads and verifies the attributes. weights: the spatial dims of the weights, empty for pools (then the
// node has kernel_shape). ceil_mode: a last window that is not full counts, unless it starts in the
// padding at the end. infer is given during inference, where dims may be other than numbers; so may then
// be `output`.
Window slide(const Node& node, Dims input, Dims weights, bool ceil_mode, const Infer* infer = nullptr);

// The same for the transposed convolution, whose output is the convolution's input: attributes
// output_padding and output_shape, too.
Window slide_transposed(const Node& node, Dims input, Dims weights, const Infer* infer = nullptr);

// An attribute with one number per spatial axis, within low ... 2^31 - 1; `otherwise` where it is absent.
Dims per_axis(const Node& node, const char* name, size_t count, int64_t low, int64_t otherwise);

}  // namespace hrt::ops
