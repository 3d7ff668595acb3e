// SPDX-License-Identifier: Apache-2.0
// Quantized operators, against loops over indices in 64-bit integers and doubles.
#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

class CpuQuantized : public CpuOp {
 protected:
  Data bytes(hrt_dtype t, const Dims& dims, int low = -128, int high = 127) {
    Data d(t, dims);
    for (int64_t i = 0; i < count(dims); ++i)
      d.as<uint8_t>()[i] = uint8_t(pick(low, high) + (t == HRT_UINT8 ? 128 : 0));
    return d;
  }
  Data scales(const Dims& dims, float low, float high) {
    Data d(HRT_FLOAT32, dims);
    for (int64_t i = 0; i < count(dims); ++i)
      d.as<float>()[i] = std::uniform_real_distribution<float>(low, high)(gen);
    return d;
  }
  hrt_dtype byte_type() { return pick(0, 1) ? HRT_INT8 : HRT_UINT8; }
};

int64_t value(const Data& d, int64_t i) {
  switch (d.dtype) {
    case HRT_INT8: return d.as<int8_t>()[i];
    case HRT_UINT8: return d.as<uint8_t>()[i];
    case HRT_INT16: return d.as<int16_t>()[i];
    case HRT_UINT16: return d.as<uint16_t>()[i];
    default: return d.as<int32_t>()[i];
  }
}
int64_t one_of(const Data& d, int64_t i) {
  return d.dtype == HRT_UNDEFINED ? 0 : value(d, count(d.dims) == 1 ? 0 : i);
}
double real_of(const Data& d, int64_t i) { return double(d.as<float>()[count(d.dims) == 1 ? 0 : i]); }

// The integer that v is quantized to, or its neighbour where v is so near to the middle that float
// arithmetic may go either way.
void expect_quantized(int64_t got, double v, int64_t zero, hrt_dtype t, const std::string& what) {
  const double low = t == HRT_INT8 ? -128 : t == HRT_INT16 ? -32768 : 0;
  const double high = t == HRT_INT8 ? 127 : t == HRT_INT16 ? 32767 : t == HRT_UINT8 ? 255 : 65535;
  const auto at = [&](double x) { return std::clamp(std::nearbyint(x) + double(zero), low, high); };
  const double slack = 1e-6 * std::max(1.0, std::fabs(v));
  EXPECT_TRUE(double(got) == at(v) || double(got) == at(v - slack) || double(got) == at(v + slack))
      << what << ": " << got << " for " << v << " with zero point " << zero;
}

// ---------------------------------------------------------------------------------------- matrices

struct Matrices {
  Data a, b, a_zero = absent(), b_zero = absent();
  int64_t m, k, n, batch_a, batch_b;  // one of the batches is 1, or both are equal
};
int64_t sum_of(const Matrices& s, int64_t z, int64_t i, int64_t j) {
  int64_t sum = 0;
  const int64_t za = s.batch_a == 1 ? 0 : z, zb = s.batch_b == 1 ? 0 : z;
  for (int64_t x = 0; x < s.k; ++x)
    sum += (value(s.a, (za * s.m + i) * s.k + x) - one_of(s.a_zero, 0)) *
           (value(s.b, (zb * s.k + x) * s.n + j) - one_of(s.b_zero, j));
  return sum;
}

