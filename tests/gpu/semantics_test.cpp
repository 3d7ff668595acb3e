// SPDX-License-Identifier: Apache-2.0
// What the standard's own cases leave out, on devices: the same results as the reference kernels, bit by bit
// where nothing is rounded.
#include "tests/gpu/device.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace hrt::test {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN(),
                kInfinity = std::numeric_limits<float>::infinity();

class Semantics : public OnDevice {
 protected:
  // Compares all outputs, exactly or with a tolerance.
  static void expect_as_reference(const OneNode& node, float tolerance = 0) {
    SCOPED_TRACE(node.op);
    const auto expected = run_once(node.graph(), node.fed()),
               got = run_once(node.graph(), node.fed(), on_device());
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      const Tensor &a = got[i]->tensor, &b = expected[i]->tensor;
      ASSERT_EQ(a.bytes(), b.bytes());
      if (a.dtype() == HRT_FLOAT32)
        expect_close(floats_of(got[i]), floats_of(expected[i]), tolerance);
      else
        EXPECT_EQ(std::memcmp(a.data(), b.data(), a.bytes()), 0) << "output " << i;
    }
  }

 private:
  static void expect_close(const std::vector<float>& a, const std::vector<float>& b, float tolerance) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (std::isnan(b[i]))
        ASSERT_TRUE(std::isnan(a[i])) << i << ": " << a[i];
      else
        ASSERT_TRUE(a[i] == b[i] || std::fabs(a[i] - b[i]) <= tolerance)
            << i << ": " << a[i] << " not " << b[i];
    }
  }
};

ValuePtr random_floats(Dims dims, float scale, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> data(static_cast<size_t>(element_count(dims)));
  for (float& v : data) v = normal(random);
  return floats(std::move(dims), data);
}

TEST_P(Semantics, RemaindersOfFarLargerNumbersAreExact) {
  const ValuePtr a = floats({8}, {3e38F, 1e20F, -1e20F, 16777216, 1e-40F, -7, 0x1p100F, 5});
  const ValuePtr b = floats({8}, {0.3F, 7, 7, 0.1F, 3e-41F, kInfinity, 3, -3});
  expect_as_reference({"Mod", {a, b}, {{"fmod", int64_t{1}}}});
}

TEST_P(Semantics, FloatsOutsideOfAnIntegersRangeKeepTheBitsThatTheReferenceKeeps) {
  const ValuePtr x = floats({16}, {300, -129, 3e9F, -3e9F, 5e9F, 0x1p63F, 0x1p64F, 0x1.8p63F, -0x1p63F, 1e30F,
                                   -1e30F, kNaN, kInfinity, -kInfinity, 65535.5F, -0.9F});
  for (const hrt_dtype to : {HRT_INT8, HRT_UINT8, HRT_INT32, HRT_UINT32, HRT_INT64, HRT_UINT64}) {
    SCOPED_TRACE(to);
    expect_as_reference({"Cast", {x}, {{"to", int64_t{to}}}});
  }
}

TEST_P(Semantics, ABoundThatIsNotANumberLimitsNothing) {
  const ValuePtr x = floats({5}, {-3, 0, 3, kNaN, kInfinity}), nan = floats({}, {kNaN}),
                 one = floats({}, {1});
  for (const size_t constants : {size_t{0}, size_t{2}}) {
    expect_as_reference({"Clip", {x, nan, one}, {}, 1, constants});
    expect_as_reference({"Clip", {x, one, nan}, {}, 1, constants});
  }
}

TEST_P(Semantics, UpdatesThatMeetInOneElementAreTakenInTheirOrder) {
  const ValuePtr x = random_floats({40}, 1, 1), updates = random_floats({300}, 1, 2);
  std::vector<int64_t> places;
  for (int64_t i = 0; i < 300; ++i) places.push_back(i * 7 % 80 - 40);
  for (const char* reduction : {"none", "add", "mul", "max", "min"}) {
    SCOPED_TRACE(reduction);
    const std::vector<Attribute> attributes{{"reduction", std::string(reduction)}};
    expect_as_reference({"ScatterElements", {x, ints({300}, places), updates}, attributes});
    expect_as_reference({"ScatterND", {x, ints({300, 1}, places), updates}, attributes});
  }
}

// More of them than lavapipe lets one loop go through.
TEST_P(Semantics, AllOfManyUpdatesAreTaken) {
  const int64_t n = 70'000;
  std::vector<int64_t> places;
  for (int64_t i = 0; i < n; ++i) places.push_back(i % 3);
  expect_as_reference({"ScatterElements",
                       {floats({3}, {0, 0, 0}), ints({n}, places), floats({n}, std::vector<float>(n, 1))},
                       {{"reduction", std::string("add")}}});
}

TEST_P(Semantics, TopKOfLongLinesKeepsEqualElementsInOrderAndPutsNaNFirst) {
  std::vector<float> data;
  for (int i = 0; i < 3000; ++i) data.push_back(i % 11 == 0 ? kNaN : float(i * 37 % 101));
  for (const int64_t k : {int64_t{1}, int64_t{100}, int64_t{1000}})
    for (const int64_t largest : {int64_t{0}, int64_t{1}})
      expect_as_reference({"TopK", {floats({3, 1000}, data), ints({1}, {k})}, {{"largest", largest}}, 2, 1});
}

// More turns of loops than lavapipe lets an invocation go through.
TEST_P(Semantics, LongSequencesOfLargeCellsAreComputedToTheirEnd) {
  const int64_t steps = 300, hidden = 128, input = 8;
  const ValuePtr x = random_floats({steps, 1, input}, 1, 3);
  const Attribute size{"hidden_size", hidden};
  expect_as_reference(
      {"LSTM",
       {x, random_floats({1, 4 * hidden, input}, 0.1F, 4), random_floats({1, 4 * hidden, hidden}, 0.05F, 5)},
       {size},
       3,
       2},
      1e-4F);
  expect_as_reference(
      {"GRU",
       {x, random_floats({1, 3 * hidden, input}, 0.1F, 6), random_floats({1, 3 * hidden, hidden}, 0.05F, 7)},
       {size},
       2,
       0},
      1e-4F);
}

INSTANTIATE_TEST_SUITE_P(Gpu, Semantics, devices(), device_name);

}  // namespace
}  // namespace hrt::test
