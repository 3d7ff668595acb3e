// SPDX-License-Identifier: Apache-2.0
// Element-wise operators: elementary functions against the C library in double precision over all
// exponents, everything else against plain loops.
#include <limits>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

class CpuUnary : public CpuOp {};
class CpuBinary : public CpuOp {};
class CpuCast : public CpuOp {};

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Floats of all exponents and both signs, and the special ones.
Data sweep(uint32_t step) {
  std::vector<float> v = {0.0f,
                          -0.0f,
                          kInf,
                          -kInf,
                          kNan,
                          1.0f,
                          -1.0f,
                          0x1p-149f,
                          -0x1p-149f,
                          0x1p-126f,
                          std::numeric_limits<float>::max(),
                          std::numeric_limits<float>::lowest(),
                          88.7f,
                          88.8f,
                          -87.4f,
                          -103.9f,
                          -104.1f,
                          0.5f,
                          1.5f,
                          2.5f,
                          -0.5f,
                          -2.5f,
                          8388609.0f,
                          16777217.0f};
  for (uint64_t bits = 0; bits < (1ull << 32); bits += step) {
    const float f = std::bit_cast<float>(uint32_t(bits));
    v.push_back(std::isnan(f) ? kNan : f);  // quiet: C's functions treat the others differently
  }
  return Data({int64_t(v.size())}, v);
}