TEST_P(CpuQuantized, ProductOfMatricesIsWrong) {
  for (int round = 0; round < 120; ++round) {
    Matrices s;
    s.m = pick(1, 20), s.k = pick(1, 70), s.n = pick(1, 110);
    if (round < 3) s.m = s.k = s.n = 1 + round * 40;
    s.batch_a = pick(0, 2) ? 1 : 3;
    s.batch_b = pick(0, 2) ? 1 : 3;
    const hrt_dtype ta = byte_type(), tb = byte_type();
    const bool narrow = pick(0, 1);  // weights fit bytes after their zero point was taken off
    s.a = bytes(ta, {s.batch_a, s.m, s.k});
    s.b = narrow ? bytes(tb, {s.batch_b, s.k, s.n}, -100, 100) : bytes(tb, {s.batch_b, s.k, s.n});
    if (pick(0, 3)) s.a_zero = bytes(ta, {});
    const Dims columns = pick(0, 1) ? Dims{s.n} : Dims{};
    if (pick(0, 3)) s.b_zero = narrow ? bytes(tb, columns, -20, 20) : bytes(tb, columns);
    const int64_t batch = std::max(s.batch_a, s.batch_b);
    const uint32_t constants = pick(0, 2) ? 1u << 1 | 1u << 3 : 0;
    const int threads = 1 + round % 2;
    const std::string what = "round " + std::to_string(round);

    const Data y = run_op(isa(), "MatMulInteger", {s.a, s.b, s.a_zero, s.b_zero},
                          Out({batch, s.m, s.n}, HRT_INT32), {}, constants, threads);
    if (s.a_zero.dtype == HRT_UNDEFINED) s.a_zero = Data(ta, {});
    if (s.b_zero.dtype == HRT_UNDEFINED) s.b_zero = Data(tb, {});
    const hrt_dtype ty = byte_type();
    const Data zero = bytes(ty, {}), b_scale = scales(columns, 0.01f, 0.03f),
               a_scale = scales({}, 0.01f, 0.1f), y_scale = scales({}, 0.1f, 2.0f);
    const uint32_t fixed = constants ? 1u << 3 | 1u << 5 : 0;
    const Data q =
        run_op(isa(), "QLinearMatMul", {s.a, a_scale, s.a_zero, s.b, b_scale, s.b_zero, y_scale, zero},
               Out({batch, s.m, s.n}, ty), {}, fixed, threads);
    for_each({batch, s.m, s.n}, [&](const Dims& at) {
      const int64_t sum = sum_of(s, at[0], at[1], at[2]), o = (at[0] * s.m + at[1]) * s.n + at[2];
      ASSERT_EQ(value(y, o), sum) << what << " element " << o;
      const double v = double(sum) * real_of(a_scale, 0) * real_of(b_scale, at[2]) / real_of(y_scale, 0);
      expect_quantized(value(q, o), v, one_of(zero, 0), ty, what);
    });
    if (HasFailure()) return;
  }
}

TEST_P(CpuQuantized, SumsSaturate) {  // 255 times 127, twice, does not fit 16 bits
  for (const hrt_dtype t : {HRT_INT8, HRT_UINT8}) {
    const Data a(Dims{2, 64}, std::vector<uint8_t>(128, 255));
    Data b(t, {64, 3});
    for (int i = 0; i < 64 * 3; ++i) b.as<uint8_t>()[i] = 127;
    const Data y = run_op(isa(), "MatMulInteger", {a, b}, Out({2, 3}, HRT_INT32), {}, 2);
    for (int i = 0; i < 6; ++i) EXPECT_EQ(value(y, i), 64 * 255 * 127);
  }
}

TEST_P(CpuQuantized, EmptyProductIsWrong) {
  const Data y = run_op(isa(), "MatMulInteger", {Data(HRT_UINT8, {2, 0}), Data(HRT_INT8, {0, 3})},
                        Out({2, 3}, HRT_INT32), {}, 2);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(value(y, i), 0);
  run_op(isa(), "MatMulInteger", {Data(HRT_UINT8, {0, 4}), Data(HRT_INT8, {4, 3})}, Out({0, 3}, HRT_INT32));
  const Data v =
      run_op(isa(), "MatMulInteger",
             {Data(Dims{3}, std::vector<uint8_t>{1, 2, 3}), Data(Dims{3}, std::vector<int8_t>{-1, 5, 2})},
             Out({}, HRT_INT32));
  EXPECT_EQ(value(v, 0), 15);
}

TEST_P(CpuQuantized, ProductOfMatricesToFloatIsWrong) {
  for (int round = 0; round < 30; ++round) {
    Matrices s;
    s.m = pick(1, 9), s.k = pick(1, 50), s.n = pick(1, 60), s.batch_a = s.batch_b = 1;
    const hrt_dtype tb = byte_type();
    s.a = bytes(HRT_UINT8, {s.m, s.k});
    s.b = bytes(tb, {s.k, s.n});
    s.a_zero = bytes(HRT_UINT8, {});
    s.b_zero = bytes(tb, {});
    const Data a_scale = scales({}, 0.01f, 0.1f), b_scale = scales({s.n}, 0.01f, 0.1f),
               bias = random({s.n}, 3);
    const Data y =
        run_op(isa(), "com.microsoft:MatMulIntegerToFloat",
               {s.a, s.b, a_scale, b_scale, s.a_zero, s.b_zero, bias}, Out({s.m, s.n}), {}, 2 | 32);
    std::vector<double> want;
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t j = 0; j < s.n; ++j)
        want.push_back(double(sum_of(s, 0, i, j)) * real_of(a_scale, 0) * real_of(b_scale, j) +
                       real_of(bias, j));
    expect_near(y, want, 1e-5, 1e-4, "MatMulIntegerToFloat");

    // The same through the range of floats that are multiples of a scale, 0 and 255 times among them.
    Data x(HRT_FLOAT32, {s.m, s.k});
    s.a.as<uint8_t>()[0] = 0;
    if (s.m * s.k == 1) continue;
    s.a.as<uint8_t>()[1] = 255;
    for (int64_t i = 0; i < s.m * s.k; ++i)
      x.as<float>()[i] = float(value(s.a, i) - one_of(s.a_zero, 0)) * 0.25f;
    const Data z = run_op(isa(), "com.microsoft:DynamicQuantizeMatMul", {x, s.b, b_scale, s.b_zero, bias},
                          Out({s.m, s.n}), {}, 2 | 8);
    want.clear();
    for (int64_t i = 0; i < s.m; ++i)
      for (int64_t j = 0; j < s.n; ++j)
        want.push_back(double(sum_of(s, 0, i, j)) * 0.25 * real_of(b_scale, j) + real_of(bias, j));
    expect_near(z, want, 1e-5, 1e-4, "DynamicQuantizeMatMul");
  }
}

