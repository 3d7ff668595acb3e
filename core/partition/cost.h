// SPDX-License-Identifier: Apache-2.0
// What a placement costs, and the search for a cheap one: compute against copies.
//
// A node costs what its device estimates, a cluster its device's price of a submission, a value that is read
// elsewhere than where it was made its way there: down from a memory of a device's own, up into another, once
// for each memory that reads it. The host's memory is one place, whoever works in it.
//
// The search starts from every device alone, from the cheapest device of each node, and from a sweep over the
// topological order that keeps, for each node and device, the least cost of everything above it (exact for
// chains and trees). Each start is improved by moving single nodes and whole connected regions of one device
// while that pays: this is what absorbs an island that costs more to reach than it gains. The cheapest result
// is taken, the cost counted exactly. [any-thread]
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hrt {

enum class Policy {
  kLatency,     // one request soon: the sum of everything
  kThroughput,  // many in flight: the busiest device, or the copies
  kEnergy,      // microjoules; where a device does not say, so many watts for its time
  kMemory,      // bytes of workspace and of second copies
};
const char* policy_name(Policy policy);
std::optional<Policy> parse_policy(std::string_view name);

// What is known of a device. 0 is "no idea".
struct DeviceCost {
  bool own_memory = false;  // values are copied to and from it
  double submit_us = 0;
  double copy_bytes_per_us = 0;
  uint64_t memory_bytes = 0;  // of its own; 0: the host's
};

struct NodeCost {
  double latency_us = 0;
  double energy_uj = 0;
  double workspace_bytes = 0;
};

constexpr int kHost = -1;
constexpr size_t kMaxDevices = 63;

// What the search works on: nodes by index in topological order, and the values between them.
struct CostGraph {
  struct Node {
    std::vector<std::optional<NodeCost>> on;  // by device; none: refused. All are none: the host runs it.
    std::vector<uint32_t> reads, makes;       // values
  };
  struct Value {
    double bytes = 0;
    int maker = kHost;              // node, or the host
    std::vector<uint32_t> readers;  // nodes, each once
    bool leaves = false;            // an output of the graph: the host reads it too
  };
  std::vector<DeviceCost> devices;
  std::vector<Node> nodes;
  std::vector<Value> values;
};

// By node: a device, or kHost.
using Assignment = std::vector<int>;

// One number to compare placements by: microseconds, microjoules or bytes, as the policy says. clusters: by
// device, how many submissions the placement takes.
double placement_cost(const CostGraph& graph, const Assignment& assignment,
                      const std::vector<size_t>& clusters, Policy policy);

// In microseconds, or what the policy counts in: a node's own price, and that of its values' way.
double node_price(const CostGraph& graph, uint32_t node, int device, Policy policy);
double copies_price(const CostGraph& graph, uint32_t node, const Assignment& assignment, Policy policy);

// Candidates, improved; never empty. Every node is on a device that takes it.
std::vector<Assignment> candidate_assignments(const CostGraph& graph, Policy policy);

// Every node on the given device, or on the first one in order that takes it.
Assignment preferring(const CostGraph& graph, size_t device);

// "12 us", "3.4 mJ".
std::string price_text(double price, Policy policy);

}  // namespace hrt
