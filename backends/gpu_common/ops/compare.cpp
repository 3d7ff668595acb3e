// SPDX-License-Identifier: Apache-2.0
// Operators whose kernels have variants by element type: arithmetic (floats as chains, integers by kernel
// arith), comparisons, logic, Where, Cast.
#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "backends/gpu_common/kernels/arith_ops.h"
#include "backends/gpu_common/kernels/chain_ops.h"
#include "backends/gpu_common/ops/cast.h"
#include "backends/gpu_common/ops/chain.h"
#include "backends/gpu_common/ops/walk.h"

namespace hrt::gpu {
namespace {

using sdk::cat;

constexpr hrt_dtype kIntegers[] = {HRT_INT32, HRT_UINT32, HRT_INT64, HRT_UINT64, HRT_INT8, HRT_UINT8};

hrt_dtype input_type(const Node& node, size_t i) { return Graph(node.graph()).value(node.input(i)).dtype(); }

// Why kernels cannot compute in this type on this device, or "".
std::string computable(hrt_dtype t, const Caps& caps) {
  if (!type_variant(t) || t == HRT_FLOAT64) return cat("dtype ", dtype_name(t), " of an input");
  if ((t == HRT_INT64 || t == HRT_UINT64) && !caps.i64)
    return cat("dtype ", dtype_name(t), ": this device has no 64-bit integers");
  return storable(t, caps);
}

WalkOperand input(Emit& e, size_t i) { return {e.in_ref(i), e.in()[i].dtype, e.in()[i].dims}; }
WalkOperand output(Emit& e) { return {e.out_ref(0), e.out()[0].dtype, e.out()[0].dims}; }

// A dispatch of kernel, with constants RANK and op.
Call walk_call(const Walk& w, const char* kernel, const char* variant, std::optional<int32_t> op) {
  Call call;
  call.kernel = kernel;
  call.variant = variant;
  call.constants = {w.rank};
  if (op) call.constants.push_back(*op);
  call.buffers = w.operands;
  call.writes = 1u << call.buffers.size();
  call.buffers.push_back(w.out);
  call.buffers.push_back(w.table);
  call.push = w.push;
  call.group = w.grid.group;
  call.threads = w.grid.threads;
  return call;
}

// Kernel over output 0 and these operands.
void dispatch_walk(Emit& e, const char* kernel, const char* variant, std::span<const WalkOperand> operands,
                   std::optional<int32_t> op) {
  for (const Walk& w : walks(e, output(e), operands)) e.dispatch(walk_call(w, kernel, variant, op));
}

// ------------------------------------------------------------------------------------ arithmetic

struct Arithmetic {
  const char* name;
  int32_t chain, integer;
  bool fold;  // any number of inputs
};
constexpr Arithmetic kArithmetic[] = {
    {"Add", CHAIN_ADD, ARITH_ADD, false},
    {"Sub", CHAIN_SUB, ARITH_SUB, false},
    {"Mul", CHAIN_MUL, ARITH_MUL, false},
    {"Div", CHAIN_DIV, ARITH_DIV, false},
    {"Max", CHAIN_MAX, ARITH_MAX, true},
    {"Min", CHAIN_MIN, ARITH_MIN, true},
    {"Sum", CHAIN_ADD, 0, true},
    {"Mean", CHAIN_ADD, 0, true},
    {"Neg", CHAIN_NEG, ARITH_NEG, false},
    {"Abs", CHAIN_ABS, ARITH_ABS, false},
    {"Sign", CHAIN_SIGN, ARITH_SIGN, false},
    {"Relu", CHAIN_RELU, ARITH_RELU, false},
    {"BitwiseAnd", 0, ARITH_AND, false},
    {"BitwiseOr", 0, ARITH_OR, false},
    {"BitwiseXor", 0, ARITH_XOR, false},
    {"BitwiseNot", 0, ARITH_NOT, false},
    {"BitShift", 0, ARITH_SHIFT_LEFT, false},
};
const Arithmetic& arithmetic_of(const Node& node) {
  return *std::ranges::find_if(kArithmetic, [&](const Arithmetic& a) { return node.op() == a.name; });
}

std::string arithmetic_supports(const Node& node, const Caps& caps) {
  const Arithmetic& a = arithmetic_of(node);
  if (has_floats(node) && a.chain != 0) return floats_only(node, caps);
  if (a.integer == 0) return cat("dtype ", dtype_name(input_type(node, 0)), " of an input");
  if (std::string reason = types_only(node, caps, kIntegers); !reason.empty()) return reason;
  return computable(input_type(node, 0), caps);
}

// Does a known tensor of integers have an element of zero bytes alone?
bool has_zero(const Operand& known) {
  const size_t width = dtype_bytes(known.dtype);
  const std::span bytes(static_cast<const char*>(known.known), known.bytes());
  for (size_t at = 0; at < bytes.size(); at += width)
    if (std::ranges::count(bytes.subspan(at, width), 0) == ptrdiff_t(width)) return true;
  return false;
}

// Kernel arith on two inputs. A divisor that may be zero is checked.
void dispatch_arith(Emit& e, const WalkOperand& a, const WalkOperand& b, int32_t op, const Operand* divisor) {
  const bool checked = divisor && (!divisor->known || has_zero(*divisor));
  const std::array operands{a, b};
  const Ref fault = checked ? e.fault("integer division by zero", "the output") : HRT_NONE;
  for (const Walk& w : walks(e, output(e), operands)) {
    Call call = walk_call(w, "arith", type_variant(e.out()[0].dtype), op);
    call.constants.push_back(checked);
    call.buffers.push_back(checked ? fault : w.out);
    call.push.push_back(push_int(w.first));
    e.dispatch(std::move(call));
  }
}

// f(... f(f(x0, x1), x2) ...), or f(x0).
void emit_arith(Emit& e, int32_t op) {
  const bool divides = op == ARITH_DIV || op == ARITH_REM || op == ARITH_MOD;
  WalkOperand r = input(e, 0);
  for (size_t i = 1; i < std::max<size_t>(e.in().size(), 2); ++i) {
    const size_t other = e.in().size() > 1 ? i : 0;
    dispatch_arith(e, r, input(e, other), op, divides ? &e.in()[other] : nullptr);
    r = output(e);
  }
}

Compiled compile_arithmetic(const Node& node, Uploads&) {
  const Arithmetic& a = arithmetic_of(node);
  if (has_floats(node) && a.chain != 0) {
    if (node.op() == "Mean")
      return chained_fold(node, a.chain, CHAIN_SCALE, 1.0f / float(node.inputs().size()));
    if (a.fold) return chained_fold(node, a.chain);
    if (node.inputs().size() < 2) return chained(node, {{.op = a.chain}}, 1);
    return chained_binary(node, a.chain);
  }
  int32_t op = a.integer;
  if (node.op() == "BitShift" && node.s("direction") == "RIGHT") op = ARITH_SHIFT_RIGHT;
  Compiled c;
  c.emit = [op](Emit& e) { emit_arith(e, op); };
  return c;
}

std::string mod_supports(const Node& node, const Caps& caps) {
  if (has_floats(node)) return floats_only(node, caps);
  if (std::string reason = types_only(node, caps, kIntegers); !reason.empty()) return reason;
  return computable(input_type(node, 0), caps);
}

Compiled compile_mod(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [op = node.i("fmod") != 0 ? ARITH_REM : ARITH_MOD](Emit& e) {
    const hrt_dtype type = e.in()[0].dtype;
    if (type != HRT_FLOAT32 && type != HRT_FLOAT16) return emit_arith(e, op);
    dispatch_walk(e, "float_mod", type_variant(type), std::array{input(e, 0), input(e, 1)}, op);
  };
  return c;
}

// Bounds that are known become part of the chain's constants; others are operands.
Compiled compile_clip(const Node& node, Uploads&) {
  std::vector<ChainOp> ops;
  const auto low = constant_number(node, 1), high = constant_number(node, 2);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if ((low || !node.has_input(1)) && (high || !node.has_input(2)))
    return chained(node, {{.op = CHAIN_CLIP, .a = low.value_or(-kInfinity), .b = high.value_or(kInfinity)}},
                   1);
  if (node.has_input(1)) ops.push_back({.op = CHAIN_AT_LEAST, .operand = 1});
  if (node.has_input(2)) ops.push_back({.op = CHAIN_AT_MOST, .operand = 2});
  return chained(node, std::move(ops), 1);
}

void emit_clip_integers(Emit& e) {
  WalkOperand r = input(e, 0);
  for (const size_t i : {size_t{1}, size_t{2}}) {
    if (!e.has_in(i)) continue;
    dispatch_arith(e, r, input(e, i), i == 1 ? ARITH_MAX : ARITH_MIN, nullptr);
    r = output(e);
  }
}

std::string clip_supports(const Node& node, const Caps& caps) {
  if (has_floats(node)) return floats_only(node, caps);
  if (!node.has_input(1) && !node.has_input(2)) return "integers without bounds";
  if (std::string reason = types_only(node, caps, kIntegers); !reason.empty()) return reason;
  return computable(input_type(node, 0), caps);
}

Compiled compile_any_clip(const Node& node, Uploads& uploads) {
  if (has_floats(node)) return compile_clip(node, uploads);
  Compiled c;
  c.emit = emit_clip_integers;
  return c;
}

// ----------------------------------------------------------------------- comparisons and logic

struct Comparison {
  const char* name;
  int32_t op;
  bool swapped;
};
constexpr Comparison kComparisons[] = {
    {"Equal", COMPARE_EQUAL, false},
    {"Less", COMPARE_LESS, false},
    {"Greater", COMPARE_LESS, true},
    {"LessOrEqual", COMPARE_LESS_EQUAL, false},
    {"GreaterOrEqual", COMPARE_LESS_EQUAL, true},
    {"And", COMPARE_AND, false},
    {"Or", COMPARE_OR, false},
    {"Xor", COMPARE_XOR, false},
    {"Not", COMPARE_NOT, false},
    {"IsNaN", COMPARE_NAN, false},
    {"IsInf", COMPARE_INF, false},
};

std::string comparison_supports(const Node& node, const Caps& caps) {
  if (std::string reason = storable(HRT_BOOL, caps); !reason.empty()) return reason;
  if ((node.op() == "IsNaN" || node.op() == "IsInf") && !has_floats(node))
    return cat("dtype ", dtype_name(input_type(node, 0)), " of an input");
  return computable(input_type(node, 0), caps);
}

int32_t infinity_test(const Node& node) {
  const bool minus = node.i("detect_negative", 1) != 0, plus = node.i("detect_positive", 1) != 0;
  if (minus && plus) return COMPARE_INF;
  return plus ? COMPARE_INF_PLUS : (minus ? COMPARE_INF_MINUS : 0);
}

Compiled compile_comparison(const Node& node, Uploads&) {
  const auto row =
      std::ranges::find_if(kComparisons, [&](const Comparison& k) { return node.op() == k.name; });
  const int32_t op = node.op() == "IsInf" ? infinity_test(node) : row->op;
  Compiled c;
  c.emit = [op, swapped = row->swapped](Emit& e) {
    const size_t last = e.in().size() > 1 ? 1 : 0, a = swapped ? last : 0, b = last - a;
    dispatch_walk(e, "compare", type_variant(e.in()[0].dtype), std::array{input(e, a), input(e, b)}, op);
  };
  return c;
}

// ------------------------------------------------------------------------------- Where and Cast

std::string where_supports(const Node& node, const Caps& caps) {
  if (std::string reason = storable(HRT_BOOL, caps); !reason.empty()) return reason;
  return storable(input_type(node, 1), caps);
}

Compiled compile_where(const Node&, Uploads&) {
  Compiled c;
  c.emit = [](Emit& e) {
    dispatch_walk(e, "where", size_variant(e.out()[0].dtype),
                  std::array{input(e, 0), input(e, 1), input(e, 2)}, std::nullopt);
  };
  return c;
}

std::string cast_supports(const Node& node, const Caps& caps) {
  if (std::string reason = computable(input_type(node, 0), caps); !reason.empty()) return reason;
  const hrt_dtype to = Graph(node.graph()).value(node.output(0)).dtype();
  if (!type_variant(to) || to == HRT_FLOAT64) return cat("dtype ", dtype_name(to), " of the output");
  return computable(to, caps);
}

Compiled compile_cast(const Node&, Uploads&) {
  Compiled c;
  c.emit = [](Emit& e) {
    cast_into(e, e.in_ref(0), e.in()[0].dtype, e.out_ref(0), e.out()[0].dtype, e.out()[0].count());
  };
  return c;
}

}  // namespace

std::span<const Op> compare_ops() {
  static const std::vector<Op> rows = [] {
    std::vector<Op> r;
    for (const Arithmetic& a : kArithmetic)
      r.push_back({"", a.name, arithmetic_supports, compile_arithmetic, nullptr, splits_all});
    for (const Comparison& c : kComparisons)
      r.push_back({"", c.name, comparison_supports, compile_comparison, nullptr, splits_all});
    r.push_back({"", "Mod", mod_supports, compile_mod, nullptr, splits_all});
    r.push_back({"", "Clip", clip_supports, compile_any_clip, nullptr, splits_all});
    r.push_back({"", "Where", where_supports, compile_where, nullptr, splits_all});
    r.push_back({"", "Cast", cast_supports, compile_cast, nullptr, splits_all});
    r.push_back({"", "CastLike", cast_supports, compile_cast, nullptr, splits_all});
    return r;
  }();
  return rows;
}

}  // namespace hrt::gpu
