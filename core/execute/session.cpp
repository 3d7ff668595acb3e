// SPDX-License-Identifier: Apache-2.0
#include "core/execute/session.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/execute/context.h"
#include "core/execute/program.h"
#include "core/execute/threads.h"
#include "core/pass/pipeline.h"
#include "core/plugin/infer.h"
#include "core/plugin/status.h"

namespace hrt {

// A model compiled for some devices.
struct Session::Compiled {
  Runtime& runtime;
  const SessionOptions& options;
  std::shared_ptr<Graph> graph;
  std::vector<Device*> devices;
  size_t chosen = 0;  // so many of them by the user; the rest is what the runtime falls back to
  std::vector<std::string> rewrites;
  std::vector<Placement> placement;
  std::vector<Ranking> ranking;
  std::unique_ptr<Program> program;

  // failed: devices that are not to be used.
  Compiled(Runtime& r, const SessionOptions& o, std::unique_ptr<Graph> g, const std::set<std::string>& failed)
      : runtime(r), options(o), graph(std::move(g)) {
    choose_devices(failed);
    if (options.sharing == Sharing::kRanked && chosen > 1) rank();
    if (options.all_values)
      expose_all_values();
    else if (options.optimise)
      optimise();
    CompileOptions compile_options;
    compile_options.devices = devices;
    compile_options.plan_cache = options.plan_cache;
    compile_options.memory_limit = options.memory_limit;
    compile_options.partition = partition_options();
    program = std::make_unique<Program>(*graph, compile_options);
    report_placement(*program, "");
    check_fallback();
  }

