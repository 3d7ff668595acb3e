// SPDX-License-Identifier: Apache-2.0
// The plan of one stage for one set of types of the values that come into it: shapes of everything, where
// each value lies, and which step must wait for which.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/graph/graph.h"
#include "core/partition/partition.h"
#include "core/plugin/infer.h"

namespace hrt {

enum class Home {
  kOutside,   // comes in: an input, a capture, the result of an earlier stage
  kConstant,  // known before the run
  kArena,     // in the arena, at offset
  kKept,      // in memory of its own: an output, or read by a later stage
  kDynamic    // made by a kernel at run time
};

struct ValuePlan {
  ValueId value;
  Home home;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  Type type;                               // static unless kDynamic
  std::shared_ptr<const Tensor> constant;  // kConstant
  uint32_t first = 0, last = 0;            // levels between which it lives
};

struct StepPlan {
  uint32_t step;       // index into Partition::steps
  uint32_t level = 0;  // longest path of steps to it
  uint64_t workspace_offset = 0;
  uint64_t workspace_bytes = 0;
  std::vector<uint32_t> successors;  // indices into StagePlan::steps
  uint32_t wait_for = 0;             // number of predecessors
};

struct StagePlan {
  std::vector<StepPlan> steps;  // steps all of whose results are known are left out
  std::vector<uint32_t> order;  // of steps, in which they can run one after another
  std::vector<ValuePlan> values;
  std::map<ValueId, uint32_t> value_index;
  uint64_t arena_bytes = 0;
  uint64_t unshared_bytes = 0;
  uint64_t kept_bytes = 0;

  const ValuePlan& value(ValueId id) const { return values[value_index.at(id)]; }
};

// Workspace of a step, asked once shapes are known; facts are by value id of the graph.
using Workspace = std::function<uint64_t(uint32_t step, const Facts& facts)>;

// facts: types (static) and, for shape data, constants of everything that comes into the stage. On return
// they hold what inference found. Throws when inference refuses these shapes.
StagePlan plan_stage(const Graph& graph, const Partition& partition, uint32_t stage, Facts& facts,
                     const Workspace& workspace);

}  // namespace hrt
