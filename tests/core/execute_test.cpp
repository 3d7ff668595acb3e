// SPDX-License-Identifier: Apache-2.0
// Sessions and requests, through the operators and the reference device of this build.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>

#include "core/execute/run.h"
#include "core/execute/session.h"
#include "core/plugin/host.h"
#include "core/tensor/value.h"
#include "tests/core/builder.h"

namespace hrt {
namespace {

using test::bools;
using test::Builder;
using test::failure_of;
using test::floats;
using test::floats_of;
using test::ints;
using test::ints_of;
using test::on_reference;
using test::run_once;
using test::runtime;

using Floats = std::vector<float>;
using Ints = std::vector<int64_t>;

// ------------------------------------------------------------------------------------- shapes

TEST(Execute, AStaticGraphGivesItsAnswer) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {2, 3}));
  const ValueId w = b.constant(floats({3, 2}, {1, 2, 3, 4, 5, 6}));
  b.outputs({b.node("Relu", {b.node("MatMul", {x, w})})});
  const auto out = run_once(b.finish(), {floats({2, 3}, {1, 0, -1, 0, 1, 0})});
  EXPECT_EQ(out[0]->tensor.dims(), (Dims{2, 2}));
  EXPECT_EQ(floats_of(out[0]), (Floats{0, 0, 3, 4}));
}

// y[n] = sum over k of x[n,k]^2, with the number of rows open.
std::unique_ptr<Graph> row_norms() {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {b.transaction().symbol("rows"), 3}));
  const ValueId sum =
      b.node("ReduceSum", {b.node("Mul", {x, x}), b.constant(ints({1}, {1}))}, {{"keepdims", int64_t(0)}});
  b.outputs({sum});
  return b.finish();
}

Floats ramp(int64_t rows, float scale) {
  Floats v(size_t(rows) * 3);
  for (size_t i = 0; i < v.size(); ++i) v[i] = scale * float(i % 7);
  return v;
}
Floats norms_of(const Floats& v) {
  Floats out;
  for (size_t i = 0; i < v.size(); i += 3)
    out.push_back(v[i] * v[i] + v[i + 1] * v[i + 1] + v[i + 2] * v[i + 2]);
  return out;
}

TEST(Execute, OneSessionServesManyShapesWhateverItsCacheHolds) {
  for (const unsigned cache : {0u, 1u, 2u, 8u}) {
    SessionOptions options = on_reference();
    options.plan_cache = cache;
    Session session(runtime(), row_norms(), options);
    const auto request = session.make_request();
    for (const int64_t rows : {1, 4, 2, 4, 1, 0, 7, 1, 4, 2}) {
      const Floats data = ramp(rows, float(rows));
      request->set_input(0, floats({rows, 3}, data));
      request->run();
      EXPECT_EQ(request->output(0)->tensor.dims(), Dims{rows});
      EXPECT_EQ(floats_of(request->output(0)), norms_of(data)) << "cache " << cache << ", rows " << rows;
    }
  }
}

TEST(Execute, ShapesThatDependOnDataAreFoundByRunning) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {4}));
  const ValueId found = b.node("NonZero", {x});
  const ValueId count = b.node("Shape", {found});
  b.outputs({b.node("Neg", {found}), count});
  Session session(runtime(), b.finish(), on_reference());
  const auto request = session.make_request();
  for (const auto& [data, expected] : std::vector<std::pair<Floats, Ints>>{{{0, 5, 0, 1}, {-1, -3}},
                                                                           {{0, 0, 0, 0}, {}},
                                                                           {{1, 1, 1, 1}, {0, -1, -2, -3}},
                                                                           {{0, 1, 0, 1}, {-1, -3}}}) {
    request->set_input(0, floats({4}, data));
    request->run();
    EXPECT_EQ(ints_of(request->output(0)), expected);
    EXPECT_EQ(ints_of(request->output(1)), (Ints{1, int64_t(expected.size())}));
  }
}

