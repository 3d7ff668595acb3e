// SPDX-License-Identifier: Apache-2.0
// Element types other than float32: half precision, computed in float and rounded where it is seen, and the
// element-wise operators on integers and doubles.
#include <limits>

#include <hrt/dtype.hpp>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

template <class T>
Data narrowed(const Data& x) {
  Data y(dtype_of<T>, x.dims);
  for (int64_t i = 0; i < count(x.dims); ++i) y.as<T>()[i] = T(x.as<float>()[i]);
  return y;
}
template <class T>
Data widened(const Data& x) {
  Data y(HRT_FLOAT32, x.dims);
  for (int64_t i = 0; i < count(x.dims); ++i) y.as<float>()[i] = float(x.as<T>()[i]);
  return y;
}

class Types : public CpuOp {
 protected:
  // A float operator on half inputs gives the float result, rounded once, whether inputs are constants or
  // not.
  template <class T>
  void same_as_float(const std::string& op, const std::vector<Data>& in, const Dims& out,
                     const std::vector<Attr>& attrs = {}) {
    std::vector<Data> half, wide;
    for (const Data& d : in) {
      half.push_back(d.dtype == HRT_FLOAT32 ? narrowed<T>(d) : d);
      wide.push_back(d.dtype == HRT_FLOAT32 ? widened<T>(half.back()) : d);
    }
    uint32_t integers = 0;  // they decide shapes
    for (size_t i = 0; i < in.size(); ++i) integers |= uint32_t(in[i].dtype == HRT_INT64) << i;
    for (const uint32_t constants : {integers, ~1u}) {
      const Data want = narrowed<T>(run_op(isa(), op, wide, out, attrs, constants));
      const Data got = run_op(isa(), op, half, Out(out, dtype_of<T>), attrs, constants);
      EXPECT_EQ(got.bytes, want.bytes) << op;
    }
  }
  template <class T>
  void all_of(unsigned seed) {
    const Data x = random({2, 18, 5, 6}, seed), row = random({18, 1, 1}, seed + 1);
    same_as_float<T>("Add", {x, row}, x.dims);
    same_as_float<T>("Div", {x, x}, x.dims);
    same_as_float<T>("Max", {x, row, x}, x.dims);
    same_as_float<T>("Sigmoid", {x}, x.dims);
    same_as_float<T>("Exp", {x}, x.dims);
    same_as_float<T>("Clip", {x, random({}, 7), random({}, 8)}, x.dims);
    same_as_float<T>("Softmax", {x}, x.dims);
    same_as_float<T>("PRelu", {x, row}, x.dims);
    same_as_float<T>("ReduceMean", {x, ints({2, 3})}, {2, 18, 1, 1});
    same_as_float<T>("Conv", {x, random({20, 18, 3, 3}, seed), random({20}, seed)}, {2, 20, 3, 4});
    same_as_float<T>("ConvTranspose", {x, random({18, 20, 2, 2}, seed), random({20}, seed)}, {2, 20, 10, 12},
                     {{"strides", Dims{2, 2}}});
    same_as_float<T>("MatMul", {x, random({6, 21}, seed)}, {2, 18, 5, 21});
    same_as_float<T>("Gemm", {random({9, 33}, 1), random({17, 33}, 2), random({17}, 3)}, {9, 17},
                     {{"transB", 1}});
    same_as_float<T>("MaxPool", {x}, {2, 18, 4, 5}, {{"kernel_shape", Dims{2, 2}}});
    same_as_float<T>("GlobalAveragePool", {x}, {2, 18, 1, 1});
    same_as_float<T>("LayerNormalization", {x, random({6}, 1), random({6}, 2)}, x.dims);
    same_as_float<T>(
        "BatchNormalization",
        {x, random({18}, 1), random({18}, 2), random({18}, 3), widened<uint8_t>(Data(HRT_UINT8, {18}))},
        x.dims);
    same_as_float<T>("Einsum", {x, random({2, 18, 6, 3}, 4)}, {2, 18, 5, 3},
                     {{"equation", "bcij,bcjk->bcik"}});
  }
};

TEST_P(Types, HalfPrecision) { all_of<float16>(1); }
TEST_P(Types, Bfloat16) { all_of<bfloat16>(2); }

