// SPDX-License-Identifier: Apache-2.0
// The sliding window of convolution and pooling: the attributes that both share, resolved for one shape
// and brought to three spatial dims (depth, height, width; missing ones are 1).
#pragma once

#include <array>

#include "backends/cpu/op.h"

namespace hrt::cpu {

using Dims3 = std::array<int64_t, 3>;

constexpr int64_t volume(const Dims3& d) { return d[0] * d[1] * d[2]; }

struct Window {
  Dims3 kernel = {1, 1, 1}, stride = {1, 1, 1}, dilation = {1, 1, 1};
  Dims3 begin = {0, 0, 0}, end = {0, 0, 0};  // pads

  bool padded() const {
    return volume({1 + begin[0] + end[0], 1 + begin[1] + end[1], 1 + begin[2] + end[2]}) > 1;
  }
  bool dense() const { return dilation == Dims3{1, 1, 1}; }
  // Taps of the kernel inside an input dim of size n when the window begins at `origin`: [first, last).
  int64_t first_tap(int dim, int64_t origin) const {
    return origin >= 0 ? 0 : std::min(kernel[dim], ceil_div(-origin, dilation[dim]));
  }
  int64_t last_tap(int dim, int64_t origin, int64_t n) const {
    return std::max(int64_t(0), std::min(kernel[dim], ceil_div(n - origin, dilation[dim])));
  }
};

// The attributes as they stand, before shapes are known.
struct WindowAttrs {
  Dims kernel, strides, dilations, pads;  // empty: default
  std::string auto_pad;

  explicit WindowAttrs(const Node& node);
  // in, out: spatial dims, 1 to 3 of them. kernel: where it is not an attribute.
  Window resolve(std::span<const int64_t> in, std::span<const int64_t> out,
                 std::span<const int64_t> kernel) const;
};

// Why attributes or rank cannot be taken ("4 spatial dims"), or "".
std::string window_refusal(const Node& node);

// Spatial dims of N x C x spatial..., padded in front with 1s.
Dims3 spatial3(std::span<const int64_t> dims);

}  // namespace hrt::cpu
