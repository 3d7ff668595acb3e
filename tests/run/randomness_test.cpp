// SPDX-License-Identifier: Apache-2.0
// What can be said of outputs that hang on random numbers, and which ones do.
#include "apps/hrt-run/lib/randomness.h"

#include <gtest/gtest.h>

#include "core/execute/runtime.h"
#include "core/graph/transaction.h"

namespace hrt {
namespace {

ValuePtr floats(Dims dims, const std::vector<float>& elements) {
  Tensor t = Tensor::allocate(HRT_FLOAT32, std::move(dims));
  std::copy(elements.begin(), elements.end(), t.data_as<float>());
  return make_value(std::move(t));
}

TEST(Randomness, DrawsAreZerosAndOnesWhereThoseWereRecorded) {
  const ValuePtr recorded = floats({4}, {0, 1, 1, 0});
  EXPECT_EQ(implausible(floats({4}, {1, 1, 0, 0}), recorded), "");
  EXPECT_NE(implausible(floats({4}, {1, 0.5f, 0, 0}), recorded), "");
  EXPECT_NE(implausible(floats({4}, {1, NAN, 0, 0}), recorded), "");
  EXPECT_EQ(implausible(floats({4}, {1, 0.5f, 0, 0}), floats({4}, {0.25f, 1, 1, 0})), "");
}

TEST(Randomness, TypeShapeAndFinitenessAreChecked) {
  const ValuePtr recorded = floats({2, 2}, {0.5f, 1, 2, 3});
  EXPECT_NE(implausible(floats({4}, {0.5f, 1, 2, 3}), recorded), "");
  EXPECT_NE(implausible(floats({2, 2}, {0.5f, 1, INFINITY, 3}), recorded), "");
  EXPECT_NE(implausible(make_value(Tensor::allocate(HRT_FLOAT64, {2, 2})), recorded), "");
  EXPECT_NE(implausible(make_sequence(recorded->type, {recorded}), recorded), "");
  EXPECT_EQ(implausible(make_sequence(recorded->type, {recorded}), make_sequence(recorded->type, {recorded})),
            "");
}

TEST(Randomness, FollowsRandomNumbersToTheOutputs) {
  Runtime runtime([] {
    RuntimeOptions options;
    options.plugin_directories = {HRT_PLUGIN_DIR};
    return options;
  }());
  Graph graph;
  Transaction edit(graph);
  const ValueId x = edit.add_input("x", Type::tensor(HRT_FLOAT32, {4}));
  const auto add = [&](const char* op, std::vector<ValueId> inputs, const char* name) {
    return graph.node(edit.add_node("", op, "", std::move(inputs), {{name}}, {})).outputs[0];
  };
  const ValueId drawn = add("Bernoulli", {x}, "drawn"), sum = add("Add", {drawn, x}, "sum");
  const ValueId plain = add("Relu", {x}, "plain"), dropped = add("Dropout", {x}, "dropped");
  edit.set_outputs({sum, plain, dropped, drawn});
  edit.commit();
  EXPECT_EQ(random_outputs(graph), (std::vector<bool>{true, false, false, true}));
}

}  // namespace
}  // namespace hrt