TEST_P(CpuQuantized, QGemmIsWrong) {
  for (int round = 0; round < 40; ++round) {
    const int64_t m = pick(1, 12), k = pick(1, 40), n = pick(1, 60);
    const bool ta = pick(0, 1), tb = pick(0, 1), to_float = pick(0, 1);
    const hrt_dtype b_type = byte_type(), y_type = byte_type();
    const Data a = bytes(HRT_UINT8, ta ? Dims{k, m} : Dims{m, k}),
               b = bytes(b_type, tb ? Dims{n, k} : Dims{k, n}), a_zero = bytes(HRT_UINT8, {}),
               b_zero = bytes(b_type, {n}, -3, 3), a_scale = scales({}, 0.1f, 0.2f),
               b_scale = scales({n}, 0.1f, 0.2f), y_scale = scales({}, 5, 9), y_zero = bytes(y_type, {});
    Data c(HRT_INT32, {n});
    for (int64_t j = 0; j < n; ++j) c.as<int32_t>()[j] = int32_t(pick(-9999, 9999));
    std::vector<Data> in = {a, a_scale, a_zero, b, b_scale, b_zero, pick(0, 1) ? c : absent()};
    if (!to_float) in.insert(in.end(), {y_scale, y_zero});
    const Data y = run_op(isa(), "com.microsoft:QGemm", in, Out({m, n}, to_float ? HRT_FLOAT32 : y_type),
                          {{"transA", int(ta)}, {"transB", int(tb)}, {"alpha", 0.5f}},
                          round % 2 ? 0 : 1u << 3 | 1u << 5);
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        int64_t sum = one_of(in[6], j);
        for (int64_t x = 0; x < k; ++x)
          sum += (value(a, ta ? x * m + i : i * k + x) - one_of(a_zero, 0)) *
                 (value(b, tb ? j * k + x : x * n + j) - one_of(b_zero, j));
        const double v = double(sum) * 0.5 * real_of(a_scale, 0) * real_of(b_scale, j);
        if (to_float)
          ASSERT_NEAR(y.as<float>()[i * n + j], v, 1e-5 * std::fabs(v));
        else
          expect_quantized(value(y, i * n + j), v / real_of(y_scale, 0), one_of(y_zero, 0), y_type, "QGemm");
      }
  }
}

// ------------------------------------------------------------------------------------- convolution

struct Convolution {
  int64_t batch = 1, groups = 1, ic = 1, oc = 1;  // channels of a group
  Dims in, kernel, stride, dilation, pads, out;   // pads: begins, ends

