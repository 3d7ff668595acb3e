// SPDX-License-Identifier: Apache-2.0
// A graph compiled for devices: executables for its clusters, programs for the bodies of its control flow,
// and plans by the types of what comes in. Immutable but for the cache of plans. [any-thread]
#pragma once

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/execute/runtime.h"
#include "core/graph/transaction.h"
#include "core/partition/partition.h"
#include "core/plan/plan.h"

namespace hrt {

struct CompileOptions {
  std::vector<Device*> devices;  // in order of preference
  unsigned plan_cache = 8;
  uint64_t memory_limit = 0;
  PartitionOptions partition = {};
};

// Forgets all but so many entries of a list whose latest are at the front, and more when those behind the
// first take over 256 MiB together.
template <class List, class Bytes>
void trim(List& list, size_t count, Bytes&& bytes_of) {
  constexpr uint64_t kBytes = uint64_t(256) << 20;
  uint64_t sum = 0;
  size_t keep = 0;
  for (auto it = list.begin(); it != list.end() && keep < std::max<size_t>(1, count); ++it, ++keep) {
    if (keep > 0) sum += bytes_of(**it);
    if (sum > kBytes) break;
  }
  list.resize(keep);
}

// One stage planned and prepared for one set of types.
class PreparedStage {
 public:
  // What the plan depends on: the type of each value that comes in, and the data of some.
  struct Key {
    ValueId value;
    Type type;
    std::shared_ptr<const Tensor> data;  // shape data only
  };
  bool matches(const std::vector<const hrt_value*>& values) const;

  std::vector<Key> key;
  StagePlan plan;
  std::map<ValueId, Type> types;                        // of everything in the stage: for reports
  std::vector<std::shared_ptr<hrt_prepared>> prepared;  // by index into plan.steps; NULL: no device runs it

  uint64_t bytes() const { return sizeof(ValuePlan) * 4 * plan.values.size(); }  // about
};

// What a device says to the nodes of a graph, in their order.
std::vector<Support> query_device(Device& device, const Graph& graph);

class Program {
 public:
  // Partitions and compiles. The graph must outlive the program; weights that devices have packed are
  // dropped from it.
  Program(Graph& graph, const CompileOptions& options);
  Program(const Program&) = delete;

  struct Compiled {
    Device* device = nullptr;  // NULL: a host step
    Extracted sub;             // what was compiled, and how its ids map to the graph's
    double latency_us = 0;     // the backend's estimate for all of it
    std::shared_ptr<hrt_executable> handle;
  };

  const Graph& graph() const { return graph_; }
  const Partition& partition() const { return partition_; }
  const CompileOptions& options() const { return options_; }
  const Compiled& step(uint32_t index) const { return steps_[index]; }
  // Is some step for a device with a queue?
  bool has_queues() const { return has_queues_; }
  std::string describe(const Compiled& step) const;  // device and nodes, for messages
  // A body that cannot be compiled, because its shapes make no sense, is an error only when it is run.
  struct Body {
    std::unique_ptr<Program> program;  // NULL: broken
    std::string broken;
  };
  const std::map<NodeId, std::map<std::string, Body>>& bodies() const { return bodies_; }
  bool dropped(ValueId constant) const { return dropped_.contains(constant); }

  // The plan of a stage for what comes into it (by value id; others may be NULL), from the cache if it is
  // there.
  std::shared_ptr<const PreparedStage> prepare(uint32_t stage, const std::vector<const hrt_value*>& values);
  // The same from types alone, uncached; shape data must be constants of the graph.
  std::shared_ptr<const PreparedStage> prepare_for(uint32_t stage, const std::map<ValueId, Type>& types);

 private:
  void compile_step(uint32_t index);
  void compile_bodies(uint32_t index);
  void drop_packed_constants();
  void find_incoming();
  std::shared_ptr<PreparedStage> make(uint32_t stage, Facts facts, std::vector<PreparedStage::Key> key);
  std::shared_ptr<hrt_prepared> prepare_step(const Compiled& step, const Facts& facts,
                                             uint64_t& workspace) const;

  Graph& graph_;
  CompileOptions options_;
  Partition partition_;
  std::vector<Compiled> steps_;
  std::vector<Space> spaces_;  // by device
  bool has_queues_ = false;
  std::map<NodeId, std::map<std::string, Body>> bodies_;
  std::vector<std::vector<ValueId>> incoming_;  // by stage
  std::map<ValueId, Type> dropped_;
  std::unique_ptr<Facts> base_facts_;  // of constants
  std::mutex mutex_;
  // By stage, latest first. Below the executables: what was prepared goes before what it was prepared from.
  std::vector<std::list<std::shared_ptr<const PreparedStage>>> cache_;
};

}  // namespace hrt
