// SPDX-License-Identifier: Apache-2.0
// transpose-elimination.
#include "model.h"

namespace hrt::test {
namespace {

const Names kPass = {"transpose-elimination"};
const Ints kToLast = {0, 2, 3, 1}, kToFirst = {0, 3, 1, 2};  // NCHW to NHWC, and back

ValueId transpose(Model& m, ValueId x, Ints axes) { return m.op("Transpose", {x}, {perm(std::move(axes))}); }
ValueId to_last(Model& m, ValueId x) { return transpose(m, x, kToLast); }
ValueId to_first(Model& m, ValueId x) { return transpose(m, x, kToFirst); }

std::string moved(const Build& build, Equal equal = Equal::kExactly) {
  return optimised(build, kPass, equal);
}

// between: makes a value in NHWC of one.
std::string across(const std::function<ValueId(Model&, ValueId)>& between, Equal equal = Equal::kExactly) {
  return moved([&](Model& m) { m.output(to_first(m, between(m, to_last(m, m.input({2, 3, 4, 5}))))); },
               equal);
}

TEST(TransposeElimination, PairsThatCancelOrCompose) {
  EXPECT_EQ(across([](Model&, ValueId x) { return x; }), "");
  EXPECT_EQ(
      moved([](Model& m) { m.output(transpose(m, transpose(m, m.input({2, 3, 4}), {1, 2, 0}), {1, 0, 2})); }),
      "Transpose");
  EXPECT_EQ(moved([](Model& m) { m.output(m.op("Transpose", {m.op("Transpose", {m.input({2, 3})})})); }), "");
}

TEST(TransposeElimination, KeepsALoneOne) {
  EXPECT_EQ(moved([](Model& m) { m.output(to_last(m, m.op("Relu", {m.input({2, 3, 4, 5})}))); }),
            "Relu Transpose");
}

TEST(TransposeElimination, ConstantsFold) {
  EXPECT_EQ(moved([](Model& m) {
              m.output(m.op("Add", {m.input({3, 2}), transpose(m, m.random({2, 3}), {1, 0})}));
            }),
            "Add");
}

TEST(TransposeElimination, OnlySizeOneMoves) {
  EXPECT_EQ(moved([](Model& m) { m.output(to_last(m, m.input({m.symbol("n"), 8, 1, 1}))); }), "Reshape");
  EXPECT_EQ(moved([](Model& m) { m.output(to_last(m, m.input({m.symbol("n"), 1, m.symbol("h"), 5}))); }),
            "Transpose")
      << "two open dimensions";
  EXPECT_EQ(moved([](Model& m) { m.output(transpose(m, m.input({1, 0, 3}), {1, 0, 2})); }), "Reshape");
}

TEST(TransposeElimination, AcrossElementwise) {
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("Relu", {m.op("Neg", {x})}); }), "Neg Relu");
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("Clip", {x, m.scalar(0), m.scalar(1)}); }), "Clip");
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("Mul", {x, m.scalar(2)}); }), "Mul");
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("Mul", {m.input({}), x}); }), "Mul") << "a scalar";
}

TEST(TransposeElimination, AcrossBroadcastConstants) {
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("Add", {x, m.random({3})}); }), "Add") << "channels";
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("Add", {m.random({4, 1, 3}), x}); }), "Add");
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("PRelu", {x, m.random({5, 3})}); }), "PRelu");
}

TEST(TransposeElimination, KeepsBroadcastsOfLowerRank) {
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("Add", {x, m.input({3})}); }),
            "Transpose Add Transpose");
}

TEST(TransposeElimination, AcrossTwoBranches) {
  EXPECT_EQ(moved([](Model& m) {
              const auto a = to_last(m, m.input({2, 3, 4, 5})), b = to_last(m, m.input({2, 3, 4, 5}));
              m.output(to_first(m, m.op("Add", {m.op("Exp", {a}), b})));
            }),
            "Exp Add");
}

