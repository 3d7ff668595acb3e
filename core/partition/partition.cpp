// SPDX-License-Identifier: Apache-2.0
#include "core/partition/partition.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "core/base/error.h"
#include "core/graph/transaction.h"
#include "core/plugin/registry.h"

namespace hrt {
namespace {

bool has_unknown(const Type& type) {
  if (!type.is_tensor() || !type.ranked()) return true;
  return std::ranges::find(type.dims(), HRT_DIM_UNKNOWN) != type.dims().end();
}

// A tensor of numbers whose rank is known: what devices deal with.
bool fits_device(const Type& type) {
  return type.is_tensor() && type.ranked() && type.dtype() != HRT_UNDEFINED && type.dtype() != HRT_STRING;
}

class Analysis {
 public:
  explicit Analysis(Graph& graph)
      : graph_(graph),
        transaction_(graph),
        facts_(graph),
        stage_(graph.node_limit(), 0),
        value_stage_(graph.value_limit(), 0),
        on_host_(graph.node_limit(), 0) {}

  void run() {
    for (const ValueId v : graph_.inputs()) enter(v);
    for (const Capture& c : graph_.captures()) enter(c.inner);
    for (ValueId v = 0; v < graph_.value_limit(); ++v)
      if (graph_.has_value(v) && graph_.value(v).constant) facts_[v] = fact_of(graph_.value(v).constant);
    for (const NodeId id : graph_.nodes()) visit(id);
    transaction_.commit();
  }

  uint32_t stage(NodeId id) const { return stage_[id]; }
  bool on_host(NodeId id) const { return on_host_[id]; }
  std::string why_host(NodeId id) const { return why_.contains(id) ? why_.at(id) : std::string(); }
  const std::set<ValueId>& shape_data() const { return shape_data_; }

 private:
  void enter(ValueId v) {
    facts_[v].type = symbolised(graph_.value(v).type);
    transaction_.set_type(v, facts_[v].type);
  }

  Type symbolised(const Type& type) {
    if (!type.is_tensor() || !type.ranked() || !has_unknown(type)) return type;
    Dims dims(type.dims().begin(), type.dims().end());
    for (int64_t& d : dims)
      if (d == HRT_DIM_UNKNOWN) d = transaction_.symbol("");
    return Type::tensor(type.dtype(), std::move(dims));
  }

  // Non-constant inputs whose data decides the output shapes.
  std::vector<ValueId> shape_inputs(const Node& n, const hrt_op& op) {
    std::vector<ValueId> found;
    for (size_t i = 0; i < n.inputs.size(); ++i) {
      const auto& p = element(op.inputs, std::min(i, op.input_count - 1), op.param_stride);
      const ValueId v = n.inputs[i];
      if (v != HRT_NONE && (p.flags & HRT_PARAM_SHAPE) && !facts_[v].constant) found.push_back(v);
    }
    return found;
  }

  void visit(NodeId id) {
    const Node& n = graph_.node(id);
    const hrt_op& op = Registry::current().op(n.domain, n.op);
    uint32_t stage = 0;
    auto after = [&](ValueId v) { stage = std::max(stage, value_stage_[v]); };
    for (const ValueId v : n.inputs)
      if (v != HRT_NONE) after(v);
    for (const auto& [name, body] : graph_.bodies(id))
      for (const Capture& c : body->captures()) after(c.outer);

    infer_node(graph_, id, facts_);
    // To inference, as they will be to the planner; the model may declare more.
    std::vector<char> unknown_output(n.outputs.size(), 0);
    for (size_t i = 0; i < n.outputs.size(); ++i)
      unknown_output[i] = n.outputs[i] != HRT_NONE && has_unknown(facts_[n.outputs[i]].type);
    const bool unknown = std::ranges::find(unknown_output, 1) != unknown_output.end();
    keep_declared(n);
    bool dynamic = (op.flags & (HRT_OP_DATA_SHAPE | HRT_OP_CONTROL)) != 0;
    if (unknown && !dynamic) {
      const auto needed = shape_inputs(n, op);
      dynamic = needed.empty();
      for (const ValueId v : needed) {
        const NodeId producer = graph_.value(v).producer;
        if (producer != HRT_NONE) stage = std::max(stage, stage_[producer] + 1);
        shape_data_.insert(v);
      }
    }
    stage_[id] = stage;
    keep_shape_arithmetic(n, stage);
    decide_host(id, n, op, dynamic);
    // What a sequence or optional holds is not known before the run, whatever its type says.
    const bool opaque = std::ranges::any_of(
        n.inputs, [&](ValueId v) { return v != HRT_NONE && !facts_[v].type.is_tensor(); });
    for (size_t i = 0; i < n.outputs.size(); ++i) {
      const ValueId v = n.outputs[i];
      if (v == HRT_NONE) continue;
      // Readers of a shape that only the run tells come a stage later.
      const bool late = on_host_[id] && !facts_[v].constant && (unknown_output[i] || opaque);
      value_stage_[v] = stage + (late ? 1 : 0);
      facts_[v].type = symbolised(facts_[v].type);
      transaction_.set_type(v, facts_[v].type);
    }
  }

