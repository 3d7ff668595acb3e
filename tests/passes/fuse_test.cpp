// SPDX-License-Identifier: Apache-2.0
// The passes of the fusion phase.
#include <cmath>
#include <numbers>

#include "model.h"

namespace hrt::test {
namespace {

std::string fused(const Build& build, const Names& passes) {
  return optimised(build, passes, Equal::kRounded);
}

ValueId conv(Model& m, ValueId x, int64_t in, int64_t out, bool bias = true,
             std::vector<Attribute> attrs = {}) {
  Ids inputs = {x, m.random({out, in, 3, 3})};
  if (bias) inputs.push_back(m.random({out}));
  return m.op("Conv", inputs, std::move(attrs));
}

ValueId batch_norm(Model& m, ValueId x, int64_t channels) {
  return m.op("BatchNormalization", {x, m.random({channels}), m.random({channels}), m.random({channels}),
                                     m.random({channels}, 0.1f, 2)});
}

const Attribute kGroup2{"group", int64_t{2}};
const Attribute kPads{"pads", Ints{1, 1, 1, 1}};

// -------------------------------------------------------------------------------- conv-batchnorm

const Names kBatchNorm = {"conv-batchnorm"};

TEST(ConvBatchNorm, MovesIntoWeightsAndBias) {
  for (const bool bias : {false, true})
    EXPECT_EQ(fused(
                  [&](Model& m) {
                    m.output(batch_norm(m, conv(m, m.input({2, 3, 6, 6}), 3, 5, bias, {kPads}), 5));
                  },
                  kBatchNorm),
              "Conv");
}

TEST(ConvBatchNorm, GroupsAndDoubles) {
  EXPECT_EQ(
      fused(
          [](Model& m) { m.output(batch_norm(m, conv(m, m.input({1, 4, 6, 6}), 2, 6, true, {kGroup2}), 6)); },
          kBatchNorm),
      "Conv");
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto d = [&](const Dims& dims, const Floats& data) {
                    return m.floats(dims, data, HRT_FLOAT64);
                  };
                  const auto y = m.op("Conv", {m.input({1, 1, 5}, HRT_FLOAT64), d({2, 1, 1}, {0.3f, -2})});
                  m.output(m.op("BatchNormalization", {y, d({2}, {1, 2}), d({2}, {0, 1}), d({2}, {3, 0.1f}),
                                                       d({2}, {0.5f, 1.5f})}));
                },
                kBatchNorm),
            "Conv");
}

TEST(ConvBatchNorm, TransposedConvolutionWithGroups) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto w = m.random({4, 3, 2, 2});  // two groups of 2 in, 3 out
                  const auto y = m.op("ConvTranspose", {m.input({1, 4, 5, 5}), w, m.random({6})}, {kGroup2});
                  m.output(batch_norm(m, y, 6));
                },
                kBatchNorm),
            "ConvTranspose");
}

TEST(ConvBatchNorm, BeforeAConvolution) {
  const auto build = [](const std::vector<Attribute>& attrs) {
    return [=](Model& m) { m.output(conv(m, batch_norm(m, m.input({1, 4, 6, 6}), 4), 2, 6, true, attrs)); };
  };
  EXPECT_EQ(fused(build({kGroup2}), kBatchNorm), "Conv");
  EXPECT_EQ(fused(build({kGroup2, kPads}), kBatchNorm), "BatchNormalization Conv")
      << "zeros are padded behind it";
  EXPECT_EQ(fused(build({kGroup2, attr("auto_pad", std::string("SAME_UPPER"))}), kBatchNorm),
            "BatchNormalization Conv");
  EXPECT_EQ(fused(build({kGroup2, attr("auto_pad", std::string("VALID"))}), kBatchNorm), "Conv");
}

