// SPDX-License-Identifier: Apache-2.0
// ConvTranspose, DeformConv, Col2Im, MaxUnpool and the pools beyond plain float maxima, against their
// definitions.
#include <limits>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

class Spatial : public CpuOp {
 protected:
  Dims picks(size_t n, int64_t low, int64_t high) {
    Dims d;
    for (size_t i = 0; i < n; ++i) d.push_back(pick(low, high));
    return d;
  }
};

// ---------------------------------------------------------------------------------- ConvTranspose

struct Transposed {
  int64_t batch = 1, group = 1, ic = 1, oc = 1;
  Dims in, kernel, stride, dilation, extra, pads;
  bool bias = true, constant = true;

  size_t rank() const { return in.size(); }
  int64_t full(size_t i) const {
    return stride[i] * (in[i] - 1) + extra[i] + (kernel[i] - 1) * dilation[i] + 1;
  }
  Dims out() const {
    Dims o = {batch, oc};
    for (size_t i = 0; i < rank(); ++i) o.push_back(full(i) - pads[i] - pads[i + rank()]);
    return o;
  }
};

// Every input adds its multiple of the kernel.
std::vector<double> naive(const Transposed& c, const Data& x, const Data& w, const Data& b) {
  const Dims out = c.out();
  std::vector<double> y(size_t(count(out)));
  for_each(out,
           [&](const Dims& at) { y[size_t(offset(out, at))] = c.bias ? double(b.as<float>()[at[1]]) : 0.0; });
  for_each(x.dims, [&](const Dims& at) {
    const double value = double(x.as<float>()[offset(x.dims, at)]);
    const int64_t g = at[1] / (c.ic / c.group);
    Dims taps = {c.oc / c.group};
    taps.insert(taps.end(), c.kernel.begin(), c.kernel.end());
    for_each(taps, [&](const Dims& tap) {
      Dims to = {at[0], g * (c.oc / c.group) + tap[0]}, from = {at[1]};
      from.insert(from.end(), tap.begin(), tap.end());
      for (size_t i = 0; i < c.rank(); ++i) {
        to.push_back(at[i + 2] * c.stride[i] + tap[i + 1] * c.dilation[i] - c.pads[i]);
        if (to.back() < 0 || to.back() >= out[i + 2]) return;
      }
      y[size_t(offset(out, to))] += value * double(w.as<float>()[offset(w.dims, from)]);
    });
  });
  return y;
}

void check(const std::string& isa, const Transposed& c, unsigned seed, std::vector<Attr> attrs = {}) {
  Dims x_dims = {c.batch, c.ic}, w_dims = {c.ic, c.oc / c.group};
  x_dims.insert(x_dims.end(), c.in.begin(), c.in.end());
  w_dims.insert(w_dims.end(), c.kernel.begin(), c.kernel.end());
  const Data x = random(x_dims, seed), w = random(w_dims, seed + 1),
             b = c.bias ? random({c.oc}, seed + 2) : absent();
  attrs.insert(attrs.end(), {{"strides", c.stride}, {"dilations", c.dilation}, {"group", c.group}});
  if (attrs.size() == 3) attrs.insert(attrs.end(), {{"pads", c.pads}, {"output_padding", c.extra}});
  const std::vector<double> want = naive(c, x, w, b);
  const uint32_t constants = c.constant ? 6 : 0;
  const Data got = run_op(isa, "ConvTranspose", {x, w, b}, c.out(), attrs, constants);
  expect_near(got, want, 1e-5, 1e-4, "ConvTranspose");
  EXPECT_EQ(got.floats(), run_op(isa, "ConvTranspose", {x, w, b}, c.out(), attrs, constants, 3).floats());
}

TEST_P(Spatial, ConvTransposeUpsamples) {
  for (const int64_t k : {2, 3, 4}) {
    const int64_t p = k == 4 ? 1 : 0;
    check(isa(), {1, 1, 20, 33, {9, 13}, {k, k}, {2, 2}, {1, 1}, {0, 0}, {p, p, p, p}}, unsigned(k));
    check(isa(), {2, 2, 32, 32, {5, 6}, {k, k}, {2, 2}, {1, 1}, {1, 1}, {p, p, p, p}}, unsigned(k));
    check(isa(), {1, 8, 8, 8, {5, 6}, {k, k}, {2, 2}, {1, 1}, {0, 1}, {p, p, p, p}}, unsigned(k));
  }
  check(isa(), {1, 1, 3, 1, {4, 4}, {9, 9}, {3, 3}, {1, 1}, {2, 2}, {4, 4, 4, 4}}, 9);
}