  // Shape arithmetic that goes on in a later stage: what inference knows of it here, the planner of that
  // stage, who sees its own stage only, has to read from the data.
  void keep_shape_arithmetic(const Node& n, uint32_t stage) {
    for (const ValueId v : n.inputs) {
      if (v == HRT_NONE || !facts_[v].values) continue;
      const NodeId producer = graph_.value(v).producer;
      const bool earlier = producer != HRT_NONE && stage_[producer] < stage;
      if (earlier && std::ranges::any_of(*facts_[v].values, [](int64_t d) { return d != HRT_DIM_UNKNOWN; }))
        shape_data_.insert(v);
    }
  }

  // What the model declares may know more than inference does.
  void keep_declared(const Node& n) {
    for (const ValueId v : n.outputs)
      if (v != HRT_NONE)
        with_context([&] { return n.describe(); },
                     [&] { facts_[v].type = merge(facts_[v].type, graph_.value(v).type); });
  }

  void decide_host(NodeId id, const Node& n, const hrt_op& op, bool dynamic) {
    std::string why;
    if (op.flags & HRT_OP_CONTROL)
      why = "control flow";
    else if (dynamic)
      why = "output shapes depend on data";
    for (const auto* list : {&n.inputs, &n.outputs})
      for (const ValueId v : *list)
        if (v != HRT_NONE && why.empty() && !fits_device(facts_[v].type))
          why = fmt::format("\"{}\" is {}, not a tensor of numbers of known rank", graph_.value(v).name,
                            to_string(facts_[v].type));
    on_host_[id] = !why.empty();
    if (!why.empty()) why_[id] = why;
  }

