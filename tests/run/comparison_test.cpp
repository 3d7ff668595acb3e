// SPDX-License-Identifier: Apache-2.0
// Expected verdicts are those of numpy.testing.assert_allclose.
#include "apps/hrt-run/lib/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace hrt {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

template <class T>
Tensor tensor(const std::vector<T>& values, hrt_dtype dtype = dtype_of<T>) {
  Tensor t = Tensor::allocate(dtype, {int64_t(values.size())});
  for (size_t i = 0; i < values.size(); ++i) t.data_as<T>()[i] = values[i];
  return t;
}

Comparison floats(const std::vector<float>& a, const std::vector<float>& b, Tolerance tolerance = {0, 0}) {
  return compare(tensor(a), tensor(b), tolerance);
}

Tensor strings(const std::vector<std::string>& texts) {
  Tensor t = Tensor::allocate(HRT_STRING, {int64_t(texts.size())});
  for (size_t i = 0; i < texts.size(); ++i) t.set_string(i, texts[i]);
  return t;
}

TEST(Comparison, TakesTheToleranceFromTheExpectedValue) {
  EXPECT_TRUE(floats({9}, {10}, {0.1, 0}).equal());
  EXPECT_FALSE(floats({10}, {9}, {0.1, 0}).equal());  // |10 - 9| > 0.1 * 9
  EXPECT_TRUE(floats({0.5f}, {0}, {0, 0.5}).equal());
  EXPECT_FALSE(floats({0.75f}, {0}, {0.1, 0.5}).equal());
  EXPECT_TRUE(floats({-11.5f}, {-10}, {0.1, 0.5}).equal());
}

TEST(Comparison, NanEqualsNanAndInfinityItself) {
  EXPECT_TRUE(floats({kNan, kInf, -kInf}, {kNan, kInf, -kInf}).equal());
  const Tolerance wide{1, 1e9};
  EXPECT_FALSE(floats({kNan}, {0}, wide).equal());
  EXPECT_FALSE(floats({0}, {kNan}, wide).equal());
  EXPECT_FALSE(floats({kInf}, {-kInf}, wide).equal());
  EXPECT_FALSE(floats({0}, {kInf}, wide).equal());
  EXPECT_FALSE(floats({kInf}, {1}, wide).equal());
}

TEST(Comparison, ReportsTheErrorsAndTheWorstPlace) {
  const Comparison c = floats({1, 2.5f, 5}, {1, 2, 4});
  EXPECT_EQ(c.elements, 3u);
  EXPECT_EQ(c.mismatches, 2u);
  EXPECT_DOUBLE_EQ(c.max_abs, 1);
  EXPECT_DOUBLE_EQ(c.max_rel, 0.25);
  EXPECT_EQ(c.difference, "2 of 3 elements differ, worst at [2]: 5 instead of 4");
}

TEST(Comparison, FindsPlacesBeyondTheFirstBlock) {
  std::vector<float> a(100 * 100);
  std::vector<float> b = a;
  b[7321] = 1;
  const Comparison c = compare(tensor(a).reshaped({100, 100}), tensor(b).reshaped({100, 100}), {});
  EXPECT_EQ(c.difference, "1 of 10000 elements differ, worst at [73,21]: 0 instead of 1");
}

TEST(Comparison, MeasuresTheAngle) {
  EXPECT_DOUBLE_EQ(floats({1, 0}, {0, 1}).cosine, 0);
  EXPECT_NEAR(floats({1, 1}, {2, 2}).cosine, 1, 1e-12);
  EXPECT_DOUBLE_EQ(floats({0, 0}, {0, 0}).cosine, 1);
  EXPECT_DOUBLE_EQ(floats({0, 0}, {0, 1}).cosine, 0);
}

TEST(Comparison, SeesLargeIntegersDiffer) {
  const int64_t big = int64_t(1) << 60;  // as a double, the same as the next
  EXPECT_FALSE(compare(tensor<int64_t>({big}), tensor<int64_t>({big + 1}), {0, 0}).equal());
  EXPECT_TRUE(compare(tensor<int64_t>({big}), tensor<int64_t>({big + 1}), {0, 1}).equal());
  const Comparison c = compare(tensor<int64_t>({INT64_MIN}), tensor<int64_t>({INT64_MAX}), {0, 0});
  EXPECT_NEAR(c.max_abs, 0x1p64, 1);
}

TEST(Comparison, ComparesEveryElementType) {
  for (hrt_dtype dtype = 1; dtype < HRT_DTYPE_COUNT; ++dtype) {
    if (dtype == HRT_STRING) continue;
    const Tensor a = Tensor::allocate(dtype, {5});
    const Tensor b = Tensor::allocate(dtype, {5});
    EXPECT_TRUE(compare(a, b, {0, 0}).equal()) << dtype_name(dtype);
    b.data_as<uint8_t>()[b.bytes() - 1] = 1;  // the last element, in all of them
    EXPECT_FALSE(compare(a, b, {0, 0}).equal()) << dtype_name(dtype);
  }
}

TEST(Comparison, RefusesOtherTypesAndShapes) {
  EXPECT_EQ(compare(tensor<float>({1}), tensor<double>({1}), {}).difference,
            "type float32 instead of float64");
  EXPECT_EQ(floats({1}, {1, 2}).difference, "shape 1 instead of 2");
}

TEST(Comparison, ComparesStringsExactly) {
  EXPECT_TRUE(compare(strings({"a", ""}), strings({"a", ""}), {}).equal());
  EXPECT_EQ(compare(strings({"a", "b"}), strings({"a", "B"}), {}).difference,
            "at [1]: \"b\" instead of \"B\"");
}

TEST(Comparison, LooksIntoSequencesAndOptionals) {
  const Type element = Type::tensor(HRT_FLOAT32);
  const ValuePtr one = make_value(tensor<float>({1}));
  const ValuePtr two = make_value(tensor<float>({2}));
  const ValuePtr list = make_sequence(element, {one, two});
  EXPECT_TRUE(compare(list, make_sequence(element, {one, two}), {}).equal());
  EXPECT_EQ(compare(list, make_sequence(element, {one}), {}).difference, "2 items instead of 1");
  EXPECT_EQ(compare(list, make_sequence(element, {one, one}), {}).difference,
            "item 1: 1 of 1 elements differ, worst at [0]: 2 instead of 1");
  EXPECT_FALSE(compare(list, one, {}).equal());
  const ValuePtr none = make_optional(element, nullptr);
  EXPECT_TRUE(compare(none, make_optional(element, nullptr), {}).equal());
  EXPECT_FALSE(compare(none, make_optional(element, one), {}).equal());
  EXPECT_FALSE(compare(none, one, {}).equal());
  EXPECT_TRUE(compare(make_optional(element, one), one, {}).equal());
}

}  // namespace
}  // namespace hrt