TEST_P(Spatial, ConvTransposeOfRandomShapes) {
  for (unsigned i = 0; i < 150; ++i) {
    Transposed c;
    const size_t rank = size_t(pick(1, 3));
    c.batch = pick(1, 2);
    c.group = pick(0, 2) ? 1 : pick(1, 4);
    c.ic = c.group * pick(1, 20 / c.group);
    c.oc = c.group * pick(1, 40 / c.group);
    c.in = picks(rank, 1, rank == 3 ? 4 : 8);
    c.kernel = picks(rank, 1, 4);
    c.stride = picks(rank, 1, 4);
    c.dilation = picks(rank, 1, 3);
    c.bias = pick(0, 1);
    c.constant = pick(0, 3) != 0;
    for (size_t d = 0; d < rank; ++d) c.extra.push_back(pick(0, c.stride[d] - 1));
    c.pads.assign(2 * rank, 0);
    for (size_t d = 0; d < rank; ++d) {
      c.pads[d] = pick(0, c.full(d) / 2);
      c.pads[d + rank] = pick(0, c.full(d) - 1 - c.pads[d]);
    }
    SCOPED_TRACE(i);
    check(isa(), c, 100 + i);
  }
}

TEST_P(Spatial, ConvTransposeAutoPadAndOutputShape) {
  Transposed c{1, 1, 5, 7, {6, 7}, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {0, 0, 1, 1}};
  check(isa(), c, 1, {{"auto_pad", "SAME_UPPER"}});
  c.pads = {1, 1, 0, 0};
  check(isa(), c, 2, {{"auto_pad", "SAME_LOWER"}});
  c.pads = {0, 0, 0, 0};
  check(isa(), c, 3, {{"auto_pad", "VALID"}});
  c.pads = {1, 2, 1, 1};  // the larger half at the beginning
  check(isa(), c, 4, {{"output_shape", Dims{11, 12}}});
}

TEST_P(Spatial, ConvTransposeOfNothing) {
  Transposed c{0, 1, 5, 7, {6, 7}, {3, 3}, {2, 2}, {1, 1}, {0, 0}, {0, 0, 0, 0}};
  check(isa(), c, 1);
}

TEST_P(Spatial, ConvTransposeRefusesHostileAttributes) {
  const Data x = random({1, 2, 3, 3}, 1), w = random({2, 2, 2, 2}, 2);
  const auto why = [&](const std::vector<Attr>& attrs) {
    return refusal(isa(), "ConvTranspose", {x, w}, {1, 2, 4, 4}, attrs);
  };
  EXPECT_NE(why({{"strides", Dims{0, 1}}}), "");
  EXPECT_NE(why({{"strides", Dims{1, int64_t(1) << 40}}}), "");
  EXPECT_NE(why({{"dilations", Dims{-1, 1}}}), "");
  EXPECT_NE(why({{"pads", Dims{-1, 0, 0, 0}}}), "");
  EXPECT_NE(why({{"group", 0}}), "");
  EXPECT_NE(why({{"group", 3}}), "");
  EXPECT_NE(why({{"strides", Dims{1}}}), "");
  // A dilation that the pads take away again: no memory for all that lies between.
  const int64_t far = 2000000000;
  const Data x2 = random({1, 2, 2, 2}, 2), wide = random({2, 32, 2, 2}, 3);
  EXPECT_NE(refusal(isa(), "ConvTranspose", {x2, wide}, {1, 32, 2, 3},
                    {{"dilations", Dims{far, 1}}, {"pads", Dims{far, 0, 0, 0}}})
                .find("padded input"),
            std::string::npos);
}

// ------------------------------------------------------------------------------------- DeformConv

