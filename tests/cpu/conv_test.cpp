// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/cpu/host.h"

namespace hrt::test {
namespace {

struct Case {
  int64_t batch = 1, ic = 1, oc = 1, group = 1;
  std::vector<int64_t> in, kernel, stride, dilation, pads;  // pads: begins, then ends
  bool bias = true, residual = false, constant = true;
  std::string activation, auto_pad;
  std::vector<float> params;

  std::vector<int64_t> out() const {
    std::vector<int64_t> o;
    for (size_t i = 0; i < in.size(); ++i) {
      const int64_t reach = (kernel[i] - 1) * dilation[i] + 1;
      o.push_back((in[i] + pads[i] + pads[i + in.size()] - reach) / stride[i] + 1);
    }
    return o;
  }
};

std::ostream& operator<<(std::ostream& s, const Case& c) {
  const auto list = [&](const char* name, const std::vector<int64_t>& v) {
    s << ' ' << name << '=';
    for (int64_t x : v) s << x << ',';
  };
  s << "n=" << c.batch << " ic=" << c.ic << " oc=" << c.oc << " g=" << c.group;
  list("in", c.in);
  list("k", c.kernel);
  list("s", c.stride);
  list("d", c.dilation);
  list("p", c.pads);
  return s << " b" << c.bias << " z" << c.residual << " const" << c.constant << ' ' << c.activation
           << c.auto_pad;
}

double activate(const Case& c, double x) {
  const auto clamp = [](double v, double lo, double hi) { return std::min(std::max(v, lo), hi); };
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  if (c.activation == "Relu") return std::max(x, 0.0);
  if (c.activation == "LeakyRelu") return x < 0 ? x * c.params[0] : x;
  if (c.activation == "Clip") return clamp(x, c.params[0], c.params[1]);
  if (c.activation == "Sigmoid") return sigmoid(x);
  if (c.activation == "Tanh") return std::tanh(x);
  if (c.activation == "HardSigmoid") return clamp(c.params[0] * x + c.params[1], 0, 1);
  if (c.activation == "HardSwish") return x * clamp(x / 6 + 0.5, 0, 1);
  if (c.activation == "Swish") return x * sigmoid(c.params[0] * x);
  return x;
}

// The definition, for up to three spatial dims, in double precision.
std::vector<double> naive(const Case& c, const Data& x, const Data& w, const Data& b, const Data& z) {
  const size_t rank = c.in.size();
  const auto three = [&](const std::vector<int64_t>& v, int64_t fill) {
    std::vector<int64_t> t(3, fill);
    for (size_t i = 0; i < rank; ++i) t[3 - rank + i] = v[i];
    return t;
  };
  const auto in = three(c.in, 1), out = three(c.out(), 1), k = three(c.kernel, 1), s = three(c.stride, 1),
             d = three(c.dilation, 1), p = three(c.pads, 0);
  const int64_t icg = c.ic / c.group, ocg = c.oc / c.group;
  std::vector<double> y;
  for (int64_t n = 0; n < c.batch; ++n)
    for (int64_t o = 0; o < c.oc; ++o)
      for (int64_t od = 0; od < out[0]; ++od)
        for (int64_t oh = 0; oh < out[1]; ++oh)
          for (int64_t ow = 0; ow < out[2]; ++ow) {
            double sum = c.bias ? double(b.as<float>()[o]) : 0;
            for (int64_t i = 0; i < icg; ++i)
              for (int64_t kd = 0; kd < k[0]; ++kd)
                for (int64_t kh = 0; kh < k[1]; ++kh)
                  for (int64_t kw = 0; kw < k[2]; ++kw) {
                    const int64_t id = od * s[0] + kd * d[0] - p[0], ih = oh * s[1] + kh * d[1] - p[1],
                                  iw = ow * s[2] + kw * d[2] - p[2];
                    if (id < 0 || id >= in[0] || ih < 0 || ih >= in[1] || iw < 0 || iw >= in[2]) continue;
                    const int64_t ch = o / ocg * icg + i;
                    sum += double(x.as<float>()[(((n * c.ic + ch) * in[0] + id) * in[1] + ih) * in[2] + iw]) *
                           double(w.as<float>()[(((o * icg + i) * k[0] + kd) * k[1] + kh) * k[2] + kw]);
                  }
            if (c.residual) sum += double(z.as<float>()[y.size()]);
            y.push_back(activate(c, sum));
          }
  return y;
}

Dims with_channels(int64_t n, int64_t channels, const std::vector<int64_t>& spatial) {
  Dims d = {n, channels};
  d.insert(d.end(), spatial.begin(), spatial.end());
  return d;
}

void check(const Case& c, unsigned seed, double tolerance = 1e-5) {
  const Data x = random(with_channels(c.batch, c.ic, c.in), seed),
             w = random(with_channels(c.oc, c.ic / c.group, c.kernel), seed + 1),
             b = random({c.oc}, seed + 2), z = random(with_channels(c.batch, c.oc, c.out()), seed + 3);
  const std::vector<double> expected = naive(c, x, w, b, z);
  Model m;
  std::vector<Data> inputs = {x};
  std::vector<uint32_t> in = {m.input(x.dims)};
  const auto add = [&](const Data& d, bool present) {
    if (!present) return in.push_back(HRT_NONE);
    if (c.constant) return in.push_back(m.constant(d));
    in.push_back(m.input(d.dims));
    inputs.push_back(d);
  };
  add(w, true);
  add(b, c.bias);
  const bool fused = c.residual || !c.activation.empty();
  if (c.residual) {
    in.push_back(m.input(z.dims));
    inputs.push_back(z);
  }
  std::vector<Attr> attrs = {{"strides", c.stride}, {"dilations", c.dilation}, {"group", c.group}};
  if (c.auto_pad.empty())
    attrs.emplace_back("pads", c.pads);
  else
    attrs.emplace_back("auto_pad", c.auto_pad);
  if (!c.activation.empty()) attrs.emplace_back("activation", c.activation);
  if (!c.params.empty()) attrs.emplace_back("activation_params", c.params);
  m.output(m.node(fused ? "hrt:FusedConv" : "Conv", in, z.dims, attrs));

  std::vector<float> first;
  for (const std::string& isa : isas())
    for (const int threads : {1, 3}) {
      const std::vector<float> got = backend(isa).run(m, inputs, threads)[0].floats();
      ASSERT_EQ(got.size(), expected.size());
      const double scale = std::sqrt(double(count(w.dims)) / double(c.oc) + 1);
      for (size_t i = 0; i < got.size(); ++i)
        ASSERT_NEAR(got[i], expected[i], tolerance * scale) << isa << ' ' << c << " at " << i;
      if (threads == 1)
        first = got;
      else
        ASSERT_EQ(first, got) << isa << ' ' << c << ": result depends on the number of threads";
    }
}

Case square(int64_t ic, int64_t oc, int64_t hw, int64_t k, int64_t s, int64_t p, int64_t g = 1) {
  Case c;
  c.ic = ic;
  c.oc = oc;
  c.group = g;
  c.in = {hw, hw};
  c.kernel = {k, k};
  c.stride = {s, s};
  c.dilation = {1, 1};
  c.pads = {p, p, p, p};
  return c;
}

TEST(Conv, Pointwise) {
  for (const int64_t ic : {1, 5, 16, 24, 33})
    for (const int64_t oc : {1, 16, 40, 81}) check(square(ic, oc, 9, 1, 1, 0), 1);
}

TEST(Conv, ThreeByThreeOddSizes) {
  for (const int64_t hw : {1, 2, 3, 7, 13, 19}) check(square(19, 35, hw, 3, 1, 1), 2);
}

TEST(Conv, Strided) {
  for (const int64_t k : {1, 3, 5})
    for (const int64_t s : {2, 3}) check(square(17, 32, 15, k, s, k / 2), 3);
}

TEST(Conv, FirstLayer) {
  check(square(3, 64, 31, 7, 2, 3), 4);
  check(square(3, 32, 30, 3, 2, 1), 5);
  check(square(1, 8, 28, 5, 1, 2), 6);
  Case c = square(4, 20, 12, 3, 1, 2);
  c.dilation = {1, 2};
  check(c, 7);
}

TEST(Conv, Depthwise) {
  for (const int64_t channels : {16, 32, 40, 7})
    for (const int64_t s : {1, 2}) {
      check(square(channels, channels, 14, 3, s, 1, channels), 8);
      check(square(channels, channels, 9, 5, s, 2, channels), 9);
    }
  check(square(16, 16, 1, 3, 1, 1, 16), 10);
  check(square(16, 16, 2, 5, 1, 2, 16), 11);
}

TEST(Conv, GroupsThatFillBlocksAndThatDoNot) {
  check(square(64, 96, 8, 3, 1, 1, 2), 12);
  check(square(32, 32, 8, 3, 1, 1, 8), 13);
  check(square(12, 30, 8, 3, 2, 1, 3), 14);
  check(square(10, 20, 8, 1, 1, 0, 10), 15);  // depthwise with two outputs a channel
}

TEST(Conv, DilatedAndAsymmetric) {
  Case c = square(20, 18, 17, 3, 1, 0);
  c.dilation = {2, 3};
  c.pads = {1, 0, 2, 5};
  check(c, 16);
  c.stride = {2, 1};
  check(c, 17);
  c.ic = c.oc = c.group = 24;
  check(c, 18);
}

TEST(Conv, OneAndThreeDims) {
  Case c;
  c.ic = 18;
  c.oc = 33;
  c.in = {37};
  c.kernel = {5};
  c.stride = {2};
  c.dilation = {2};
  c.pads = {3, 1};
  check(c, 19);
  c.ic = c.oc = c.group = 17;
  check(c, 20);
  Case d;
  d.ic = 6;
  d.oc = 17;
  d.in = {5, 6, 7};
  d.kernel = {3, 2, 3};
  d.stride = {1, 2, 2};
  d.dilation = {1, 1, 1};
  d.pads = {1, 0, 1, 1, 1, 1};
  check(d, 21);
  d.ic = d.oc = d.group = 18;
  check(d, 22);
}

TEST(Conv, BatchAndWeightsThatAreNotConstant) {
  Case c = square(20, 36, 6, 3, 1, 1);
  c.batch = 3;
  check(c, 23);
  c.constant = false;
  check(c, 24);
  c.group = 2;
  c.bias = false;
  check(c, 25);
}

TEST(Conv, AutoPad) {
  Case c = square(9, 17, 10, 3, 2, 0);
  c.auto_pad = "SAME_UPPER";
  c.pads = {0, 0, 1, 1};
  check(c, 26);
  c.auto_pad = "SAME_LOWER";
  c.pads = {1, 1, 0, 0};
  check(c, 27);
  c.auto_pad = "VALID";
  c.pads = {0, 0, 0, 0};
  check(c, 28);
}

TEST(Conv, EveryActivationWithAndWithoutResidual) {
  const std::vector<std::pair<std::string, std::vector<float>>> activations = {
      {"", {}},         {"Relu", {}}, {"LeakyRelu", {0.1f}},         {"Clip", {-0.2f, 0.6f}},
      {"Sigmoid", {}},  {"Tanh", {}}, {"HardSigmoid", {0.2f, 0.4f}}, {"HardSwish", {}},
      {"Swish", {1.0f}}};
  for (const auto& [name, params] : activations)
    for (const bool residual : {false, true})
      for (const int64_t group : {1, 32}) {
        Case c = square(32, 32, 7, 3, 1, 1, group);
        c.activation = name;
        c.params = params;
        c.residual = residual;
        check(c, 29);
      }
}

TEST(Conv, LargeEnoughForEveryPath) {
  check(square(64, 64, 28, 3, 1, 1), 30, 1e-4);
  check(square(128, 128, 14, 3, 1, 1), 31, 1e-4);
  check(square(300, 130, 8, 3, 2, 1), 32);
  check(square(1100, 70, 5, 1, 1, 0), 33);
  Case c = square(96, 80, 15, 3, 1, 1);
  c.batch = 2;
  c.residual = true;
  c.activation = "Swish";
  c.params = {1.0f};
  check(c, 34, 1e-4);
}

TEST(Conv, RandomShapes) {
  std::mt19937 gen(7);
  const auto pick = [&](int64_t lo, int64_t hi) {
    return std::uniform_int_distribution<int64_t>(lo, hi)(gen);
  };
  for (unsigned i = 0; i < 120; ++i) {
    Case c;
    const size_t rank = size_t(pick(1, 3));
    c.batch = pick(1, 2);
    c.group = pick(0, 2) ? 1 : pick(1, 5);
    c.ic = c.group * pick(1, 40 / c.group);
    c.oc = c.group * pick(1, 60 / c.group);
    if (pick(0, 3) == 0) c.oc = c.group = c.ic;
    c.bias = pick(0, 1);
    c.residual = pick(0, 3) == 0;
    for (size_t d = 0; d < rank; ++d) {
      c.kernel.push_back(pick(1, 4));
      c.stride.push_back(pick(1, 3));
      c.dilation.push_back(pick(1, 2));
      c.in.push_back(pick(1, 12) + (c.kernel[d] - 1) * c.dilation[d]);
    }
    for (size_t d = 0; d < 2 * rank; ++d) c.pads.push_back(pick(0, 3));
    check(c, 100 + i);
  }
}

TEST(Conv, EmptyBatch) {
  Case c = square(16, 16, 5, 3, 1, 1);
  c.batch = 0;
  check(c, 35);
}

}  // namespace
}  // namespace hrt::test
