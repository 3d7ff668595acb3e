// SPDX-License-Identifier: Apache-2.0
// Batches of matrix products on the device: y = act(alpha a b + beta c + residual), y row-major. The operands
// are strided views, so transposes, broadcasts and heads of attention cost no copy.
#pragma once

#include <optional>

#include "backends/gpu_common/op.h"
#include "backends/gpu_common/ops/epilogue.h"

namespace hrt::gpu {

using Batch = std::array<int64_t, 3>;

// Strides in elements; 0 where it is broadcast.
struct Strided {
  Ref ref = 0;
  int64_t row = 0, col = 0;
  Batch batch{};
};

struct Product {
  int64_t m = 0, n = 0, k = 0;
  Batch dims{1, 1, 1};
  Strided a, b;
  bool constant_b = false;  // b is a constant, whole and in a buffer of its own: images can be made of it
  std::optional<Strided> c;
  float alpha = 1, beta = 1;
  Epilogue e;
  std::optional<Ref> residual;  // lies as y does; emit_panels only
  Ref y = 0;
  int64_t y_row = 0;  // from row to row of y; 0: n
  hrt_dtype dtype = HRT_FLOAT32;
  // Operands packed beforehand for emit_panels, as pack_panels and pack_columns do, whose strides are then of
  // matrices: batch counts packed matrices.
  std::optional<Ref> packed_a, packed_b;
  int rows_packed = 0;         // of panels of packed_a
  int64_t columns_packed = 0;  // of rows of packed_b
};

// By the fastest of the ways that this device has. Where tensors are longer than kernels reach it is computed
// in blocks of matrices, rows and columns.
void emit_product(Emit& emit, const Product& product);

// The way for processors in disguise, on packed operands (gemm_lanes.comp, gemm_vectors.comp).
bool has_panels(const Caps& caps);
void emit_panels(Emit& emit, const Product& product);
// Rows of a panel for so many rows.
int panel_rows(const Caps& caps, int64_t m);
// Columns of a tile of results.
int panel_width(const Caps& caps);
// Whether a right operand with rows of so many floats is read as it lies; else, how long rows must be.
bool panel_takes(const Caps& caps, int64_t columns);
int64_t panel_columns(const Caps& caps, int64_t columns);

// The grid of kernels over gemm_tile.h: tiles of side x side results. Their constants begin with the sides.
bool tiles_fit(const Caps& caps, int side);
void set_tiles(Call& call, int side, int64_t rows, int64_t columns, int64_t count);

// Whether kernels can read so many elements as an image, of texels of kTexel.
constexpr int64_t kTexel = 4;
bool image_fits(const Caps& caps, int64_t count);
// The grid of kernels with tiles of rows x 4 results an invocation, and for how many rows such are worth it.
void set_image_tiles(Call& call, int tile_rows, int64_t rows, int64_t columns, int64_t count);
std::span<const int> image_tile_rows(int64_t rows);

// Host memory packed for emit_panels: count matrices, element (r, c) of matrix i at i * matrix + r * row + c
// * col. Left operands in panels of `rows`, right ones in rows of width.
struct HostMatrices {
  const void* data;
  hrt_dtype dtype;
  int64_t count, rows, cols, matrix, row, col;
};
std::vector<float> pack_panels(const HostMatrices& from, int rows);
std::vector<float> pack_columns(const HostMatrices& from, int64_t width);

}  // namespace hrt::gpu
