// SPDX-License-Identifier: Apache-2.0
// Elements of tensors, in every type and form, and forms that lie. Read through import_value.
#include <gtest/gtest.h>

#include "host.h"

namespace hrt::test {
namespace {

using onnx::TensorProto;

TensorProto tensor(int32_t dtype, const std::vector<int64_t>& dims) {
  TensorProto t;
  t.set_data_type(dtype);
  for (const int64_t d : dims) t.add_dims(d);
  return t;
}

std::string bytes_of(const TensorProto& t) {
  const auto value = import_value(t.SerializeAsString(), nullptr);
  return {value->tensor.data_as<char>(), value->tensor.bytes()};
}

std::string error_of(const TensorProto& t) {
  try {
    import_value(t.SerializeAsString(), nullptr);
    return "";
  } catch (const Error& e) {
    return e.message();
  }
}

template <class... T>
std::string packed(T... v) {
  std::string s;
  (s.append(reinterpret_cast<const char*>(&v), sizeof(v)), ...);
  return s;
}

TEST(TypedValues, OfTheirOwnWidth) {
  auto f = tensor(TensorProto::FLOAT, {2});
  f.add_float_data(1.5f), f.add_float_data(-2);
  EXPECT_EQ(bytes_of(f), packed(1.5f, -2.0f));
  auto c = tensor(TensorProto::COMPLEX64, {1});
  c.add_float_data(1), c.add_float_data(2);
  EXPECT_EQ(bytes_of(c), packed(1.0f, 2.0f));
  auto d = tensor(TensorProto::DOUBLE, {1});
  d.add_double_data(0.1);
  EXPECT_EQ(bytes_of(d), packed(0.1));
  auto l = tensor(TensorProto::INT64, {1});
  l.add_int64_data(INT64_MIN);
  EXPECT_EQ(bytes_of(l), packed(INT64_MIN));
  auto u = tensor(TensorProto::UINT64, {1});
  u.add_uint64_data(UINT64_MAX);
  EXPECT_EQ(bytes_of(u), packed(UINT64_MAX));
}

TEST(TypedValues, FromWiderFields) {
  auto i8 = tensor(TensorProto::INT8, {2});
  i8.add_int32_data(-128), i8.add_int32_data(127);
  EXPECT_EQ(bytes_of(i8), packed(int8_t(-128), int8_t(127)));
  i8.set_int32_data(0, -129);
  EXPECT_NE(error_of(i8).find("value -129 does not fit int8"), std::string::npos);
  auto u16 = tensor(TensorProto::UINT16, {1});
  u16.add_int32_data(65535);
  EXPECT_EQ(bytes_of(u16), packed(uint16_t(65535)));
  auto u32 = tensor(TensorProto::UINT32, {1});
  u32.add_uint64_data(UINT32_MAX);
  EXPECT_EQ(bytes_of(u32), packed(UINT32_MAX));
  u32.set_uint64_data(0, uint64_t(UINT32_MAX) + 1);
  EXPECT_NE(error_of(u32), "");
  auto half = tensor(TensorProto::FLOAT16, {2});
  half.add_int32_data(0x3c00), half.add_int32_data(int16_t(0xbc00));  // 1, and -1 sign-extended
  EXPECT_EQ(bytes_of(half), packed(uint16_t(0x3c00), uint16_t(0xbc00)));
  auto f8 = tensor(17, {1});  // float8e4m3fn
  f8.add_int32_data(0xff);
  EXPECT_EQ(bytes_of(f8), "\xff");
}

TEST(TypedValues, SmallerThanAByteArePacked) {
  auto i4 = tensor(22, {3});  // int4: two in a byte, the first in the low bits
  i4.add_int32_data(0x21), i4.add_int32_data(0x0f);
  EXPECT_EQ(bytes_of(i4), "\x21\x0f");
  auto u2 = tensor(25, {5});  // uint2: four in a byte
  u2.add_int32_data(0xe4), u2.add_int32_data(0x03);
  EXPECT_EQ(bytes_of(u2), "\xe4\x03");
  auto raw = tensor(21, {3});
  raw.set_raw_data("\x21\x03");
  EXPECT_EQ(bytes_of(raw), "\x21\x03");
  raw.set_raw_data("\x21\x03\x01");
  EXPECT_NE(error_of(raw).find("raw_data has 3 bytes, uint4 of shape 3 needs 2"), std::string::npos);
}

TEST(Bools, AreZeroOrOne) {
  auto b = tensor(TensorProto::BOOL, {3});
  b.set_raw_data(std::string("\0\1\x80", 3));
  EXPECT_EQ(bytes_of(b), std::string("\0\1\1", 3));
}

TEST(Strings, AreCopied) {
  auto s = tensor(TensorProto::STRING, {2});
  s.add_string_data("one"), s.add_string_data(std::string("t\0o", 3));
  const auto value = import_value(s.SerializeAsString(), nullptr);
  EXPECT_EQ(value->tensor.string(0), "one");
  EXPECT_EQ(value->tensor.string(1), std::string("t\0o", 3));
  s.set_raw_data("x");
  EXPECT_NE(error_of(s), "");
}

TEST(Shapes, ThatLieAreRefused) {
  auto t = tensor(TensorProto::FLOAT, {2});
  EXPECT_NE(error_of(t).find("has 0 bytes of values, float32 of shape 2 needs 8"), std::string::npos);
  EXPECT_NE(error_of(tensor(TensorProto::FLOAT, {-1})).find("dimension -1 is negative"), std::string::npos);
  EXPECT_NE(error_of(tensor(TensorProto::FLOAT, {INT64_MAX, INT64_MAX, 0})), "");
  EXPECT_NE(error_of(tensor(TensorProto::DOUBLE, {INT64_MAX})), "");
  EXPECT_NE(error_of(tensor(TensorProto::FLOAT, std::vector<int64_t>(17, 1))), "");
  EXPECT_NE(error_of(tensor(0, {})).find("element type 0 does not exist"), std::string::npos);
  EXPECT_NE(error_of(tensor(27, {})), "");
  EXPECT_NE(error_of(tensor(-1, {})), "");
}

TEST(Shapes, WithoutElementsAreFine) {
  const auto value = import_value(tensor(TensorProto::FLOAT, {0, 3}).SerializeAsString(), nullptr);
  EXPECT_EQ(value->tensor.dims(), (Dims{0, 3}));
}

TEST(Values, SequencesAndOptionalsAreReadAsDeclared) {
  onnx::SequenceProto sequence;
  sequence.set_elem_type(onnx::SequenceProto::TENSOR);
  for (int i = 0; i < 2; ++i) {
    *sequence.add_tensor_values() = tensor(TensorProto::INT64, {1});
    sequence.mutable_tensor_values(i)->add_int64_data(i);
  }
  const Type list = Type::sequence(Type::tensor(HRT_INT64));
  const auto value = import_value(sequence.SerializeAsString(), &list);
  ASSERT_EQ(value->items.size(), 2u);
  EXPECT_EQ(*value->items[1]->tensor.data_as<int64_t>(), 1);

  const Type maybe = Type::optional(list);
  onnx::OptionalProto optional;
  EXPECT_TRUE(import_value(optional.SerializeAsString(), &maybe)->items.empty());
  optional.set_elem_type(onnx::OptionalProto::SEQUENCE);
  *optional.mutable_sequence_value() = sequence;
  const auto full = import_value(optional.SerializeAsString(), &maybe);
  ASSERT_EQ(full->items.size(), 1u);
  EXPECT_EQ(full->items[0]->items.size(), 2u);
}

}  // namespace
}  // namespace hrt::test
