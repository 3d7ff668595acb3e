// SPDX-License-Identifier: Apache-2.0
// Softmax, normalisations and reductions against loops in double precision.
#include <limits>
#include <numeric>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

class CpuNorm : public CpuOp {};
class CpuReduce : public CpuOp {};

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// x as {outer, n, inner} around an axis.
struct Cut {
  int64_t outer, n, inner;
};
Cut cut(const Dims& dims, int64_t axis) {
  if (axis < 0) axis += int64_t(dims.size());
  Cut c{1, dims[size_t(axis)], 1};
  for (int64_t d = 0; d < int64_t(dims.size()); ++d)
    (d < axis ? c.outer : d > axis ? c.inner : c.n) *= d == axis ? 1 : dims[size_t(d)];
  return c;
}

// Calls f with the positions of each line along an axis.
void for_lines(const Dims& dims, int64_t axis, const std::function<void(const std::vector<size_t>&)>& f) {
  const Cut c = cut(dims, axis);
  for (int64_t o = 0; o < c.outer; ++o)
    for (int64_t i = 0; i < c.inner; ++i) {
      std::vector<size_t> line;
      for (int64_t k = 0; k < c.n; ++k) line.push_back(size_t((o * c.n + k) * c.inner + i));
      f(line);
    }
}

TEST_P(CpuNorm, SoftmaxIsWrong) {
  for (const Dims& dims : {Dims{1}, {7}, {3, 1000}, {2, 5, 33}, {4, 3, 16, 17}, {2, 64, 1}, {0, 4}})
    for (int64_t axis = -int64_t(dims.size()); axis < int64_t(dims.size()); ++axis)
      for (const bool log : {false, true}) {
        Data x = random(dims, 7);
        for (int64_t i = 0; i < count(dims); ++i) x.as<float>()[i] *= 20;
        std::vector<double> want(size_t(count(dims)));
        for_lines(dims, axis, [&](const std::vector<size_t>& line) {
          double m = -kInf, sum = 0;
          for (const size_t i : line) m = std::max(m, double(x.as<float>()[i]));
          for (const size_t i : line) sum += std::exp(x.as<float>()[i] - m);
          for (const size_t i : line) {
            const double v = x.as<float>()[i] - m;
            want[i] = log ? v - std::log(sum) : std::exp(v) / sum;
          }
        });
        const std::string op = log ? "LogSoftmax" : "Softmax";
        expect_near(run_op(isa(), op, {x}, dims, {{"axis", axis}}, 0, 2), want, 5e-6, log ? 1e-6 : 1e-30, op);
      }
}

TEST_P(CpuNorm, SoftmaxOfExtremesIsWrong) {
  const float inf = INFINITY, nan = NAN;
  const Data x(Dims{5, 3},
               std::vector<float>{1000, 1000, -1000, -inf, 0, -inf, nan, 1, 2, -inf, -inf, -inf, 88, -88, 0});
  const double e = std::exp(-88.0), sum = 1 + e + e * e;
  std::vector<double> want = {0.5,  0.5,  0,    0,    1,       0,           kNan,   kNan,
                              kNan, kNan, kNan, kNan, 1 / sum, e * e / sum, e / sum};
  expect_near(run_op(isa(), "Softmax", {x}, x.dims), want, 1e-6, 1e-45, "rows");
  Data t(HRT_FLOAT32, {3, 5});
  std::vector<double> turned(15);
  for (size_t i = 0; i < 5; ++i)
    for (size_t j = 0; j < 3; ++j) {
      t.as<float>()[j * 5 + i] = x.as<float>()[i * 3 + j];
      turned[j * 5 + i] = want[i * 3 + j];
    }
  expect_near(run_op(isa(), "Softmax", {t}, t.dims, {{"axis", 0}}), turned, 1e-6, 1e-45, "columns");
}

// (x - mean) / sqrt(variance + epsilon) over a set of positions.
struct Moments {
  double mean = 0, inverse = 0;
};
Moments moments(const Data& x, const std::vector<size_t>& at, double epsilon) {
  Moments m;
  for (const size_t i : at) m.mean += x.as<float>()[i];
  m.mean /= double(at.size());
  double variance = 0;
  for (const size_t i : at) variance += std::pow(x.as<float>()[i] - m.mean, 2);
  m.inverse = 1 / std::sqrt(variance / double(at.size()) + epsilon);
  return m;
}

