// SPDX-License-Identifier: Apache-2.0
// Resize against the definition, axis by axis, in double precision.
#include <limits>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

class CpuResize : public CpuOp {};

struct Case {
  std::string mode, coordinates, nearest = "round_prefer_floor";
  bool exclude_outside = false;
  double a = -0.75;
  bool antialias = false;
  std::vector<float> roi = {};  // begin of every axis, then the ends; tf_crop_and_resize
};

constexpr float kExtrapolation = 0.375f;

double position(const Case& c, double x, double scale, int64_t in, int64_t out, size_t axis) {
  const double length = scale * double(in);
  if (!c.roi.empty()) {
    const double begin = c.roi[axis], end = c.roi[axis + c.roi.size() / 2], last = double(in - 1);
    if (length == 1) return (begin + end) / 2 * last;
    return begin * last + x * (end - begin) * last / (length - 1);
  }
  if (c.coordinates == "align_corners") return length == 1 ? 0 : x * double(in - 1) / (length - 1);
  if (c.coordinates == "asymmetric") return x / scale;
  if (c.coordinates == "pytorch_half_pixel" && length <= 1) return 0;
  double shift = 0;
  if (c.coordinates == "half_pixel_symmetric") shift = double(in) / 2 * (1 - double(out) / length);
  return shift + (x + 0.5) / scale - 0.5;
}

