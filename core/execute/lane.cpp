// SPDX-License-Identifier: Apache-2.0
#include "core/execute/lane.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/plugin/status.h"

namespace hrt {
namespace {

using Clock = std::chrono::steady_clock;

// How long one look at a fence may take; another that is reached meanwhile is noticed so much later.
constexpr uint64_t kLookNs = 500'000;
constexpr std::chrono::milliseconds kLastPatience(200);

}  // namespace

// Shared with the threads, which outlive the lane when a call does not come back.
struct Lane::State {
  const std::string device;
  const std::chrono::milliseconds timeout;

  std::mutex mutex;
  std::condition_variable to_call, to_wait, to_watch, to_stop, to_settle;
  Job* first = nullptr;  // posted, not called yet
  Job* last = nullptr;
  Job* calling = nullptr;
  Clock::time_point called_at, progress_at;
  std::vector<Job*> waiting;  // called; what they queued has not ended
  std::optional<Error> lost;
  int holds = 0;  // threads that keep alive what a job lives in
  bool stopping = false;
  bool watch_sleeps = false;
  int threads = 3;

  State(std::string name, std::chrono::milliseconds t) : device(std::move(name)), timeout(t) {
    waiting.reserve(64);
  }

  void append(Job& job) {
    job.next_ = nullptr;
    (last ? last->next_ : first) = &job;
    last = &job;
    to_call.notify_one();
  }

  // Whoever takes the job out of the lane tells it its end.
  static bool claim(Job& job) { return std::exchange(job.on_its_way_, false); }

  void end(std::unique_lock<std::mutex>& lock, Job& job, const Error* failure) {
    std::shared_ptr<void> keep = hold(job);
    job.keep_.reset();
    lock.unlock();
    job.ended(failure);
    lock.lock();
    drop(lock, keep);
  }

  // Keeps alive what the job lives in, whatever becomes of it, until drop.
  std::shared_ptr<void> hold(const Job& job) {
    ++holds;
    return job.keep_;
  }
  void drop(std::unique_lock<std::mutex>& lock, std::shared_ptr<void>& keep) {
    lock.unlock();
    keep.reset();
    lock.lock();
    --holds;
    if (settled()) to_settle.notify_all();
    if (stopping) to_wait.notify_all();
  }
  bool settled() const { return holds == 0 && !first && waiting.empty(); }

