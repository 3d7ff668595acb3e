// SPDX-License-Identifier: Apache-2.0
// quantized-operator: an operator between DequantizeLinear and QuantizeLinear becomes one that computes on
// the integers.
//
//     x ── DequantizeLinear ──┐
//                             Conv ── QuantizeLinear ──▶ y      =>      x, w ── QLinearConv ──▶ y
//     w ── DequantizeLinear ──┘
//
// Conv, MatMul, Gemm, Add, Mul, GlobalAveragePool, AveragePool, Concat, Sigmoid, LeakyRelu; and MaxPool,
// Flatten, Reshape, Transpose, Squeeze, Unsqueeze, which stay what they are, on the integers, when both
// sides have one scale and zero point. Results may differ by one step, where sums are rounded otherwise.
//
// Must not fire when
//   - somebody else uses what the operator computes, or it is an output of the graph;
//   - an operand comes from elsewhere than a DequantizeLinear, or has other than 8 bits, blocks, a scale
//     that is not float32, or, but for weights along their output channels, more than one scale;
//   - a bias is not int32 with the product of both scales as its own scale, which is what is added to sums;
//   - the standard gives an operand a part that the integer operator lacks (dilations of an average, beta).
#include <algorithm>
#include <cmath>

#include "pass.h"

namespace hrt::passes {
namespace {

constexpr const char* kMicrosoft = "com.microsoft";

bool is_byte(hrt_dtype t) { return t == HRT_INT8 || t == HRT_UINT8; }

// An integer tensor with its scale and zero point (HRT_NONE: zero).
struct Quantized {
  uint32_t value, scale, zero;
  hrt_dtype dtype;
};

bool one_element(const Rewriter& r, uint32_t id) {
  const Value v = r.value(id);
  return v.ranked() && all_numbers(v.dims()) && element_count(v.dims()) == 1;
}

// axis: the one along which scales may differ; nothing: one scale.
bool scales_fit(const Rewriter& r, const Node& node, uint32_t tensor, std::optional<int64_t> axis) {
  if (node.i("block_size") != 0 || r.value(node.input(1)).dtype() != HRT_FLOAT32) return false;
  if (one_element(r, node.input(1))) return !node.has_input(2) || one_element(r, node.input(2));
  const Value scale = r.value(node.input(1)), x = r.value(tensor);
  if (!axis || !x.ranked() || scale.rank() != 1) return false;
  if (node.has_input(2) && !same_shape(scale, r.value(node.input(2)))) return false;
  const int64_t of_node = node.i("axis", 1);
  return *axis < x.rank() && (of_node < 0 ? of_node + x.rank() : of_node) == *axis;
}

std::optional<Quantized> dequantized(const Rewriter& r, uint32_t id,
                                     std::optional<int64_t> axis = std::nullopt) {
  if (id == HRT_NONE) return std::nullopt;
  const auto node = r.producer(id, "DequantizeLinear");
  if (!node || !scales_fit(r, *node, node->input(0), axis)) return std::nullopt;
  const Quantized q{node->input(0), node->input(1), node->input(2), r.value(node->input(0)).dtype()};
  return is_byte(q.dtype) ? std::optional(q) : std::nullopt;
}

// The int32 behind a bias of which an integer operator adds the elements to its sums: its scale must be
// that of the sums. HRT_NONE where there is no bias.
std::optional<uint32_t> integer_bias(const Rewriter& r, uint32_t id, const Quantized& x, const Quantized& w,
                                     double factor) {
  if (id == HRT_NONE) return HRT_NONE;
  const auto node = r.producer(id, "DequantizeLinear");
  if (!node || r.value(node->input(0)).dtype() != HRT_INT32) return std::nullopt;
  const auto zero = node->has_input(2) ? r.value(node->input(2)).constant() : std::nullopt;
  if (node->has_input(2) && !(zero && all_equal(*zero, 0))) return std::nullopt;
  const auto of_bias = r.value(node->input(1)).constant(), of_x = r.value(x.scale).constant(),
             of_w = r.value(w.scale).constant();
  if (!of_bias || !of_x || !of_w) return std::nullopt;
  const auto b = to_doubles(*of_bias), xs = to_doubles(*of_x), ws = to_doubles(*of_w);
  for (size_t i = 0; i < std::max(b.size(), ws.size()); ++i) {
    if ((b.size() > 1 && i >= b.size()) || (ws.size() > 1 && i >= ws.size())) return std::nullopt;
    const double have = b[b.size() > 1 ? i : 0], want = xs[0] * ws[ws.size() > 1 ? i : 0] * factor;
    if (!(std::fabs(have - want) <= 1e-6 * std::fabs(want))) return std::nullopt;
  }
  return node->input(0);
}

// Both are the same constant, or constants with the same elements; absent zero points are zero.
bool same_parameter(const Rewriter& r, uint32_t a, uint32_t b) {
  if (a == b) return true;
  const auto elements = [&](uint32_t id) -> std::optional<std::vector<double>> {
    if (id == HRT_NONE) return std::vector<double>{0};
    const auto t = r.value(id).constant();
    return t ? std::optional(to_doubles(*t)) : std::nullopt;
  };
  const auto x = elements(a), y = elements(b);
  return x && y && *x == *y;
}

// ------------------------------------------------------------------------------------- one operator

// What becomes of an operator: inputs are filled in from Quantized, zero points that are absent made.
struct Plan {
  const char* domain;
  const char* op;
  std::vector<Quantized> parts;
  std::string_view dropped = {};  // an attribute, at its default, that the integer operator lacks
  uint32_t bias = HRT_NONE;
};

// The operands of these inputs; nothing when one of them is not dequantized.
std::optional<std::vector<Quantized>> operands(const Rewriter& r, const Node& node, size_t count) {
  std::vector<Quantized> list;
  for (size_t i = 0; i < count; ++i) {
    const auto q = dequantized(r, node.input(i));
    if (!q) return std::nullopt;
    list.push_back(*q);
  }
  return list;
}

std::optional<Plan> plan_product(const Rewriter& r, const Node& op) {
  const bool conv = op.is("Conv"), gemm = op.is("Gemm");
  const int rank = r.value(op.input(1)).rank();
  if (rank < 1) return std::nullopt;
  const int64_t axis = conv || op.i("transB") != 0 ? 0 : rank - 1;
  const auto x = dequantized(r, op.input(0)), w = dequantized(r, op.input(1), axis);
  if (!x || !w) return std::nullopt;
  if (!conv && !gemm && rank > 2 && !one_element(r, w->scale)) return std::nullopt;
  const double alpha = op.f("alpha", 1);
  if (gemm && op.has_input(2) && op.f("beta", 1) != 1) return std::nullopt;
  const auto bias = integer_bias(r, op.input(2), *x, *w, alpha);
  if (!bias) return std::nullopt;
  return Plan{gemm ? kMicrosoft : "",
              conv   ? "QLinearConv"
              : gemm ? "QGemm"
                     : "QLinearMatMul",
              {*x, *w},
              "beta",
              *bias};
}

std::optional<Plan> plan_of(const Rewriter& r, const Node& op, const Quantized& y) {
  if (op.is("Conv") || op.is("MatMul") || op.is("Gemm")) return plan_product(r, op);
  struct Row {
    const char* from;
    const char* to;
    size_t operands;
  };
  static constexpr Row kRows[] = {{"Add", "QLinearAdd", 2},
                                  {"Mul", "QLinearMul", 2},
                                  {"Sigmoid", "QLinearSigmoid", 1},
                                  {"LeakyRelu", "QLinearLeakyRelu", 1},
                                  {"GlobalAveragePool", "QLinearGlobalAveragePool", 1},
                                  {"AveragePool", "QLinearAveragePool", 1},
                                  {"Concat", "QLinearConcat", 0}};
  const Row* row = std::ranges::find_if(kRows, [&](const Row& k) { return op.is(k.from); });
  if (row == std::end(kRows)) return std::nullopt;
  for (const int64_t d : op.ints("dilations"))
    if (d != 1) return std::nullopt;
  const auto parts = operands(r, op, row->operands ? row->operands : op.inputs().size());
  if (!parts || !std::ranges::all_of(*parts, [&](const Quantized& q) { return q.dtype == y.dtype; }))
    return std::nullopt;
  return Plan{kMicrosoft, row->to, *parts, "dilations"};
}

// An operator that moves elements, or takes the largest: on the integers it is the same.
bool keeps_elements(const Node& op) {
  if (op.is("MaxPool")) return op.output(1) == HRT_NONE;
  return std::ranges::any_of(std::array{"Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze"},
                             [&](const char* name) { return op.is(name); });
}

uint32_t zero_of(Rewriter& r, const Quantized& q) {
  if (q.zero != HRT_NONE) return q.zero;
  const uint8_t zero = 0;
  auto t = sized<hrt_tensor>();
  t.dtype = q.dtype;
  t.data = const_cast<uint8_t*>(&zero);
  t.bytes = 1;
  return r.edit().add_constant(nullptr, t);
}

void apply(Rewriter& r, uint32_t node, uint32_t op, const Plan& plan, const Quantized& y) {
  const bool concat = std::string_view(plan.op) == "QLinearConcat",
             gemm = std::string_view(plan.op) == "QGemm";
  const std::vector<uint32_t> result = {y.scale, zero_of(r, y)};
  std::vector<uint32_t> in;
  if (concat) in = result;
  for (const Quantized& q : plan.parts) in.insert(in.end(), {q.value, q.scale, zero_of(r, q)});
  if (gemm) in.push_back(plan.bias);
  if (!concat) in.insert(in.end(), result.begin(), result.end());
  if (!gemm && plan.bias != HRT_NONE) in.push_back(plan.bias);
  auto attrs = attributes_of(r.node(op));
  std::erase_if(attrs, [&](const Attr& a) { return plan.dropped == a.c().name; });
  r.replace(node, {.domain = plan.domain, .op = plan.op, .inputs = in, .attrs = attrs});
}

bool rewrite(Rewriter& r, const Node& node) {
  if (!node.is("QuantizeLinear") || !scales_fit(r, node, node.input(0), std::nullopt)) return false;
  const Quantized y{node.output(0), node.input(1), node.input(2), r.value(node.output(0)).dtype()};
  const auto op = r.sole_producer(node.input(0));
  if (!op || !is_byte(y.dtype) || (node.i("precision") != 0 && node.i("precision") != HRT_FLOAT32))
    return false;
  if (keeps_elements(*op)) {
    const auto x = dequantized(r, op->input(0));
    if (!x || x->dtype != y.dtype || !same_parameter(r, x->scale, y.scale) ||
        !same_parameter(r, x->zero, y.zero))
      return false;
    std::vector<uint32_t> in(op->inputs().begin(), op->inputs().end());
    in[0] = x->value;
    const std::string name(op->op());
    r.replace(node.id(), {.op = name.c_str(), .inputs = in, .attrs = attributes_of(*op)});
    return true;
  }
  const auto plan = plan_of(r, *op, y);
  if (!plan) return false;
  apply(r, node.id(), op->id(), *plan, y);
  return true;
}

const Register quantized_operator(
    {"quantized-operator", "DequantizeLinear + operator + QuantizeLinear becomes an operator of integers",
     HRT_PHASE_FUSE, rewrite});

}  // namespace
}  // namespace hrt::passes
