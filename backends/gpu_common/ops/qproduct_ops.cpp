// SPDX-License-Identifier: Apache-2.0
// MatMulInteger, QLinearMatMul and, of com.microsoft, MatMulIntegerToFloat, DynamicQuantizeMatMul, QGemm.
// https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html and so on.
#include "backends/gpu_common/ops/cast.h"
#include "backends/gpu_common/ops/qproduct.h"
#include "backends/gpu_common/ops/quantize.h"
#include "backends/gpu_common/ops/stack.h"

namespace hrt::gpu {
namespace {

using sdk::cat;

hrt_dtype type_of(const Node& node, size_t input) {
  return node.has_input(input) ? Graph(node.graph()).value(node.input(input)).dtype() : HRT_UNDEFINED;
}
hrt_dtype output_type(const Node& node) { return Graph(node.graph()).value(node.output(0)).dtype(); }

bool is_float(hrt_dtype t) { return t == HRT_FLOAT32 || t == HRT_FLOAT16; }

// Inputs that may be float32 or float16.
std::string floats_at(const Node& node, const Caps& caps, std::initializer_list<size_t> inputs) {
  for (const size_t i : inputs) {
    if (!node.has_input(i)) continue;
    if (!is_float(type_of(node, i))) return cat("dtype ", dtype_name(type_of(node, i)), " of an input");
    if (std::string reason = storable(type_of(node, i), caps); !reason.empty()) return reason;
  }
  return "";
}

// Shapes of a product, its matrices by element; rows and columns: of all matrices.
struct Shape {
  QProduct p;
  int64_t rows, columns;
};
Shape shape_of(Emit& emit, const Dims& a_dims, size_t b_input) {
  const Stack a(a_dims, true, false), b(emit.in()[b_input].dims, false, false);
  require(a.cols == b.rows, "inner dims of ", a_dims, " and ", emit.in()[b_input].dims, " differ");
  Shape s{{.m = a.rows, .n = b.cols, .k = a.cols},
          sdk::element_count(a.batch) * a.rows,
          sdk::element_count(b.batch) * b.cols};
  push_int(sdk::element_count(Dims{s.rows, a.cols}));
  push_int(sdk::element_count(Dims{s.columns, b.rows}));
  const std::array<Dims, 2> batches{a.batch, b.batch};
  const Merged merged = merge_dims(broadcast(a.batch, b.batch), batches, 3);
  s.p.dims = aligned(merged.dims, 1, 1);
  s.p.a.bytes = {0, a.row, a.col, aligned(merged.strides[0], 0, a.elements())};
  s.p.b.bytes = {emit.in_ref(b_input), b.row, b.col, aligned(merged.strides[1], 0, b.elements())};
  s.p.b.dtype = emit.in()[b_input].dtype;
  s.p.dtype = emit.out()[0].dtype;
  s.p.y = emit.out_ref(0);
  return s;
}

// Of products whose left factor is input 0.
Shape shape_of(Emit& emit, size_t b_input) {
  Shape s = shape_of(emit, emit.in()[0].dims, b_input);
  s.p.a.bytes.ref = emit.in_ref(0);
  s.p.a.dtype = emit.in()[0].dtype;
  return s;
}

void add_bias(Emit& emit, size_t input, QProduct& p) {
  if (!emit.has_in(input)) return;
  const Operand& o = emit.in()[input];
  require(o.count() == 1 || o.count() == p.n, "bias of shape ", o.dims, " for ", p.n, " columns");
  p.bias = {cast_to(emit, emit.in_ref(input), o.dtype, HRT_FLOAT32, o.count()), true, 0,
            o.count() == 1 ? 0 : 1};
}

Compiled emitting(std::function<void(Emit&)> emit) {
  Compiled c;
  c.emit = std::move(emit);
  return c;
}

// ---------------------------------------------------------------------------------- MatMulInteger

std::string integer_supports(const Node& node, const Caps& caps) {
  constexpr size_t kBytes[] = {0, 1, 2, 3};
  return bytes_only(node, caps, kBytes);
}

Compiled integer_compile(const Node&, Uploads&) {
  return emitting([](Emit& emit) {
    Shape s = shape_of(emit, 1);
    s.p.a.zero = per_line(emit, 2, s.p.m, s.rows, "a_zero_point");
    s.p.b.zero = per_line(emit, 3, s.p.n, s.columns, "b_zero_point");
    emit_qproduct(emit, s.p);
  });
}

// ---------------------------------------------------------------------------------- QLinearMatMul

std::string qlinear_supports(const Node& node, const Caps& caps) {
  constexpr size_t kBytes[] = {0, 2, 3, 5, 7};
  if (std::string reason = bytes_only(node, caps, kBytes); !reason.empty()) return reason;
  return floats_at(node, caps, {1, 4, 6});
}

Compiled qlinear_compile(const Node&, Uploads&) {
  return emitting([](Emit& emit) {
    Shape s = shape_of(emit, 3);
    s.p.a.scale = scales_per_line(emit, 1, s.p.m, s.rows, "a_scale");
    s.p.a.zero = per_line(emit, 2, s.p.m, s.rows, "a_zero_point");
    s.p.b.scale = scales_per_line(emit, 4, s.p.n, s.columns, "b_scale");
    s.p.b.zero = per_line(emit, 5, s.p.n, s.columns, "b_zero_point");
    s.p.y_scale = number_in(emit, 6, "y_scale");
    require(emit.in()[7].count() == 1, "y_zero_point is not one number");
    s.p.y_zero = emit.in_ref(7);
    emit_qproduct(emit, s.p);
  });
}

// --------------------------------------------------------------------------- MatMulIntegerToFloat

std::string to_float_supports(const Node& node, const Caps& caps) {
  constexpr size_t kBytes[] = {0, 1, 4, 5};
  if (std::string reason = bytes_only(node, caps, kBytes); !reason.empty()) return reason;
  return floats_at(node, caps, {2, 3, 6});
}

Compiled to_float_compile(const Node&, Uploads&) {
  return emitting([](Emit& emit) {
    Shape s = shape_of(emit, 1);
    s.p.a.scale = {number_in(emit, 2, "a_scale"), 0, 0};
    s.p.b.scale = scales_per_line(emit, 3, s.p.n, s.columns, "b_scale");
    s.p.a.zero = per_line(emit, 4, 1, 1, "a_zero_point");
    s.p.b.zero = per_line(emit, 5, s.p.n, s.columns, "b_zero_point");
    add_bias(emit, 6, s.p);
    emit_qproduct(emit, s.p);
  });
}

// -------------------------------------------------------------------------- DynamicQuantizeMatMul

std::string dynamic_supports(const Node& node, const Caps& caps) {
  constexpr size_t kBytes[] = {1, 3};
  if (std::string reason = bytes_only(node, caps, kBytes); !reason.empty()) return reason;
  return floats_at(node, caps, {0, 2, 4});
}

Compiled dynamic_compile(const Node&, Uploads&) {
  return emitting([](Emit& emit) {
    const int64_t n = emit.in()[0].count();
    Shape s = shape_of(emit, emit.in()[0].dims, 1);
    const Ref scale = emit.scratch(sizeof(float)), zero = emit.scratch(1), bytes = emit.scratch(uint64_t(n));
    emit_byte_range(emit, emit.in_ref(0), n, scale, zero);
    if (n > 0)
      emit_quantize(emit, {emit.in_ref(0), HRT_FLOAT32}, {bytes, HRT_UINT8}, n,
                    {.scale = scale, .zero = zero});
    s.p.a.bytes.ref = bytes;
    s.p.a.dtype = HRT_UINT8;
    s.p.a.scale = {scale, 0, 0};
    s.p.a.zero = {zero, 0, 0};
    s.p.b.scale = scales_per_line(emit, 2, s.p.n, s.columns, "b_scale");
    s.p.b.zero = per_line(emit, 3, s.p.n, s.columns, "b_zero_point");
    add_bias(emit, 4, s.p);
    emit_qproduct(emit, s.p);
  });
}

// ------------------------------------------------------------------------------------------ QGemm

std::string qgemm_supports(const Node& node, const Caps& caps) {
  constexpr size_t kBytes[] = {0, 2, 3, 5, 8};
  if (node.has_input(7) != node.has_input(8)) return "one of y_scale and y_zero_point alone";
  const hrt_dtype y = output_type(node);
  if (!is_byte(y) && !is_float(y)) return cat("dtype ", dtype_name(y), " of the output");
  return bytes_only(node, caps, kBytes);
}

struct GemmAttributes {
  bool trans_a, trans_b;
  float alpha;
};

Compiled qgemm_compile(const Node& node, Uploads&) {
  const GemmAttributes at{node.i("transA") != 0, node.i("transB") != 0, node.f("alpha", 1)};
  return emitting([at](Emit& emit) {
    const Dims &da = emit.in()[0].dims, &db = emit.in()[3].dims;
    require(da.size() == 2 && db.size() == 2, "A and B are not matrices");
    const Stack a(da, true, at.trans_a), b(db, false, at.trans_b);
    require(a.cols == b.rows, "shapes ", da, " and ", db, " have no matrix product");
    QProduct p{.m = a.rows, .n = b.cols, .k = a.cols, .alpha = at.alpha};
    p.a = {.bytes = {emit.in_ref(0), a.row, a.col, {}}, .dtype = emit.in()[0].dtype};
    p.b = {.bytes = {emit.in_ref(3), b.row, b.col, {}}, .dtype = emit.in()[3].dtype};
    p.a.scale = {number_in(emit, 1, "a_scale"), 0, 0};
    p.a.zero = per_line(emit, 2, 1, 1, "a_zero_point");
    p.b.scale = scales_per_line(emit, 4, p.n, p.n, "b_scale");
    p.b.zero = per_line(emit, 5, p.n, p.n, "b_zero_point");
    if (emit.has_in(6)) {
      const Dims& d = emit.in()[6].dims;
      const int64_t rows = d.size() < 2 ? 1 : d[0], cols = d.empty() ? 1 : d.back();
      require(d.size() <= 2 && (rows == 1 || rows == p.m) && (cols == 1 || cols == p.n), "C of shape ", d,
              " does not broadcast to ", Dims{p.m, p.n});
      p.bias = {emit.in_ref(6), false, rows == 1 ? 0 : cols, cols == 1 ? 0 : 1};
    }
    if (emit.has_in(7)) {
      p.y_scale = number_in(emit, 7, "y_scale");
      require(emit.in()[8].count() == 1, "y_zero_point is not one number");
      p.y_zero = emit.in_ref(8);
    }
    p.y = emit.out_ref(0);
    p.dtype = emit.out()[0].dtype;
    emit_qproduct(emit, p);
  });
}

constexpr Op kOps[] = {
    {"", "MatMulInteger", integer_supports, integer_compile},
    {"", "QLinearMatMul", qlinear_supports, qlinear_compile},
    {"com.microsoft", "MatMulIntegerToFloat", to_float_supports, to_float_compile},
    {"com.microsoft", "DynamicQuantizeMatMul", dynamic_supports, dynamic_compile},
    {"com.microsoft", "QGemm", qgemm_supports, qgemm_compile},
};

}  // namespace

std::span<const Op> qproduct_ops() { return kOps; }

}  // namespace hrt::gpu
