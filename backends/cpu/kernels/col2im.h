// SPDX-License-Identifier: Apache-2.0
// Adding the values of blocks, tap by tap, back into the image that they overlap in.
#pragma once

#include <algorithm>

#include "backends/cpu/kernels/window.h"

namespace hrt::cpu {

struct Blocks {
  Window w;
  Dims3 image, grid;  // the image; how many blocks lie in it
  int64_t planes;
};

// One row of a tap's values added into one row of the image, where it lies inside.
template <class T>
void add_row(const Blocks& s, const T* x, int64_t kw, T* y) {
  const int64_t step = s.w.stride[2], start = kw * s.w.dilation[2] - s.w.begin[2];
  const int64_t first = start < 0 ? std::min(s.grid[2], ceil_div(-start, step)) : 0;
  const int64_t last = std::min(s.grid[2], std::max<int64_t>(0, ceil_div(s.image[2] - start, step)));
  if (step == 1)
    for (int64_t i = first; i < last; ++i) y[start + i] += x[i];
  else
    for (int64_t i = first; i < last; ++i) y[start + i * step] += x[i];
}

// An image plane: start, and to it the values of all taps, each a row-major grid.
template <class T>
void add_plane(const Blocks& s, const T* x, T* y, T start) {
  std::fill_n(y, volume(s.image), start);
  const Dims3& k = s.w.kernel;
  for (int64_t tap = 0; tap < volume(k); ++tap)
    for (int64_t row = 0; row < s.grid[0] * s.grid[1]; ++row, x += s.grid[2]) {
      const int64_t d =
          row / s.grid[1] * s.w.stride[0] + tap / (k[1] * k[2]) * s.w.dilation[0] - s.w.begin[0];
      const int64_t h = row % s.grid[1] * s.w.stride[1] + tap / k[2] % k[1] * s.w.dilation[1] - s.w.begin[1];
      if (d >= 0 && d < s.image[0] && h >= 0 && h < s.image[1])
        add_row(s, x, tap % k[2], y + (d * s.image[1] + h) * s.image[2]);
    }
}

}  // namespace hrt::cpu
