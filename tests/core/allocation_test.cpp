// SPDX-License-Identifier: Apache-2.0
// A warm request allocates nothing: every malloc, calloc, realloc, aligned_alloc and operator new of the
// process, plugins and scheduler included, comes through the functions below and is counted. Where one does
// allocate, the test prints the stack.
#include <execinfo.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/execute/session.h"
#include "tests/core/builder.h"

// The allocator of glibc, behind the functions that are replaced here.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace {

std::atomic<bool> g_counting{false};
std::atomic<bool> g_printing{true};
std::atomic<uint64_t> g_count{0};

void count() {
  if (!g_counting.load(std::memory_order_relaxed)) return;
  if (g_count.fetch_add(1) >= 3 || !g_printing) return;  // the first few say enough
  g_counting = false;                                    // the report may allocate
  void* frames[40];
  const int depth = ::backtrace(frames, 40);
  ::backtrace_symbols_fd(frames, depth, STDERR_FILENO);
  constexpr char kEnd[] = "----\n";
  (void)!::write(STDERR_FILENO, kEnd, sizeof(kEnd) - 1);
  g_counting = true;
}

}  // namespace

#define HRT_INTERPOSE extern "C" __attribute__((visibility("default")))

HRT_INTERPOSE void* malloc(size_t bytes) {
  count();
  return __libc_malloc(bytes);
}
HRT_INTERPOSE void* calloc(size_t number, size_t bytes) {
  count();
  return __libc_calloc(number, bytes);
}
HRT_INTERPOSE void* realloc(void* old, size_t bytes) {
  count();
  return __libc_realloc(old, bytes);
}
HRT_INTERPOSE void* aligned_alloc(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
HRT_INTERPOSE void* memalign(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
HRT_INTERPOSE int posix_memalign(void** out, size_t alignment, size_t bytes) {
  count();
  *out = __libc_memalign(alignment, bytes);
  return *out ? 0 : ENOMEM;
}

namespace hrt {
namespace {

using test::runtime;

ValuePtr picture(int64_t batch, const Type& type) {
  Dims dims(type.dims().begin(), type.dims().end());
  for (int64_t& d : dims)
    if (!is_number(d)) d = batch;
  Tensor t = Tensor::allocate(type.dtype(), std::move(dims));
  for (uint64_t i = 0; i < t.size(); ++i) t.data_as<float>()[i] = float(i % 17) / 17;
  return make_value(std::move(t));
}

uint64_t allocations_of(auto&& f) {
  g_count = 0;
  g_counting = true;
  f();
  g_counting = false;
  return g_count;
}

TEST(Allocations, AreCounted) {
  g_printing = false;
  EXPECT_GE(allocations_of([] { delete new std::string(100, 'x'); }), 1u);
  EXPECT_GE(allocations_of([] { allocate_bytes(64); }), 1u);
  g_printing = true;
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
  g_printing = false;
  EXPECT_LT(allocations_of([&] { request->run(); }), 60u * 30);
  g_printing = true;
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