  bool finish() {
    out.clear();
    for (size_t d = 0; d < in.size(); ++d) {
      const int64_t reach = (kernel[d] - 1) * dilation[d] + 1,
                    room = in[d] + pads[d] + pads[d + in.size()] - reach;
      if (room < 0) return false;
      out.push_back(room / stride[d] + 1);
    }
    return true;
  }
  Dims dims(int64_t n, int64_t c, const Dims& spatial) const {
    Dims d = {n, c};
    d.insert(d.end(), spatial.begin(), spatial.end());
    return d;
  }
  std::vector<Attr> attrs() const {
    return {{"group", groups},
            {"strides", stride},
            {"dilations", dilation},
            {"pads", pads},
            {"kernel_shape", kernel}};
  }
  // Calls f(output position, channel, sum) for all outputs.
  void each(const Data& x, const Data& w, const Data& x_zero, const Data& w_zero,
            const std::function<void(int64_t, int64_t, int64_t)>& f) const {
    int64_t o = 0;
    for_each(dims(batch, groups * oc, out), [&](const Dims& at) {
      int64_t sum = 0;
      for_each(dims(1, ic, kernel), [&](const Dims& tap) {
        Dims from = {at[0], at[1] / oc * ic + tap[1]}, to = {at[1], tap[1]};
        for (size_t d = 0; d < in.size(); ++d) {
          const int64_t p = at[d + 2] * stride[d] + tap[d + 2] * dilation[d] - pads[d];
          if (p < 0 || p >= in[d]) return;
          from.push_back(p);
          to.push_back(tap[d + 2]);
        }
        sum += (value(x, offset_of(dims(batch, groups * ic, in), from)) - one_of(x_zero, 0)) *
               (value(w, offset_of(dims(groups * oc, ic, kernel), to)) - one_of(w_zero, at[1]));
      });
      f(o++, at[1], sum);
    });
  }
  static int64_t offset_of(const Dims& dims, const Dims& at) {
    int64_t o = 0;
    for (size_t d = 0; d < dims.size(); ++d) o = o * dims[d] + at[d];
    return o;
  }
};

TEST_P(CpuQuantized, ConvolutionIsWrong) {
  for (int round = 0; round < 300; ++round) {
    Convolution s;
    const size_t rank = round % 10 == 0 ? 3 : round % 5 == 0 ? 1 : 2;
    s.batch = pick(1, 2);
    switch (pick(0, 3)) {
      case 0: s.groups = pick(1, 20), s.ic = s.oc = 1; break;  // depthwise
      case 1: s.groups = pick(2, 4), s.ic = pick(1, 6), s.oc = pick(1, 10); break;
      case 2: s.ic = pick(1, 4), s.oc = pick(1, 20); break;
      default: s.ic = pick(4, 20), s.oc = pick(1, 20);
    }
    for (size_t d = 0; d < rank; ++d) {
      s.in.push_back(pick(1, rank == 3 ? 6 : 21));
      s.kernel.push_back(pick(1, rank == 3 ? 3 : 5));
      s.stride.push_back(pick(1, 3));
      s.dilation.push_back(pick(1, 2));
    }
    for (size_t d = 0; d < 2 * rank; ++d) s.pads.push_back(pick(0, 3));
    if (!s.finish()) continue;
    const hrt_dtype tx = byte_type(), tw = byte_type(), ty = byte_type();
    const bool narrow = pick(0, 1);
    const int64_t oc = s.groups * s.oc;
    const Dims channels = pick(0, 1) ? Dims{oc} : Dims{};
    const Data x = bytes(tx, s.dims(s.batch, s.groups * s.ic, s.in)),
               w = narrow ? bytes(tw, s.dims(oc, s.ic, s.kernel), -100, 100)
                          : bytes(tw, s.dims(oc, s.ic, s.kernel)),
               x_zero = bytes(tx, {}), w_zero = narrow ? bytes(tw, channels, -20, 20) : bytes(tw, channels);
    const uint32_t constants = pick(0, 2) ? ~0u : 0;
    const Dims dims = s.dims(s.batch, oc, s.out);
    const std::string what = "round " + std::to_string(round);
    const Data y = run_op(isa(), "ConvInteger", {x, w, x_zero, w_zero}, Out(dims, HRT_INT32), s.attrs(),
                          constants & (2 | 8), 1 + round % 2);
    Data bias(HRT_INT32, {oc});
    for (int64_t m = 0; m < oc; ++m) bias.as<int32_t>()[m] = int32_t(pick(-30000, 30000));
    const Data x_scale = scales({}, 0.01f, 0.1f), w_scale = scales(channels, 0.01f, 0.1f),
               y_scale = scales({}, 0.1f, 2), y_zero = bytes(ty, {});
    const bool biased = pick(0, 1);
    const Data q = run_op(isa(), "QLinearConv",
                          {x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, biased ? bias : absent()},
                          Out(dims, ty), s.attrs(), constants & (1u << 3 | 1u << 5), 1 + round % 2);
    s.each(x, w, x_zero, w_zero, [&](int64_t o, int64_t m, int64_t sum) {
      ASSERT_EQ(value(y, o), sum) << what << " element " << o;
      const double v = double(sum + (biased ? value(bias, m) : 0)) *
                       (real_of(x_scale, 0) * real_of(w_scale, m) / real_of(y_scale, 0));
      expect_quantized(value(q, o), v, one_of(y_zero, 0), ty, what);
    });
    if (HasFailure()) return;
  }
}