struct Function {
  std::string op;
  double max_ulps;
  double (*f)(double);
  std::vector<Attr> attrs = {};
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
constexpr double kSelu = 1.67326319217681884765625, kGamma = 1.05070102214813232421875;

const std::vector<Function>& functions() {
  static const std::vector<Function> list = {
      {"Exp", 1.0, [](double x) { return std::exp(x); }},
      {"Log", 1.5, [](double x) { return std::log(x); }},
      {"Sqrt", 0.5, [](double x) { return std::sqrt(x); }},
      {"Reciprocal", 0.5, [](double x) { return 1 / x; }},
      {"Floor", 0, [](double x) { return std::floor(x); }},
      {"Ceil", 0, [](double x) { return std::ceil(x); }},
      {"Round", 0, [](double x) { return std::nearbyint(x); }},
      {"Neg", 0, [](double x) { return -x; }},
      {"Abs", 0, [](double x) { return std::fabs(x); }},
      {"Sign", 0, [](double x) { return x > 0   ? 1
                                        : x < 0 ? -1
                                                : x; }},
      {"Sin", 2.0, [](double x) { return std::sin(x); }},
      {"Cos", 2.0, [](double x) { return std::cos(x); }},
      {"Erf", 2.0, [](double x) { return std::erf(x); }},
      {"Relu", 0, [](double x) { return x < 0 ? 0 : x; }},
      {"LeakyRelu", 1.0, [](double x) { return x < 0 ? double(0.01f) * x : x; }},
      {"LeakyRelu", 1.0, [](double x) { return x < 0 ? 1.5 * x : x; }, {{"alpha", 1.5f}}},
      {"Sigmoid", 2.5, sigmoid},
      {"Tanh", 2.5, [](double x) { return std::tanh(x); }},
      {"Elu", 2.0, [](double x) { return x < 0 ? std::expm1(x) : x; }},
      {"Selu", 3.0, [](double x) { return kGamma * (x < 0 ? kSelu * std::expm1(x) : x); }},
      {"Celu", 3.0, [](double x) { return x < 0 ? 2 * std::expm1(x / 2) : x; }, {{"alpha", 2.0f}}},
      {"ThresholdedRelu", 0, [](double x) { return x <= 1 ? 0 : x; }},
      {"Softplus", 2.0, softplus},
      {"Softsign", 1.5, [](double x) { return std::isinf(x) ? NAN : x / (1 + std::fabs(x)); }},
  };
  return list;
}

TEST_P(CpuUnary, FunctionIsNotAccurate) {
  const Data x = sweep(6007);
  for (const Function& f : functions()) {
    const Data y = run_op(isa(), f.op, {x}, x.dims, f.attrs, 0, 2);
    double worst = 0;
    float at = 0;
    for (int64_t i = 0; i < count(x.dims); ++i) {
      const double want = f.f(x.as<float>()[i]), e = ulps(y.as<float>()[i], want);
      if (!(e <= worst)) worst = e, at = x.as<float>()[i];
    }
    EXPECT_LE(worst, f.max_ulps) << f.op << " at " << at;
    RecordProperty(f.op + "_ulps", std::to_string(worst));
  }
}

// Products of x and a function that falls to zero: judged by the larger of relative and absolute error, in
// the range where the double reference itself has no cancellation.
TEST_P(CpuUnary, ActivationIsNotAccurate) {
  std::vector<float> v;
  for (double x = -30; x < 30; x += 0.00073) v.push_back(float(x));
  const Data x({int64_t(v.size())}, v);
  const std::vector<Function> list = {
      {"Swish", 4, [](double a) { return a * sigmoid(a); }},
      // Here and in Gelu the rounding of the exponent's argument passes through the exponential.
      {"Swish", 60, [](double a) { return a * sigmoid(1.7f * a); }, {{"alpha", 1.7f}}},
      {"Mish", 5, [](double a) { return a * std::tanh(softplus(a)); }},
      {"HardSigmoid", 2, [](double a) { return std::clamp(a * 0.2f + 0.5, 0.0, 1.0); }},
      {"HardSwish", 3, [](double a) { return a * std::clamp(a / 6 + 0.5, 0.0, 1.0); }},
      {"Gelu", 60, [](double a) { return a < -5 ? NAN : a * 0.5 * std::erfc(-a * std::sqrt(0.5)); }},
      {"Gelu",
       80,
       [](double a) {
         return a < -5 ? NAN : a * sigmoid(2 * std::sqrt(2 / M_PI) * (a + 0.044715 * a * a * a));
       },
       {{"approximate", "tanh"}}},
  };
  for (const Function& f : list) {
    const Data y = run_op(isa(), f.op, {x}, x.dims, f.attrs);
    for (int64_t i = 0; i < count(x.dims); ++i) {
      const float at = v[size_t(i)], got = y.as<float>()[i];
      const double want = f.f(at);
      if (std::isnan(want)) {
        ASSERT_LE(std::fabs(got), 1e-5) << f.op << " at " << at;
        continue;
      }
      // Near the point where a Hard function meets zero, the sum's own rounding shows.
      const double slack = f.op[0] == 'H' ? 6e-8 * std::max(1.0f, std::fabs(at)) : 0;
      ASSERT_LE(std::fabs(got - want), slack + f.max_ulps * 6e-8 * std::fabs(want) + 1e-37)
          << f.op << " at " << at;
    }
  }
}

TEST_P(CpuUnary, SpecialValueIsLost) {
  const Data x(Dims{4}, std::vector<float>{kNan, kInf, -kInf, -0.0f});
  const auto check = [&](const std::string& op, const std::vector<double>& want,
                         const std::vector<Attr>& attrs = {}) {
    expect_near(run_op(isa(), op, {x}, x.dims, attrs), want, 0, 0, op);
  };
  check("Gelu", {kNan, kInf, kNan, 0});
  check("Swish", {kNan, kInf, kNan, 0});
  check("Mish", {kNan, kInf, kNan, 0});
  check("HardSwish", {kNan, kInf, kNan, 0});
  check("HardSigmoid", {kNan, 1, 0, 0.5});
}

TEST_P(CpuUnary, ClipBoundsAreWrong) {
  const std::vector<float> v = {-2, -1, 0, 0.5f, 3, kNan, kInf, -kInf, 7};
  const Data x(Dims{9}, v);
  const Data lo(Dims{}, std::vector<float>{-1}), hi(Dims{}, std::vector<float>{2});
  for (int mode = 0; mode < 4; ++mode) {
    std::vector<Data> in = {x};
    if (mode == 1) in.push_back(lo);
    if (mode == 2) in.insert(in.end(), {absent(), hi});
    if (mode == 3) in.insert(in.end(), {lo, hi});
    std::vector<double> want;
    for (const float a : v) {
      double w = a;
      if (mode & 1 && a < -1) w = -1;
      if (mode & 2 && a > 2) w = 2;
      want.push_back(w);
    }
    for (const uint32_t constants : {0u, 6u})
      expect_near(run_op(isa(), "Clip", in, x.dims, {}, constants), want, 0, 0,
                  "Clip " + std::to_string(mode));
  }
  const Data i(Dims{3}, std::vector<int64_t>{-5, 0, 5}), il(Dims{}, std::vector<int64_t>{-1});
  EXPECT_EQ(run_op(isa(), "Clip", {i, il}, Out({3}, HRT_INT64)).vector<int64_t>(),
            (std::vector<int64_t>{-1, 0, 5}));
  const Data u(Dims{3}, std::vector<uint8_t>{1, 100, 255}), uh(Dims{}, std::vector<uint8_t>{99});
  EXPECT_EQ(run_op(isa(), "Clip", {u, absent(), uh}, Out({3}, HRT_UINT8)).vector<uint8_t>(),
            (std::vector<uint8_t>{1, 99, 99}));
}

TEST_P(CpuUnary, IntegerFunctionIsWrong) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  const Data x(Dims{5}, std::vector<int64_t>{kMin, -3, 0, 2, 9});
  const Out out({5}, HRT_INT64);
  EXPECT_EQ(run_op(isa(), "Neg", {x}, out).vector<int64_t>(), (std::vector<int64_t>{kMin, 3, 0, -2, -9}));
  EXPECT_EQ(run_op(isa(), "Abs", {x}, out).vector<int64_t>(), (std::vector<int64_t>{kMin, 3, 0, 2, 9}));
  EXPECT_EQ(run_op(isa(), "Sign", {x}, out).vector<int64_t>(), (std::vector<int64_t>{-1, -1, 0, 1, 1}));
  Data b(HRT_BOOL, {2});
  b.as<uint8_t>()[1] = 1;
  EXPECT_EQ(run_op(isa(), "Not", {b}, Out({2}, HRT_BOOL)).vector<uint8_t>(), (std::vector<uint8_t>{1, 0}));
}

