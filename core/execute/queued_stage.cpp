// SPDX-License-Identifier: Apache-2.0
#include "core/execute/queued_stage.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/checked.h"
#include "core/plugin/status.h"

namespace hrt {

namespace {

// What copies of a device's own memory read and write on the host: until its buffers are given back, since a
// device that was given up may still go on with them.
struct CopyEnds {
  HostMemory memory;
  std::vector<std::shared_ptr<const hrt_value>> sources;  // by step of the plan
};

}  // namespace

struct QueuedStage::Queue {
  Device* device = nullptr;
  std::shared_ptr<hrt_fence> fence;
  uint64_t last = 0;  // the value of the last submission
  std::shared_ptr<CopyEnds> ends;
  std::shared_ptr<hrt_buffer> arena;  // its own, or the host's arena imported
  std::map<ValueId, std::shared_ptr<hrt_buffer>> kept;
};

// A run or a copy on a queue.
struct QueuedStage::Step : Lane::Job {
  QueuedStage* stage = nullptr;
  uint32_t index = 0;
  Queue* queue = nullptr;
  std::string name;
  std::shared_ptr<hrt_context> context;  // runs
  std::shared_ptr<const Graph> graph;    // that run names
  std::unique_ptr<Trace> trace;          // what the device reports, until it is known that it is not lost
  hrt_run run{};
  hrt_copy copy{};  // copies
  hrt_point wait_for{}, signal{};
  uint32_t flags = 0;
  bool submitted = false;
  uint64_t begin_ns = 0;

  const hrt_backend_api& api() const { return queue->device->api(); }

  hrt_status* call() override {
    submitted = false;
    {
      const std::lock_guard lock(stage->mutex_);
      if (stage->failure_) return nullptr;  // what it would wait for may never come
    }
    begin_ns = now_ns();
    hrt_submit_args args{sizeof(hrt_submit_args),
                         context ? &run : nullptr,
                         &wait_for,
                         wait_for.value > 0 ? size_t(1) : size_t(0),
                         signal,
                         flags};
    hrt_status* status = context ? api().submit(context.get(), &args)
                                 : api().copy(queue->device->handle(), &copy, 1, sizeof(hrt_copy), &args);
    submitted = !status;
    return status;
  }
  bool queues() const override { return submitted; }
  hrt_status* wait(uint64_t timeout_ns, uint32_t* reached) override {
    return api().fence_wait(signal.fence, signal.value, timeout_ns, reached);
  }
  hrt_status* collect() override {
    if (trace) {
      const char* kind = context ? "execute" : copy.direction == HRT_TO_DEVICE ? "upload" : "download";
      const uint64_t end_ns = now_ns();
      // Its turn came when the submission before it had ended.
      const uint64_t before = queue->device->busy_until(end_ns);
      trace->add(name, kind, queue->device->name(), run.request, std::max(begin_ns, before), end_ns);
    }
    return context && api().collect ? api().collect(context.get(), &run) : nullptr;
  }
  void ended(const Error* failure) noexcept override { stage->ended(*this, failure); }
};

// Makes what a stage needs of its devices.
class QueuedStage::Setup {
 public:
  explicit Setup(QueuedStage& stage)
      : stage_(stage), plan_(stage.prepared_->plan), program_(stage.program_) {}

  void make() {
    stage_.steps_.resize(plan_.steps.size());
    for (uint32_t i = 0; i < plan_.steps.size(); ++i) {
      const StepPlan& s = plan_.steps[i];
      if (s.queue < 0) continue;
      Queue& q = queue(s.queue);
      auto step = std::make_unique<Step>();
      step->stage = &stage_;
      step->index = i;
      step->queue = &q;
      if (s.kind == StepKind::kRun)
        make_run(*step, s, q);
      else
        make_copy(*step, s, q);
      stage_.steps_[i] = std::move(step);
    }
    for (const SlotPlan& slot : plan_.slots)
      if (slot.constant) upload(slot);
  }