std::vector<size_t> range(size_t begin, size_t n) {
  std::vector<size_t> v(n);
  std::iota(v.begin(), v.end(), begin);
  return v;
}

TEST_P(CpuNorm, GroupOrInstanceNormalizationIsWrong) {
  for (const Dims& dims : {Dims{2, 6, 5, 7}, {1, 32, 9}, {3, 48, 4, 4}, {2, 6}})
    for (const int64_t groups : {int64_t(1), int64_t(2), dims[1]}) {
      Data x = random(dims, 3);
      for (int64_t i = 0; i < count(dims); ++i) x.as<float>()[i] += 10;  // a mean that cancels
      const Data scale = random({dims[1]}, 4), bias = random({dims[1]}, 5);
      const int64_t spatial = count(dims) / dims[0] / dims[1], n = dims[1] / groups * spatial;
      std::vector<double> want(size_t(count(dims)));
      for (int64_t g = 0; g < dims[0] * groups; ++g) {
        const auto at = range(size_t(g * n), size_t(n));
        const Moments m = moments(x, at, 1e-3);
        for (const size_t i : at) {
          const size_t c = i / size_t(spatial) % size_t(dims[1]);
          want[i] = (x.as<float>()[i] - m.mean) * m.inverse * scale.as<float>()[c] + bias.as<float>()[c];
        }
      }
      expect_near(run_op(isa(), "GroupNormalization", {x, scale, bias}, dims,
                         {{"num_groups", groups}, {"epsilon", 1e-3f}}, 0, 2),
                  want, 1e-5, 1e-5, "group");
      if (groups != dims[1] || dims.size() < 3) continue;
      const std::vector<Attr> attrs = {{"epsilon", 1e-3f}};
      expect_near(run_op(isa(), "InstanceNormalization", {x, scale, bias}, dims, attrs), want, 1e-5, 1e-5,
                  "instance");
      expect_near(run_blocked(isa(), "InstanceNormalization", {x, scale, bias}, dims, attrs), want, 1e-5,
                  1e-5, "blocked");
    }
}

TEST_P(CpuNorm, BatchNormalizationIsWrong) {
  for (const Dims& dims : {Dims{2, 6, 5, 7}, {3, 37, 3}, {4, 19}, {2, 16, 3, 3}, {2, 0, 3}}) {
    const Data x = random(dims, 3), scale = random({dims[1]}, 4), bias = random({dims[1]}, 5),
               mean = random({dims[1]}, 6);
    Data var = random({dims[1]}, 7);
    for (int64_t c = 0; c < dims[1]; ++c) var.as<float>()[c] = std::fabs(var.as<float>()[c]) + 0.1f;
    std::vector<double> want;
    const int64_t spatial = count(dims) / std::max<int64_t>(dims[0] * dims[1], 1);
    for (int64_t i = 0; i < count(dims); ++i) {
      const int64_t c = i / spatial % dims[1];
      want.push_back((x.as<float>()[i] - double(mean.as<float>()[c])) / std::sqrt(var.as<float>()[c] + 1e-5) *
                         scale.as<float>()[c] +
                     bias.as<float>()[c]);
    }
    const std::vector<Data> in = {x, scale, bias, mean, var};
    expect_near(run_op(isa(), "BatchNormalization", in, dims, {}, 30, 2), want, 2e-6, 2e-6, "plain");
    if (dims.size() > 2 && dims[1])
      expect_near(run_blocked(isa(), "BatchNormalization", in, dims), want, 2e-6, 2e-6, "blocked");
  }
}

