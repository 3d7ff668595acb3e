// SPDX-License-Identifier: Apache-2.0
#include "core/graph/graph.h"

#include <gtest/gtest.h>

#include <random>

#include "core/base/error.h"
#include "core/graph/transaction.h"

namespace hrt {
namespace {

struct Chain {  // x -> A -> B -> y, and a constant into B
  Graph g;
  ValueId x, c, a_out, b_out;
  NodeId a, b;
  Chain() {
    Transaction t(g);
    x = t.add_input("x", Type::tensor(HRT_FLOAT32, {2}));
    c = t.add_constant("c", std::make_shared<Tensor>(Tensor::allocate(HRT_FLOAT32, {2})));
    a = t.add_node("", "A", "a", {x}, {{"a_out"}}, {});
    a_out = g.node(a).outputs[0];
    b = t.add_node("", "B", "b", {a_out, c}, {{"y"}}, {{"k", int64_t(3)}});
    b_out = g.node(b).outputs[0];
    t.set_outputs({b_out});
    t.commit();
  }
};

TEST(Graph, EdgesAreVisibleInBothDirections) {
  Chain s;
  EXPECT_EQ(s.g.value(s.a_out).producer, s.a);
  EXPECT_EQ(s.g.value(s.a_out).consumers, std::vector<NodeId>{s.b});
  EXPECT_EQ(s.g.value(s.b_out).output_uses, 1u);
  EXPECT_NO_THROW(verify_structure(s.g));
}

TEST(Transaction, RollbackRestoresTheGraphToTheLetter) {
  Chain s;
  const std::string before = to_text(s.g);
  {
    Transaction t(s.g);
    const NodeId n = t.add_node("", "N", "n", {s.x}, {{"n_out"}}, {});
    t.replace_uses(s.a_out, s.g.node(n).outputs[0]);
    t.remove_node(s.a);
    t.set_attribute(s.b, {"k", int64_t(4)});
    t.set_attribute(s.b, {"new", std::string("text")});
    t.set_type(s.b_out, Type::tensor(HRT_FLOAT32, {2}));
    t.set_outputs({s.x, s.b_out});
    EXPECT_TRUE(t.changed());
  }
  EXPECT_EQ(to_text(s.g), before);
  EXPECT_NO_THROW(verify_structure(s.g));
}

TEST(Transaction, RandomEditsThatAreUndoneLeaveNoTrace) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Chain s;
    const std::string before = to_text(s.g);
    {
      Transaction t(s.g);
      for (int i = 0; i < 12; ++i) {
        std::vector<ValueId> values;
        for (ValueId v = 0; v < s.g.value_limit(); ++v)
          if (s.g.has_value(v)) values.push_back(v);
        std::vector<NodeId> nodes = s.g.nodes();
        if (nodes.empty()) break;
        auto pick = [&](const auto& list) { return list[random() % list.size()]; };
        try {
          switch (random() % 6) {
            case 0: t.add_node("", "R", "", {pick(values), pick(values)}, {{""}, {"", false}}, {}); break;
            case 1: t.set_input(pick(nodes), 0, pick(values)); break;
            case 2: t.replace_uses(pick(values), pick(values)); break;
            case 3: t.remove_node(pick(nodes)); break;
            case 4: t.set_attribute(pick(nodes), {"k", int64_t(random())}); break;
            default: t.set_outputs({pick(values), pick(values)}); break;
          }
        } catch (const Error& e) {  // the edit does not fit the graph
          EXPECT_EQ(e.code(), HRT_ERROR_BAD_DATA) << e.what();
        }
      }
    }
    ASSERT_EQ(to_text(s.g), before) << "round " << round;
    ASSERT_NO_THROW(verify_structure(s.g));
  }
}