// The shape of x is followed through its symbols before the run, into nodes that have to wait for NonZero.
TEST(Execute, ShapeArithmeticGoesOnBehindAShapeThatOnlyTheRunTells) {
  Builder b;
  const auto shape_of_x = [&] {
    const int64_t m = b.transaction().symbol("m"), n = b.transaction().symbol("n");
    return b.node("Shape", {b.input("x", Type::tensor(HRT_FLOAT32, {m, n}))});
  }();
  const ValueId where = b.node("NonZero", {b.input("y", Type::tensor(HRT_FLOAT32, {4}))});
  const ValueId count = b.node("Shape", {where}), one = b.constant(ints({1}, {1}));
  const ValueId found = b.node("Gather", {count, one}, {{"axis", int64_t(0)}});
  const ValueId both = b.node("Concat", {shape_of_x, found}, {{"axis", int64_t(0)}});
  // The first dimension of what NonZero gives is known to be one, a stage before the second NonZero ends.
  const ValueId zero = b.constant(ints({1}, {0}));
  const ValueId rank = b.node("Gather", {count, zero}, {{"axis", int64_t(0)}});
  const ValueId again = b.node("NonZero", {where});
  b.outputs({b.node("Expand", {where, shape_of_x}), b.node("Expand", {one, both}),
             b.node("Expand", {again, rank})});
  Session session(runtime(), b.finish(), on_reference());
  const auto request = session.make_request();
  request->set_input(1, floats({4}, {0, 0, 1, 0}));
  for (const int64_t rows : {1, 3, 1, 2}) {
    request->set_input(0, floats({rows, 2}, Floats(size_t(rows) * 2)));
    request->run();
    EXPECT_EQ(ints_of(request->output(0)), Ints(size_t(rows) * 2, 2));
    EXPECT_EQ(request->output(1)->tensor.dims(), (Dims{rows, 2, 1}));
    EXPECT_EQ(ints_of(request->output(2)), (Ints{0, 0}));
  }
}

TEST(Execute, AShapeThatIsAnInputMayChangeFromRunToRun) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {6})),
                shape = b.input("shape", Type::tensor(HRT_INT64, {2}));
  b.outputs({b.node("Transpose", {b.node("Reshape", {x, shape})})});
  Session session(runtime(), b.finish(), on_reference());
  const auto request = session.make_request();
  request->set_input(0, floats({6}, {0, 1, 2, 3, 4, 5}));
  for (int round = 0; round < 2; ++round) {
    request->set_input(1, ints({2}, {2, 3}));
    request->run();
    EXPECT_EQ(floats_of(request->output(0)), (Floats{0, 3, 1, 4, 2, 5}));
    request->set_input(1, ints({2}, {3, 2}));
    request->run();
    EXPECT_EQ(floats_of(request->output(0)), (Floats{0, 2, 4, 1, 3, 5}));
  }
  request->set_input(1, ints({2}, {4, 2}));
  EXPECT_EQ(failure_of([&] { request->run(); }).code, HRT_ERROR_BAD_DATA);
}

// A model that declares more of a shape than it keeps.
TEST(Execute, ALieAboutADataDependentShapeIsFoundOut) {
  Builder b;
  const ValueId found = b.node("NonZero", {b.input("x", Type::tensor(HRT_FLOAT32, {4}))});
  b.transaction().declare_type(found, Type::tensor(HRT_INT64, {1, 2}));
  b.outputs({b.node("Neg", {found})});
  Session session(runtime(), b.finish(), on_reference());
  const auto request = session.make_request();
  request->set_input(0, floats({4}, {0, 5, 0, 1}));
  request->run();
  EXPECT_EQ(ints_of(request->output(0)), (Ints{-1, -3}));
  request->set_input(0, floats({4}, {1, 1, 1, 0}));
  EXPECT_EQ(failure_of([&] { request->run(); }).code, HRT_ERROR_BAD_DATA);
}

// ------------------------------------------------------------------------------- control flow