TEST(ConvBatchNorm, KeepsAConvolutionThatOthersUse) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto y = conv(m, m.input({1, 3, 6, 6}), 3, 4);
                  m.output(batch_norm(m, y, 4));
                  m.output(m.op("Neg", {y}));
                },
                kBatchNorm),
            "Conv BatchNormalization Neg");
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto y = conv(m, m.input({1, 3, 6, 6}), 3, 4);
                  m.output(y);
                  m.output(batch_norm(m, y, 4));
                },
                kBatchNorm),
            "Conv BatchNormalization");
}

TEST(ConvBatchNorm, KeepsWhatIsNoConstant) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto y = m.op("Conv", {m.input({1, 3, 6, 6}), m.input({4, 3, 3, 3})});
                  m.output(batch_norm(m, y, 4));
                },
                kBatchNorm),
            "Conv BatchNormalization");
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto y = m.op("Conv", {m.input({1, 3, 6, 6}), m.random({4, 3, 3, 3}), m.input({4})});
                  m.output(batch_norm(m, y, 4));
                },
                kBatchNorm),
            "Conv BatchNormalization");
}

TEST(ConvBatchNorm, KeepsStatisticsThatMakeTheScaleInfinite) {
  EXPECT_EQ(
      fused(
          [](Model& m) {
            const auto y = conv(m, m.input({1, 3, 6, 6}), 3, 1);
            m.output(m.op("BatchNormalization",
                          {y, m.floats({1}, {1}), m.floats({1}, {0}), m.floats({1}, {0}), m.floats({1}, {0})},
                          {attr("epsilon", 0.0f)}));
          },
          kBatchNorm),
      "Conv BatchNormalization");
}

TEST(ConvBatchNorm, KeepsTrainingMode) {
  const auto graph = rewritten(
      [](Model& m) {
        const auto y = conv(m, m.input({1, 3, 6, 6}), 3, 2);
        const auto p = [&] { return m.random({2}, 0.5f, 1); };
        m.output(
            m.ops("BatchNormalization", {y, p(), p(), p(), p()}, 3, {attr("training_mode", int64_t{1})})[0]);
      },
      kBatchNorm);
  EXPECT_EQ(operators_of(*graph), "Conv BatchNormalization");
}

// --------------------------------------------------------------------------------- conv-constant

std::string with_constant(const char* op, Dims dims, bool left = false, bool bias = true) {
  return fused(
      [&](Model& m) {
        const auto y = conv(m, m.input({2, 3, 6, 6}), 3, 4, bias);
        const auto c = m.random(dims, 0.5f, 2);
        m.output(m.op(op, left ? Ids{c, y} : Ids{y, c}));
      },
      {"conv-constant"});
}

TEST(ConvConstant, PerChannelAndScalar) {
  for (const char* op : {"Add", "Sub", "Mul", "Div"})
    for (const Dims& dims : {Dims{1, 4, 1, 1}, Dims{4, 1, 1}, Dims{}, Dims{1}})
      for (const bool bias : {false, true}) EXPECT_EQ(with_constant(op, dims, false, bias), "Conv") << op;
  EXPECT_EQ(with_constant("Add", {4, 1, 1}, true), "Conv");
  EXPECT_EQ(with_constant("Mul", {4, 1, 1}, true), "Conv");
}

TEST(ConvConstant, KeepsOtherAxesHigherRanksAndOrders) {
  EXPECT_EQ(with_constant("Add", {4}), "Conv Add") << "along the width";
  EXPECT_EQ(with_constant("Add", {1, 1, 4, 1}), "Conv Add");
  EXPECT_EQ(with_constant("Mul", {2, 4, 1, 1}), "Conv Mul");
  EXPECT_EQ(with_constant("Add", {1, 1, 1, 1, 1}), "Conv Add") << "raises the rank";
  EXPECT_EQ(with_constant("Sub", {4, 1, 1}, true), "Conv Sub");
  EXPECT_EQ(with_constant("Div", {4, 1, 1}, true), "Conv Div");
}

