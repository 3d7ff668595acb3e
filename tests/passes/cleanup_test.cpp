// SPDX-License-Identifier: Apache-2.0
// The passes of the clean-up phase.
#include <limits>

#include "model.h"

namespace hrt::test {
namespace {

// ------------------------------------------------------------------------------------- dead-code

TEST(DeadCode, RemovesAChainThatNobodyUses) {
  EXPECT_EQ(optimised(
                [](Model& m) {
                  const auto x = m.input({2, 3});
                  m.op("Exp", {m.op("Neg", {x})});
                  m.output(m.op("Relu", {x}));
                },
                {"dead-code"}),
            "Relu");
}

TEST(DeadCode, KeepsANodeOneOfWhoseOutputsIsUsed) {
  EXPECT_EQ(
      optimised(
          [](Model& m) {
            const auto x = m.input({4, 3});
            m.output(m.ops("Split", {x}, 2, {attr("axis", int64_t{0}), attr("num_outputs", int64_t{2})})[1]);
          },
          {"dead-code"}),
      "Split");
}

TEST(DeadCode, KeepsWhatIsBothOutputAndUnused) {
  EXPECT_EQ(optimised([](Model& m) { m.output(m.op("Neg", {m.input({2})})); }, {"dead-code"}), "Neg");
}

// -------------------------------------------------------------------------------- fold-constants

TEST(FoldConstants, ComputesAChainOfConstants) {
  EXPECT_EQ(optimised(
                [](Model& m) {
                  const auto x = m.input({2, 3});
                  const auto c = m.op("Mul", {m.random({3}), m.op("Neg", {m.random({3})})});
                  m.output(m.op("Add", {x, c}));
                },
                {"fold-constants"}),
            "Add");
}

TEST(FoldConstants, MakesAnOutputAConstantUnderItsName) {
  EXPECT_EQ(optimised([](Model& m) { m.output(m.op("Neg", {m.random({3})})); }, {"fold-constants"}), "");
}

TEST(FoldConstants, LeavesResultsBeyondTheLimit) {
  EXPECT_EQ(optimised(
                [](Model& m) {
                  const auto big = m.op("Expand", {m.scalar(1), m.ints({1 << 23})});
                  m.output(m.op("ReduceMax", {m.op("Add", {big, m.input({1})})}));
                },
                {"fold-constants"}),
            "Expand Add ReduceMax");
}

TEST(FoldConstants, LeavesQuantisedWeights) {
  const auto build = [](Model& m) {
    Tensor q = Tensor::allocate(HRT_INT8, {3});
    const auto w =
        m.op("DequantizeLinear", {m.edit().add_constant("", std::make_shared<Tensor>(q)), m.scalar(0.5f)});
    m.output(m.op("Add", {m.input({3}), w}));
  };
  EXPECT_EQ(optimised(build, {"fold-constants"}), "DequantizeLinear Add");
}

TEST(FoldConstants, LeavesWhatFailsToTheRun) {
  const auto build = [](Model& m) {
    m.output(m.op("Add", {m.input({1}), m.op("Gather", {m.random({3}), m.ints({7})})}));
  };
  EXPECT_EQ(operators_of(*rewritten(build, {"fold-constants"})), "Gather Add");
}

TEST(FoldConstants, LeavesRandomNumbers) {
  const auto build = [](Model& m) { m.output(m.op("RandomNormal", {}, {attr("shape", Ints{3})})); };
  EXPECT_EQ(operators_of(*rewritten(build, {"fold-constants"})), "RandomNormal");
}

// ------------------------------------------------------------------------------ identity-removal

std::string without_identities(const std::function<ValueId(Model&, ValueId)>& identity, Dims dims = {2, 3, 4},
                               hrt_dtype dtype = HRT_FLOAT32) {
  return optimised(
      [&](Model& m) { m.output(m.op("Neg", {identity(m, m.op("Abs", {m.input(dims, dtype)}))})); },
      {"identity-removal", "fold-constants"});
}
constexpr const char* kGone = "Abs Neg";

TEST(IdentityRemoval, Identity) {
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Identity", {x}); }), kGone);
}

TEST(IdentityRemoval, IdentityBetweenInputAndOutput) {
  EXPECT_EQ(optimised([](Model& m) { m.output(m.op("Identity", {m.input({3})})); }, {"identity-removal"}),
            "");
}

TEST(IdentityRemoval, TwoOutputsThatAreTheSameValue) {
  EXPECT_EQ(optimised(
                [](Model& m) {
                  const auto x = m.op("Neg", {m.input({3})});
                  m.output(m.op("Identity", {x}));
                  m.output(x);
                  m.output(m.op("Identity", {x}));
                },
                {"identity-removal"}),
            "Neg");
}

TEST(IdentityRemoval, CastToTheSameType) {
  EXPECT_EQ(without_identities(
                [](Model& m, ValueId x) { return m.op("Cast", {x}, {attr("to", int64_t{HRT_FLOAT32})}); }),
            kGone);
}

TEST(IdentityRemoval, KeepsCastToAnotherType) {
  EXPECT_EQ(without_identities(
                [](Model& m, ValueId x) { return m.op("Cast", {x}, {attr("to", int64_t{HRT_INT32})}); }),
            "Abs Cast Neg");
}

TEST(IdentityRemoval, ReshapeToTheSameShape) {
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Reshape", {x, m.ints({2, -1, 4})}); }),
            kGone);
}

TEST(IdentityRemoval, KeepsReshapeToAnotherShape) {
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Reshape", {x, m.ints({4, 3, 2})}); }),
            "Abs Reshape Neg");
}