std::unique_ptr<Graph> choice() {
  Builder b;
  const ValueId c = b.input("c", Type::tensor(HRT_BOOL, {})),
                x = b.input("x", Type::tensor(HRT_FLOAT32, {3}));
  const NodeId id = b.node_id("If", {c});
  for (const char* name : {"then_branch", "else_branch"}) {
    Builder body(b.transaction().add_body(id, name, name));
    const ValueId inner = body.transaction().add_capture(x);
    body.outputs({body.node(std::strcmp(name, "then_branch") == 0 ? "Neg" : "Abs", {inner})});
  }
  b.outputs({b.node("Sqrt", {b.node("Abs", {b.transaction().graph().node(id).outputs[0]})}),
             b.transaction().graph().node(id).outputs[0]});
  return b.finish();
}

TEST(Execute, IfRunsTheBranchThatItsConditionNames) {
  Session session(runtime(), choice(), on_reference());
  const auto request = session.make_request();
  for (int i = 0; i < 4; ++i) {
    const bool taken = i % 2;
    request->set_input(0, bools({}, {char(taken)}));
    request->set_input(1, floats({3}, {-4, 0, 9}));
    request->run();
    EXPECT_EQ(floats_of(request->output(1)), taken ? (Floats{4, 0, -9}) : (Floats{4, 0, 9}));
    EXPECT_EQ(floats_of(request->output(0)), (Floats{2, 0, 3}));
  }
}

// total = x + x*1 + ... in `trips` iterations, with the partial sums beside: a loop in a loop when nested.
std::unique_ptr<Graph> counting_loop(bool nested) {
  Builder b;
  const ValueId trips = b.input("trips", Type::tensor(HRT_INT64, {})),
                x = b.input("x", Type::tensor(HRT_FLOAT32, {2}));
  auto loop = [](Builder& around, ValueId m, ValueId captured, ValueId start, auto&& body_of) {
    const NodeId id = around.node_id("Loop", {m, HRT_NONE, start}, {}, 2);
    Builder body(around.transaction().add_body(id, "body", "body"));
    body.input("i", Type::tensor(HRT_INT64, {}));
    const ValueId go = body.input("go", Type::tensor(HRT_BOOL, {}));
    const ValueId sum = body.input("sum", Type::tensor(HRT_FLOAT32, {2}));
    const ValueId next = body_of(body, body.transaction().add_capture(captured), sum);
    body.outputs({body.node("Identity", {go}), next, body.node("Identity", {next})});
    return id;
  };
  auto add = [](Builder& body, ValueId captured, ValueId sum) { return body.node("Add", {sum, captured}); };
  const ValueId zero = b.constant(floats({2}, {0, 0}));
  const NodeId id = loop(b, trips, x, zero, [&](Builder& body, ValueId captured, ValueId sum) {
    if (!nested) return add(body, captured, sum);
    const NodeId inner = loop(body, body.constant(ints({}, {3})), captured, sum, add);
    return body.transaction().graph().node(inner).outputs[0];
  });
  const Graph& g = b.transaction().graph();
  b.outputs({g.node(id).outputs[0], b.node("Neg", {g.node(id).outputs[1]})});
  return b.finish();
}

TEST(Execute, LoopsCarryValuesAndCollectSlices) {
  Session session(runtime(), counting_loop(false), on_reference());
  const auto request = session.make_request();
  request->set_input(1, floats({2}, {1, 10}));
  for (const int64_t trips : {3, 1, 0, 3}) {
    request->set_input(0, ints({}, {trips}));
    request->run();
    EXPECT_EQ(floats_of(request->output(0)), (Floats{float(trips), float(trips) * 10}));
    EXPECT_EQ(request->output(1)->tensor.dims(), (Dims{trips, 2}));
    for (int64_t i = 0; i < trips; ++i)
      EXPECT_EQ(floats_of(request->output(1))[size_t(i) * 2], -float(i + 1));
  }
}

TEST(Execute, BodiesInBodiesSeeValuesFromAllAround) {
  const auto out = run_once(counting_loop(true), {ints({}, {4}), floats({2}, {1, 2})});
  EXPECT_EQ(floats_of(out[0]), (Floats{12, 24}));
}

