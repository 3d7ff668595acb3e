// SPDX-License-Identifier: Apache-2.0
// The matrix product under MatMul, Gemm, convolutions and their integer and fused forms: blocked so that
// everything it needs is on the stack, and independent of where the matrices come from and where the
// result goes. Each element is summed in the order of k, whatever the number of threads.
#pragma once

#include <algorithm>
#include <type_traits>

#include "op.h"

namespace hrt::ops {

// Products are summed in acc_t; integers in unsigned arithmetic, which wraps around.
template <class T>
struct ProductAcc {
  using type = acc_t<T>;
};
template <class T>
  requires std::is_integral_v<T>
struct ProductAcc<T> {
  using type = std::make_unsigned_t<T>;
};
template <class T>
using product_t = typename ProductAcc<T>::type;

// Block sizes: a block of A and its panel of B stay in the L2 cache, 4 x 8 sums in registers.
constexpr int64_t kBlockRows = 128, kBlockColumns = 64, kBlockDepth = 128;

namespace detail {

// c += a * b for R rows of a (kBlockDepth apart), depth rows of b and c (kBlockColumns apart).
template <int R, class Acc>
void multiply_rows(int64_t columns, int64_t depth, const Acc* a, const Acc* b, Acc* c) {
  constexpr int kWide = 8;
  for (int64_t j = 0; j < columns; j += kWide) {
    Acc sum[R][kWide];
    for (int r = 0; r < R; ++r)
      for (int x = 0; x < kWide; ++x) sum[r][x] = c[r * kBlockColumns + j + x];
    for (int64_t k = 0; k < depth; ++k)
      for (int r = 0; r < R; ++r) {
        const Acc v = a[r * kBlockDepth + k];
        for (int x = 0; x < kWide; ++x) sum[r][x] += v * b[k * kBlockColumns + j + x];
      }
    for (int r = 0; r < R; ++r)
      for (int x = 0; x < kWide; ++x) c[r * kBlockColumns + j + x] = sum[r][x];
  }
}

}  // namespace detail

// C[z] = A[z] * B[z] for `batch` products of an (m, k) and a (k, n) matrix, on the host's threads.
//   load_a(z, i, k0, count, Acc* to)            part of row i of A: elements k0 ... k0 + count - 1
//   load_b(z, k0, rows, j0, columns, Acc* to)   part of B, its rows kBlockColumns apart in `to`
//   store(z, i, j0, count, Acc* row)            part of row i of C; may use the row as scratch
// They are called concurrently and must not throw.
template <class Acc, class LoadA, class LoadB, class Store>
void multiply(int64_t batch, int64_t m, int64_t n, int64_t k, LoadA load_a, LoadB load_b, Store store) {
  const int64_t row_blocks = (m + kBlockRows - 1) / kBlockRows;
  const int64_t column_blocks = (n + kBlockColumns - 1) / kBlockColumns;
  const Dims blocks{batch, row_blocks, column_blocks};
  auto block = [&](int64_t z, int64_t i0, int64_t j0) {
    alignas(64) Acc a[kBlockRows * kBlockDepth];
    alignas(64) Acc b[kBlockDepth * kBlockColumns];
    alignas(64) Acc c[kBlockRows * kBlockColumns];
    const int64_t rows = std::min(kBlockRows, m - i0), columns = std::min(kBlockColumns, n - j0);
    std::fill_n(b, std::min(kBlockDepth, k) * kBlockColumns, Acc(0));  // columns beyond the last stay zero
    std::fill_n(c, rows * kBlockColumns, Acc(0));
    for (int64_t k0 = 0; k0 < k; k0 += kBlockDepth) {
      const int64_t depth = std::min(kBlockDepth, k - k0);
      for (int64_t i = 0; i < rows; ++i) load_a(z, i0 + i, k0, depth, a + i * kBlockDepth);
      load_b(z, k0, depth, j0, columns, b);
      int64_t i = 0;
      for (; i + 4 <= rows; i += 4)
        detail::multiply_rows<4>(columns, depth, a + i * kBlockDepth, b, c + i * kBlockColumns);
      for (; i < rows; ++i)
        detail::multiply_rows<1>(columns, depth, a + i * kBlockDepth, b, c + i * kBlockColumns);
    }
    for (int64_t i = 0; i < rows; ++i) store(z, i0 + i, j0, columns, c + i * kBlockColumns);
  };
  parallel_for(element_count(blocks), 1, [&](int64_t begin, int64_t end, uint32_t) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t z = t / column_blocks / row_blocks;
      block(z, t / column_blocks % row_blocks * kBlockRows, t % column_blocks * kBlockColumns);
    }
  });
}

}  // namespace hrt::ops