TEST_P(CpuUnary, EmptyAndScalarFail) {
  EXPECT_EQ(run_op(isa(), "Exp", {Data(HRT_FLOAT32, {0, 3})}, {0, 3}).bytes.size(), 0u);
  expect_near(run_op(isa(), "Neg", {Data(Dims{}, std::vector<float>{2})}, Dims{}), {-2}, 0, 0, "scalar");
}

// ------------------------------------------------------------------------------------- binary

const std::vector<std::pair<Dims, Dims>>& shape_pairs() {
  static const std::vector<std::pair<Dims, Dims>> list = {
      {{}, {}},
      {{7}, {7}},
      {{2, 3, 37}, {2, 3, 37}},
      {{2, 3, 37}, {}},
      {{1}, {5, 4}},
      {{2, 8, 5, 5}, {1, 8, 1, 1}},
      {{2, 8, 5, 5}, {8, 1, 1}},
      {{4, 6, 19}, {19}},
      {{4, 6, 3}, {3}},
      {{4, 1, 3}, {1, 6, 1}},
      {{1, 6, 1, 9}, {5, 1, 7, 1}},
      {{3, 1, 2, 1, 4}, {1, 5, 1, 6, 1}},
      {{2, 3, 17, 16}, {2, 3, 1, 16}},
      {{0, 3}, {1, 3}},
      {{20000}, {1}},
      {{3, 10001}, {3, 1}},
      {{1, 1, 1, 1, 1, 1, 2}, {2, 1, 1, 1, 1, 1, 1}},
  };
  return list;
}

template <class T>
Data random_of(std::mt19937& gen, const Dims& dims, double low, double high) {
  Data d(dtype_of<T>, dims);
  std::uniform_real_distribution<double> u(low, high);
  for (int64_t i = 0; i < count(dims); ++i) d.as<T>()[i] = T(u(gen));
  return d;
}

template <class T, class R, class F>
void check_binary(const std::string& isa, std::mt19937& gen, const std::string& op, double low, double high,
                  F f, const std::vector<Attr>& attrs = {}, double max_ulps = 0,
                  hrt_dtype dtype = dtype_of<T>, hrt_dtype result = dtype_of<R>) {
  for (const auto& [da, db] : shape_pairs())
    for (const bool swap : {false, true}) {
      if (swap && op == "PRelu") continue;
      Data a = random_of<T>(gen, swap ? db : da, low, high), b = random_of<T>(gen, swap ? da : db, low, high);
      a.dtype = b.dtype = dtype;
      const Dims dims = broadcast(da, db);
      if (op == "PRelu" && a.dims != dims) continue;
      for (int threads : {1, 2}) {
        const Data y = run_op(isa, op, {a, b}, Out(dims, result), attrs, 0, threads);
        for_each(dims, [&](const Dims& at) {
          const T x = a.as<T>()[offset(a.dims, at)], z = b.as<T>()[offset(b.dims, at)];
          const R got = y.as<R>()[offset(dims, at)];
          if (max_ulps > 0)
            ASSERT_LE(ulps(float(got), double(f(x, z))), max_ulps) << op << " of " << x << ", " << z;
          else
            ASSERT_EQ(got, R(f(x, z))) << op << " of " << +x << ", " << +z;
        });
      }
    }
}