TEST_P(CpuQuantized, LargeConvolutionIsWrong) {  // many tiles, both orders of the loops
  for (const auto& [ic, oc, size, kernel] :
       {std::array{64, 64, 12, 3}, {130, 300, 5, 3}, {3, 32, 40, 3}, {70, 24, 28, 1}}) {
    Convolution s;
    s.ic = ic, s.oc = oc, s.in = {size, size}, s.kernel = {kernel, kernel};
    s.stride = {1, 1}, s.dilation = {1, 1}, s.pads = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    s.finish();
    const Data x = bytes(HRT_UINT8, s.dims(1, ic, s.in)), w = bytes(HRT_INT8, s.dims(oc, ic, s.kernel)),
               x_zero = bytes(HRT_UINT8, {});
    for (const int threads : {1, 2}) {
      const Data y = run_op(isa(), "ConvInteger", {x, w, x_zero}, Out(s.dims(1, oc, s.out), HRT_INT32),
                            s.attrs(), 2, threads);
      s.each(x, w, x_zero, absent(),
             [&](int64_t o, int64_t, int64_t sum) { ASSERT_EQ(value(y, o), sum) << o; });
    }
  }
}

TEST_P(CpuQuantized, ConvolutionTakesShapesThatDoNotFit) {
  const Data x(HRT_UINT8, {1, 3, 8, 8}), w(HRT_INT8, {4, 2, 3, 3}), scale(HRT_FLOAT32, {}),
      zero(HRT_UINT8, {}), w_zero(HRT_INT8, {});
  EXPECT_NE(refusal(isa(), "ConvInteger", {x, w}, Out({1, 4, 6, 6}, HRT_INT32)), "");
  const Data fits(HRT_INT8, {4, 3, 3, 3}), three(HRT_FLOAT32, {3});
  EXPECT_NE(refusal(isa(), "QLinearConv", {x, scale, zero, fits, three, w_zero, scale, zero},
                    Out({1, 4, 6, 6}, HRT_UINT8)),
            "");
  EXPECT_NE(refusal(isa(), "QLinearConv", {x, three, zero, fits, scale, w_zero, scale, zero},
                    Out({1, 4, 6, 6}, HRT_UINT8)),
            "");
}

// ------------------------------------------------------------------------- quantize and dequantize

// The index of the scale of element i of dims; axis < 0: one for all.
int64_t scale_of(const Dims& dims, int axis, int64_t block, int64_t i) {
  if (axis < 0) return 0;
  int64_t inner = 1;
  for (size_t d = size_t(axis) + 1; d < dims.size(); ++d) inner *= dims[d];
  const int64_t length = dims[size_t(axis)], k = i / inner % length;
  if (block == 0) return k;
  return (i / inner / length * ((length + block - 1) / block) + k / block) * inner + i % inner;
}

TEST_P(CpuQuantized, QuantizeOrDequantizeIsWrong) {
  for (const hrt_dtype t : {HRT_INT8, HRT_UINT8, HRT_INT16, HRT_UINT16})
    for (int round = 0; round < 40; ++round) {
      Dims dims;
      for (int64_t d = pick(round < 4 ? 0 : 1, 4); d > 0; --d) dims.push_back(pick(round == 5 ? 0 : 1, 19));
      if (round == 6) dims = {3, 5000};
      const int axis = dims.empty() ? -1 : int(pick(-1, int64_t(dims.size()) - 1));
      const int64_t block = axis >= 0 && pick(0, 1) ? pick(1, 5) : 0;
      Dims of_scale;
      if (axis >= 0) {
        of_scale = {dims[size_t(axis)]};
        if (block) of_scale = dims, of_scale[size_t(axis)] = (dims[size_t(axis)] + block - 1) / block;
      }
      const Data scale = scales(of_scale, 0.01f, 0.1f);
      Data zero(t, of_scale), x = random(dims, unsigned(round));
      for (size_t i = 0; i < zero.bytes.size(); ++i) zero.bytes[i] = std::byte(pick(0, 255));
      for (int64_t i = 0; i < count(dims); ++i) x.as<float>()[i] *= dtype_bits(t) == 8 ? 20.0f : 5000.0f;
      if (count(dims) > 3) {
        x.as<float>()[0] = INFINITY;
        x.as<float>()[1] = -1e30f;
        x.as<float>()[2] = NAN;
        x.as<float>()[3] = 1e-42f;
      }
      const bool with_zero = t != HRT_UINT8 || pick(0, 1);
      std::vector<Attr> attrs = {{"axis", axis < 0 ? 1 : axis}, {"block_size", block}};
      if (t != HRT_UINT8) attrs.emplace_back("output_dtype", int(t));
      const Data y = run_op(isa(), "QuantizeLinear", {x, scale, with_zero ? zero : absent()}, Out(dims, t),
                            attrs, 0, 1 + round % 2);
      attrs.erase(attrs.begin() + 2, attrs.end());
      const Data back = run_op(isa(), "DequantizeLinear", {y, scale, with_zero ? zero : absent()}, Out(dims),
                               attrs, 0, 1 + round % 2);
      for (int64_t i = 0; i < count(dims); ++i) {
        const int64_t k = scale_of(dims, axis, block, i), z = with_zero ? one_of(zero, k) : 0;
        const float v = x.as<float>()[i], s = float(real_of(scale, k));
        expect_quantized(value(y, i), std::isnan(v) ? 0.0 : double(v / s), z, t, "QuantizeLinear");
        EXPECT_LE(ulps(back.as<float>()[i], double(value(y, i) - z) * double(s)), 1);
      }
      if (HasFailure()) return;
    }
}

