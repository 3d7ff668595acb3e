// SPDX-License-Identifier: Apache-2.0
#include "core/partition/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
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

// Every node in one step, after its producers, on the step's device; no path leaves a step and comes back.
void check_clusters(const Graph& graph, const Partition& p) {
  std::map<NodeId, size_t> step_of;
  for (size_t s = 0; s < p.steps.size(); ++s)
    for (const NodeId id : p.steps[s].nodes) {
      ASSERT_TRUE(step_of.emplace(id, s).second) << "node " << id << " is in two steps";
      for (const NodeId q : producers(graph, id))
        ASSERT_TRUE(step_of.contains(q)) << "comes before its producer";
      ASSERT_EQ(p.steps[s].device, p.choices[id].device);
    }
  ASSERT_EQ(step_of.size(), graph.nodes().size());
  const auto reach = reachable(graph);
  for (const NodeId a : graph.nodes())
    for (const NodeId b : graph.nodes())
      for (const NodeId between : graph.nodes())
        if (step_of[a] == step_of[b] && reach[a][between] && reach[between][b]) {
          ASSERT_EQ(step_of[between], step_of[a]) << "a path leaves the cluster and comes back";
        }
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

    check_clusters(*graph, p);
    for (const NodeId id : graph->nodes()) {
      const auto& list = takes.at(graph->node(id).name);
      const int device = p.choices[id].device;
      ASSERT_EQ(device, std::find(list.begin(), list.end(), 1) - list.begin())
          << "not the first that takes it";
      ASSERT_EQ(p.choices[id].refusals.size(), size_t(device));
    }
  }
}

// A made machine: what devices take, what nodes cost on them, what submissions and copies do.
struct Machine {
  std::vector<std::string> names;
  PartitionOptions options;
  std::map<std::string, std::vector<double>> us;  // by node name, by device; 0: refused

  Query query() const {
    return [this](size_t d, const Graph& asked) {
      std::vector<Support> answers;
      for (const NodeId id : asked.nodes()) {
        const double price = us.at(asked.node(id).name)[d];
        answers.push_back({price > 0, "does not like it", price});
      }
      return answers;
    };
  }

  // In microseconds, counted from the steps: compute, a submission for each, and each value's way down from
  // where it was made and up to every memory of a device's own where it is read.
  double cost(const Graph& g, const std::vector<int>& device, const std::vector<Step>& steps) const {
    const auto& costs = options.costs;
    double sum = 0;
    for (const Step& s : steps) sum += costs[size_t(s.device)].submit_us;
    for (const NodeId id : g.nodes()) sum += us.at(g.node(id).name)[size_t(device[id])];
    for (ValueId v = 0; v < g.value_limit(); ++v) {
      if (!g.has_value(v)) continue;
      const ValueDef& def = g.value(v);
      const auto place = [&](int d) { return d >= 0 && costs[size_t(d)].own_memory ? d : -1; };
      const int from = def.producer == HRT_NONE ? -1 : place(device[def.producer]);
      std::set<int> to;
      for (const NodeId c : def.consumers) to.insert(place(device[c]));
      if (def.output_uses > 0) to.insert(-1);
      to.erase(from);
      const auto way = [&](int d) {
        return d < 0 ? 0 : costs[size_t(d)].submit_us + 32 / costs[size_t(d)].copy_bytes_per_us;
      };
      if (!to.empty()) sum += way(from);
      for (const int d : to) sum += way(d);
    }
    return sum;
  }
};

Machine random_machine(std::mt19937& random, const Graph& graph) {
  Machine m;
  const size_t devices = 2 + random() % 3;
  const auto up_to = [&](double most) { return most * double(1 + random() % 1000) / 1000; };
  for (size_t d = 0; d < devices; ++d) {
    m.names.push_back(fmt::format("device {}", d));
    m.options.costs.push_back({random() % 2 == 0, up_to(5), up_to(20)});
  }
  m.options.split = Split::kCost;
  const unsigned refusing = random() % 4;  // of 8
  for (const NodeId id : graph.nodes()) {
    auto& list = m.us[graph.node(id).name];
    for (size_t d = 0; d < devices; ++d)
      list.push_back(d + 1 < devices && random() % 8 < refusing ? 0 : up_to(30));
  }
  return m;
}

