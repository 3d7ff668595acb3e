// SPDX-License-Identifier: Apache-2.0
// A stage with steps on devices with queues: their buffers and fences, and one run at a time.
//
// Whoever ends a step starts what waited for it alone: a step on a queue is posted to its device's lane, any
// other is taken by the thread that runs the request, or, while that one computes, by another of the
// session's. A step whose predecessors on the same device are only submitted is submitted behind them: the
// device waits for itself. For that, the submissions of one run to one device form a chain on one fence;
// those of different runs overlap.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/execute/program.h"
#include "core/execute/run.h"
#include "core/execute/threads.h"

namespace hrt {

// Memory of a stage that the host allocated: its arena, and what is kept beyond it by value.
struct HostMemory {
  std::shared_ptr<void> arena;
  std::map<ValueId, std::shared_ptr<void>> kept;
};

class QueuedStage : public std::enable_shared_from_this<QueuedStage> {
 public:
  // Allocates, imports, binds and uploads constants. Throws what a device answers.
  QueuedStage(const Program& program, std::shared_ptr<const PreparedStage> prepared, HostMemory memory);
  ~QueuedStage();
  QueuedStage(const QueuedStage&) = delete;

  // values: by value id, of this run. host_step runs a step that is on no queue. Throws the first error, when
  // nothing of this run is under way any more; then the stage must not be used again.
  void run(const RunState& state, std::span<const hrt_value* const> values,
           const std::function<void(uint32_t)>& host_step);

 private:
  struct Queue;
  struct Step;
  class Setup;

  void make_ready(uint32_t index);
  void post(uint32_t index);
  void finish(uint32_t index);
  void ended(Step& step, const Error* failure) noexcept;
  void run_host_step(std::unique_lock<std::mutex>& lock);
  void copy_up(uint32_t index);
  void help();
  void record(std::exception_ptr failure);

  const Program& program_;
  std::shared_ptr<const PreparedStage> prepared_;
  HostMemory memory_;
  std::map<int, std::unique_ptr<Queue>> queues_;  // by device
  std::vector<std::unique_ptr<Step>> steps_;      // by step of the plan; NULL: the host runs it

  // Of the run under way.
  std::mutex mutex_;
  std::condition_variable changed_;
  RunState state_;
  std::span<const hrt_value* const> values_;
  const std::function<void(uint32_t)>* host_step_ = nullptr;
  std::vector<uint32_t> waiting_;  // by step: predecessors that have not ended, or been submitted
  std::vector<uint32_t> ready_;    // steps for the host
  size_t left_ = 0;                // steps that have not ended
  size_t open_ = 0;                // steps that are under way
  bool busy_ = false;              // the request's thread computes
  std::exception_ptr failure_;
};

}  // namespace hrt
