// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/queue.h"

#include <algorithm>
#include <cstring>

namespace hrt::fault {

using sdk::cat;

Memory::Memory(uint64_t size) : own(size, std::byte{0xff}), data(own.data()), bytes(size) {}

// ------------------------------------------------------------------------------------------ work

void Work::step(size_t index) {
  if (bound) return bound->context.step(index);
  for (const Transfer& t : transfers) {
    std::byte* to = t.direction == HRT_TO_DEVICE ? t.span.data() : t.host;
    const std::byte* from = t.direction == HRT_TO_DEVICE ? t.host : t.span.data();
    if (t.span.bytes == 0) continue;
    if (index == 0)
      std::memset(to, 0xff, t.span.bytes);
    else
      std::memcpy(to, from, t.span.bytes);
  }
}

bool Work::uses(const Memory& memory) const {
  if (bound) return std::ranges::any_of(bound->memory, [&](const auto& m) { return m.get() == &memory; });
  return std::ranges::any_of(transfers, [&](const Transfer& t) { return t.span.memory.get() == &memory; });
}

bool Work::broken() const {
  if (bound)
    return bound->destroyed || std::ranges::any_of(bound->memory, [](const auto& m) { return m->released; });
  return std::ranges::any_of(transfers,
                             [](const Transfer& t) { return t.span.memory && t.span.memory->released; });
}

const Timeline* Work::failed() const {
  for (const Point& p : wait)
    if (p.value >= p.timeline->fails_from) return p.timeline.get();
  return nullptr;
}

bool Work::ready() const {
  return std::ranges::all_of(wait, [](const Point& p) { return p.timeline->reached >= p.value; });
}

// ----------------------------------------------------------------------------------------- queue

Queue::Queue(Gate& gate, std::chrono::microseconds delay) : gate_(gate), delay_(delay) {
  for (const Function function : {Function::kExecute, Function::kTransfer})
    engines_.emplace_back([this, function] { engine(function); });
}

void Queue::close() {
  {
    const std::lock_guard lock(world().mutex);
    if (!stop_ && !queue_.empty() && !gate_.given_up()) misuse("device_close: work is queued");
    stop_ = true;
  }
  world().changed.notify_all();
  for (std::thread& t : engines_) t.join();
  engines_.clear();
  const std::lock_guard lock(world().mutex);
  while (!queue_.empty()) end(queue_.front());
}

void Queue::add(Work work) {
  const std::lock_guard lock(world().mutex);
  Timeline& timeline = *work.signal.timeline;
  std::string wrong;
  if (work.signal.value <= timeline.promised)
    wrong = cat("a point of ", work.signal.value, " on a fence that ", timeline.promised, " was promised to");
  else if (work.bound && !work.bound->context.bound())
    wrong = "submit before bind";
  else if (work.bound && work.bound->queued)
    wrong = "submit of a context whose last submission has not ended";
  else if (work.broken())
    wrong = cat(name_of(work.function), " with a buffer that was released");
  if (!wrong.empty()) {
    misuse(wrong);
    throw sdk::Error(HRT_ERROR_USAGE, wrong);
  }
  timeline.promised = work.signal.value;
  if (work.bound) work.bound->queued = true;
  ++world().alive.submissions;
  queue_.push_back(std::move(work));
  world().changed.notify_all();
}

// What has not begun is taken out, what has is waited for: it ends with its step.
template <class Uses>
void Queue::abandon(Lock& lock, const char* what, Uses&& uses) {
  if (std::ranges::none_of(queue_, uses)) return;
  if (!gate_.given_up() && !stop_) misuse(cat(what, ": queued work uses it"));
  for (auto it = queue_.begin(); it != queue_.end();) {
    const Work& work = *it++;
    if (!work.begun && uses(work)) end(work);
  }
  world().changed.notify_all();
  world().changed.wait(lock, [&] { return std::ranges::none_of(queue_, uses); });
}

void Queue::release(Memory& memory) {
  Lock lock(world().mutex);
  memory.released = true;
  abandon(lock, "buffer_release", [&](const Work& work) { return work.uses(memory); });
}

void Queue::destroy(Bound& bound) {
  Lock lock(world().mutex);
  bound.destroyed = true;
  abandon(lock, "context_destroy", [&](const Work& work) { return work.bound.get() == &bound; });
}

void Queue::destroy(Timeline& timeline) {
  const std::lock_guard lock(world().mutex);
  if (timeline.waiting > 0) misuse("fence_destroy: somebody waits for it");
  const auto signals = [&](const Work& work) { return work.signal.timeline.get() == &timeline; };
  if (std::ranges::any_of(queue_, signals) && !gate_.given_up() && !stop_)
    misuse("fence_destroy: queued work will signal it");
}

bool Queue::wait(Timeline& timeline, uint64_t value, uint64_t timeout_ns) {
  constexpr uint64_t kLongest = uint64_t(1) << 60;  // 36 years, and no overflow
  Lock lock(world().mutex);
  ++timeline.waiting;
  world().changed.wait_for(lock, std::chrono::nanoseconds(std::min(timeout_ns, kLongest)), [&] {
    return timeline.reached >= value || timeline.fails_from <= value || gate_.lost();
  });
  --timeline.waiting;
  gate_.check_lost();
  if (timeline.fails_from <= value) throw sdk::Error(timeline.code, timeline.message);
  return timeline.reached >= value;
}

// --------------------------------------------------------------------------------------- engines

void Queue::engine(Function function) {
  Lock lock(world().mutex);
  for (;;) {
    Work* work = nullptr;
    world().changed.wait(lock, [&] { return stop_ || (work = next(function)); });
    if (stop_) return;
    work->begun = true;
    perform(*work, lock);
    end(*work);
  }
}

Work* Queue::next(Function function) {
  for (Work& work : queue_)
    if (work.function == function && (over(work) || work.ready() || work.failed())) return &work;
  return nullptr;
}

void Queue::perform(Work& work, Lock& lock) {
  if (over(work)) return;
  Timeline& signal = *work.signal.timeline;
  const auto fail = [&](hrt_code code, const std::string& message) {
    if (signal.fails_from != UINT64_MAX) return;  // the first reason is the one to tell
    signal.fails_from = work.signal.value;
    signal.code = code;
    signal.message = message;
  };
  if (const Timeline* failed = work.failed()) return fail(failed->code, failed->message);
  const auto kind = gate_.count(work.function);
  if (kind == Kind::kLose) return gate_.lose();
  if (kind == Kind::kFail || kind == Kind::kMemory) {
    const sdk::Error error = gate_.error(work.function, *kind);
    return fail(error.code(), error.what());
  }
  if (work.stalls || kind) gate_.stall(lock, [&] { return over(work); });
  if (run_steps(work, lock)) signal.reached = std::max(signal.reached, work.signal.value);
}

// True: to the end.
bool Queue::run_steps(Work& work, Lock& lock) {
  const size_t steps = work.steps();
  for (size_t i = 0; i < steps; ++i) {
    if (i > 0) world().changed.wait_for(lock, delay_ / int64_t(steps - 1), [&] { return over(work); });
    if (over(work)) return false;
    lock.unlock();
    work.step(i);
    lock.lock();
  }
  return true;
}

void Queue::end(const Work& work) {
  if (work.bound) work.bound->queued = false;
  --world().alive.submissions;
  queue_.remove_if([&](const Work& w) { return &w == &work; });
  world().changed.notify_all();
}

}  // namespace hrt::fault