TEST_P(CpuNorm, LayerNormalizationIsWrong) {
  for (const Dims& dims : {Dims{3, 5, 16}, {2, 3, 77}, {4, 1}, {2, 3, 4, 5}})
    for (int64_t axis = -int64_t(dims.size()); axis < int64_t(dims.size()); ++axis)
      for (const bool rms : {false, true})
        for (const bool narrow : {false, true}) {
          const int64_t rank = int64_t(dims.size()), at = axis < 0 ? axis + rank : axis;
          const Dims row(dims.begin() + at, dims.end());
          Dims small = row;
          if (narrow) small.front() = 1;
          Data x = random(dims, 1);
          const Data scale = random(small, 2), bias = random(row, 3);
          const size_t n = size_t(count(row)), outer = size_t(count(dims)) / n;
          std::vector<double> want, means, inverses;
          for (size_t r = 0; r < outer; ++r) {
            Moments m = moments(x, range(r * n, n), 1e-5);
            if (rms) {
              double squares = 0;
              for (size_t i = 0; i < n; ++i) squares += std::pow(x.as<float>()[r * n + i], 2);
              m = {0, 1 / std::sqrt(squares / double(n) + 1e-5)};
            }
            means.push_back(m.mean);
            inverses.push_back(m.inverse);
            size_t i = r * n;
            for_each(row, [&](const Dims& p) {
              const double v =
                  (x.as<float>()[i++] - m.mean) * m.inverse * scale.as<float>()[offset(small, p)];
              want.push_back(rms ? v : v + bias.as<float>()[offset(row, p)]);
            });
          }
          if (rms) {
            expect_near(run_op(isa(), "RMSNormalization", {x, scale}, dims, {{"axis", axis}}), want, 1e-5,
                        1e-5, "rms");
            continue;
          }
          Dims reduced = dims;
          std::fill(reduced.begin() + at, reduced.end(), 1);
          const auto y = run_ops(isa(), "LayerNormalization", {x, scale, bias},
                                 {Out(dims), Out(reduced), Out(reduced)}, {{"axis", axis}}, 0, 2);
          expect_near(y[0], want, 1e-5, 1e-5, "layer");
          expect_near(y[1], means, 1e-5, 1e-6, "mean");
          expect_near(y[2], inverses, 1e-5, 1e-6, "inverse deviation");
        }
}

TEST_P(CpuNorm, LpNormalizationIsWrong) {
  const Dims dims = {3, 17, 20};
  Data x = random(dims, 1);
  for (int64_t i = 0; i < 20; ++i) x.as<float>()[i] = 0;
  for (const int64_t p : {1, 2})
    for (int64_t axis = -3; axis < 3; ++axis) {
      std::vector<double> want(size_t(count(dims)));
      for_lines(dims, axis, [&](const std::vector<size_t>& line) {
        double sum = 0;
        for (const size_t i : line) sum += std::pow(std::fabs(x.as<float>()[i]), double(p));
        const double norm = p == 1 ? sum : std::sqrt(sum);
        for (const size_t i : line) want[i] = norm == 0 ? 0 : x.as<float>()[i] / norm;
      });
      expect_near(run_op(isa(), "LpNormalization", {x}, dims, {{"axis", axis}, {"p", p}}), want, 1e-6, 1e-9,
                  "lp");
    }
}

TEST_P(CpuNorm, LrnIsWrong) {
  const Dims dims = {2, 9, 3, 7};
  const Data x = random(dims, 1);
  for (const int64_t size : {1, 2, 3, 5, 30})
    for (const float beta : {0.75f, 0.5f}) {
      std::vector<double> want;
      for_each(dims, [&](const Dims& at) {
        double sum = 0;
        for (int64_t c = 0; c < dims[1]; ++c)
          if (c >= at[1] - (size - 1) / 2 && c <= at[1] + size / 2)
            sum += std::pow(x.as<float>()[offset(dims, {at[0], c, at[2], at[3]})], 2);
        want.push_back(x.as<float>()[offset(dims, at)] /
                       std::pow(2 + 0.3f / double(size) * sum, double(beta)));
      });
      expect_near(
          run_op(isa(), "LRN", {x}, dims, {{"size", size}, {"alpha", 0.3f}, {"beta", beta}, {"bias", 2.0f}}),
          want, 1e-6, 1e-7, "LRN");
    }
}

// ---------------------------------------------------------------------------------- reductions