TEST(IdentityRemoval, Transpose) {
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Transpose", {x}, {perm({0, 1, 2})}); }),
            kGone);
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Transpose", {x}); }, {5}), kGone);
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Transpose", {x}); }, {3, 3}),
            "Abs Transpose Neg");
}

TEST(IdentityRemoval, Pad) {
  EXPECT_EQ(
      without_identities([](Model& m, ValueId x) { return m.op("Pad", {x, m.ints({0, 0, 0, 0, 0, 0})}); }),
      kGone);
  EXPECT_EQ(
      without_identities([](Model& m, ValueId x) { return m.op("Pad", {x, m.ints({0, 1, 0, 0, -1, 0})}); }),
      "Abs Pad Neg");
}

TEST(IdentityRemoval, Slice) {
  const auto slice = [](const Ints& start, const Ints& end, const Ints& step) {
    return [=](Model& m, ValueId x) {
      return m.op("Slice", {x, m.ints(start), m.ints(end), m.ints({2}), m.ints(step)});
    };
  };
  EXPECT_EQ(without_identities(slice({0}, {INT64_MAX}, {1})), kGone);
  EXPECT_EQ(without_identities(slice({1}, {4}, {1})), "Abs Slice Neg");
  EXPECT_EQ(without_identities(slice({-1}, {INT64_MIN + 1}, {-1})), "Abs Slice Neg") << "reversed";
}

TEST(IdentityRemoval, ExpandAndTile) {
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Expand", {x, m.ints({3, 1})}); }),
            kGone);
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Expand", {x, m.ints({1, 1, 1, 1})}); }),
            "Abs Expand Neg");
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Tile", {x, m.ints({1, 1, 1})}); }),
            kGone);
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Tile", {x, m.ints({1, 2, 1})}); }),
            "Abs Tile Neg");
}

TEST(IdentityRemoval, VariadicOfOne) {
  for (const char* op : {"Sum", "Max", "Min", "Mean"})
    EXPECT_EQ(without_identities([&](Model& m, ValueId x) { return m.op(op, {x}); }), kGone) << op;
  EXPECT_EQ(
      without_identities([](Model& m, ValueId x) { return m.op("Concat", {x}, {attr("axis", int64_t{1})}); }),
      kGone);
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Sum", {x, x}); }), "Abs Sum Neg");
}

TEST(IdentityRemoval, NeutralElements) {
  for (const char* op : {"Mul", "Div", "Pow"})
    EXPECT_EQ(without_identities([&](Model& m, ValueId x) { return m.op(op, {x, m.scalar(1)}); }), kGone)
        << op;
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Mul", {m.scalar(1), x}); }), kGone);
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Sub", {x, m.scalar(0)}); }), kGone);
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Add", {x, m.scalar(-0.0f)}); }), kGone);
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Add", {m.scalar(-0.0f), x}); }), kGone);
  EXPECT_EQ(
      without_identities([](Model& m, ValueId x) { return m.op("Add", {x, m.ints({0})}); }, {3}, HRT_INT64),
      kGone);
}

