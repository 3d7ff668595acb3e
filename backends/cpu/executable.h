// SPDX-License-Identifier: Apache-2.0
// A compiled subgraph, and what it becomes for one set of shapes.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "backends/cpu/extension.h"
#include "backends/cpu/op.h"
#include "backends/cpu/packed.h"

namespace hrt::cpu {

// A graph's nodes, compiled, and the constants that are read in place.
class Executable {
 public:
  Executable(const Graph& graph, const Extensions& extensions);
  Executable(const Executable&) = delete;
  ~Executable();

  struct CompiledNode {
    uint32_t id;
    std::string name;  // operator and node, for messages
    std::vector<uint32_t> in, out;
    Compiled compiled;
  };
  const std::vector<CompiledNode>& nodes() const { return nodes_; }
  const std::vector<uint32_t>& inputs() const { return inputs_; }
  const std::vector<uint32_t>& outputs() const { return outputs_; }
  // The bytes of a constant that was retained, or NULL.
  const void* constant(uint32_t value) const;

 private:
  struct Retained {
    void* handle;
    const void* data;
  };
  void retain(const Graph& graph, uint32_t value);

  std::vector<CompiledNode> nodes_;
  std::vector<uint32_t> inputs_, outputs_;
  std::unordered_map<uint32_t, Retained> constants_;
};

// Where a buffer lies; settled before the run but for the bases, which come with it.
struct Place {
  enum Kind : uint8_t { kNone, kFixed, kInput, kOutput, kWorkspace };
  Kind kind = kNone;
  size_t at = 0;                // kInput, kOutput: index; kWorkspace: offset
  const void* fixed = nullptr;  // kFixed
};

// The plan for one set of shapes: steps in order, with the places of their operands. Immutable.
struct Prepared {
  struct Item {
    uint32_t node;  // id in the compiled graph, that trace and errors name
    const char* name;
    Step step;
    std::vector<Place> in, out;
    Place workspace;
  };
  std::vector<Item> items;
  std::vector<Floats> owned;  // known values, copied or reordered
  uint64_t workspace_bytes = 0;
};

Prepared prepare(const Executable& executable, const hrt_shapes& shapes);

// One run in flight: the pointers of every step, so that a run allocates nothing.
class Context {
 public:
  explicit Context(const Prepared& prepared);
  void run(const hrt_run_args& args);

 private:
  const Prepared& prepared_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
};

}  // namespace hrt::cpu
