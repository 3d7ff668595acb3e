// SPDX-License-Identifier: Apache-2.0
#include "core/pass/pipeline.h"

#include <algorithm>
#include <deque>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/graph/transaction.h"
#include "core/plugin/host.h"
#include "core/plugin/infer.h"
#include "core/plugin/kernel.h"
#include "core/plugin/status.h"

// The host's side of a pipeline run, as passes see it.
struct hrt_pass_run {
  uint64_t fold_limit;
};

namespace hrt {
namespace {

void evaluate_node(hrt_pass_run* run, Transaction& t, NodeId id, uint32_t* values) {
  const Graph& g = t.graph();
  if (!g.has_node(id)) fail(HRT_ERROR_BAD_DATA, "there is no node {}", id);
  const Node& n = g.node(id);
  const hrt_op& op = Registry::current().op(n.domain, n.op);
  if (!op.compute || (op.flags & (HRT_OP_NONDETERMINISTIC | HRT_OP_CONTROL)))
    fail(HRT_ERROR_UNSUPPORTED, "{} cannot be folded", n.describe());
  for (const ValueId v : n.outputs) {
    if (v == HRT_NONE) continue;
    const Type& type = g.value(v).type;
    const bool known = type.is_static();
    if (!type.is_tensor() || (known && tensor_bytes(type.dtype(), type.dims()) > run->fold_limit))
      fail(HRT_ERROR_UNSUPPORTED, "{}: the result is too large to fold, or no tensor", n.describe());
  }
  std::vector<ValuePtr> inputs;
  std::vector<const hrt_value*> raw;
  for (const ValueId v : n.inputs) {
    if (v != HRT_NONE && !g.value(v).constant)
      fail(HRT_ERROR_BAD_DATA, "{} has an input that is not constant", n.describe());
    inputs.push_back(v == HRT_NONE ? nullptr : make_value(*g.value(v).constant));
    raw.push_back(inputs.back().get());
  }
  const auto results = evaluate(g, id, raw);
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i] && (!results[i]->type.is_tensor() || results[i]->tensor.bytes() > run->fold_limit))
      fail(HRT_ERROR_UNSUPPORTED, "{}: the result is too large to fold, or no tensor", n.describe());
  }
  for (size_t i = 0; i < results.size(); ++i)
    values[i] = results[i] ? t.add_constant("", std::make_shared<Tensor>(results[i]->tensor)) : HRT_NONE;
}

const hrt_pass_host_api g_pass_host_api = {
    sizeof(hrt_pass_host_api),
    /*evaluate=*/
    [](hrt_pass_run* run, hrt_edit* edit, uint32_t node, uint32_t* values) {
      return guard([&] { evaluate_node(run, transaction_of(edit), node, values); });
    },
    /*op_flags=*/
    [](hrt_pass_run*, const hrt_graph* graph, uint32_t node) noexcept -> uint32_t {
      const Graph& g = graph_of(graph);
      const hrt_op* op =
          g.has_node(node) ? Registry::current().find_op(g.node(node).domain, g.node(node).op) : nullptr;
      return op ? op->flags : uint32_t(HRT_OP_NONDETERMINISTIC);
    },
};

class Pipeline {
 public:
  Pipeline(const PipelineOptions& options, std::vector<PassInfo> passes)
      : options_(options), passes_(std::move(passes)), run_{options.fold_limit} {}

  void run(Graph& graph) {
    for (const hrt_phase phase : {HRT_PHASE_CLEANUP, HRT_PHASE_FUSE, HRT_PHASE_LAYOUT, HRT_PHASE_CLEANUP}) {
      if (phase == HRT_PHASE_FUSE && !options_.fuse) continue;
      run_everywhere(graph, phase);
    }
  }

  std::vector<std::string> take_log() { return std::move(log_); }

 private:
  void run_everywhere(Graph& graph, hrt_phase phase) {  // innermost bodies first
    for (const NodeId id : graph.nodes())
      for (const auto& [name, body] : graph.bodies(id)) run_everywhere(*body, phase);
    run_phase(graph, phase);
    sweep(graph);
  }