 private:
  Queue& queue(int device) {
    auto& q = stage_.queues_[device];
    if (q) return *q;
    q = std::make_unique<Queue>();
    q->device = program_.options().devices[size_t(device)];
    const hrt_backend_api& api = q->device->api();
    hrt_device* handle = q->device->handle();
    q->fence =
        q->device->make<hrt_fence>(q->device->name(), api.fence_destroy,
                                   [&api, handle](hrt_fence** out) { return api.fence_create(handle, out); });
    if (q->device->space().memory == HRT_MEMORY_SHARED) {
      if (plan_.arena_bytes > 0) q->arena = import(*q->device, stage_.memory_.arena, plan_.arena_bytes);
    } else if (const auto it = plan_.device_bytes.find(device);
               it != plan_.device_bytes.end() && it->second > 0) {
      const uint64_t bytes = it->second;
      q->ends = std::make_shared<CopyEnds>(stage_.memory_);
      q->ends->sources.resize(plan_.steps.size());
      q->arena = q->device->make<hrt_buffer>(
          fmt::format("{}: {} bytes for values", q->device->name(), bytes), api.buffer_release,
          [&api, handle, bytes](hrt_buffer** out) { return api.buffer_allocate(handle, bytes, out); },
          q->ends);
    }
    return *q;
  }

  // The buffer keeps the memory: a device that was given up may still write to it.
  static std::shared_ptr<hrt_buffer> import(Device& device, const std::shared_ptr<void>& memory,
                                            uint64_t bytes) {
    const hrt_backend_api& api = device.api();
    return device.make<hrt_buffer>(
        fmt::format("{}: {} bytes of the host's", device.name(), bytes), api.buffer_release,
        [&api, handle = device.handle(), memory, bytes](hrt_buffer** out) {
          return api.buffer_import(handle, memory.get(), bytes, out);
        },
        memory);
  }

  // Where a value lies that the device works on in the host's memory.
  hrt_region shared_region(Queue& q, ValueId v) {
    const ValuePlan& p = plan_.value(v);
    if (p.bytes == 0) return {};
    if (p.home == Home::kArena) return {q.arena.get(), p.offset, p.bytes};
    auto& buffer = q.kept[v];
    if (!buffer)
      buffer = import(*q.device, stage_.memory_.kept.at(v), align_up(p.bytes, q.device->space().alignment));
    return {buffer.get(), 0, p.bytes};
  }

  hrt_region slot_region(Queue& q, uint32_t slot) const {
    const SlotPlan& p = plan_.slots[slot];
    if (p.bytes == 0) return {};
    return {q.arena.get(), p.offset, p.bytes};
  }

  void make_run(Step& step, const StepPlan& s, Queue& q) {
    const Program::Compiled& compiled = program_.step(s.step);
    const hrt_backend_api& api = q.device->api();
    step.name = program_.describe(compiled);
    step.context = q.device->make<hrt_context>(
        step.name, api.context_destroy,
        [&api, prepared = stage_.prepared_->prepared[step.index]](hrt_context** out) {
          return api.context_create(prepared.get(), out);
        });
    step.graph = compiled.sub.graph;
    step.run.graph = step.graph.get();
    step.run.device = &q.device->name();
    struct Regions {
      std::vector<hrt_region> inputs, outputs;
      std::vector<std::shared_ptr<hrt_buffer>> buffers;  // that they are in
    };
    const auto regions = std::make_shared<Regions>();
    const auto find = [&](ValueId v, uint32_t slot) {
      return slot == HRT_NONE ? shared_region(q, v) : slot_region(q, slot);
    };
    for (size_t k = 0; k < s.inputs.size(); ++k)
      regions->inputs.push_back(find(compiled.sub.inputs[k], s.inputs[k]));
    for (size_t k = 0; k < s.outputs.size(); ++k)
      regions->outputs.push_back(find(compiled.sub.outputs[k], s.outputs[k]));
    regions->buffers.push_back(q.arena);
    for (const auto& [v, buffer] : q.kept) regions->buffers.push_back(buffer);
    q.device->call(step.name, [&api, regions, context = step.context] {
      const hrt_bind_args args{sizeof(hrt_bind_args), regions->inputs.data(), regions->inputs.size(),
                               regions->outputs.data(), regions->outputs.size()};
      return api.bind(context.get(), &args);
    });
  }