double reduce(const std::string& op, const std::vector<double>& v) {
  double sum = 0, product = 1, largest = -kInf, least = kInf, l1 = 0, squares = 0;
  for (const double x : v) {
    sum += x;
    product *= x;
    largest = std::max(largest, x);
    least = std::min(least, x);
    l1 += std::fabs(x);
    squares += x * x;
  }
  if (op == "ReduceSum") return sum;
  if (op == "ReduceMean") return sum / double(v.size());
  if (op == "ReduceProd") return product;
  if (op == "ReduceMax") return largest;
  if (op == "ReduceMin") return least;
  if (op == "ReduceL1") return l1;
  if (op == "ReduceL2") return std::sqrt(squares);
  if (op == "ReduceSumSquare") return squares;
  if (op == "ReduceLogSum") return std::log(sum);
  double e = 0;
  for (const double x : v) e += std::exp(x);
  return std::log(e);
}

const char* const kReductions[] = {"ReduceSum",    "ReduceMean",     "ReduceProd", "ReduceMax",
                                   "ReduceMin",    "ReduceL1",       "ReduceL2",   "ReduceSumSquare",
                                   "ReduceLogSum", "ReduceLogSumExp"};

TEST_P(CpuReduce, ReductionIsWrong) {
  for (const Dims& dims : {Dims{}, {40}, {3, 50}, {2, 3, 4, 5}, {3, 1, 17, 2}, {5, 4, 33}, {2, 3, 2, 2, 18}})
    for (uint32_t set = 0; set < 1u << dims.size(); ++set)
      for (const char* op : kReductions) {
        Data x = random(dims, set);
        for (int64_t i = 0; i < count(dims); ++i) x.as<float>()[i] = x.as<float>()[i] * 0.4f + 1;
        Dims axes, kept = dims;
        for (size_t d = 0; d < dims.size(); ++d)
          if (set >> d & 1) {
            axes.push_back(set % 3 ? int64_t(d) : int64_t(d) - int64_t(dims.size()));
            kept[d] = 1;
          }
        const bool noop = set & 1 || set == 0;
        std::vector<std::vector<double>> groups(size_t(count(kept)));
        for_each(dims, [&](const Dims& at) {
          groups[size_t(offset(kept, at))].push_back(x.as<float>()[offset(dims, at)]);
        });
        std::vector<double> want;
        for (const auto& g : groups) want.push_back(reduce(op, g));
        expect_near(run_op(isa(), op, {x, ints(axes)}, kept, {{"noop_with_empty_axes", int(noop)}}, 2,
                           1 + int(set % 2)),
                    want, 3e-6, 1e-6, op);
      }
}

TEST_P(CpuReduce, DefaultAxesAreWrong) {
  const Data x = random({4, 5}, 1);
  std::vector<double> all;
  for (const float v : x.floats()) all.push_back(v);
  expect_near(run_op(isa(), "ReduceSum", {x}, {1, 1}), {reduce("ReduceSum", all)}, 1e-5, 1e-6, "no axes");
  expect_near(run_op(isa(), "ReduceSum", {x}, Dims{}, {{"keepdims", 0}}), {reduce("ReduceSum", all)}, 1e-5,
              1e-6, "scalar");
  expect_near(run_op(isa(), "ReduceL1", {x, ints({})}, {1, 1}, {}, 2), {reduce("ReduceL1", all)}, 1e-5, 1e-6,
              "empty");
}

TEST_P(CpuReduce, EmptySetIsWrong) {
  const Data x(HRT_FLOAT32, {2, 0, 3});
  const auto check = [&](const std::string& op, double want) {
    expect_near(run_op(isa(), op, {x, ints({1})}, {2, 1, 3}, {}, 2), std::vector<double>(6, want), 0, 0, op);
  };
  check("ReduceSum", 0);
  check("ReduceProd", 1);
  check("ReduceMax", -kInf);
  check("ReduceMin", kInf);
  check("ReduceL2", 0);
  check("ReduceLogSum", -kInf);
  check("ReduceLogSumExp", -kInf);
}