TEST_P(CpuBinary, FloatArithmeticIsWrong) {
  check_binary<float, float>(isa(), gen, "Add", -2, 2, [](float a, float b) { return a + b; });
  check_binary<float, float>(isa(), gen, "Sub", -2, 2, [](float a, float b) { return a - b; });
  check_binary<float, float>(isa(), gen, "Mul", -2, 2, [](float a, float b) { return a * b; });
  check_binary<float, float>(isa(), gen, "Div", -2, 2, [](float a, float b) { return a / b; });
  check_binary<float, float>(isa(), gen, "Max", -2, 2, [](float a, float b) { return std::max(a, b); });
  check_binary<float, float>(isa(), gen, "Min", -2, 2, [](float a, float b) { return std::min(a, b); });
  check_binary<float, float>(isa(), gen, "PRelu", -2, 2, [](float a, float b) { return a < 0 ? a * b : a; });
  check_binary<float, float>(isa(), gen, "Mod", -9, 9, [](float a, float b) { return std::fmod(a, b); },
                             {{"fmod", 1}});
  check_binary<float, float>(
      isa(), gen, "Pow", 0.01, 20, [](double a, double b) { return std::pow(a, b); }, {}, 1.0);
  check_binary<double, double>(isa(), gen, "Div", -2, 2, [](double a, double b) { return a / b; });
}

TEST_P(CpuBinary, IntegerArithmeticIsWrong) {
  const auto all = [&]<class T>(T) {
    check_binary<T, T>(isa(), gen, "Add", -99, 99, [](T a, T b) { return a + b; });
    check_binary<T, T>(isa(), gen, "Sub", -99, 99, [](T a, T b) { return a - b; });
    check_binary<T, T>(isa(), gen, "Mul", -99, 99, [](T a, T b) { return a * b; });
    check_binary<T, T>(isa(), gen, "Div", 1, 99, [](T a, T b) { return a / b; });
    check_binary<T, T>(isa(), gen, "Div", -99, -1, [](T a, T b) { return a / b; });
    check_binary<T, T>(isa(), gen, "Mod", 1, 99, [](T a, T b) { return a % b; });
    check_binary<T, T>(isa(), gen, "Max", -99, 99, [](T a, T b) { return std::max(a, b); });
  };
  all(int32_t());
  all(int64_t());
  // numpy: the sign of mod is the divisor's, that of fmod the dividend's.
  const Data a = ints({-7, 7, -7, 7}), b = ints({3, -3, -3, 3});
  const Out out({4}, HRT_INT64);
  EXPECT_EQ(run_op(isa(), "Mod", {a, b}, out).vector<int64_t>(), (std::vector<int64_t>{2, -2, -1, 1}));
  EXPECT_EQ(run_op(isa(), "Mod", {a, b}, out, {{"fmod", 1}}).vector<int64_t>(),
            (std::vector<int64_t>{-1, 1, -1, 1}));
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(run_op(isa(), "Div", {ints({kMin}), ints({-1})}, Out({1}, HRT_INT64)).vector<int64_t>()[0], kMin);
  EXPECT_EQ(run_op(isa(), "Mod", {ints({kMin}), ints({-1})}, Out({1}, HRT_INT64)).vector<int64_t>()[0], 0);
}

TEST_P(CpuBinary, IntegerDivisionByZeroIsNoError) {
  for (const char* op : {"Div", "Mod"})
    EXPECT_NE(refusal(isa(), op, {ints({1, 2}), ints({1, 0})}, Out({2}, HRT_INT64)).find("division by zero"),
              std::string::npos)
        << op;
}