TEST(Transaction, CommitSortsNodesAndRefusesCycles) {
  Chain s;
  Transaction t(s.g);
  const NodeId n = t.add_node("", "N", "n", {s.x}, {{"n_out"}}, {});
  t.set_input(s.a, 0, s.g.node(n).outputs[0]);
  t.sort();
  EXPECT_EQ(s.g.nodes(), (std::vector<NodeId>{n, s.a, s.b}));
  t.set_input(n, 0, s.b_out);
  EXPECT_THROW(t.commit(), Error);
  t.rollback();
  EXPECT_NO_THROW(verify_structure(s.g));
}

// Whatever was edited, in whichever order and with sorting between: a commit leaves a sound graph or, because
// of a cycle, the old one.
TEST(Transaction, RandomEditsAreCommittedInTopologicalOrder) {
  std::mt19937 random(7);
  int committed = 0;
  for (int round = 0; round < 300; ++round) {
    Chain s;
    for (int step = 0; step < 8; ++step) {
      const std::string before = to_text(s.g);
      Transaction t(s.g);
      try {
        for (int i = 0; i < 4; ++i) {
          std::vector<ValueId> values;
          for (ValueId v = 0; v < s.g.value_limit(); ++v)
            if (s.g.has_value(v)) values.push_back(v);
          const std::vector<NodeId> nodes = s.g.nodes();
          auto pick = [&](const auto& list) { return list[random() % list.size()]; };
          switch (random() % 5) {
            case 0:
            case 1: t.add_node("", "R", "", {pick(values), pick(values)}, {{""}}, {}); break;
            case 2: t.set_input(pick(nodes), 0, pick(values)); break;
            case 3: t.replace_uses(pick(values), pick(values)); break;
            default: t.sort(); break;
          }
        }
        t.commit();
        ++committed;
      } catch (const Error&) {
        t.rollback();
        ASSERT_EQ(to_text(s.g), before);
      }
      ASSERT_NO_THROW(verify_structure(s.g)) << "round " << round << ", step " << step;
    }
  }
  EXPECT_GT(committed, 600);
}

// A rewrite looks at its neighbourhood, not at the whole graph: ten thousand of them were minutes.
TEST(Transaction, ANodeTakesThePlaceOfTheOneThatItReplaces) {
  Graph g;
  std::vector<NodeId> chain;
  {
    Transaction t(g);
    ValueId v = t.add_input("x", Type());
    for (int i = 0; i < 20; ++i) {
      chain.push_back(t.add_node("", "A", "", {v}, {{""}}, {}));
      v = g.node(chain.back()).outputs[0];
    }
    t.set_outputs({v});
    t.commit();
  }
  for (const size_t i : {7u, 19u, 0u, 8u}) {
    Transaction t(g);
    const Node& old = g.node(chain[i]);
    const NodeId fresh = t.add_node("", "B", "", old.inputs, {{""}}, {});
    t.replace_uses(old.outputs[0], g.node(fresh).outputs[0]);
    t.remove_node(chain[i]);
    t.commit();
    chain[i] = fresh;
    EXPECT_EQ(g.nodes(), chain);
  }
}

TEST(Transaction, ANodeWhoseOutputIsUsedStays) {
  Chain s;
  Transaction t(s.g);
  EXPECT_THROW(t.remove_node(s.a), Error);
  EXPECT_FALSE(t.changed());
}

TEST(Transaction, AnOutputKeepsItsNameWhenItsValueIsReplaced) {
  Chain s;
  Transaction t(s.g);
  t.replace_uses(s.b_out, s.a_out);
  t.commit();
  EXPECT_EQ(s.g.output_names(), std::vector<std::string>{"y"});
  EXPECT_EQ(s.g.outputs(), std::vector<ValueId>{s.a_out});
}

TEST(Transaction, TheDiffSaysWhatWasDone) {
  Chain s;
  Transaction t(s.g);
  t.add_node("", "N", "n", {s.x}, {{"n_out"}}, {});
  t.set_attribute(s.b, {"k", int64_t(4)});
  EXPECT_EQ(t.diff(), "+ N \"n\"\n~ B \"b\" attribute k\n");
}

