// SPDX-License-Identifier: Apache-2.0
// Runs optimisation passes over a graph and its nested bodies: phase by phase, a worklist of nodes in each,
// every rewrite a transaction that is inferred, verified and committed, or rolled back.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/plugin/registry.h"

namespace hrt {

// Offers hrt.host.pass/1 to plugins; before the first is loaded.
void provide_pass_interface();

struct PipelineOptions {
  bool fuse = true;                 // the phase that makes operators that some device may not take
  std::vector<std::string> passes;  // by name, in this order; empty: all that there are
  // Whether the device that comes first takes a node that fusion made; empty: yes.
  std::function<bool(const Graph&, NodeId)> accepts;
  uint64_t fold_limit = 16u << 20;  // bytes: larger results are not folded
};

// A pass as registered.
struct PassInfo {
  const hrt_pass* pass;
  const Plugin* plugin;
};
std::vector<PassInfo> list_passes(Registry& registry);

// Returns what changed: "pass: + node, - node" a rewrite. Throws HRT_ERROR_USAGE for an unknown pass name.
// Whatever a pass gets wrong is rolled back and logged: the graph stays right.
std::vector<std::string> run_passes(Registry& registry, Graph& graph, const PipelineOptions& options);

}  // namespace hrt
