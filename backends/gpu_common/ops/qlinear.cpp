// SPDX-License-Identifier: Apache-2.0
// Operators of tensors of bytes in com.microsoft: QLinearAdd, QLinearMul, QLinearWhere, QLinearSigmoid,
// QLinearLeakyRelu (kernels/qlinear.comp), QLinearConcat, QLinearSoftmax.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "backends/gpu_common/kernels/qlinear_ops.h"
#include "backends/gpu_common/ops/quantize.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/ops/walk.h"

namespace hrt::gpu {
namespace {

using sdk::cat;

// The inputs that an operator has, by number; scales have their zero points behind them.
struct Row {
  const char* name;
  int32_t op;
  size_t a, b, condition;  // kAbsent: there is none
  size_t a_scale, b_scale, y_scale;
};
constexpr size_t kAbsent = SIZE_MAX;
constexpr Row kRows[] = {
    {"QLinearAdd", QLINEAR_ADD, 0, 3, kAbsent, 1, 4, 6},
    {"QLinearMul", QLINEAR_MUL, 0, 3, kAbsent, 1, 4, 6},
    {"QLinearWhere", QLINEAR_WHERE, 1, 4, 0, 2, 5, 7},
    {"QLinearSigmoid", QLINEAR_SIGMOID, 0, kAbsent, kAbsent, 1, kAbsent, 3},
    {"QLinearLeakyRelu", QLINEAR_LEAKY_RELU, 0, kAbsent, kAbsent, 1, kAbsent, 3},
};
const Row& row_of(const Node& node) {
  return *std::ranges::find_if(kRows, [&](const Row& r) { return node.op() == r.name; });
}

struct Operands {
  int32_t op;
  Ref a, b, condition, y;
  std::array<Dims, 3> dims;  // of a, b, condition
  Dims y_dims;
  Quantization of_a, of_b, of_y;
  hrt_dtype dtype;
  float alpha = 0;
};

void dispatch(Emit& emit, const Operands& o) {
  const auto bound = [&](Ref ref, Ref unread) { return ref != HRT_NONE ? ref : unread; };
  const std::array operands{WalkOperand{o.a, o.dtype, o.dims[0]},
                            WalkOperand{bound(o.b, o.a), o.dtype, o.dims[1]},
                            WalkOperand{bound(o.condition, o.a), HRT_BOOL, o.dims[2]}};
  for (const Walk& w : walks(emit, {o.y, o.dtype, o.y_dims}, operands)) {
    const Ref a = w.operands[0];
    Call call;
    call.kernel = "qlinear";
    call.constants = {w.rank,
                      o.op,
                      is_signed(o.dtype),
                      o.of_a.zero != HRT_NONE,
                      o.of_b.zero != HRT_NONE,
                      o.of_y.zero != HRT_NONE};
    call.buffers = {a,
                    w.operands[1],
                    w.operands[2],
                    o.of_a.scale,
                    bound(o.of_a.zero, a),
                    bound(o.of_b.scale, a),
                    bound(o.of_b.zero, a),
                    o.of_y.scale,
                    bound(o.of_y.zero, a),
                    w.out,
                    w.table};
    call.writes = 1u << 9;
    call.push = w.push;
    call.push.push_back(push_float(o.alpha));
    call.group = w.grid.group;
    call.threads = w.grid.threads;
    emit.dispatch(std::move(call));
  }
}

std::string supports(const Node& node, const Caps& caps) {
  const Row& r = row_of(node);
  const std::array<size_t, 2> bytes{r.a, r.b == kAbsent ? r.a : r.b};
  return bytes_only(node, caps, bytes);
}

Compiled compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [r = row_of(node), alpha = node.f("alpha", 0.01f)](Emit& emit) {
    const auto ref = [&](size_t i) { return i == kAbsent ? Ref(HRT_NONE) : emit.in_ref(i); };
    const auto dims = [&](size_t i) { return i == kAbsent ? Dims() : emit.in()[i].dims; };
    const auto scale = [&](size_t i) { return i == kAbsent ? Quantization() : one_scale(emit, i); };
    dispatch(emit, {r.op,
                    ref(r.a),
                    ref(r.b),
                    ref(r.condition),
                    emit.out_ref(0),
                    {dims(r.a), dims(r.b), dims(r.condition)},
                    emit.out()[0].dims,
                    scale(r.a_scale),
                    scale(r.b_scale),
                    scale(r.y_scale),
                    emit.out()[0].dtype,
                    alpha});
  };
  return c;
}

// --------------------------------------------------------------------------------- QLinearConcat

constexpr size_t kFirst = 2, kPerInput = 3;

std::string concat_supports(const Node& node, const Caps& caps) {
  const size_t n = node.inputs().size();
  if (n <= kFirst || (n - kFirst) % kPerInput) return cat(n, " inputs");
  const Graph graph(node.graph());
  const hrt_dtype type = graph.value(node.output(0)).dtype();
  for (size_t i = kFirst; i < n; ++i) {
    const hrt_dtype t = graph.value(node.input(i)).dtype();
    if (t != ((i - kFirst) % kPerInput == 1 ? hrt_dtype(HRT_FLOAT32) : type))
      return cat("dtype ", dtype_name(t), " of an input");
  }
  constexpr size_t kTensor[] = {kFirst};
  return bytes_only(node, caps, kTensor);
}

Compiled concat_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis")](Emit& emit) {
    const Operand& y = emit.out()[0];
    const size_t at = axis_of(axis, y.rank());
    const Dims ys = strides_of(y.dims);
    const Quantization to = one_scale(emit, 0);
    int64_t begin = 0;
    for (size_t i = kFirst; i < emit.in().size(); i += kPerInput) {
      const Operand& x = emit.in()[i];
      if (x.count() > 0) {
        const Ref part = emit.scratch(uint64_t(x.count()));
        dispatch(emit, {QLINEAR_COPY,
                        emit.in_ref(i),
                        HRT_NONE,
                        HRT_NONE,
                        part,
                        {x.dims, {}, {}},
                        x.dims,
                        one_scale(emit, i + 1),
                        {},
                        to,
                        x.dtype});
        copy_box(emit, part, emit.out_ref(0), x.dtype, {x.dims, strides_of(x.dims), ys, 0, begin});
      }
      begin += x.dims[at] * ys[at];
    }
  };
  return c;
}

