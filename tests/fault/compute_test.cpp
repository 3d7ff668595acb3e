// SPDX-License-Identifier: Apache-2.0
// That the fault devices compute right when they are left alone, for each kind of memory.
#include <gtest/gtest.h>

#include <random>

#include "tests/fault/rig.h"

namespace hrt {
namespace {

using test::Builder;
using test::FaultDevices;
using test::Rig;
using Floats = std::vector<float>;

class Compute : public ::testing::TestWithParam<const char*> {
 protected:
  Compute() { devices.add("dev", GetParam()); }

  // Runs twice on what is left of the first run; the outputs.
  std::vector<Floats> outputs(std::unique_ptr<Graph> graph, const std::vector<Floats>& inputs) {
    std::vector<Floats> out;
    const size_t count = graph->outputs().size();
    Rig rig(devices, "dev", std::move(graph));
    const Rig::Call call = rig.tour(inputs);
    EXPECT_EQ(call.function, "") << call.failure.message;
    if (!call.function.empty()) return std::vector<Floats>(count);
    rig.run(inputs);
    for (size_t i = 0; i < count; ++i) out.push_back(rig.output(i));
    EXPECT_EQ(devices.control("dev").misuses(), 0u);
    return out;
  }

  FaultDevices devices;
};

Type floats_type(Dims dims) { return Type::tensor(HRT_FLOAT32, std::move(dims)); }

Floats random(size_t count, unsigned seed) {
  std::mt19937 gen(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Floats out(count);
  for (float& v : out) v = uniform(gen);
  return out;
}

TEST_P(Compute, UnaryOperatorsGoElementByElement) {
  Builder b;
  const ValueId x = b.input("x", floats_type({2, 2}));
  b.outputs({b.node("Neg", {x}), b.node("Relu", {x}), b.node("Identity", {x})});
  const Floats in{1, -2, 0.5f, -0.25f};
  const auto out = outputs(b.finish_in(devices.runtime()), {in});
  EXPECT_EQ(out[0], (Floats{-1, 2, -0.5f, 0.25f}));
  EXPECT_EQ(out[1], (Floats{1, 0, 0.5f, 0}));
  EXPECT_EQ(out[2], in);
}

TEST_P(Compute, BinaryOperatorsBroadcastBothWays) {
  Builder b;
  const ValueId x = b.input("x", floats_type({2, 1}));
  const ValueId y = b.input("y", floats_type({3}));
  const ValueId s = b.input("s", floats_type({}));
  b.outputs({b.node("Add", {x, y}), b.node("Mul", {x, s}), b.node("Mul", {s, s})});
  const auto out = outputs(b.finish_in(devices.runtime()), {{10, 20}, {1, 2, 3}, {-2}});
  EXPECT_EQ(out[0], (Floats{11, 12, 13, 21, 22, 23}));
  EXPECT_EQ(out[1], (Floats{-20, -40}));
  EXPECT_EQ(out[2], (Floats{4}));
}

// Against the reference kernels.
TEST_P(Compute, MatMulOfEveryRank) {
  const std::pair<Dims, Dims> cases[] = {{{4}, {4}},
                                         {{3, 4}, {4}},
                                         {{4}, {4, 2}},
                                         {{3, 4}, {4, 2}},
                                         {{2, 3, 4}, {4, 2}},
                                         {{4}, {2, 4, 3}},
                                         {{2, 1, 3, 4}, {5, 4, 2}},
                                         {{2, 3, 4}, {4}},
                                         {{0, 4}, {4, 2}},
                                         {{3, 0}, {0, 2}}};
  for (const auto& [a, b] : cases) {
    const auto make = [&] {
      Builder builder;
      const ValueId left = builder.input("a", floats_type(a)), right = builder.input("b", floats_type(b));
      builder.outputs({builder.node("MatMul", {left, right})});
      return builder.finish_in(devices.runtime());
    };
    const Floats left = random(element_count(a), 1), right = random(element_count(b), 2);
    Session session(devices.runtime(), make(), test::on("reference"));
    const auto request = session.make_request();
    request->set_input(0, test::floats(a, left));
    request->set_input(1, test::floats(b, right));
    request->run();
    const Floats expected = test::floats_of(request->output(0));
    const Floats got = outputs(make(), {left, right})[0];
    ASSERT_EQ(got.size(), expected.size()) << dims_to_string(a) << " " << dims_to_string(b);
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_NEAR(got[i], expected[i], 1e-5) << dims_to_string(a) << " " << dims_to_string(b);
  }
}

// The same value as an output twice, an input and a constant as outputs, values that only nodes see.
TEST_P(Compute, WhateverIsAnOutputIsWritten) {
  Builder b;
  const ValueId x = b.input("x", floats_type({2}));
  const ValueId c = b.constant(test::floats({2}, {5, 6}));
  const ValueId inner = b.node("Add", {x, c});
  const ValueId sum = b.node("Mul", {inner, inner});
  b.outputs({sum, sum, x, c});
  const auto out = outputs(b.finish_in(devices.runtime()), {{1, 2}});
  EXPECT_EQ(out, (std::vector<Floats>{{36, 64}, {36, 64}, {1, 2}, {5, 6}}));
}

TEST_P(Compute, RunsInASession) {
  Builder b;
  const ValueId x = b.input("x", floats_type({b.transaction().symbol("n"), 2}));
  b.outputs({b.node("Relu", {b.node("Add", {x, b.constant(test::floats({2}, {1, -1}))})})});
  Session session(devices.runtime(), b.finish_in(devices.runtime()), test::on("dev"));
  const auto request = session.make_request();
  for (const int64_t n : {1, 3, 1}) {
    Floats in, expected;
    for (int64_t i = 0; i < n; ++i) {
      in.insert(in.end(), {float(i), float(-i)});
      expected.insert(expected.end(), {float(i + 1), 0});
    }
    request->set_input(0, test::floats({n, 2}, in));
    request->run();
    EXPECT_EQ(test::floats_of(request->output(0)), expected);
  }
}

TEST_P(Compute, RefusesWhatItHasNoKernelForAndSaysWhy) {
  Builder b;
  const ValueId x = b.input("x", floats_type({2}));
  const ValueId n = b.input("n", Type::tensor(HRT_INT64, {2}));
  b.outputs({b.node("Exp", {x}), b.node("Neg", {n})});
  Session session(devices.runtime(), b.finish_in(devices.runtime()), test::on("dev", Fallback::kAllow));
  std::map<std::string, std::string> reasons;
  for (const Placement& row : session.placement())
    for (const Placement::Refusal& r : row.refusals) reasons[row.op] = r.reason;
  EXPECT_EQ(reasons["Exp"], "operator not in this backend");
  EXPECT_EQ(reasons["Neg"], "dtype int64");
}

INSTANTIATE_TEST_SUITE_P(Memory, Compute, ::testing::Values("host", "shared", "device"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace hrt
