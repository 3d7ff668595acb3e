// SPDX-License-Identifier: Apache-2.0
// hard-swish: x * clip(x + 3, 0, 6) / 6 spelled out becomes HardSwish.
//
//     x ─┬─────────────────────────────────── Mul ──▶ y      =>      x ── HardSwish ──▶ y
//        └─ HardSigmoid(alpha 1/6, beta 0.5)
//
//     x ─┬─────────────────────────── Mul ──▶ y
//        └─ Add(3) ─ Clip(0, 6) ─ Div(6)                (Mul(1/6) for Div(6); the division may be last)
//
// Must not fire when somebody else uses what lies inside, or when a constant is another one.
#include <cmath>

#include "pass.h"

namespace hrt::passes {
namespace {

bool near(float a, double expected) { return std::abs(double(a) - expected) <= 0x1p-23 * expected; }

// The x of clip(x + 3, 0, 6).
std::optional<uint32_t> clip_of(const Rewriter& r, uint32_t value) {
  const auto clip = r.sole_producer(value, "Clip");
  if (!clip || !r.is_scalar(clip->input(1), 0) || !r.is_scalar(clip->input(2), 6)) return std::nullopt;
  const auto sum = r.sole_producer(clip->input(0), "Add");
  return sum ? r.operand_beside(*sum, 3) : std::nullopt;
}

// The v of v / 6.
std::optional<uint32_t> sixth_of(const Rewriter& r, const Node& node) {
  if (node.is("Mul")) return r.operand_beside(node, 1.0 / 6);
  if (node.is("Div") && r.is_scalar(node.input(1), 6) && r.keeps_shape(node.input(1), node.input(0)))
    return node.input(0);
  return std::nullopt;
}

// The x of hard_sigmoid(x).
std::optional<uint32_t> hard_sigmoid_of(const Rewriter& r, uint32_t value) {
  const auto node = r.sole_producer(value);
  if (!node) return std::nullopt;
  if (node->is("HardSigmoid")) {
    const bool fits = near(node->f("alpha", 0.2f), 1.0 / 6) && near(node->f("beta", 0.5f), 0.5);
    return fits ? std::optional(node->input(0)) : std::nullopt;
  }
  const auto clip = sixth_of(r, *node);
  return clip ? clip_of(r, *clip) : std::nullopt;
}

// The x of a product x * of(x).
template <class F>
std::optional<uint32_t> product_with(const Node& node, F&& of) {
  if (!node.is("Mul")) return std::nullopt;
  for (const auto& [x, other] : both_orders(node))
    if (of(other) == std::optional(x)) return x;
  return std::nullopt;
}

std::optional<uint32_t> hard_swish_of(const Rewriter& r, const Node& node) {
  if (const auto x = product_with(node, [&](uint32_t v) { return hard_sigmoid_of(r, v); })) return x;
  const auto sixth = sixth_of(r, node);
  const auto product = sixth ? r.sole_producer(*sixth) : std::nullopt;
  return product ? product_with(*product, [&](uint32_t v) { return clip_of(r, v); }) : std::nullopt;
}

bool rewrite(Rewriter& r, const Node& node) {
  const auto x = hard_swish_of(r, node);
  if (!x || !is_float(r.value(*x).dtype())) return false;
  r.replace(node.id(), {.op = "HardSwish", .inputs = {*x}});
  return true;
}

const Register hard_swish({"hard-swish", "x * hard_sigmoid(x) becomes HardSwish", HRT_PHASE_FUSE, rewrite});

}  // namespace
}  // namespace hrt::passes
