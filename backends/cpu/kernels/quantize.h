// SPDX-License-Identifier: Apache-2.0
// Quantization of floats to uint8 by the range that they have, for DynamicQuantizeLinear and the products
// that begin with it.
#pragma once

#include "backends/cpu/op.h"

namespace hrt::cpu {

struct ByteRange {
  float scale = 0;
  uint8_t zero = 0;
};
// The scale and zero point of the smallest range that holds zero and all elements.
ByteRange byte_range(const float* x, int64_t n);

// y[i] = round(x[i] / scale) + zero point, saturated; in parallel.
void quantize_bytes(const float* x, int64_t n, const ByteRange& range, uint8_t* y);

}  // namespace hrt::cpu
