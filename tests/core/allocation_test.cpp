// SPDX-License-Identifier: Apache-2.0
// A warm request allocates nothing: every malloc, calloc, realloc, aligned_alloc and operator new of the
// process, plugins and scheduler included, is counted. Where one does
// allocate, the test prints the stack.
#include <gtest/gtest.h>

#include "core/execute/session.h"
#include "tests/core/allocations.h"
#include "tests/core/builder.h"

namespace hrt {
namespace {

using test::allocations_of;
using test::runtime;

ValuePtr picture(int64_t batch, const Type& type) {
  Dims dims(type.dims().begin(), type.dims().end());
  for (int64_t& d : dims)
    if (!is_number(d)) d = batch;
  Tensor t = Tensor::allocate(type.dtype(), std::move(dims));
  for (uint64_t i = 0; i < t.size(); ++i) t.data_as<float>()[i] = float(i % 17) / 17;
  return make_value(std::move(t));
}

TEST(Allocations, AreCounted) {
  test::print_allocations(false);
  EXPECT_GE(allocations_of([] { delete new std::string(100, 'x'); }), 1u);
  EXPECT_GE(allocations_of([] { allocate_bytes(64); }), 1u);
  test::print_allocations(true);
}

SessionOptions on_cpu(unsigned threads) {
  SessionOptions options;
  options.devices = {"cpu"};
  options.threads = threads;
  return options;
}

void expect_none(Request& request) {
  EXPECT_EQ(allocations_of([&] {
              for (int i = 0; i < 100; ++i) request.run();
            }),
            0u);
}

void warm_runs_allocate_nothing(unsigned threads) {
  Session session(runtime(), runtime().load_model(HRT_DIGITS), on_cpu(threads));
  const auto request = session.make_request();
  ASSERT_EQ(session.inputs().size(), 1u);
  // Two shapes in turn, where the model leaves one open: both stay planned.
  const ValuePtr inputs[] = {picture(1, session.inputs()[0].type), picture(3, session.inputs()[0].type)};
  for (int i = 0; i < 50; ++i) {
    request->set_input(0, inputs[i % 2]);
    request->run();
  }
  for (const ValuePtr& input : inputs) {
    request->set_input(0, input);
    expect_none(*request);
  }
}

TEST(Allocations, WarmRunsOnOneThreadMakeNone) { warm_runs_allocate_nothing(1); }
TEST(Allocations, WarmRunsOnTwoThreadsMakeNone) { warm_runs_allocate_nothing(2); }

// A loop that appends an element in each of 60 iterations makes the tensors that it carries, as new, and no
// plans: those took hundreds of allocations an iteration.
TEST(Allocations, LoopsOverGrowingValuesMakeNoPlansWhenWarm) {
  test::Builder b;
  const Type scalar = Type::tensor(HRT_INT64, {});
  const ValueId count = b.constant(test::ints({}, {60})),
                first = b.input("x", Type::tensor(HRT_FLOAT32, {1}));
  const NodeId loop = b.node_id("Loop", {count, HRT_NONE, first}, {});
  test::Builder body(b.transaction().add_body(loop, "body", "append"));
  body.input("i", scalar);
  const ValueId go_on = body.input("go_on", Type::tensor(HRT_BOOL, {}));
  const ValueId all = body.input("all", Type::tensor(HRT_FLOAT32, {HRT_DIM_UNKNOWN}));
  const ValueId one = body.constant(test::floats({1}, {1}));
  const ValueId longer = body.node("Concat", {body.node("Neg", {all}), one}, {{"axis", int64_t(0)}});
  body.outputs({go_on, longer});
  b.outputs({b.transaction().graph().node(loop).outputs[0]});
  Session session(runtime(), b.finish(), on_cpu(1));
  const auto request = session.make_request();
  request->set_input(0, test::floats({1}, {1}));
  for (int i = 0; i < 3; ++i) request->run();
  test::print_allocations(false);
  EXPECT_LT(allocations_of([&] { request->run(); }), 60u * 30);
  test::print_allocations(true);
  EXPECT_EQ(request->output(0)->tensor.dims(), Dims{61});
}

// Two clusters that do not depend on each other, large enough for a task each.
TEST(Allocations, StepsThatRunSideBySideMakeNone) {
  test::Builder b;
  const ValueId x = b.input("x", Type::tensor(HRT_FLOAT32, {256, 256}));
  const ValuePtr w = test::floats({256, 256}, std::vector<float>(256 * 256, 0.5f));
  b.outputs({b.node("MatMul", {x, b.constant(w)}), b.node("Relu", {b.node("MatMul", {b.constant(w), x})})});
  Session session(runtime(), b.finish(), on_cpu(2));
  int clusters = 0;
  for (const Placement& row : session.placement()) clusters = std::max(clusters, row.cluster + 1);
  EXPECT_EQ(clusters, 2);
  const auto request = session.make_request();
  request->set_input(0, w);
  for (int i = 0; i < 50; ++i) request->run();
  expect_none(*request);
}

}  // namespace
}  // namespace hrt