// -------------------------------------------------------------------------------- QLinearSoftmax

std::string softmax_supports(const Node& node, const Caps& caps) {
  constexpr size_t kTensor[] = {0};
  return bytes_only(node, caps, kTensor);
}

Compiled softmax_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [axis = node.i("axis", -1), along = node.i("opset") >= 13](Emit& emit) {
    const Operand& x = emit.in()[0];
    const int64_t n = x.count();
    if (n == 0) return;
    Lines l = lines_of(x.dims, axis);
    if (!along) l = {l.outer, l.n * l.inner, 1};  // over all axes from that one on
    const Ref real = emit.scratch(uint64_t(n) * sizeof(float)),
              result = emit.scratch(uint64_t(n) * sizeof(float));
    emit_dequantize(emit, {emit.in_ref(0), x.dtype}, {real, HRT_FLOAT32}, n, one_scale(emit, 1));
    Call call = row_call(emit.caps(), "softmax", "f32", row_lanes(emit.caps(), l.count(), l.n, l.inner == 1),
                         l.count());
    call.constants.push_back(0);
    call.buffers = {real, result};
    call.writes = 2;
    call.push = {push_int(l.count()), push_int(l.n), push_int(l.inner)};
    emit.dispatch(std::move(call));
    emit_quantize(emit, {result, HRT_FLOAT32}, {emit.out_ref(0), x.dtype}, n, one_scale(emit, 3));
  };
  return c;
}

}  // namespace

std::span<const Op> qlinear_ops() {
  static const std::vector<Op> ops = [] {
    std::vector<Op> r;
    for (const Row& row : kRows) r.push_back({"com.microsoft", row.name, supports, compile});
    r.push_back({"com.microsoft", "QLinearConcat", concat_supports, concat_compile});
    r.push_back({"com.microsoft", "QLinearSoftmax", softmax_supports, softmax_compile});
    return r;
  }();
  return ops;
}

}  // namespace hrt::gpu
