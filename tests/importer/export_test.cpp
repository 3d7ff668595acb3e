// SPDX-License-Identifier: Apache-2.0
// Values written as files of ONNX's test data: what protobuf reads in them, and that they come back the same.
#include <gtest/gtest.h>

#include "core/plugin/registry.h"
#include "core/plugin/status.h"
#include "host.h"

namespace hrt::test {
namespace {

ValuePtr int64s(std::vector<int64_t> values) {
  Tensor t = Tensor::allocate(HRT_INT64, {int64_t(values.size())});
  std::ranges::copy(values, t.data_as<int64_t>());
  return make_value(std::move(t));
}

template <class Message>
Message exported(const ValuePtr& value, const char* name = "") {
  Message message;
  EXPECT_TRUE(message.ParseFromString(export_value(value, name)));
  return message;
}

TEST(Export, TensorsOfEveryTypeComeBackTheSame) {
  for (hrt_dtype dtype = 1; dtype < HRT_DTYPE_COUNT; ++dtype) {
    if (dtype == HRT_STRING) continue;
    Tensor t = Tensor::allocate(dtype, {3, 1, 3});
    for (size_t i = 0; i < t.bytes(); ++i)
      t.data_as<uint8_t>()[i] = dtype == HRT_BOOL ? i % 2 : uint8_t(37 * i);
    const auto proto = exported<onnx::TensorProto>(make_value(t), "result");
    EXPECT_EQ(proto.data_type(), dtype);
    EXPECT_EQ(proto.name(), "result");
    EXPECT_EQ(proto.dims_size(), 3);
    EXPECT_EQ(proto.raw_data(), std::string(t.data_as<char>(), t.bytes()));
    const ValuePtr again = import_value(proto.SerializeAsString(), nullptr);
    EXPECT_TRUE(identical(again->tensor, t)) << dtype_name(dtype);
  }
}

TEST(Export, ScalarsAndEmptyTensorsKeepTheirShape) {
  for (const Dims& dims : {Dims{}, Dims{0}, Dims{2, 0, 3}}) {
    const auto value = make_value(Tensor::allocate(HRT_FLOAT32, dims));
    EXPECT_EQ(import_value(export_value(value, ""), nullptr)->tensor.dims(), dims);
  }
}

TEST(Export, StringsAreBytes) {
  Tensor t = Tensor::allocate(HRT_STRING, {2});
  t.set_string(1, std::string("a\0\xff", 3));
  const auto proto = exported<onnx::TensorProto>(make_value(t));
  ASSERT_EQ(proto.string_data_size(), 2);
  EXPECT_EQ(proto.string_data(0), "");
  EXPECT_EQ(proto.string_data(1), std::string("a\0\xff", 3));
}

TEST(Export, SequencesSayWhatIsInside) {
  const Type ints = Type::tensor(HRT_INT64);
  const auto list = make_sequence(ints, {int64s({1}), int64s({2, 3})});
  const auto proto = exported<onnx::SequenceProto>(list, "s");
  EXPECT_EQ(proto.name(), "s");
  EXPECT_EQ(proto.elem_type(), onnx::SequenceProto::TENSOR);
  ASSERT_EQ(proto.tensor_values_size(), 2);
  EXPECT_EQ(proto.tensor_values(1).dims(0), 2);
  EXPECT_EQ(exported<onnx::SequenceProto>(make_sequence(ints, {})).elem_type(), onnx::SequenceProto::TENSOR);

  const auto lists = exported<onnx::SequenceProto>(make_sequence(Type::sequence(ints), {list, list}));
  EXPECT_EQ(lists.elem_type(), onnx::SequenceProto::SEQUENCE);
  EXPECT_EQ(lists.sequence_values(1).tensor_values_size(), 2);
}

TEST(Export, OptionalsHaveAnElementTypeOnlyWhenTheyHoldSomething) {
  using O = onnx::OptionalProto;
  const Type ints = Type::tensor(HRT_INT64);
  EXPECT_EQ(exported<O>(make_optional(ints, nullptr)).elem_type(), O::UNDEFINED);
  const auto one = exported<O>(make_optional(ints, int64s({7})));
  EXPECT_EQ(one.elem_type(), O::TENSOR);
  EXPECT_EQ(one.tensor_value().dims(0), 1);
  const auto list = make_sequence(ints, {int64s({7})});
  const auto some = exported<O>(make_optional(list->type, list), "o");
  EXPECT_EQ(some.elem_type(), O::SEQUENCE);
  EXPECT_EQ(some.name(), "o");
  EXPECT_EQ(some.sequence_value().tensor_values_size(), 1);
}

TEST(Export, AnErrorOfTheWriterIsHandedOn) {
  export_value(int64s({1}), "");
  const auto refuse = [](void*, const void*, size_t) { return make_status(HRT_ERROR_MEMORY, "disk full"); };
  const auto& api = *Registry::current().exporters().front().api;
  try {
    check(api.export_value(int64s({1}).get(), "", refuse, nullptr), "");
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), HRT_ERROR_MEMORY);
    EXPECT_NE(e.message().find("disk full"), std::string::npos);
  }
}

}  // namespace
}  // namespace hrt::test