TEST_P(CpuQuantized, DequantizedInt32IsWrong) {
  const Data x(Dims{5}, std::vector<int32_t>{-5, 1 << 30, INT32_MIN, 7, 0}),
      scale(Dims{}, std::vector<float>{0.5f});
  const Data y = run_op(isa(), "DequantizeLinear", {x, scale}, Out({5}));
  EXPECT_EQ(y.floats(), (std::vector<float>{-2.5f, float(1 << 29), -float(1 << 30), 3.5f, 0}));
}

TEST_P(CpuQuantized, RangeOfDataIsWrong) {
  const std::vector<Out> out = {Out({5}, HRT_UINT8), Out({}, HRT_FLOAT32), Out({}, HRT_UINT8)};
  const auto run = [&](const std::vector<float>& v) {
    std::vector<Out> o = out;
    o[0].dims = {int64_t(v.size())};
    return run_ops(isa(), "DynamicQuantizeLinear", {Data(o[0].dims, v)}, o);
  };
  auto y = run({0, 2, -3, -2.5f, 1.34f});  // the standard's own examples
  EXPECT_EQ(y[0].vector<uint8_t>(), (std::vector<uint8_t>{153, 255, 0, 26, 221}));
  EXPECT_FLOAT_EQ(y[1].floats()[0], 0.0196078438f);
  EXPECT_EQ(value(y[2], 0), 153);
  y = run({-1, -2.1f, -1.3f, -2.5f, -3.34f, -4});
  EXPECT_EQ(y[0].vector<uint8_t>(), (std::vector<uint8_t>{191, 121, 172, 96, 42, 0}));
  EXPECT_EQ(value(y[2], 0), 255);
  y = run({0, 0, 0});
  EXPECT_EQ(y[0].vector<uint8_t>(), (std::vector<uint8_t>{0, 0, 0}));
  EXPECT_EQ(y[1].floats()[0], 0);
  run({});
}

// -------------------------------------------------------------------- operators of com.microsoft

// A scale and a zero point.
struct Quantization {
  Data scale, zero;
  double real(int64_t v) const { return double(v - one_of(zero, 0)) * real_of(scale, 0); }
  void expect(int64_t got, double v, const std::string& what) const {
    expect_quantized(got, v / real_of(scale, 0), one_of(zero, 0), zero.dtype, what);
  }
};

class CpuQLinear : public CpuQuantized {
 protected:
  Quantization quantization(hrt_dtype t) { return {scales({}, 0.02f, 0.2f), bytes(t, {}, -50, 50)}; }
  Data run(const std::string& op, const std::vector<Data>& in, const Out& out,
           const std::vector<Attr>& attrs = {}) {
    return run_op(isa(), "com.microsoft:" + op, in, out, attrs, 0, int(pick(1, 2)));
  }
};