TEST(TransposeElimination, OneBranchMustPay) {
  EXPECT_EQ(moved([](Model& m) {  // two go, one comes
              const auto a = to_last(m, m.input({2, 3, 4, 5})), b = m.input({2, 4, 5, 3});
              m.output(to_first(m, m.op("Add", {a, b})));
            }),
            "Transpose Add");
  EXPECT_EQ(moved([](Model& m) {  // one goes, two would come
              m.output(to_first(m, m.op("Add", {m.input({2, 4, 5, 3}), m.input({2, 4, 5, 3})})));
            }),
            "Add Transpose");
}

TEST(TransposeElimination, AcrossSoftmaxAndConcat) {
  for (const int64_t axis : {3, -1, 1})
    EXPECT_EQ(across([=](Model& m, ValueId x) { return m.op("Softmax", {x}, {attr("axis", axis)}); },
                     Equal::kRounded),
              "Softmax");
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("Softmax", {x}); }, Equal::kRounded), "Softmax");
  EXPECT_EQ(across([](Model& m, ValueId x) {
              return m.op("Concat", {x, m.random({2, 4, 5, 2})}, {attr("axis", int64_t{3})});
            }),
            "Concat");
}

TEST(TransposeElimination, AcrossReductionsThatKeepTheirAxes) {
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("ReduceMax", {x, m.ints({1, -2})}); }), "ReduceMax");
  EXPECT_EQ(across([](Model& m, ValueId x) { return m.op("ReduceMax", {x}); }), "ReduceMax");
}

TEST(TransposeElimination, IntoReductionsThatDropTheirAxes) {
  const auto reduce = [](const Ints& axes) {
    return [=](Model& m) {
      m.output(m.op("ReduceMax", {to_last(m, m.input({2, 3, 4, 5})), m.ints(axes)},
                    {attr("keepdims", int64_t{0})}));
    };
  };
  EXPECT_EQ(moved(reduce({1, 2})), "ReduceMax") << "N, C are left, in order";
  EXPECT_EQ(moved(reduce({3})), "ReduceMax");
  EXPECT_EQ(moved(reduce({2})), "Transpose ReduceMax") << "W, C are left, swapped";
}

TEST(TransposeElimination, LeavesTheFirstWhereItIsUsed) {
  EXPECT_EQ(moved([](Model& m) {
              const auto t = to_last(m, m.input({2, 3, 4, 5}));
              m.output(to_first(m, m.op("Neg", {t})));
              m.output(t);
            }),
            "Transpose Neg");
}

// In NHWC the sum of each block goes into the next convolution and into the next sum.
TEST(TransposeElimination, ResidualBlocks) {
  EXPECT_EQ(moved(
                [](Model& m) {
                  const auto conv = [&](ValueId x) {
                    return to_last(m, m.op("Conv", {to_first(m, x), m.random({3, 3, 1, 1})}));
                  };
                  auto x = to_last(m, m.input({1, 3, 4, 4}));
                  for (int block = 0; block < 3; ++block) x = m.op("Add", {m.op("Relu", {conv(x)}), x});
                  m.output(to_first(m, x));
                },
                Equal::kRounded),
            "Conv Relu Add Conv Relu Add Conv Relu Add");
}

TEST(TransposeElimination, ValuesThatOthersUseGetOneBack) {
  EXPECT_EQ(moved([](Model& m) {
              const auto a = to_last(m, m.input({2, 3, 4, 5})), b = to_last(m, m.input({2, 3, 4, 5}));
              const auto sum = m.op("Add", {a, b});
              m.output(to_first(m, sum));
              m.output(sum);
            }),
            "Add Transpose");
}

TEST(TransposeElimination, SquareShapesWhereTheSourceIsInTheRegionToo) {
  EXPECT_EQ(moved([](Model& m) {
              const auto x = m.op("Neg", {m.op("Transpose", {m.input({3, 3})})});
              m.output(m.op("Transpose", {m.op("Add", {m.op("Transpose", {x}), x})}));
            }).find("Transpose Transpose"),
            std::string::npos);
}

}  // namespace
}  // namespace hrt::test