TEST(Execute, SequencesGoThroughTheHost) {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {2})),
                at = b.input("at", Type::tensor(HRT_INT64, {}));
  const ValueId seq =
      b.node("SequenceConstruct", {x, b.node("Neg", {x}), b.node("Concat", {x, x}, {{"axis", int64_t(0)}})});
  b.outputs({b.node("Relu", {b.node("SequenceAt", {seq, at})}), b.node("SequenceLength", {seq}), seq});
  Session session(runtime(), b.finish(), on_reference());
  const auto request = session.make_request();
  request->set_input(0, floats({2}, {3, -4}));
  const Floats expected[] = {{3, 0}, {0, 4}, {3, 0, 3, 0}};
  ValuePtr first;
  for (const int64_t i : {0, 1, 2, 0}) {
    request->set_input(1, ints({}, {i}));
    request->run();
    EXPECT_EQ(floats_of(request->output(0)), expected[i]);
    EXPECT_EQ(ints_of(request->output(1)), Ints{3});
    ASSERT_EQ(request->output(2)->items.size(), 3u);
    EXPECT_EQ(floats_of(request->output(2)->items[1]), (Floats{-3, 4}));
    if (!first) first = request->output(2);
  }
  EXPECT_EQ(floats_of(first->items[1]), (Floats{-3, 4}));  // what a sequence holds is its own
}

TEST(Execute, NestingThatWouldExplodeInInferenceIsRefused) {
  const auto failure = failure_of([&] {
    Graph graph;
    Transaction t(graph);
    Transaction* at = &t;
    for (int depth = 0; depth < 100; ++depth) {
      const NodeId id = at->add_node("", "Loop", "", {}, {{"o"}}, {});
      at = &at->add_body(id, "body", "b");
    }
  });
  EXPECT_EQ(failure.code, HRT_ERROR_BAD_DATA);
  EXPECT_NE(failure.message.find("nested"), std::string::npos);
}

// ------------------------------------------------------------------------------------ threads

TEST(Execute, RequestsInFlightDoNotDisturbEachOther) {
  for (const unsigned threads : {1u, 2u, 4u}) {
    Session session(runtime(), row_norms(), on_reference(threads));
    std::vector<std::thread> users;
    std::atomic<int> wrong{0};
    for (int user = 0; user < 4; ++user) {
      users.emplace_back([&, user] {
        const auto request = session.make_request();
        for (int i = 0; i < 60; ++i) {
          const int64_t rows = 1 + (i + user) % 5;
          const Floats data = ramp(rows, float(user + 1));
          request->set_input(0, floats({rows, 3}, data));
          request->run();
          wrong += floats_of(request->output(0)) != norms_of(data);
        }
      });
    }
    for (auto& u : users) u.join();
    EXPECT_EQ(wrong, 0) << threads << " threads";
  }
}

// Many independent nodes that only the host can run, so that each is a step of its own; all read the same
// values, and memory is shared between them.
std::unique_ptr<Graph> wide_graph(std::mt19937& random) {
  Builder b;
  const ValueId c = b.input("c", Type::tensor(HRT_BOOL, {}));
  std::vector<ValueId> values = {b.input("x", Type::tensor(HRT_FLOAT32, {64}))};
  for (int i = 0; i < 30; ++i) {
    const ValueId v = values[random() % values.size()], w = values[random() % values.size()];
    if (random() % 3 == 0) {
      values.push_back(b.node("Sub", {v, w}));
      continue;
    }
    const NodeId id = b.node_id("If", {c});
    for (const char* name : {"then_branch", "else_branch"}) {
      Builder body(b.transaction().add_body(id, name, name));
      body.outputs({body.node("Cos", {body.node("Add", {body.transaction().add_capture(v),
                                                        body.transaction().add_capture(w)})})});
    }
    values.push_back(b.transaction().graph().node(id).outputs[0]);
  }
  b.outputs({values.end() - 5, values.end()});
  return b.finish();
}

