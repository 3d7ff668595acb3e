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
  std::optional<Strided> c;
  float alpha = 1, beta = 1;
  Epilogue e;
  std::optional<Ref> residual;  // lies as y does; emit_lanes only
  Ref y = 0;
  hrt_dtype dtype = HRT_FLOAT32;
  // Operands packed beforehand for emit_lanes, as pack_panels and pack_columns do, whose strides are then of
  // matrices: batch counts packed matrices.
  std::optional<Ref> packed_a, packed_b;
  int rows_packed = 0;  // of panels of packed_a
};

// By the fastest of the ways that this device has.
void emit_product(Emit& emit, const Product& product);

// The way for processors in disguise (gemm_lanes.comp).
bool has_lanes(const Caps& caps);
void emit_lanes(Emit& emit, const Product& product);
// Rows of a panel for so many rows.
int lane_rows(int64_t m);

// Host memory packed for emit_lanes: count matrices, element (r, c) of matrix i at i * matrix + r * row + c *
// col. Left operands in panels of `rows`, right ones in rows of whole vectors.
struct HostMatrices {
  const void* data;
  hrt_dtype dtype;
  int64_t count, rows, cols, matrix, row, col;
};
std::vector<float> pack_panels(const HostMatrices& from, int rows);
std::vector<float> pack_columns(const HostMatrices& from);

}  // namespace hrt::gpu