TEST_P(CpuBinary, ComparisonOrLogicIsWrong) {
  const auto all = [&]<class T>(T, hrt_dtype dtype, double low) {
    check_binary<T, uint8_t>(
        isa(), gen, "Equal", low, 3, [](T a, T b) { return a == b; }, {}, 0, dtype, HRT_BOOL);
    check_binary<T, uint8_t>(
        isa(), gen, "Less", low, 3, [](T a, T b) { return a < b; }, {}, 0, dtype, HRT_BOOL);
    check_binary<T, uint8_t>(
        isa(), gen, "Greater", low, 3, [](T a, T b) { return a > b; }, {}, 0, dtype, HRT_BOOL);
    check_binary<T, uint8_t>(
        isa(), gen, "LessOrEqual", low, 3, [](T a, T b) { return a <= b; }, {}, 0, dtype, HRT_BOOL);
    check_binary<T, uint8_t>(
        isa(), gen, "GreaterOrEqual", low, 3, [](T a, T b) { return a >= b; }, {}, 0, dtype, HRT_BOOL);
  };
  all(float(), HRT_FLOAT32, -3);
  all(double(), HRT_FLOAT64, -3);
  all(int32_t(), HRT_INT32, -3);
  all(int64_t(), HRT_INT64, -3);
  all(uint8_t(), HRT_UINT8, 0);
  const auto logic = [&](const char* op, auto f) {
    check_binary<uint8_t, uint8_t>(isa(), gen, op, 0, 2, f, {}, 0, HRT_BOOL, HRT_BOOL);
  };
  logic("And", [](uint8_t a, uint8_t b) { return a & b; });
  logic("Or", [](uint8_t a, uint8_t b) { return a | b; });
  logic("Xor", [](uint8_t a, uint8_t b) { return a ^ b; });
}

TEST_P(CpuBinary, MinOrMaxDropsNan) {
  const Data a(Dims{4}, std::vector<float>{kNan, 1, kNan, kInf}),
      b(Dims{4}, std::vector<float>{1, kNan, kNan, -kInf});
  expect_near(run_op(isa(), "Max", {a, b}, {4}), {kNan, kNan, kNan, kInf}, 0, 0, "Max");
  expect_near(run_op(isa(), "Min", {a, b}, {4}), {kNan, kNan, kNan, -kInf}, 0, 0, "Min");
}

TEST_P(CpuBinary, PowOfSpecialValuesIsWrong) {
  std::vector<float> values = {0.0f,      -0.0f, 1,    -1,    2,           -2,       0.5f,       -0.5f,
                               3,         -3,    kInf, -kInf, kNan,        1e30f,    -1e30f,     1e-30f,
                               0x1p-149f, 127,   -127, 1e9f,  16777217.0f, 0.33333f, 8388607.0f, -8388607.0f};
  const int64_t n = int64_t(values.size());
  const Data x(Dims{n, 1}, values), y(Dims{1, n}, values);
  const Data z = run_op(isa(), "Pow", {x, y}, {n, n});
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const double a = values[size_t(i)], b = values[size_t(j)];
      ASSERT_LE(ulps(z.as<float>()[i * n + j], std::pow(a, b)), 1.0) << a << " ^ " << b;
    }
}

TEST_P(CpuBinary, PowByConstantDiffersFromPow) {
  const Data x = sweep(99991);
  for (const float p : {2.0f, 0.5f, 1.0f, -1.0f, 3.0f, 0.0f, 0.3f, -2.0f}) {
    const Data e(Dims{}, std::vector<float>{p});
    const Data y = run_op(isa(), "Pow", {x, e}, x.dims, {}, 2);
    for (int64_t i = 0; i < count(x.dims); ++i)
      ASSERT_LE(ulps(y.as<float>()[i], std::pow(double(x.as<float>()[i]), double(p))), 1.0)
          << x.as<float>()[i] << " ^ " << p;
  }
  const Data e(Dims{1}, std::vector<int64_t>{2});
  const Data y = run_op(isa(), "Pow", {Data(Dims{2}, std::vector<float>{3, -4}), e}, {2}, {}, 2);
  EXPECT_EQ(y.floats(), (std::vector<float>{9, 16}));
  EXPECT_NE(refusal(isa(), "Pow", {Data(Dims{1}, std::vector<float>{3}), e}, {1}), "");
}