  void give_up(std::unique_lock<std::mutex>& lock, const Error& error);
  std::optional<Error> failure_of(std::unique_lock<std::mutex>& lock, hrt_status* status);
  void call_jobs();
  void call_one(std::unique_lock<std::mutex>& lock);
  void wait_for_ends();
  bool look(std::unique_lock<std::mutex>& lock, Job& job, uint64_t timeout_ns);
  void watch();
};

Lane::Lane(std::string device, std::chrono::milliseconds timeout)
    : state_(std::make_shared<State>(std::move(device), timeout)) {
  for (const auto function : {&State::call_jobs, &State::wait_for_ends, &State::watch})
    std::thread([state = state_, function] {
      ((*state).*function)();
      const std::lock_guard lock(state->mutex);
      --state->threads;
      for (auto* all : {&state->to_call, &state->to_watch, &state->to_stop}) all->notify_all();
    }).detach();
}

Lane::~Lane() { stop(); }

bool Lane::stop() {
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  s.stopping = true;
  for (auto* all : {&s.to_call, &s.to_wait, &s.to_watch}) all->notify_all();
  // A device that was given up was waited for once already.
  const auto patience = s.lost ? std::min(s.timeout, kLastPatience) : 2 * s.timeout;
  return s.to_stop.wait_for(lock, patience, [&] { return s.threads == 0; });
}

bool Lane::post(Job& job, std::shared_ptr<void> keep) {
  const std::lock_guard lock(state_->mutex);
  if (state_->lost) return false;
  job.keep_ = std::move(keep);
  job.on_its_way_ = true;
  state_->append(job);
  return true;
}

void Lane::post_last(std::unique_ptr<Job> job) {
  const std::lock_guard lock(state_->mutex);
  Job& posted = *job;
  posted.keep_ = std::move(job);
  posted.last_ = true;
  state_->append(posted);
}

void Lane::give_up(const Error& error) {
  std::unique_lock lock(state_->mutex);
  state_->give_up(lock, error);
}

void Lane::settle() {
  std::unique_lock lock(state_->mutex);
  State& s = *state_;
  s.to_settle.wait(lock, [&] { return s.lost || s.settled(); });
  if (s.lost) s.to_settle.wait_for(lock, kLastPatience, [&] { return s.settled(); });
}

std::optional<Error> Lane::lost() const {
  const std::lock_guard lock(state_->mutex);
  return state_->lost;
}

void Lane::State::give_up(std::unique_lock<std::mutex>& lock, const Error& error) {
  if (lost) return;
  lost = error;
  std::vector<Job*> open;
  if (calling && claim(*calling)) open.push_back(calling);
  for (Job* job : std::exchange(waiting, {}))
    if (claim(*job)) open.push_back(job);
  last = nullptr;
  for (Job* job = std::exchange(first, nullptr); job;) {
    Job& one = *std::exchange(job, job->next_);
    if (one.last_)
      append(one);
    else if (claim(one))
      open.push_back(&one);
  }
  for (Job* job : open) end(lock, *job, &*lost);
  to_settle.notify_all();
}

std::optional<Error> Lane::State::failure_of(std::unique_lock<std::mutex>& lock, hrt_status* status) {
  if (!status) return std::nullopt;
  Error failure = take_error(status, device);
  if (failure.code() == HRT_ERROR_DEVICE_LOST) give_up(lock, failure);
  return failure;
}

void Lane::State::call_jobs() {
  std::unique_lock lock(mutex);
  for (;;) {
    // Last to go: what the thread that waits lets go of is given back here.
    to_call.wait(lock, [&] { return first || (stopping && threads < 3); });
    if (!first) return;
    call_one(lock);
  }
}

void Lane::State::call_one(std::unique_lock<std::mutex>& lock) {
  Job& job = *std::exchange(first, first->next_);
  if (!first) last = nullptr;
  std::shared_ptr<void> keep = hold(job);
  calling = &job;
  called_at = Clock::now();
  if (watch_sleeps) to_watch.notify_one();
  lock.unlock();
  hrt_status* status = job.call();
  lock.lock();
  calling = nullptr;
  const bool mine = claim(job);
  const std::optional<Error> failure = failure_of(lock, status);
  if (!failure && mine && !lost && job.queues()) {
    job.on_its_way_ = true;
    if (waiting.empty()) progress_at = Clock::now();
    waiting.push_back(&job);
    to_wait.notify_one();
  } else if (mine) {
    end(lock, job, failure ? &*failure : lost ? &*lost : nullptr);
  }
  if (job.last_) job.keep_.reset();
  drop(lock, keep);
}

void Lane::State::wait_for_ends() {
  std::unique_lock lock(mutex);
  for (;;) {
    to_wait.wait(lock, [&] { return !waiting.empty() || (stopping && !first && holds == 0); });
    if (waiting.empty()) return;
    for (size_t i = 0; i < waiting.size();)
      if (!look(lock, *waiting[i], i == 0 ? kLookNs : 0)) ++i;
  }
}

// Looks whether what a job queued has ended. True when the job is out of the list.
bool Lane::State::look(std::unique_lock<std::mutex>& lock, Job& job, uint64_t timeout_ns) {
  std::shared_ptr<void> keep = hold(job);
  lock.unlock();
  uint32_t reached = 0;
  hrt_status* status = job.wait(timeout_ns, &reached);
  if (!status && reached) status = job.collect();
  lock.lock();
  const bool ended = status || reached || lost;
  if (!ended) {
    --holds;  // the job has it too
    return false;
  }
  progress_at = Clock::now();
  if (claim(job)) {
    std::erase(waiting, &job);
    const std::optional<Error> failure = failure_of(lock, status);
    end(lock, job, failure ? &*failure : nullptr);
  } else {
    destroy_status(status);
  }
  drop(lock, keep);
  return true;
}

void Lane::State::watch() {
  std::unique_lock lock(mutex);
  while (!stopping || threads > 1) {
    if (lost || (!calling && waiting.empty())) {
      watch_sleeps = !lost;
      to_watch.wait(lock);
      watch_sleeps = false;
      continue;
    }
    Clock::time_point until = Clock::time_point::max();
    if (calling) until = called_at + timeout;
    if (!waiting.empty()) until = std::min(until, progress_at + timeout);
    if (Clock::now() >= until)
      give_up(lock, Error(HRT_ERROR_DEVICE_LOST,
                          fmt::format("{}: the device was silent for {} ms", device, timeout.count())));
    else
      to_watch.wait_until(lock, until);
  }
}

}  // namespace hrt