TEST(Execute, ResultsDoNotDependOnTheNumberOfThreads) {
  Floats data(64);
  for (size_t i = 0; i < data.size(); ++i) data[i] = std::sin(float(i));
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::vector<ValuePtr> alone;
    for (const unsigned threads : {1u, 2u, 5u}) {
      std::mt19937 random(seed);
      Session session(runtime(), wide_graph(random), on_reference(threads));
      const auto request = session.make_request();
      request->set_input(0, bools({}, {1}));
      request->set_input(1, floats({64}, data));
      for (int run = 0; run < 3; ++run) {
        request->run();
        for (size_t i = 0; i < session.outputs().size(); ++i) {
          if (alone.size() <= i) alone.push_back(own(request->output(i)));
          ASSERT_TRUE(identical(alone[i]->tensor, request->output(i)->tensor))
              << "seed " << seed << ", " << threads << " threads, run " << run << ", output " << i;
        }
      }
    }
  }
}

// ------------------------------------------------------------------- ending early, and limits

std::unique_ptr<Graph> endless() {
  Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {2}));
  const NodeId id = b.node_id("Loop", {HRT_NONE, b.constant(bools({}, {1})), x});
  Builder body(b.transaction().add_body(id, "body", "body"));
  body.input("i", Type::tensor(HRT_INT64, {}));
  const ValueId go = body.input("go", Type::tensor(HRT_BOOL, {}));
  const ValueId v = body.input("v", Type::tensor(HRT_FLOAT32, {2}));
  body.outputs({body.node("Identity", {go}), body.node("Cos", {v})});
  b.outputs({b.transaction().graph().node(id).outputs[0]});
  return b.finish();
}

TEST(Execute, ARunEndsWhenSomeoneElseCancelsIt) {
  Session session(runtime(), endless(), on_reference(2));
  const auto request = session.make_request();
  request->set_input(0, floats({2}, {1, 2}));
  request->cancel();  // nothing is in flight: this must not reach the next run
  std::atomic<bool> done{false};
  std::thread other([&] {
    while (!done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      request->cancel();
    }
  });
  const auto failure = failure_of([&] { request->run(); });
  done = true;
  other.join();
  EXPECT_EQ(failure.code, HRT_ERROR_DEADLINE);
  EXPECT_NE(failure.message.find("cancel"), std::string::npos) << failure.message;
}

TEST(Execute, ACancelThatComesTooLateDoesNotHitTheNextRun) {
  Session session(runtime(), row_norms(), on_reference());
  const auto request = session.make_request();
  request->set_input(0, floats({1, 3}, {1, 2, 3}));
  request->run();
  request->cancel();
  request->run();
  EXPECT_EQ(floats_of(request->output(0)), Floats{14});
}

TEST(Execute, ARunEndsAtItsDeadlineAndTheRequestGoesOn) {
  Session session(runtime(), endless(), on_reference());
  const auto request = session.make_request();
  request->set_input(0, floats({2}, {1, 2}));
  for (int i = 0; i < 2; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const auto failure = failure_of([&] { request->run({begin + std::chrono::milliseconds(30), nullptr}); });
    EXPECT_EQ(failure.code, HRT_ERROR_DEADLINE) << failure.message;
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(30));
  }
}

TEST(Execute, APlanOverTheMemoryLimitIsRefusedAndASmallerOneIsNot) {
  SessionOptions options = on_reference();
  options.memory_limit = 100'000;
  Session session(runtime(), row_norms(), options);
  const auto request = session.make_request();
  request->set_input(0, floats({100'000, 3}, ramp(100'000, 1)));
  const auto failure = failure_of([&] { request->run(); });
  EXPECT_EQ(failure.code, HRT_ERROR_MEMORY);
  EXPECT_NE(failure.message.find("100000"), std::string::npos) << failure.message;
  request->set_input(0, floats({2, 3}, ramp(2, 1)));
  request->run();
  EXPECT_EQ(floats_of(request->output(0)), norms_of(ramp(2, 1)));
}