// Reorders, conversions and views between nodes: every value that leaves the graph is what its type says.
TEST_P(Types, AChainOfHalfStaysFloatInside) {
  const Data x = narrowed<float16>(random({1, 20, 6, 6}, 1)),
             w = narrowed<float16>(random({20, 20, 1, 1}, 2));
  Model m;
  const Out full({1, 20, 6, 6}, HRT_FLOAT16), flat({20, 36}, HRT_FLOAT16), turned({36, 20}, HRT_FLOAT16);
  const uint32_t conv = m.node("Conv", {m.input(x.dims, HRT_FLOAT16), m.constant(w)}, std::vector<Out>{full});
  const uint32_t relu = m.node("Relu", {conv}, std::vector<Out>{full});
  const uint32_t view = m.node("Reshape", {relu, m.constant({2}, {20, 36})}, std::vector<Out>{flat});
  const uint32_t transposed = m.node("Transpose", {view}, std::vector<Out>{turned}, {{"perm", Dims{1, 0}}});
  const uint32_t scaled = m.node("Mul", {transposed, transposed}, std::vector<Out>{turned});
  for (const uint32_t v : {relu, view, transposed, scaled}) m.output(v);
  const auto got = backend(isa()).run(m, {x});
  for (int64_t i = 0; i < 36; ++i)
    for (int64_t c = 0; c < 20; ++c) {
      double sum = 0;
      for (int64_t k = 0; k < 20; ++k)
        sum += double(float(w.as<float16>()[c * 20 + k])) * double(float(x.as<float16>()[k * 36 + i]));
      const float want = float(std::max(sum, 0.0));
      EXPECT_NEAR(float(got[0].as<float16>()[c * 36 + i]), want, 1e-3 * (1 + std::fabs(want)));
      EXPECT_EQ(got[1].as<float16>()[c * 36 + i].bits, got[0].as<float16>()[c * 36 + i].bits);
      EXPECT_EQ(got[2].as<float16>()[i * 20 + c].bits, got[0].as<float16>()[c * 36 + i].bits);
      EXPECT_NEAR(float(got[3].as<float16>()[i * 20 + c]), want * want, 2e-3 * (1 + want * want));
    }
}

TEST_P(Types, HalfOverflowsAndSpecialValues) {
  const std::vector<float> v = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 65504.0f, 6e-8f, 1e-5f};
  const Data x = narrowed<float16>(Data(Dims{8}, v));
  const Data y = widened<float16>(run_op(isa(), "Add", {x, x}, Out({8}, HRT_FLOAT16)));
  EXPECT_EQ(y.as<float>()[5], INFINITY);
  EXPECT_EQ(y.as<float>()[3], -INFINITY);
  EXPECT_TRUE(std::isnan(y.as<float>()[4]));
  EXPECT_EQ(y.as<float>()[6], 2 * float(float16(6e-8f)));  // subnormal
}

// ------------------------------------------------------------------------------- integers and doubles

template <class T>
Data numbers(std::mt19937& gen, const Dims& dims, int64_t low = 0) {
  Data d(dtype_of<T>, dims);
  for (int64_t i = 0; i < count(dims); ++i) {
    const T v = T(gen() % 100 ? uint64_t(gen()) : uint64_t(std::numeric_limits<T>::min()));
    d.as<T>()[i] = low && v == T(0) ? T(low) : v;
  }
  return d;
}

template <class T, class R = T, class F>
void binary(const std::string& isa, std::mt19937& gen, const std::string& op, F f, int64_t low = 0,
            const std::vector<Attr>& attrs = {}) {
  for (const auto& [a, b] : std::vector<std::pair<Dims, Dims>>{
           {{300}, {300}}, {{3, 40}, {40}}, {{7, 1}, {1, 9}}, {{}, {5}}, {{0, 3}, {3}}}) {
    const Data x = numbers<T>(gen, a), z = numbers<T>(gen, b, low);
    const Dims out = broadcast(a, b);
    const Data y = run_op(isa, op, {x, z}, Out(out, dtype_of<R>), attrs);
    for_each(out, [&](const Dims& at) {
      ASSERT_EQ(y.as<R>()[offset(out, at)], f(x.as<T>()[offset(a, at)], z.as<T>()[offset(b, at)]))
          << op << dtype_name(dtype_of<T>);
    });
  }
}

