// SPDX-License-Identifier: Apache-2.0
// matmul-add: a bias on the last axis moves into the matrix product: into Gemm when both factors are
// matrices, into FusedMatMul when they are stacks of them.
//
//     a ──┐                              a ──┐
//       MatMul ── Add ──▶ y      =>         Gemm, FusedMatMul ──▶ y
//     b ──┘        │                     b ──┤
//     c (N) ───────┘                     c ──┘
//
// A constant c may have axes of size 1 in front. Must not fire when somebody else uses the product, when
// c is broadcast along the last axis or varies along another, when a or b is a vector, or for integers.
#include <algorithm>

#include "pass.h"

namespace hrt::passes {
namespace {

// Is it a bias for the last axis of y, (N) or, when constant, (1, ..., N) with no more axes than y?
bool is_bias(const Value& c, const Value& y) {
  if (c.rank() < 1 || c.rank() > y.rank()) return false;
  const auto dims = c.dims();
  if (!same_shape(dims.last(1), y.dims().last(1))) return false;
  return c.rank() == 1 ||
         (c.is_constant() && std::all_of(dims.begin(), dims.end() - 1, [](int64_t d) { return d == 1; }));
}

// The bias with one axis.
uint32_t as_vector(Rewriter& r, uint32_t bias) {
  const Value c = r.value(bias);
  if (c.rank() == 1) return bias;
  hrt_tensor t = c.constant()->c();
  const int64_t size = c.dims().back();
  t.rank = 1;
  t.dims = &size;
  return r.edit().add_constant(nullptr, t);
}

bool rewrite(Rewriter& r, const Node& node) {
  if (!node.is("Add")) return false;
  for (const auto& [y, c] : both_orders(node)) {
    const auto product = r.sole_producer(y, "MatMul");
    if (!product || !is_float(r.value(y).dtype()) || !is_bias(r.value(c), r.value(y))) continue;
    const uint32_t a = product->input(0), b = product->input(1);
    const int rank_a = r.value(a).rank(), rank_b = r.value(b).rank();
    if (rank_a < 2 || rank_b < 2) continue;

    const uint32_t id = node.id();
    const std::string name = product->name();
    const uint32_t bias = as_vector(r, c);
    const bool matrices = rank_a == 2 && rank_b == 2;
    r.replace(id, {.domain = matrices ? "" : "hrt",
                   .op = matrices ? "Gemm" : "FusedMatMul",
                   .inputs = {a, b, bias},
                   .name = name.c_str()});
    return true;
  }
  return false;
}

const Register matmul_add({"matmul-add", "MatMul + bias becomes Gemm or FusedMatMul", HRT_PHASE_FUSE,
                           rewrite});

}  // namespace
}  // namespace hrt::passes
