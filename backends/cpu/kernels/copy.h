// SPDX-License-Identifier: Apache-2.0
// Copying a box of elements between two strided arrays: what Transpose, Slice, Expand, Tile, Concat,
// Split, DepthToSpace and their like come down to.
#pragma once

#include <span>

#include "backends/cpu/op.h"

namespace hrt::cpu {

// to[sum of i_d * to_d] = from[sum of i_d * from_d] for all 0 <= i_d < size_d. Made by make_copy, which
// drops axes of size 1, orders the others by distance in the target, merges those that run on in both
// arrays, and takes a few contiguous elements together as one wider element.
struct Copy {
  static constexpr int kMaxAxes = 2 * HRT_MAX_RANK + 2;
  int rank = 0;
  int64_t size[kMaxAxes], from[kMaxAxes], to[kMaxAxes];  // strides in elements; from may be 0 or negative
  size_t width = 1;                                      // bytes of an element: 1, 2, 4, 8 or 16
  bool empty = false;
};

Copy make_copy(std::span<const int64_t> size, std::span<const int64_t> from, std::span<const int64_t> to,
               size_t width);

// x and y point to the element of index 0; they do not overlap.
void run_copy(const Copy& c, const void* x, void* y);

// Row-major strides.
Dims strides_of(std::span<const int64_t> dims);

}  // namespace hrt::cpu
