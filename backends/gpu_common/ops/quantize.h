// SPDX-License-Identifier: Apache-2.0
// Quantised tensors on the device: quantize.comp, dequantize.comp, byte_range.comp, and what the operators of
// quantised tensors share.
#pragma once

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

inline bool is_signed(hrt_dtype t) { return t == HRT_INT8 || t == HRT_INT16; }
inline bool is_byte(hrt_dtype t) { return t == HRT_INT8 || t == HRT_UINT8; }

// Scale and zero point of a tensor: kernels/granularity.h. zero HRT_NONE: there is none.
struct Quantization {
  Ref scale = HRT_NONE, zero = HRT_NONE;
  enum Kind : int32_t { kOne, kAxis, kBlocks } kind = kOne;
  int64_t inner = 1, axis = 1, block = 1, blocks = 1;
};
// From inputs scale and, where it is there, scale + 1.
Quantization one_scale(Emit& emit, size_t scale);

struct Elements {
  Ref ref;
  hrt_dtype dtype;
};
void emit_quantize(Emit& emit, const Elements& x, const Elements& y, int64_t n, const Quantization& q,
                   bool by_halves = false);
void emit_dequantize(Emit& emit, const Elements& x, const Elements& y, int64_t n, const Quantization& q);
// The scale (float32) and zero point (uint8) of the range of n floats.
void emit_byte_range(Emit& emit, Ref x, int64_t n, Ref scale, Ref zero);

// Input i of one number, as float32.
Ref number_in(Emit& emit, size_t i, const char* name);
// supports(): inputs named, where they are there, are 8-bit integers that the device stores.
std::string bytes_only(const Node& node, const Caps& caps, std::span<const size_t> inputs);

// The rows of quantize_ops(), by file.
std::span<const Op>
qproduct_ops();  // MatMulInteger, QLinearMatMul, MatMulIntegerToFloat, DynamicQuantizeMatMul, QGemm
std::span<const Op> qconv_ops();    // ConvInteger, QLinearConv
std::span<const Op> qlinear_ops();  // QLinearAdd, -Mul, -Sigmoid, -LeakyRelu, -Where, -Concat, -Softmax
std::span<const Op> qpool_ops();    // QLinearAveragePool, QLinearGlobalAveragePool
std::span<const Op> nbits_ops();    // MatMulNBits

}  // namespace hrt::gpu
