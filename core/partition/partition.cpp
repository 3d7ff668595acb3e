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

std::vector<NodeChoice> choose(const Graph& graph, const Analysis& analysis,
                               std::span<const std::string> devices, const Query& query) {
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
    const auto support = query(d, *sub.graph);
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
  for (const NodeId id : open) {
    std::string reasons;
    for (const auto& r : choices[id].refusals)
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", devices[r.device], r.reason);
    fail(HRT_ERROR_UNSUPPORTED, "{} runs on none of the chosen devices: {}", graph.node(id).describe(),
         reasons);
  }
  return choices;
}

std::vector<Step> cluster(const Graph& graph, const Analysis& analysis,
                          const std::vector<NodeChoice>& choices) {
  const uint32_t limit = graph.node_limit();
  std::vector<uint32_t> depth(limit, 0);
  std::map<std::tuple<uint32_t, uint32_t, int, NodeId>, std::vector<NodeId>>
      groups;  // stage, depth, device, host node
  auto predecessors = [&](NodeId id, auto&& f) {
    auto one = [&](ValueId v) {
      if (v != HRT_NONE && graph.value(v).producer != HRT_NONE) f(graph.value(v).producer);
    };
    for (const ValueId v : graph.node(id).inputs) one(v);
    for (const auto& [name, body] : graph.bodies(id))
      for (const Capture& c : body->captures()) one(c.outer);
  };
  for (const NodeId id : graph.nodes()) {
    const int device = choices[id].device;
    predecessors(id, [&](NodeId p) {
      if (analysis.stage(p) != analysis.stage(id)) return;
      const bool same = device >= 0 && choices[p].device == device;
      depth[id] = std::max(depth[id], depth[p] + (same ? 0 : 1));
    });
    groups[{analysis.stage(id), depth[id], device, device < 0 ? id : HRT_NONE}].push_back(id);
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

}  // namespace

Partition partition(Graph& graph, std::span<const std::string> devices, const Query& query) {
  Analysis analysis(graph);
  analysis.run();
  Partition p;
  p.choices = choose(graph, analysis, devices, query);
  p.steps = cluster(graph, analysis, p.choices);
  for (const Step& s : p.steps) p.stage_count = std::max(p.stage_count, s.stage + 1);
  p.shape_data.assign(analysis.shape_data().begin(), analysis.shape_data().end());
  return p;
}

}  // namespace hrt