  void choose_devices(const std::set<std::string>& failed) {
    const auto add = [&](Device* d) {
      if (failed.contains(d->name()) || !d->lost().empty()) return;
      if (std::ranges::find(devices, d) == devices.end()) devices.push_back(d);
    };
    for (const std::string& name : options.devices) add(&runtime.device(name));
    if (options.devices.empty())
      for (Device* d : options.sharing == Sharing::kOrder ? runtime.host_devices() : runtime.devices())
        if (!d->is_fallback()) add(d);
    if (options.sharing != Sharing::kOrder)
      std::ranges::stable_partition(devices, [](const Device* d) { return !d->is_fallback(); });
    chosen = devices.size();
    if (options.fallback == Fallback::kDeny && (chosen > 0 || !options.devices.empty())) {
      if (devices.empty()) fail(HRT_ERROR_DEVICE_LOST, "every device that was named is lost");
      return;
    }
    // In the place of one that failed goes any that works on the host; the slow ones come last.
    if (devices.size() < options.devices.size())
      for (Device* d : runtime.host_devices())
        if (!d->is_fallback()) add(d);
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

struct Session::Impl {
  Runtime& runtime;
  const SessionOptions options;
  std::vector<Port> inputs, outputs;
  // Dimensions of inputs that share a symbol with one of an earlier input: they must be equal in every run.
  struct Dim {
    size_t input, axis;
  };
  std::vector<std::pair<Dim, Dim>> equal_dims;
  std::function<std::unique_ptr<Graph>()> reload;
  std::mutex recovering;  // held while the model is compiled again
  std::set<std::string> failed;
  std::set<Device*> used;
  mutable std::mutex mutex;  // of current
  std::shared_ptr<Compiled> current;
  std::atomic<uint32_t> next_request{0};
  Threads threads;  // first to go: nothing runs any more when the rest goes

  Impl(Runtime& r, std::unique_ptr<Graph> graph, SessionOptions o)
      : runtime(r), options(std::move(o)), threads(options.threads) {
    for (const ValueId v : graph->inputs()) inputs.push_back({graph->value(v).name, graph->value(v).type});
    find_equal_dims();
    reload = graph->reload();
    if (!reload) reload = [kept = std::shared_ptr<const Graph>(graph->copy())] { return kept->copy(); };
    compile(std::move(graph));
    const Graph& g = *current->graph;
    for (size_t i = 0; i < g.outputs().size(); ++i)
      outputs.push_back({g.output_names()[i], g.value(g.outputs()[i]).type});
  }

  ~Impl() {
    // No thread of a device's may be the last to let go of what belongs to several.
    for (Device* d : used) d->settle();
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

  // For all devices that are left, until compiling fails for another reason than one of them.
  void compile(std::unique_ptr<Graph> graph) {
    for (;;) {
      try {
        std::shared_ptr<Compiled> made;
        threads.run([&] { made = std::make_shared<Compiled>(runtime, options, std::move(graph), failed); });
        used.insert(made->devices.begin(), made->devices.end());
        const std::lock_guard lock(mutex);
        current = std::move(made);
        return;
      } catch (const Error& e) {
        take_out(e);
        graph = again(e);
      }
    }
  }

  // Notes the device whose fault the error is; throws the error when it is nobody's, or nobody is left.
  void take_out(const Error& e) {
    if (e.device().empty() || failed.contains(e.device())) throw e;
    const Device& device = runtime.device(e.device());
    const bool named = std::ranges::find(options.devices, e.device()) != options.devices.end();
    if (device.is_fallback() ||
        (options.fallback == Fallback::kDeny && named && options.devices.size() == failed.size() + 1))
      throw e;
    failed.insert(e.device());
    log_warn("session", "{} is taken out: {}", e.device(), e.message());
  }

  std::shared_ptr<Compiled> compiled() const {
    const std::lock_guard lock(mutex);
    return current;
  }

  // After a run of what was compiled so failed: compiles for the devices that are left, unless another
  // request has done so. Throws the error when that cannot help.
  void recover(const std::shared_ptr<Compiled>& was, const Error& e) {
    const std::lock_guard lock(recovering);
    if (compiled() != was) return;
    take_out(e);
    compile(again(e));
  }

  // The model as it was before it was compiled.
  std::unique_ptr<Graph> again(const Error& why) const {
    auto graph = with_context(
        [&] { return fmt::format("{}; to run it elsewhere the model was read again", why.message()); },
        reload);
    const auto same = [&](size_t i) {
      const ValueDef& v = graph->value(graph->inputs()[i]);
      return v.name == inputs[i].name && v.type == inputs[i].type;
    };
    bool all = graph->inputs().size() == inputs.size() &&
               (outputs.empty() || options.all_values || graph->output_names().size() == outputs.size());
    for (size_t i = 0; all && i < inputs.size(); ++i) all = same(i);
    if (!all)
      fail(HRT_ERROR_BAD_DATA, "{}; to run it elsewhere the model was read again: it is another one now",
           why.message());
    return graph;
  }
};

Session::Session(Runtime& runtime, std::unique_ptr<Graph> graph, SessionOptions options)
    : impl_(std::make_unique<Impl>(runtime, std::move(graph), std::move(options))) {}
Session::~Session() = default;

const std::vector<Port>& Session::inputs() const { return impl_->inputs; }
const std::vector<Port>& Session::outputs() const { return impl_->outputs; }
const SessionOptions& Session::options() const { return impl_->options; }
std::shared_ptr<const Graph> Session::graph() const { return impl_->compiled()->graph; }
std::vector<Placement> Session::placement() const { return impl_->compiled()->placement; }
std::vector<Ranking> Session::ranking() const { return impl_->compiled()->ranking; }
std::vector<std::string> Session::rewrites() const { return impl_->compiled()->rewrites; }
std::unique_ptr<Request> Session::make_request() { return std::unique_ptr<Request>(new Request(*this)); }

MemoryReport Session::memory(std::span<const Type> inputs) {
  const auto compiled = impl_->compiled();
  const Graph& g = *compiled->graph;
  if (inputs.size() != g.inputs().size())
    fail(HRT_ERROR_USAGE, "the model has {} inputs, not {}", g.inputs().size(), inputs.size());
  std::map<ValueId, Type> types;
  for (size_t i = 0; i < inputs.size(); ++i) types[g.inputs()[i]] = inputs[i];
  std::shared_ptr<const PreparedStage> prepared;
  impl_->threads.run([&] { prepared = compiled->program->prepare_for(0, types); });
  const StagePlan& plan = prepared->plan;
  MemoryReport report;
  report.arena_bytes = plan.arena_bytes;
  report.unshared_bytes = plan.unshared_bytes;
  report.output_bytes = plan.kept_bytes;
  for (const ValuePlan& p : plan.values)
    if (p.home == Home::kArena)
      report.items.push_back({g.value(p.value).name, p.offset, p.bytes, p.first, p.last});
  for (const StepPlan& s : plan.steps)
    if (s.workspace_bytes > 0)
      report.items.push_back({fmt::format("workspace of cluster {}", s.step), s.workspace_offset,
                              s.workspace_bytes, s.level, s.level});
  for (const auto& [device, bytes] : plan.device_bytes)
    report.device_bytes[compiled->devices[size_t(device)]->name()] = bytes;
  for (const uint32_t i : plan.order) {
    const StepPlan& s = plan.steps[i];
    if (s.kind == StepKind::kRun) continue;
    const SlotPlan& slot = plan.slots[s.slot];
    MemoryReport::Transfer t{g.value(slot.value).name, "host", compiled->devices[size_t(slot.device)]->name(),
                             slot.bytes, s.level};
    if (s.kind == StepKind::kDownload) std::swap(t.from, t.to);
    report.transfers.push_back(std::move(t));
  }
  for (ValueId v = 0; v < g.value_limit(); ++v)
    if (g.has_value(v) && g.value(v).constant) report.constant_bytes += g.value(v).constant->bytes();
  return report;
}

struct Request::Impl {
  Session::Impl& session;
  std::shared_ptr<Session::Compiled> compiled;
  std::unique_ptr<Context> context;
  std::shared_ptr<RunToken> token = std::make_shared<RunToken>();
  uint32_t number;
  std::vector<ValuePtr> inputs;
  std::vector<const hrt_value*> raw;
  std::vector<ValuePtr> outputs;

  explicit Impl(Session::Impl& s) : session(s), number(s.next_request++) {
    inputs.resize(s.inputs.size());
    raw.resize(s.inputs.size());
    outputs.resize(s.outputs.size());
    follow();
  }

  // Goes over to what the session is compiled to now.
  void follow() {
    auto now = session.compiled();
    if (now == compiled) return;
    context = std::make_unique<Context>(*now->program);
    compiled = std::move(now);
  }

  // A symbol means the same number wherever the inputs mention it.
  void check_symbols() const {
    for (const auto& [a, b] : session.equal_dims) {
      const int64_t x = inputs[a.input]->type.dims()[a.axis], y = inputs[b.input]->type.dims()[b.axis];
      if (x == y) continue;
      const Port &p = session.inputs[a.input], &q = session.inputs[b.input];
      fail(HRT_ERROR_BAD_DATA, "dimension \"{}\" is {} in input \"{}\" and {} in input \"{}\"",
           compiled->graph->symbol_name(p.type.dims()[a.axis]), x, p.name, y, q.name);
    }
  }

  // On the devices that are left, until it succeeds or fails for another reason than one of them.
  void run(const RunState& state) {
    for (;;) {
      const uint64_t begin = state.trace ? now_ns() : 0;
      try {
        follow();
        return context->run(raw, nullptr, state);
      } catch (const Error& e) {
        if (e.device().empty()) throw;
        session.recover(compiled, e);
        if (state.trace)
          state.trace->add(fmt::format("runs again: {}", e.message()), "taken out", e.device(), number, begin,
                           now_ns());
      }
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
  impl_->token->start(options.deadline);
  impl_->run({impl_->token, options.trace, impl_->number, &s.threads});
  for (size_t i = 0; i < impl_->outputs.size(); ++i) impl_->outputs[i] = impl_->context->output(i);
}

const ValuePtr& Request::output(size_t index) const {
  if (index >= impl_->session.outputs.size())
    fail(HRT_ERROR_USAGE, "the model has {} outputs, there is no output {}", impl_->session.outputs.size(),
         index);
  if (!impl_->outputs[index]) fail(HRT_ERROR_USAGE, "there is no output before the first run");
  return impl_->outputs[index];
}

void Request::cancel() { impl_->token->cancel(); }

}  // namespace hrt