TEST(ConvConstant, KeepsDivisionByZero) {
  EXPECT_EQ(
      fused([](Model& m) { m.output(m.op("Div", {conv(m, m.input({1, 3, 4, 4}), 3, 2), m.scalar(0)})); },
            {"conv-constant"}),
      "Conv Div");
}

// --------------------------------------------------------------------------------- conv-residual

const Names kResidual = {"conv-residual"};

TEST(ConvResidual, BothOrders) {
  for (const bool left : {false, true})
    EXPECT_EQ(fused(
                  [&](Model& m) {
                    const auto x = m.input({1, 3, 6, 6});
                    const auto y = conv(m, x, 3, 3, left, {kPads});
                    m.output(m.op("Add", left ? Ids{x, y} : Ids{y, x}));
                  },
                  kResidual),
              "FusedConv");
}

TEST(ConvResidual, SymbolicBatch) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({m.symbol("n"), 3, 6, 6});
                  m.output(m.op("Add", {conv(m, x, 3, 3, true, {kPads}), x}));
                },
                kResidual),
            "FusedConv");
}

TEST(ConvResidual, SumOfTwoConvolutions) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({1, 3, 6, 6});
                  m.output(m.op("Add", {conv(m, x, 3, 4), conv(m, x, 3, 4)}));
                },
                kResidual),
            "Conv FusedConv");
}

TEST(ConvResidual, KeepsBroadcasts) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({1, 3, 6, 6});
                  m.output(m.op("Add", {conv(m, x, 3, 3, true, {kPads}), m.input({1, 3, 1, 1})}));
                  m.output(m.op("Add", {conv(m, x, 3, 3, true, {kPads}), m.input({2, 3, 6, 6})}));
                },
                kResidual),
            "Conv Add Conv Add");
}

TEST(ConvResidual, KeepsSymbolsThatMayDiffer) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto n = m.symbol("n"), k = m.symbol("k");
                  const auto y = conv(m, m.input({n, 3, 6, 6}), 3, 3, true, {kPads});
                  m.output(m.op("Add", {m.op("ReduceMax", {y, m.ints({0})}),
                                        m.op("ReduceMax", {m.input({k, 3, 6, 6}), m.ints({0})})}));
                },
                kResidual),
            "Conv ReduceMax ReduceMax Add");
}

TEST(ConvResidual, KeepsAConvolutionThatOthersUse) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({1, 3, 6, 6});
                  const auto y = conv(m, x, 3, 3, true, {kPads});
                  m.output(m.op("Add", {y, x}));
                  m.output(m.op("Neg", {y}));
                },
                kResidual),
            "Conv Add Neg");
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto y = conv(m, m.input({1, 3, 6, 6}), 3, 3);
                  m.output(m.op("Add", {y, y}));
                },
                kResidual),
            "Conv Add");
}

TEST(ConvResidual, KeepsASumBehindAnActivation) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({1, 3, 6, 6});
                  m.output(m.op("Add", {m.op("Relu", {conv(m, x, 3, 3, true, {kPads})}), x}));
                },
                {"conv-activation", "conv-residual"}),
            "FusedConv Add");
}

TEST(ConvResidual, ThenTheActivation) {
  const auto graph = optimise(
      [](Model& m) {
        const auto x = m.input({1, 3, 6, 6});
        const auto y = m.op("Add", {batch_norm(m, conv(m, x, 3, 3, false, {kPads}), 3), x});
        m.output(m.op("Relu", {y}));
      },
      {}, Equal::kRounded);
  EXPECT_EQ(operators_of(*graph), "FusedConv");
  EXPECT_EQ(node_of(*graph, "FusedConv").inputs.size(), 4u);
}

// ------------------------------------------------------------------- conv-, gemm-, matmul-activation

