// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/inputs.h"

#include <gtest/gtest.h>

#include <cmath>

#include "apps/hrt-run/lib/data_set.h"
#include "apps/hrt-run/lib/generator.h"
#include "apps/hrt-run/lib/npy.h"
#include "apps/hrt-run/lib/numbers.h"
#include "apps/hrt-run/lib/output_file.h"
#include "apps/hrt-run/lib/test_case.h"
#include "files.h"

namespace hrt {
namespace {

using namespace test;

constexpr int64_t kBatch = HRT_DIM_UNKNOWN + 1;

std::vector<double> numbers(const Tensor& t) {
  std::vector<double> result(number_count(t));
  read_numbers(t, 0, result);
  return result;
}

std::vector<ValuePtr> inputs_of(const std::vector<Port>& ports, const InputOptions& options) {
  Runtime runtime({});
  return make_inputs(runtime, ports, options);
}

InputOptions from(std::vector<std::string> sources, std::vector<std::string> shapes = {}) {
  InputOptions options;
  options.sources = std::move(sources);
  options.shapes = std::move(shapes);
  return options;
}

const std::vector<Port> kPorts = {{"x", Type::tensor(HRT_FLOAT32, {kBatch, 4})},
                                  {"x=y:0", Type::tensor(HRT_INT64, {kBatch, HRT_DIM_UNKNOWN})}};

// By an implementation of the 64-bit Mersenne twister of its own, in Python.
TEST(Generator, IsTheSameEverywhere) {
  const Type floats = Type::tensor(HRT_FLOAT32, {4});
  EXPECT_EQ(numbers(Generator(7).value(floats)->tensor),
            (std::vector<double>{1.0169677734375, 0.3510284423828125, -0.13140869140625, 1.592193603515625}));
  EXPECT_EQ(numbers(Generator(7).value(Type::tensor(HRT_INT8, {4}))->tensor),
            (std::vector<double>{39, -30, 78, 118}));
  EXPECT_EQ(numbers(Generator(7).value(Type::tensor(HRT_INT64, {6}))->tensor),
            (std::vector<double>{1, 0, 0, 0, 1, 0}));
}

TEST(Generator, IsNormal) {
  const std::vector<double> x = numbers(Generator(1).value(Type::tensor(HRT_FLOAT32, {100000}))->tensor);
  double sum = 0, square = 0, within = 0;
  for (const double v : x) {
    sum += v;
    square += v * v;
    within += std::fabs(v) < 1;
  }
  EXPECT_NEAR(sum / 1e5, 0, 0.01);
  EXPECT_NEAR(square / 1e5, 1, 0.02);
  EXPECT_NEAR(within / 1e5, 0.6827, 0.01);
}

TEST(Generator, MakesEveryTypeThatHasAShape) {
  for (hrt_dtype dtype = 1; dtype < HRT_DTYPE_COUNT; ++dtype) {
    const Type type = Type::tensor(dtype, {3});
    EXPECT_EQ(Generator(1).value(type)->type, type) << dtype_name(dtype);
    EXPECT_EQ(zeros(type)->type, type) << dtype_name(dtype);
  }
  EXPECT_EQ(Generator(1).value(Type::sequence(Type::tensor(HRT_BOOL, {2})))->items.size(), 1u);
  EXPECT_TRUE(zeros(Type::optional(Type::tensor(HRT_BOOL)))->items.empty());
  EXPECT_THROW(Generator(1).value(Type::tensor(HRT_FLOAT32, {kBatch})), Error);
}

TEST(Numbers, AreHeldToTheRangeOfIntegers) {
  const Tensor t = Tensor::allocate(HRT_INT4, {5});
  write_numbers(t, 0, std::vector<double>{-9, 7.5, 2.5, NAN, -1});
  EXPECT_EQ(numbers(t), (std::vector<double>{-8, 7, 2, 0, -1}));
  const Tensor wide = Tensor::allocate(HRT_INT64, {2});
  write_numbers(wide, 0, std::vector<double>{1e30, -1e30});
  EXPECT_EQ(wide.data_as<int64_t>()[0], INT64_MAX);
  EXPECT_EQ(wide.data_as<int64_t>()[1], INT64_MIN);
}

TEST(Inputs, OpenDimensionsAreOneUnlessGiven) {
  const auto plain = inputs_of(kPorts, {});
  EXPECT_EQ(plain[0]->tensor.dims(), (Dims{1, 4}));
  EXPECT_EQ(plain[1]->tensor.dims(), (Dims{1, 1}));
  const auto shaped = inputs_of(kPorts, from({}, {"x:3x4"}));
  EXPECT_EQ(shaped[0]->tensor.dims(), (Dims{3, 4}));
  EXPECT_EQ(shaped[1]->tensor.dims(), (Dims{3, 1}));  // shares the symbol
}

TEST(Inputs, OpenDimensionsFollowFiles) {
  const TemporaryDirectory directory;
  write_npy(directory / "x.npy", Tensor::allocate(HRT_FLOAT32, {5, 4}));
  const auto values = inputs_of(kPorts, from({"x=@" + (directory / "x.npy").string()}));
  EXPECT_EQ(values[1]->tensor.dims(), (Dims{5, 1}));
}

TEST(Inputs, NamesMayHoldTheSeparators) {
  const auto values = inputs_of(kPorts, from({"x=y:0=zeros", "x=random:3"}, {"x=y:0:1x7"}));
  EXPECT_EQ(values[1]->tensor.dims(), (Dims{1, 7}));
  EXPECT_EQ(numbers(values[1]->tensor), std::vector<double>(7));
  EXPECT_EQ(numbers(values[0]->tensor),
            numbers(Generator(3).value(Type::tensor(HRT_FLOAT32, {1, 4}))->tensor));
}

TEST(Inputs, TheOnlyOneNeedsNoName) {
  const std::vector<Port> one = {kPorts[0]};
  EXPECT_EQ(numbers(inputs_of(one, from({"zeros"}))[0]->tensor), std::vector<double>(4));
  EXPECT_EQ(inputs_of(one, from({"random:1"}, {"2x4"}))[0]->tensor.dims(), (Dims{2, 4}));
}

TEST(Inputs, ReadsRawBytesOfExactlyTheRightNumber) {
  const TemporaryDirectory directory;
  const std::vector<Port> one = {{"x", Type::tensor(HRT_INT16, {3})}};
  const auto good = directory.write("x.bin", std::string("\1\0\2\0\xff\xff", 6));
  EXPECT_EQ(numbers(inputs_of(one, from({"@" + good.string()}))[0]->tensor), (std::vector<double>{1, 2, -1}));
  const auto bad = directory.write("y.bin", "12345");
  const std::string error = error_of([&] { inputs_of(one, from({"@" + bad.string()})); });
  EXPECT_NE(error.find("y.bin: 5 bytes"), std::string::npos) << error;
}

TEST(Inputs, ExplainsMistakes) {
  const auto error = [](std::vector<std::string> sources, std::vector<std::string> shapes = {}) {
    return error_of([&] { inputs_of(kPorts, from(sources, shapes)); });
  };
  EXPECT_NE(error({"xx=zeros"}).find("did you mean \"x\"?"), std::string::npos) << error({"xx=zeros"});
  EXPECT_NE(error({"zeros"}), "");
  EXPECT_NE(error({"x=noise"}).find("none of @FILE, random:SEED, zeros"), std::string::npos)
      << error({"x=noise"});
  EXPECT_NE(error({"x=random:x"}), "");
  EXPECT_NE(error({"x=@/no/such/file.npy"}).find("/no/such/file.npy"), std::string::npos);
  EXPECT_NE(error({"x=@model.txt"}).find(".npy .pb"), std::string::npos) << error({"x=@model.txt"});
  EXPECT_NE(error({}, {"x:3x5"}).find("input \"x\""), std::string::npos) << error({}, {"x:3x5"});
  EXPECT_NE(error({}, {"x:3xx"}), "");
  EXPECT_NE(error({}, {"x:-1x4"}), "");
}

TEST(Outputs, NamesBecomeFileNames) {
  EXPECT_EQ(file_name("a/b\\c:d"), "a_b_c_d");
  EXPECT_EQ(file_name(".."), "_");
  EXPECT_EQ(file_name(""), "_");
  EXPECT_EQ(file_name(std::string("a\0b", 3)), "a_b");
  EXPECT_EQ(file_name("logits.0"), "logits.0");
}

TEST(Outputs, SequencesBecomeSeveralFiles) {
  const TemporaryDirectory directory;
  const ValuePtr item = make_value(Tensor::allocate(HRT_FLOAT32, {2}));
  write_value(directory / "s.npy", make_sequence(Type::tensor(HRT_FLOAT32), {item, item}));
  EXPECT_TRUE(std::filesystem::exists(directory / "s.0.npy"));
  EXPECT_TRUE(std::filesystem::exists(directory / "s.1.npy"));
  EXPECT_THROW(write_value(directory / "s.txt", item), Error);
}

TEST(TestCases, AreFoundAtAnyDepthOnceAndInOrder) {
  const TemporaryDirectory directory;
  for (const char* name : {"suite/b", "suite/a/deep", "suite/c", "suite/none"})
    std::filesystem::create_directories(directory / name);
  for (const char* name : {"suite/b/model.onnx", "suite/a/deep/model.onnx", "suite/c/model.onnx"})
    directory.write(name, "");
  const std::vector<std::filesystem::path> roots = {directory / "suite", directory / "suite/b"};
  std::vector<std::string> names;
  for (const TestCase& test : find_test_cases(roots)) names.push_back(test.name);
  EXPECT_EQ(names, (std::vector<std::string>{"suite/a/deep", "suite/b", "suite/c"}));
  const std::vector<std::filesystem::path> absent = {directory / "absent"};
  EXPECT_THROW(find_test_cases(absent), Error);
}

TEST(TestCases, BrokenModelsFailAndDoNotThrow) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "test_data_set_0");
  directory.write("model.onnx", "no model at all");
  Runtime runtime({});
  const TestResult result = run_test_case(runtime, {"broken", directory.path()}, {}, {});
  EXPECT_EQ(result.outcome, Outcome::kFail);
  EXPECT_NE(result.reason, "");
  EXPECT_EQ(result.reason.find('\n'), std::string::npos);
}

TEST(TestCases, ReportIsXmlWhateverTheReason) {
  const std::vector<TestCase> tests = {{"a<b", {}}, {"c", {}}, {"d", {}}};
  const std::vector<TestResult> results = {
      {Outcome::kFail, "\"x\" & \x01\xff", 0.5}, {Outcome::kPass, "", 1}, {Outcome::kSkip, "excluded", 0}};
  EXPECT_EQ(
      junit_xml("s", tests, results),
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"s\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"1.500000\">\n"
      "  <testcase classname=\"s\" name=\"a&lt;b\" time=\"0.500000\"><failure message=\"&quot;x&quot; "
      "&amp; ??\"/></testcase>\n"
      "  <testcase classname=\"s\" name=\"c\" time=\"1.000000\"/>\n"
      "  <testcase classname=\"s\" name=\"d\" time=\"0.000000\"><skipped message=\"excluded\"/></testcase>\n"
      "</testsuite>\n");
}

}  // namespace
}  // namespace hrt
