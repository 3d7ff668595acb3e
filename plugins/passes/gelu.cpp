// SPDX-License-Identifier: Apache-2.0
// gelu: the Gaussian error linear unit spelled out becomes Gelu.
//
//     x ─┬──────────────────────────────────────── Mul ── Mul(0.5) ──▶ y      =>      x ── Gelu ──▶ y
//        └─ Div(sqrt 2) ─ Erf ─ Add(1) ────────────┘
//
// and its approximation with tanh(sqrt(2/pi) * (x + 0.044715 x^3)) in the place of the erf. The factors
// come in any order and grouping, as products or quotients. Must not fire when somebody else uses what
// lies inside, or when a constant is another one.
#include <cmath>
#include <numbers>

#include "pass.h"

namespace hrt::passes {
namespace {

// A product taken apart: its constant factors multiplied, and the others.
struct Product {
  double constant = 1;
  std::vector<uint32_t> factors;
  size_t nodes = 0;  // taken apart so far

  // Is it expected * the others?
  bool has_constant(double expected) const {
    return std::abs(constant - expected) <= 0x1p-22 * std::abs(expected);
  }
};

constexpr size_t kMaxNodes = 5;  // in one product; none here has more

void take_apart(const Rewriter& r, const Node& node, Product& product);

void take_apart(const Rewriter& r, uint32_t value, Product& product) {
  const auto inner = r.sole_producer(value);
  if (inner && product.nodes < kMaxNodes && (inner->is("Mul") || inner->is("Div")))
    take_apart(r, *inner, product);
  else
    product.factors.push_back(value);
}

void take_apart(const Rewriter& r, const Node& node, Product& product) {
  ++product.nodes;
  const uint32_t a = node.input(0), b = node.input(1);
  if (node.is("Div")) {
    const auto divisor = r.keeps_shape(b, a) ? r.scalar(b) : std::nullopt;
    if (!divisor) return product.factors.push_back(node.output(0));
    product.constant /= *divisor;
    return take_apart(r, a, product);
  }
  for (const auto& [x, c] : both_orders(node)) {
    const auto factor = r.keeps_shape(c, x) ? r.scalar(c) : std::nullopt;
    if (!factor) continue;
    product.constant *= *factor;
    return take_apart(r, x, product);
  }
  take_apart(r, a, product);
  take_apart(r, b, product);
}

// A value as a product: of one factor, itself, when no Mul or Div makes it.
Product product_of(const Rewriter& r, uint32_t value) {
  Product product;
  take_apart(r, value, product);
  return product;
}

// x / sqrt(2)
bool is_erf_argument(const Rewriter& r, uint32_t value, uint32_t x) {
  const Product p = product_of(r, value);
  return p.has_constant(1 / std::numbers::sqrt2) && p.factors == std::vector{x};
}

// 0.044715 x^3
bool is_cubic_term(const Rewriter& r, uint32_t value, uint32_t x) {
  const Product p = product_of(r, value);
  if (!p.has_constant(0.044715)) return false;
  if (p.factors == std::vector{x, x, x}) return true;
  if (p.factors.size() != 1) return false;
  const auto pow = r.sole_producer(p.factors[0], "Pow");
  return pow && pow->input(0) == x && r.is_scalar(pow->input(1), 3) && r.keeps_shape(pow->input(1), x);
}

// sqrt(2/pi) * (x + 0.044715 x^3)
bool is_tanh_argument(const Rewriter& r, uint32_t value, uint32_t x) {
  const Product p = product_of(r, value);
  if (p.factors.size() != 1 || !p.has_constant(std::numbers::sqrt2 * std::numbers::inv_sqrtpi)) return false;
  const auto sum = r.sole_producer(p.factors[0], "Add");
  if (!sum) return false;
  for (const auto& [a, b] : both_orders(*sum))
    if (a == x && is_cubic_term(r, b, x)) return true;
  return false;
}

// "none" or "tanh" when value is 1 + erf(...) or 1 + tanh(...) of x.
const char* approximation_of(const Rewriter& r, uint32_t value, uint32_t x) {
  const auto sum = r.sole_producer(value, "Add");
  const auto inner = sum ? r.operand_beside(*sum, 1) : std::nullopt;
  const auto function = inner ? r.sole_producer(*inner) : std::nullopt;
  if (!function) return nullptr;
  if (function->is("Erf") && is_erf_argument(r, function->input(0), x)) return "none";
  if (function->is("Tanh") && is_tanh_argument(r, function->input(0), x)) return "tanh";
  return nullptr;
}

bool rewrite(Rewriter& r, const Node& node) {
  if (!node.is("Mul") && !node.is("Div")) return false;
  if (!is_float(r.value(node.output(0)).dtype())) return false;
  Product p;
  take_apart(r, node, p);
  if (p.factors.size() != 2 || !p.has_constant(0.5)) return false;
  for (size_t i = 0; i < 2; ++i) {
    const uint32_t x = p.factors[i];
    const char* approximation = approximation_of(r, p.factors[1 - i], x);
    if (!approximation) continue;
    r.replace(
        node.id(),
        {.op = "Gelu", .inputs = {x}, .attrs = {Attr::of("approximate", std::string_view(approximation))}});
    return true;
  }
  return false;
}

const Register gelu({"gelu", "0.5 x (1 + erf(x / sqrt 2)) becomes Gelu", HRT_PHASE_FUSE, rewrite});

}  // namespace
}  // namespace hrt::passes
