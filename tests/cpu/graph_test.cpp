// SPDX-License-Identifier: Apache-2.0
// What lies between the nodes: layouts, reorders, views, in-place steps, known values, outputs. MaxPool with
// a 1x1 window is the identity in the channel-blocked layout; that makes expected values plain.
#include <gtest/gtest.h>

#include <functional>

#include "tests/cpu/host.h"

namespace hrt::test {
namespace {

uint32_t blocked(Model& m, uint32_t x, const Dims& dims) {
  return m.node("MaxPool", {x}, dims, {{"kernel_shape", std::vector<int64_t>(dims.size() - 2, 1)}});
}

void expect(const Model& m, const std::vector<Data>& inputs,
            const std::vector<std::vector<float>>& expected) {
  for (const std::string& isa : isas())
    for (const int threads : {1, 2}) {
      const std::vector<Data> got = backend(isa).run(m, inputs, threads);
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i)
        EXPECT_EQ(got[i].floats(), expected[i]) << isa << " output " << i;
    }
}

std::vector<float> map(const Data& x, const std::function<float(float)>& f) {
  std::vector<float> y = x.floats();
  for (float& v : y) v = f(v);
  return y;
}

const std::vector<Dims> kShapes = {{1, 16, 3, 4}, {2, 21, 5, 3}, {1, 3, 1, 1},
                                   {3, 40, 1, 1}, {1, 7, 9},     {2, 5, 2, 3, 2}};

TEST(Graph, BlockedChainsComeOutPlain) {
  for (const Dims& dims : kShapes) {
    Model m;
    const uint32_t a = blocked(m, m.input(dims), dims), b = m.node("Neg", {a}, dims),
                   c = m.node("Abs", {b}, dims);
    m.output(c);
    m.output(b);
    const Data x = random(dims, 1);
    expect(m, {x}, {map(x, [](float v) { return std::abs(v); }), map(x, [](float v) { return -v; })});
  }
}

TEST(Graph, BlockedMeetsPlainInABinaryOperator) {
  for (const Dims& dims : kShapes) {
    Model m;
    const uint32_t x = m.input(dims), y = m.input(dims);
    m.output(m.node("Sub", {y, blocked(m, x, dims)}, dims));
    const Data a = random(dims, 1), b = random(dims, 2);
    std::vector<float> expected = b.floats();
    for (size_t i = 0; i < expected.size(); ++i) expected[i] -= a.as<float>()[i];
    expect(m, {a, b}, {expected});
  }
}

TEST(Graph, PerChannelAndScalarConstantsFollowTheLayout) {
  const Dims dims = {2, 21, 3, 5};
  Model m;
  const Data x = random(dims, 1), scale = random({21, 1, 1}, 2);
  const uint32_t a = blocked(m, m.input(dims), dims);
  const uint32_t b = m.node("Mul", {a, m.constant(scale)}, dims);
  m.output(m.node("Add", {b, m.constant(Data({1}, std::vector<float>{0.5f}))}, dims));
  std::vector<float> expected = x.floats();
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] = expected[i] * scale.as<float>()[i / 15 % 21] + 0.5f;
  for (const std::string& isa : isas()) {
    const std::vector<float> got = backend(isa).run(m, {x})[0].floats();
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-6) << isa;
  }
}

TEST(Graph, InputsOfBothLayoutsAreMadeOnce) {
  const Dims dims = {1, 19, 4, 4};
  Model m;
  const uint32_t x = m.input(dims), a = blocked(m, x, dims), b = blocked(m, x, dims);
  m.output(m.node("Add", {a, b}, dims));
  const Data d = random(dims, 1);
  expect(m, {d}, {map(d, [](float v) { return v + v; })});
}

TEST(Graph, ViewsOfBlockedAndPlainValues) {
  const Dims dims = {2, 20, 3, 3};
  Model m;
  const uint32_t x = m.input(dims), a = blocked(m, x, dims);
  const uint32_t flat = m.node("Flatten", {a}, {2, 180});
  m.output(flat);
  m.output(m.node("Neg", {flat}, {2, 180}));
  m.output(m.node("Reshape", {x, m.constant({2}, std::vector<int64_t>{360, 1})}, {360, 1}));
  const Data d = random(dims, 1);
  expect(m, {d}, {d.floats(), map(d, [](float v) { return -v; }), d.floats()});
}

