// SPDX-License-Identifier: Apache-2.0
// The register tile on which convolution, Winograd and GEMM are built: a few rows of A times a panel of B
// that is a few vectors wide, accumulated in registers:
//
//     C[r][n] = clamp(start[r][n] + sum over k of A[r][k] * B[k][n], lo, hi)
//
// A is read one element at a time (broadcast), B a vector at a time. The k of A come in segments of
// consecutive floats at given distances from the tile's origin, the same for every row; that makes
// one kernel of a row-major GEMM (one segment), a 1x1 convolution on a channel-blocked tensor (a
// segment for each block of channels) and a direct convolution (a segment for each tap and block).
#pragma once

#include <cstdint>

#include "backends/cpu/simd.h"

namespace hrt::cpu {

struct Segment {
  int64_t offset;  // floats from the origin of a row to the first element
  int64_t count;   // elements
};

struct Tile {
  const float* a;  // origin of row 0
  int64_t a_row;   // floats between the origins of rows
  const Segment* segments;
  int64_t segment_count;
  const float* b;  // row k of B begins at b + k * b_row, k counting through the segments
  int64_t b_row;
  float* c;  // vector v of row r is at c + r * c_row + v * c_vec
  int64_t c_row;
  int64_t c_vec;
  const float* bias;      // start value of every row: vectors * kLanes floats, or NULL
  const float* add;       // further start values, laid out as C (and possibly C itself), or NULL
  const float* ahead;     // needed after this tile: a cache line is fetched into L2 for every k
  float lo, hi;           // -infinity and infinity: no clamp, NaN stays
  const float* prefetch;  // memory that is needed soon, a cache line for every k; or NULL
};

using TileFn = void (*)(const Tile&);

// Tile::ahead for tile i of those that share a panel of B, of k rows from b on: together they fetch the
// panel that follows it.
inline const float* next_panel(const float* b, int64_t b_row, int64_t k, int64_t i) {
  constexpr int64_t kLine = 64 / sizeof(float);
  return b + k * (b_row + i * kLine);
}

constexpr int kRegisters = HWY_TARGET == HWY_AVX3 || HWY_ARCH_ARM_A64 ? 32 : 16;
constexpr int kMaxVectors =
    kRegisters == 32 ? 4 : 2;  // AVX2: 3 vectors by 4 rows reach 59 % of peak, 2 by 6 90 %
constexpr int kMaxRows = 14;

// Most rows that a tile of so many vectors can have: accumulators, a row of B and the broadcast
// element fill the registers.
constexpr int max_rows(int vectors) {
  const int rows = (kRegisters - 1 - vectors) / vectors;
  return rows < kMaxRows ? rows : kMaxRows;
}

// Rows that tiles should have at most. At a row stride without kernels of its own, every row takes an
// address register, of which there are 16; and rows of a row-major matrix share cache sets.
constexpr int best_rows(int vectors, int64_t a_row) {
  const int rows = max_rows(vectors);
  return a_row == kLanes || a_row == 2 * kLanes || rows < 8 ? rows : 8;
}

// The kernel for a tile, 1 <= vectors <= kMaxVectors, 1 <= rows <= max_rows(vectors). A row stride of
// kLanes or 2 * kLanes (channel-blocked, stride 1 or 2) has kernels of its own.
TileFn tile_fn(int vectors, int rows, int64_t a_row);

// The same for a product of one row, with four sums for each result: a single row has too few to keep
// the multipliers busy. Not for a row that is left over from others, whose result must not depend on
// how rows are cut into tiles.
TileFn row_fn(int vectors);

// Runs a tile straight into Y, of `columns` columns at rows y_row apart, or by way of a buffer where the
// panel is wider than that. Sets what t says of C; add: Y holds values to add to.
void run_tile(Tile& t, TileFn run, int vectors, int rows, int64_t columns, bool add, float* y, int64_t y_row);

// How columns of B, in whole vectors, are cut into panels of nearly equal width for tiles.
struct Panels {
  int64_t vectors;
  int64_t count() const { return (vectors + kMaxVectors - 1) / kMaxVectors; }
  int64_t first(int64_t panel) const { return vectors * panel / count(); }
  int width(int64_t panel) const { return int(first(panel + 1) - first(panel)); }
};

// Into how many pieces to cut the rows of A, at most `most`: so that a piece stays in L1 while all panels
// pass over it, when B stays in L2, else in L2; and so that, times `units` of other work, there is
// something to do for every thread.
int64_t row_pieces(int64_t a_bytes, int64_t b_bytes, int64_t units, int64_t most);

}  // namespace hrt::cpu