  Graph& graph_;
  Transaction transaction_;
  Facts facts_;
  std::vector<uint32_t> stage_;
  std::vector<uint32_t> value_stage_;
  std::vector<char> on_host_;
  std::map<NodeId, std::string> why_;
  std::set<ValueId> shape_data_;
};

[[noreturn]] void fail_refused(const Graph& graph, NodeId id, const NodeChoice& choice,
                               std::span<const std::string> devices) {
  std::string reasons;
  for (const auto& r : choice.refusals)
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", devices[r.device], r.reason);
  fail(HRT_ERROR_UNSUPPORTED, "{} runs on none of the chosen devices: {}", graph.node(id).describe(),
       reasons);
}

// Refuses what a device's memory has no room for.
void keep_within_memory(const Graph& graph, uint64_t memory_bytes, std::vector<Support>& support) {
  const uint64_t room = memory_bytes / 4 * 3;
  uint64_t used = 0;
  bool full = false;
  std::set<ValueId> counted;
  for (size_t i = 0; i < support.size(); ++i) {
    if (!support[i].supported) continue;
    uint64_t weights = 0;
    std::vector<ValueId> fresh;
    for (const ValueId v : graph.node(graph.nodes()[i]).inputs) {
      if (v == HRT_NONE || !graph.value(v).constant || !counted.insert(v).second) continue;
      fresh.push_back(v);
      weights += graph.value(v).constant->bytes();
    }
    full = full || weights > room - used;
    if (!full) {
      used += weights;
      continue;
    }
    for (const ValueId v : fresh) counted.erase(v);
    support[i] = {};
    support[i].reason = fmt::format(
        "no room in the device's memory of {} bytes: weights of nodes before it take {}", memory_bytes, used);
  }
}

// What device number d says of the nodes of a graph, for a partition of so many devices.
std::vector<Support> asked(const Query& query, const PartitionOptions& options, size_t d, size_t devices,
                           const Graph& graph) {
  std::vector<Support> support = query(d, graph);
  const uint64_t memory = d < options.costs.size() ? options.costs[d].memory_bytes : 0;
  if (memory > 0 && d + 1 < devices) keep_within_memory(graph, memory, support);
  return support;
}

std::vector<NodeChoice> choose_in_order(const Graph& graph, const Analysis& analysis,
                                        std::span<const std::string> devices, const Query& query,
                                        const PartitionOptions& options) {
  std::vector<NodeChoice> choices(graph.node_limit());
  std::vector<NodeId> open;
  for (const NodeId id : graph.nodes()) {
    if (analysis.on_host(id)) {
      choices[id].why = analysis.why_host(id);
    } else {
      open.push_back(id);
    }
  }
  for (size_t d = 0; d < devices.size() && !open.empty(); ++d) {
    // Devices see the nodes that may be theirs, and the values around them, as a graph of its own.
    const Extracted sub = extract(graph, open);
    const auto support = asked(query, options, d, devices.size(), *sub.graph);
    std::vector<NodeId> left;
    for (size_t i = 0; i < sub.graph->nodes().size(); ++i) {
      const NodeId id = sub.node_map[sub.graph->nodes()[i]];
      NodeChoice& c = choices[id];
      if (support[i].supported) {
        c.device = int(d);
        c.latency_us = support[i].latency_us;
        c.why = c.refusals.empty() ? "first choice" : "refused by devices preferred to this one";
      } else {
        c.refusals.push_back({d, support[i].reason});
        left.push_back(id);
      }
    }
    // extract keeps topological order, so does this
    open = std::move(left);
  }
  if (!open.empty()) fail_refused(graph, open.front(), choices[open.front()], devices);
  return choices;
}

// stage, device: functions of a node.
template <class Stage, class DeviceOf>
std::vector<Step> cluster(const Graph& graph, Stage&& stage, DeviceOf&& device_of) {
  const uint32_t limit = graph.node_limit();
  std::vector<uint32_t> depth(limit, 0);
  std::map<std::tuple<uint32_t, uint32_t, int, NodeId>, std::vector<NodeId>>
      groups;  // stage, depth, device, host node
  auto predecessors = [&](NodeId id, auto&& f) {
    for_each_read(graph, id, [&](ValueId v) {
      if (graph.value(v).producer != HRT_NONE) f(graph.value(v).producer);
    });
  };
  for (const NodeId id : graph.nodes()) {
    const int device = device_of(id);
    predecessors(id, [&](NodeId p) {
      if (stage(p) != stage(id)) return;
      const bool same = device >= 0 && device_of(p) == device;
      depth[id] = std::max(depth[id], depth[p] + (same ? 0 : 1));
    });
    groups[{stage(id), depth[id], device, device < 0 ? id : HRT_NONE}].push_back(id);
  }

  std::vector<Step> steps;
  std::vector<uint32_t> parent(limit);
  std::iota(parent.begin(), parent.end(), 0u);
  auto root = [&](NodeId id) {
    while (parent[id] != id) id = parent[id] = parent[parent[id]];
    return id;
  };
  for (const auto& [key, members] : groups) {
    const std::set<NodeId> inside(members.begin(), members.end());
    for (const NodeId id : members)
      predecessors(id, [&](NodeId p) {
        if (inside.contains(p)) parent[root(id)] = root(p);
      });
    std::map<NodeId, Step> parts;
    std::vector<NodeId> order;  // of first member
    for (const NodeId id : members) {
      const auto [it, fresh] = parts.try_emplace(root(id));
      if (fresh) order.push_back(root(id));
      it->second.nodes.push_back(id);
    }
    for (const NodeId r : order) {
      Step& s = parts[r];
      s.stage = std::get<0>(key);
      s.device = std::get<2>(key);
      steps.push_back(std::move(s));
    }
  }
  return steps;  // map order: stage, then depth: producers first
}

// What the cost model works on, and which node of it is which.
class Costs {
 public:
  // may_run: a function of a node; others stay with the host.
  template <class MayRun>
  Costs(const Graph& graph, std::span<const std::string> devices, const Query& query,
        const PartitionOptions& options, MayRun&& may_run)
      : graph_(graph), choices(graph.node_limit()) {
    costs.devices = options.costs;
    costs.devices.resize(devices.size());
    add_nodes();
    add_values();
    std::vector<NodeId> open;
    for (const NodeId id : graph.nodes())
      if (may_run(id)) open.push_back(id);
    for (size_t d = 0; d < devices.size(); ++d) {
      if (d >= options.fallback_from) std::erase_if(open, [&](NodeId id) { return taken(id); });
      if (!open.empty()) ask(d, query, open, options);
    }
  }

  bool taken(NodeId id) const {
    return std::ranges::any_of(costs.nodes[index_[id]].on, [](const auto& c) { return c.has_value(); });
  }
  uint32_t index(NodeId id) const { return index_[id]; }

  template <class Stage>
  double price(const Assignment& a, Stage&& stage, Policy policy) const {
    std::vector<size_t> clusters(costs.devices.size(), 0);
    for (const Step& s : cluster(graph_, stage, [&](NodeId id) { return a[index_[id]]; }))
      if (s.device >= 0) ++clusters[size_t(s.device)];
    return placement_cost(costs, a, clusters, policy);
  }

