// SPDX-License-Identifier: Apache-2.0
#include "core/plan/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "tests/core/builder.h"

namespace hrt {
namespace {

using test::Builder;

// Bytes of the arena, and the steps that may touch them: first the one that writes, then those that read.
struct Memory {
  std::string what;
  uint64_t begin, end;
  std::vector<uint32_t> users;
};

struct Case {
  std::unique_ptr<Graph> graph;
  Partition parts;
  StagePlan plan;
};

// A graph of vectors of many lengths on three devices and the host, where operators may run in place.
Case random_case(std::mt19937& random) {
  Case c;
  Builder b;
  struct Vector {
    ValueId id;
    int64_t length;
  };
  std::vector<Vector> values;
  Dims lengths;
  for (int i = 0; i < 4; ++i) {
    const int64_t n = 1 + random() % 40;
    values.push_back({b.input(fmt::format("in{}", i), Type::tensor(HRT_FLOAT32, {n})), n});
    lengths.push_back(n);
  }
  const size_t nodes = 2 + random() % 40;
  for (size_t i = 0; i < nodes; ++i) {
    const Vector x = values[random() % values.size()], y = values[random() % values.size()];
    switch (random() % 4) {
      case 0:
        values.push_back({b.node("Concat", {x.id, y.id}, {{"axis", int64_t(0)}}), x.length + y.length});
        break;
      case 1:
        if (x.length == y.length) {
          values.push_back({b.node("Sub", {x.id, y.id}), x.length});
          break;
        }
        [[fallthrough]];
      default: values.push_back({b.node("Relu", {x.id}), x.length}); break;
    }
    if (values.back().length > 400) values.pop_back();
  }
  b.outputs({values.back().id});
  c.graph = b.finish();
  c.parts =
      partition(*c.graph, std::vector<std::string>(3, "some device"), [&](size_t d, const Graph& asked) {
        std::vector<Support> answers;
        for (size_t i = 0; i < asked.nodes().size(); ++i)
          answers.push_back({d == 2 || random() % 3 == 0, "", 1.0});
        return answers;
      });
  for (Step& s : c.parts.steps)
    if (s.nodes.size() == 1 && random() % 2) s.device = -1;
  Facts facts(*c.graph);
  for (size_t i = 0; i < lengths.size(); ++i)
    facts[c.graph->inputs()[i]].type = Type::tensor(HRT_FLOAT32, {lengths[i]});
  c.plan = plan_stage(*c.graph, c.parts, 0, facts,
                      [&](uint32_t, const Facts&) { return random() % 2 ? random() % 500 : 0; });
  return c;
}

std::vector<uint32_t> readers(const Case& c, ValueId v) {
  std::vector<uint32_t> list;
  for (uint32_t i = 0; i < c.plan.steps.size(); ++i)
    for (const NodeId n : c.parts.steps[c.plan.steps[i].step].nodes)
      if (std::ranges::count(c.graph->node(n).inputs, v)) list.push_back(i);
  return list;
}

uint32_t maker(const Case& c, ValueId v) {
  for (uint32_t i = 0; i < c.plan.steps.size(); ++i)
    if (std::ranges::count(c.parts.steps[c.plan.steps[i].step].nodes, c.graph->value(v).producer)) return i;
  return HRT_NONE;
}

std::vector<Memory> memory_of(const Case& c) {
  std::vector<Memory> list;
  for (const ValuePlan& v : c.plan.values) {
    if (v.home != Home::kArena) continue;
    Memory m{c.graph->value(v.value).name, v.offset, v.offset + v.bytes, {maker(c, v.value)}};
    for (const uint32_t r : readers(c, v.value)) m.users.push_back(r);
    list.push_back(m);
  }
  for (uint32_t i = 0; i < c.plan.steps.size(); ++i) {
    const StepPlan& s = c.plan.steps[i];
    if (s.workspace_bytes > 0)
      list.push_back(
          {fmt::format("workspace {}", i), s.workspace_offset, s.workspace_offset + s.workspace_bytes, {i}});
  }
  return list;
}

// before[a][b]: the edges of the plan force step a to end before step b begins.
std::vector<std::vector<char>> precedence(const StagePlan& plan) {
  const size_t n = plan.steps.size();
  std::vector<std::vector<char>> before(n, std::vector<char>(n, 0));
  for (auto it = plan.order.rbegin(); it != plan.order.rend(); ++it)
    for (const uint32_t s : plan.steps[*it].successors) {
      before[*it][s] = 1;
      for (size_t k = 0; k < n; ++k) before[*it][k] |= before[s][k];
    }
  return before;
}

// May the second take the place of the first? Everyone who touches the first is done by then, but for the
// step that writes the second itself: an operator that works in place.
bool follows(const Memory& first, const Memory& second, const std::vector<std::vector<char>>& before) {
  const uint32_t writer = second.users.front();
  return std::ranges::all_of(first.users, [&](uint32_t u) {
    return before[u][writer] || (u == writer && u != first.users.front());
  });
}

TEST(Plan, NoStepTouchesMemoryThatAnotherMayBeUsing) {
  std::mt19937 random(3);
  size_t shared = 0, in_place = 0;
  for (int round = 0; round < 300; ++round) {
    const Case c = random_case(random);
    const auto before = precedence(c.plan);
    const auto memory = memory_of(c);
    for (size_t i = 0; i < memory.size(); ++i) {
      const Memory& a = memory[i];
      ASSERT_LE(a.end, c.plan.arena_bytes);
      for (size_t j = 0; j < i; ++j) {
        const Memory& b = memory[j];
        if (a.end <= b.begin || b.end <= a.begin) continue;
        ASSERT_TRUE(follows(a, b, before) || follows(b, a, before))
            << "round " << round << ": " << a.what << " and " << b.what << " may be in use together";
        ++shared;
        in_place +=
            std::ranges::count(a.users, b.users.front()) || std::ranges::count(b.users, a.users.front());
      }
    }
  }
  EXPECT_GT(shared, 1000u);  // or the test tests nothing
  EXPECT_GT(in_place, 20u);
}

TEST(Plan, TheOrderAndTheCountsAgreeWithTheEdges) {
  std::mt19937 random(4);
  for (int round = 0; round < 100; ++round) {
    const Case c = random_case(random);
    std::vector<uint32_t> waiting(c.plan.steps.size(), 0);
    for (const StepPlan& s : c.plan.steps)
      for (const uint32_t next : s.successors) ++waiting[next];
    for (size_t i = 0; i < waiting.size(); ++i) ASSERT_EQ(waiting[i], c.plan.steps[i].wait_for);
    ASSERT_EQ(c.plan.order.size(), c.plan.steps.size());
    for (const uint32_t i : c.plan.order) {
      ASSERT_EQ(waiting[i], 0u) << "a step comes before one that it waits for";
      for (const uint32_t next : c.plan.steps[i].successors) --waiting[next];
    }
    // Whoever reads what another writes waits for it.
    const auto before = precedence(c.plan);
    for (const NodeId n : c.graph->nodes())
      for (const ValueId v : c.graph->node(n).inputs)
        for (const uint32_t r : readers(c, v))
          if (const uint32_t m = maker(c, v); m != HRT_NONE && m != r) {
            ASSERT_TRUE(before[m][r]);
          }
  }
}

TEST(Plan, StepsWhoseResultsAreKnownAreLeftOut) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {b.transaction().symbol("n"), 4}));
  const ValueId shape = b.node("Shape", {x});
  b.outputs({shape, b.node("Neg", {x})});
  const auto graph = b.finish();
  const Partition p = partition(
      *graph, std::vector<std::string>(1, "some device"),
      [](size_t, const Graph& asked) { return std::vector<Support>(asked.nodes().size(), {true, "", 1.0}); });
  Facts facts(*graph);
  facts[x].type = Type::tensor(HRT_FLOAT32, {3, 4});
  const StagePlan plan = plan_stage(*graph, p, 0, facts, [](uint32_t, const Facts&) { return 0; });
  EXPECT_EQ(plan.steps.size(), 1u);
  const ValuePlan& known = plan.value(shape);
  EXPECT_EQ(known.home, Home::kConstant);
  EXPECT_EQ(known.constant->data_as<int64_t>()[0], 3);
}

