// SPDX-License-Identifier: Apache-2.0
// A compiled graph, its preparation for one set of shapes, and a run of it in steps.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include <hrt/plugin.hpp>

#include "tests/fault/kernels.h"

namespace hrt::fault {

using Floats = std::vector<float>;

// Why the node is not taken; empty: it is.
std::string refusal(const sdk::Node& node);

struct Executable {
  explicit Executable(const sdk::Graph& graph);

  struct Node {
    uint32_t id;
    const Operator* op;
    std::vector<uint32_t> inputs;
    uint32_t output;
  };
  std::vector<Node> nodes;
  std::vector<uint32_t> inputs, outputs;
  std::map<uint32_t, Floats> constants;  // copies
  uint32_t value_limit;
};

struct Prepared {
  Prepared(std::shared_ptr<const Executable> executable, const hrt_shapes& shapes);

  uint64_t bytes(uint32_t value) const { return uint64_t(sdk::element_count(dims[value])) * sizeof(float); }

  std::shared_ptr<const Executable> executable;
  std::vector<sdk::Dims> dims;       // by value id
  std::map<uint32_t, Floats> known;  // that the host computed in advance
};

// One run in flight. Step 0 spoils the outputs, then comes a step for each node, and one that copies what is
// an output without being made for it: an input, a constant, an output for the second time.
class Context {
 public:
  explicit Context(std::shared_ptr<const Prepared> prepared);

  const Prepared& prepared() const { return *prepared_; }
  void bind(std::span<const float* const> inputs, std::span<float* const> outputs);
  bool bound() const { return bound_; }
  size_t steps() const { return 1 + executable().nodes.size() + (copies_.empty() ? 0 : 1); }
  void step(size_t index);

  struct Time {
    uint32_t node;
    uint64_t begin_ns, end_ns;  // a node begins where the step before it ended
  };
  std::span<const Time> times() const { return times_; }

 private:
  struct Slot {
    const float* read = nullptr;
    float* write = nullptr;
  };
  struct Copy {
    uint32_t value;
    size_t output;
  };

  const Executable& executable() const { return *prepared_->executable; }
  void place(uint32_t value);
  void place_output(size_t index);
  void spoil_outputs();
  void compute(const Executable::Node& node);
  void copy_outputs();

  std::shared_ptr<const Prepared> prepared_;
  std::vector<Slot> slots_;              // by value id
  std::map<uint32_t, Floats> own_;       // values between nodes
  std::map<uint32_t, size_t> made_for_;  // which output a node's result is written to
  std::vector<Copy> copies_;
  std::vector<float*> outputs_;
  std::vector<Time> times_;  // by node
  uint64_t last_ns_ = 0;     // end of the last step
  bool bound_ = false;
};

}  // namespace hrt::fault