TEST_P(CpuQLinear, SumOrProductIsWrong) {
  for (int round = 0; round < 60; ++round) {
    Dims da, db;
    for (int64_t d = pick(0, 4); d > 0; --d) {
      const int64_t n = pick(round == 7 ? 0 : 1, 20);
      da.push_back(pick(0, 3) ? n : 1);
      db.push_back(pick(0, 3) ? n : 1);
    }
    if (pick(0, 1) && !da.empty()) db.erase(db.begin());
    const hrt_dtype t = byte_type();
    const Data a = bytes(t, da), b = bytes(t, db);
    const Quantization qa = quantization(t), qb = quantization(t), qy = quantization(t);
    const Dims dims = broadcast(da, db);
    const std::vector<Data> in = {a, qa.scale, qa.zero, b, qb.scale, qb.zero, qy.scale, qy.zero};
    const Data sum = run("QLinearAdd", in, Out(dims, t)), product = run("QLinearMul", in, Out(dims, t));
    int64_t o = 0;
    for_each(dims, [&](const Dims& at) {
      const double x = qa.real(value(a, offset(da, at))), y = qb.real(value(b, offset(db, at)));
      qy.expect(value(sum, o), x + y, "QLinearAdd");
      qy.expect(value(product, o++), x * y, "QLinearMul");
    });
    if (HasFailure()) return;
  }
}

TEST_P(CpuQLinear, FunctionOrWhereIsWrong) {
  for (const hrt_dtype t : {HRT_INT8, HRT_UINT8})
    for (const Dims& dims : {Dims{}, {0}, {3, 50}, {2, 9000}}) {
      const Data x = bytes(t, dims), z = bytes(t, dims);
      const Quantization qx = quantization(t), qz = quantization(t), qy = quantization(t);
      const std::vector<Data> in = {x, qx.scale, qx.zero, qy.scale, qy.zero};
      const Data s = run("QLinearSigmoid", in, Out(dims, t)),
                 l = run("QLinearLeakyRelu", in, Out(dims, t), {{"alpha", 0.3f}});
      Data condition(HRT_BOOL, dims);
      for (std::byte& c : condition.bytes) c = std::byte(pick(0, 1));
      const Data w =
          run("QLinearWhere", {condition, x, qx.scale, qx.zero, z, qz.scale, qz.zero, qy.scale, qy.zero},
              Out(dims, t));
      for (int64_t i = 0; i < count(dims); ++i) {
        const double v = qx.real(value(x, i));
        qy.expect(value(s, i), 1 / (1 + std::exp(-v)), "QLinearSigmoid");
        qy.expect(value(l, i), v < 0 ? double(0.3f) * v : v, "QLinearLeakyRelu");
        qy.expect(value(w, i), condition.as<uint8_t>()[i] ? v : qz.real(value(z, i)), "QLinearWhere");
      }
    }
}

TEST_P(CpuQLinear, ConcatIsWrong) {
  for (int64_t axis = -3; axis < 3; ++axis) {
    const size_t at = size_t(axis < 0 ? axis + 3 : axis);
    const hrt_dtype t = byte_type();
    const Quantization qy = quantization(t);
    std::vector<Data> in = {qy.scale, qy.zero};
    std::vector<Quantization> q;
    Dims whole = {3, 4, 50}, ends = {0};
    for (int i = 0; i < 3; ++i) {
      Dims d = whole;
      d[at] = pick(i == 1 ? 0 : 1, 60);
      ends.push_back(ends.back() + d[at]);
      q.push_back(i == 2 ? qy : quantization(t));
      in.insert(in.end(), {bytes(t, d), q.back().scale, q.back().zero});
    }
    whole[at] = ends.back();
    const Data y = run("QLinearConcat", in, Out(whole, t), {{"axis", axis}});
    for (size_t i = 0; i < 3; ++i) {
      const Data& x = in[2 + 3 * i];
      int64_t k = 0;
      for_each(x.dims, [&](Dims from) {
        from[at] += ends[i];
        qy.expect(value(y, offset(whole, from)), q[i].real(value(x, k++)), "QLinearConcat");
      });
    }
  }
}

TEST_P(CpuQLinear, SoftmaxIsWrong) {
  for (const int opset : {12, 13}) {
    const hrt_dtype t = byte_type();
    const Dims dims = {4, 5, 30};
    const Data x = bytes(t, dims);
    const Quantization qx = quantization(t),
                       qy{Data(Dims{}, std::vector<float>{1.0f / 256}), bytes(t, {}, -128, -128)};
    const int axis = opset < 13 ? 1 : 2;
    const Data y = run("QLinearSoftmax", {x, qx.scale, qx.zero, qy.scale, qy.zero}, Out(dims, t),
                       {{"axis", axis}, {"opset", opset}});
    const int64_t n = axis == 1 ? 150 : 30;
    for (int64_t line = 0; line < 600 / n; ++line) {
      double sum = 0, most = -INFINITY;
      for (int64_t i = 0; i < n; ++i) most = std::max(most, qx.real(value(x, line * n + i)));
      for (int64_t i = 0; i < n; ++i) sum += std::exp(qx.real(value(x, line * n + i)) - most);
      for (int64_t i = 0; i < n; ++i)
        qy.expect(value(y, line * n + i), std::exp(qx.real(value(x, line * n + i)) - most) / sum,
                  "QLinearSoftmax");
    }
  }
}

