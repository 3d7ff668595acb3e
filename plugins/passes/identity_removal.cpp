// SPDX-License-Identifier: Apache-2.0
// identity-removal: a node that hands its input on unchanged is bypassed.
//
//     x ── Identity ──▶ y      =>      x ──▶ y
//
// Besides Identity: Dropout in inference; Cast to the type that is there; Reshape, Expand, Slice, Pad,
// Tile, Transpose and the like that change nothing; Concat, Sum, Max, Min and Mean of one; arithmetic
// with its neutral element.
//
// Must not fire unless type and shape are provably the same, nor where a bit could change: x + 0 turns
// -0 into +0, x + (-0) and x - 0 do not.
#include <algorithm>

#include "pass.h"

namespace hrt::passes {
namespace {

using Test = bool (*)(const Rewriter&, const Node&);  // is the node an identity of input 0?

bool same_shape_as_output(const Rewriter& r, const Node& node) {
  return same_shape(r.value(node.input(0)), r.value(node.output(0)));
}

bool always(const Rewriter&, const Node&) { return true; }

bool single_input(const Rewriter&, const Node& node) { return node.inputs().size() == 1; }

bool same_type(const Rewriter& r, const Node& node) {
  const hrt_dtype from = r.value(node.input(0)).dtype();
  return from != HRT_UNDEFINED && from == r.value(node.output(0)).dtype();
}

// training_mode is off, and the mask (all true) is not asked for.
bool dropout(const Rewriter& r, const Node& node) {
  const bool inference = !node.has_input(2) || r.is_scalar(node.input(2), 0);
  return inference && (node.outputs().size() < 2 || r.unused(node.output(1)));
}

bool transpose(const Rewriter& r, const Node& node) {
  const Dims perm = node.ints("perm");
  if (perm.empty()) {  // reverses
    const Value x = r.value(node.input(0));
    return x.ranked() && x.rank() <= 1;
  }
  return std::is_sorted(perm.begin(), perm.end());
}

bool all_elements(const Rewriter& r, uint32_t value, int64_t expected) {
  const auto v = r.integers(value);
  return v && std::all_of(v->begin(), v->end(), [&](int64_t x) { return x == expected; });
}

bool pad(const Rewriter& r, const Node& node) { return all_elements(r, node.input(1), 0); }

bool tile(const Rewriter& r, const Node& node) { return all_elements(r, node.input(1), 1); }

// Forwards, and as long as the input: all of it. (Backwards the length would be the same too.)
bool slice(const Rewriter& r, const Node& node) {
  return (!node.has_input(4) || all_elements(r, node.input(4), 1)) && same_shape_as_output(r, node);
}

bool neutral(const Rewriter& r, const Node& node, double element) {
  if (!node.has_input(1)) return false;
  const auto c = r.value(node.input(1)).constant();
  return c && all_equal(*c, element) && same_shape_as_output(r, node);
}

bool one(const Rewriter& r, const Node& node) { return neutral(r, node, 1.0); }

bool zero(const Rewriter& r, const Node& node) { return neutral(r, node, 0.0); }

bool additive_zero(const Rewriter& r, const Node& node) {
  return neutral(r, node, is_float(r.value(node.input(1)).dtype()) ? -0.0 : 0.0);
}

struct Rule {
  std::string_view op;
  Test test;
};
constexpr Rule kRules[] = {
    {"Identity", always},
    {"Dropout", dropout},
    {"Cast", same_type},
    {"CastLike", same_type},
    {"Transpose", transpose},
    {"Reshape", same_shape_as_output},
    {"Flatten", same_shape_as_output},
    {"Squeeze", same_shape_as_output},
    {"Expand", same_shape_as_output},
    {"Slice", slice},
    {"Pad", pad},
    {"Tile", tile},
    {"Concat", single_input},
    {"Sum", single_input},
    {"Max", single_input},
    {"Min", single_input},
    {"Mean", single_input},
    {"Mul", one},
    {"Div", one},
    {"Pow", one},
    {"Add", additive_zero},
    {"Sub", zero},
};

bool is_identity(const Rewriter& r, const Node& node) {
  if (!node.domain().empty() || !node.has_input(0)) return false;
  for (const Rule& rule : kRules)
    if (rule.op == node.op()) return rule.test(r, node);
  return false;
}

// Add and Mul with the neutral element on the left.
bool is_identity_of_right(const Rewriter& r, const Node& node) {
  if ((!node.is("Add") && !node.is("Mul")) || node.inputs().size() != 2) return false;
  const auto c = r.value(node.input(0)).constant();
  const double element = node.is("Mul") ? 1.0 : c && is_float(c->dtype()) ? -0.0 : 0.0;
  return c && all_equal(*c, element) && same_shape(r.value(node.input(1)), r.value(node.output(0)));
}

bool rewrite(Rewriter& r, const Node& node) {
  if (node.output(0) == HRT_NONE) return false;
  if (is_identity(r, node)) {
    r.replace(node.id(), node.input(0));
  } else if (is_identity_of_right(r, node)) {
    r.replace(node.id(), node.input(1));
  } else {
    return false;
  }
  return true;
}

const Register identity_removal({"identity-removal", "bypasses nodes that change nothing", HRT_PHASE_CLEANUP,
                                 rewrite});

}  // namespace
}  // namespace hrt::passes
