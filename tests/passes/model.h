// SPDX-License-Identifier: Apache-2.0
// Small models for the tests of passes: short ways to make them, and the one question asked of them.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "core/execute/runtime.h"
#include "core/graph/graph.h"
#include "core/graph/transaction.h"

namespace hrt::test {

using Ids = std::vector<ValueId>;
using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;

Runtime& runtime();  // with the plugins as built; made once

class Model {
 public:
  Model();

  // A dimension without a number, the same for the same name.
  int64_t symbol(const char* name) { return edit_->symbol(name); }
  ValueId input(Dims dims, hrt_dtype dtype = HRT_FLOAT32);
  ValueId input_of(Type type);
  ValueId floats(Dims dims, const Floats& data, hrt_dtype dtype = HRT_FLOAT32);  // any floating-point type
  ValueId scalar(float value) { return floats({}, {value}); }
  ValueId random(Dims dims, float low = -1, float high = 1);  // float32, the same in every run
  ValueId ints(const Ints& data) { return ints({int64_t(data.size())}, data); }
  ValueId ints(Dims dims, const Ints& data);

  // One output; ops: several. inputs may hold HRT_NONE.
  ValueId op(std::string op, Ids inputs, std::vector<Attribute> attributes = {}, std::string domain = "");
  Ids ops(std::string op, Ids inputs, size_t outputs, std::vector<Attribute> attributes = {});
  void output(ValueId value) { outputs_.push_back(value); }
  Transaction& edit() { return *edit_; }
  // An If whose branches both read the values captured: one gives its negative, the other its absolute.
  ValueId branch_on(ValueId condition, ValueId captured);

  std::unique_ptr<Graph> finish();

 private:
  std::unique_ptr<Graph> graph_;
  std::unique_ptr<Transaction> edit_;
  Ids outputs_;
  std::mt19937 random_{1};
};

inline Attribute attr(const char* name, Attribute::Data data) { return {name, std::move(data)}; }
inline Attribute perm(Ints axes) { return {"perm", std::move(axes)}; }

using Build = std::function<void(Model&)>;
using Names = std::vector<std::string>;

// How far results may differ: not in a bit, by the rounding of one operator, or of a chain of them.
enum class Equal { kExactly, kRounded, kRoughly };

// Builds the model twice, runs the passes over one of the two, runs both on the same random inputs, and
// expects equal outputs under the same names, and that no rewrite had to be rolled back. Returns the
// operators that the optimised graph has, in order of execution: "Conv Relu"; domain "hrt" is left out.
std::string optimised(const Build& build, const Names& passes, Equal equal = Equal::kExactly);

// The same, and the graph: for tests that look closer.
std::unique_ptr<Graph> optimise(const Build& build, const Names& passes, Equal equal = Equal::kExactly);
// The passes alone, nothing run: the graph, or what they did, a line a rewrite ("pass: ...").
std::unique_ptr<Graph> rewritten(const Build& build, const Names& passes);
Names rewrites(const Build& build, const Names& passes);
std::string operators_of(const Graph& graph);
const Node& node_of(const Graph& graph, std::string_view op);

}  // namespace hrt::test