const Names kActivation = {"conv-activation", "gemm-activation", "matmul-activation"};
using Producer = std::function<ValueId(Model&)>;
const std::vector<std::pair<std::string, Producer>> kProducers = {
    {"FusedConv", [](Model& m) { return conv(m, m.input({1, 3, 6, 6}), 3, 4); }},
    {"FusedGemm",
     [](Model& m) {
       return m.op("Gemm", {m.input({3, 4}), m.random({5, 4}), m.random({5})},
                   {attr("transB", int64_t{1}), attr("alpha", 0.5f)});
     }},
    {"FusedMatMul", [](Model& m) { return m.op("MatMul", {m.input({2, 3, 4}), m.random({4, 5})}); }},
};

TEST(FuseActivation, EveryActivationIntoEveryProducer) {
  const std::vector<std::pair<const char*, std::vector<Attribute>>> activations = {
      {"Relu", {}},
      {"LeakyRelu", {}},
      {"LeakyRelu", {attr("alpha", 0.3f)}},
      {"Sigmoid", {}},
      {"Tanh", {}},
      {"HardSigmoid", {}},
      {"HardSigmoid", {attr("alpha", 0.1f), attr("beta", 0.3f)}},
      {"HardSwish", {}},
      {"Swish", {}},
      {"Swish", {attr("alpha", 1.7f)}},
  };
  for (const auto& [name, producer] : kProducers)
    for (const auto& [op, attrs] : activations)
      EXPECT_EQ(fused([&](Model& m) { m.output(m.op(op, {producer(m)}, attrs)); }, kActivation), name) << op;
}

TEST(FuseActivation, Clip) {
  for (const auto& [name, producer] : kProducers) {
    const auto clip = [&](std::function<Ids(Model&)> bounds) {
      return fused(
          [&](Model& m) {
            Ids inputs = {producer(m)};
            for (const ValueId v : bounds(m)) inputs.push_back(v);
            m.output(m.op("Clip", inputs));
          },
          kActivation);
    };
    EXPECT_EQ(clip([](Model& m) { return Ids{m.scalar(-0.5f), m.scalar(1)}; }), name);
    EXPECT_EQ(clip([](Model& m) { return Ids{m.scalar(0)}; }), name);
    EXPECT_EQ(clip([](Model& m) { return Ids{HRT_NONE, m.scalar(1)}; }), name);
    EXPECT_EQ(clip([](Model& m) { return Ids{m.scalar(0), m.input({})}; }), name.substr(5) + " Clip");
    EXPECT_EQ(clip([](Model& m) { return Ids{m.scalar(NAN)}; }), name.substr(5) + " Clip");
  }
}

TEST(FuseActivation, KeepsClipOfDoublesThatNoFloatHolds) {
  const auto build = [](Model& m) {
    Tensor low = Tensor::allocate(HRT_FLOAT64, {});
    *low.data_as<double>() = 0.1;
    const auto y = m.op("MatMul", {m.input({2, 3}, HRT_FLOAT64), m.input({3, 2}, HRT_FLOAT64)});
    m.output(m.op("Clip", {y, m.edit().add_constant("", std::make_shared<Tensor>(low))}));
  };
  EXPECT_EQ(optimised(build, kActivation), "MatMul Clip");
}

TEST(FuseActivation, KeepsIntegers) {
  EXPECT_EQ(optimised(
                [](Model& m) {
                  m.output(m.op("Relu",
                                {m.op("MatMul", {m.input({2, 3}, HRT_INT32), m.input({3, 2}, HRT_INT32)})}));
                },
                kActivation),
            "MatMul Relu");
}

TEST(FuseActivation, KeepsWhatOthersUse) {
  for (const auto& [name, producer] : kProducers)
    EXPECT_EQ(fused(
                  [&](Model& m) {
                    const auto y = producer(m);
                    m.output(m.op("Relu", {y}));
                    m.output(y);
                  },
                  kActivation),
              name.substr(5) + " Relu");
}