TEST(IdentityRemoval, KeepsWhatChangesTheSignOfZero) {
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Add", {x, m.scalar(0)}); }),
            "Abs Add Neg");
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Sub", {x, m.scalar(-0.0f)}); }),
            "Abs Sub Neg");
}

TEST(IdentityRemoval, KeepsWhatIsNotCommutative) {
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Div", {m.scalar(1), x}); }),
            "Abs Div Neg");
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Sub", {m.scalar(0), x}); }),
            "Abs Sub Neg");
}

TEST(IdentityRemoval, KeepsWhatBroadcasts) {
  EXPECT_EQ(
      without_identities([](Model& m, ValueId x) { return m.op("Mul", {x, m.floats({1, 1, 1, 1}, {1})}); }),
      "Abs Mul Neg");
  EXPECT_EQ(
      without_identities([](Model& m, ValueId x) { return m.op("Mul", {x, m.floats({2}, {1, 1})}); }, {3, 1}),
      "Abs Mul Neg");
}

TEST(IdentityRemoval, DropoutInInference) {
  EXPECT_EQ(without_identities([](Model& m, ValueId x) { return m.op("Dropout", {x, m.scalar(0.5f)}); }),
            kGone);
}

TEST(IdentityRemoval, KeepsDropoutWhoseMaskIsUsed) {
  const auto build = [](Model& m) {
    const auto y = m.ops("Dropout", {m.input({3})}, 2);
    m.output(y[0]);
    m.output(y[1]);
  };
  EXPECT_EQ(optimised(build, {"identity-removal"}), "Dropout");
}

TEST(IdentityRemoval, SymbolsAreDimensions) {
  EXPECT_EQ(optimised(
                [](Model& m) {
                  const auto n = m.symbol("n");
                  m.output(m.op("Neg", {m.op("Reshape", {m.input({n, 4}), m.ints({0, 4})})}));
                },
                {"identity-removal"}),
            "Neg");
}

// ------------------------------------------------------------------------------------- sequences

Names sequences() { return {"sequences", "dead-code"}; }

TEST(Sequences, WhatWasAppendedIsConcatenated) {
  for (const int64_t new_axis : {0, 1})
    for (const int64_t axis : {0, 1, -1})
      EXPECT_EQ(optimised(
                    [=](Model& m) {
                      const auto x = m.input({2, 3}), y = m.input({2, 3}), z = m.input({2, 3});
                      auto list = m.op("SequenceConstruct", {x});
                      list = m.op("SequenceInsert", {list, y});
                      list = m.op("SequenceInsert", {list, z, m.ints({}, {-2})});  // z x y
                      list = m.op("SequenceInsert", {list, y, m.ints({}, {1})});   // z y x y
                      list = m.op("SequenceErase", {list});
                      m.output(m.op("ConcatFromSequence", {list},
                                    {attr("axis", axis), attr("new_axis", new_axis)}));
                    },
                    sequences()),
                new_axis ? "Unsqueeze Unsqueeze Unsqueeze Concat" : "Concat");
}

TEST(Sequences, MembersAndTheirNumberAreKnown) {
  EXPECT_EQ(optimised(
                [](Model& m) {
                  const auto x = m.input({2, 3});
                  auto list = m.op("SequenceInsert", {m.op("SequenceEmpty", {}), m.op("Neg", {x})});
                  list = m.op("SequenceInsert", {list, m.op("Abs", {x})});
                  m.output(m.op("SequenceAt", {list, m.ints({}, {-1})}));
                  m.output(m.op("SequenceAt", {list, m.ints({}, {0})}));
                  m.output(m.op("SequenceLength", {list}));
                },
                sequences()),
            "Neg Abs");
}