TEST(Plan, ShapesOtherThanTheDeclaredOnesAreRefused) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {b.transaction().symbol("n")}));
  const ValueId y = b.node("Neg", {x});
  b.transaction().declare_type(y, Type::tensor(HRT_FLOAT32, {4}));
  b.outputs({b.node("Neg", {y})});
  const auto graph = b.finish();
  const Partition p = partition(
      *graph, std::vector<std::string>(1, "some device"),
      [](size_t, const Graph& asked) { return std::vector<Support>(asked.nodes().size(), {true, "", 1.0}); });
  Facts facts(*graph);
  facts[x].type = Type::tensor(HRT_FLOAT32, {5});
  const auto failure =
      test::failure_of([&] { plan_stage(*graph, p, 0, facts, [](uint32_t, const Facts&) { return 0; }); });
  EXPECT_EQ(failure.code, HRT_ERROR_BAD_DATA) << failure.message;
}

// Ten thousand steps in a row that share two buffers: the edges must not be as many as there are pairs.
TEST(Plan, ALongChainIsPlannedInReasonableTimeAndSpace) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {100}));
  ValueId v = x;
  for (int i = 0; i < 10000; ++i) v = b.node("Cos", {v});
  b.outputs({v});
  const auto graph = b.finish();
  const Partition p =
      partition(*graph, std::vector<std::string>(2, "some device"), [](size_t d, const Graph& asked) {
        std::vector<Support> answers;
        for (const NodeId id : asked.nodes()) answers.push_back({d == 1 || id % 2 == 0, "", 1.0});
        return answers;
      });
  Facts facts(*graph);
  facts[x].type = Type::tensor(HRT_FLOAT32, {100});
  const StagePlan plan = plan_stage(*graph, p, 0, facts, [](uint32_t, const Facts&) { return 0; });
  size_t edges = 0;
  for (const StepPlan& s : plan.steps) edges += s.successors.size();
  EXPECT_EQ(plan.steps.size(), 10000u);
  EXPECT_EQ(plan.arena_bytes, 2 * 448u);
  EXPECT_LT(edges, 40000u);
}

}  // namespace
}  // namespace hrt