TEST_P(CpuBinary, VariadicIsWrong) {
  const Data a = random({3, 1, 5}, 1), b = random({4, 1}, 2), c = random({3, 4, 5}, 3), d = random({1}, 4);
  const Dims dims = {3, 4, 5};
  const auto check = [&](const std::string& op, auto f) {
    for (size_t n = 1; n <= 4; ++n) {
      std::vector<Data> in = {c, b, a, d};
      in.resize(n);
      std::vector<double> want;
      for_each(dims, [&](const Dims& at) {
        double v = in[0].as<float>()[offset(in[0].dims, at)];
        for (size_t i = 1; i < n; ++i) v = f(v, double(in[i].as<float>()[offset(in[i].dims, at)]));
        want.push_back(op == "Mean" ? v / double(n) : v);
      });
      expect_near(run_op(isa(), op, in, dims), want, 1e-6, 1e-6, op);
    }
  };
  check("Sum", [](double x, double y) { return x + y; });
  check("Mean", [](double x, double y) { return x + y; });
  check("Max", [](double x, double y) { return std::max(x, y); });
  check("Min", [](double x, double y) { return std::min(x, y); });
}

TEST_P(CpuBinary, WhereIsWrong) {
  const std::vector<Dims> shapes = {{}, {5}, {3, 1}, {3, 5}, {2, 1, 1}, {2, 3, 5}, {1, 3, 5}};
  for (const Dims& dc : shapes)
    for (const Dims& dx : shapes)
      for (const Dims& dy : shapes) {
        const Dims dims = broadcast(broadcast(dc, dx), dy);
        Data c = random_of<uint8_t>(gen, dc, 0, 2);
        c.dtype = HRT_BOOL;
        const Data x = random_of<int64_t>(gen, dx, -99, 99), y = random_of<int64_t>(gen, dy, -99, 99);
        const Data z = run_op(isa(), "Where", {c, x, y}, Out(dims, HRT_INT64));
        for_each(dims, [&](const Dims& at) {
          const int64_t want = c.as<uint8_t>()[offset(dc, at)] ? x.as<int64_t>()[offset(dx, at)]
                                                               : y.as<int64_t>()[offset(dy, at)];
          ASSERT_EQ(z.as<int64_t>()[offset(dims, at)], want);
        });
      }
  const Data c(Dims{3}, std::vector<uint8_t>{1, 0, 1});
  Data b = c;
  b.dtype = HRT_BOOL;
  EXPECT_EQ(run_op(isa(), "Where", {b, c, b}, Out({3}, HRT_BOOL)).vector<uint8_t>(),
            (std::vector<uint8_t>{1, 0, 1}));
}

TEST_P(CpuBinary, BlockedLayoutChangesResult) {
  for (const int64_t channels : {3, 16, 37}) {
    const Data x = random({2, channels, 5, 7}, 1);
    const std::vector<std::pair<std::string, Data>> cases = {
        {"Mul", random({1, channels, 1, 1}, 2)},       {"Add", random({channels, 1, 1}, 3)},
        {"Sub", random({2, channels, 5, 7}, 4)},       {"Div", Data(Dims{}, std::vector<float>{3})},
        {"PRelu", random({channels, 1, 1}, 5)},        {"Add", random({7}, 6)},
        {"Pow", Data(Dims{1}, std::vector<float>{2})}, {"Mul", random({2, 1, 5, 7}, 7)},
    };
    for (const auto& [op, b] : cases)
      EXPECT_EQ(run_blocked(isa(), op, {x, b}, x.dims).floats(),
                run_op(isa(), op, {x, b}, x.dims, {}, 2).floats())
          << op;
    for (const char* op : {"Relu", "Exp", "Mish", "Sign"})
      EXPECT_EQ(run_blocked(isa(), op, {x}, x.dims).floats(), run_op(isa(), op, {x}, x.dims).floats()) << op;
    const Data hi(Dims{}, std::vector<float>{0.25f});
    EXPECT_EQ(run_blocked(isa(), "Clip", {x, absent(), hi}, x.dims).floats(),
              run_op(isa(), "Clip", {x, absent(), hi}, x.dims).floats());
  }
}

TEST_P(CpuBinary, UnsupportedTypeIsTaken) {
  const Data z(HRT_COMPLEX64, {2});
  for (const char* op : {"Add", "Pow", "Less"})
    EXPECT_NE(refusal(isa(), op, {z, z}, Out({2}, HRT_COMPLEX64)).find("complex64"), std::string::npos) << op;
  EXPECT_NE(refusal(isa(), "Exp", {z}, Out({2}, HRT_COMPLEX64)).find("complex64"), std::string::npos);
  const Data f(HRT_FLOAT32, {2});
  EXPECT_NE(refusal(isa(), "Mod", {f, f}, Out({2})), "");
}

// --------------------------------------------------------------------------------------- Cast