TEST(FuseActivation, KeepsASecondActivation) {
  for (const auto& [name, producer] : kProducers)
    EXPECT_EQ(fused([&](Model& m) { m.output(m.op("Sigmoid", {m.op("Relu", {producer(m)})})); }, kActivation),
              name + " Sigmoid");
}

TEST(FuseActivation, KeepsTheNameOfTheConvolution) {
  const auto graph = rewritten(
      [](Model& m) {
        const auto x = m.input({1, 3, 6, 6});
        m.edit().add_node("", "Conv", "stem", {x, m.random({2, 3, 3, 3})}, {{}}, {});
        m.output(m.op("Relu", {m.edit().graph().node(0).outputs[0]}));
      },
      kActivation);
  EXPECT_EQ(node_of(*graph, "FusedConv").name, "stem");
}

// ------------------------------------------------------------------------------------ matmul-add

std::string with_bias(Dims a, Dims b, std::function<ValueId(Model&)> bias, hrt_dtype dtype = HRT_FLOAT32) {
  return fused(
      [&](Model& m) {
        m.output(m.op("Add", {bias(m), m.op("MatMul", {m.input(a, dtype), m.input(b, dtype)})}));
      },
      {"matmul-add"});
}

TEST(MatMulAdd, MatricesBecomeGemmAndStacksFusedMatMul) {
  const auto constant = [](Model& m) { return m.random({5}); };
  EXPECT_EQ(with_bias({3, 4}, {4, 5}, constant), "Gemm");
  EXPECT_EQ(with_bias({2, 3, 4}, {4, 5}, constant), "FusedMatMul");
  EXPECT_EQ(with_bias({2, 3, 4}, {2, 4, 5}, constant), "FusedMatMul");
  EXPECT_EQ(with_bias({2, 3, 4}, {4, 5}, [](Model& m) { return m.input({5}); }), "FusedMatMul");
  EXPECT_EQ(with_bias({2, 3, 4}, {4, 5}, [](Model& m) { return m.random({1, 1, 5}); }), "FusedMatMul");
  EXPECT_EQ(with_bias({3, 4}, {4, 1}, [](Model& m) { return m.random({1}); }), "Gemm");
}

TEST(MatMulAdd, KeepsWhatIsNoBias) {
  EXPECT_EQ(with_bias({3, 4}, {4, 5}, [](Model& m) { return m.random({3, 5}); }), "MatMul Add");
  EXPECT_EQ(with_bias({3, 4}, {4, 5}, [](Model& m) { return m.random({3, 1}); }), "MatMul Add");
  EXPECT_EQ(with_bias({3, 4}, {4, 5}, [](Model& m) { return m.random({1}); }), "MatMul Add");
  EXPECT_EQ(with_bias({3, 4}, {4, 1}, [](Model& m) { return m.random({5}); }), "MatMul Add") << "widens";
  EXPECT_EQ(with_bias({3, 4}, {4, 5}, [](Model& m) { return m.random({1, 1, 5}); }), "MatMul Add");
  EXPECT_EQ(with_bias({3, 4}, {4, 5}, [](Model& m) { return m.input({1, 5}); }), "MatMul Add");
  EXPECT_EQ(with_bias({4}, {4, 5}, [](Model& m) { return m.random({5}); }), "MatMul Add") << "a vector";
  EXPECT_EQ(with_bias({3, 5, 4}, {4}, [](Model& m) { return m.random({5}); }), "MatMul Add");
  EXPECT_EQ(
      with_bias({3, 4}, {4, 5}, [](Model& m) { return m.input({5}, HRT_INT32); }, HRT_INT32), "MatMul Add");
}

TEST(MatMulAdd, KeepsAProductThatOthersUse) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto y = m.op("MatMul", {m.input({3, 4}), m.random({4, 5})});
                  m.output(m.op("Add", {y, m.random({5})}));
                  m.output(y);
                },
                {"matmul-add"}),
            "MatMul Add");
}

