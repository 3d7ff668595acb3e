// SPDX-License-Identifier: Apache-2.0
#include "core/partition/cost.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>

#include <fmt/format.h>

namespace hrt {
namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kUnknownBytesPerUs = 5e3;  // 5 GB/s: what a bus has at least, where the device has no idea
constexpr double kWatts = 10;               // where a device has no idea of its energy: of its time
constexpr double kCopyWatts = 2;            // of the time that copies take
// Under these policies placements that cost the same differ in latency still.
constexpr double kTie = 1e-3;
constexpr int kRounds = 16;  // of improvement; what pays is mostly found in the first two

double copy_us(const DeviceCost& device, double bytes) {
  const double rate = device.copy_bytes_per_us > 0 ? device.copy_bytes_per_us : kUnknownBytesPerUs;
  return device.submit_us + bytes / rate;
}

// The values' ways, counted by devices: the host is one, with number 0.
class Traffic {
 public:
  Traffic(const CostGraph& graph, Policy policy) : graph_(graph), policy_(policy) {}

  // Of one value with its maker and readers where they are.
  double price(uint32_t value, const Assignment& a) const {
    const CostGraph::Value& v = graph_.values[value];
    const int from = v.maker < 0 ? kHost : a[size_t(v.maker)];
    uint64_t seen = bit(from);
    double sum = 0;
    bool down = false;
    const auto reach = [&](int to) {
      if (seen & bit(to)) return;
      seen |= bit(to);
      if (!own(from) && !own(to)) return;  // host memory: nothing moves
      if (own(from) && !down) sum += one_way(from, v.bytes);
      down = true;
      if (own(to)) sum += one_way(to, v.bytes);
    };
    for (const uint32_t r : v.readers) reach(a[r]);
    if (v.leaves) reach(kHost);
    return sum;
  }

 private:
  static uint64_t bit(int device) { return uint64_t(1) << (device + 1); }
  bool own(int device) const { return device >= 0 && graph_.devices[size_t(device)].own_memory; }
  double one_way(int device, double bytes) const {
    if (policy_ == Policy::kMemory) return bytes;
    const double us = copy_us(graph_.devices[size_t(device)], bytes);
    return policy_ == Policy::kEnergy ? us * kCopyWatts : us;
  }

  const CostGraph& graph_;
  Policy policy_;
};

// What a search adds for each border between devices: about one more submission.
double border_price(const CostGraph& graph, int a, int b, Policy policy) {
  if (a == b || policy == Policy::kMemory) return 0;
  double us = 0;
  for (const int d : {a, b})
    if (d >= 0) us = std::max(us, graph.devices[size_t(d)].submit_us);
  return policy == Policy::kEnergy ? us * kWatts : us;
}

bool takes(const CostGraph& graph, uint32_t node, size_t device) {
  return graph.nodes[node].on[device].has_value();
}

bool on_host(const CostGraph& graph, uint32_t node) {
  return std::ranges::none_of(graph.nodes[node].on, [](const auto& cost) { return cost.has_value(); });
}

// Improves an assignment by moves that lower an additive cost: nodes, ways of values, borders.
class Search {
 public:
  Search(const CostGraph& graph, Policy policy, Assignment start)
      : graph_(graph), policy_(policy), traffic_(graph, policy), a_(std::move(start)) {
    busy_.assign(graph.devices.size(), 0);
    for (uint32_t n = 0; n < a_.size(); ++n) count(n, +1);
    for (uint32_t v = 0; v < graph_.values.size(); ++v) moved_ += value_price(v);
  }

  Assignment improve() {
    for (int round = 0; round < kRounds; ++round) {
      bool better = move_regions();
      for (uint32_t n = 0; n < a_.size(); ++n) {
        const uint32_t one[] = {n};
        better |= move_somewhere(one);
      }
      if (!better) break;
    }
    return a_;
  }

 private:
  double total() const {
    const double sum = std::accumulate(busy_.begin(), busy_.end(), moved_);
    if (policy_ != Policy::kThroughput) return sum;
    return std::max(moved_, *std::ranges::max_element(busy_)) + kTie * sum;
  }

  void count(uint32_t n, double sign) {
    if (a_[n] >= 0) busy_[size_t(a_[n])] += sign * node_price(graph_, n, a_[n], policy_);
  }

  double value_price(uint32_t v) const {
    const CostGraph::Value& value = graph_.values[v];
    double price = traffic_.price(v, a_);
    if (value.maker < 0) return price;
    for (const uint32_t r : value.readers)
      price += border_price(graph_, a_[size_t(value.maker)], a_[r], policy_);
    return price;
  }

