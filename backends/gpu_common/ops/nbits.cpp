// SPDX-License-Identifier: Apache-2.0
// MatMulNBits of com.microsoft: A W' + bias, W in integers of 2, 4 or 8 bits with a scale for each block.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits
#include "backends/gpu_common/ops/cast.h"
#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/quantize.h"
#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {
namespace {

using sdk::cat;

enum : size_t { kA, kB, kScales, kZeros, kGroups, kBias };  // inputs

struct Shape {
  int64_t n, k, bits, block;
  explicit Shape(const Node& node)
      : n(node.i("N")), k(node.i("K")), bits(node.i("bits", 4)), block(node.i("block_size")) {}
  int64_t blocks() const { return ceil_div(k, block); }
};

std::string supports(const Node& node, const Caps& caps) {
  const Graph graph(node.graph());
  const Shape s(node);
  if (s.n <= 0 || s.k <= 0 || s.n > INT32_MAX || s.k > INT32_MAX) return cat("weights of ", s.n, " x ", s.k);
  if (s.block < 16 || s.block > INT32_MAX || (s.block & (s.block - 1))) return cat("block_size is ", s.block);
  if (s.bits != 2 && s.bits != 4 && s.bits != 8) return cat("attribute bits = ", s.bits);
  if (node.i("weight_prepacked")) return cat("attribute weight_prepacked = ", node.i("weight_prepacked"));
  const hrt_dtype type = graph.value(node.output(0)).dtype();
  if (type != HRT_FLOAT32 && type != HRT_FLOAT16) return cat("dtype ", dtype_name(type), " of the output");
  if (node.has_input(kZeros)) {
    const hrt_dtype t = graph.value(node.input(kZeros)).dtype();
    if (t != HRT_UINT8 && t != type)
      return cat("zero points of dtype ", dtype_name(t), " beside ", dtype_name(type));
  }
  for (const hrt_dtype t : {type, hrt_dtype(HRT_UINT8)})
    if (std::string reason = storable(t, caps); !reason.empty()) return reason;
  return "";
}

void require_count(const Emit& emit, size_t i, int64_t n, const char* name) {
  require(emit.in()[i].count() == n, name, " has shape ", emit.in()[i].dims, " instead of ", n, " elements");
}

// W as floats.
Ref weights(Emit& emit, const Shape& s) {
  const int64_t blocks = s.blocks(), row_bytes = blocks * s.block * s.bits / 8,
                zero_bytes = (blocks * s.bits + 7) / 8;
  require_count(emit, kB, s.n * row_bytes, "B");
  require_count(emit, kScales, s.n * blocks, "scales");
  const bool has_zeros = emit.has_in(kZeros), packed = has_zeros && emit.in()[kZeros].dtype == HRT_UINT8;
  if (has_zeros) require_count(emit, kZeros, s.n * (packed ? zero_bytes : blocks), "zero_points");
  require(!emit.has_in(kGroups) || emit.in()[kGroups].count() >= s.k, "g_idx is shorter than K = ", s.k);
  const int64_t n = sdk::element_count(Dims{s.n, s.k});
  push_int(emit.in()[kB].count());
  Call call = element_call("nbits", type_variant(emit.in()[kScales].dtype), n);
  call.constants = {int32_t(s.bits), packed ? 1 : has_zeros ? 2 : 0, emit.has_in(kGroups)};
  for (const int64_t v : {n, s.k, s.block, blocks, row_bytes, zero_bytes}) call.push.push_back(push_int(v));
  const Ref to = emit.scratch(uint64_t(n) * sizeof(float)), b = emit.in_ref(kB);
  const Ref zeros = has_zeros ? emit.in_ref(kZeros) : b;
  call.buffers = {b, emit.in_ref(kScales), zeros, zeros, emit.has_in(kGroups) ? emit.in_ref(kGroups) : b, to};
  call.writes = 1u << 5;
  emit.dispatch(std::move(call));
  return to;
}

void emit_matmul(Emit& emit, const Shape& s) {
  const Operand &a = emit.in()[kA], &y = emit.out()[0];
  require(a.rank() >= 1 && a.dims.back() == s.k, "A of shape ", a.dims, " for K = ", s.k);
  require(!emit.has_in(kBias) || emit.in()[kBias].dims == Dims{s.n}, "the bias does not have ", s.n,
          " elements");
  if (y.count() == 0) return;
  const bool left_out = emit.in()[kB].count() == 0;  // weights without elements: the bias alone
  Product p;
  p.m = a.count() / s.k;
  p.n = s.n;
  p.k = left_out ? 0 : s.k;
  p.a = {cast_to(emit, emit.in_ref(kA), a.dtype, HRT_FLOAT32, a.count()), s.k, 1, {}};
  p.b = {left_out ? p.a.ref : weights(emit, s), 1, s.k, {}};
  if (emit.has_in(kBias))
    p.c = Strided{cast_to(emit, emit.in_ref(kBias), y.dtype, HRT_FLOAT32, s.n), 0, 1, {}};
  p.y = y.dtype == HRT_FLOAT32 ? emit.out_ref(0) : emit.scratch(uint64_t(y.count()) * sizeof(float));
  emit_product(emit, p);
  if (y.dtype != HRT_FLOAT32) cast_into(emit, p.y, HRT_FLOAT32, emit.out_ref(0), y.dtype, y.count());
}

Compiled compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [s = Shape(node)](Emit& emit) { emit_matmul(emit, s); };
  return c;
}

double flops(const Node& node) { return 2.0 * double(node.i("K")); }

constexpr Op kOps[] = {{"com.microsoft", "MatMulNBits", supports, compile, flops}};

}  // namespace

std::span<const Op> nbits_ops() { return kOps; }

}  // namespace hrt::gpu