template <class T>
void integers(const std::string& isa, std::mt19937& gen) {
  binary<T>(isa, gen, "Add", [](T a, T b) { return T(uint64_t(a) + uint64_t(b)); });
  binary<T>(isa, gen, "Sub", [](T a, T b) { return T(uint64_t(a) - uint64_t(b)); });
  binary<T>(isa, gen, "Mul", [](T a, T b) { return T(uint64_t(a) * uint64_t(b)); });
  binary<T>(
      isa, gen, "Div",
      [](T a, T b) { return std::is_signed_v<T> && b == T(-1) ? T(0 - uint64_t(a)) : T(a / b); }, 1);
  binary<T>(isa, gen, "Max", [](T a, T b) { return std::max(a, b); });
  binary<T>(isa, gen, "Min", [](T a, T b) { return std::min(a, b); });
  binary<T>(isa, gen, "BitwiseAnd", [](T a, T b) { return T(a & b); });
  binary<T>(isa, gen, "BitwiseOr", [](T a, T b) { return T(a | b); });
  binary<T>(isa, gen, "BitwiseXor", [](T a, T b) { return T(a ^ b); });
  binary<T>(
      isa, gen, "Mod",
      [](T a, T b) {
        if (std::is_signed_v<T> && b == T(-1)) return T(0);
        const T r = T(a % b);
        return r != 0 && (r < 0) != (b < 0) ? T(r + b) : r;
      },
      1);
  binary<T>(isa, gen, "Mod", [](T a, T b) { return std::is_signed_v<T> && b == T(-1) ? T(0) : T(a % b); }, 1,
            {{"fmod", 1}});
  binary<T, bool>(isa, gen, "Equal", [](T a, T b) { return a == b; });
  binary<T, bool>(isa, gen, "Less", [](T a, T b) { return a < b; });
  binary<T, bool>(isa, gen, "GreaterOrEqual", [](T a, T b) { return a >= b; });
  const Data x = numbers<T>(gen, {77});
  const auto unary = [&](const std::string& op, const std::function<T(T)>& f) {
    const Data y = run_op(isa, op, {x}, Out({77}, dtype_of<T>));
    for (int64_t i = 0; i < 77; ++i) EXPECT_EQ(y.as<T>()[i], f(x.as<T>()[i])) << op;
  };
  unary("BitwiseNot", [](T a) { return T(~a); });
  unary("Sign", [](T a) { return T((a > 0) - (a < 0)); });
  unary("Abs", [](T a) { return a < 0 ? T(0 - uint64_t(a)) : a; });
  unary("Clip", [](T a) { return a; });
  if (std::is_signed_v<T>) unary("Neg", [](T a) { return T(0 - uint64_t(a)); });
  Data zero = numbers<T>(gen, {77}, 1);
  zero.as<T>()[76] = 0;
  EXPECT_NE(refusal(isa, "Div", {x, zero}, Out({77}, dtype_of<T>)), "");
  EXPECT_NE(refusal(isa, "Mod", {x, zero}, Out({77}, dtype_of<T>)), "");
}

TEST_P(Types, Integers) {
  integers<int8_t>(isa(), gen);
  integers<int16_t>(isa(), gen);
  integers<int32_t>(isa(), gen);
  integers<int64_t>(isa(), gen);
  integers<uint8_t>(isa(), gen);
  integers<uint16_t>(isa(), gen);
  integers<uint32_t>(isa(), gen);
  integers<uint64_t>(isa(), gen);
}

template <class T>
void shifts(const std::string& isa, std::mt19937& gen) {
  const Data x = numbers<T>(gen, {100});
  Data by(dtype_of<T>, {100});
  for (int64_t i = 0; i < 100; ++i) by.as<T>()[i] = T(i);  // beyond the width, too
  for (const bool left : {true, false}) {
    const Data y =
        run_op(isa, "BitShift", {x, by}, Out({100}, dtype_of<T>), {{"direction", left ? "LEFT" : "RIGHT"}});
    for (int64_t i = 0; i < 100; ++i) {
      const T v = x.as<T>()[i], want = i >= int64_t(sizeof(T)) * 8 ? T(0)
                                       : left                      ? T(uint64_t(v) << i)
                                                                   : T(v >> i);
      EXPECT_EQ(y.as<T>()[i], want) << i;
    }
  }
  EXPECT_NE(refusal(isa, "BitShift", {x, by}, Out({100}, dtype_of<T>), {{"direction", "UP"}}), "");
}