TEST_P(CpuQLinear, MeanIsWrong) {
  for (int round = 0; round < 40; ++round) {
    const hrt_dtype t = byte_type();
    const int64_t n = pick(1, 2), c = pick(1, 5), h = pick(3, 20), w = pick(3, 40);
    const Data x = bytes(t, {n, c, h, w});
    const Quantization qx = quantization(t), qy = quantization(t);
    const std::vector<Data> in = {x, qx.scale, qx.zero, qy.scale, qy.zero};
    const auto mean = [&](int64_t plane, int64_t top, int64_t left, int64_t kh, int64_t kw, bool counted) {
      double sum = 0;
      int64_t inside = 0;
      for (int64_t i = std::max<int64_t>(0, top); i < std::min(h, top + kh); ++i)
        for (int64_t j = std::max<int64_t>(0, left); j < std::min(w, left + kw); ++j, ++inside)
          sum += qx.real(value(x, (plane * h + i) * w + j));
      return sum / double(counted ? kh * kw : inside);
    };
    const Data all = run("QLinearGlobalAveragePool", in, Out({n, c, 1, 1}, t));
    for (int64_t p = 0; p < n * c; ++p)
      qy.expect(value(all, p), mean(p, 0, 0, h, w, false), "QLinearGlobalAveragePool");

    const int64_t kh = pick(1, 3), kw = pick(1, 3), sh = pick(1, 2), sw = pick(1, 2),
                  pad = std::min(kh, kw) - 1;
    const int64_t oh = (h + 2 * pad - kh) / sh + 1, ow = (w + 2 * pad - kw) / sw + 1;
    const int counted = int(pick(0, 1));
    const Data y = run("QLinearAveragePool", in, Out({n, c, oh, ow}, t),
                       {{"kernel_shape", Dims{kh, kw}},
                        {"strides", Dims{sh, sw}},
                        {"pads", Dims{pad, pad, pad, pad}},
                        {"count_include_pad", counted}});
    for (int64_t o = 0; o < n * c * oh * ow; ++o)
      qy.expect(value(y, o), mean(o / ow / oh, o / ow % oh * sh - pad, o % ow * sw - pad, kh, kw, counted),
                "QLinearAveragePool");
    if (HasFailure()) return;
  }
}

TEST_P(CpuQLinear, LargestIsWrong) {
  for (int round = 0; round < 40; ++round) {
    const hrt_dtype t = byte_type();
    const int64_t h = pick(3, 12), w = pick(3, 40), k = pick(1, 3), s = pick(1, 2), d = pick(1, 2),
                  pad = pick(0, k - 1);
    const int64_t reach = (k - 1) * d + 1;
    if (h + 2 * pad < reach || w + 2 * pad < reach) continue;
    const int64_t oh = (h + 2 * pad - reach) / s + 1, ow = (w + 2 * pad - reach) / s + 1;
    const Data x = bytes(t, {2, 3, h, w});
    const Data y = run_op(isa(), "MaxPool", {x}, Out({2, 3, oh, ow}, t),
                          {{"kernel_shape", Dims{k, k}},
                           {"strides", Dims{s, s}},
                           {"dilations", Dims{d, d}},
                           {"pads", Dims{pad, pad, pad, pad}}});
    for (int64_t o = 0; o < 6 * oh * ow; ++o) {
      int64_t most = -128;
      for (int64_t i = 0; i < k * k; ++i) {
        const int64_t r = o / ow % oh * s - pad + i / k * d, c = o % ow * s - pad + i % k * d;
        if (r >= 0 && r < h && c >= 0 && c < w)
          most = std::max(most, value(x, (o / ow / oh * h + r) * w + c));
      }
      ASSERT_EQ(value(y, o), most) << "round " << round;
    }
  }
}

HRT_FOR_EACH_ISA(CpuQuantized);
HRT_FOR_EACH_ISA(CpuQLinear);

}  // namespace
}  // namespace hrt::test
