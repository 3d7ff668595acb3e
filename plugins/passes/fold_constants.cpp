// SPDX-License-Identifier: Apache-2.0
// fold-constants: a node all of whose inputs are constants becomes constants.
//
//     c1 ──┐
//          Op ──▶ y      =>      c ──▶ y
//     c2 ──┘
//
// Must not fire for
//   - operators that are not deterministic, or run nested bodies (these see more than their inputs);
//   - results beyond the host's limit for folding (a ConstantOfShape of a gigabyte): the host refuses;
//   - DequantizeLinear: the result would be four times the size of the weights, and the quantised
//     operator that a device has would no longer be found.
#include <algorithm>

#include "pass.h"

namespace hrt::passes {
namespace {

bool rewrite(Rewriter& r, const Node& node) {
  if (node.is("DequantizeLinear")) return false;
  if (r.flags(node) & (HRT_OP_NONDETERMINISTIC | HRT_OP_CONTROL)) return false;
  const auto inputs = node.inputs();
  if (!std::all_of(inputs.begin(), inputs.end(),
                   [&](uint32_t v) { return v == HRT_NONE || r.value(v).is_constant(); }))
    return false;

  const std::vector<uint32_t> outputs(node.outputs().begin(), node.outputs().end());
  const uint32_t id = node.id();
  const auto values = r.evaluate(node);
  if (!values) return false;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i] != HRT_NONE) r.edit().replace_uses(outputs[i], (*values)[i]);
  r.remove(id);
  return true;
}

const Register fold_constants({"fold-constants", "computes what depends on constants alone",
                               HRT_PHASE_CLEANUP, rewrite});

}  // namespace
}  // namespace hrt::passes
