// SPDX-License-Identifier: Apache-2.0
// Which node runs where, in which order: stages, and in each stage convex clusters of nodes for devices, and
// single nodes for the host itself (control flow, values that are no tensors of numbers, shapes that only a
// run can tell).
//
// Stages. Within a stage, every shape follows from the types of the values that come into it (and from the
// data of those that shape arithmetic reads), so a stage is planned whole before it runs. A node whose output
// shapes depend on data ends the stage for those who read it.
//
// Clusters. depth(n) is the largest number of changes of device on a path to n within its stage. Nodes of one
// device and one depth form a group: an edge between groups always leads to a greater depth, so a path that
// leaves a group never comes back, and groups are convex and acyclic. Connected parts of a group are
// clusters.
//
// Devices. In order of preference, a node goes to the first device that takes it. By cost, to where the whole
// costs least (cost.h); the depths above are of whatever came out, so no placement makes a cycle.
//
// Memory. A device with memory of its own takes nodes, in their order, while their weights fit into three
// quarters of it (the rest is for other values), and none after that, so that the model is cut once. The last
// device takes what it is given: nobody stands behind it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/partition/cost.h"
#include "core/plugin/infer.h"

namespace hrt {

// Calls f with each value that a node reads, by itself or through its bodies; more than once where it does
// so.
template <class F>
void for_each_read(const Graph& graph, NodeId id, F&& f) {
  for (const ValueId v : graph.node(id).inputs)
    if (v != HRT_NONE) f(v);
  for (const auto& [name, body] : graph.bodies(id))
    for (const Capture& c : body->captures()) f(c.outer);
}

struct NodeChoice {
  int device = -1;  // index into the devices asked, -1: the host
  std::string why;
  struct Refusal {
    size_t device;
    std::string reason;
  };
  std::vector<Refusal> refusals;
  double latency_us = 0;
};

struct Step {
  int device = -1;  // -1: a single node run by the host
  uint32_t stage = 0;
  std::vector<NodeId> nodes;  // topological order
};

struct Partition {
  std::vector<Step> steps;  // stages ascending, producers first
  uint32_t stage_count = 1;
  std::vector<NodeChoice> choices;  // by node id
  std::vector<ValueId> shape_data;  // values whose data, not only type, a stage's plan depends on
};

// Asks device number `device` about the nodes of a graph, in its order.
struct Support {
  bool supported = false;
  std::string reason;
  double latency_us = 0;  // estimates; 0: no idea
  double energy_uj = 0;
  uint64_t workspace_bytes = 0;
};
using Query = std::function<std::vector<Support>(size_t device, const Graph& graph)>;

enum class Split { kOrder, kCost };

struct PartitionOptions {
  Split split = Split::kOrder;
  Policy policy = Policy::kLatency;
  std::vector<DeviceCost> costs = {};  // by device; what is missing is free, and has no memory of its own
  // Devices from this one on get only what no earlier one takes, whatever they cost.
  size_t fallback_from = SIZE_MAX;
};

// Splits a graph for the devices of these names. Writes the types that clusters are to be compiled for into
// the graph: dimensions that only a run can tell become symbols. Throws HRT_ERROR_UNSUPPORTED when nobody can
// run a node, naming it, every device and its reason. Symbolic dimensions count as 1 in costs.
Partition partition(Graph& graph, std::span<const std::string> devices, const Query& query,
                    const PartitionOptions& options = {});

// What the whole model would cost with a device as first choice and the others, in their order, behind it.
struct DeviceRank {
  size_t device;
  double cost;            // as the policy counts
  size_t takes, refuses;  // nodes that devices may run
};
// Devices before options.fallback_from, cheapest first; among equals in their order.
std::vector<DeviceRank> rank_devices(const Graph& graph, std::span<const std::string> devices,
                                     const Query& query, const PartitionOptions& options);

}  // namespace hrt
