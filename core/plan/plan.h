// SPDX-License-Identifier: Apache-2.0
// The plan of one stage for one set of types of the values that come into it: shapes of everything, where
// each value lies, what is copied between memories, and which step must wait for which.
//
// Memories. The host's arena holds what host and host-memory devices work on; a device with shared memory
// works there too, through an import, but for what comes from outside of the stage, which is copied into a
// slot of its own in that arena. A device with memory of its own has an arena there, with a slot for each
// value that its steps read or write. Copies are steps like any other.
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
  kDynamic,   // made by a kernel at run time
  kDevice     // only in slots of devices
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

// The memory of a device, by its number in the partition.
struct Space {
  hrt_memory memory = HRT_MEMORY_HOST;
  uint64_t alignment = 64;  // as hrt_device_info has it
};

// A value's copy for one device.
struct SlotPlan {
  ValueId value;
  int device;
  uint64_t offset = 0;  // in the device's arena; with shared memory, in the host's
  uint64_t bytes = 0;
  uint32_t first = 0, last = 0;            // levels between which it lives
  std::shared_ptr<const Tensor> constant;  // written once, before the first run
};

enum class StepKind { kRun, kUpload, kDownload };

struct StepPlan {
  uint32_t step = HRT_NONE;  // kRun: index into Partition::steps
  StepKind kind = StepKind::kRun;
  uint32_t slot = HRT_NONE;  // kUpload, kDownload: index into StagePlan::slots
  int queue = -1;            // the device on whose queue it runs; -1: on a thread of the host's
  uint32_t level = 0;        // longest path of steps to it
  uint64_t workspace_offset = 0;
  uint64_t workspace_bytes = 0;
  std::vector<uint32_t> successors;  // indices into StagePlan::steps
  uint32_t wait_for = 0;             // number of predecessors
  // kRun on a queue: slots, in the order of the compiled graph's inputs and outputs; HRT_NONE: where the
  // value itself lies (shared memory).
  std::vector<uint32_t> inputs, outputs;
};

struct StagePlan {
  std::vector<StepPlan> steps;  // steps all of whose results are known are left out
  std::vector<uint32_t> order;  // of steps, in which they can run one after another
  std::vector<ValuePlan> values;
  std::map<ValueId, uint32_t> value_index;
  std::vector<SlotPlan> slots;
  std::map<int, uint64_t> device_bytes;  // of the arenas of devices with memory of their own
  uint64_t arena_bytes = 0;
  uint64_t arena_alignment = 64;
  uint64_t unshared_bytes = 0;
  uint64_t kept_bytes = 0;

  const ValuePlan& value(ValueId id) const { return values[value_index.at(id)]; }
};

// Workspace of a step, asked once shapes are known; facts are by value id of the graph.
using Workspace = std::function<uint64_t(uint32_t step, const Facts& facts)>;

// What is known of the devices: nothing is needed of those that work at any address of the host's.
struct PlanDevices {
  std::span<const Space> spaces = {};  // by device
  // What a step on a device with a queue reads and writes, in the order of the graph compiled for it.
  std::function<std::span<const ValueId>(uint32_t step)> inputs = {}, outputs = {};
};

// facts: types (static) and, for shape data, constants of everything that comes into the stage. On return
// they hold what inference found. Throws when inference refuses these shapes.
StagePlan plan_stage(const Graph& graph, const Partition& partition, uint32_t stage, Facts& facts,
                     const Workspace& workspace, const PlanDevices& devices = {});

}  // namespace hrt