  void run_phase(Graph& graph, hrt_phase phase) {
    inputs_ = graph.inputs();
    output_names_ = graph.output_names();
    std::deque<NodeId> work(graph.nodes().begin(), graph.nodes().end());
    std::vector<char> queued(graph.node_limit(), 1);
    auto enqueue = [&](NodeId id) {
      if (id == HRT_NONE || !graph.has_node(id)) return;
      queued.resize(std::max<size_t>(queued.size(), graph.node_limit()), 0);
      if (!queued[id]) {
        queued[id] = 1;
        work.push_back(id);
      }
    };
    // A pass that undoes another's work would go on for ever.
    size_t budget = 100 + 50 * graph.nodes().size();
    while (!work.empty() && budget > 0) {
      const NodeId id = work.front();
      work.pop_front();
      queued[id] = 0;
      for (const PassInfo& pass : passes_) {
        if (pass.pass->phase != phase || !graph.has_node(id)) continue;
        const uint32_t limit = graph.node_limit();
        const auto around = neighbours(graph, id);
        if (!rewrite(graph, *pass.pass, id)) continue;
        --budget;
        enqueue(id);
        for (const NodeId n : around) enqueue(n);
        for (NodeId n = limit; n < graph.node_limit(); ++n) {
          if (!graph.has_node(n)) continue;
          enqueue(n);
          for (const NodeId m : neighbours(graph, n)) enqueue(m);
        }
      }
    }
    if (budget == 0) log_warn("passes", "graph \"{}\": the passes do not settle; stopped", graph.name());
  }

  static std::vector<NodeId> neighbours(const Graph& graph, NodeId id) {
    std::vector<NodeId> list;
    for (const ValueId v : graph.node(id).inputs)
      if (v != HRT_NONE) list.push_back(graph.value(v).producer);
    for (const ValueId v : graph.node(id).outputs)
      if (v != HRT_NONE)
        list.insert(list.end(), graph.value(v).consumers.begin(), graph.value(v).consumers.end());
    return list;
  }

  bool rewrite(Graph& graph, const hrt_pass& pass, NodeId id) {
    Transaction t(graph);
    const uint32_t limit = graph.node_limit();
    try {
      uint32_t changed = 0;
      check(pass.rewrite(&pass, &run_, &t, id, &changed), "");
      if (!changed || !t.changed()) return false;
      if (graph.inputs() != inputs_ || graph.output_names() != output_names_)
        fail(HRT_ERROR_INTERNAL, "a pass must keep the graph's inputs and outputs");
      annotate(t);
      if (pass.phase == HRT_PHASE_FUSE && options_.accepts)
        for (NodeId n = limit; n < graph.node_limit(); ++n)
          if (graph.has_node(n) && !options_.accepts(graph, n)) return false;
      log_.push_back(fmt::format("{}: {}", pass.name, one_line(t.diff())));
      t.commit();
      return true;
    } catch (const Error& e) {
      t.rollback();
      log_warn("passes", "{} at {}: rolled back: {}", pass.name, graph.node(id).describe(), e.message());
      return false;
    }
  }

  static std::string one_line(std::string diff) {
    while (!diff.empty() && diff.back() == '\n') diff.pop_back();
    for (size_t at = 0; (at = diff.find('\n', at)) != std::string::npos; at += 2) diff.replace(at, 1, ", ");
    return diff;
  }

  // What nobody needs any more and no pass sees: constants and captures.
  static void sweep(Graph& graph) {
    Transaction t(graph);
    t.remove_unused_captures();
    for (ValueId v = 0; v < graph.value_limit(); ++v)
      if (graph.has_value(v) && graph.value(v).constant && graph.value(v).unused()) t.remove_constant(v);
    t.commit();
  }

  const PipelineOptions& options_;
  std::vector<PassInfo> passes_;
  hrt_pass_run run_;
  std::vector<ValueId> inputs_;  // of the graph in work: what a pass must not touch
  std::vector<std::string> output_names_;
  std::vector<std::string> log_;
};

}  // namespace

void provide_pass_interface() { provide_host_interface("hrt.host.pass/1", &g_pass_host_api); }

std::vector<PassInfo> list_passes(Registry& registry) {
  std::vector<PassInfo> list;
  for (const auto& [api, plugin] : registry.passes())
    for (size_t i = 0; i < api->pass_count; ++i)
      if (api->passes[i] && HRT_HAS(api->passes[i], rewrite) && api->passes[i]->rewrite)
        list.push_back({api->passes[i], plugin});
  return list;
}

std::vector<std::string> run_passes(Registry& registry, Graph& graph, const PipelineOptions& options) {
  std::vector<PassInfo> all = list_passes(registry);
  std::vector<PassInfo> chosen;
  for (const std::string& name : options.passes) {
    const auto it = std::ranges::find_if(all, [&](const PassInfo& p) { return name == p.pass->name; });
    if (it == all.end()) {
      std::vector<std::string> names;
      for (const PassInfo& p : all) names.emplace_back(p.pass->name);
      const std::string near = nearest(name, names);
      fail(HRT_ERROR_USAGE, "there is no pass \"{}\"{}", name,
           near.empty() ? "" : ", did you mean " + near + "?");
    }
    chosen.push_back(*it);
  }
  Pipeline pipeline(options, options.passes.empty() ? std::move(all) : std::move(chosen));
  pipeline.run(graph);
  annotate(graph);
  verify_structure(graph);
  return pipeline.take_log();
}

}  // namespace hrt