TEST_P(Spatial, DeformConv) {
  for (unsigned i = 0; i < 40; ++i) {
    const int64_t group = pick(1, 2), offset_group = pick(1, 2), ic = 4 * pick(1, 3), oc = group * pick(1, 9);
    const Dims in = picks(2, 3, 9), kernel = picks(2, 1, 3), stride = picks(2, 1, 2),
               dilation = picks(2, 1, 2), pads = picks(4, 0, 2);
    Dims out = {2, oc};
    bool fits = true;
    for (size_t d = 0; d < 2; ++d) {
      const int64_t room = in[d] + pads[d] + pads[d + 2] - (kernel[d] - 1) * dilation[d] - 1;
      fits = fits && room >= 0;
      out.push_back(room / stride[d] + 1);
    }
    if (!fits) continue;
    const int64_t taps = kernel[0] * kernel[1];
    const Data x = random({2, ic, in[0], in[1]}, i),
               w = random({oc, ic / group, kernel[0], kernel[1]}, i + 1);
    Data moved = random({2, offset_group * taps * 2, out[2], out[3]}, i + 2);
    for (int64_t k = 0; k < count(moved.dims); ++k) moved.as<float>()[k] *= 3;
    const Data bias = pick(0, 1) ? random({oc}, i + 3) : absent();
    const Data mask = pick(0, 1) ? random({2, offset_group * taps, out[2], out[3]}, i + 4) : absent();
    std::vector<double> want;
    for_each(out, [&](const Dims& at) {
      const int64_t g = at[1] / (oc / group);
      double sum = bias.dtype == HRT_FLOAT32 ? double(bias.as<float>()[at[1]]) : 0.0;
      for (int64_t c = 0; c < ic / group; ++c)
        for (int64_t t = 0; t < taps; ++t) {
          const int64_t channel = g * (ic / group) + c, o = channel / (ic / offset_group);
          const auto shift = [&](int64_t axis) {
            return double(
                moved.as<float>()[offset(moved.dims, {at[0], (o * taps + t) * 2 + axis, at[2], at[3]})]);
          };
          const int64_t row = t / kernel[1], column = t % kernel[1];
          const double h = double(at[2] * stride[0] - pads[0] + row * dilation[0]) + shift(0),
                       v = double(at[3] * stride[1] - pads[1] + column * dilation[1]) + shift(1);
          double sample = 0;
          for (int64_t y = int64_t(std::floor(h)); y <= int64_t(std::floor(h)) + 1; ++y)
            for (int64_t z = int64_t(std::floor(v)); z <= int64_t(std::floor(v)) + 1; ++z)
              if (y >= 0 && y < in[0] && z >= 0 && z < in[1])
                sample += (1 - std::fabs(h - double(y))) * (1 - std::fabs(v - double(z))) *
                          double(x.as<float>()[offset(x.dims, {at[0], channel, y, z})]);
          if (mask.dtype == HRT_FLOAT32)
            sample *= double(mask.as<float>()[offset(mask.dims, {at[0], o * taps + t, at[2], at[3]})]);
          sum += sample * double(w.as<float>()[offset(w.dims, {at[1], c, t / kernel[1], t % kernel[1]})]);
        }
      want.push_back(sum);
    });
    const std::vector<Attr> attrs = {{"group", group},
                                     {"offset_group", offset_group},
                                     {"strides", stride},
                                     {"dilations", dilation},
                                     {"pads", pads}};
    const Data got = run_op(isa(), "DeformConv", {x, w, moved, bias, mask}, out, attrs);
    expect_near(got, want, 1e-4, 1e-4, "DeformConv");
    EXPECT_EQ(got.floats(),
              run_op(isa(), "DeformConv", {x, w, moved, bias, mask}, out, attrs, 0, 3).floats());
  }
}

TEST_P(Spatial, DeformConvFarAwayAndNanOffsetsSeeZeros) {
  const Data x = random({1, 1, 4, 4}, 1), w(Dims{1, 1, 1, 1}, std::vector<float>{1});
  for (const float far : {1e30f, -1e30f, INFINITY, -INFINITY, NAN}) {
    const Data moved(Dims{1, 2, 4, 4}, std::vector<float>(32, far));
    EXPECT_EQ(run_op(isa(), "DeformConv", {x, w, moved}, Dims{1, 1, 4, 4}).floats(),
              std::vector<float>(16, 0.0f));
  }
  EXPECT_NE(refusal(isa(), "DeformConv", {x, w, random({1, 3, 4, 4}, 1)}, {1, 1, 4, 4}), "");
}

// -------------------------------------------------------------------------------- Col2Im, MaxUnpool

