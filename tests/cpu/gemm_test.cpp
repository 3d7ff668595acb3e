// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/cpu/host.h"

namespace hrt::test {
namespace {

// Runs on every library with one thread and three; all must agree with expected, and with each other.
void check(const Model& m, const std::vector<Data>& inputs, const std::vector<double>& expected, double k) {
  for (const std::string& isa : isas()) {
    std::vector<float> first;
    for (const int threads : {1, 3}) {
      const std::vector<float> got = backend(isa).run(m, inputs, threads)[0].floats();
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i)
        ASSERT_NEAR(got[i], expected[i], 3e-6 * std::sqrt(k + 1)) << isa << " at " << i;
      if (threads == 1)
        first = got;
      else
        ASSERT_EQ(first, got) << isa << ": result depends on the number of threads";
    }
  }
}

struct GemmCase {
  int64_t m, n, k;
  bool ta = false, tb = false, constant = true;
  float alpha = 1, beta = 1;
  Dims c = {};  // empty with has_c: a scalar
  bool has_c = false;
  std::string activation = {};
};

void check(const GemmCase& g, unsigned seed) {
  SCOPED_TRACE(testing::Message() << g.m << 'x' << g.n << 'x' << g.k << " ta" << g.ta << " tb" << g.tb
                                  << " const" << g.constant << " c" << g.has_c << ' ' << g.activation);
  const Data a = random(g.ta ? Dims{g.k, g.m} : Dims{g.m, g.k}, seed),
             b = random(g.tb ? Dims{g.n, g.k} : Dims{g.k, g.n}, seed + 1), c = random(g.c, seed + 2);
  const int64_t c_rows = g.c.size() < 2 ? 1 : g.c[0], c_cols = g.c.empty() ? 1 : g.c.back();
  std::vector<double> expected;
  for (int64_t i = 0; i < g.m; ++i)
    for (int64_t j = 0; j < g.n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < g.k; ++l)
        sum += double(a.as<float>()[g.ta ? l * g.m + i : i * g.k + l]) *
               double(b.as<float>()[g.tb ? j * g.k + l : l * g.n + j]);
      sum *= double(g.alpha);
      if (g.has_c)
        sum += double(g.beta) * double(c.as<float>()[(c_rows == 1 ? 0 : i * c_cols) + (c_cols == 1 ? 0 : j)]);
      expected.push_back(g.activation == "Relu"   ? std::max(sum, 0.0)
                         : g.activation == "Tanh" ? std::tanh(sum)
                                                  : sum);
    }
  Model m;
  std::vector<Data> inputs = {a};
  std::vector<uint32_t> in = {m.input(a.dims)};
  const auto add = [&](const Data& d) {
    if (g.constant) return in.push_back(m.constant(d));
    in.push_back(m.input(d.dims));
    inputs.push_back(d);
  };
  add(b);
  if (g.has_c) add(c);
  std::vector<Attr> attrs = {
      {"transA", int(g.ta)}, {"transB", int(g.tb)}, {"alpha", g.alpha}, {"beta", g.beta}};
  if (!g.activation.empty()) attrs.emplace_back("activation", g.activation);
  m.output(m.node(g.activation.empty() ? "Gemm" : "hrt:FusedGemm", in, {g.m, g.n}, attrs));
  check(m, inputs, expected, double(g.k));
}

TEST(Gemm, Transposes) {
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      for (const bool constant : {false, true})
        for (const int64_t rows : {1, 3, 9, 40}) check({rows, 37, 29, ta, tb, constant}, 1);
}

TEST(Gemm, ScaledWithC) {
  for (const bool constant : {false, true})
    for (const Dims& c : {Dims{}, Dims{1}, Dims{20}, Dims{1, 20}, Dims{7, 1}, Dims{7, 20}, Dims{1, 1}}) {
      GemmCase g{7, 20, 11, false, true, constant, 0.5f, -2.0f, c, true};
      check(g, 2);
      g.activation = "Relu";
      check(g, 3);
      g.activation = "Tanh";
      check(g, 4);
    }
}

TEST(Gemm, RowsColumnsAndDepthsAroundTheTiles) {
  for (const int64_t m : {1, 2, 5, 6, 7, 13, 31})
    for (const int64_t n : {1, 15, 16, 17, 64, 100})
      for (const int64_t k : {1, 4, 19}) check({m, n, k, false, false, k == 4}, 5);
}

