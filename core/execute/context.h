// SPDX-License-Identifier: Apache-2.0
// One run in flight of a program: arenas, backend contexts, contexts of nested bodies; reused from run to
// run, so that in the steady state nothing is allocated.
#pragma once

#include <atomic>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/execute/program.h"
#include "core/execute/queued_stage.h"

namespace hrt {

class Context {
 public:
  explicit Context(Program& program);
  ~Context();
  Context(const Context&) = delete;

  // inputs: of the graph, in order. outer: by value id of the graph around, for captures; NULL for a main
  // graph.
  void run(std::span<const hrt_value* const> inputs, const std::vector<const hrt_value*>* outer,
           const RunState& state);
  // Of the last run; memory of this context's, overwritten by the next.
  ValuePtr output(size_t index) const;

 private:
  struct Stage;
  class Bodies;

  Stage& enter(uint32_t stage);
  std::unique_ptr<Stage> make_stage(const std::shared_ptr<const PreparedStage>& prepared);
  using Values = std::map<ValueId, ValuePtr>;
  void make_host_call(Stage& stage, uint32_t index, const Values& by_id);
  void make_device_run(Stage& stage, uint32_t index, const Values& by_id, void* workspace);
  void run_stage(Stage& stage);
  void run_queued(Stage& stage, uint32_t index);
  void run_in_order(Stage& stage);
  void run_as_ready(Stage& stage);
  void run_step(Stage& stage, uint32_t index);
  void run_on_device(Stage& stage, uint32_t index);
  void run_on_host(Stage& stage, uint32_t index);

  Program& program_;
  const RunState* state_ = nullptr;
  std::vector<const hrt_value*> values_;                   // by value id, while running
  std::vector<ValuePtr> constants_;                        // keep those of the graph alive as values
  std::vector<ValuePtr> results_;                          // made by kernels at run time, by value id
  std::vector<std::list<std::unique_ptr<Stage>>> stages_;  // by stage, latest first
  std::map<NodeId, std::unique_ptr<Bodies>> bodies_;
};

}  // namespace hrt
