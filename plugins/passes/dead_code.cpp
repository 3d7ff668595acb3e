// SPDX-License-Identifier: Apache-2.0
// dead-code: removes a node none of whose outputs anybody uses.
//
//     x ── Op ──▶ (nothing)      =>      (nothing)
//
// Must not fire when an output is an output of the graph, or a nested body sees it.
#include <algorithm>

#include "pass.h"

namespace hrt::passes {
namespace {

bool rewrite(Rewriter& r, const Node& node) {
  const auto outputs = node.outputs();
  if (!std::all_of(outputs.begin(), outputs.end(), [&](uint32_t v) { return r.unused(v); })) return false;
  r.remove(node.id());
  return true;
}

const Register dead_code({"dead-code", "removes nodes whose outputs nobody uses", HRT_PHASE_CLEANUP,
                          rewrite});

}  // namespace
}  // namespace hrt::passes
