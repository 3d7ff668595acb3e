// SPDX-License-Identifier: Apache-2.0
// Random small graphs, made mostly of what the passes look for and what looks almost like it, give the
// same results with all passes as without any.
#include <numbers>
#include <set>

#include "model.h"

namespace hrt::test {
namespace {

const Attribute kPads{"pads", Ints{1, 1, 1, 1}};

class Generator {
 public:
  Generator(Model& m, unsigned seed) : m_(m), random_(seed) {
    for (int i = 0; i < 2; ++i) add(m_.input({2, 3, 4, 4}), {2, 3, 4, 4});
  }

  void run() {
    for (int i = 0; i < 14; ++i) step();
    m_.output(values_.back().id);
    for (int i = 0; i < 2; ++i) m_.output(pick().id);
  }

 private:
  struct Entry {
    ValueId id;
    Dims dims;
  };

  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }
  // Mostly one of the last values, so that chains grow; any one now and then, so that values are shared.
  const Entry& pick() {
    const int n = int(values_.size());
    return values_[size_t(below(4) == 0 ? below(n) : n - 1 - below(std::min(n, 2)))];
  }
  void add(ValueId id, Dims dims) { values_.push_back({id, std::move(dims)}); }
  ValueId constant(Dims dims) { return m_.random(std::move(dims), 0.5f, 1.5f); }

  // One of the shapes that broadcast into dims without changing it.
  Dims small_shape(const Dims& dims) {
    Dims shape(dims.end() - below(int(dims.size()) + 1), dims.end());
    for (int64_t& d : shape)
      if (below(2) == 0) d = 1;
    return shape;
  }

  void step() {
    const Entry x = pick();
    switch (below(15)) {
      case 0: return unary(x);
      case 1: return with_constant(x);
      case 2: return binary(x);
      case 3:
      case 4: return transpose(x);
      case 5: return regroup(x);
      case 6: return along_axis(x);
      case 7: return reduce(x);
      case 8:
      case 9: return convolution(x);
      case 10: return product(x);
      case 11: return nothing(x);
      case 12: return activation(x);
      case 13: return twice(x);
      default: return shape(x);
    }
  }

