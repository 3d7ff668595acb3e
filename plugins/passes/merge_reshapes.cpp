// SPDX-License-Identifier: Apache-2.0
// merge-reshapes: a chain of nodes that only regroup elements (Reshape, Flatten, Squeeze, Unsqueeze)
// becomes one, or none.
//
//     x (2x3) ── Unsqueeze ── Squeeze ──▶ y (2x3)         =>      x ──▶ y
//     x ── Unsqueeze ── Reshape ──▶ y (Nx12)              =>      x ── Reshape([-1, 12]) ──▶ y
//
// Must not fire when the last shape cannot be written without the one before it: more than one
// dimension that is not a number, or one such beside a 0.
#include <algorithm>

#include "pass.h"

namespace hrt::passes {
namespace {

constexpr size_t kMaxChain = 16;  // looked back at; the nodes before were merged already

bool regroups(const Node& node) {
  return node.is("Reshape") || node.is("Flatten") || node.is("Squeeze") || node.is("Unsqueeze");
}

// The shape input of a Reshape that gives these dimensions, whatever comes in.
std::optional<Dims> as_reshape(std::span<const int64_t> dims) {
  Dims shape(dims.begin(), dims.end());
  const auto open = std::count_if(shape.begin(), shape.end(), [](int64_t d) { return !is_number(d); });
  if (open > 1 || (open == 1 && std::count(shape.begin(), shape.end(), 0) > 0)) return std::nullopt;
  for (int64_t& d : shape)
    if (!is_number(d)) d = -1;
  return shape;
}

bool rewrite(Rewriter& r, const Node& node) {
  if (!regroups(node)) return false;
  const Value y = r.value(node.output(0));
  if (!y.ranked()) return false;

  // Back to the start of the chain, or to where the shape was this one already.
  uint32_t source = node.input(0);
  size_t passed = 0;
  while (!same_shape(r.value(source), y)) {
    const auto before = r.producer(source);
    if (!before || !regroups(*before) || passed == kMaxChain) break;
    source = before->input(0);
    ++passed;
  }
  if (same_shape(r.value(source), y)) {
    r.replace(node.id(), source);
    return true;
  }
  const auto shape = as_reshape(y.dims());
  if (passed == 0 || !shape) return false;

  const uint32_t id = node.id();
  const uint32_t constant =
      r.edit().add_constant(nullptr, {int64_t(shape->size())}, std::span<const int64_t>(*shape));
  r.replace(id,
            {.op = "Reshape", .inputs = {source, constant}, .attrs = {Attr::of("allowzero", int64_t{1})}});
  return true;
}

const Register merge_reshapes({"merge-reshapes",
                               "chains of Reshape, Flatten, Squeeze and Unsqueeze become one or none",
                               HRT_PHASE_CLEANUP, rewrite});

}  // namespace
}  // namespace hrt::passes