TEST_P(Spatial, Col2ImAddsBlocks) {
  for (unsigned i = 0; i < 60; ++i) {
    const size_t rank = size_t(pick(1, 3));
    const Dims image = picks(rank, 3, 7), block = picks(rank, 1, 3), stride = picks(rank, 1, 3),
               dilation = picks(rank, 1, 2), pads = picks(2 * rank, 0, 2);
    Dims grid, out = {2, 3};
    bool fits = true;
    for (size_t d = 0; d < rank; ++d) {
      const int64_t room = image[d] + pads[d] + pads[d + rank] - (block[d] - 1) * dilation[d] - 1;
      fits = fits && room >= 0;
      grid.push_back(room / stride[d] + 1);
      out.push_back(image[d]);
    }
    if (!fits) continue;
    const Data x = random({2, 3 * count(block), count(grid)}, i);
    std::vector<double> want(size_t(count(out)), 0.0);
    for_each({2, 3, count(block), count(grid)}, [&](const Dims& at) {
      Dims to = {at[0], at[1]};
      int64_t tap = at[2], cell = at[3];
      Dims t(rank), c(rank);
      for (size_t d = rank; d-- > 0; tap /= block[d], cell /= grid[d]) {
        t[d] = tap % block[d];
        c[d] = cell % grid[d];
      }
      for (size_t d = 0; d < rank; ++d) {
        to.push_back(c[d] * stride[d] + t[d] * dilation[d] - pads[d]);
        if (to.back() < 0 || to.back() >= image[d]) return;
      }
      want[size_t(offset(out, to))] +=
          double(x.as<float>()[offset(x.dims, {at[0], at[1] * count(block) + at[2], at[3]})]);
    });
    const Data got = run_op(isa(), "Col2Im", {x, ints(image), ints(block)}, out,
                            {{"strides", stride}, {"dilations", dilation}, {"pads", pads}}, 6);
    expect_near(got, want, 1e-6, 1e-6, "Col2Im");
  }
  EXPECT_NE(refusal(isa(), "Col2Im", {random({1, 4, 5}, 1), ints({3, 3}), ints({2, 2})}, {1, 1, 3, 3}), "");
}

TEST_P(Spatial, MaxUnpoolInvertsMaxPool) {
  const Data x = random({2, 3, 6, 8}, 1);
  const std::vector<Attr> attrs = {{"kernel_shape", Dims{2, 2}}, {"strides", Dims{2, 2}}};
  const auto pooled =
      run_ops(isa(), "MaxPool", {x}, {Out({2, 3, 3, 4}), Out({2, 3, 3, 4}, HRT_INT64)}, attrs);
  const Data y = run_op(isa(), "MaxUnpool", {pooled[0], pooled[1]}, Dims{2, 3, 6, 8}, attrs);
  float kept = 0;
  for (int64_t i = 0; i < count(x.dims); ++i) {
    const float v = y.as<float>()[i];
    if (v != 0) {
      EXPECT_EQ(v, x.as<float>()[i]);
    }
    kept += v != 0;
  }
  EXPECT_EQ(kept, 2 * 3 * 3 * 4);
  for (const int64_t bad : {int64_t(-1), int64_t(2 * 3 * 6 * 8), INT64_MAX, INT64_MIN}) {
    Data index = pooled[1];
    index.as<int64_t>()[5] = bad;
    EXPECT_NE(refusal(isa(), "MaxUnpool", {pooled[0], index}, {2, 3, 6, 8}, attrs), "");
  }
}

// ------------------------------------------------------------------------------------------- pools

// The values of every window, with their offsets in the plane, in row-major order.
template <class T>
void for_windows(const Data& x, const Dims& out, const Dims& kernel, const Dims& stride, const Dims& dilation,
                 const Dims& pads,
                 const std::function<void(const std::vector<std::pair<T, int64_t>>&, int64_t)>& f) {
  for_each(out, [&](const Dims& at) {
    std::vector<std::pair<T, int64_t>> window;
    for (int64_t kh = 0; kh < kernel[0]; ++kh)
      for (int64_t kw = 0; kw < kernel[1]; ++kw) {
        const int64_t h = at[2] * stride[0] + kh * dilation[0] - pads[0],
                      w = at[3] * stride[1] + kw * dilation[1] - pads[1];
        if (h >= 0 && h < x.dims[2] && w >= 0 && w < x.dims[3])
          window.emplace_back(x.as<T>()[offset(x.dims, {at[0], at[1], h, w})], h * x.dims[3] + w);
      }
    f(window, at[0] * x.dims[1] + at[1]);
  });
}

