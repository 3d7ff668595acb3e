// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/cpu/host.h"

namespace hrt::test {
namespace {

struct Case {
  bool max;
  int64_t channels;
  std::vector<int64_t> in, kernel, stride, dilation, pads;
  bool include = false, ceil = false;

  std::vector<int64_t> out() const {
    std::vector<int64_t> o;
    for (size_t i = 0; i < in.size(); ++i) {
      const int64_t room = in[i] + pads[i] + pads[i + in.size()] - (kernel[i] - 1) * dilation[i] - 1;
      int64_t n = (ceil ? (room + stride[i] - 1) / stride[i] : room / stride[i]) + 1;
      if (ceil && (n - 1) * stride[i] >= in[i] + pads[i]) --n;  // a window must begin inside
      o.push_back(n);
    }
    return o;
  }
};

// Two spatial dims, image by image, by the definition.
std::vector<double> naive(const Case& c, const Data& x) {
  const auto out = c.out();
  std::vector<double> y;
  for (int64_t p = 0; p < x.dims[0] * x.dims[1]; ++p)
    for (int64_t oh = 0; oh < out[0]; ++oh)
      for (int64_t ow = 0; ow < out[1]; ++ow) {
        double best = -std::numeric_limits<double>::infinity(), sum = 0;
        int64_t inside = 0, padded = 0;
        for (int64_t kh = 0; kh < c.kernel[0]; ++kh)
          for (int64_t kw = 0; kw < c.kernel[1]; ++kw) {
            const int64_t h = oh * c.stride[0] + kh * c.dilation[0] - c.pads[0],
                          w = ow * c.stride[1] + kw * c.dilation[1] - c.pads[1];
            padded += h < c.in[0] + c.pads[2] && w < c.in[1] + c.pads[3];
            if (h < 0 || h >= c.in[0] || w < 0 || w >= c.in[1]) continue;
            const double v = double(x.as<float>()[(p * c.in[0] + h) * c.in[1] + w]);
            best = std::max(best, v);
            sum += v;
            ++inside;
          }
        y.push_back(c.max ? best : sum / double(c.include ? padded : inside));
      }
  return y;
}

void check(const Case& c, unsigned seed) {
  const Data x = random({2, c.channels, c.in[0], c.in[1]}, seed);
  const auto o = c.out();
  const std::vector<double> expected = naive(c, x);
  Model m;
  std::vector<Attr> attrs = {{"kernel_shape", c.kernel},
                             {"strides", c.stride},
                             {"dilations", c.dilation},
                             {"pads", c.pads},
                             {"ceil_mode", int(c.ceil)}};
  if (!c.max) attrs.emplace_back("count_include_pad", int(c.include));
  m.output(m.node(c.max ? "MaxPool" : "AveragePool", {m.input(x.dims)}, {2, c.channels, o[0], o[1]}, attrs));
  for (const std::string& isa : isas())
    for (const int threads : {1, 2}) {
      const std::vector<float> got = backend(isa).run(m, {x}, threads)[0].floats();
      ASSERT_EQ(got.size(), expected.size());
      for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-6) << isa << " at " << i;
    }
}

TEST(Pool, MaxAndAverage) {
  for (const bool max : {true, false})
    for (const bool ceil : {false, true})
      for (const bool include : {false, true})
        for (const int64_t channels : {1, 16, 21}) {
          check({max, channels, {12, 13}, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, include, ceil}, 1);
          check({max, channels, {7, 7}, {2, 3}, {1, 2}, {1, 1}, {0, 1, 1, 0}, include, ceil}, 2);
          check({max, channels, {14, 14}, {3, 3}, {2, 3}, {2, 2}, {1, 2, 2, 1}, include, ceil}, 3);
          check({max, channels, {5, 5}, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}, include, ceil}, 4);
        }
}

TEST(Pool, Global) {
  for (const Dims& dims : {Dims{2, 21, 7, 7}, Dims{1, 16, 3}, Dims{1, 5, 2, 3, 4}, Dims{3, 40, 1, 1}})
    for (const bool max : {true, false}) {
      const Data x = random(dims, 5);
      Dims out = dims;
      int64_t n = 1;
      for (size_t i = 2; i < dims.size(); ++i) {
        n *= dims[i];
        out[i] = 1;
      }
      Model m;
      m.output(m.node(max ? "GlobalMaxPool" : "GlobalAveragePool", {m.input(dims)}, out));
      for (const std::string& isa : isas()) {
        const std::vector<float> got = backend(isa).run(m, {x}, 2)[0].floats();
        for (size_t i = 0; i < got.size(); ++i) {
          const float* p = x.as<float>() + int64_t(i) * n;
          double sum = 0;
          for (int64_t j = 0; j < n; ++j) sum += double(p[j]);
          ASSERT_NEAR(got[i], max ? double(*std::max_element(p, p + n)) : sum / double(n), 1e-6) << isa;
        }
      }
    }
}

TEST(Pool, NanReachesTheOutput) {
  Data x(HRT_FLOAT32, {1, 1, 2, 2});
  const float values[] = {1, NAN, 3, 4};
  std::memcpy(x.bytes.data(), values, sizeof values);
  Model m;
  m.output(
      m.node("MaxPool", {m.input(x.dims)}, {1, 1, 1, 1}, {{"kernel_shape", std::vector<int64_t>{2, 2}}}));
  for (const std::string& isa : isas())
    EXPECT_TRUE(std::isnan(backend(isa).run(m, {x})[0].floats()[0])) << isa;
}

TEST(Pool, RefusesWithTheReason) {
  Model m;
  m.output(m.node("AveragePool", {m.input({1, 4, 6, 6}, HRT_FLOAT64)}, {Out({1, 4, 3, 3}, HRT_FLOAT64)},
                  {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}}));
  EXPECT_EQ(backend(isas()[0]).query(m)[0], "refused: dtype float64 of an input");
}

}  // namespace
}  // namespace hrt::test
