// SPDX-License-Identifier: Apache-2.0
// Operators between DequantizeLinear and QuantizeLinear.
#include "model.h"

namespace hrt::test {
namespace {

const Names kPass = {"quantized-operator"};

// Integers from low on, in steps that no dimension divides.
ValueId integers(Model& m, hrt_dtype t, Dims dims, int low = -100, int count = 201) {
  Tensor data = Tensor::allocate(t, std::move(dims));
  for (uint64_t i = 0; i < data.size(); ++i) {
    const int v = low + int(i * 37 % uint64_t(count));
    if (t == HRT_INT32)
      data.data_as<int32_t>()[i] = v;
    else
      static_cast<int8_t*>(data.data())[t == HRT_INT16 ? 2 * i : i] = int8_t(v);
  }
  return m.edit().add_constant("", std::make_shared<Tensor>(data));
}
ValueId zero(Model& m, hrt_dtype t, int v) { return integers(m, t, {}, v, 1); }

ValueId dequantize(Model& m, ValueId x, float scale, hrt_dtype t = HRT_UINT8, int zero_point = 120) {
  return m.op("DequantizeLinear", {x, m.scalar(scale), zero(m, t, zero_point)});
}
ValueId quantize(Model& m, ValueId x, float scale, hrt_dtype t = HRT_UINT8, int zero_point = 100) {
  return m.op("QuantizeLinear", {x, m.scalar(scale), zero(m, t, zero_point)});
}
ValueId input(Model& m, Dims dims) { return dequantize(m, m.input(std::move(dims), HRT_UINT8), 0.02f); }

std::string quantized(const Build& build) { return optimised(build, kPass); }

// Weights of 6 output channels, each with a scale; their bias with the scale of the sums, or of others.
const Floats kScales = {0.01f, 0.02f, 0.03f, 0.015f, 0.01f, 0.025f};
ValueId weights(Model& m, Dims dims, int64_t axis) {
  return m.op("DequantizeLinear", {integers(m, HRT_INT8, std::move(dims)), m.floats({6}, kScales)},
              {{"axis", axis}});
}
ValueId bias(Model& m, float x_scale = 0.02f) {
  Floats scales;
  for (const float s : kScales) scales.push_back(s * x_scale);
  return m.op("DequantizeLinear", {integers(m, HRT_INT32, {6}, -300, 601), m.floats({6}, scales)},
              {{"axis", int64_t{0}}});
}

TEST(QuantizedOperator, Convolution) {
  const auto build = [](float bias_scale) {
    return [=](Model& m) {
      m.output(
          quantize(m,
                   m.op("Conv", {input(m, {1, 4, 7, 7}), weights(m, {6, 4, 3, 3}, 0), bias(m, bias_scale)},
                        {attr("pads", Ints{1, 1, 1, 1})}),
                   0.3f));
    };
  };
  EXPECT_EQ(quantized(build(0.02f)), "QLinearConv");
  EXPECT_NE(quantized(build(0.03f)), "QLinearConv") << "a bias of another scale than that of the sums";
}

TEST(QuantizedOperator, ConvolutionWithoutZeroPoints) {
  EXPECT_EQ(quantized([](Model& m) {
              const auto x = m.op("DequantizeLinear", {m.input({1, 4, 7, 7}, HRT_INT8), m.scalar(0.02f)});
              const auto y = m.op("Conv", {x, weights(m, {6, 2, 3, 3}, 0)}, {{"group", int64_t{2}}});
              m.output(m.op("QuantizeLinear", {y, m.scalar(0.3f)}));
            }),
            "QLinearConv");
}

TEST(QuantizedOperator, Matrices) {
  EXPECT_EQ(quantized([](Model& m) {
              m.output(quantize(m, m.op("MatMul", {input(m, {2, 5, 4}), weights(m, {4, 6}, 1)}), 0.1f));
            }),
            "QLinearMatMul");
  for (const int64_t transposed : {0, 1})
    EXPECT_EQ(
        quantized([=](Model& m) {
          const auto w = weights(m, transposed ? Dims{6, 4} : Dims{4, 6}, transposed ? 0 : 1);
          m.output(quantize(m, m.op("Gemm", {input(m, {5, 4}), w, bias(m)}, {{"transB", transposed}}), 0.1f));
        }),
        "QGemm");
  EXPECT_NE(quantized([](Model& m) {
              const auto w = weights(m, {6, 6}, 0);  // scales along what is summed
              m.output(quantize(m, m.op("MatMul", {input(m, {5, 6}), w}), 0.1f));
            }),
            "QLinearMatMul");
}

TEST(QuantizedOperator, ElementsAndMeans) {
  for (const auto& [plain, integer] : {std::pair("Add", "QLinearAdd"), {"Mul", "QLinearMul"}})
    EXPECT_EQ(quantized([&](Model& m) {
                m.output(quantize(m, m.op(plain, {input(m, {2, 3, 4}), input(m, {3, 1})}), 0.05f));
              }),
              integer);
  EXPECT_EQ(quantized([](Model& m) { m.output(quantize(m, m.op("Sigmoid", {input(m, {50})}), 1 / 256.0f)); }),
            "QLinearSigmoid");
  EXPECT_EQ(quantized([](Model& m) {
              m.output(quantize(m, m.op("LeakyRelu", {input(m, {50})}, {{"alpha", 0.2f}}), 0.03f));
            }),
            "QLinearLeakyRelu");
  EXPECT_EQ(quantized([](Model& m) {
              m.output(quantize(m, m.op("GlobalAveragePool", {input(m, {1, 3, 5, 5})}), 0.01f));
            }),
            "QLinearGlobalAveragePool");
  EXPECT_EQ(quantized([](Model& m) {
              m.output(quantize(
                  m, m.op("Concat", {input(m, {2, 3}), input(m, {2, 5})}, {{"axis", int64_t{1}}}), 0.03f));
            }),
            "QLinearConcat");
  const auto average = [](int64_t dilation) {
    return [=](Model& m) {
      m.output(quantize(m,
                        m.op("AveragePool", {input(m, {1, 3, 6, 6})},
                             {attr("kernel_shape", Ints{2, 2}), attr("dilations", Ints{dilation, dilation})}),
                        0.017f));
    };
  };
  EXPECT_EQ(quantized(average(1)), "QLinearAveragePool");
  EXPECT_NE(quantized(average(2)), "QLinearAveragePool");
}

TEST(QuantizedOperator, ElementsThatOnlyMove) {
  const auto build = [](float scale) {
    return [=](Model& m) {
      m.output(quantize(m, m.op("Transpose", {input(m, {2, 3})}, {perm({1, 0})}), scale, HRT_UINT8, 120));
    };
  };
  EXPECT_EQ(quantized(build(0.02f)), "Transpose");
  EXPECT_NE(quantized(build(0.03f)), "Transpose");
  EXPECT_EQ(
      quantized([](Model& m) {
        m.output(quantize(m, m.op("MaxPool", {input(m, {1, 2, 5, 5})}, {attr("kernel_shape", Ints{2, 2})}),
                          0.02f, HRT_UINT8, 120));
      }),
      "MaxPool");
}

TEST(QuantizedOperator, StaysWhereItsResultIsUsed) {
  const auto build = [](bool output) {
    return [=](Model& m) {
      const auto sum = m.op("Add", {input(m, {4}), input(m, {4})});
      m.output(quantize(m, sum, 0.05f));
      m.output(output ? sum : m.op("Neg", {sum}));
    };
  };
  for (const bool output : {false, true})
    EXPECT_EQ(quantized(build(output)).find("QLinearAdd"), std::string::npos);
}

TEST(QuantizedOperator, StaysForOtherOperands) {
  const auto stays = [](const Build& build) {
    EXPECT_EQ(quantized(build).find("QLinearAdd"), std::string::npos);
  };
  stays(
      [](Model& m) { m.output(quantize(m, m.op("Add", {input(m, {4}), m.input({4})}), 0.05f)); });  // a float
  stays([](Model& m) {  // another type
    const auto b = dequantize(m, m.input({4}, HRT_INT8), 0.02f, HRT_INT8, 3);
    m.output(quantize(m, m.op("Add", {input(m, {4}), b}), 0.05f));
  });
  stays([](Model& m) {  // several scales
    const auto b =
        m.op("DequantizeLinear", {m.input({4}, HRT_UINT8), m.random({4}, 0.1f, 1)}, {{"axis", int64_t{0}}});
    m.output(quantize(m, m.op("Add", {input(m, {4}), b}), 0.05f));
  });
  stays([](Model& m) {  // 16 bits
    m.output(quantize(m, m.op("Add", {input(m, {4}), input(m, {4})}), 0.05f, HRT_INT16, 0));
  });
}

}  // namespace
}  // namespace hrt::test
