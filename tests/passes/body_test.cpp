// SPDX-License-Identifier: Apache-2.0
// Nested bodies: what they see of the graph around them is in use, and they are rewritten too.
#include "model.h"

namespace hrt::test {
namespace {

TEST(Bodies, ACaptureIsAUse) {
  const auto build = [](Model& m) {
    const auto x = m.input({2, 3});
    const auto exp = m.op("Exp", {x});
    m.output(m.branch_on(m.input({}, HRT_BOOL), exp));
  };
  EXPECT_EQ(optimised(build, {"dead-code"}), "Exp If");
}

TEST(Bodies, AConvolutionThatABodySeesIsNotFused) {
  const auto build = [](Model& m) {
    const auto y = m.op("Conv", {m.input({1, 2, 4, 4}), m.random({2, 2, 3, 3})});
    m.output(m.op("Relu", {y}));
    m.output(m.branch_on(m.input({}, HRT_BOOL), y));
  };
  EXPECT_EQ(optimised(build, {"conv-activation"}), "Conv Relu If");
}

TEST(Bodies, AreRewrittenToo) {
  const auto build = [](Model& m) { m.output(m.branch_on(m.input({}, HRT_BOOL), m.input({2}))); };
  const auto graph = optimise(build, {"identity-removal"});
  for (const auto& [attribute, body] : graph->bodies(node_of(*graph, "If").id))
    EXPECT_EQ(operators_of(*body), attribute == "then_branch" ? "Neg" : "Abs");
}

TEST(Bodies, SeeWhatTakesThePlaceOfAValue) {
  const auto build = [](Model& m) {
    const auto x = m.op("Identity", {m.op("Exp", {m.input({2, 3})})});
    m.output(m.branch_on(m.input({}, HRT_BOOL), x));
    m.output(m.branch_on(m.input({}, HRT_BOOL), m.op("Neg", {m.random({2})})));
  };
  EXPECT_EQ(optimised(build, {"identity-removal", "fold-constants"}), "Exp If If");
}

TEST(Bodies, ANodeWithBodiesIsNeverMerged) {
  const auto build = [](Model& m) {
    const auto c = m.input({}, HRT_BOOL), x = m.input({2});
    m.output(m.branch_on(c, x));
    m.output(m.branch_on(c, x));
  };
  EXPECT_EQ(optimised(build, {"common-subexpressions"}), "If If");
}

}  // namespace
}  // namespace hrt::test