TEST_P(Types, Shifts) {
  shifts<uint8_t>(isa(), gen);
  shifts<uint16_t>(isa(), gen);
  shifts<uint32_t>(isa(), gen);
  shifts<uint64_t>(isa(), gen);
}

TEST_P(Types, Doubles) {
  const std::vector<double> v = {0.3, -0.7, 1.5, 2.5, -0.0, INFINITY, -INFINITY, NAN, 1e-310, 0.9};
  const Data x(Dims{10}, v);
  const std::vector<std::pair<std::string, double (*)(double)>> functions = {
      {"Exp", std::exp},     {"Log", std::log},         {"Sqrt", std::sqrt}, {"Floor", std::floor},
      {"Ceil", std::ceil},   {"Round", std::nearbyint}, {"Erf", std::erf},   {"Sin", std::sin},
      {"Cos", std::cos},     {"Tan", std::tan},         {"Asin", std::asin}, {"Acos", std::acos},
      {"Atan", std::atan},   {"Sinh", std::sinh},       {"Cosh", std::cosh}, {"Asinh", std::asinh},
      {"Acosh", std::acosh}, {"Atanh", std::atanh},     {"Abs", std::fabs}};
  for (const auto& [op, f] : functions) {
    const Data y = run_op(isa(), op, {x}, Out({10}, HRT_FLOAT64));
    std::vector<double> single;
    Data narrow(HRT_FLOAT32, {10});
    for (int64_t i = 0; i < 10; ++i) {
      const double want = f(v[size_t(i)]);
      EXPECT_TRUE(std::isnan(want) ? std::isnan(y.as<double>()[i]) : y.as<double>()[i] == want)
          << op << v[size_t(i)];
      narrow.as<float>()[i] = float(v[size_t(i)]);
      single.push_back(f(double(narrow.as<float>()[i])));
    }
    expect_near(run_op(isa(), op, {narrow}, Dims{10}), single, 1e-6, 1e-7, op);
  }
}

TEST_P(Types, IsNaNAndIsInf) {
  const std::vector<float> v = {0, 1, INFINITY, -INFINITY, NAN, -NAN, 65504};
  const Data x(Dims{7}, v), half = narrowed<float16>(x),
                            wide = Data(Dims{7}, std::vector<double>(v.begin(), v.end()));
  for (const Data& d : {x, half, wide}) {
    const Out out({7}, HRT_BOOL);
    EXPECT_EQ(run_op(isa(), "IsNaN", {d}, out).vector<uint8_t>(),
              (std::vector<uint8_t>{0, 0, 0, 0, 1, 1, 0}));
    EXPECT_EQ(run_op(isa(), "IsInf", {d}, out).vector<uint8_t>(),
              (std::vector<uint8_t>{0, 0, 1, 1, 0, 0, 0}));
    EXPECT_EQ(run_op(isa(), "IsInf", {d}, out, {{"detect_negative", 0}}).vector<uint8_t>(),
              (std::vector<uint8_t>{0, 0, 1, 0, 0, 0, 0}));
    EXPECT_EQ(run_op(isa(), "IsInf", {d}, out, {{"detect_positive", 0}}).vector<uint8_t>(),
              (std::vector<uint8_t>{0, 0, 0, 1, 0, 0, 0}));
  }
}

TEST_P(Types, HardmaxMarksTheFirstOfTheLargest) {
  Data x = random({3, 7, 5}, 1);
  for (int64_t i = 0; i < count(x.dims); ++i) x.as<float>()[i] = std::round(x.as<float>()[i] * 2);  // ties
  for (const int64_t axis : {-3, -2, -1, 0, 1, 2}) {
    const Data y = run_op(isa(), "Hardmax", {x}, x.dims, {{"axis", axis}});
    const size_t d = size_t(axis < 0 ? axis + 3 : axis);
    for_each(x.dims, [&](const Dims& at) {
      bool first = true;
      Dims other = at;
      for (other[d] = 0; other[d] < x.dims[d]; ++other[d]) {
        const float v = x.as<float>()[offset(x.dims, other)], mine = x.as<float>()[offset(x.dims, at)];
        first = first && (other[d] < at[d] ? v < mine : v <= mine);
      }
      EXPECT_EQ(y.as<float>()[offset(x.dims, at)], first ? 1.0f : 0.0f);
    });
  }
}