TEST(Execute, TheReportOfMemoryAddsUp) {
  Session session(runtime(), row_norms(), on_reference());
  const Type types[] = {Type::tensor(HRT_FLOAT32, {1000, 3})};
  const MemoryReport report = session.memory(types);
  EXPECT_EQ(report.output_bytes, 4000u);
  EXPECT_GE(report.arena_bytes, 12000u);  // the squares
  EXPECT_LE(report.arena_bytes, report.unshared_bytes);
  for (const auto& item : report.items) EXPECT_LE(item.offset + item.bytes, report.arena_bytes);
}

// ------------------------------------------------------------------------- inputs and outputs

TEST(Execute, InputsThatDoNotFitAreNamedWithBothTypes) {
  Builder b;
  const int64_t n = b.transaction().symbol("batch");
  const ValueId x = b.input("left", Type::tensor(HRT_FLOAT32, {n, 2})),
                y = b.input("right", Type::tensor(HRT_FLOAT32, {n, 2}));
  b.outputs({b.node("Add", {x, y})});
  Session session(runtime(), b.finish(), on_reference());
  const auto request = session.make_request();
  auto expect = [&](hrt_code code, std::initializer_list<const char*> parts, auto&& f) {
    const auto failure = failure_of(f);
    EXPECT_EQ(failure.code, code);
    for (const char* part : parts)
      EXPECT_NE(failure.message.find(part), std::string::npos) << failure.message;
  };
  expect(HRT_ERROR_USAGE, {"left"}, [&] { request->run(); });
  expect(HRT_ERROR_USAGE, {}, [&] { request->output(0); });
  expect(HRT_ERROR_USAGE, {"2 inputs"}, [&] { request->set_input(2, floats({}, {1})); });
  expect(HRT_ERROR_USAGE, {"left"}, [&] { request->set_input(0, nullptr); });
  expect(HRT_ERROR_BAD_DATA, {"left", "float32", "int64"},
         [&] { request->set_input(0, ints({1, 2}, {1, 2})); });
  expect(HRT_ERROR_BAD_DATA, {"left", "[1,3]"}, [&] { request->set_input(0, floats({1, 3}, {1, 2, 3})); });
  expect(HRT_ERROR_BAD_DATA, {"left"}, [&] { request->set_input(0, floats({2}, {1, 2})); });
  expect(HRT_ERROR_BAD_DATA, {"left", "seq"},
         [&] { request->set_input(0, make_sequence(Type::tensor(HRT_FLOAT32), {})); });
  request->set_input(0, floats({1, 2}, {1, 2}));
  request->set_input(1, floats({3, 2}, {1, 2, 3, 4, 5, 6}));
  expect(HRT_ERROR_BAD_DATA, {"batch", "left", "right", "1", "3"}, [&] { request->run(); });
  request->set_input(1, floats({1, 2}, {10, 20}));
  request->run();
  EXPECT_EQ(floats_of(request->output(0)), (Floats{11, 22}));
  expect(HRT_ERROR_USAGE, {}, [&] { request->output(1); });
}

TEST(Execute, OutputsMayBeInputsConstantsAndTheSameValueTwice) {
  for (const bool optimise : {false, true}) {
    Builder b;
    const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {2}));
    const ValueId c = b.constant(floats({1}, {42}));
    const ValueId y = b.node("Neg", {x});
    b.outputs({x, c, y, y, b.node("Identity", {c}), b.node("Shape", {x})});
    SessionOptions options = on_reference();
    options.optimise = optimise;
    const auto out = run_once(b.finish(), {floats({2}, {1, -2})}, options);
    EXPECT_EQ(floats_of(out[0]), (Floats{1, -2}));
    EXPECT_EQ(floats_of(out[1]), Floats{42});
    EXPECT_EQ(floats_of(out[2]), (Floats{-1, 2}));
    EXPECT_EQ(floats_of(out[3]), (Floats{-1, 2}));
    EXPECT_EQ(floats_of(out[4]), Floats{42});
    EXPECT_EQ(ints_of(out[5]), Ints{2});
  }
}