TEST(Gemm, LongSums) {
  check({1, 100, 5000}, 6);
  check({33, 80, 4100, false, false, true, 1, 1, {80}, true, "Tanh"}, 7);
  check({40, 33, 4100, false, false, false, 1, 1, {40, 33}, true}, 8);
}

TEST(Gemm, NothingToSum) {
  check({3, 20, 0, false, false, true, 1, 1, {20}, true}, 9);
  check({0, 20, 5}, 10);
}

// ------------------------------------------------------------------------------------- MatMul

void check_matmul(const Dims& a_dims, const Dims& b_dims, bool constant, bool bias,
                  const std::string& activation, unsigned seed) {
  SCOPED_TRACE(testing::Message() << "ranks " << a_dims.size() << ' ' << b_dims.size() << " const"
                                  << constant);
  const Data a = random(a_dims, seed), b = random(b_dims, seed + 1);
  Dims da = a_dims, db = b_dims;
  if (da.size() == 1) da.insert(da.begin(), 1);
  if (db.size() == 1) db.push_back(1);
  const size_t rank = std::max(da.size(), db.size());
  da.insert(da.begin(), rank - da.size(), 1);
  db.insert(db.begin(), rank - db.size(), 1);
  const int64_t m = da[rank - 2], k = da[rank - 1], n = db[rank - 1];
  Dims batch;
  for (size_t i = 0; i + 2 < rank; ++i) batch.push_back(da[i] == 1 ? db[i] : da[i]);
  const Data row = random({n}, seed + 2);

  std::vector<double> expected;
  for (int64_t i = 0; i < count(batch); ++i) {
    int64_t ai = 0, bi = 0, rest = i;
    int64_t a_step = 1, b_step = 1;
    for (size_t d = batch.size(); d-- > 0;) {
      const int64_t at = rest % batch[d];
      rest /= batch[d];
      ai += da[d] == 1 ? 0 : at * a_step;
      bi += db[d] == 1 ? 0 : at * b_step;
      a_step *= da[d];
      b_step *= db[d];
    }
    for (int64_t r = 0; r < m; ++r)
      for (int64_t c = 0; c < n; ++c) {
        double sum = bias ? double(row.as<float>()[c]) : 0;
        for (int64_t l = 0; l < k; ++l)
          sum += double(a.as<float>()[(ai * m + r) * k + l]) * double(b.as<float>()[(bi * k + l) * n + c]);
        expected.push_back(activation == "Relu" ? std::max(sum, 0.0) : sum);
      }
  }
  Dims out = batch;
  if (a_dims.size() > 1) out.push_back(m);
  if (b_dims.size() > 1) out.push_back(n);
  Model model;
  std::vector<Data> inputs = {a};
  std::vector<uint32_t> in = {model.input(a_dims)};
  if (constant) {
    in.push_back(model.constant(b));
  } else {
    in.push_back(model.input(b_dims));
    inputs.push_back(b);
  }
  if (bias) in.push_back(model.constant(row));
  std::vector<Attr> attrs;
  if (!activation.empty()) attrs.emplace_back("activation", activation);
  model.output(model.node(bias || !activation.empty() ? "hrt:FusedMatMul" : "MatMul", in, out, attrs));
  check(model, inputs, expected, double(k));
}

TEST(MatMul, VectorsAndBroadcastBatches) {
  const std::vector<std::pair<Dims, Dims>> shapes = {{{9}, {9}},
                                                     {{9}, {9, 20}},
                                                     {{5, 9}, {9}},
                                                     {{2, 3, 5, 9}, {9, 20}},
                                                     {{3, 5, 9}, {3, 9, 20}},
                                                     {{2, 1, 5, 9}, {3, 9, 20}},
                                                     {{1, 3, 2, 9}, {2, 3, 9, 33}},
                                                     {{5, 9}, {4, 9, 17}},
                                                     {{3, 40, 16}, {3, 16, 40}},
                                                     {{2, 3, 4}, {4}},
                                                     {{4}, {2, 4, 3}}};
  for (const auto& [a, b] : shapes)
    for (const bool constant : {false, true}) check_matmul(a, b, constant, false, "", 11);
}

TEST(MatMul, FusedBiasAndActivation) {
  for (const bool constant : {false, true}) {
    check_matmul({2, 7, 30}, {30, 50}, constant, true, "Relu", 12);
    check_matmul({2, 3, 30}, {2, 30, 50}, constant, true, "", 13);
    check_matmul({1, 30}, {30, 17}, constant, false, "Relu", 14);
  }
}

}  // namespace
}  // namespace hrt::test
