// SPDX-License-Identifier: Apache-2.0
#include "core/execute/session.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "core/base/error.h"
#include "core/base/handoff.h"
#include "core/base/log.h"
#include "core/execute/context.h"
#include "core/execute/program.h"
#include "core/pass/pipeline.h"
#include "core/plugin/infer.h"
#include "core/plugin/status.h"

namespace hrt {

struct Session::Impl {
  Runtime& runtime;
  std::shared_ptr<Graph> graph;
  SessionOptions options;
  std::vector<Device*> devices;
  size_t chosen = 0;  // so many of them by the user; the rest is what the runtime falls back to
  std::vector<std::string> rewrites;
  std::vector<Port> inputs, outputs;
  // Dimensions of inputs that share a symbol with one of an earlier input: they must be equal in every run.
  struct Dim {
    size_t input, axis;
  };
  std::vector<std::pair<Dim, Dim>> equal_dims;
  std::vector<Placement> placement;
  std::vector<Ranking> ranking;
  std::unique_ptr<Program> program;
  std::unique_ptr<tbb::global_control> more_threads;
  std::unique_ptr<tbb::task_arena> arena;
  std::atomic<uint32_t> next_request{0};

  Impl(Runtime& r, std::unique_ptr<Graph> g, SessionOptions o)
      : runtime(r), graph(std::move(g)), options(std::move(o)) {
    start_threads();
    on_threads([&] { compile(); });
  }

  // Runs f on the threads of this session.
  template <class F>
  void on_threads(F&& f) {
    Handoff handoff;
    handoff.give();
    // The scheduler calls this through a reference, which is read before the hand-over can be told.
    arena->execute([&]() __attribute__((no_sanitize("thread"))) {
      const Handoff::Work work(handoff);
      f();
    });
  }

  void start_threads() {
    if (options.threads > 1024)
      fail(HRT_ERROR_USAGE, "{} threads are over the limit of 1024", options.threads);
    const int cores = tbb::this_task_arena::max_concurrency();
    const int threads = options.threads == 0 ? cores : int(options.threads);
    if (threads > cores)
      more_threads = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                           size_t(threads));
    arena = std::make_unique<tbb::task_arena>(threads);
  }

  void compile() {
    choose_devices();
    if (options.sharing == Sharing::kRanked && chosen > 1) rank();
    for (const ValueId v : graph->inputs()) inputs.push_back({graph->value(v).name, graph->value(v).type});
    find_equal_dims();
    if (options.all_values)
      expose_all_values();
    else if (options.optimise)
      optimise();
    for (size_t i = 0; i < graph->outputs().size(); ++i)
      outputs.push_back({graph->output_names()[i], graph->value(graph->outputs()[i]).type});
    CompileOptions compile_options;
    compile_options.devices = devices;
    compile_options.plan_cache = options.plan_cache;
    compile_options.memory_limit = options.memory_limit;
    compile_options.partition = partition_options();
    program = std::make_unique<Program>(*graph, compile_options);
    report_placement(*program, "");
    check_fallback();
  }

