// SPDX-License-Identifier: Apache-2.0
// Element-wise operators in floats: functions, activations, chains of them (kernels/chain.comp). Their
// formulas: ops/activation.h, ops/math.cpp and so on.
#include "backends/gpu_common/ops/chain.h"

#include <algorithm>
#include <limits>

#include "backends/gpu_common/kernels/chain_ops.h"
#include "backends/gpu_common/ops/walk.h"

namespace hrt::gpu {

namespace {

constexpr int32_t kSwapped = 8;  // in a constant ARG

// Whether variant light of the kernel has this operation.
bool chain_is_light(int32_t op) {
  static constexpr int32_t kLight[] = {
      CHAIN_AT_LEAST,     CHAIN_AT_MOST, CHAIN_ADD,       CHAIN_SUB,
      CHAIN_MUL,          CHAIN_DIV,     CHAIN_MAX,       CHAIN_MIN,
      CHAIN_PRELU,        CHAIN_SCALE,   CHAIN_SQUARE,    CHAIN_NEG,
      CHAIN_ABS,          CHAIN_SIGN,    CHAIN_FLOOR,     CHAIN_CEIL,
      CHAIN_ROUND,        CHAIN_EXP,     CHAIN_SQRT,      CHAIN_RECIPROCAL,
      CHAIN_ERF,          CHAIN_TANH,    CHAIN_RELU,      CHAIN_LEAKY_RELU,
      CHAIN_CLIP,         CHAIN_SIGMOID, CHAIN_SWISH,     CHAIN_HARD_SWISH,
      CHAIN_HARD_SIGMOID, CHAIN_GELU,    CHAIN_GELU_TANH, CHAIN_THRESHOLDED_RELU};
  return std::ranges::find(kLight, op) != std::end(kLight);
}

// The variant with the least code that has these operations: kernels/chain.comp.
std::string chain_variant(hrt_dtype dtype, std::span<const ChainOp> ops) {
  constexpr size_t kLightOps = 4;
  const std::string type = type_variant(dtype);
  if (ops.size() <= 1) return type + "_1";
  const bool light = std::ranges::all_of(ops, [](const ChainOp& op) { return chain_is_light(op.op); });
  return light && ops.size() <= kLightOps ? type + "_light" : type;
}

// start: an input, or the output of the dispatch before.
void dispatch_chain(Emit& e, const WalkOperand& start, std::span<const ChainOp> ops) {
  const WalkOperand y{e.out_ref(0), e.out()[0].dtype, e.out()[0].dims};
  std::vector<WalkOperand> operands{start};
  std::vector<int32_t> codes(kChainOps), args(kChainOps);
  std::vector<uint32_t> a(kChainOps), b(kChainOps);
  for (size_t k = 0; k < ops.size(); ++k) {
    codes[k] = ops[k].op;
    a[k] = push_float(ops[k].a);
    b[k] = push_float(ops[k].b);
    if (ops[k].operand < 0) continue;
    args[k] = int32_t(operands.size()) + (ops[k].swapped ? kSwapped : 0);
    const auto i = size_t(ops[k].operand);
    operands.push_back({e.in_ref(i), e.in()[i].dtype, e.in()[i].dims});
  }
  for (const Walk& w : walks(e, y, operands)) {
    Call call;
    call.kernel = "chain";
    call.variant = chain_variant(y.dtype, ops);
    call.constants = {w.rank, int32_t(ops.size())};
    call.constants.insert(call.constants.end(), codes.begin(), codes.end());
    call.constants.insert(call.constants.end(), args.begin(), args.end());
    call.buffers = w.operands;
    call.buffers.resize(1 + kChainOperands, w.out);  // operands that are not there are not read
    call.buffers.push_back(w.out);
    call.buffers.push_back(w.table);
    call.writes = 1u << (1 + kChainOperands);
    call.push = w.push;
    call.push.insert(call.push.end(), a.begin(), a.end());
    call.push.insert(call.push.end(), b.begin(), b.end());
    call.group = w.grid.group;
    call.threads = w.grid.threads;
    e.dispatch(std::move(call));
  }
}

// As many operations as one dispatch takes.
size_t piece(std::span<const ChainOp> ops) {
  size_t n = 0, operands = 0;
  for (; n < std::min(ops.size(), kChainOps); ++n)
    if (ops[n].operand >= 0 && ++operands > kChainOperands) break;
  return n;
}

}  // namespace

void emit_chain(Emit& e, std::span<const ChainOp> ops) {
  const size_t from = ops.empty() ? 0 : size_t(ops.front().chained);
  if (e.out()[0].count() == 0) return;
  WalkOperand start{e.in_ref(from), e.in()[from].dtype, e.in()[from].dims};
  do {
    const size_t n = piece(ops);
    dispatch_chain(e, start, ops.first(n));
    ops = ops.subspan(n);
    start = {e.out_ref(0), e.out()[0].dtype, e.out()[0].dims};
  } while (!ops.empty());
}

Compiled chained(const Node& node, std::vector<ChainOp> ops, uint32_t inplace) {
  Compiled c;
  c.inplace = inplace;
  c.emit = [ops](Emit& e) { emit_chain(e, ops); };
  // A value that is also an operand cannot be what a longer chain hands on without writing it.
  const auto repeats = [&](const ChainOp& op) {
    return op.operand >= 0 && node.input(size_t(op.operand)) == node.input(size_t(ops.front().chained));
  };
  if (!ops.empty() && piece(ops) == ops.size() && std::ranges::none_of(ops, repeats))
    c.chain = std::move(ops);
  return c;
}

Compiled chained_binary(const Node& node, int32_t op) {
  const Graph graph(node.graph());
  const Value a = graph.value(node.input(0));
  // The chain goes on from the input that a node makes, if only one is.
  if (a.producer() != HRT_NONE && !a.is_constant())
    return chained(node, {{.op = op, .operand = 1, .chained = 0}}, 3);
  return chained(node, {{.op = op, .operand = 0, .chained = 1, .swapped = true}}, 3);
}

Compiled chained_fold(const Node& node, int32_t op, int32_t last, float a) {
  std::vector<ChainOp> ops;
  for (size_t i = 1; i < node.inputs().size(); ++i) ops.push_back({.op = op, .operand = int(i)});
  if (last != 0) ops.push_back({.op = last, .a = a});
  return chained(node, std::move(ops), 1);
}

bool has_floats(const Node& node) {
  const hrt_dtype t = Graph(node.graph()).value(node.input(0)).dtype();
  return t == HRT_FLOAT32 || t == HRT_FLOAT16;
}

namespace {

// An operator of one input, and where its immediates come from.
struct Function {
  const char* name;
  int32_t op;
  const char* a_name = nullptr;
  float a = 0;
  const char* b_name = nullptr;
  float b = 0;
};

constexpr Function kFunctions[] = {
    {"Exp", CHAIN_EXP},
    {"Log", CHAIN_LOG},
    {"Sqrt", CHAIN_SQRT},
    {"Reciprocal", CHAIN_RECIPROCAL},
    {"Erf", CHAIN_ERF},
    {"Floor", CHAIN_FLOOR},
    {"Ceil", CHAIN_CEIL},
    {"Round", CHAIN_ROUND},
    {"Sin", CHAIN_SIN},
    {"Cos", CHAIN_COS},
    {"Tan", CHAIN_TAN},
    {"Asin", CHAIN_ASIN},
    {"Acos", CHAIN_ACOS},
    {"Atan", CHAIN_ATAN},
    {"Sinh", CHAIN_SINH},
    {"Cosh", CHAIN_COSH},
    {"Tanh", CHAIN_TANH},
    {"Asinh", CHAIN_ASINH},
    {"Acosh", CHAIN_ACOSH},
    {"Atanh", CHAIN_ATANH},
    {"Sigmoid", CHAIN_SIGMOID},
    {"HardSwish", CHAIN_HARD_SWISH},
    {"Mish", CHAIN_MISH},
    {"Softplus", CHAIN_SOFTPLUS},
    {"Softsign", CHAIN_SOFTSIGN},
    {"LeakyRelu", CHAIN_LEAKY_RELU, "alpha", 0.01f},
    {"HardSigmoid", CHAIN_HARD_SIGMOID, "alpha", 0.2f, "beta", 0.5f},
    {"Swish", CHAIN_SWISH, "alpha", 1},
    {"QuickGelu", CHAIN_SWISH, "alpha", 1.702f},
    {"Elu", CHAIN_ELU, "alpha", 1},
    {"Selu", CHAIN_SELU, "alpha", 1.67326319217681884765625f, "gamma", 1.05070102214813232421875f},
    {"Celu", CHAIN_CELU, "alpha", 1},
    {"ThresholdedRelu", CHAIN_THRESHOLDED_RELU, "alpha", 1},
    {"Shrink", CHAIN_SHRINK, "bias", 0, "lambd", 0.5f},
};

Compiled compile_function(const Node& node, Uploads&) {
  const auto f = std::ranges::find_if(kFunctions, [&](const Function& k) { return node.op() == k.name; });
  ChainOp op{.op = f->op, .a = f->a, .b = f->b};
  if (f->a_name) op.a = node.f(f->a_name, f->a);
  if (f->b_name) op.b = node.f(f->b_name, f->b);
  return chained(node, {op}, 1);
}

// Exact or by tanh, after a bias or without.
Compiled compile_gelu(const Node& node, Uploads&) {
  const bool by_tanh = node.op() == "FastGelu" || node.s("approximate", "none") == "tanh";
  std::vector<ChainOp> ops;
  if (node.has_input(1)) {
    const Value bias = Graph(node.graph()).value(node.input(1));
    require(!bias.ranked() || bias.dims().size() == 1, "a bias of shape ", bias.dims());
    ops.push_back({.op = CHAIN_ADD, .operand = 1});
  }
  ops.push_back({.op = by_tanh ? CHAIN_GELU_TANH : CHAIN_GELU});
  return chained(node, std::move(ops), 1);
}

Compiled compile_prelu(const Node& node, Uploads&) {
  return chained(node, {{.op = CHAIN_PRELU, .operand = 1}}, 1);
}

// Swish(A) * B.
Compiled compile_swiglu(const Node& node, Uploads&) {
  return chained(node, {{.op = CHAIN_SWISH, .a = node.f("alpha", 1)}, {.op = CHAIN_MUL, .operand = 1}}, 3);
}

}  // namespace

std::optional<float> constant_number(const Node& node, size_t input) {
  if (!node.has_input(input)) return std::nullopt;
  const auto t = Graph(node.graph()).value(node.input(input)).constant();
  if (!t || t->size() != 1) return std::nullopt;
  return float(Operand{t->dtype(), Dims(t->dims().begin(), t->dims().end()), t->raw()}.known_number());
}

namespace {

Compiled compile_pow(const Node& node, Uploads&) {
  const auto exponent = constant_number(node, 1);
  const Graph graph(node.graph());
  const bool keeps_shape = exponent && graph.value(node.input(1)).rank() <= graph.value(node.input(0)).rank();
  if (keeps_shape && *exponent == 2) return chained(node, {{.op = CHAIN_SQUARE}}, 1);
  return chained(node, {{.op = CHAIN_POW, .operand = 1}}, 1);
}

}  // namespace

std::span<const Op> chain_ops() {
  static const std::vector<Op> rows = [] {
    std::vector<Op> r;
    for (const Function& f : kFunctions)
      r.push_back({f.name == std::string_view("QuickGelu") ? "com.microsoft" : "", f.name, floats_only,
                   compile_function, nullptr, splits_all});
    r.push_back({"", "Gelu", floats_only, compile_gelu, nullptr, splits_all});
    for (const char* name : {"Gelu", "BiasGelu", "FastGelu"})
      r.push_back({"com.microsoft", name, floats_only, compile_gelu, nullptr, splits_all});
    r.push_back({"", "PRelu", floats_only, compile_prelu, nullptr, splits_all});
    r.push_back({"", "SwiGLU", floats_only, compile_swiglu, nullptr, splits_all});
    r.push_back({"", "Pow", floats_only, compile_pow, nullptr, splits_all});
    return r;
  }();
  return rows;
}

}  // namespace hrt::gpu
