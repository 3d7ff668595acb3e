// SPDX-License-Identifier: Apache-2.0
// The sliding window of convolutions: its attributes, resolved for one shape and brought to three spatial
// dims (depth, height, width; missing ones are 1).
#pragma once

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

using Dims3 = std::array<int64_t, 3>;

constexpr int64_t volume(const Dims3& d) { return d[0] * d[1] * d[2]; }

// Spatial dims of N x C x spatial..., padded in front with 1s.
Dims3 spatial3(std::span<const int64_t> dims);

struct Window {
  Dims3 kernel = {1, 1, 1}, stride = {1, 1, 1}, dilation = {1, 1, 1};
  Dims3 pad = {0, 0, 0};  // before

  bool dense() const { return dilation == Dims3{1, 1, 1}; }
  // A window that sees one element, the next for the next.
  bool pointwise(const Dims3& in, const Dims3& out) const {
    return volume(kernel) == 1 && stride == Dims3{1, 1, 1} && pad == Dims3{0, 0, 0} && in == out;
  }
};

// The attributes strides, dilations, pads, auto_pad, as they stand before shapes are known.
struct WindowAttrs {
  explicit WindowAttrs(const Node& node);
  // For a convolution from in to out.
  Window resolve(const Dims3& in, const Dims3& out, const Dims3& kernel) const;
  // For a transposed one from in to out.
  Window resolve_transposed(const Dims3& in, const Dims3& out, const Dims3& kernel) const;

 private:
  Window plain(const Dims3& kernel) const;
  Dims3 stride_, dilation_, pad_, extra_;
  std::string auto_pad_;
  bool sized_;  // output_shape decides the pads
};

// Why rank or attributes cannot be taken ("4 spatial dims"), or "". weights: which input they are.
std::string window_refusal(const Node& node, size_t weights = 1);

}  // namespace hrt::gpu
