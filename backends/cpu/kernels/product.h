// SPDX-License-Identifier: Apache-2.0
// Matrix products on register tiles (tile.h). B comes packed into panels a few vectors wide, rows of a
// panel one after the other, or as it lies in memory: for few rows of A, which would touch a packed B
// only once or twice.
#pragma once

#include <array>
#include <vector>

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/op.h"

namespace hrt::cpu {

// A matrix in memory: element (i, j) is at i * row + j * col.
struct Strides {
  int64_t row, col;
};

// Floats that a packed k x n matrix takes.
size_t packed_floats(int64_t k, int64_t n);

// Packs `count` matrices of k x n that lie one after the other, times scale; zeros past n.
void pack_matrices(const float* b, Strides strides, int64_t count, int64_t k, int64_t n, float scale,
                   float* to);

// Y = act(A B + bias) for each pair of matrices; rows of A and Y one after the other.
struct Product {
  int64_t m, n, k;
  bool packed;                                // else B has rows of n floats
  std::vector<std::array<int64_t, 2>> pairs;  // of each result: index of A's and of B's matrix
  Epilogue e;

  int64_t tail() const { return packed ? 0 : n % int64_t(kBlock); }  // columns that fill no vector
};

struct ProductOperands {
  const float* a;
  const float* b;
  const float* b_tail;  // when not packed: the last tail() columns of each B, packed
  const float* bias;    // whole vectors, or NULL
  bool accumulate;      // Y holds values to add to
  float* y;
};

void multiply(const Product& p, const ProductOperands& o);

}  // namespace hrt::cpu
