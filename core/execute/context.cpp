// SPDX-License-Identifier: Apache-2.0
#include "core/execute/context.h"

#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/handoff.h"
#include "core/plugin/status.h"

namespace hrt {
namespace {

// Independent steps are worth a task of their own from this much estimated work on.
constexpr double kTaskUs = 30;

// memory is kept alive by the value; borrowed all the same, because the next run writes over it.
ValuePtr borrowed_value(const Type& type, std::shared_ptr<void> memory, uint64_t offset) {
  auto v = std::make_shared<hrt_value>();
  v->type = type;
  const void* data = static_cast<const std::byte*>(memory.get()) + offset;
  v->tensor =
      Tensor::view(type.dtype(), Dims(type.dims().begin(), type.dims().end()), data, std::move(memory));
  v->borrowed = true;
  return v;
}

}  // namespace

// Memory and contexts for one prepared stage.
struct Context::Stage {
  struct DeviceRun {  // on a device without a queue
    Device* device = nullptr;
    std::shared_ptr<hrt_context> context;
    hrt_run run;
    hrt_run_args args{};
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    std::vector<ValuePtr> spare;  // for outputs that nobody reads because they are known
  };

  std::shared_ptr<const PreparedStage> prepared;
  std::shared_ptr<void> arena;
  std::vector<std::pair<ValueId, ValuePtr>> fixed;  // constants, arena and kept values
  std::vector<DeviceRun> device;                    // by step of the plan
  std::vector<hrt_kernel> host;                     // likewise
  std::vector<std::atomic<uint32_t>> waiting;
  bool concurrent = false;
  std::shared_ptr<QueuedStage> queued;  // when some steps are on queues

  explicit Stage(size_t steps) : device(steps), host(steps), waiting(steps) {}
};

// Runs the bodies of one control flow node.
class Context::Bodies : public BodyRunner {
 public:
  Bodies(Context& outer, const std::map<std::string, Program::Body>& bodies)
      : outer_(outer), bodies_(bodies) {
    for (const auto& [name, body] : bodies)
      if (body.program) contexts_.emplace(name, std::make_unique<Context>(*body.program));
  }

  std::vector<ValuePtr> run_body(std::string_view attribute, std::span<const ValuePtr> inputs) override {
    const auto it = contexts_.find(attribute);
    if (it == contexts_.end()) {
      const auto body = bodies_.find(std::string(attribute));
      fail(HRT_ERROR_BAD_DATA, "{}",
           body == bodies_.end() ? fmt::format("there is no nested body \"{}\"", attribute)
                                 : body->second.broken);
    }
    std::vector<const hrt_value*> raw;
    for (const ValuePtr& v : inputs) raw.push_back(v.get());
    Context& context = *it->second;
    context.run(raw, &outer_.values_, *outer_.state_);
    std::vector<ValuePtr> out;
    for (size_t i = 0; i < context.program_.graph().outputs().size(); ++i) out.push_back(context.output(i));
    return out;
  }