TEST(MatMulAdd, ThenTheActivation) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto a = m.op("MatMul", {m.input({2, 3, 4}), m.random({4, 5})});
                  m.output(m.op("Tanh", {m.op("Add", {a, m.random({5})})}));
                  const auto b = m.op("MatMul", {m.input({3, 4}), m.random({4, 5})});
                  m.output(m.op("Relu", {m.op("Add", {b, m.random({5})})}));
                },
                {}),
            "FusedMatMul FusedGemm");
}

// ------------------------------------------------------------------------------- swish, hard-swish

TEST(Swish, PlainAndWithAlpha) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({2, 3});
                  m.output(m.op("Mul", {x, m.op("Sigmoid", {x})}));
                  m.output(m.op("Mul", {m.op("Sigmoid", {m.op("Mul", {m.scalar(1.5f), x})}), x}));
                },
                {"swish"}),
            "Swish Swish");
}

TEST(Swish, KeepsOtherProducts) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({2, 3}), y = m.input({2, 3});
                  m.output(m.op("Mul", {y, m.op("Sigmoid", {x})}));
                },
                {"swish"}),
            "Sigmoid Mul");
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({2, 3}), s = m.op("Sigmoid", {x});
                  m.output(m.op("Mul", {x, s}));
                  m.output(s);
                },
                {"swish"}),
            "Sigmoid Mul");
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({2, 3});
                  m.output(m.op("Mul", {x, m.op("Sigmoid", {m.op("Mul", {x, m.random({3})})})}));
                  m.output(m.op("Mul", {x, m.op("Sigmoid", {m.op("Mul", {x, m.floats({1, 1, 1}, {2})})})}));
                },
                {"swish"}),
            "Mul Sigmoid Mul Mul Sigmoid Mul");
}

TEST(Swish, IntoAConvolution) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto y = batch_norm(m, conv(m, m.input({1, 3, 6, 6}), 3, 4), 4);
                  m.output(m.op("Mul", {y, m.op("Sigmoid", {y})}));
                },
                {}),
            "FusedConv");
}

const std::vector<Attribute> kSixth = {attr("alpha", 1.0f / 6), attr("beta", 0.5f)};

TEST(HardSwish, EverySpelling) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({4, 5});
                  const auto clip = [&] {
                    return m.op("Clip", {m.op("Add", {x, m.scalar(3)}), m.scalar(0), m.scalar(6)});
                  };
                  m.output(m.op("Mul", {x, m.op("HardSigmoid", {x}, kSixth)}));
                  m.output(m.op("Mul", {m.op("Div", {clip(), m.scalar(6)}), x}));
                  m.output(m.op("Div", {m.op("Mul", {x, clip()}), m.scalar(6)}));
                  m.output(m.op("Mul", {m.op("Mul", {clip(), x}), m.scalar(1.0f / 6)}));
                },
                {"hard-swish"}),
            "HardSwish HardSwish HardSwish HardSwish");
}

TEST(HardSwish, KeepsOtherConstants) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({4, 5});
                  m.output(m.op("Mul", {x, m.op("HardSigmoid", {x})}));
                },
                {"hard-swish"}),
            "HardSigmoid Mul");
  for (const auto& [shift, low, high, divisor] :
       std::vector<std::array<float, 4>>{{2, 0, 6, 6}, {3, 0.5f, 6, 6}, {3, 0, 5, 6}, {3, 0, 6, 5}}) {
    EXPECT_EQ(fused(
                  [&](Model& m) {
                    const auto x = m.input({4, 5});
                    const auto clip =
                        m.op("Clip", {m.op("Add", {x, m.scalar(shift)}), m.scalar(low), m.scalar(high)});
                    m.output(m.op("Div", {m.op("Mul", {x, clip}), m.scalar(divisor)}));
                  },
                  {"hard-swish"}),
              "Add Clip Mul Div");
  }
}

