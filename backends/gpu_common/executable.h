// SPDX-License-Identifier: Apache-2.0
// A compiled subgraph on a GPU, what it becomes for one set of shapes, and one run in flight of that.
//
//   Executable   nodes compiled, neighbouring element-wise ones joined into chains, weights uploaded
//   Prepared     dispatches in order, and where every tensor lies: one workspace laid out by lifetimes
//   Context      a workspace of its own, and the dispatches recorded for the memory that the host bound
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

class Tuner;

// What all executables of one opened device share.
struct Device {
  std::unique_ptr<Driver> driver;
  std::unique_ptr<Tuner> tuner;
};

class Executable {
 public:
  Executable(Device& device, const Graph& graph);

  // One node, or a chain of them that is dispatched as one.
  struct CompiledNode {
    uint32_t id;       // of the last of a chain
    std::string name;  // operator and node, for messages
    std::vector<uint32_t> in, out;
    Compiled compiled;
    std::vector<Span> weights;
  };
  Device& device() const { return device_; }
  const std::vector<CompiledNode>& nodes() const { return nodes_; }
  const std::vector<uint32_t>& inputs() const { return inputs_; }
  const std::vector<uint32_t>& outputs() const { return outputs_; }
  // The uploaded bytes of a constant; those that are no constant of the graph are uploaded at the first call
  // with these bytes, which are the same for every set of shapes.
  Span constant(uint32_t value, const void* data, uint64_t bytes) const;
  Span uploaded(uint32_t value) const;  // buffer is NULL when it was not
  bool is_constant(uint32_t value) const { return graph_constants_.contains(value); }

 private:
  void compile_node(const Graph& graph, uint32_t id);
  void upload_constants(const Graph& graph);

  Device& device_;
  std::vector<CompiledNode> nodes_;
  std::vector<uint32_t> inputs_, outputs_;
  std::unordered_set<uint32_t> graph_constants_;
  std::vector<std::unique_ptr<Buffer>> weights_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<uint32_t, std::unique_ptr<Buffer>> constants_;
};

// Joins nodes whose element-wise operations follow one another, over the same elements, into one.
std::vector<Executable::CompiledNode> join_chains(const Graph& graph,
                                                  std::vector<Executable::CompiledNode> nodes);

// Where a piece of memory lies; settled but for the bases, which come with bind.
struct Place {
  enum Kind : uint8_t { kFixed, kInput, kOutput, kWorkspace, kFault };
  Kind kind = kFixed;
  size_t at = 0;  // kInput, kOutput: index; kWorkspace, kFault: offset
  Span fixed;     // kFixed
  uint64_t bytes = 0;
  bool part = false;  // only `bytes` of that, from `from` on
  uint64_t from = 0;
};

struct Prepared {
  struct Item {
    const Pipeline* pipeline;
    std::vector<Place> buffers;
    uint32_t writes;
    std::vector<uint32_t> push;
    std::array<uint32_t, 3> groups;
    uint32_t node;
  };
  // What a run met that it could not take, when its word holds a place (Emit::fault). Words lie fault_bytes
  // apart, so that each can be bound.
  struct Fault {
    std::string what, of;
  };
  Device* device;
  std::vector<Item> items;
  std::vector<Fault> faults;
  uint64_t fault_bytes = 0;
  std::vector<std::unique_ptr<Buffer>> tables;  // data that depends on these shapes
  uint64_t workspace_bytes = 0;
};

// Throws sdk::Error when the shapes do not fit the graph or the device.
Prepared prepare(const Executable& executable, const hrt_shapes& shapes);

class Context {
 public:
  explicit Context(const Prepared& prepared);
  // Records the dispatches for memory that will not change.
  void bind(std::span<const Span> inputs, std::span<const Span> outputs);
  void submit(std::span<const Point> wait, const Point& signal, bool profile);
  // After the end of a run: throws what it met in its data that an operator cannot take.
  void check_faults();
  std::vector<Time> times();  // of the last run, when it was profiled

 private:
  void clear_faults();

  const Prepared& prepared_;
  std::unique_ptr<Buffer> workspace_;
  std::unique_ptr<Buffer> faults_;
  std::vector<Dispatch> dispatches_;
  std::unique_ptr<Recording> plain_, profiled_;  // the latter made when first asked for
  bool times_kept_ = false;
};

}  // namespace hrt::gpu