TEST(Partition, ByCostIsNeverWorseThanAnyDeviceAloneAndItsClustersAreAcyclic) {
  std::mt19937 random(12);
  test::runtime().registry().ops();
  size_t mixed = 0;
  for (int round = 0; round < 200; ++round) {
    const auto graph = random_graph(random, 3 + random() % 40);
    const Machine m = random_machine(random, *graph);
    const Partition p = partition(*graph, m.names, m.query(), m.options);
    check_clusters(*graph, p);
    std::vector<int> here(graph->node_limit(), -1);
    std::set<int> used;
    for (const NodeId id : graph->nodes()) {
      here[id] = p.choices[id].device;
      used.insert(here[id]);
      ASSERT_GT(m.us.at(graph->node(id).name)[size_t(here[id])], 0) << "on a device that refused it";
    }
    mixed += used.size() > 1;
    const double found = m.cost(*graph, here, p.steps);
    for (size_t d = 0; d < m.names.size(); ++d) {
      const bool all = std::ranges::all_of(graph->nodes(),
                                           [&](NodeId id) { return m.us.at(graph->node(id).name)[d] > 0; });
      if (!all) continue;
      const auto alone = partition(*graph, std::vector{m.names[d]},
                                   [&](size_t, const Graph& asked) { return m.query()(d, asked); });
      const std::vector<int> device(graph->node_limit(), int(d));
      std::vector<Step> steps = alone.steps;
      for (Step& s : steps) s.device = int(d);
      ASSERT_LE(found, m.cost(*graph, device, steps) * 1.0001) << "round " << round << ", device " << d;
    }
  }
  EXPECT_GT(mixed, 20u) << "it hardly ever splits: this test says nothing";
}

// x - slow on 0 - ... in a chain: what each node costs on two devices, and where they end up.
std::vector<int> placed(const std::vector<std::array<double, 2>>& us, double submit_us) {
  Builder b;
  Machine m{{"host", "board"}, {}, {}};
  m.options.split = Split::kCost;
  m.options.costs = {{}, {true, submit_us, 8}};  // 32 bytes: 4 us each way
  ValueId v = b.input("x", Type::tensor(HRT_FLOAT32, {8}));
  std::vector<NodeId> ids;
  for (size_t i = 0; i < us.size(); ++i) {
    const std::string name = fmt::format("n{}", i);
    ids.push_back(b.node_id("Neg", {v}, {}, 1, name));
    v = b.transaction().graph().node(ids.back()).outputs[0];
    m.us[name] = {us[i][0], us[i][1]};
  }
  b.outputs({v});
  const auto graph = b.finish();
  const Partition p = partition(*graph, m.names, m.query(), m.options);
  std::vector<int> devices;
  for (const NodeId id : ids) devices.push_back(p.choices[id].device);
  return devices;
}

TEST(Partition, ANodeGoesElsewhereOnlyWhenThatIsWorthTheCopies) {
  using Devices = std::vector<int>;
  // 10 us of compute saved, 8 us of copies.
  EXPECT_EQ(placed({{1, 5}, {20, 10}, {1, 5}}, 0), (Devices{0, 1, 0}));
  // 10 us saved, 8 us of copies and three submissions of 1 us.
  EXPECT_EQ(placed({{1, 5}, {20, 10}, {1, 5}}, 1), (Devices{0, 0, 0}));
  // None of four is worth it alone, all together are.
  EXPECT_EQ(placed({{5, 2}, {5, 2}, {5, 2}, {5, 2}}, 0), (Devices{1, 1, 1, 1}));
  // An island on the host between nodes that belong on the board is absorbed.
  EXPECT_EQ(placed({{50, 2}, {1, 4}, {50, 2}}, 0), (Devices{1, 1, 1}));
}

TEST(Partition, ThePlacementSaysWhatANodeCostsElsewhere) {
  Builder b;
  const NodeId id = b.node_id("Neg", {b.input("x", Type::tensor(HRT_FLOAT32, {8}))}, {}, 1, "n");
  b.outputs({b.transaction().graph().node(id).outputs[0]});
  const auto graph = b.finish();
  Machine m{{"host", "board"}, {}, {{"n", {40, 12}}}};
  m.options.split = Split::kCost;
  m.options.costs = {{}, {true, 0, 32}};
  EXPECT_EQ(partition(*graph, m.names, m.query(), m.options).choices[id].why,
            "cheaper here: 12.0 us + 2.0 us copies, host 40.0 us");
  m.us["n"] = {5, 12};
  EXPECT_EQ(partition(*graph, m.names, m.query(), m.options).choices[id].why,
            "cheaper here: 5.0 us, board 12.0 us + 2.0 us copies");
  m.us["n"] = {0, 12};
  const Partition p = partition(*graph, m.names, m.query(), m.options);
  EXPECT_EQ(p.choices[id].why, "the only choice: 12.0 us + 2.0 us copies");
  ASSERT_EQ(p.choices[id].refusals.size(), 1u);
  EXPECT_EQ(p.choices[id].refusals[0].reason, "does not like it");
}