  void find_equal_dims() {
    std::map<int64_t, Dim> first;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].type.is_tensor() || !inputs[i].type.ranked()) continue;
      const auto dims = inputs[i].type.dims();
      for (size_t k = 0; k < dims.size(); ++k) {
        if (!HRT_DIM_IS_SYMBOL(dims[k])) continue;
        const auto [it, fresh] = first.emplace(dims[k], Dim{i, k});
        if (!fresh) equal_dims.push_back({it->second, {i, k}});
      }
    }
  }

  void choose_devices() {
    auto add = [&](Device* d) {
      if (std::ranges::find(devices, d) == devices.end()) devices.push_back(d);
    };
    for (const std::string& name : options.devices) add(&runtime.device(name));
    if (options.devices.empty())
      for (Device* d : options.sharing == Sharing::kOrder ? runtime.host_devices() : runtime.devices())
        if (!d->is_fallback()) add(d);
    if (options.sharing != Sharing::kOrder)
      std::ranges::stable_partition(devices, [](const Device* d) { return !d->is_fallback(); });
    chosen = devices.size();
    if (options.fallback == Fallback::kDeny && chosen > 0) return;
    for (Device* d : runtime.host_devices())
      if (d->is_fallback()) add(d);
    if (devices.empty()) fail(HRT_ERROR_USAGE, "there is no device: no backend was found");
  }

  PartitionOptions partition_options() const {
    PartitionOptions p;
    p.split = options.sharing == Sharing::kCost ? Split::kCost : Split::kOrder;
    p.policy = options.policy;
    for (const Device* d : devices) p.costs.push_back(d->cost());
    // A fallback that was named stays one: its estimates are those of loops that are only meant to be right.
    const auto first = std::ranges::find_if(devices, &Device::is_fallback);
    if (first != devices.begin()) p.fallback_from = size_t(first - devices.begin());
    return p;
  }

  // Puts the chosen devices into the order of what the whole model would cost on them.
  void rank() {
    std::vector<std::string> names;
    for (const Device* d : devices) names.push_back(d->name());
    const auto ask = [&](size_t d, const Graph& g) { return query_device(*devices[d], g); };
    const std::vector<Device*> found = devices;
    const auto ranks = rank_devices(*graph, names, ask, partition_options());
    for (size_t i = 0; i < ranks.size(); ++i) {
      const DeviceRank& r = ranks[i];
      devices[i] = found[r.device];
      ranking.push_back({names[r.device], price_text(r.cost, options.policy), r.takes, r.refuses});
    }
  }

  bool first_choice_accepts(const Graph& g, NodeId id) {
    return query_device(*devices.front(), *extract(g, std::span(&id, 1)).graph).front().supported;
  }

  void optimise() {
    PipelineOptions pipeline;
    pipeline.passes = options.passes;
    pipeline.accepts = [&](const Graph& g, NodeId id) { return first_choice_accepts(g, id); };
    rewrites = run_passes(runtime.registry(), *graph, pipeline);
  }

  void expose_all_values() {
    Transaction t(*graph);
    std::vector<ValueId> all = graph->outputs();
    std::vector<std::string> names = graph->output_names();
    for (const NodeId id : graph->nodes()) {
      for (const ValueId v : graph->node(id).outputs) {
        if (v == HRT_NONE || graph->value(v).output_uses > 0 || !graph->value(v).type.is_tensor()) continue;
        all.push_back(v);
        names.push_back(graph->value(v).name);
      }
    }
    t.set_outputs(std::move(all));
    t.set_output_names(std::move(names));
    t.commit();
  }

  void report_placement(const Program& p, const std::string& prefix) {
    const Partition& part = p.partition();
    for (size_t s = 0; s < part.steps.size(); ++s) {
      for (const NodeId id : part.steps[s].nodes) {
        const Node& n = p.graph().node(id);
        const NodeChoice& choice = part.choices[id];
        Placement row;
        row.node = prefix + node_label(n);
        row.op = op_label(n);
        row.device = choice.device < 0 ? "host" : devices[size_t(choice.device)]->name();
        row.cluster = int(s);
        row.why = choice.why;
        for (const auto& r : choice.refusals) row.refusals.push_back({devices[r.device]->name(), r.reason});
        placement.push_back(std::move(row));
      }
    }
    for (const auto& [id, bodies] : p.bodies())
      for (const auto& [name, body] : bodies)
        if (body.program)
          report_placement(*body.program,
                           fmt::format("{}{}/{}/", prefix, node_label(p.graph().node(id)), name));
  }

  // What the user did not choose, but the runtime fell back to.
  void check_fallback() const {
    if (options.fallback != Fallback::kWarn) return;
    std::map<std::string, int> fallen;
    for (const Placement& row : placement)
      for (size_t d = chosen; d < devices.size(); ++d)
        if (row.device == devices[d]->name())
          ++fallen[fmt::format("{} runs on {}: {}", row.op, row.device,
                               row.refusals.empty() ? row.why : row.refusals.front().reason)];
    for (const auto& [text, count] : fallen) log_warn("fallback", "{} node(s) of {}", count, text);
  }
};

Session::Session(Runtime& runtime, std::unique_ptr<Graph> graph, SessionOptions options)
    : impl_(std::make_unique<Impl>(runtime, std::move(graph), std::move(options))) {}
Session::~Session() = default;

const std::vector<Port>& Session::inputs() const { return impl_->inputs; }
const std::vector<Port>& Session::outputs() const { return impl_->outputs; }
const Graph& Session::graph() const { return *impl_->graph; }
const SessionOptions& Session::options() const { return impl_->options; }
const std::vector<Placement>& Session::placement() const { return impl_->placement; }
const std::vector<Ranking>& Session::ranking() const { return impl_->ranking; }
const std::vector<std::string>& Session::rewrites() const { return impl_->rewrites; }
std::unique_ptr<Request> Session::make_request() { return std::unique_ptr<Request>(new Request(*this)); }