 private:
  Context& outer_;
  const std::map<std::string, Program::Body>& bodies_;
  std::map<std::string, std::unique_ptr<Context>, std::less<>> contexts_;
};

Context::Context(Program& program) : program_(program) {
  const Graph& g = program_.graph();
  values_.resize(g.value_limit(), nullptr);
  results_.resize(g.value_limit());
  stages_.resize(program_.partition().stage_count);
  for (ValueId v = 0; v < g.value_limit(); ++v) {
    if (!g.has_value(v) || !g.value(v).constant || program_.dropped(v)) continue;
    constants_.push_back(make_value(*g.value(v).constant));
    values_[v] = constants_.back().get();
  }
  for (const auto& [node, bodies] : program_.bodies())
    bodies_[node] = std::make_unique<Bodies>(*this, bodies);
}

Context::~Context() = default;

Context::Stage& Context::enter(uint32_t index) {
  auto& list = stages_[index];
  for (auto it = list.begin(); it != list.end(); ++it) {
    if (!(*it)->prepared->matches(values_)) continue;
    list.splice(list.begin(), list, it);
    return *list.front();
  }
  list.push_front(make_stage(program_.prepare(index, values_)));
  trim(list, program_.options().plan_cache, [](const Stage& s) {
    return s.prepared->bytes() + s.prepared->plan.arena_bytes + s.prepared->plan.kept_bytes;
  });
  return *list.front();
}

std::unique_ptr<Context::Stage> Context::make_stage(const std::shared_ptr<const PreparedStage>& prepared) {
  const StagePlan& plan = prepared->plan;
  auto stage = std::make_unique<Stage>(plan.steps.size());
  stage->prepared = prepared;
  stage->arena = allocate_bytes(plan.arena_bytes, plan.arena_alignment);
  HostMemory memory{stage->arena, {}};
  std::map<ValueId, ValuePtr> by_id;
  for (const ValuePlan& p : plan.values) {
    ValuePtr v;
    if (p.home == Home::kConstant) v = make_value(*p.constant);
    if (p.home == Home::kArena) v = borrowed_value(p.type, memory.arena, p.offset);
    if (p.home == Home::kKept) {
      memory.kept[p.value] = allocate_bytes(p.bytes, plan.arena_alignment);
      v = borrowed_value(p.type, memory.kept[p.value], 0);
    }
    if (!v) continue;
    by_id[p.value] = v;
    stage->fixed.emplace_back(p.value, std::move(v));
  }

  std::map<uint32_t, unsigned> busy;  // steps by level that are worth a task
  bool queues = false;
  for (uint32_t i = 0; i < plan.steps.size(); ++i) {
    const StepPlan& s = plan.steps[i];
    queues |= s.queue >= 0;
    if (s.queue >= 0 || s.kind != StepKind::kRun) continue;
    const Program::Compiled& step = program_.step(s.step);
    if (!step.device || step.latency_us >= kTaskUs) ++busy[s.level];
    if (step.device)
      make_device_run(*stage, i, by_id, static_cast<std::byte*>(memory.arena.get()) + s.workspace_offset);
    else
      make_host_call(*stage, i, by_id);
  }
  stage->concurrent = std::ranges::any_of(busy, [](const auto& level) { return level.second > 1; });
  if (queues) stage->queued = std::make_shared<QueuedStage>(program_, prepared, std::move(memory));
  return stage;
}

void Context::make_host_call(Stage& stage, uint32_t index, const Values& by_id) {
  const StepPlan& s = stage.prepared->plan.steps[index];
  const Node& n = program_.graph().node(program_.partition().steps[s.step].nodes.front());
  hrt_kernel& call = stage.host[index];
  call.graph = &program_.graph();
  call.node = n.id;
  call.inputs.resize(n.inputs.size());
  for (const ValueId v : n.outputs) {
    const auto it = by_id.find(v);
    const ValuePtr there = it != by_id.end() ? it->second : nullptr;
    const bool known = there && !there->borrowed;  // others read it without waiting for this step
    call.outputs.push_back({v != HRT_NONE && !known, known ? nullptr : there, nullptr});
  }
  if (const auto it = bodies_.find(n.id); it != bodies_.end()) call.bodies = it->second.get();
}

void Context::make_device_run(Stage& stage, uint32_t index, const Values& by_id, void* workspace) {
  const Program::Compiled& step = program_.step(stage.prepared->plan.steps[index].step);
  Stage::DeviceRun& d = stage.device[index];
  d.device = step.device;
  const hrt_backend_api& api = step.device->api();
  d.context =
      step.device->make<hrt_context>(program_.describe(step), api.context_destroy,
                                     [&api, prepared = stage.prepared->prepared[index]](hrt_context** out) {
                                       return api.context_create(prepared.get(), out);
                                     });
  d.run.graph = step.sub.graph.get();
  d.run.device = &step.device->name();
  d.inputs.resize(step.sub.inputs.size());
  for (const ValueId v : step.sub.outputs) {
    ValuePtr target = by_id.at(v);
    if (!target->borrowed) {  // known before the run: the backend may write it, nobody reads it
      target = make_value(Tensor::allocate(target->tensor.dtype(), target->tensor.dims()));
      d.spare.push_back(target);
    }
    d.outputs.push_back(target->tensor.data());
  }
  d.args.struct_size = sizeof(hrt_run_args);
  d.args.run = &d.run;
  d.args.inputs = d.inputs.data();
  d.args.input_count = d.inputs.size();
  d.args.outputs = d.outputs.data();
  d.args.output_count = d.outputs.size();
  d.args.workspace = workspace;
}

void Context::run(std::span<const hrt_value* const> inputs, const std::vector<const hrt_value*>* outer,
                  const RunState& state) {
  const Graph& g = program_.graph();
  if (inputs.size() != g.inputs().size())
    fail(HRT_ERROR_BAD_DATA, "graph \"{}\" has {} inputs, not {}", g.name(), g.inputs().size(),
         inputs.size());
  state_ = &state;
  for (size_t i = 0; i < inputs.size(); ++i) values_[g.inputs()[i]] = inputs[i];
  for (const Capture& c : g.captures()) {
    values_[c.inner] = (*outer)[c.outer];
    if (!values_[c.inner]) fail(HRT_ERROR_INTERNAL, "capture \"{}\" has no value", g.value(c.inner).name);
  }
  const auto stages = [&](auto&& run) {
    for (uint32_t s = 0; s < program_.partition().stage_count; ++s) run(s);
  };
  if (program_.has_queues())
    // The thread that runs the request waits for devices: outside of those that compute.
    stages([&](uint32_t s) {
      Stage* stage = nullptr;
      state.threads->run([&] { stage = &enter(s); });
      run_queued(*stage, s);
    });
  else
    state.threads->run([&] { stages([&](uint32_t s) { run_stage(enter(s)); }); });
}

ValuePtr Context::output(size_t index) const {
  return values_[program_.graph().outputs()[index]]->shared_from_this();
}

void Context::run_stage(Stage& stage) {
  for (const auto& [id, value] : stage.fixed) values_[id] = value.get();
  if (stage.concurrent && tbb::this_task_arena::max_concurrency() > 1)
    run_as_ready(stage);
  else
    run_in_order(stage);
}

void Context::run_queued(Stage& stage, uint32_t index) {
  if (!stage.queued) return state_->threads->run([&] { run_stage(stage); });
  for (const auto& [id, value] : stage.fixed) values_[id] = value.get();
  try {
    stage.queued->run(*state_, values_, [&](uint32_t i) { run_step(stage, i); });
  } catch (...) {
    stages_[index].pop_front();  // what was submitted may never have been signalled
    throw;
  }
}

void Context::run_in_order(Stage& stage) {
  for (const uint32_t i : stage.prepared->plan.order) run_step(stage, i);
}

void Context::run_as_ready(Stage& stage) {
  const auto& steps = stage.prepared->plan.steps;
  for (size_t i = 0; i < steps.size(); ++i)
    stage.waiting[i].store(steps[i].wait_for, std::memory_order_relaxed);
  Handoff handoff;
  tbb::task_group group;
  auto hand_over = [&](auto& start, uint32_t i) {
    handoff.give();
    group.run([&start, &handoff, i] {
      const Handoff::Work work(handoff);
      start(start, i);
    });
  };
  // Whoever finishes a step starts those that waited for it alone; one of them on its own thread.
  auto start = [&](auto& self, uint32_t i) -> void {
    for (uint32_t next = i; next != HRT_NONE;) {
      const uint32_t now = std::exchange(next, HRT_NONE);
      run_step(stage, now);
      for (const uint32_t s : steps[now].successors) {
        if (stage.waiting[s].fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
        if (next == HRT_NONE) {
          next = s;
        } else {
          hand_over(self, s);
        }
      }
    }
  };
  for (uint32_t i = 0; i < steps.size(); ++i)
    if (steps[i].wait_for == 0) hand_over(start, i);
  group.wait();  // rethrows; the steps that waited for the one that failed never start
}

void Context::run_step(Stage& stage, uint32_t index) {
  if (state_->token->cancelled()) fail(HRT_ERROR_DEADLINE, "{}", state_->token->why());
  if (stage.device[index].context)
    run_on_device(stage, index);
  else
    run_on_host(stage, index);
}

void Context::run_on_device(Stage& stage, uint32_t index) {
  const Program::Compiled& step = program_.step(stage.prepared->plan.steps[index].step);
  Stage::DeviceRun& d = stage.device[index];
  for (size_t i = 0; i < d.inputs.size(); ++i) d.inputs[i] = values_[step.sub.inputs[i]]->tensor.data();
  d.run.cancel = state_->token.get();
  d.run.trace = state_->trace;
  d.run.request = state_->request;
  d.args.flags = state_->trace ? HRT_RUN_PROFILE : 0;
  if (hrt_status* status = d.device->api().run(d.context.get(), &d.args))
    throw d.device->failure(take_error(status, program_.describe(step)));
}

void Context::run_on_host(Stage& stage, uint32_t index) {
  hrt_kernel& call = stage.host[index];
  const Node& n = program_.graph().node(call.node);
  for (size_t i = 0; i < n.inputs.size(); ++i)
    call.inputs[i] = n.inputs[i] == HRT_NONE ? nullptr : values_[n.inputs[i]];
  call.cancel = state_->token.get();
  const uint64_t begin = state_->trace ? now_ns() : 0;
  run_kernel(call);
  if (state_->trace) state_->trace->add(node_label(n), op_label(n), "host", state_->request, begin, now_ns());
  for (size_t i = 0; i < n.outputs.size(); ++i) {
    if (!call.outputs[i].wanted) continue;
    values_[n.outputs[i]] = call.outputs[i].result.get();
    results_[n.outputs[i]] = std::move(call.outputs[i].result);
  }
}

}  // namespace hrt
