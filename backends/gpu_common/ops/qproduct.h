// SPDX-License-Identifier: Apache-2.0
// Products of matrices of 8-bit integers (kernels/qgemm.h): as 32-bit integers, as floats, or quantised
// again.
#pragma once

#include <optional>

#include "backends/gpu_common/ops/product.h"

namespace hrt::gpu {

// One number for each row of the left matrices or column of the right ones: at line * line + matrix * matrix.
struct PerLine {
  Ref ref = HRT_NONE;
  int64_t line = 0, matrix = 0;
};
// Input i: one for all, one per line of a matrix, or one per line of all matrices. As it is, or as float32.
PerLine per_line(Emit& emit, size_t i, int64_t lines, int64_t all, const char* name);
PerLine scales_per_line(Emit& emit, size_t i, int64_t lines, int64_t all, const char* name);

struct Factor {
  Strided bytes;  // by element
  hrt_dtype dtype = HRT_UINT8;
  std::optional<Ref> packed = {};  // as pack_bytes makes it; the batch strides of bytes then count matrices
  PerLine zero = {}, scale = {};   // of dtype; float32
};

struct QProduct {
  int64_t m = 0, n = 0, k = 0;
  Batch dims{1, 1, 1};
  Factor a = {}, b = {};
  struct Bias {
    Ref ref = HRT_NONE;
    bool real = false;  // floats, added behind the scale; else int32, before it
    int64_t row = 0, column = 0;
  } bias = {};
  float alpha = 1;
  Ref y_scale = HRT_NONE, y_zero = HRT_NONE;  // of quantised results
  Ref y = 0;
  hrt_dtype dtype = HRT_INT32;  // of y: int32, float32, float16, int8, uint8
};
void emit_qproduct(Emit& emit, const QProduct& product);

// Bytes of either kind become bytes with a sign by this.
inline int32_t flip_of(hrt_dtype t) { return t == HRT_UINT8 ? 128 : 0; }
// The constant ZERO of a factor: kernels/qgemm.h.
inline int32_t zero_kind(hrt_dtype t, bool given) {
  return given ? (t == HRT_INT8 ? 1 : 2) : t == HRT_INT8 ? 0 : 3;
}

// What kernels/qresult.h is told by its constants: how a bias is added, and the zero point of the result.
inline int32_t y_zero_kind(hrt_dtype y, bool given) {
  if (y != HRT_INT8 && y != HRT_UINT8) return 0;
  return (y == HRT_INT8 ? 1 : 2) + (given ? 0 : 2);
}

// Left factors on the host: count matrices of rows x k bytes, one after the other.
std::vector<uint32_t> pack_bytes(const void* data, hrt_dtype dtype, int64_t count, int64_t rows, int64_t k);

}  // namespace hrt::gpu