  void touch(std::span<const uint32_t> nodes) {
    touched_.clear();
    for (const uint32_t n : nodes) {
      touched_.insert(touched_.end(), graph_.nodes[n].reads.begin(), graph_.nodes[n].reads.end());
      touched_.insert(touched_.end(), graph_.nodes[n].makes.begin(), graph_.nodes[n].makes.end());
    }
    std::ranges::sort(touched_);
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  }

  void put(std::span<const uint32_t> nodes, int device) {
    for (const uint32_t v : touched_) moved_ -= value_price(v);
    for (const uint32_t n : nodes) {
      count(n, -1);
      a_[n] = device;
      count(n, +1);
    }
    for (const uint32_t v : touched_) moved_ += value_price(v);
  }

  // Nodes that are all on one device, to wherever that is cheapest.
  bool move_somewhere(std::span<const uint32_t> nodes) {
    const int home = a_[nodes.front()];
    if (home < 0) return false;
    touch(nodes);
    double least = total() * (1 - 1e-9);  // rounding is no improvement
    int best = home;
    for (size_t d = 0; d < graph_.devices.size(); ++d) {
      if (int(d) == home || !std::ranges::all_of(nodes, [&](uint32_t n) { return takes(graph_, n, d); }))
        continue;
      put(nodes, int(d));
      if (total() < least) {
        least = total();
        best = int(d);
      }
      put(nodes, home);
    }
    if (best != home) put(nodes, best);
    return best != home;
  }

  // Connected nodes of one device, all at once.
  bool move_regions() {
    std::vector<uint32_t> parent(a_.size());
    std::iota(parent.begin(), parent.end(), 0u);
    const auto root = [&](uint32_t n) {
      while (parent[n] != n) n = parent[n] = parent[parent[n]];
      return n;
    };
    for (const CostGraph::Value& v : graph_.values) {
      if (v.maker < 0) continue;
      for (const uint32_t r : v.readers)
        if (a_[r] == a_[size_t(v.maker)]) parent[root(r)] = root(uint32_t(v.maker));
    }
    std::vector<std::vector<uint32_t>> regions(a_.size());
    for (uint32_t n = 0; n < a_.size(); ++n) regions[root(n)].push_back(n);
    bool better = false;
    for (const auto& region : regions)
      if (region.size() > 1) better |= move_somewhere(region);
    return better;
  }

  const CostGraph& graph_;
  Policy policy_;
  Traffic traffic_;
  Assignment a_;
  std::vector<double> busy_;
  double moved_ = 0;
  std::vector<uint32_t> touched_;
};

Assignment cheapest_each(const CostGraph& graph, Policy policy) {
  Assignment a(graph.nodes.size(), kHost);
  for (uint32_t n = 0; n < a.size(); ++n) {
    double least = kInfinite;
    for (size_t d = 0; d < graph.devices.size(); ++d)
      if (takes(graph, n, d) && node_price(graph, n, int(d), policy) < least) {
        least = node_price(graph, n, int(d), policy);
        a[n] = int(d);
      }
  }
  return a;
}

// The price of a value on one way alone.
double way(const CostGraph& graph, uint32_t value, int from, int to, Policy policy) {
  if (from == to) return 0;
  double price = border_price(graph, from, to, policy);
  for (const int d : {from, to})
    if (d >= 0 && graph.devices[size_t(d)].own_memory) {
      const double bytes = graph.values[value].bytes;
      const double us = copy_us(graph.devices[size_t(d)], bytes);
      price += policy == Policy::kMemory ? bytes : policy == Policy::kEnergy ? us * kCopyWatts : us;
    }
  return price;
}

// The sweep: above[n][d] is the least cost of node n on device d with what it reads; what several nodes
// read is shared among them. Then, from the outputs up, each node goes where it and its readers are
// cheapest.
Assignment sweep(const CostGraph& graph, Policy policy) {
  const size_t devices = graph.devices.size();
  std::vector<std::vector<double>> above(graph.nodes.size(), std::vector<double>(devices + 1, kInfinite));
  const auto at = [](int device) { return size_t(device + 1); };
  for (uint32_t n = 0; n < graph.nodes.size(); ++n) {
    const auto reach = [&](int d) {
      double sum = d < 0 ? 0 : node_price(graph, n, d, policy);
      for (const uint32_t v : graph.nodes[n].reads) {
        const CostGraph::Value& value = graph.values[v];
        const double share = 1.0 / double(value.readers.size());
        double least = value.maker < 0 ? way(graph, v, kHost, d, policy) : kInfinite;
        for (int from = kHost; value.maker >= 0 && from < int(devices); ++from)
          least =
              std::min(least, above[size_t(value.maker)][at(from)] * share + way(graph, v, from, d, policy));
        sum += least;
      }
      above[n][at(d)] = sum;
    };
    if (on_host(graph, n)) reach(kHost);
    for (size_t d = 0; d < devices; ++d)
      if (takes(graph, n, d)) reach(int(d));
  }
  Assignment a(graph.nodes.size(), kHost);
  for (uint32_t n = uint32_t(graph.nodes.size()); n-- > 0;) {
    double least = kInfinite;
    for (int d = kHost; d < int(devices); ++d) {
      double sum = above[n][at(d)];
      for (const uint32_t v : graph.nodes[n].makes) {
        for (const uint32_t r : graph.values[v].readers) sum += way(graph, v, d, a[r], policy);
        if (graph.values[v].leaves) sum += way(graph, v, d, kHost, policy);
      }
      if (sum < least) {
        least = sum;
        a[n] = d;
      }
    }
  }
  return a;
}

}  // namespace

