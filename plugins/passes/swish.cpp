// SPDX-License-Identifier: Apache-2.0
// swish: x * sigmoid(alpha * x) spelled out becomes Swish.
//
//     x ─┬──────────────── Mul ──▶ y      =>      x ── Swish ──▶ y
//        └─ [Mul(alpha)] ─ Sigmoid
//
// Must not fire when somebody else uses what lies inside, when alpha is no constant with one element, or
// raises the rank.
#include "pass.h"

namespace hrt::passes {
namespace {

// alpha, when this is the argument alpha * x of the sigmoid.
std::optional<double> factor_of(const Rewriter& r, uint32_t argument, uint32_t x) {
  if (argument == x) return 1.0;
  const auto product = r.sole_producer(argument, "Mul");
  if (!product) return std::nullopt;
  for (const auto& [a, c] : both_orders(*product))
    if (a == x && r.scalar(c) && r.keeps_shape(c, x)) return r.scalar(c);
  return std::nullopt;
}

bool rewrite(Rewriter& r, const Node& node) {
  if (!node.is("Mul")) return false;
  for (const auto& [x, s] : both_orders(node)) {
    const auto sigmoid = r.sole_producer(s, "Sigmoid");
    if (!sigmoid) continue;
    const auto alpha = factor_of(r, sigmoid->input(0), x);
    if (!alpha || double(float(*alpha)) != *alpha) continue;
    std::vector<Attr> attrs;
    if (*alpha != 1) attrs.push_back(Attr::of("alpha", float(*alpha)));
    r.replace(node.id(), {.op = "Swish", .inputs = {x}, .attrs = attrs});
    return true;
  }
  return false;
}

const Register swish({"swish", "x * sigmoid(x) becomes Swish", HRT_PHASE_FUSE, rewrite});

}  // namespace
}  // namespace hrt::passes
