// SPDX-License-Identifier: Apache-2.0
// Convolution as a matrix product: the weights of a group, (M/group, C/group * taps), times the input
// values that each output position sees, (C/group * taps, positions), which are gathered block by block.
// For Conv, FusedConv, ConvTranspose and the integer convolutions.
#pragma once

#include "activation.h"
#include "product.h"
#include "window.h"

namespace hrt::ops {

struct Convolution {
  int64_t batch = 0;
  int64_t group = 1;
  int64_t in = 0;   // channels of x in a group
  int64_t out = 0;  // channels of y in a group
  Window window;
  bool transposed = false;

  Dims output() const;  // dims of y
  int64_t taps() const { return element_count(window.kernel); }
  // The input coordinate that kernel element `tap` sees at output coordinate `o`; may lie outside.
  int64_t source(size_t axis, int64_t o, int64_t tap) const {
    const int64_t at = tap * window.dilations[axis];
    if (!transposed) return o * window.strides[axis] + at - window.begin[axis];
    const int64_t d = o + window.begin[axis] - at;
    return d % window.strides[axis] == 0 ? d / window.strides[axis] : -1;
  }
};

// The attributes that all convolutions have, for schemas.
std::vector<AttrSpec> conv_attrs();

// Verifies shapes and attributes. x: (N, C, D...), w: (M, C/group, k...), transposed (C, M/group, k...).
Convolution convolution(const Node& node, std::span<const int64_t> x, std::span<const int64_t> w,
                        bool transposed = false);

// The same for inference: output 0 gets its shape as far as it follows.
void infer_convolution(const Infer& c, hrt_dtype dtype, uint32_t x, uint32_t w, bool transposed = false);

// Conv and FusedConv: inputs X, W, B and, when with_sum, Z.
void compute_conv(const Kernel& c, bool with_sum, const Activation& activation);

// The coordinates of element i of a row-major tensor.
inline void unflatten(int64_t i, const Dims& dims, int64_t* to) {
  for (size_t axis = dims.size(); axis-- > 0; i /= dims[axis]) to[axis] = i % dims[axis];
}

// Reads rows k0 ... of the gathered matrix of batch item n and group g, at positions j0 ...
template <class Acc, class Load>
void gather(const Convolution& s, int64_t n, int64_t g, int64_t k0, int64_t rows, int64_t j0, int64_t columns,
            Load load, Acc* to) {
  const Window& w = s.window;
  const size_t last = w.rank() - 1;
  const int64_t taps = s.taps();
  int64_t tap[HRT_MAX_RANK], o[HRT_MAX_RANK];
  for (int64_t k = k0; k < k0 + rows; ++k, to += kBlockColumns) {
    unflatten(k % taps, w.kernel, tap);
    for (int64_t j = 0, run; j < columns; j += run) {  // run by run along the last axis
      unflatten(j0 + j, w.output, o);
      run = std::min(columns - j, w.output[last] - o[last]);
      int64_t row = (n * s.group + g) * s.in + k / taps;  // of x seen as rows along its last axis
      bool inside = true;
      for (size_t axis = 0; axis < last && inside; ++axis) {
        const int64_t at = s.source(axis, o[axis], tap[axis]);
        inside = at >= 0 && at < w.input[axis];
        if (inside) row = row * w.input[axis] + at;
      }
      for (int64_t x = 0; x < run; ++x) {
        const int64_t at = s.source(last, o[last] + x, tap[last]);
        to[j + x] = inside && at >= 0 && at < w.input[last] ? load(row * w.input[last] + at) : Acc(0);
      }
    }
  }
}

// y = x * w. load_x(i) and load_w(i, m): elements as Acc, by offset and output channel. store(y offset,
// output channel, count, row of sums).
template <class Acc, class LoadX, class LoadW, class Store>
void convolve(const Convolution& s, LoadX load_x, LoadW load_w, Store store) {
  const int64_t taps = s.taps(), depth = s.in * taps, positions = element_count(s.window.output);
  multiply<Acc>(
      s.batch * s.group, s.out, positions, depth,
      [&](int64_t z, int64_t i, int64_t k0, int64_t count, Acc* to) {
        const int64_t g = z % s.group, m = g * s.out + i;
        for (int64_t k = k0; k < k0 + count; ++k, ++to)
          *to = s.transposed ? load_w(((g * s.in + k / taps) * s.out + i) * taps + k % taps, m)
                             : load_w(m * depth + k, m);
      },
      [&](int64_t z, int64_t k0, int64_t rows, int64_t j0, int64_t columns, Acc* to) {
        gather(s, z / s.group, z % s.group, k0, rows, j0, columns, load_x, to);
      },
      [&](int64_t z, int64_t i, int64_t j0, int64_t count, Acc* row) {
        store((z * s.out + i) * positions + j0, z % s.group * s.out + i, count, row);
      });
}

}  // namespace hrt::ops