const char* policy_name(Policy policy) {
  constexpr const char* names[] = {"latency", "throughput", "energy", "memory"};
  return names[int(policy)];
}

std::optional<Policy> parse_policy(std::string_view name) {
  for (const Policy p : {Policy::kLatency, Policy::kThroughput, Policy::kEnergy, Policy::kMemory})
    if (name == policy_name(p)) return p;
  return {};
}

double node_price(const CostGraph& graph, uint32_t node, int device, Policy policy) {
  const auto& cost = device < 0 ? std::nullopt : graph.nodes[node].on[size_t(device)];
  if (!cost) return device < 0 ? 0 : kInfinite;
  if (policy == Policy::kEnergy) return cost->energy_uj > 0 ? cost->energy_uj : cost->latency_us * kWatts;
  if (policy == Policy::kMemory) return cost->workspace_bytes + kTie * cost->latency_us;
  return cost->latency_us;
}

double copies_price(const CostGraph& graph, uint32_t node, const Assignment& assignment, Policy policy) {
  const Traffic traffic(graph, policy);
  double sum = 0;
  for (const uint32_t v : graph.nodes[node].reads) sum += traffic.price(v, assignment);
  for (const uint32_t v : graph.nodes[node].makes) sum += traffic.price(v, assignment);
  return sum;
}

double placement_cost(const CostGraph& graph, const Assignment& assignment,
                      const std::vector<size_t>& clusters, Policy policy) {
  std::vector<double> busy(graph.devices.size(), 0);
  for (uint32_t n = 0; n < assignment.size(); ++n)
    if (assignment[n] >= 0) busy[size_t(assignment[n])] += node_price(graph, n, assignment[n], policy);
  if (policy != Policy::kMemory)
    for (size_t d = 0; d < busy.size(); ++d)
      busy[d] += double(clusters[d]) * graph.devices[d].submit_us * (policy == Policy::kEnergy ? kWatts : 1);
  const Traffic traffic(graph, policy);
  double moved = 0;
  for (uint32_t v = 0; v < graph.values.size(); ++v) moved += traffic.price(v, assignment);
  const double sum = std::accumulate(busy.begin(), busy.end(), moved);
  if (policy != Policy::kThroughput) return sum;
  const double most = busy.empty() ? 0 : *std::ranges::max_element(busy);
  return std::max(moved, most) + kTie * sum;
}

Assignment preferring(const CostGraph& graph, size_t device) {
  Assignment a(graph.nodes.size(), kHost);
  for (uint32_t n = 0; n < a.size(); ++n) {
    if (takes(graph, n, device)) a[n] = int(device);
    for (size_t d = 0; a[n] < 0 && d < graph.devices.size(); ++d)
      if (takes(graph, n, d)) a[n] = int(d);
  }
  return a;
}

std::vector<Assignment> candidate_assignments(const CostGraph& graph, Policy policy) {
  std::vector<Assignment> starts;
  for (size_t d = 0; d < graph.devices.size(); ++d) starts.push_back(preferring(graph, d));
  starts.push_back(cheapest_each(graph, policy));
  starts.push_back(sweep(graph, policy));
  std::vector<Assignment> all = starts;
  for (Assignment& start : starts) all.push_back(Search(graph, policy, std::move(start)).improve());
  return all;
}

std::string price_text(double price, Policy policy) {
  if (policy == Policy::kEnergy)
    return price < 1e3 ? fmt::format("{:.1f} uJ", price) : fmt::format("{:.2f} mJ", price / 1e3);
  if (policy == Policy::kMemory) return fmt::format("{:.0f} bytes", price);
  return price < 1e4 ? fmt::format("{:.1f} us", price) : fmt::format("{:.2f} ms", price / 1e3);
}

}  // namespace hrt