TEST(HardSwish, KeepsWhatIsDividedByX) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({4, 5});
                  const auto clip = m.op("Clip", {m.op("Add", {x, m.scalar(3)}), m.scalar(0), m.scalar(6)});
                  m.output(m.op("Div", {m.scalar(6), m.op("Mul", {x, clip})}));
                },
                {"hard-swish"}),
            "Add Clip Mul Div");
}

// ------------------------------------------------------------------------------------------ gelu

ValueId one_plus_erf(Model& m, ValueId x, float divisor = std::numbers::sqrt2_v<float>) {
  return m.op("Add", {m.op("Erf", {m.op("Div", {x, m.scalar(divisor)})}), m.scalar(1)});
}

TEST(Gelu, EverySpelling) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({3, 4});
                  m.output(m.op("Mul", {m.op("Mul", {x, one_plus_erf(m, x)}), m.scalar(0.5f)}));
                  m.output(m.op("Mul", {m.op("Mul", {m.scalar(0.5f), x}), one_plus_erf(m, x)}));
                  m.output(m.op("Div", {m.op("Mul", {x, one_plus_erf(m, x)}), m.scalar(2)}));
                  const auto erf =
                      m.op("Erf", {m.op("Mul", {x, m.scalar(1 / std::numbers::sqrt2_v<float>)})});
                  m.output(m.op("Mul", {x, m.op("Mul", {m.scalar(0.5f), m.op("Add", {m.scalar(1), erf})})}));
                },
                {"gelu"}),
            "Gelu Gelu Gelu Gelu");
}

TEST(Gelu, ApproximationWithTanh) {
  const auto build = [](bool pow) {
    return [=](Model& m) {
      const auto x = m.input({3, 4});
      const auto cube = pow ? m.op("Pow", {x, m.scalar(3)}) : m.op("Mul", {m.op("Mul", {x, x}), x});
      const auto sum = m.op("Add", {x, m.op("Mul", {cube, m.scalar(0.044715f)})});
      const auto tanh = m.op("Tanh", {m.op("Mul", {sum, m.scalar(0.7978845608f)})});
      m.output(m.op("Mul", {m.op("Mul", {x, m.scalar(0.5f)}), m.op("Add", {tanh, m.scalar(1)})}));
    };
  };
  for (const bool pow : {false, true}) {
    const auto graph = optimise(build(pow), {"gelu"}, Equal::kRounded);
    EXPECT_EQ(operators_of(*graph), "Gelu");
    EXPECT_EQ(std::get<std::string>(node_of(*graph, "Gelu").find("approximate")->data), "tanh");
  }
}

TEST(Gelu, KeepsOtherConstantsAndUses) {
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({3, 4});
                  m.output(m.op("Mul", {m.op("Mul", {x, one_plus_erf(m, x)}), m.scalar(0.25f)}));
                },
                {"gelu"}),
            "Div Erf Add Mul Mul");
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({3, 4});
                  m.output(m.op("Mul", {m.op("Mul", {x, one_plus_erf(m, x, 1.4f)}), m.scalar(0.5f)}));
                },
                {"gelu"}),
            "Div Erf Add Mul Mul");
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({3, 4}), e = one_plus_erf(m, x);
                  m.output(m.op("Mul", {m.op("Mul", {x, e}), m.scalar(0.5f)}));
                  m.output(e);
                },
                {"gelu"}),
            "Div Erf Add Mul Mul");
  EXPECT_EQ(fused(
                [](Model& m) {
                  const auto x = m.input({3, 4}), y = m.input({3, 4});
                  m.output(m.op("Mul", {m.op("Mul", {y, one_plus_erf(m, x)}), m.scalar(0.5f)}));
                },
                {"gelu"}),
            "Div Erf Add Mul Mul");
}

// ------------------------------------------------------------------------- layer-normalization