double weight(const Case& c, double at, int64_t i, double shrink) {
  const double d = std::fabs(at - double(i)) * shrink;
  if (c.mode == "linear") return std::max(0.0, 1 - d);
  const double a = c.a;
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

// One axis of an array, by the definition.
std::vector<double> resize_axis(const Case& c, const std::vector<double>& x, Dims dims, size_t axis,
                                int64_t out, double scale) {
  Dims result = dims;
  result[axis] = out;
  std::vector<double> y;
  for_each(result, [&](const Dims& to) {
    const int64_t n = dims[axis];
    const auto at = [&](int64_t i) {
      Dims from = to;
      from[axis] = std::clamp<int64_t>(i, 0, n - 1);
      return x[size_t(offset(dims, from))];
    };
    double p = position(c, double(to[axis]), scale, n, out, axis);
    if (!c.roi.empty() && (p < 0 || p > double(n - 1))) return y.push_back(double(kExtrapolation));
    if (c.mode == "nearest") {
      p = float(p);  // a tie is one to the precision of the scales
      const double r = c.nearest == "floor"                ? std::floor(p)
                       : c.nearest == "ceil"               ? std::ceil(p)
                       : c.nearest == "round_prefer_floor" ? std::ceil(p - 0.5)
                                                           : std::floor(p + 0.5);
      y.push_back(at(int64_t(r)));
      return;
    }
    const double shrink = c.antialias ? std::min(scale, 1.0) : 1;
    const int64_t reach = int64_t(2 / shrink) + 2;
    double sum = 0, total = 0;
    for (int64_t i = int64_t(std::floor(p)) - reach; i <= int64_t(std::floor(p)) + reach; ++i) {
      if (c.exclude_outside && (i < 0 || i >= n)) continue;
      sum += weight(c, p, i, shrink) * at(i);
      total += weight(c, p, i, shrink);
    }
    y.push_back(c.exclude_outside || c.antialias ? sum / total : sum);
  });
  return y;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const char* mode : {"nearest", "linear", "cubic"})
    for (const char* coordinates :
         {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"})
      all.push_back({mode, coordinates});
  for (const char* nearest : {"round_prefer_ceil", "floor", "ceil"}) {
    all.push_back({"nearest", "half_pixel", nearest});
    all.push_back({"nearest", "asymmetric", nearest});
  }
  all.push_back({"cubic", "half_pixel", "", true});
  all.push_back({"cubic", "asymmetric", "", true, -0.5});
  all.push_back({"linear", "half_pixel", "", true});
  for (const bool exclude : {false, true})
    for (const char* mode : {"linear", "cubic"}) all.push_back({mode, "half_pixel", "", exclude, -0.5, true});
  all.push_back({"linear", "align_corners", "", false, -0.75, true});
  return all;
}

std::vector<Attr> attrs_of(const Case& c) {
  std::vector<Attr> a = {{"mode", c.mode}, {"coordinate_transformation_mode", c.coordinates}};
  if (c.mode == "nearest") a.emplace_back("nearest_mode", c.nearest);
  if (c.exclude_outside) a.emplace_back("exclude_outside", 1);
  if (c.a != -0.75) a.emplace_back("cubic_coeff_a", float(c.a));
  if (c.antialias) a.emplace_back("antialias", 1);
  if (!c.roi.empty()) a.emplace_back("extrapolation_value", kExtrapolation);
  return a;
}

// The result by the definition, and its shape.
std::pair<std::vector<double>, Dims> wanted(const Case& c, const Data& x, const std::vector<float>& scales,
                                            bool by_size) {
  const Dims& in = x.dims;
  Dims out, now = in;
  std::vector<double> want;
  for (const float v : x.floats()) want.push_back(v);
  for (size_t d = 0; d < in.size(); ++d) {
    out.push_back(int64_t(std::floor(float(in[d]) * scales[d])));
    const double scale = by_size ? double(out[d]) / double(in[d]) : double(scales[d]);
    if (scale != 1 || !c.roi.empty()) want = resize_axis(c, want, now, d, out[d], scale);
    now[d] = out[d];
  }
  return {want, out};
}

void check(const std::string& isa, const Case& c, const Dims& in, const std::vector<float>& scales,
           bool by_size) {
  const Data x = random(in, 1);
  const auto [want, out] = wanted(c, x, scales, by_size);
  const Data s(Dims{int64_t(scales.size())}, scales);
  const Data roi = c.roi.empty() ? absent() : Data(Dims{int64_t(c.roi.size())}, c.roi);
  const std::vector<Data> inputs =
      by_size ? std::vector<Data>{x, roi, absent(), ints(out)} : std::vector<Data>{x, roi, s};
  const std::string what = c.mode + " " + c.coordinates + " " + c.nearest;
  const double tolerance = c.mode == "nearest" ? 0 : 4e-6;
  expect_near(run_op(isa, "Resize", inputs, out, attrs_of(c), 14, 2), want, tolerance, tolerance, what);
  if (in.size() >= 3 && in[1] == out[1])
    expect_near(run_blocked(isa, "Resize", inputs, out, attrs_of(c)), want, tolerance, tolerance,
                what + " blocked");
}

TEST_P(CpuResize, ResultIsWrong) {
  for (const Case& c : cases())
    for (const bool by_size : {false, true}) {
      check(isa(), c, {2, 3, 5, 7}, {1, 1, 2, 2}, by_size);
      check(isa(), c, {1, 2, 9, 8}, {1, 1, 0.6f, 0.3f}, by_size);
      check(isa(), c, {1, 20, 6, 40}, {1, 1, 1.7f, 2.3f}, by_size);
      check(isa(), c, {6, 5}, {2.5f, 0.9f}, by_size);
      check(isa(), c, {4}, {3}, by_size);
      check(isa(), c, {1, 1, 4, 5, 3}, {1, 1, 2, 1.5f, 3}, by_size);
      check(isa(), c, {2, 3, 4, 5}, {1.5f, 2, 1, 2}, by_size);
      check(isa(), c, {1, 4, 5, 3}, {1, 1.5f, 2, 1}, by_size);     // a short slice behind the last axis
      check(isa(), c, {1, 5, 4, 24}, {1, 2, 0.5f, 1}, by_size);    // a long one
      check(isa(), c, {1, 1, 2, 5000}, {1, 1, 2, 0.4f}, by_size);  // rows longer than the line
      check(isa(), c, {1, 1, 2, 30000}, {1, 1, 1, 0.002f}, by_size);
      check(isa(), c, {2, 3, 1, 1}, {1, 1, 4, 1}, by_size);
    }
}

TEST_P(CpuResize, NearestOfOtherTypesIsWrong) {
  const Data s(Dims{4}, std::vector<float>{1, 1, 2, 3});
  for (const hrt_dtype t : {HRT_UINT8, HRT_FLOAT16, HRT_INT64}) {
    Data x(t, {1, 2, 3, 2});
    for (std::byte& b : x.bytes) b = std::byte(pick(0, 255));
    const Data y = run_op(isa(), "Resize", {x, absent(), s}, Out({1, 2, 6, 6}, t), {{"mode", "nearest"}}, 14);
    const size_t width = dtype_bits(t) / 8;
    size_t i = 0;
    for_each(y.dims, [&](const Dims& at) {
      const size_t from = size_t(offset(x.dims, {at[0], at[1], at[2] / 2, at[3] / 3}));
      EXPECT_EQ(std::memcmp(y.bytes.data() + width * i++, x.bytes.data() + width * from, width), 0);
    });
  }
}

TEST_P(CpuResize, AxesOrPolicyIsIgnored) {
  const Data x = random({1, 1, 4, 6}, 1);
  const Data y =
      run_op(isa(), "Resize", {x, absent(), absent(), ints({8, 9})}, {1, 1, 6, 9},
             {{"mode", "linear"}, {"axes", Dims{2, 3}}, {"keep_aspect_ratio_policy", "not_larger"}}, 14);
  std::vector<double> want;
  for (const float v : x.floats()) want.push_back(v);
  const Case c{"linear", "half_pixel"};
  want = resize_axis(c, want, {1, 1, 4, 6}, 2, 6, 1.5);
  want = resize_axis(c, want, {1, 1, 6, 6}, 3, 9, 1.5);
  expect_near(y, want, 2e-6, 2e-6, "not_larger");
}

TEST_P(CpuResize, CropIsWrong) {
  for (const char* mode : {"nearest", "linear", "cubic"})
    for (const bool by_size : {false, true}) {
      Case c{mode, "tf_crop_and_resize"};
      c.roi = {0, 0, 0.2f, 0.3f, 1, 1, 0.7f, 0.9f};
      check(isa(), c, {1, 2, 7, 9}, {1, 1, 1, 1}, by_size);
      check(isa(), c, {2, 3, 7, 40}, {1, 1, 2, 0.6f}, by_size);
      c.roi = {0, 0, -0.3f, 0.9f, 1, 1, 1.2f, 0.1f};  // beyond the ends; backwards
      check(isa(), c, {1, 19, 7, 40}, {1, 1, 1.5f, 2}, by_size);
      check(isa(), c, {1, 2, 7, 9000}, {1, 1, 1, 0.7f}, by_size);
      c.roi = {0, 0.5f, 0, 0, 1, 2, 1, 1};
      check(isa(), c, {1, 5, 3, 4}, {1, 2, 1, 1}, by_size);
    }
  const Data x = random({1, 1, 4, 6}, 1), s(Dims{4}, std::vector<float>{1, 1, 2, 2});
  EXPECT_NE(refusal(isa(), "Resize", {x, random({8}, 1), s}, Out({1, 1, 8, 12}),
                    {{"coordinate_transformation_mode", "tf_crop_and_resize"}})
                .find("roi"),
            std::string::npos);
}

TEST_P(CpuResize, ManyTapsAreWrong) {  // more than one plan combines
  Case c{"cubic", "half_pixel"};
  c.antialias = true;
  check(isa(), c, {1, 20, 30, 40}, {1, 0.1f, 0.2f, 0.3f}, true);
  check(isa(), c, {24, 12, 10, 12}, {0.25f, 0.5f, 0.2f, 0.5f}, false);
  check(isa(), c, {2, 9, 8, 7, 5}, {1, 0.4f, 0.5f, 0.6f, 2}, true);
}

TEST_P(CpuResize, OtherTypesAreWrong) {
  const auto check_type = [&]<class T>(T, double tolerance) {
    for (const char* mode : {"linear", "cubic"})
      for (const bool antialias : {false, true}) {
        const std::vector<float> scales = {1, 1, antialias ? 0.3f : 1.7f, 2.5f};
        Case c{mode, "half_pixel"};
        c.antialias = antialias;
        Data x(HRT_FLOAT32, {1, 3, 9, 20}), narrow(dtype_of<T>, x.dims);
        for (int64_t i = 0; i < count(x.dims); ++i)
          x.as<float>()[i] = narrow.as<T>()[i] = T(float(pick(std::is_unsigned_v<T> ? 0 : -120, 127)));
        const auto [want, out] = wanted(c, x, scales, false);
        const Data y = run_op(isa(), "Resize", {narrow, absent(), Data(Dims{4}, scales)},
                              Out(out, dtype_of<T>), attrs_of(c), 14, 2);
        for (size_t i = 0; i < want.size(); ++i) {
          double v = want[i];
          if constexpr (std::is_integral_v<T>)
            v = std::clamp(v, double(std::numeric_limits<T>::min()), double(std::numeric_limits<T>::max()));
          ASSERT_NEAR(float(y.as<T>()[i]), v, tolerance * (1 + std::fabs(v)))
              << dtype_name(dtype_of<T>) << mode;
        }
      }
  };
  check_type(uint8_t(), 0.5001);
  check_type(int8_t(), 0.5001);
  check_type(uint16_t(), 0.5001);
  check_type(int16_t(), 0.5001);
  check_type(float16(), 1e-3);
  check_type(bfloat16(), 8e-3);
}

TEST_P(CpuResize, HostileScaleIsTaken) {
  const Data x = random({1, 1, 4, 6}, 1);
  const auto message = [&](const std::vector<float>& scales, const std::vector<Attr>& attrs) -> std::string {
    try {
      const Data s(Dims{int64_t(scales.size())}, scales);
      try_ops(isa(), "Resize", {x, absent(), s}, {Out({1, 1, 8, 12})}, attrs, 4);
    } catch (const Failure& f) {
      return f.message;
    }
    return "";
  };
  EXPECT_EQ(message({1, 1, 2, 2}, {}), "");
  EXPECT_NE(message({1, 1, -2, 2}, {}).find("Resize"), std::string::npos);
  EXPECT_NE(message({1, 1, 0, 2}, {{"mode", "linear"}}), "");
  EXPECT_NE(message({1, 1, std::numeric_limits<float>::quiet_NaN(), 2}, {{"mode", "linear"}}), "");
  EXPECT_NE(message({1, 1, 1e-30f, 2}, {{"mode", "linear"}, {"antialias", 1}}), "");
  EXPECT_NE(message({1, 1, 2}, {}), "");
  EXPECT_NE(message({1, 1, 2, 2}, {{"axes", Dims{0, 1, 2, 9}}}), "");
}

HRT_FOR_EACH_ISA(CpuResize);

}  // namespace
}  // namespace hrt::test