TEST_P(CpuReduce, ExtremesAreWrong) {
  const float inf = INFINITY;
  const Data x(Dims{4, 2}, std::vector<float>{1000, 1000, -inf, -inf, inf, 1, NAN, 1});
  expect_near(run_op(isa(), "ReduceLogSumExp", {x, ints({1})}, {4, 1}, {}, 2),
              {1000 + std::log(2.0), -kInf, kInf, kNan}, 1e-6, 0, "LogSumExp");
  expect_near(run_op(isa(), "ReduceMax", {x, ints({1})}, {4, 1}, {}, 2), {1000, -kInf, kInf, kNan}, 0, 0,
              "Max");
  expect_near(run_op(isa(), "ReduceMin", {x, ints({0})}, {1, 2}, {}, 2), {kNan, -kInf}, 0, 0, "Min");
}

TEST_P(CpuReduce, IntegerReductionIsWrong) {
  const Data x(Dims{2, 3}, std::vector<int64_t>{1, -2, 3, 4, 5, -6});
  const auto run = [&](const char* op) {
    return run_op(isa(), op, {x, ints({1})}, Out({2, 1}, HRT_INT64), {}, 2).vector<int64_t>();
  };
  EXPECT_EQ(run("ReduceSum"), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(run("ReduceMean"), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(run("ReduceProd"), (std::vector<int64_t>{-6, -120}));
  EXPECT_EQ(run("ReduceMax"), (std::vector<int64_t>{3, 5}));
  EXPECT_EQ(run("ReduceMin"), (std::vector<int64_t>{-2, -6}));
}

TEST_P(CpuReduce, ArgMaxIsWrong) {
  for (const Dims& dims : {Dims{9}, {3, 100}, {2, 21, 70}, {4, 1, 5}})
    for (int64_t axis = -int64_t(dims.size()); axis < int64_t(dims.size()); ++axis)
      for (const bool max : {false, true})
        for (const bool last : {false, true}) {
          Data x(HRT_FLOAT32, dims);
          for (int64_t i = 0; i < count(dims); ++i) x.as<float>()[i] = float(pick(-5, 5));
          std::vector<int64_t> want;
          for_lines(dims, axis, [&](const std::vector<size_t>& line) {
            size_t best = 0;
            for (size_t k = 1; k < line.size(); ++k) {
              const float v = x.as<float>()[line[k]], b = x.as<float>()[line[best]];
              if (max ? v > b : v < b) best = k;
              if (last && v == b) best = k;
            }
            want.push_back(int64_t(best));
          });
          Dims out = dims;
          out[size_t(axis < 0 ? axis + int64_t(dims.size()) : axis)] = 1;
          EXPECT_EQ(run_op(isa(), max ? "ArgMax" : "ArgMin", {x}, Out(out, HRT_INT64),
                           {{"axis", axis}, {"select_last_index", int(last)}}, 0, 2)
                        .vector<int64_t>(),
                    want);
        }
}

TEST_P(CpuReduce, ThreadsChangeResult) {
  const Data x = random({64, 50, 70}, 9);
  for (const int64_t axis : {0, 1, 2})
    for (const char* op : {"ReduceSum", "ReduceLogSumExp"}) {
      Dims out = x.dims;
      out[size_t(axis)] = 1;
      EXPECT_EQ(run_op(isa(), op, {x, ints({axis})}, out, {}, 2, 1).bytes,
                run_op(isa(), op, {x, ints({axis})}, out, {}, 2, 4).bytes);
    }
  EXPECT_EQ(run_op(isa(), "Softmax", {x}, x.dims, {}, 0, 1).bytes,
            run_op(isa(), "Softmax", {x}, x.dims, {}, 0, 4).bytes);
  EXPECT_EQ(run_op(isa(), "Gelu", {x}, x.dims, {}, 0, 1).bytes,
            run_op(isa(), "Gelu", {x}, x.dims, {}, 0, 4).bytes);
}

TEST_P(CpuReduce, AxisOutOfRangeIsNoError) {
  const Data x = random({4, 5}, 1);
  for (const char* op : {"Softmax", "ArgMax", "LpNormalization", "LayerNormalization"})
    EXPECT_NE(refusal(isa(), op, {x, random({5}, 2)}, Out({4, 5}, op[0] == 'A' ? HRT_INT64 : HRT_FLOAT32),
                      {{"axis", 2}}),
              "")
        << op;
}

HRT_FOR_EACH_ISA(CpuNorm);
HRT_FOR_EACH_ISA(CpuReduce);

}  // namespace
}  // namespace hrt::test
