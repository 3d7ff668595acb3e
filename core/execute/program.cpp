// SPDX-License-Identifier: Apache-2.0
#include "core/execute/program.h"

#include <algorithm>
#include <set>

#include "core/base/checked.h"
#include "core/execute/run.h"
#include "core/plugin/status.h"

namespace hrt {
namespace {

// Constants larger than this are not kept for inference at other shapes: no shape is computed from them.
constexpr size_t kInferenceBytes = 64 * 1024;

// A loop may come upon another shape in each iteration, and upon all of them again in the next run: a decoder
// that appends a token does. Its body keeps so many times the plans that a model keeps.
constexpr unsigned kBodyPlans = 32;

}  // namespace

std::vector<Support> query_device(Device& device, const Graph& graph) {
  const size_t count = graph.nodes().size();
  const auto raw = std::make_shared<std::vector<hrt_node_support>>(
      count, hrt_node_support{sizeof(hrt_node_support), 0, "", 0, 0, 0});
  hrt_device* handle = device.handle();
  device.call(device.name(),
              [raw, handle, &api = device.api(), &graph, keep = graph.weak_from_this().lock()] {
                return api.query_nodes(handle, &graph, raw->data(), raw->size(), sizeof(hrt_node_support));
              });
  std::vector<Support> out;
  for (hrt_node_support& r : *raw) {
    r.reason[sizeof(r.reason) - 1] = 0;
    out.push_back({r.supported != 0, r.reason, r.latency_us, r.energy_uj, r.workspace_bytes});
  }
  return out;
}

bool PreparedStage::matches(const std::vector<const hrt_value*>& values) const {
  for (const Key& k : key) {
    const hrt_value* v = values[k.value];
    if (!v || !(v->type == k.type)) return false;
    if (k.data && !identical(*k.data, v->tensor)) return false;
  }
  return true;
}

Program::Program(Graph& graph, const CompileOptions& options) : graph_(graph), options_(options) {
  std::vector<std::string> names;
  for (const Device* d : options_.devices) {
    names.push_back(d->name());
    spaces_.push_back(d->space());
  }
  partition_ = hrt::partition(
      graph_, names, [&](size_t d, const Graph& g) { return query_device(*options_.devices[d], g); },
      options_.partition);
  steps_.resize(partition_.steps.size());
  for (uint32_t i = 0; i < steps_.size(); ++i) {
    if (partition_.steps[i].device >= 0)
      compile_step(i);
    else
      compile_bodies(i);
  }
  find_incoming();
  drop_packed_constants();
  base_facts_ = std::make_unique<Facts>(graph_);
  for (ValueId v = 0; v < graph_.value_limit(); ++v) {
    if (!graph_.has_value(v) || !graph_.value(v).constant) continue;
    if (dropped_.contains(v))
      (*base_facts_)[v].type = dropped_.at(v);
    else
      (*base_facts_)[v] = fact_of(graph_.value(v).constant);
  }
  cache_.resize(partition_.stage_count);
}

std::string Program::describe(const Compiled& step) const {
  const Graph& sub = *step.sub.graph;
  const std::string first = sub.node(sub.nodes().front()).describe();
  return sub.nodes().size() == 1
             ? fmt::format("{}: {}", step.device->name(), first)
             : fmt::format("{}: {} nodes from {}", step.device->name(), sub.nodes().size(), first);
}

void Program::compile_step(uint32_t index) {
  const Step& step = partition_.steps[index];
  Compiled& c = steps_[index];
  c.sub = extract(graph_, step.nodes);
  c.device = options_.devices[size_t(step.device)];
  for (const NodeId id : step.nodes) c.latency_us += partition_.choices[id].latency_us;
  const hrt_backend_api& api = c.device->api();
  hrt_device* device = c.device->handle();
  c.handle = c.device->make<hrt_executable>(describe(c), api.executable_destroy,
                                            [&api, device, graph = c.sub.graph](hrt_executable** out) {
                                              return api.compile(device, graph.get(), out);
                                            });
  has_queues_ |= c.device->has_queue();
  // What the backend did not retain is not needed any more.
  if (c.sub.graph.use_count() == 1) {
    Transaction t(*c.sub.graph);
    for (ValueId v = 0; v < c.sub.graph->value_limit(); ++v)
      if (c.sub.graph->has_value(v)) t.drop_constant_data(v);
    t.commit();
  }
}

void Program::compile_bodies(uint32_t index) {
  const NodeId id = partition_.steps[index].nodes.front();
  CompileOptions options = options_;
  if (!graph_.parent()) options.plan_cache *= kBodyPlans;
  for (const auto& [name, body] : graph_.bodies(id)) {
    try {
      bodies_[id][name].program = std::make_unique<Program>(*body, options);
    } catch (const Error& e) {
      std::string text = fmt::format("{}, {}: {}", graph_.node(id).describe(), name, e.message());
      if (e.code() != HRT_ERROR_BAD_DATA) throw Error(e.code(), std::move(text), e.device());
      bodies_[id][name].broken = std::move(text);
    }
  }
}

void Program::find_incoming() {
  incoming_.resize(partition_.stage_count);
  for (uint32_t stage = 0; stage < partition_.stage_count; ++stage) {
    std::set<ValueId> made, read;
    for (const Step& s : partition_.steps) {
      if (s.stage != stage) continue;
      for (const NodeId id : s.nodes) {
        for_each_read(graph_, id, [&](ValueId v) { read.insert(v); });
        for (const ValueId v : graph_.node(id).outputs) made.insert(v);
      }
    }
    for (const ValueId v : read)
      if (!made.contains(v) && !graph_.value(v).constant) incoming_[stage].push_back(v);
  }
}

void Program::drop_packed_constants() {
  std::set<NodeId> host;
  for (const Step& s : partition_.steps)
    if (s.device < 0) host.insert(s.nodes.front());
  Transaction t(graph_);
  for (ValueId v = 0; v < graph_.value_limit(); ++v) {
    if (!graph_.has_value(v)) continue;
    const ValueDef& def = graph_.value(v);
    if (!def.constant || def.constant->bytes() <= kInferenceBytes || def.output_uses > 0) continue;
    if (std::ranges::any_of(def.consumers, [&](NodeId n) { return host.contains(n); })) continue;
    dropped_[v] = def.constant->type();
    t.drop_constant_data(v);
  }
  t.commit();
}

std::shared_ptr<hrt_prepared> Program::prepare_step(const Compiled& step, const Facts& facts,
                                                    uint64_t& workspace) const {
  struct Shapes {
    std::vector<Fact> facts;  // keeps alive what the rest points to
    std::vector<const hrt_type*> types;
    std::vector<hrt_tensor> tensors;
    std::vector<const hrt_tensor*> known;
    hrt_requirements needs{sizeof(hrt_requirements), 0};
  };
  const auto s = std::make_shared<Shapes>();
  const uint32_t limit = step.sub.graph->value_limit();
  s->facts.resize(limit);
  s->types.resize(limit, nullptr);
  s->tensors.resize(limit);
  s->known.resize(limit, nullptr);
  for (ValueId v = 0; v < limit; ++v) {
    const ValueId original = step.sub.value_map[v];
    if (original == HRT_NONE) continue;
    s->facts[v] = facts.at(original);
    s->types[v] = &s->facts[v].type.c();
    if (!s->facts[v].constant) continue;
    s->tensors[v] = s->facts[v].constant->c();
    s->known[v] = &s->tensors[v];
  }
  const hrt_backend_api& api = step.device->api();
  auto made = step.device->make<hrt_prepared>(
      describe(step), api.prepared_destroy, [&api, s, executable = step.handle](hrt_prepared** out) {
        const hrt_shapes shapes{sizeof(hrt_shapes), s->types.data(), s->known.data(),
                                uint32_t(s->types.size())};
        return api.prepare(executable.get(), &shapes, out, &s->needs);
      });
  workspace = s->needs.workspace_bytes;
  return made;
}

std::shared_ptr<PreparedStage> Program::make(uint32_t stage, Facts facts,
                                             std::vector<PreparedStage::Key> key) {
  auto out = std::make_shared<PreparedStage>();
  out->key = std::move(key);
  std::map<uint32_t, std::shared_ptr<hrt_prepared>> by_step;
  const PlanDevices devices{spaces_, [&](uint32_t index) { return std::span(steps_[index].sub.inputs); },
                            [&](uint32_t index) { return std::span(steps_[index].sub.outputs); }};
  out->plan = plan_stage(
      graph_, partition_, stage, facts,
      [&](uint32_t index, const Facts& known) {
        uint64_t workspace = 0;
        by_step[index] = prepare_step(steps_[index], known, workspace);
        return workspace;
      },
      devices);
  for (const StepPlan& s : out->plan.steps)
    out->prepared.push_back(s.kind == StepKind::kRun ? std::move(by_step[s.step]) : nullptr);
  const uint64_t bytes = checked_add(out->plan.arena_bytes, out->plan.kept_bytes);
  if (options_.memory_limit != 0 && bytes > options_.memory_limit)
    fail(HRT_ERROR_MEMORY, "the plan needs {} bytes for values and workspaces, the limit is {}", bytes,
         options_.memory_limit);
  return out;
}

std::shared_ptr<const PreparedStage> Program::prepare(uint32_t stage,
                                                      const std::vector<const hrt_value*>& values) {
  {
    const std::lock_guard lock(mutex_);
    auto& list = cache_[stage];
    for (auto it = list.begin(); it != list.end(); ++it) {
      if (!(*it)->matches(values)) continue;
      list.splice(list.begin(), list, it);
      return list.front();
    }
  }
  Facts facts = *base_facts_;
  std::vector<PreparedStage::Key> key;
  for (const ValueId v : incoming_[stage]) {
    const hrt_value* value = values[v];
    if (!value) fail(HRT_ERROR_INTERNAL, "\"{}\" has no value when its stage begins", graph_.value(v).name);
    // Devices compiled for tensors as the graph describes them: what comes in must be like that.
    if (graph_.value(v).type.is_tensor())
      with_context([&] { return fmt::format("\"{}\"", graph_.value(v).name); },
                   [&] { merge(graph_.value(v).type, value->type); });
    PreparedStage::Key k{v, value->type, nullptr};
    if (std::ranges::binary_search(partition_.shape_data, v) && value->type.is_tensor())
      k.data = std::make_shared<Tensor>(Tensor::copy_of(value->tensor.c()));
    facts[v] = k.data ? fact_of(k.data) : Fact{k.type, nullptr, std::nullopt};
    key.push_back(std::move(k));
  }
  std::shared_ptr<const PreparedStage> made = make(stage, std::move(facts), std::move(key));
  const std::lock_guard lock(mutex_);
  auto& list = cache_[stage];
  list.push_front(made);
  trim(list, options_.plan_cache, [](const PreparedStage& s) { return s.bytes(); });
  return made;
}

std::shared_ptr<const PreparedStage> Program::prepare_for(uint32_t stage,
                                                          const std::map<ValueId, Type>& types) {
  Facts facts = *base_facts_;
  for (const ValueId v : incoming_[stage]) {
    const auto it = types.find(v);
    if (it == types.end() || (it->second.is_tensor() && !it->second.is_static()))
      fail(HRT_ERROR_UNSUPPORTED, "the type of \"{}\" is known only when the model runs",
           graph_.value(v).name);
    facts[v].type = it->second;
  }
  return make(stage, std::move(facts), {});
}

}  // namespace hrt