  void make_copy(Step& step, const StepPlan& s, Queue& q) const {
    step.name = program_.graph().value(plan_.slots[s.slot].value).name;
    step.copy.struct_size = sizeof(hrt_copy);
    step.copy.direction = s.kind == StepKind::kUpload ? HRT_TO_DEVICE : HRT_TO_HOST;
    step.copy.region = slot_region(q, s.slot);
    step.run.device = &q.device->name();
  }

  void upload(const SlotPlan& slot) {
    if (slot.bytes == 0) return;
    Queue& q = queue(slot.device);
    if (q.device->space().memory == HRT_MEMORY_SHARED) {
      std::memcpy(static_cast<std::byte*>(stage_.memory_.arena.get()) + slot.offset, slot.constant->data(),
                  slot.bytes);
      return;
    }
    const hrt_backend_api& api = q.device->api();
    const hrt_region region{q.arena.get(), slot.offset, slot.bytes};
    const uint64_t value = ++q.last;
    q.device->call(fmt::format("{}: a constant", q.device->name()),
                   [&api, region, value, handle = q.device->handle(), fence = q.fence, arena = q.arena,
                    constant = slot.constant] {
                     const hrt_copy copy{sizeof(hrt_copy), HRT_TO_DEVICE, region, constant->data()};
                     const hrt_submit_args args{sizeof(hrt_submit_args), nullptr, nullptr, 0,
                                                {fence.get(), value},    0};
                     uint32_t reached = 0;
                     hrt_status* status = api.copy(handle, &copy, 1, sizeof(hrt_copy), &args);
                     while (!status && !reached)
                       status = api.fence_wait(fence.get(), value, 1'000'000'000, &reached);
                     return status;
                   });
  }

  QueuedStage& stage_;
  const StagePlan& plan_;
  const Program& program_;
};

QueuedStage::QueuedStage(const Program& program, std::shared_ptr<const PreparedStage> prepared,
                         HostMemory memory)
    : program_(program), prepared_(std::move(prepared)), memory_(std::move(memory)) {
  Setup(*this).make();
  waiting_.resize(steps_.size());
  ready_.reserve(steps_.size());
}

QueuedStage::~QueuedStage() = default;

void QueuedStage::run(const RunState& state, std::span<const hrt_value* const> values,
                      const std::function<void(uint32_t)>& host_step) {
  const auto& plan = prepared_->plan;
  std::unique_lock lock(mutex_);
  state_ = state;
  values_ = values;
  host_step_ = &host_step;
  left_ = plan.steps.size();
  for (size_t i = 0; i < left_; ++i) waiting_[i] = plan.steps[i].wait_for;
  for (uint32_t i = 0; i < plan.steps.size(); ++i)
    if (plan.steps[i].wait_for == 0) make_ready(i);
  while (failure_ ? open_ > 0 : left_ > 0) {
    if (failure_ || ready_.empty()) {
      changed_.wait(lock);
      continue;
    }
    busy_ = true;
    run_host_step(lock);
    busy_ = false;
  }
  ready_.clear();
  host_step_ = nullptr;
  // Handed over, not shared: a thread of the lane's may be the last to let go of this.
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

// Everything below, up to help, holds the lock.

void QueuedStage::make_ready(uint32_t index) {
  if (failure_) return;
  if (steps_[index]) return post(index);
  ready_.push_back(index);
  changed_.notify_one();
  if (busy_ && state_.threads->count() > 1)
    state_.threads->enqueue([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->help();
    });
}

void QueuedStage::post(uint32_t index) {
  if (state_.token->cancelled())
    return record(std::make_exception_ptr(Error(HRT_ERROR_DEADLINE, state_.token->why())));
  Step& step = *steps_[index];
  Queue& q = *step.queue;
  step.run.cancel = state_.token.get();
  step.trace = state_.trace ? std::make_unique<Trace>() : nullptr;
  step.run.trace = step.trace.get();
  step.run.request = state_.request;
  step.flags = state_.trace ? HRT_RUN_PROFILE : 0;
  if (!step.context) {
    const hrt_value& value = *values_[prepared_->plan.slots[prepared_->plan.steps[index].slot].value];
    step.copy.host = value.tensor.data();
    if (q.ends) q.ends->sources[index] = value.shared_from_this();
  }
  step.wait_for = {q.fence.get(), q.last};
  step.signal = {q.fence.get(), ++q.last};
  if (!q.device->lane().post(step, shared_from_this()))
    return record(std::make_exception_ptr(q.device->failure(*q.device->lane().lost())));
  ++open_;
  for (const uint32_t s : prepared_->plan.steps[index].successors)
    if (steps_[s] && steps_[s]->queue == &q && --waiting_[s] == 0) make_ready(s);
}

void QueuedStage::finish(uint32_t index) {
  --left_;
  const Queue* q = steps_[index] ? steps_[index]->queue : nullptr;
  for (const uint32_t s : prepared_->plan.steps[index].successors) {
    if (q && steps_[s] && steps_[s]->queue == q) continue;  // told when this one was posted
    if (--waiting_[s] == 0) make_ready(s);
  }
}

void QueuedStage::record(std::exception_ptr failure) {
  if (!failure_) failure_ = std::move(failure);
  changed_.notify_all();
}

void QueuedStage::ended(Step& step, const Error* failure) noexcept {
  const std::optional<Error> error =
      failure ? std::optional(step.queue->device->failure(*failure)) : std::nullopt;
  const std::lock_guard lock(mutex_);
  --open_;
  if (error)
    record(std::make_exception_ptr(*error));
  else if (!failure_)
    finish(step.index);
  if (!error && step.trace) step.trace->move_to(*state_.trace);  // the run, and so its trace, still waits
  if (left_ == 0 || failure_) changed_.notify_all();
}

void QueuedStage::run_host_step(std::unique_lock<std::mutex>& lock) {
  const uint32_t index = ready_.back();
  ready_.pop_back();
  ++open_;
  lock.unlock();
  std::exception_ptr failure;
  try {
    state_.threads->run([&] {
      if (prepared_->plan.steps[index].kind == StepKind::kRun)
        (*host_step_)(index);
      else
        copy_up(index);
    });
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  --open_;
  if (failure)
    record(std::move(failure));
  else
    finish(index);
  if (left_ == 0) changed_.notify_all();
}

// Into the slot of a device that works in the host's memory, from memory that it cannot reach.
void QueuedStage::copy_up(uint32_t index) {
  const SlotPlan& slot = prepared_->plan.slots[prepared_->plan.steps[index].slot];
  const uint64_t begin = state_.trace ? now_ns() : 0;
  const hrt_value& value = *values_[slot.value];
  if (slot.bytes > 0)
    std::memcpy(static_cast<std::byte*>(memory_.arena.get()) + slot.offset, value.tensor.data(), slot.bytes);
  if (!state_.trace) return;
  const Device& device = *program_.options().devices[size_t(slot.device)];
  state_.trace->add(program_.graph().value(slot.value).name, "upload", device.name(), state_.request, begin,
                    now_ns());
}

// Another thread of the session's, while the request's own is busy.
void QueuedStage::help() {
  std::unique_lock lock(mutex_);
  while (host_step_ && !failure_ && !ready_.empty()) run_host_step(lock);
}

}  // namespace hrt