TEST(Graph, PooledToOnePixelAndFlattened) {
  for (const int64_t batch : {1, 2})
    for (const int64_t channels : {32, 35}) {
      Model m;
      const uint32_t p = m.node("GlobalMaxPool", {m.input({batch, channels, 2, 2})}, {batch, channels, 1, 1});
      m.output(m.node("Flatten", {p}, {batch, channels}));
      const Data d = random({batch, channels, 2, 2}, 1);
      std::vector<float> expected;
      for (int64_t i = 0; i < batch * channels; ++i)
        expected.push_back(*std::max_element(d.as<float>() + i * 4, d.as<float>() + i * 4 + 4));
      expect(m, {d}, {expected});
    }
}

TEST(Graph, OutputsThatNoNodeMakes) {
  Model m;
  const uint32_t x = m.input({2, 3}), c = m.constant(Data({2}, std::vector<float>{4, 5}));
  const uint32_t y = m.node("Neg", {x}, {2, 3});
  m.output(x);
  m.output(c);
  m.output(y);
  m.output(y);
  const Data d = random({2, 3}, 1);
  const std::vector<float> negated = map(d, [](float v) { return -v; });
  expect(m, {d}, {d.floats(), {4, 5}, negated, negated});
}

TEST(Graph, KnownValuesAreNotComputedAgain) {
  Model m;
  const uint32_t x = m.input({4});
  const uint32_t shape = m.known(Data({1}, std::vector<float>{3}));
  m.output(m.node("Mul", {x, shape}, Dims{4}));
  const Data d = random({4}, 1);
  expect(m, {d}, {map(d, [](float v) { return 3 * v; })});
}

TEST(Graph, AnInputThatIsReadAgainIsNotOverwritten) {
  const Dims dims = {1, 17, 3, 3};
  Model m;
  const uint32_t a = blocked(m, m.input(dims), dims), b = m.node("Neg", {a}, dims),
                 c = m.node("Exp", {b}, dims);
  const uint32_t d = m.node("Add", {c, a}, dims);
  const uint32_t flat = m.node("Reshape", {d, m.constant({1}, std::vector<int64_t>{153})}, Dims{153});
  m.output(m.node("Sub",
                  {flat, m.node("Reshape", {c, m.constant({1}, std::vector<int64_t>{153})}, Dims{153})},
                  Dims{153}));
  const Data x = random(dims, 1);
  for (const std::string& isa : isas()) {
    const std::vector<float> got = backend(isa).run(m, {x})[0].floats();
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], x.as<float>()[i], 1e-6) << isa;
  }
}

TEST(Graph, EmptyTensorsPassThrough) {
  const Dims dims = {0, 16, 4, 4};
  Model m;
  const uint32_t a = blocked(m, m.input(dims), dims);
  m.output(m.node("Neg", {a}, dims));
  m.output(m.node("Flatten", {a}, {0, 256}));
  expect(m, {Data(HRT_FLOAT32, dims)}, {{}, {}});
}

TEST(Graph, RefusalsNameTheReason) {
  Model m;
  m.output(m.node("NoSuchOperator", {m.input({1})}, Dims{1}));
  m.output(m.node("Conv", {m.input({1, 1, 4, 4}, HRT_FLOAT64), m.input({1, 1, 1, 1}, HRT_FLOAT64)},
                  {Out({1, 1, 4, 4}, HRT_FLOAT64)}));
  const auto reasons = backend(isas()[0]).query(m);
  EXPECT_EQ(reasons[0], "refused: operator not in this backend");
  EXPECT_EQ(reasons[1], "refused: dtype float64 of an input");
}

TEST(Device, NamesItselfAndRefusesUnknownOptions) {
  for (const std::string& isa : isas()) {
    const hrt_backend_api& api = backend(isa).api();
    hrt_device_info info{};
    info.struct_size = sizeof info;
    ASSERT_EQ(api.device_info(0, &info), nullptr);
    EXPECT_STREQ(info.name, "cpu");
    EXPECT_NE(std::string(info.description).find(isa), std::string::npos) << info.description;
    const char *key = "colour", *value = "blue";
    const hrt_options options = {sizeof(hrt_options), &key, &value, 1};
    hrt_device* device = nullptr;
    hrt_status* status = api.device_open(0, &options, &device);
    ASSERT_NE(status, nullptr);
    EXPECT_NE(message_of(status).find("\"colour\""), std::string::npos);
  }
}

}  // namespace
}  // namespace hrt::test
