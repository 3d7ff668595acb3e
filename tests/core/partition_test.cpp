// SPDX-License-Identifier: Apache-2.0
#include "core/partition/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/core/builder.h"

namespace hrt {
namespace {

using test::Builder;
using test::failure_of;

std::vector<NodeId> producers(const Graph& g, NodeId id) {
  std::vector<NodeId> list;
  for (const ValueId v : g.node(id).inputs)
    if (v != HRT_NONE && g.value(v).producer != HRT_NONE) list.push_back(g.value(v).producer);
  return list;
}

// A graph of element-wise nodes, each with a name of its own and one or two inputs from anywhere before it.
std::unique_ptr<Graph> random_graph(std::mt19937& random, size_t nodes) {
  Builder b;
  std::vector<ValueId> values = {b.input("x", Type::tensor(HRT_FLOAT32, {8})),
                                 b.input("y", Type::tensor(HRT_FLOAT32, {8}))};
  auto any = [&] { return values[random() % values.size()]; };
  for (size_t i = 0; i < nodes; ++i) {
    const bool binary = random() % 2;
    const NodeId id =
        b.node_id(binary ? "Add" : "Neg", binary ? std::vector{any(), any()} : std::vector{any()}, {}, 1,
                  fmt::format("n{}", i));
    values.push_back(b.transaction().graph().node(id).outputs[0]);
  }
  b.outputs({values.back()});
  return b.finish();
}

// What lies on some path from a to b, by brute force.
std::vector<std::vector<char>> reachable(const Graph& g) {
  std::vector<std::vector<char>> r(g.node_limit(), std::vector<char>(g.node_limit(), 0));
  for (const NodeId id : g.nodes())
    for (const NodeId p : producers(g, id)) {
      r[p][id] = 1;
      for (const NodeId q : g.nodes()) r[q][id] |= r[q][p];
    }
  return r;
}

TEST(Partition, ClustersAreConvexOfOneDeviceAndInOrder) {
  std::mt19937 random(11);
  test::runtime().registry().ops();
  for (int round = 0; round < 150; ++round) {
    const auto graph = random_graph(random, 3 + random() % 30);
    const size_t devices = 1 + random() % 3;
    std::map<std::string, std::vector<char>> takes;
    for (const NodeId id : graph->nodes()) {
      auto& list = takes[graph->node(id).name];
      for (size_t d = 0; d + 1 < devices; ++d) list.push_back(random() % 2);
      list.push_back(1);  // the last one takes everything
    }
    const Partition p = partition(
        *graph, std::vector<std::string>(devices, "some device"), [&](size_t d, const Graph& asked) {
          std::vector<Support> answers;
          for (const NodeId id : asked.nodes())
            answers.push_back({takes.at(asked.node(id).name)[d] != 0, "does not like it", 1.0});
          return answers;
        });

    std::map<NodeId, size_t> step_of;
    for (size_t s = 0; s < p.steps.size(); ++s) {
      for (const NodeId id : p.steps[s].nodes) {
        ASSERT_TRUE(step_of.emplace(id, s).second) << "node " << id << " is in two steps";
        for (const NodeId q : producers(*graph, id))
          ASSERT_TRUE(step_of.contains(q)) << "comes before its producer";
        const int device = p.steps[s].device;
        ASSERT_EQ(device, p.choices[id].device);
        const auto& list = takes.at(graph->node(id).name);
        ASSERT_EQ(device, std::find(list.begin(), list.end(), 1) - list.begin())
            << "not the first that takes it";
        ASSERT_EQ(p.choices[id].refusals.size(), size_t(device));
      }
    }
    ASSERT_EQ(step_of.size(), graph->nodes().size());
    const auto reach = reachable(*graph);
    for (const NodeId a : graph->nodes())
      for (const NodeId b : graph->nodes())
        for (const NodeId between : graph->nodes())
          if (step_of[a] == step_of[b] && reach[a][between] && reach[between][b]) {
            ASSERT_EQ(step_of[between], step_of[a]) << "a path leaves the cluster and comes back";
          }
  }
}

TEST(Partition, WhatNobodyTakesIsAnErrorWithEveryReason) {
  Builder b;
  const NodeId id = b.node_id("Neg", {b.input("x", Type::tensor(HRT_FLOAT32, {2}))}, {}, 1, "the culprit");
  b.outputs({b.transaction().graph().node(id).outputs[0]});
  const auto graph = b.finish();
  const auto failure = failure_of([&] {
    partition(*graph, std::vector<std::string>{"first", "second"}, [](size_t d, const Graph&) {
      return std::vector<Support>{{false, d == 0 ? "too cold" : "too warm", 0}};
    });
  });
  EXPECT_EQ(failure.code, HRT_ERROR_UNSUPPORTED);
  for (const char* part : {"Neg", "the culprit", "first: too cold", "second: too warm"})
    EXPECT_NE(failure.message.find(part), std::string::npos) << failure.message;
}

Partition all_on_one(Graph& graph) {
  return partition(graph, std::vector<std::string>{"only"}, [](size_t, const Graph& asked) {
    return std::vector<Support>(asked.nodes().size(), {true, "", 1.0});
  });
}

uint32_t stage_of(const Partition& p, NodeId id) {
  for (const Step& s : p.steps)
    if (std::ranges::find(s.nodes, id) != s.nodes.end()) return s.stage;
  return HRT_NONE;
}

TEST(Partition, ReadersOfAShapeThatOnlyTheRunTellsComeAStageLater) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {2, 3}));
  const NodeId before = b.node_id("Neg", {x});
  const NodeId where = b.node_id("NonZero", {b.transaction().graph().node(before).outputs[0]});
  const NodeId after = b.node_id("Neg", {b.transaction().graph().node(where).outputs[0]});
  b.outputs({b.transaction().graph().node(after).outputs[0]});
  const auto graph = b.finish();
  const Partition p = all_on_one(*graph);
  EXPECT_EQ(p.stage_count, 2u);
  EXPECT_EQ(stage_of(p, before), 0u);
  EXPECT_EQ(stage_of(p, where), 0u);
  EXPECT_EQ(stage_of(p, after), 1u);
  EXPECT_EQ(p.choices[where].device, -1);
  EXPECT_NE(p.choices[where].why.find("depend on data"), std::string::npos);
  EXPECT_EQ(p.choices[after].device, 0);
  // What the cluster behind is compiled for has a symbol in place of the unknown dimension.
  const Type& type = graph->value(graph->node(after).inputs[0]).type;
  ASSERT_EQ(type.dims().size(), 2u);
  EXPECT_EQ(type.dims()[0], 2);
  EXPECT_TRUE(HRT_DIM_IS_SYMBOL(type.dims()[1]));
}