TEST_P(Spatial, MaxPoolTellsWhere) {
  Data x = random({2, 5, 9, 7}, 3);
  for (int64_t i = 0; i < count(x.dims); ++i) x.as<float>()[i] = std::round(x.as<float>()[i] * 3);  // ties
  x.as<float>()[20] = NAN;
  const Dims out = {2, 5, 5, 3}, kernel = {3, 2}, stride = {2, 2}, dilation = {1, 2}, pads = {1, 0, 1, 0};
  for (const bool column_major : {false, true}) {
    const auto got = run_ops(isa(), "MaxPool", {x}, {Out(out), Out(out, HRT_INT64)},
                             {{"kernel_shape", kernel},
                              {"strides", stride},
                              {"dilations", dilation},
                              {"pads", pads},
                              {"storage_order", int(column_major)}});
    int64_t i = 0;
    for_windows<float>(x, out, kernel, stride, dilation, pads, [&](const auto& window, int64_t plane) {
      auto best = window[0];
      for (const auto& v : window)
        if (v.first > best.first || std::isnan(v.first)) best = v;
      if (!std::isnan(best.first)) {
        const int64_t at = column_major ? best.second % 7 * 9 + best.second / 7 : best.second;
        EXPECT_EQ(got[0].as<float>()[i], best.first);
        EXPECT_EQ(got[1].as<int64_t>()[i], plane * 63 + at);
      } else {
        EXPECT_TRUE(std::isnan(got[0].as<float>()[i]));
      }
      ++i;
    });
  }
}

template <class T>
void max_pool_of(const std::string& isa, std::mt19937& gen) {
  Data x(dtype_of<T>, {1, 3, 6, 9});
  for (int64_t i = 0; i < count(x.dims); ++i) x.as<T>()[i] = T(gen());
  const Dims out = {1, 3, 6, 9}, kernel = {3, 3}, ones = {1, 1}, pads = {1, 1, 1, 1};
  const Data got =
      run_op(isa, "MaxPool", {x}, Out(out, dtype_of<T>), {{"kernel_shape", kernel}, {"pads", pads}});
  int64_t i = 0;
  for_windows<T>(x, out, kernel, ones, ones, pads, [&](const auto& window, int64_t) {
    EXPECT_EQ(got.as<T>()[i++], std::max_element(window.begin(), window.end())->first);
  });
}

TEST_P(Spatial, MaxPoolOfOtherTypes) {
  max_pool_of<uint8_t>(isa(), gen);
  max_pool_of<int8_t>(isa(), gen);
  max_pool_of<double>(isa(), gen);
}

TEST_P(Spatial, LpPool) {
  const Data x = random({2, 19, 7, 6}, 4);
  for (const int64_t p : {1, 2, 3, 4}) {
    const Dims out = {2, 19, 4, 4}, kernel = {2, 3}, stride = {2, 2}, ones = {1, 1}, pads = {1, 1, 0, 1};
    std::vector<double> want;
    for_windows<float>(x, out, kernel, stride, ones, pads, [&](const auto& window, int64_t) {
      double sum = 0;
      for (const auto& v : window) sum += std::pow(std::fabs(double(v.first)), double(p));
      want.push_back(std::pow(sum, 1 / double(p)));
    });
    expect_near(run_op(isa(), "LpPool", {x}, out,
                       {{"kernel_shape", kernel}, {"strides", stride}, {"pads", pads}, {"p", p}}),
                want, 1e-5, 1e-6, "LpPool");
    want.clear();
    for (int64_t plane = 0; plane < 2 * 19; ++plane) {
      double sum = 0;
      for (int64_t i = 0; i < 42; ++i)
        sum += std::pow(std::fabs(double(x.as<float>()[plane * 42 + i])), double(p));
      want.push_back(std::pow(sum, 1 / double(p)));
    }
    expect_near(run_op(isa(), "GlobalLpPool", {x}, Dims{2, 19, 1, 1}, {{"p", p}}), want, 1e-5, 1e-6,
                "GlobalLpPool");
  }
  EXPECT_NE(refusal(isa(), "GlobalLpPool", {x}, {2, 19, 1, 1}, {{"p", 0}}), "");
}

TEST_P(Spatial, AveragePoolOfNothingButPaddingIsZero) {
  const Data x = random({1, 1, 2, 2}, 4);
  const Data y = run_op(isa(), "AveragePool", {x}, Dims{1, 1, 6, 2},
                        {{"kernel_shape", Dims{1, 1}}, {"pads", Dims{2, 0, 2, 0}}});
  EXPECT_EQ(y.floats()[0], 0);
  EXPECT_EQ(y.floats()[11], 0);
}

HRT_FOR_EACH_ISA(Spatial);

}  // namespace
}  // namespace hrt::test