TEST_P(Types, Shrink) {
  const Data x(Dims{6}, std::vector<float>{-2, -0.5f, 0, 0.5f, 2, NAN});
  const auto y = run_op(isa(), "Shrink", {x}, Dims{6}, {{"bias", 1.5f}, {"lambd", 0.5f}}).floats();
  EXPECT_EQ(std::vector<float>(y.begin(), y.begin() + 5), (std::vector<float>{-0.5f, 0, 0, 0, 0.5f}));
}

TEST_P(Types, ReductionsOfIntegers) {
  Data x(HRT_UINT32, {4, 6});
  for (int64_t i = 0; i < 24; ++i) x.as<uint32_t>()[i] = uint32_t(gen());
  const Out out({4, 1}, HRT_UINT32);
  const auto reduce = [&](const std::string& op) { return run_op(isa(), op, {x, ints({1})}, out, {}, 2); };
  for (int64_t r = 0; r < 4; ++r) {
    uint32_t sum = 0, squares = 0, product = 1, most = 0, least = UINT32_MAX;
    for (int64_t i = 0; i < 6; ++i) {
      const uint32_t v = x.as<uint32_t>()[r * 6 + i];
      sum += v;
      squares += v * v;
      product *= v;
      most = std::max(most, v);
      least = std::min(least, v);
    }
    EXPECT_EQ(reduce("ReduceSum").as<uint32_t>()[r], sum);
    EXPECT_EQ(reduce("ReduceL1").as<uint32_t>()[r], sum);
    EXPECT_EQ(reduce("ReduceSumSquare").as<uint32_t>()[r], squares);
    EXPECT_EQ(reduce("ReduceProd").as<uint32_t>()[r], product);
    EXPECT_EQ(reduce("ReduceMax").as<uint32_t>()[r], most);
    EXPECT_EQ(reduce("ReduceMin").as<uint32_t>()[r], least);
  }
}

// ------------------------------------------------------------------------- tensors made from a shape

TEST_P(Types, TensorsFromShapes) {
  const Data x = random({3, 0, 5}, 1);
  const auto shape = [&](const std::vector<Attr>& attrs, int64_t n) {
    return run_op(isa(), "Shape", {x}, Out({n}, HRT_INT64), attrs).vector<int64_t>();
  };
  EXPECT_EQ(shape({}, 3), (Dims{3, 0, 5}));
  EXPECT_EQ(shape({{"start", -1}}, 1), (Dims{5}));
  EXPECT_EQ(shape({{"start", -9}, {"end", -1}}, 2), (Dims{3, 0}));
  EXPECT_EQ(run_op(isa(), "Size", {random({2, 3}, 1)}, Out({}, HRT_INT64)).vector<int64_t>(), (Dims{6}));
  EXPECT_EQ(run_op(isa(), "ConstantOfShape", {ints({2, 3})}, Dims{2, 3}).floats(),
            std::vector<float>(6, 0.0f));
  for (const int64_t k :
       {int64_t(-9), int64_t(-1), int64_t(0), int64_t(2), int64_t(9), INT64_MIN, INT64_MAX}) {
    const Data y = run_op(isa(), "EyeLike", {random({3, 4}, 1)}, Dims{3, 4}, {{"k", k}});
    for (int64_t i = 0; i < 12; ++i) EXPECT_EQ(y.as<float>()[i], i % 4 - i / 4 == k ? 1.0f : 0.0f) << k;
  }
  const Data eye =
      run_op(isa(), "EyeLike", {random({2, 2}, 1)}, Out({2, 2}, HRT_FLOAT16), {{"dtype", int(HRT_FLOAT16)}});
  EXPECT_EQ(widened<float16>(eye).floats(), (std::vector<float>{1, 0, 0, 1}));
}

HRT_FOR_EACH_ISA(Types);

}  // namespace
}  // namespace hrt::test
