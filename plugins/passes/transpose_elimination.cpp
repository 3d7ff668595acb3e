// SPDX-License-Identifier: Apache-2.0
// transpose-elimination: Transposes that undo each other vanish, also across what lies between them.
//
//     x ── Transpose(p) ── Transpose(q) ──▶ y            =>   x ── Transpose(p then q), or nothing ──▶ y
//     x ── Transpose(p) ── Relu ── Transpose(q) ──▶ y    =>   x ── Relu ──▶ y          (q undoes p)
//     x ── Transpose ── ReduceMean ──▶ y                 =>   x ── ReduceMean ──▶ y    (order stays)
//     c ── Transpose ──▶ y                               =>   c' ──▶ y                 (constant)
//     x (Nx1xC) ── Transpose(0, 2, 1) ──▶ y              =>   x ── Reshape ──▶ y       (only a 1 moves)
//
// What lies between is a Region (transpose.h): any number of element-wise operators, reductions, Softmax
// and Concat, with any number of inputs. Must not fire unless the number of Transposes gets smaller, so
// that it comes to an end; and a Transpose becomes a Reshape only when at most one dimension is open.
#include <algorithm>

#include "transpose.h"

namespace hrt::passes {
namespace {

// Computes `value`, which the node reads as input 0, with permuted axes, when that saves at least
// `least` Transposes. `put` then makes the node's replacement of the permuted value.
template <class Put>
bool permute_input(Rewriter& r, uint32_t node, uint32_t value, const Dims& perm, int least, Put&& put) {
  for (const bool through_shared : {false, true}) {
    Region region(r, value, perm, node, through_shared);
    if (region.saving() < least) continue;
    put(region.build());
    region.finish();
    return true;
  }
  return false;
}

// The shape input of a Reshape in the place of a Transpose that moves nothing but axes of size 1.
std::optional<Dims> as_reshape(const Value& x, const Dims& perm) {
  if (!x.ranked()) return std::nullopt;
  Dims shape;
  int64_t last = -1;
  bool open = false;
  for (int64_t axis : perm) {
    const int64_t d = x.dims()[size_t(axis)];
    if (d != 1 && axis < last) return std::nullopt;
    if (d != 1) last = axis;
    if (!is_number(d) && std::exchange(open, true)) return std::nullopt;
    shape.push_back(is_number(d) ? d : -1);
  }
  const bool empty = std::count(shape.begin(), shape.end(), 0) > 0;
  return open && empty ? std::nullopt : std::optional(shape);
}

bool eliminate(Rewriter& r, const Node& node) {
  const auto perm = perm_of(r, node);
  if (!perm) return false;
  const uint32_t id = node.id(), x = node.input(0);
  if (is_identity(*perm)) {
    r.replace(id, x);
    return true;
  }
  if (r.value(x).is_constant()) {
    const auto folded = r.evaluate(node);
    if (folded) r.replace(id, folded->at(0));
    return folded.has_value();
  }
  const auto put = [&](uint32_t permuted) { r.replace(id, permuted); };
  if (permute_input(r, id, x, *perm, 0, put)) return true;  // the node itself is saved
  const auto shape = as_reshape(r.value(x), *perm);
  if (!shape) return false;
  const uint32_t constant =
      r.edit().add_constant(nullptr, {int64_t(shape->size())}, std::span<const int64_t>(*shape));
  r.replace(id, {.op = "Reshape", .inputs = {x, constant}, .attrs = {Attr::of("allowzero", int64_t{1})}});
  return true;
}

// A reduction that drops its axes swallows the Transpose before it when the axes that are left stay in
// order.
bool reduce(Rewriter& r, const Node& node) {
  const auto transpose = r.producer(node.input(0), "Transpose");
  const auto perm = transpose ? perm_of(r, *transpose) : std::nullopt;
  if (!perm || node.i("keepdims", 1) != 0 || is_identity(*perm)) return false;
  auto axes = r.integers(node.input(1));
  if (axes) axes = normalise_axes(*axes, int64_t(perm->size()));
  if (!axes || axes->empty()) return false;

  Dims left;
  for (size_t i = 0; i < perm->size(); ++i)
    if (std::find(axes->begin(), axes->end(), int64_t(i)) == axes->end()) left.push_back((*perm)[i]);
  if (!std::is_sorted(left.begin(), left.end())) return false;
  for (int64_t& a : *axes) a = (*perm)[size_t(a)];

  const uint32_t id = node.id(), x = transpose->input(0);
  const uint32_t constant =
      r.edit().add_constant(nullptr, {int64_t(axes->size())}, std::span<const int64_t>(*axes));
  const Node old = r.node(id);
  const std::string op(old.op());
  r.replace(id, {.op = op.c_str(), .inputs = {x, constant}, .attrs = attributes_of(old)});
  return true;
}

bool rewrite(Rewriter& r, const Node& node) {
  if (node.is("Transpose")) return eliminate(r, node);
  return node.domain().empty() && node.op().starts_with("Reduce") && reduce(r, node);
}

const Register transpose_elimination({"transpose-elimination", "Transposes that undo each other vanish",
                                      HRT_PHASE_LAYOUT, rewrite});

}  // namespace
}  // namespace hrt::passes