TEST(Partition, ADeclaredShapeDoesNotMakeADataDependentOneKnown) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {2, 3}));
  const NodeId where = b.node_id("NonZero", {x});
  const ValueId found = b.transaction().graph().node(where).outputs[0];
  b.transaction().declare_type(found, Type::tensor(HRT_INT64, {2, 4}));
  const NodeId after = b.node_id("Neg", {found});
  b.outputs({b.transaction().graph().node(after).outputs[0]});
  const auto graph = b.finish();
  EXPECT_EQ(stage_of(all_on_one(*graph), after), 1u);
}

TEST(Partition, AShapeThatIsAnInputIsPartOfThePlansKey) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {6})),
                shape = b.input("shape", Type::tensor(HRT_INT64, {2}));
  const NodeId reshape = b.node_id("Reshape", {x, shape});
  b.outputs({b.transaction().graph().node(reshape).outputs[0]});
  const auto graph = b.finish();
  const Partition p = all_on_one(*graph);
  EXPECT_EQ(p.stage_count, 1u);
  EXPECT_EQ(p.shape_data, std::vector<ValueId>{shape});
  EXPECT_EQ(p.choices[reshape].device, 0);
}

TEST(Partition, AShapeThatIsComputedFromDataEndsTheStage) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {6})),
                s = b.input("s", Type::tensor(HRT_FLOAT32, {2}));
  const ValueId shape = b.node("Cast", {s}, {{"to", int64_t(HRT_INT64)}});
  const NodeId reshape = b.node_id("Reshape", {x, shape});
  b.outputs({b.transaction().graph().node(reshape).outputs[0]});
  const auto graph = b.finish();
  const Partition p = all_on_one(*graph);
  EXPECT_EQ(stage_of(p, reshape), 1u);
  EXPECT_EQ(p.shape_data, std::vector<ValueId>{shape});
}

TEST(Partition, ShapeArithmeticStaysInItsStage) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {b.transaction().symbol("n"), 4}));
  const ValueId shape = b.node("Shape", {x});
  const NodeId reshape = b.node_id("Reshape", {b.node("Neg", {x}), shape});
  b.outputs({b.transaction().graph().node(reshape).outputs[0]});
  const auto graph = b.finish();
  const Partition p = all_on_one(*graph);
  EXPECT_EQ(p.stage_count, 1u);
  EXPECT_TRUE(p.shape_data.empty());
}

TEST(Partition, StringsAndSequencesRunOnTheHostAndTheReasonSaysSo) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {2}));
  const NodeId text = b.node_id("Cast", {x}, {{"to", int64_t(HRT_STRING)}});
  const NodeId seq = b.node_id("SequenceConstruct", {x, x});
  b.outputs({b.transaction().graph().node(text).outputs[0], b.transaction().graph().node(seq).outputs[0]});
  const auto graph = b.finish();
  const Partition p = all_on_one(*graph);
  EXPECT_EQ(p.choices[text].device, -1);
  EXPECT_NE(p.choices[text].why.find("string"), std::string::npos) << p.choices[text].why;
  EXPECT_EQ(p.choices[seq].device, -1);
  EXPECT_FALSE(p.choices[seq].why.empty());
}

}  // namespace
}  // namespace hrt
