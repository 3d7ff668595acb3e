// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear.
// https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html and so on.
#include "backends/gpu_common/ops/quantize.h"

#include "backends/gpu_common/ops/cast.h"
#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {
namespace {

using sdk::cat;

std::string variant_of(hrt_dtype real, hrt_dtype integer) {
  return cat(type_variant(real), "b", dtype_bytes(integer));
}

void dispatch(Emit& emit, const char* kernel, const Elements& x, const Elements& y, int64_t n,
              const Quantization& q, std::span<const int32_t> more) {
  constexpr int64_t kPerThread = 4;
  const bool down = std::string_view(kernel) == "quantize";
  Call call = element_call(kernel, down ? variant_of(x.dtype, y.dtype) : variant_of(y.dtype, x.dtype),
                           ceil_div(n, kPerThread));
  push_int(n);
  call.constants = {q.kind, is_signed(down ? y.dtype : x.dtype), q.zero != HRT_NONE};
  call.constants.insert(call.constants.end(), more.begin(), more.end());
  call.buffers = {x.ref, q.scale, q.zero != HRT_NONE ? q.zero : x.ref, y.ref};
  call.writes = 8;
  call.push = {push_int(n), push_int(q.inner), push_int(q.axis), push_int(q.block), push_int(q.blocks)};
  emit.dispatch(std::move(call));
}

}  // namespace

void emit_quantize(Emit& emit, const Elements& x, const Elements& y, int64_t n, const Quantization& q,
                   bool by_halves) {
  const int32_t precision = by_halves;
  dispatch(emit, "quantize", x, y, n, q, std::span(&precision, 1));
}

void emit_dequantize(Emit& emit, const Elements& x, const Elements& y, int64_t n, const Quantization& q) {
  dispatch(emit, "dequantize", x, y, n, q, {});
}

void emit_byte_range(Emit& emit, Ref x, int64_t n, Ref scale, Ref zero) {
  constexpr int64_t kRow = 4096;
  const int64_t rows = ceil_div(n, kRow);
  const Ref ends = emit.scratch(uint64_t(rows) * 2 * sizeof(float));
  for (const bool last : {false, true}) {
    const int64_t of = last ? 1 : rows, length = last ? rows : kRow;
    Call call = row_call(emit.caps(), "byte_range", "", row_lanes(emit.caps(), of, length, true), of);
    call.constants.push_back(last);
    call.push = {push_int(of), push_int(length), push_int(last ? rows : n)};
    call.buffers = {last ? ends : x, ends, scale, zero};
    if (last) call.buffers[1] = scale;
    call.writes = last ? 0b1100 : 0b0010;
    emit.dispatch(std::move(call));
  }
}

Ref number_in(Emit& emit, size_t i, const char* name) {
  require(emit.in()[i].count() == 1, name, " of shape ", emit.in()[i].dims, " is not one number");
  return cast_to(emit, emit.in_ref(i), emit.in()[i].dtype, HRT_FLOAT32, 1);
}

Quantization one_scale(Emit& emit, size_t scale) {
  Quantization q;
  q.scale = number_in(emit, scale, "a scale");
  if (!emit.has_in(scale + 1)) return q;
  require(emit.in()[scale + 1].count() == 1, "a zero point of shape ", emit.in()[scale + 1].dims,
          " is not one number");
  q.zero = emit.in_ref(scale + 1);
  return q;
}

std::string bytes_only(const Node& node, const Caps& caps, std::span<const size_t> inputs) {
  for (const size_t i : inputs) {
    if (!node.has_input(i)) continue;
    const hrt_dtype t = Graph(node.graph()).value(node.input(i)).dtype();
    if (!is_byte(t)) return cat("dtype ", dtype_name(t), " of an input");
    if (std::string reason = storable(t, caps); !reason.empty()) return reason;
  }
  return "";
}