MemoryReport Session::memory(std::span<const Type> inputs) {
  const Graph& g = *impl_->graph;
  if (inputs.size() != g.inputs().size())
    fail(HRT_ERROR_USAGE, "the model has {} inputs, not {}", g.inputs().size(), inputs.size());
  std::map<ValueId, Type> types;
  for (size_t i = 0; i < inputs.size(); ++i) types[g.inputs()[i]] = inputs[i];
  std::shared_ptr<const PreparedStage> prepared;
  impl_->on_threads([&] { prepared = impl_->program->prepare_for(0, types); });
  MemoryReport report;
  report.arena_bytes = prepared->plan.arena_bytes;
  report.unshared_bytes = prepared->plan.unshared_bytes;
  report.output_bytes = prepared->plan.kept_bytes;
  for (const ValuePlan& p : prepared->plan.values)
    if (p.home == Home::kArena)
      report.items.push_back({g.value(p.value).name, p.offset, p.bytes, p.first, p.last});
  for (const StepPlan& s : prepared->plan.steps)
    if (s.workspace_bytes > 0)
      report.items.push_back({fmt::format("workspace of cluster {}", s.step), s.workspace_offset,
                              s.workspace_bytes, s.level, s.level});
  for (ValueId v = 0; v < g.value_limit(); ++v)
    if (g.has_value(v) && g.value(v).constant) report.constant_bytes += g.value(v).constant->bytes();
  return report;
}

struct Request::Impl {
  Session::Impl& session;
  Context context;
  RunToken token;
  uint32_t number;
  std::vector<ValuePtr> inputs;
  std::vector<const hrt_value*> raw;
  std::vector<ValuePtr> outputs;

  explicit Impl(Session::Impl& s) : session(s), context(*s.program), number(s.next_request++) {
    inputs.resize(s.inputs.size());
    raw.resize(s.inputs.size());
    outputs.resize(s.outputs.size());
  }

  // A symbol means the same number wherever the inputs mention it.
  void check_symbols() const {
    for (const auto& [a, b] : session.equal_dims) {
      const int64_t x = inputs[a.input]->type.dims()[a.axis], y = inputs[b.input]->type.dims()[b.axis];
      if (x == y) continue;
      const Port &p = session.inputs[a.input], &q = session.inputs[b.input];
      fail(HRT_ERROR_BAD_DATA, "dimension \"{}\" is {} in input \"{}\" and {} in input \"{}\"",
           session.graph->symbol_name(p.type.dims()[a.axis]), x, p.name, y, q.name);
    }
  }
};

Request::Request(Session& session) : impl_(std::make_unique<Impl>(*session.impl_)) {}
Request::~Request() = default;

void Request::set_input(size_t index, ValuePtr value) {
  auto& s = impl_->session;
  if (index >= s.inputs.size())
    fail(HRT_ERROR_USAGE, "the model has {} inputs, there is no input {}", s.inputs.size(), index);
  const Port& port = s.inputs[index];
  if (!value) fail(HRT_ERROR_USAGE, "input \"{}\" is set to nothing", port.name);
  try {
    merge(port.type, value->type);
  } catch (const Error&) {
    fail(HRT_ERROR_BAD_DATA, "input \"{}\" must be {}, got {}", port.name, to_string(port.type),
         to_string(value->type));
  }
  impl_->inputs[index] = std::move(value);
  impl_->raw[index] = impl_->inputs[index].get();
}

void Request::run(const RunOptions& options) {
  auto& s = impl_->session;
  for (size_t i = 0; i < s.inputs.size(); ++i)
    if (!impl_->inputs[i]) fail(HRT_ERROR_USAGE, "input \"{}\" is not set", s.inputs[i].name);
  impl_->check_symbols();
  impl_->token.start(options.deadline);
  const RunState state{&impl_->token, options.trace, impl_->number};
  s.on_threads([&] { impl_->context.run(impl_->raw, nullptr, state); });
  for (size_t i = 0; i < impl_->outputs.size(); ++i) impl_->outputs[i] = impl_->context.output(i);
}

const ValuePtr& Request::output(size_t index) const {
  if (index >= impl_->session.outputs.size())
    fail(HRT_ERROR_USAGE, "the model has {} outputs, there is no output {}", impl_->session.outputs.size(),
         index);
  if (!impl_->outputs[index]) fail(HRT_ERROR_USAGE, "there is no output before the first run");
  return impl_->outputs[index];
}

void Request::cancel() { impl_->token.cancel(); }

}  // namespace hrt