  void unary(const Entry& x) {
    const char* ops[] = {"Relu", "Tanh", "Sigmoid", "Abs", "Neg", "HardSwish", "LeakyRelu", "HardSigmoid"};
    add(m_.op(ops[below(8)], {x.id}), x.dims);
  }
  void with_constant(const Entry& x) {
    const char* ops[] = {"Add", "Sub", "Mul", "Div"};
    const auto c = constant(small_shape(x.dims));
    add(m_.op(ops[below(4)], {x.id, c}), x.dims);
  }
  void binary(const Entry& x) {
    for (int tries = 0; tries < 8; ++tries) {
      const Entry y = values_[size_t(below(int(values_.size())))];
      if (y.dims != x.dims) continue;
      const char* ops[] = {"Add", "Sub", "Max", "Add"};
      return add(m_.op(ops[below(4)], {x.id, y.id}), x.dims);
    }
    add(m_.op("Add", {x.id, x.id}), x.dims);
  }
  void transpose(const Entry& x) {
    Ints axes(x.dims.size());
    for (size_t i = 0; i < axes.size(); ++i) axes[i] = int64_t(i);
    std::shuffle(axes.begin(), axes.end(), random_);
    if (axes.size() == 4 && below(3) > 0) axes = below(2) ? Ints{0, 2, 3, 1} : Ints{0, 3, 1, 2};
    Dims dims;
    for (int64_t a : axes) dims.push_back(x.dims[size_t(a)]);
    add(m_.op("Transpose", {x.id}, {perm(axes)}), dims);
  }
  void regroup(const Entry& x) {
    if (x.dims.size() < 5 && below(2)) {
      Dims dims = x.dims;
      dims.insert(dims.begin() + 1 % int(dims.size() + 1), 1);
      return add(m_.op("Unsqueeze", {x.id, m_.ints({std::min<int64_t>(1, int64_t(x.dims.size()))})}), dims);
    }
    const int64_t n = int64_t(element_count(x.dims));
    const Dims dims = n % 2 ? Dims{n} : below(2) ? Dims{2, n / 2} : Dims{n / 2, 1, 2};
    add(m_.op("Reshape", {x.id, m_.ints(dims)}), dims);
  }
  void along_axis(const Entry& x) {
    if (x.dims.empty()) return;
    const int64_t axis = below(int(x.dims.size()));
    if (below(2)) return add(m_.op("Softmax", {x.id}, {attr("axis", axis)}), x.dims);
    Dims dims = x.dims;
    if (dims[size_t(axis)] > 6) return;
    const auto c = constant(dims);
    dims[size_t(axis)] *= 2;
    add(m_.op("Concat", {x.id, c}, {attr("axis", axis)}), dims);
  }
  void reduce(const Entry& x) {
    if (x.dims.size() < 2) return;
    const int64_t axis = below(int(x.dims.size())), keep = below(3) > 0;
    Dims dims = x.dims;
    if (keep)
      dims[size_t(axis)] = 1;
    else
      dims.erase(dims.begin() + axis);
    add(m_.op(below(2) ? "ReduceMean" : "ReduceMax", {x.id, m_.ints({axis})}, {attr("keepdims", keep)}),
        dims);
  }
  void convolution(const Entry& x) {
    if (x.dims.size() != 4) return transpose(x);
    const int64_t in = x.dims[1], out = below(2) ? in : 3;
    Ids inputs = {x.id, m_.random({out, in, 3, 3}, -0.3f, 0.3f)};
    if (below(2)) inputs.push_back(m_.random({out}));
    auto y = m_.op("Conv", inputs, {kPads});
    Dims dims = x.dims;
    dims[1] = out;
    if (below(3) == 0) add(y, dims);  // somebody may use it
    if (below(2)) {
      const auto p = [&] { return constant({out}); };
      y = m_.op("BatchNormalization", {y, p(), p(), p(), p()});
    }
    if (below(2) && dims == x.dims) y = m_.op("Add", below(2) ? Ids{x.id, y} : Ids{y, x.id});
    add(y, dims);
    if (below(2)) unary(values_.back());
  }
  void product(const Entry& x) {
    if (x.dims.empty()) return;
    const int64_t k = x.dims.back(), n = 1 + below(4);
    Dims dims = x.dims;
    dims.back() = n;
    add(m_.op("MatMul", {x.id, m_.random({k, n}, -0.5f, 0.5f)}), dims);
    if (below(3) > 0) {
      const Dims bias = below(2) ? Dims{n} : small_shape(dims);
      add(m_.op("Add", {values_.back().id, constant(bias)}), dims);
    }
    if (below(2)) unary(values_.back());
  }
  void nothing(const Entry& x) {
    switch (below(4)) {
      case 0: return add(m_.op("Identity", {x.id}), x.dims);
      case 1: return add(m_.op("Mul", {x.id, m_.scalar(1)}), x.dims);
      case 2: return add(m_.op("Cast", {x.id}, {attr("to", int64_t{HRT_FLOAT32})}), x.dims);
      default: return add(m_.op("Reshape", {x.id, m_.ints(x.dims)}), x.dims);
    }
  }
  void activation(const Entry& x) {
    switch (below(3)) {
      case 0: return add(m_.op("Mul", {x.id, m_.op("Sigmoid", {x.id})}), x.dims);
      case 1:
        return add(
            m_.op("Mul", {m_.op("HardSigmoid", {x.id}, {attr("alpha", 1.0f / 6), attr("beta", 0.5f)}), x.id}),
            x.dims);
      default: {
        const auto erf = m_.op("Erf", {m_.op("Div", {x.id, m_.scalar(std::numbers::sqrt2_v<float>)})});
        const auto product = m_.op("Mul", {x.id, m_.op("Add", {erf, m_.scalar(1)})});
        return add(m_.op("Mul", {product, m_.scalar(0.5f)}), x.dims);
      }
    }
  }
  void twice(const Entry& x) {
    const auto a = m_.op("Exp", {m_.op("Tanh", {x.id})}), b = m_.op("Exp", {m_.op("Tanh", {x.id})});
    add(a, x.dims);
    add(m_.op("Add", {a, b}), x.dims);
  }
  void shape(const Entry& x) {
    add(m_.op("Cast", {m_.op("Shape", {x.id})}, {attr("to", int64_t{HRT_FLOAT32})}),
        {int64_t(x.dims.size())});
  }

  Model& m_;
  std::mt19937 random_;
  std::vector<Entry> values_;
};

class RandomGraph : public testing::TestWithParam<unsigned> {};

// Ten graphs a test.
TEST_P(RandomGraph, GivesTheSameResultsWithAndWithoutPasses) {
  for (unsigned i = 0; i < 10; ++i) {
    const unsigned seed = GetParam() * 10 + i;
    SCOPED_TRACE(seed);
    optimised([=](Model& m) { Generator(m, seed).run(); }, {}, Equal::kRoughly);
    if (HasFailure()) return;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, RandomGraph, testing::Range(0u, 60u));

// The graphs above would prove nothing if hardly any pass fired on them.
TEST(RandomGraphs, MakeEveryPassFire) {
  std::set<std::string> fired;
  for (unsigned seed = 0; seed < 600; ++seed)
    for (const std::string& line : rewrites([=](Model& m) { Generator(m, seed).run(); }, {}))
      fired.insert(line.substr(0, line.find(':')));
  for (const char* pass : {"common-subexpressions", "conv-activation", "conv-batchnorm", "conv-constant",
                           "conv-residual", "dead-code", "fold-constants", "gelu", "gemm-activation",
                           "hard-swish", "identity-removal", "matmul-activation", "matmul-add",
                           "merge-reshapes", "shape-of-known", "swish", "transpose-elimination"})
    EXPECT_TRUE(fired.contains(pass)) << pass;
}

}  // namespace
}  // namespace hrt::test
