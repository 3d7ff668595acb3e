// SPDX-License-Identifier: Apache-2.0
// The loop nest of an element-wise operator with numpy broadcasting: dims of size 1 dropped, neighbours
// merged where every operand walks through them in one stride, so that equal shapes become one long
// row, a per-channel operand three dims, and so on. Rows of the innermost dim, in which an operand
// advances by 1 or by 0, are what kernels see.
#pragma once

#include <span>

#include "backends/cpu/op.h"

namespace hrt::cpu {

struct Broadcast {
  static constexpr int kMaxIn = 3;
  int rank = 1;                                   // at least 1
  int64_t size[HRT_MAX_RANK + 1] = {1};           // of the output; the last is the row
  int64_t stride[kMaxIn][HRT_MAX_RANK + 1] = {};  // of the inputs, in elements; 0 repeats
  int64_t rows = 1;
  int inputs = 0;

  int64_t row() const { return size[rank - 1]; }
  int64_t row_stride(int input) const { return stride[input][rank - 1]; }  // 0 or 1
  int64_t count() const { return rows * row(); }
};

// Dims as they lie in memory. Throws when an input does not broadcast to out.
Broadcast make_broadcast(std::span<const int64_t> out, std::span<const Dims> in);

// A run of rows: m rows of n elements; each row, input i moves on by step[i] elements, the output by n.
struct RowRun {
  int64_t offset[Broadcast::kMaxIn];
  int64_t step[Broadcast::kMaxIn];
  int64_t out;
  int64_t m, n;
};

// The run of rows that begins at row r: at most `most`, and no further than the dim above the rows goes.
RowRun locate(const Broadcast& b, int64_t r, int64_t most);

// Calls f(const RowRun&) on the host's threads until all elements are covered.
template <class F>
void for_rows(const Broadcast& b, double ns_each, F&& f) {
  constexpr int64_t kPiece = 4096;  // elements: a row longer than two of these is cut
  const int64_t n = b.row();
  if (b.count() == 0) return;
  if (n > 2 * kPiece) {
    const int64_t pieces = ceil_div(n, kPiece);
    parallel(b.rows * pieces, ns_each * kPiece, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        const int64_t start = p % pieces * kPiece;
        RowRun run = locate(b, p / pieces, 1);
        for (int i = 0; i < b.inputs; ++i) run.offset[i] += start * b.row_stride(i);
        run.out += start;
        run.n = std::min(kPiece, n - start);
        f(run);
      }
    });
    return;
  }
  parallel(b.rows, ns_each * double(n), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end;) {
      const RowRun run = locate(b, r, end - r);
      f(run);
      r += run.m;
    }
  });
}

}  // namespace hrt::cpu
