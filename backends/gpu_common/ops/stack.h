// SPDX-License-Identifier: Apache-2.0
// Tensors as stacks of matrices, and how two stacks are broadcast to one another.
#pragma once

#include "backends/gpu_common/ops/product.h"

namespace hrt::gpu {

// A tensor as a stack of matrices; vectors get a dim of 1.
struct Stack {
  Dims batch;
  int64_t rows, cols, row, col;

  Stack(Dims dims, bool left, bool transposed) {
    if (dims.size() == 1) dims.insert(left ? dims.begin() : dims.end(), 1);
    require(dims.size() >= 2, "a factor without dims");
    cols = dims.back();
    rows = dims[dims.size() - 2];
    row = cols;
    col = 1;
    batch.assign(dims.begin(), dims.end() - 2);
    if (!transposed) return;
    std::swap(rows, cols);
    std::swap(row, col);
  }
  int64_t elements() const { return rows * cols; }
};

inline Dims broadcast(const Dims& a, const Dims& b) {
  const Dims &longer = a.size() < b.size() ? b : a, &shorter = a.size() < b.size() ? a : b;
  Dims out = longer;
  for (size_t i = 0; i < shorter.size(); ++i) {
    int64_t& d = out[out.size() - 1 - i];
    const int64_t other = shorter[shorter.size() - 1 - i];
    require(d == other || d == 1 || other == 1, "batches ", a, " and ", b, " do not broadcast");
    if (d == 1) d = other;
  }
  return out;
}

// Aligns merged dims to the three that kernels know.
inline Batch aligned(const Dims& d, int64_t filler, int64_t factor) {
  Batch to{filler, filler, filler};
  for (size_t i = 0; i < d.size(); ++i) to[3 - d.size() + i] = d[i] * factor;
  return to;
}

// Dims of an operand's own matrices, and strides that count them.
struct Matrices {
  Batch dims, strides;
};
inline Matrices own_matrices(const Batch& dims, const Batch& element_strides) {
  Matrices m{{1, 1, 1}, {}};
  int64_t stride = 1;
  for (size_t d = 3; d-- > 0;) {
    if (element_strides[d] == 0) continue;
    m.dims[d] = dims[d];
    m.strides[d] = stride;
    stride *= dims[d];
  }
  return m;
}

}  // namespace hrt::gpu