 private:
  void add_nodes() {
    index_.assign(graph_.node_limit(), 0);
    for (const NodeId id : graph_.nodes()) {
      index_[id] = uint32_t(costs.nodes.size());
      costs.nodes.push_back({std::vector<std::optional<NodeCost>>(costs.devices.size()), {}, {}});
    }
  }

  // Constants are where they are read.
  void add_values() {
    std::vector<uint32_t> number(graph_.value_limit(), HRT_NONE);
    for (ValueId v = 0; v < graph_.value_limit(); ++v) {
      if (!graph_.has_value(v) || graph_.value(v).constant) continue;
      const ValueDef& def = graph_.value(v);
      number[v] = uint32_t(costs.values.size());
      const int maker = def.producer == HRT_NONE ? kHost : int(index_[def.producer]);
      costs.values.push_back({bytes_of(def.type), maker, {}, def.output_uses > 0});
      if (maker >= 0) costs.nodes[size_t(maker)].makes.push_back(number[v]);
    }
    for (const NodeId id : graph_.nodes()) {
      CostGraph::Node& node = costs.nodes[index_[id]];
      for_each_read(graph_, id, [&](ValueId v) {
        if (number[v] != HRT_NONE) node.reads.push_back(number[v]);
      });
      std::ranges::sort(node.reads);
      node.reads.erase(std::unique(node.reads.begin(), node.reads.end()), node.reads.end());
      for (const uint32_t v : node.reads) costs.values[v].readers.push_back(index_[id]);
    }
  }

  static double bytes_of(const Type& type) {
    if (!fits_device(type)) return 0;
    const int64_t eight[] = {8};  // elements of less than a byte
    double bytes = double(tensor_bytes(type.dtype(), eight)) / 8;
    for (const int64_t d : type.dims()) bytes *= is_number(d) ? double(d) : 1;
    return bytes;
  }

  void ask(size_t d, const Query& query, const std::vector<NodeId>& open, const PartitionOptions& options) {
    const Extracted sub = extract(graph_, open);
    const auto support = asked(query, options, d, costs.devices.size(), *sub.graph);
    // Estimates need numbers: the same nodes at size 1 wherever a dimension has none.
    const bool numeric = set_symbols_to_one(*sub.graph);
    const auto estimates = numeric ? support : query(d, *sub.graph);
    for (size_t i = 0; i < support.size(); ++i) {
      const NodeId id = sub.node_map[sub.graph->nodes()[i]];
      if (!support[i].supported) {
        choices[id].refusals.push_back({d, support[i].reason});
        continue;
      }
      const Support& e = estimates[i];
      const double us = e.latency_us > 0 ? e.latency_us : us_by_bytes(id);
      costs.nodes[index_[id]].on[d] = NodeCost{us, e.energy_uj, double(e.workspace_bytes)};
    }
  }

  // For devices that have no idea: what a node moves, at 10 GB/s.
  double us_by_bytes(NodeId id) const {
    double bytes = 0;
    const CostGraph::Node& node = costs.nodes[index_[id]];
    for (const auto* list : {&node.reads, &node.makes})
      for (const uint32_t v : *list) bytes += costs.values[v].bytes;
    return bytes / 10e3;
  }

  // Whether there were none.
  static bool set_symbols_to_one(Graph& graph) {
    bool numeric = true;
    Transaction t(graph);
    for (ValueId v = 0; v < graph.value_limit(); ++v) {
      if (!graph.has_value(v)) continue;
      const Type& type = graph.value(v).type;
      if (!type.is_tensor() || !type.ranked()) continue;
      Dims dims(type.dims().begin(), type.dims().end());
      if (std::ranges::all_of(dims, [](int64_t d) { return is_number(d); })) continue;
      numeric = false;
      for (int64_t& d : dims)
        if (!is_number(d)) d = 1;
      t.set_type(v, Type::tensor(type.dtype(), std::move(dims)));
    }
    t.commit();
    return numeric;
  }

  const Graph& graph_;
  std::vector<uint32_t> index_;  // by node id