TEST(Sequences, PartsOfKnownLengthAreASplit) {
  const auto parts = [](std::function<ValueId(Model&, ValueId)> split, bool open) {
    return optimised(
        [&](Model& m) {
          const auto list = split(m, m.input({5, open ? m.symbol("n") : 4}));
          m.output(m.op("SequenceAt", {list, m.ints({}, {1})}));
        },
        sequences());
  };
  const auto by = [](const Dims& dims, const Ints& lengths, int64_t axis) {
    return [=](Model& m, ValueId x) {
      return m.op("SplitToSequence", {x, m.ints(dims, lengths)}, {attr("axis", axis)});
    };
  };
  const auto single = [](int64_t keep) {
    return [=](Model& m, ValueId x) {
      return m.op("SplitToSequence", {x}, {attr("axis", int64_t{-1}), attr("keepdims", keep)});
    };
  };
  EXPECT_EQ(parts(by({3}, {1, 2, 2}, 0), true), "Split");
  EXPECT_EQ(parts(by({}, {2}, 0), true), "Split");
  EXPECT_EQ(parts(by({}, {3}, 1), false), "Split");
  EXPECT_EQ(parts(single(1), false), "Split");
  EXPECT_EQ(parts(single(0), false), "Split Squeeze");
}

TEST(Sequences, WhatOnlyTheRunTellsStays) {
  const auto kept = [](const Build& build) { return operators_of(*rewritten(build, sequences())); };
  EXPECT_EQ(kept([](Model& m) {
              const auto list = m.op("SplitToSequence", {m.input({m.symbol("n"), 2})});
              m.output(m.op("SequenceAt", {list, m.ints({}, {0})}));
            }),
            "SplitToSequence SequenceAt");
  EXPECT_EQ(kept([](Model& m) {
              const auto list = m.op("SequenceConstruct", {m.input({2}), m.input({3})});
              m.output(m.op("SequenceAt", {list, m.input({}, HRT_INT64)}));
            }),
            "SequenceConstruct SequenceAt");
  EXPECT_EQ(kept([](Model& m) {  // an error that the run has to find
              const auto list = m.op("SequenceConstruct", {m.input({2})});
              m.output(m.op("SequenceAt", {list, m.ints({}, {1})}));
            }),
            "SequenceConstruct SequenceAt");
}

// -------------------------------------------------------------------------------- merge-reshapes

std::string merged(const Build& build) { return optimised(build, {"merge-reshapes"}); }

TEST(MergeReshapes, PairsThatCancel) {
  EXPECT_EQ(merged([](Model& m) {
              const auto x = m.input({2, 3});
              const auto y = m.op("Unsqueeze", {x, m.ints({1})});
              m.output(m.op("Neg", {m.op("Squeeze", {y, m.ints({1})})}));
            }),
            "Neg");
}

TEST(MergeReshapes, ChainsBecomeOneReshape) {
  EXPECT_EQ(merged([](Model& m) {
              const auto x = m.input({m.symbol("n"), 3, 4});
              const auto y = m.op("Unsqueeze", {x, m.ints({1})});
              const auto z = m.op("Flatten", {y});
              m.output(m.op("Reshape", {z, m.ints({0, 2, 6})}));
            }),
            "Reshape");
}

TEST(MergeReshapes, KeepsASingleOne) {
  EXPECT_EQ(merged([](Model& m) { m.output(m.op("Flatten", {m.input({2, 3, 4})})); }), "Flatten");
}

TEST(MergeReshapes, KeepsTheFirstWhereItIsUsed) {
  EXPECT_EQ(merged([](Model& m) {
              const auto y = m.op("Reshape", {m.input({2, 6}), m.ints({3, 4})});
              m.output(m.op("Reshape", {y, m.ints({12})}));
              m.output(y);
            }),
            "Reshape Reshape");
}

TEST(MergeReshapes, KeepsWhatHasTwoOpenDimensions) {
  EXPECT_EQ(merged([](Model& m) {
              const auto x = m.input({m.symbol("n"), m.symbol("m"), 4});
              const auto y = m.op("Unsqueeze", {x, m.ints({0})});
              m.output(m.op("Unsqueeze", {y, m.ints({0})}));
            }),
            "Unsqueeze Unsqueeze");
}

