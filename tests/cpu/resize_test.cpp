// SPDX-License-Identifier: Apache-2.0
// Resize against the definition, axis by axis, in double precision.
#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

class CpuResize : public CpuOp {};

struct Case {
  std::string mode, coordinates, nearest = "round_prefer_floor";
  bool exclude_outside = false;
  double a = -0.75;
};

double position(const Case& c, double x, double scale, int64_t in, int64_t out) {
  const double length = scale * double(in);
  if (c.coordinates == "align_corners") return length == 1 ? 0 : x * double(in - 1) / (length - 1);
  if (c.coordinates == "asymmetric") return x / scale;
  if (c.coordinates == "pytorch_half_pixel" && length <= 1) return 0;
  double shift = 0;
  if (c.coordinates == "half_pixel_symmetric") shift = double(in) / 2 * (1 - double(out) / length);
  return shift + (x + 0.5) / scale - 0.5;
}

double weight(const Case& c, double at, int64_t i) {
  const double d = std::fabs(at - double(i));
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
    double p = position(c, double(to[axis]), scale, n, out);
    if (c.mode == "nearest") {
      p = float(p);  // a tie is one to the precision of the scales
      const double r = c.nearest == "floor"                ? std::floor(p)
                       : c.nearest == "ceil"               ? std::ceil(p)
                       : c.nearest == "round_prefer_floor" ? std::ceil(p - 0.5)
                                                           : std::floor(p + 0.5);
      y.push_back(at(int64_t(r)));
      return;
    }
    double sum = 0, total = 0;
    for (int64_t i = int64_t(std::floor(p)) - 2; i <= int64_t(std::floor(p)) + 3; ++i) {
      if (c.exclude_outside && (i < 0 || i >= n)) continue;
      sum += weight(c, p, i) * at(i);
      total += weight(c, p, i);
    }
    y.push_back(c.exclude_outside ? sum / total : sum);
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
  return all;
}

std::vector<Attr> attrs_of(const Case& c) {
  std::vector<Attr> a = {{"mode", c.mode}, {"coordinate_transformation_mode", c.coordinates}};
  if (c.mode == "nearest") a.push_back({"nearest_mode", c.nearest});
  if (c.exclude_outside) a.push_back({"exclude_outside", 1});
  if (c.a != -0.75) a.push_back({"cubic_coeff_a", float(c.a)});
  return a;
}

void check(const std::string& isa, const Case& c, const Dims& in, const std::vector<float>& scales,
           bool by_size) {
  const Data x = random(in, 1);
  Dims out, now = in;
  std::vector<double> want;
  for (const float v : x.floats()) want.push_back(v);
  for (size_t d = 0; d < in.size(); ++d) {
    out.push_back(int64_t(std::floor(float(in[d]) * scales[d])));
    const double scale = by_size ? double(out[d]) / double(in[d]) : double(scales[d]);
    if (scale != 1) want = resize_axis(c, want, now, d, out[d], scale);
    now[d] = out[d];
  }
  const Data s(Dims{int64_t(scales.size())}, scales);
  const std::vector<Data> inputs =
      by_size ? std::vector<Data>{x, absent(), absent(), ints(out)} : std::vector<Data>{x, absent(), s};
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

TEST_P(CpuResize, WhatIsNotDoneIsTaken) {
  const Data x = random({1, 1, 4, 6}, 1), s(Dims{4}, std::vector<float>{1, 1, 2, 2});
  const auto reason = [&](std::vector<Attr> attrs) {
    return refusal(isa(), "Resize", {x, absent(), s}, Out({1, 1, 8, 12}), attrs);
  };
  EXPECT_NE(reason({{"coordinate_transformation_mode", "tf_crop_and_resize"}}).find("tf_crop_and_resize"),
            std::string::npos);
  EXPECT_NE(reason({{"mode", "linear"}, {"antialias", 1}}).find("antialias"), std::string::npos);
}

HRT_FOR_EACH_ISA(CpuResize);

}  // namespace
}  // namespace hrt::test
