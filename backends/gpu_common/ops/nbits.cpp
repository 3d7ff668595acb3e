// SPDX-License-Identifier: Apache-2.0
// MatMulNBits of com.microsoft: A W' + bias, W in integers of 2, 4 or 8 bits with a scale for each block.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits
#include "backends/gpu_common/ops/cast.h"
#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/quantize.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/turns.h"

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

// What both kernels are told of the weights.
struct Packed {
  int64_t blocks, row_bytes, zero_bytes;
  int32_t zeros = 0;  // constant ZEROS of kernels/nbits.h
  Ref w = HRT_NONE, scales = HRT_NONE, zero_points = HRT_NONE;
};
Packed packed(Emit& emit, const Shape& s) {
  const int64_t blocks = s.blocks();
  Packed p{
      .blocks = blocks, .row_bytes = blocks * s.block * s.bits / 8, .zero_bytes = (blocks * s.bits + 7) / 8};
  require_count(emit, kB, s.n * p.row_bytes, "B");
  require_count(emit, kScales, s.n * blocks, "scales");
  push_int(emit.in()[kB].count());
  p.w = p.zero_points = emit.in_ref(kB);
  p.scales = emit.in_ref(kScales);
  if (!emit.has_in(kZeros)) return p;
  p.zeros = emit.in()[kZeros].dtype == HRT_UINT8 ? 1 : 2;
  require_count(emit, kZeros, s.n * (p.zeros == 1 ? p.zero_bytes : blocks), "zero_points");
  p.zero_points = emit.in_ref(kZeros);
  return p;
}

// W, turned, as floats.
Ref weights(Emit& emit, const Shape& s) {
  require(!emit.has_in(kGroups) || emit.in()[kGroups].count() >= s.k, "g_idx is shorter than K = ", s.k);
  const Packed w = packed(emit, s);
  const int64_t n = sdk::element_count(Dims{s.n, s.k});
  Call call = element_call("nbits", type_variant(emit.in()[kScales].dtype), n);
  call.constants = {int32_t(s.bits), w.zeros, emit.has_in(kGroups)};
  for (const int64_t v : {n, s.n, s.block, w.blocks, w.row_bytes, w.zero_bytes})
    call.push.push_back(push_int(v));
  const Ref to = emit.scratch(uint64_t(n) * sizeof(float));
  call.buffers = {
      w.w, w.scales, w.zero_points, w.zero_points, emit.has_in(kGroups) ? emit.in_ref(kGroups) : w.w, to};
  call.writes = 1u << 5;
  emit.dispatch(std::move(call));
  return to;
}

void emit_as_product(Emit& emit, const Shape& s) {
  const Operand &a = emit.in()[kA], &y = emit.out()[0];
  const bool left_out = emit.in()[kB].count() == 0;  // weights without elements: the bias alone
  Product p;
  p.m = a.count() / s.k;
  p.n = s.n;
  p.k = left_out ? 0 : s.k;
  p.a = {cast_to(emit, emit.in_ref(kA), a.dtype, HRT_FLOAT32, a.count()), s.k, 1, {}};
  p.b = {left_out ? p.a.ref : weights(emit, s), s.n, 1, {}};
  if (emit.has_in(kBias))
    p.c = Strided{cast_to(emit, emit.in_ref(kBias), y.dtype, HRT_FLOAT32, s.n), 0, 1, {}};
  p.y = y.dtype == HRT_FLOAT32 ? emit.out_ref(0) : emit.scratch(uint64_t(y.count()) * sizeof(float));
  emit_product(emit, p);
  if (y.dtype != HRT_FLOAT32) cast_into(emit, p.y, HRT_FLOAT32, emit.out_ref(0), y.dtype, y.count());
}

// Rows that make no product worth unpacking for.
void emit_few(Emit& emit, const Shape& s, int64_t rows) {
  constexpr int64_t kMostRows = 4;
  const Operand &a = emit.in()[kA], &y = emit.out()[0];
  const Packed w = packed(emit, s);
  const int64_t per_word = 32 / s.bits, at_once = std::min(rows, kMostRows);
  Call call;
  call.kernel = "nbits_few";
  call.variant = type_variant(y.dtype);
  call.constants = {int32_t(s.bits), w.zeros, int32_t(at_once), emit.has_in(kBias)};
  for (const int64_t v :
       {s.n, rows, s.k / 4, s.k / per_word, s.block / per_word, w.blocks, w.row_bytes / 4, w.zero_bytes})
    call.push.push_back(push_int(v));
  call.buffers = {cast_to(emit, emit.in_ref(kA), a.dtype, HRT_FLOAT32, a.count()),
                  w.w,
                  w.scales,
                  w.zero_points,
                  w.zero_points,
                  emit.has_in(kBias) ? emit.in_ref(kBias) : w.scales,
                  emit.out_ref(0)};
  call.writes = 1u << 6;
  call.group = {emit.caps().is_cpu ? 8U : 64U, 1, 1};
  call.threads = {s.n, ceil_div(rows, at_once), 1};
  emit.dispatch(std::move(call));
}

void emit_matmul(Emit& emit, const Shape& s) {
  constexpr int64_t kFewRows = 16;
  const Operand &a = emit.in()[kA], &y = emit.out()[0];
  require(a.rank() >= 1 && a.dims.back() == s.k, "A of shape ", a.dims, " for K = ", s.k);
  require(!emit.has_in(kBias) || emit.in()[kBias].dims == Dims{s.n}, "the bias does not have ", s.n,
          " elements");
  if (y.count() == 0) return;
  push_int(a.count());
  push_int(y.count());
  const int64_t rows = a.count() / s.k;
  const bool whole_words = s.k % (32 / s.bits) == 0 && emit.in()[kB].count() > 0 && !emit.has_in(kGroups);
  const bool turns = too_many_turns(emit.caps(), s.k * s.bits / 32 + s.blocks());
  if (whole_words && rows <= kFewRows && !turns) return emit_few(emit, s, rows);
  emit_as_product(emit, s);
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