TEST(MergeReshapes, EmptyTensors) {
  EXPECT_EQ(merged([](Model& m) {
              const auto x = m.input({0, 3, 4});
              const auto y = m.op("Unsqueeze", {x, m.ints({0})});
              m.output(m.op("Squeeze", {m.op("Flatten",
                                             {
                                                 y,
                                             },
                                             {attr("axis", int64_t{2})}),
                                        m.ints(Ints{})}));
            }).find("Flatten"),
            std::string::npos);
}

// ---------------------------------------------------------------------------- common-subexpressions

std::string cse(const Build& build) { return optimised(build, {"common-subexpressions"}); }

TEST(CommonSubexpressions, MergesEqualNodes) {
  EXPECT_EQ(cse([](Model& m) {
              const auto x = m.input({2, 3});
              m.output(m.op("Add", {m.op("Exp", {x}), m.op("Exp", {x})}));
            }),
            "Exp Add");
}

TEST(CommonSubexpressions, MergesTreesOfThem) {
  EXPECT_EQ(cse([](Model& m) {
              const auto x = m.input({2, 3});
              const auto branch = [&] { return m.op("ReduceSum", {m.op("Exp", {x}), m.ints({1})}); };
              const auto a = branch(), b = branch();
              m.output(m.op("Sub", {a, b}));
              m.output(a);
              m.output(b);
            }),
            "Exp ReduceSum Sub");
}

TEST(CommonSubexpressions, KeepsDifferentAttributesInputsAndOrders) {
  EXPECT_EQ(cse([](Model& m) {
              const auto x = m.input({3, 3});
              m.output(m.op("Softmax", {x}, {attr("axis", int64_t{0})}));
              m.output(m.op("Softmax", {x}, {attr("axis", int64_t{1})}));
              m.output(m.op("ReduceSum", {x, m.ints({0})}));
              m.output(m.op("ReduceSum", {x, m.ints({1})}));
              const auto y = m.input({3, 3});
              m.output(m.op("Sub", {x, y}));
              m.output(m.op("Sub", {y, x}));
              m.output(m.op("Clip", {x, m.scalar(1)}));
              m.output(m.op("Clip", {x, HRT_NONE, m.scalar(1)}));
            }),
            "Softmax Softmax ReduceSum ReduceSum Sub Sub Clip Clip");
}

TEST(CommonSubexpressions, KeepsRandomNumbers) {
  const auto build = [](Model& m) {
    const auto x = m.input({3});
    m.output(m.op("RandomNormalLike", {x}));
    m.output(m.op("RandomNormalLike", {x}));
  };
  EXPECT_EQ(operators_of(*rewritten(build, {"common-subexpressions"})), "RandomNormalLike RandomNormalLike");
}

// -------------------------------------------------------------------------------- shape-of-known

std::string shapes(const Build& build) { return optimised(build, {"shape-of-known", "dead-code"}); }

TEST(ShapeOfKnown, ShapeAndSize) {
  EXPECT_EQ(shapes([](Model& m) {
              const auto x = m.op("Exp", {m.input({2, 3, 4})});
              m.output(m.op("Shape", {x}));
              m.output(m.op("Size", {x}));
              m.output(m.op("Shape", {x}, {attr("start", int64_t{-2})}));
              m.output(m.op("Shape", {x}, {attr("start", int64_t{1}), attr("end", int64_t{-1})}));
              m.output(m.op("Shape", {x}, {attr("start", int64_t{2}), attr("end", int64_t{1})}));
              m.output(m.op("Shape", {x}, {attr("start", int64_t{-9}), attr("end", int64_t{9})}));
            }),
            "");
}

TEST(ShapeOfKnown, OnlyTheDimensionsAskedFor) {
  EXPECT_EQ(shapes([](Model& m) {
              const auto x = m.input({m.symbol("n"), 3, 4});
              m.output(m.op("Shape", {x}, {attr("start", int64_t{1})}));
            }),
            "");
}

TEST(ShapeOfKnown, KeepsSymbols) {
  EXPECT_EQ(shapes([](Model& m) {
              const auto x = m.input({m.symbol("n"), 3});
              m.output(m.op("Shape", {x}));
              m.output(m.op("Size", {x}));
            }),
            "Shape Size");
}

}  // namespace
}  // namespace hrt::test
