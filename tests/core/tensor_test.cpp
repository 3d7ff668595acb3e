// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "core/tensor/value.h"

namespace hrt {
namespace {

TEST(Tensor, SizesThatOverflowAreRefused) {
  EXPECT_THROW(Tensor::allocate(HRT_FLOAT32, {int64_t(1) << 40, int64_t(1) << 40}), Error);
  EXPECT_THROW(Tensor::allocate(HRT_FLOAT32, {-1}), Error);
  EXPECT_EQ(Tensor::allocate(HRT_INT4, {3}).bytes(), 2u);
  EXPECT_EQ(Tensor::allocate(HRT_FLOAT32, {0, 5}).bytes(), 0u);
}

TEST(Tensor, TheMemoryLimitHolds) {
  const uint64_t used = memory_in_use();
  set_memory_limit(used + 1000);
  try {
    Tensor::allocate(HRT_UINT8, {4096});
    ADD_FAILURE() << "4096 bytes fit into 1000";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), HRT_ERROR_MEMORY);
  }
  EXPECT_EQ(memory_in_use(), used);
  set_memory_limit(0);
}

TEST(Tensor, StringsKeepTheirViews) {
  Tensor t = Tensor::allocate(HRT_STRING, {2});
  t.set_string(1, "a string that is too long for the small buffer");
  EXPECT_EQ(t.string(0), "");
  EXPECT_EQ(static_cast<const hrt_str*>(t.c().data)[1].size, 46u);
  EXPECT_THROW(t.set_string(2, "x"), Error);
}

TEST(Type, MergeKeepsWhatEitherKnows) {
  const Type a = Type::tensor(HRT_FLOAT32, {HRT_DIM_UNKNOWN, 3});
  const Type b = Type::tensor(HRT_FLOAT32, {2, HRT_DIM_UNKNOWN});
  EXPECT_EQ(merge(a, b), Type::tensor(HRT_FLOAT32, {2, 3}));
  EXPECT_EQ(merge(Type(), a), a);
  EXPECT_THROW(merge(a, Type::tensor(HRT_FLOAT32, {2, 4})), Error);
  EXPECT_THROW(merge(a, Type::tensor(HRT_INT64, {2, 3})), Error);
  EXPECT_EQ(join(Type::tensor(HRT_FLOAT32, {2, 3}), Type::tensor(HRT_FLOAT32, {4, 3})), a);
}

TEST(Value, BorrowedBytesAreCopiedBeforeTheyAreKept) {
  float data[2] = {1, 2};
  auto v = std::make_shared<hrt_value>();
  v->tensor = Tensor::view(HRT_FLOAT32, {2}, data, nullptr);
  v->type = v->tensor.type();
  v->borrowed = true;
  const ValuePtr kept = make_sequence(v->type, {v})->items[0];
  data[0] = 9;
  EXPECT_EQ(kept->tensor.data_as<float>()[0], 1);
}

// Against the definition: every half is exactly a float, and a float rounds to the nearest, ties to even.
TEST(Float16, RoundTripsAndRoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float f = float16::to(uint16_t(bits));
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(float16::to(float16::from(f))));
    } else {
      EXPECT_EQ(float16::from(f), bits);
    }
  }
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const double lo = float16::to(uint16_t(bits)), hi = float16::to(uint16_t(bits + 1)), mid = (lo + hi) / 2;
    const uint16_t even = uint16_t(bits % 2 == 0 ? bits : bits + 1);
    EXPECT_EQ(float16::from(float(mid)), even) << bits;
    EXPECT_EQ(float16::from(std::nextafter(float(mid), float(hi))), bits + 1);
    EXPECT_EQ(float16::from(std::nextafter(float(mid), float(lo))), bits);
  }
}

template <class F>
void check_small_float() {
  for (uint32_t bits = 0; bits < (1u << F::kBits); ++bits) {
    const float f = F::to(uint8_t(bits));
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(F::to(F::from(f, true))));
    } else {
      EXPECT_EQ(F::to(F::from(f, false)), f) << bits;
    }
  }
  for (uint32_t bits = 0; bits + 1 <= F::kMax; ++bits) {
    const float lo = F::to(uint8_t(bits)), hi = F::to(uint8_t(bits + 1)), mid = (lo + hi) / 2;
    EXPECT_EQ(F::from(mid, true), bits % 2 == 0 ? bits : bits + 1) << bits;
    EXPECT_EQ(F::from(std::nextafter(mid, hi), true), bits + 1);
    EXPECT_EQ(F::from(std::nextafter(mid, lo), true), bits);
  }
  EXPECT_EQ(F::from(INFINITY, true), F::kMax);
}

TEST(SmallFloat, AllFormatsRoundToNearestEven) {
  check_small_float<float8e4m3fn>();
  check_small_float<float8e4m3fnuz>();
  check_small_float<float8e5m2>();
  check_small_float<float8e5m2fnuz>();
  check_small_float<float4e2m1>();
  EXPECT_EQ(float8e4m3fn::to(0x7e), 448.0f);
  EXPECT_EQ(float8e5m2::to(0x7b), 57344.0f);
  EXPECT_EQ(float8e4m3fnuz::to(0x7f), 240.0f);
  EXPECT_EQ(float4e2m1::to(7), 6.0f);
}

}  // namespace
}  // namespace hrt