template <class From, class To, class F>
void check_cast(const std::string& isa, const std::vector<From>& values, F f) {
  const Data x(Dims{int64_t(values.size())}, values);
  const Data y = run_op(isa, "Cast", {x}, Out(x.dims, dtype_of<To>), {{"to", int64_t(dtype_of<To>)}});
  for (size_t i = 0; i < values.size(); ++i) {
    const To got = y.as<To>()[i], want = f(values[i]);
    ASSERT_TRUE(same_bits(got, want))
        << dtype_name(x.dtype) << " to " << dtype_name(y.dtype) << ", element " << i;
  }
}

TEST_P(CpuCast, ConversionIsWrong) {
  std::vector<float> floats = {0,     -0.0f, 1,     -1,    0.49f, 0.5f,    1.5f,    -1.5f, 100.7f, -100.7f,
                               65504, 65519, 65520, 65536, 1e-8f, 5.9e-8f, 6.1e-5f, 3e38f, kInf,   -kInf};
  for (int i = 0; i < 1000; ++i) floats.push_back(std::ldexp(float(pick(-99999, 99999)), int(pick(-40, 10))));
  check_cast<float, float16>(isa(), floats, [](float v) { return float16(v); });
  check_cast<float, bfloat16>(isa(), floats, [](float v) { return bfloat16(v); });
  check_cast<float, double>(isa(), floats, [](float v) { return double(v); });
  check_cast<float, bool>(isa(), floats, [](float v) { return v != 0; });
  // To the nearest 64-bit integer, then the low bits.
  const auto wrap = []<class To>(float v, To) {
    if (std::is_same_v<To, uint64_t> && v >= 0x1p63f) return To(v >= 0x1p64f ? UINT64_MAX : uint64_t(v));
    return To(v >= 0x1p63f ? INT64_MAX : v <= -0x1p63f ? INT64_MIN : int64_t(v));
  };
  check_cast<float, int8_t>(isa(), floats, [&](float v) { return wrap(v, int8_t()); });
  check_cast<float, uint8_t>(isa(), floats, [&](float v) { return wrap(v, uint8_t()); });
  check_cast<float, int16_t>(isa(), floats, [&](float v) { return wrap(v, int16_t()); });
  check_cast<float, int32_t>(isa(), floats, [&](float v) { return wrap(v, int32_t()); });
  check_cast<float, uint32_t>(isa(), floats, [&](float v) { return wrap(v, uint32_t()); });
  check_cast<float, int64_t>(isa(), floats, [&](float v) { return wrap(v, int64_t()); });
  check_cast<float, uint64_t>(isa(), floats, [&](float v) { return wrap(v, uint64_t()); });
  check_cast<float, int32_t>(isa(), {kNan}, [](float) { return 0; });

  std::vector<float16> halves(65536);
  for (uint32_t i = 0; i < 65536; ++i)
    halves[i].bits = (i & 0x7fff) > 0x7c00 ? uint16_t(0x7c00) : uint16_t(i);
  check_cast<float16, float>(isa(), halves, [](float16 v) { return float(v); });
  check_cast<float16, double>(isa(), halves, [](float16 v) { return double(float(v)); });
  std::vector<int64_t> wide = {0,         1,        -1, 127, 128, 255, 256, -129, 1ll << 40, -(1ll << 40) + 5,
                               INT64_MAX, INT64_MIN};
  check_cast<int64_t, int8_t>(isa(), wide, [](int64_t v) { return int8_t(v); });
  check_cast<int64_t, uint8_t>(isa(), wide, [](int64_t v) { return uint8_t(v); });
  check_cast<int64_t, int32_t>(isa(), wide, [](int64_t v) { return int32_t(v); });
  check_cast<int64_t, float>(isa(), wide, [](int64_t v) { return float(v); });
  check_cast<int64_t, double>(isa(), wide, [](int64_t v) { return double(v); });
  check_cast<int64_t, bool>(isa(), wide, [](int64_t v) { return v != 0; });
  check_cast<uint8_t, float>(isa(), {0, 1, 255}, [](uint8_t v) { return float(v); });
  check_cast<uint8_t, int64_t>(isa(), {0, 1, 255}, [](uint8_t v) { return int64_t(v); });
}

HRT_FOR_EACH_ISA(CpuUnary);
HRT_FOR_EACH_ISA(CpuBinary);
HRT_FOR_EACH_ISA(CpuCast);

}  // namespace
}  // namespace hrt::test