 public:
  CostGraph costs;
  std::vector<NodeChoice> choices;  // by node id: refusals
};

// Why a node is where it is: what it costs there, and what it would cost elsewhere with all others in place.
std::string why_here(const CostGraph& costs, uint32_t node, const Assignment& assignment,
                     std::span<const std::string> devices, Policy policy) {
  Assignment a = assignment;
  const auto price = [&](int device) {
    a[node] = device;
    return std::pair(node_price(costs, node, device, policy), copies_price(costs, node, a, policy));
  };
  const auto text = [&](const std::pair<double, double>& p) {
    return p.second > 0
               ? fmt::format("{} + {} copies", price_text(p.first, policy), price_text(p.second, policy))
               : price_text(p.first, policy);
  };
  const auto here = price(assignment[node]);
  std::string others;
  bool cheapest = true;
  for (size_t d = 0; d < devices.size(); ++d) {
    if (int(d) == assignment[node] || !costs.nodes[node].on[d]) continue;
    const auto there = price(int(d));
    cheapest &= here.first + here.second <= there.first + there.second;
    others += fmt::format(", {} {}", devices[d], text(there));
  }
  if (others.empty()) return fmt::format("the only choice: {}", text(here));
  return fmt::format("{}: {}{}", cheapest ? "cheaper here" : "with the nodes around it", text(here), others);
}

std::vector<NodeChoice> choose_by_cost(const Graph& graph, const Analysis& analysis,
                                       std::span<const std::string> devices, const Query& query,
                                       const PartitionOptions& options) {
  Costs model(graph, devices, query, options, [&](NodeId id) { return !analysis.on_host(id); });
  for (const NodeId id : graph.nodes())
    if (!analysis.on_host(id) && !model.taken(id)) fail_refused(graph, id, model.choices[id], devices);
  const auto stage = [&](NodeId id) { return analysis.stage(id); };
  Assignment best;
  double least = 0;
  for (Assignment& a : candidate_assignments(model.costs, options.policy)) {
    const double price = model.price(a, stage, options.policy);
    if (!best.empty() && price >= least) continue;
    least = price;
    best = std::move(a);
  }
  std::vector<NodeChoice> choices = std::move(model.choices);
  for (const NodeId id : graph.nodes()) {
    NodeChoice& c = choices[id];
    const uint32_t i = model.index(id);
    c.device = best[i];
    if (analysis.on_host(id)) {
      c.why = analysis.why_host(id);
    } else {
      c.latency_us = model.costs.nodes[i].on[size_t(c.device)]->latency_us;
      c.why = why_here(model.costs, i, best, devices, options.policy);
    }
  }
  return choices;
}

// Without looking at stages: what the host is likely to keep.
bool host_keeps(const Graph& graph, NodeId id) {
  const Node& n = graph.node(id);
  const hrt_op* op = Registry::current().find_op(n.domain, n.op);
  if (!op || (op->flags & (HRT_OP_CONTROL | HRT_OP_DATA_SHAPE))) return true;
  for (const auto* list : {&n.inputs, &n.outputs})
    for (const ValueId v : *list)
      if (v != HRT_NONE && !fits_device(graph.value(v).type)) return true;
  return false;
}

}  // namespace

std::vector<DeviceRank> rank_devices(const Graph& graph, std::span<const std::string> devices,
                                     const Query& query, const PartitionOptions& options) {
  const Costs model(graph, devices, query, options, [&](NodeId id) { return !host_keeps(graph, id); });
  std::vector<DeviceRank> ranks;
  for (size_t d = 0; d < std::min(devices.size(), options.fallback_from); ++d) {
    DeviceRank rank{d, 0, 0, 0};
    for (const CostGraph::Node& node : model.costs.nodes) rank.takes += node.on[d].has_value();
    for (const NodeChoice& c : model.choices)
      rank.refuses += std::ranges::any_of(c.refusals, [&](const auto& r) { return r.device == d; });
    rank.cost = model.price(preferring(model.costs, d), [](NodeId) { return 0u; }, options.policy);
    ranks.push_back(rank);
  }
  std::ranges::stable_sort(ranks, {}, &DeviceRank::cost);
  return ranks;
}

Partition partition(Graph& graph, std::span<const std::string> devices, const Query& query,
                    const PartitionOptions& options) {
  if (devices.size() > kMaxDevices)
    fail(HRT_ERROR_USAGE, "{} devices are over the limit of {}", devices.size(), kMaxDevices);
  Analysis analysis(graph);
  analysis.run();
  Partition p;
  p.choices = options.split == Split::kCost ? choose_by_cost(graph, analysis, devices, query, options)
                                            : choose_in_order(graph, analysis, devices, query, options);
  p.steps = cluster(
      graph, [&](NodeId id) { return analysis.stage(id); }, [&](NodeId id) { return p.choices[id].device; });
  for (const Step& s : p.steps) p.stage_count = std::max(p.stage_count, s.stage + 1);
  p.shape_data.assign(analysis.shape_data().begin(), analysis.shape_data().end());
  return p;
}

}  // namespace hrt