TEST(Execute, AnOutputOutlivesItsRequest) {
  ValuePtr kept;
  {
    Session session(runtime(), row_norms(), on_reference());
    const auto request = session.make_request();
    request->set_input(0, floats({1, 3}, {1, 2, 3}));
    request->run();
    kept = request->output(0);
  }
  EXPECT_EQ(floats_of(kept), Floats{14});
}

TEST(Execute, AllValuesAreOutputsOnRequest) {
  SessionOptions options = on_reference();
  options.all_values = true;
  Session session(runtime(), row_norms(), options);
  ASSERT_EQ(session.outputs().size(), 2u);
  const auto request = session.make_request();
  request->set_input(0, floats({1, 3}, {1, 2, 3}));
  request->run();
  EXPECT_EQ(floats_of(request->output(0)), Floats{14});
  EXPECT_EQ(floats_of(request->output(1)), (Floats{1, 4, 9}));
}

TEST(Execute, PlacementNamesEveryNodeOnceBodiesIncluded) {
  Session session(runtime(), choice(), on_reference());
  std::vector<std::string> ops;
  for (const Placement& row : session.placement()) {
    ops.push_back(row.op + " on " + row.device);
    EXPECT_FALSE(row.why.empty());
  }
  std::ranges::sort(ops);
  EXPECT_EQ(ops, (std::vector<std::string>{"Abs on reference", "Abs on reference", "If on host",
                                           "Neg on reference", "Sqrt on reference"}));
}

TEST(Execute, UnknownDevicesAreRefusedWithTheNearestOne) {
  SessionOptions options = on_reference();
  options.devices = {"referense"};
  const auto failure = failure_of([&] { Session(runtime(), row_norms(), options); });
  EXPECT_EQ(failure.code, HRT_ERROR_USAGE);
  EXPECT_NE(failure.message.find("did you mean reference"), std::string::npos) << failure.message;
}

TEST(Execute, TracesNameEveryNodeOfARun) {
  Session session(runtime(), row_norms(), on_reference());
  const auto request = session.make_request();
  request->set_input(0, floats({1, 3}, {1, 2, 3}));
  Trace trace;
  request->run({std::nullopt, &trace});
  std::vector<std::string> names;
  for (const TraceEvent& e : trace.events()) names.push_back(e.category + " on " + e.device);
  EXPECT_EQ(names, (std::vector<std::string>{"Mul on reference", "ReduceSum on reference"}));
}

// What a device with a queue reports after the run carries the device's own times, never ones that end first.
TEST(Execute, TimesThatADeviceReportsLaterAreInTheTrace) {
  Builder b;
  b.outputs({b.node("Neg", {b.input("x", Type::tensor(HRT_FLOAT32, {1}))})});
  const auto graph = b.finish();
  const auto& host = *static_cast<const hrt_run_api*>(host_table().get_interface("hrt.host.run/1"));
  ASSERT_TRUE(HRT_HAS(&host, trace_add));
  const std::string device = "queued";
  Trace trace;
  hrt_run run;
  run.graph = graph.get();
  run.device = &device;
  run.trace = &trace;
  run.request = 7;
  const uint32_t node = graph->nodes().front();
  host.trace_add(&run, node, 1000, 3000);
  host.trace_add(&run, node, 5000, 4000);
  host.trace_add(&run, graph->node_limit(), 1000, 3000);  // no such node
  const auto events = trace.events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].category, "Neg");
  EXPECT_EQ(events[0].device, "queued");
  EXPECT_EQ(events[0].request, 7u);
  EXPECT_EQ(events[0].begin_ns, 1000u);
  EXPECT_EQ(events[0].end_ns, 3000u);
  EXPECT_EQ(events[1].begin_ns, 5000u);
  EXPECT_EQ(events[1].end_ns, 5000u);
  run.trace = nullptr;
  host.trace_add(&run, node, 1000, 3000);
  EXPECT_EQ(trace.events().size(), 2u);
}

}  // namespace
}  // namespace hrt