TEST(Transaction, BodiesCaptureWithTheEdgeVisibleOutside) {
  Chain s;
  Transaction t(s.g);
  const NodeId loop = t.add_node("", "Loop", "l", {}, {{"l_out"}}, {});
  Transaction& body = t.add_body(loop, "body", "inner");
  const ValueId inner = body.add_capture(s.a_out);
  EXPECT_EQ(body.add_capture(s.a_out), inner);
  const NodeId n = body.add_node("", "N", "n", {inner}, {{"o"}}, {});
  body.set_outputs({body.graph().node(n).outputs[0]});
  EXPECT_EQ(s.g.value(s.a_out).consumers, (std::vector<NodeId>{s.b, loop}));
  t.commit();
  EXPECT_NO_THROW(verify_structure(s.g));

  // Replacing the captured value moves the capture too.
  Transaction u(s.g);
  u.replace_uses(s.a_out, s.x);
  u.commit();
  EXPECT_EQ(s.g.bodies(loop)[0].second->captures()[0].outer, s.x);
  EXPECT_NO_THROW(verify_structure(s.g));
}

TEST(Transaction, AbandonedBodiesLeaveNoUses) {
  Chain s;
  const std::string before = to_text(s.g);
  {
    Transaction t(s.g);
    const NodeId loop = t.add_node("", "Loop", "l", {}, {{"l_out"}}, {});
    t.add_body(loop, "body", "inner").add_capture(s.a_out);
  }
  EXPECT_EQ(to_text(s.g), before);
  EXPECT_EQ(s.g.value(s.a_out).consumers, std::vector<NodeId>{s.b});
}

// A rollback undoes edits of a graph and of its bodies in the reverse of the order in which they were made.
TEST(Transaction, BodiesAreUndoneInTurnWithWhatIsAroundThem) {
  Chain s;
  const std::string before = to_text(s.g);
  {
    Transaction t(s.g);
    const NodeId loop = t.add_node("", "Loop", "l", {}, {{"l_out"}}, {});
    t.add_body(loop, "body", "inner").add_capture(s.a_out);
    t.replace_uses(s.a_out, s.x);  // moves the capture
    t.remove_node(s.a);
  }
  EXPECT_EQ(to_text(s.g), before);
  EXPECT_NO_THROW(verify_structure(s.g));
  EXPECT_EQ(s.g.value(s.a_out).consumers, std::vector<NodeId>{s.b});
}

TEST(Transaction, ABodyMayGoAgainWithTheNodeThatHoldsIt) {
  Chain s;
  Transaction t(s.g);
  const NodeId loop = t.add_node("", "Loop", "l", {}, {{"l_out"}}, {});
  Transaction& body = t.add_body(loop, "body", "inner");
  body.add_capture(s.a_out);
  t.remove_node(loop);
  t.commit();
  EXPECT_NO_THROW(verify_structure(s.g));
  EXPECT_EQ(s.g.value(s.a_out).consumers, std::vector<NodeId>{s.b});
}

TEST(Graph, TwoInputsOfOneNameAreTheModelsFault) {
  Graph g;
  Transaction t(g);
  t.add_input("x", Type());
  t.add_input("x", Type());
  t.commit();
  try {
    verify_structure(g);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), HRT_ERROR_BAD_DATA);
  }
}

TEST(Extract, TakesTheBoundaryWithIt) {
  Chain s;
  const Extracted e = extract(s.g, std::span(&s.b, 1));
  EXPECT_EQ(e.inputs, std::vector<ValueId>{s.a_out});
  EXPECT_EQ(e.outputs, std::vector<ValueId>{s.b_out});
  EXPECT_EQ(e.graph->nodes().size(), 1u);
  EXPECT_EQ(e.graph->value(e.graph->node(e.graph->nodes()[0]).inputs[1]).constant, s.g.value(s.c).constant);
  EXPECT_NO_THROW(verify_structure(*e.graph));
}

}  // namespace
}  // namespace hrt
