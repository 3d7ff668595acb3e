// SPDX-License-Identifier: Apache-2.0
// Batched matrix multiplication with numpy's shapes, for MatMul, FusedMatMul and the integer forms.
#pragma once

#include "activation.h"
#include "elementwise.h"
#include "product.h"

namespace hrt::ops {

// Vectors become matrices, batch dimensions broadcast; y has neither the added ones nor the removed.
struct MatMulShape {
  int64_t m = 1, k = 1, n = 1;
  Dims batch;
  Dims y;
  std::vector<int64_t> a_at, b_at;  // where the matrices of each product begin
};
MatMulShape matmul_shape(std::span<const int64_t> a, std::span<const int64_t> b);
void infer_matmul(const Infer& c, hrt_dtype dtype, uint32_t a, uint32_t b);
void infer_matmul(const Infer& c, hrt_dtype dtype, const Dims& a, const Dims& b);

// MatMul and FusedMatMul: inputs A, B and, when with_bias, the bias of the last axis.
void compute_matmul(const Kernel& c, bool with_bias, const Activation& activation);

// y = a * b. load_a(i) and load_b(i): elements as Acc, by offset. store(y offset, column, count, row).
template <class Acc, class LoadA, class LoadB, class Store>
void multiply(const MatMulShape& s, LoadA load_a, LoadB load_b, Store store) {
  multiply<Acc>(
      int64_t(s.a_at.size()), s.m, s.n, s.k,
      [&](int64_t z, int64_t i, int64_t k0, int64_t count, Acc* to) {
        const int64_t at = s.a_at[z] + i * s.k + k0;
        for (int64_t k = 0; k < count; ++k) to[k] = load_a(at + k);
      },
      [&](int64_t z, int64_t k0, int64_t rows, int64_t j0, int64_t columns, Acc* to) {
        for (int64_t k = k0; k < k0 + rows; ++k, to += kBlockColumns)
          for (int64_t j = 0; j < columns; ++j) to[j] = load_b(s.b_at[z] + k * s.n + j0 + j);
      },
      [&](int64_t z, int64_t i, int64_t j0, int64_t count, Acc* row) {
        store((z * s.m + i) * s.n + j0, j0, count, row);
      });
}

}  // namespace hrt::ops
