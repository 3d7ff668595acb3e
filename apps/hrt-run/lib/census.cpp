// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/census.h"

namespace hrt {
namespace {

void add(Census& census, const Graph& graph) {
  for (ValueId v = 0; v < graph.value_limit(); ++v) {
    if (!graph.has_value(v) || !graph.value(v).constant) continue;
    census.parameters += graph.value(v).constant->size();
    census.bytes += graph.value(v).constant->bytes();
  }
  for (const NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    ++census.nodes;
    ++census.operators[node.domain.empty() ? node.op : node.domain + "." + node.op];
    for (const auto& [name, body] : graph.bodies(id)) add(census, *body);
  }
}

}  // namespace

Census take_census(const Graph& graph) {
  Census census;
  add(census, graph);
  return census;
}

}  // namespace hrt