namespace {

hrt_dtype type_of(const Node& node, size_t input) {
  return Graph(node.graph()).value(node.input(input)).dtype();
}
hrt_dtype output_type(const Node& node) { return Graph(node.graph()).value(node.output(0)).dtype(); }

bool is_float(hrt_dtype t) { return t == HRT_FLOAT32 || t == HRT_FLOAT16; }
std::string integer_refusal(hrt_dtype t, const Caps& caps) {
  if (!is_byte(t) && t != HRT_INT16 && t != HRT_UINT16) return cat("quantised dtype ", dtype_name(t));
  return storable(t, caps);
}

// The attributes of both operators, and what they say about tensors of this shape.
struct Attributes {
  int64_t axis, block;
  bool by_halves = false;
};
Attributes attributes_of(const Node& node) { return {node.i("axis", 1), node.i("block_size"), false}; }

Quantization quantization_of(Emit& emit, const Attributes& at) {
  const Operand &x = emit.in()[0], &scale = emit.in()[1];
  Quantization q;
  q.scale = emit.in_ref(1);
  if (emit.has_in(2)) q.zero = emit.in_ref(2);
  if (scale.count() == 1 && (!emit.has_in(2) || emit.in()[2].count() == 1)) return q;
  require(!emit.has_in(2) || emit.in()[2].dims == scale.dims,
          "scale and zero point differ in shape: ", scale.dims, " and ", emit.in()[2].dims);
  require(at.block >= 0, "block_size is ", at.block);
  const size_t axis = checked_axis(at.axis, x.rank());
  q.kind = at.block ? Quantization::kBlocks : Quantization::kAxis;
  q.axis = x.dims[axis];
  q.inner = sdk::element_count(std::span(x.dims).subspan(axis + 1));
  Dims expected{q.axis};
  if (at.block) {
    q.block = at.block;
    q.blocks = ceil_div(q.axis, at.block);
    expected = x.dims;
    expected[axis] = q.blocks;
  }
  require(scale.dims == expected, "for data of shape ", x.dims, " the scale must have shape ", expected,
          ", has ", scale.dims);
  return q;
}

// --------------------------------------------------------------------------------- QuantizeLinear

std::string quantize_supports(const Node& node, const Caps& caps) {
  const hrt_dtype x = type_of(node, 0), scale = type_of(node, 1), precision = hrt_dtype(node.i("precision"));
  if (!is_float(scale) || (x != scale && x != HRT_INT32))
    return cat("dtype ", dtype_name(x), " of the input with a scale of ", dtype_name(scale));
  if (precision && precision != HRT_FLOAT32 && precision != HRT_FLOAT16)
    return cat("precision ", dtype_name(precision));
  if (x == HRT_INT32 && (scale != HRT_FLOAT32 || precision == HRT_FLOAT16))
    return "integers divided as halves";
  if (scale == HRT_FLOAT32 && precision == HRT_FLOAT16) return "float32 divided as halves";
  if (std::string reason = storable(scale, caps); !reason.empty()) return reason;
  return integer_refusal(output_type(node), caps);
}

Compiled quantize_compile(const Node& node, Uploads&) {
  Attributes at = attributes_of(node);
  const auto precision = hrt_dtype(node.i("precision"));
  at.by_halves = (precision ? precision : type_of(node, 1)) == HRT_FLOAT16;
  Compiled c;
  c.emit = [at](Emit& emit) {
    const Operand& x = emit.in()[0];
    const hrt_dtype real = emit.in()[1].dtype;
    if (x.count() == 0) return;
    const Quantization q = quantization_of(emit, at);
    const Ref from = cast_to(emit, emit.in_ref(0), x.dtype, real, x.count());
    emit_quantize(emit, {from, real}, {emit.out_ref(0), emit.out()[0].dtype}, x.count(), q, at.by_halves);
  };
  return c;
}

// ------------------------------------------------------------------------------- DequantizeLinear

std::string dequantize_supports(const Node& node, const Caps& caps) {
  const hrt_dtype x = type_of(node, 0), scale = type_of(node, 1), y = output_type(node);
  if (!is_float(scale) || !is_float(y))
    return cat("dtype ", dtype_name(y), " of the output with a scale of ", dtype_name(scale));
  for (const hrt_dtype t : {scale, y})
    if (std::string reason = storable(t, caps); !reason.empty()) return reason;
  return x == HRT_INT32 ? "" : integer_refusal(x, caps);
}

Compiled dequantize_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [at = attributes_of(node)](Emit& emit) {
    const Operand &x = emit.in()[0], &y = emit.out()[0];
    if (x.count() == 0) return;
    Quantization q = quantization_of(emit, at);
    q.scale = cast_to(emit, q.scale, emit.in()[1].dtype, y.dtype, emit.in()[1].count());
    emit_dequantize(emit, {emit.in_ref(0), x.dtype}, {emit.out_ref(0), y.dtype}, x.count(), q);
  };
  return c;
}

// -------------------------------------------------------------------------- DynamicQuantizeLinear

std::string dynamic_supports(const Node& node, const Caps& caps) {
  if (type_of(node, 0) != HRT_FLOAT32) return cat("dtype ", dtype_name(type_of(node, 0)), " of an input");
  return storable(HRT_UINT8, caps);
}

Compiled dynamic_compile(const Node&, Uploads&) {
  Compiled c;
  c.emit = [](Emit& emit) {
    const auto wanted = [&](size_t i) { return i < emit.out().size() && emit.out()[i].present(); };
    const int64_t n = emit.in()[0].count();
    const Ref scale = wanted(1) ? emit.out_ref(1) : emit.scratch(sizeof(float)),
              zero = wanted(2) ? emit.out_ref(2) : emit.scratch(1);
    emit_byte_range(emit, emit.in_ref(0), n, scale, zero);
    if (wanted(0) && n > 0)
      emit_quantize(emit, {emit.in_ref(0), HRT_FLOAT32}, {emit.out_ref(0), HRT_UINT8}, n,
                    {.scale = scale, .zero = zero});
  };
  return c;
}

}  // namespace

std::span<const Op> quantize_ops() {
  static const std::vector<Op> rows = [] {
    std::vector<Op> r{{"", "DynamicQuantizeLinear", dynamic_supports, dynamic_compile}};
    for (const char* domain : {"", "com.microsoft"}) {
      r.push_back({domain, "QuantizeLinear", quantize_supports, quantize_compile});
      r.push_back({domain, "DequantizeLinear", dequantize_supports, dequantize_compile});
    }
    for (const auto more : {qproduct_ops, qconv_ops, qlinear_ops, qpool_ops, nbits_ops})
      r.insert(r.end(), more().begin(), more().end());
    return r;
  }();
  return rows;
}

}  // namespace hrt::gpu