struct Normalisation {
  Ints mean_axes = {-1};
  Ints variance_axes = {-1};
  int64_t keepdims = 1;
  bool pow = true;
  bool scale = true;
  bool bias = true;
  Dims parameter = {4};
  Dims dims = {2, 3, 4};
};

Build layer_norm(const Normalisation& n) {
  return [=](Model& m) {
    const auto x = m.input(n.dims);
    const auto mean = m.op("ReduceMean", {x, m.ints(n.mean_axes)}, {attr("keepdims", n.keepdims)});
    const auto d = m.op("Sub", {x, mean});
    const auto square = n.pow ? m.op("Pow", {d, m.scalar(2)}) : m.op("Mul", {d, d});
    const auto variance =
        m.op("ReduceMean", {square, m.ints(n.variance_axes)}, {attr("keepdims", n.keepdims)});
    auto y = m.op("Div", {d, m.op("Sqrt", {m.op("Add", {variance, m.scalar(1e-3f)})})});
    if (n.scale) y = m.op("Mul", {y, m.random(n.parameter)});
    if (n.bias) y = m.op("Add", {m.random(n.parameter), y});
    m.output(y);
  };
}
const Names kLayerNorm = {"layer-normalization"};

TEST(LayerNormalization, EverySpelling) {
  EXPECT_EQ(fused(layer_norm({}), kLayerNorm), "LayerNormalization");
  EXPECT_EQ(fused(layer_norm({.pow = false}), kLayerNorm), "LayerNormalization");
  EXPECT_EQ(fused(layer_norm({.bias = false}), kLayerNorm), "LayerNormalization");
  EXPECT_EQ(fused(layer_norm({.scale = false}), kLayerNorm), "LayerNormalization");
  EXPECT_EQ(fused(layer_norm({.scale = false, .bias = false}), kLayerNorm), "LayerNormalization");
  EXPECT_EQ(
      fused(layer_norm({.mean_axes = {2, 1}, .variance_axes = {1, -1}, .parameter = {3, 4}}), kLayerNorm),
      "LayerNormalization");
}

TEST(LayerNormalization, LeavesParametersOfAnotherShapeOutside) {
  EXPECT_EQ(fused(layer_norm({.bias = false, .parameter = {3, 4}}), kLayerNorm), "LayerNormalization Mul");
  EXPECT_EQ(fused(layer_norm({.bias = false, .parameter = {1}}), kLayerNorm), "LayerNormalization Mul");
}

TEST(LayerNormalization, KeepsOtherAxes) {
  const std::string as_it_was = "ReduceMean Sub Pow ReduceMean Add Sqrt Div Mul Add";
  EXPECT_EQ(fused(layer_norm({.mean_axes = {1}, .variance_axes = {1}}), kLayerNorm), as_it_was);
  EXPECT_EQ(fused(layer_norm({.mean_axes = {1, 2}}), kLayerNorm), as_it_was) << "two different means";
  EXPECT_EQ(fused(layer_norm({.keepdims = 0, .parameter = {3}, .dims = {3, 3}}), kLayerNorm), as_it_was);
}

TEST(LayerNormalization, KeepsWhatOthersUse) {
  for (const int shown : {0, 1, 2}) {
    EXPECT_EQ(fused(
                  [&](Model& m) {
                    const auto x = m.input({2, 4});
                    const auto mean = m.op("ReduceMean", {x, m.ints({-1})});
                    const auto d = m.op("Sub", {x, mean});
                    const auto v = m.op("ReduceMean", {m.op("Mul", {d, d}), m.ints({-1})});
                    m.output(m.op("Div", {d, m.op("Sqrt", {m.op("Add", {v, m.scalar(1e-5f)})})}));
                    m.output(Ids{mean, d, v}[size_t(shown)]);
                  },
                  kLayerNorm),
              "ReduceMean Sub Mul ReduceMean Add Sqrt Div");
  }
}

}  // namespace
}  // namespace hrt::test