TEST(Partition, ADeviceIsGivenNodesUntilTheirWeightsFillItsMemory) {
  Builder b;
  const ValueId w = b.constant(test::floats({8}, std::vector<float>(8, 1)));  // 32 bytes
  ValueId v = b.input("x", Type::tensor(HRT_FLOAT32, {8}));
  std::vector<NodeId> ids;
  const auto add = [&](const std::string& op, std::vector<ValueId> inputs) {
    ids.push_back(b.node_id(op, std::move(inputs), {}, 1, fmt::format("n{}", ids.size())));
    v = b.transaction().graph().node(ids.back()).outputs[0];
  };
  add("Add", {v, w});
  add("Add", {v, b.constant(test::floats({8}, std::vector<float>(8, 2)))});
  add("Mul", {v, w});  // is there
  add("Add", {v, b.constant(test::floats({8}, std::vector<float>(8, 3)))});
  add("Neg", {v});
  b.outputs({v});
  const auto graph = b.finish();
  Machine m{{"board", "host"}, {}, {}};
  for (size_t i = 0; i < ids.size(); ++i) m.us[fmt::format("n{}", i)] = {1, 100};
  const auto devices = [&](Split split, uint64_t memory) {
    m.options.split = split;
    m.options.costs = {{true, 0, 1e6, memory}, {}};
    std::vector<int> list;
    for (const NodeId id : ids)
      list.push_back(partition(*graph, m.names, m.query(), m.options).choices[id].device);
    return list;
  };
  using Devices = std::vector<int>;
  for (const Split split : {Split::kOrder, Split::kCost}) {
    EXPECT_EQ(devices(split, 0), (Devices{0, 0, 0, 0, 0}));
    EXPECT_EQ(devices(split, 128), (Devices{0, 0, 0, 0, 0}));  // three quarters of it: three weights
    EXPECT_EQ(devices(split, 100), (Devices{0, 0, 0, 1, 1}));
    EXPECT_EQ(devices(split, 40), (Devices{1, 1, 1, 1, 1}));
  }
  const Partition p = partition(*graph, m.names, m.query(), m.options);
  ASSERT_EQ(p.choices[ids[0]].refusals.size(), 1u);
  EXPECT_EQ(p.choices[ids[0]].refusals[0].reason,
            "no room in the device's memory of 40 bytes: weights of nodes before it take 0");
  m.names = {"board"};
  for (size_t i = 0; i < ids.size(); ++i) m.us[fmt::format("n{}", i)] = {1};
  EXPECT_EQ(partition(*graph, m.names, m.query(), m.options).choices[ids[4]].device, 0);
}

TEST(Partition, AFallbackGetsOnlyWhatNoOtherTakesHoweverCheapItIs) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {8}));
  const NodeId first = b.node_id("Neg", {x}, {}, 1, "a");
  const NodeId second = b.node_id("Neg", {b.transaction().graph().node(first).outputs[0]}, {}, 1, "b");
  b.outputs({b.transaction().graph().node(second).outputs[0]});
  const auto graph = b.finish();
  Machine m{{"chosen", "fallback"}, {}, {{"a", {100, 1}}, {"b", {0, 1}}}};
  m.options = {.split = Split::kCost, .costs = {{}, {}}, .fallback_from = 1};
  const Partition p = partition(*graph, m.names, m.query(), m.options);
  EXPECT_EQ(p.choices[first].device, 0);
  EXPECT_EQ(p.choices[second].device, 1);
}

TEST(Partition, DevicesAreRankedByTheWholeModelUnderAPolicy) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {b.transaction().symbol("n"), 8}));
  b.outputs({b.node("Neg", {b.node("Neg", {x})})});
  const auto graph = b.finish();
  // A fast board that is far away and hungry, and a slow host.
  const std::vector<std::string> names{"host", "board"};
  std::set<bool> numeric;
  const Query query = [&](size_t d, const Graph& asked) {
    for (const int64_t dim : asked.value(asked.node(asked.nodes()[0]).inputs[0]).type.dims())
      numeric.insert(is_number(dim));
    return std::vector<Support>(asked.nodes().size(),
                                d == 0 ? Support{true, "", 10, 100, 0} : Support{true, "", 2, 900, 0});
  };
  PartitionOptions options;
  options.costs = {{}, {true, 0, 4}};  // 32 bytes at size 1: 8 us each way
  const auto ranked = [&](Policy policy) {
    options.policy = policy;
    std::vector<std::pair<size_t, double>> list;
    for (const DeviceRank& r : rank_devices(*graph, names, query, options))
      list.emplace_back(r.device, r.cost);
    return list;
  };
  using List = std::vector<std::pair<size_t, double>>;
  EXPECT_EQ(ranked(Policy::kLatency), (List{{0, 20}, {1, 20}}));
  EXPECT_EQ(ranked(Policy::kThroughput).front().first, 1u) << "copies go on beside the other requests";
  EXPECT_EQ(ranked(Policy::kEnergy).front().first, 0u);
  EXPECT_EQ(ranked(Policy::kMemory).front().first, 0u) << "second copies take memory";
  EXPECT_TRUE(numeric.contains(false)) << "support must be asked for the shapes as they are";
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
