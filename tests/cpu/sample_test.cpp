// SPDX-License-Identifier: Apache-2.0
// GridSample and RoiAlign against their definitions, sample by sample, in double precision.
#include <limits>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

class CpuSample : public CpuOp {};

// ------------------------------------------------------------------------------------ GridSample

struct Grid {
  std::string mode, padding;
  bool corners;
};

double mirror(double v, double low, double high) {
  if (high <= low) return low;
  for (int i = 0; i < 1000 && (v < low || v > high); ++i) v = v < low ? 2 * low - v : 2 * high - v;
  return v;
}

// The weight of each element of an axis at a normalised position.
std::vector<double> axis_weights(const Grid& g, float grid, int64_t n) {
  std::vector<double> weights(static_cast<size_t>(n));
  const float size = float(n);
  double v = g.corners ? (grid + 1) / 2 * (size - 1) : ((grid + 1) * size - 1) / 2;
  if (std::isnan(v)) return weights;
  const double low = g.corners ? 0 : -0.5, high = double(n) - (g.corners ? 1 : 0.5);
  const auto add = [&](double i, double weight) {
    if (g.padding == "border") i = std::clamp(i, 0.0, double(n - 1));
    if (g.padding == "reflection" && (i < 0 || i >= double(n)))
      i = std::clamp(mirror(i, low, high), 0.0, double(n - 1));
    if (i >= 0 && i < double(n)) weights[size_t(i)] += weight;
  };
  if (g.mode == "nearest") v = std::nearbyint(v);
  if (g.padding == "border") v = std::clamp(v, -4.0, double(n) + 4);
  if (g.padding == "reflection") v = mirror(v, low, high);
  if (g.mode == "nearest") {
    add(std::floor(v), 1);
    return weights;
  }
  const double base = std::floor(v), a = -0.75;
  for (int k = -1; k <= 2; ++k) {
    const double d = std::fabs(v - base - k);
    const double keys = d <= 1  ? (a + 2) * d * d * d - (a + 3) * d * d + 1
                        : d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a
                                : 0;
    const double weight = g.mode == "cubic" ? keys : std::max(0.0, 1 - d);
    if (weight != 0) add(base + k, weight);
  }
  return weights;
}

TEST_P(CpuSample, GridSampleIsWrong) {
  for (const char* mode : {"nearest", "linear", "cubic"})
    for (const char* padding : {"zeros", "border", "reflection"})
      for (const bool corners : {false, true})
        for (int64_t rank = 1; rank <= 3; ++rank)
          for (int round = 0; round < 3; ++round) {
            const Grid g{mode, padding, corners};
            Dims in = {pick(1, 2), pick(1, 3)}, grid_dims = {in[0]}, out = in;
            for (int64_t d = 0; d < rank; ++d) {
              in.push_back(pick(1, 7));
              out.push_back(pick(1, 8));
              grid_dims.push_back(out.back());
            }
            grid_dims.push_back(rank);
            const Data x = random(in, 1);
            Data grid = random(grid_dims, 2);
            for (int64_t i = 0; i < count(grid_dims); ++i) grid.as<float>()[i] *= 1.7f;
            if (round == 0) grid.as<float>()[0] = std::numeric_limits<float>::quiet_NaN();
            if (round == 1) grid.as<float>()[0] = std::string(padding) == "reflection" ? 9.3f : 1e30f;
            const Data y =
                run_op(isa(), "GridSample", {x, grid}, Out(out),
                       {{"mode", mode}, {"padding_mode", padding}, {"align_corners", int(corners)}}, 0, 2);
            std::vector<double> want;
            for_each(out, [&](const Dims& to) {
              Dims at = {to[0]};
              at.insert(at.end(), to.begin() + 2, to.end());
              at.push_back(0);
              const int64_t first = [&] {
                int64_t o = 0;
                for (size_t d = 0; d < at.size(); ++d) o = o * grid_dims[d] + at[d];
                return o;
              }();
              std::vector<std::vector<double>> weights;
              for (int64_t d = 0; d < rank; ++d)
                weights.push_back(axis_weights(g, grid.as<float>()[first + rank - 1 - d], in[size_t(d) + 2]));
              double sum = 0;
              for_each(Dims(in.begin() + 2, in.end()), [&](const Dims& from) {
                double w = 1;
                Dims full = {to[0], to[1]};
                for (size_t d = 0; d < from.size(); ++d)
                  w *= weights[d][size_t(from[d])], full.push_back(from[d]);
                if (w != 0) sum += w * double(x.as<float>()[offset(in, full)]);
              });
              want.push_back(sum);
            });
            expect_near(y, want, 2e-5, 2e-5, std::string(mode) + " " + padding + (corners ? " corners" : ""));
          }
}

TEST_P(CpuSample, HostileGridIsTaken) {
  const Data x = random({1, 2, 3, 4}, 1);
  EXPECT_NE(refusal(isa(), "GridSample", {x, random({1, 2, 2, 3}, 1)}, Out({1, 2, 2, 2})), "");
  EXPECT_NE(refusal(isa(), "GridSample", {x, random({2, 2, 2, 2}, 1)}, Out({1, 2, 2, 2})), "");
  EXPECT_NE(
      refusal(isa(), "GridSample", {x, random({1, 2, 2, 2}, 1)}, Out({1, 2, 2, 2}), {{"mode", "bicubic"}}),
      "");
  EXPECT_NE(refusal(isa(), "GridSample", {Data(HRT_FLOAT32, {1, 2, 0, 4}), random({1, 2, 2, 2}, 1)},
                    Out({1, 2, 2, 2}))
                .find("GridSample"),
            std::string::npos);
}

// -------------------------------------------------------------------------------------- RoiAlign

double bilinear(const float* plane, int64_t height, int64_t width, double y, double x) {
  if (y < -1 || y > double(height) || x < -1 || x > double(width)) return 0;
  y = std::clamp(y, 0.0, double(height - 1));
  x = std::clamp(x, 0.0, double(width - 1));
  double sum = 0;
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j)
      sum += std::max(0.0, 1 - std::fabs(y - double(i))) * std::max(0.0, 1 - std::fabs(x - double(j))) *
             double(plane[i * width + j]);
  return sum;
}

TEST_P(CpuSample, RoiAlignIsWrong) {
  for (int round = 0; round < 40; ++round) {
    const Dims in = {pick(1, 3), pick(1, 4), pick(1, 12), pick(1, 40)};
    const int64_t regions = pick(1, 5), rows = pick(1, 4), columns = pick(1, 20), ratio = round % 3;
    const float scale = round % 2 ? 0.5f : 1.0f;
    const bool half = round % 4 < 2;
    const Data x = random(in, 1);
    Data rois(HRT_FLOAT32, {regions, 4}), items(HRT_INT64, {regions});
    for (int64_t r = 0; r < regions; ++r) {
      items.as<int64_t>()[r] = pick(0, in[0] - 1);
      float* roi = rois.as<float>() + 4 * r;
      for (int k = 0; k < 2; ++k) {
        roi[k] = float(pick(-50, 200)) / 10;
        roi[k + 2] = roi[k] + float(pick(round % 5 ? 0 : -30, 300)) / 10;
      }
    }
    const Data y = run_op(isa(), "RoiAlign", {x, rois, items}, Out({regions, in[1], rows, columns}),
                          {{"output_height", rows},
                           {"output_width", columns},
                           {"sampling_ratio", ratio},
                           {"spatial_scale", scale},
                           {"coordinate_transformation_mode", half ? "half_pixel" : "output_half_pixel"}},
                          0, 2);
    std::vector<double> want;
    for_each(y.dims, [&](const Dims& at) {
      const float* roi = rois.as<float>() + 4 * at[0];
      const double shift = half ? 0.5 : 0;
      double length[2];
      int64_t points[2];
      for (int k = 0; k < 2; ++k) {
        length[k] = double(roi[k + 2]) * double(scale) - double(roi[k]) * double(scale);
        if (!half) length[k] = std::max(length[k], 1.0);
        const double bins = double(k ? rows : columns);
        points[k] = ratio ? ratio : std::max<int64_t>(int64_t(std::ceil(length[k] / bins)), 0);
      }
      const float* plane = x.as<float>() + (items.as<int64_t>()[at[0]] * in[1] + at[1]) * in[2] * in[3];
      double sum = 0;
      for (int64_t p = 0; p < points[1]; ++p)
        for (int64_t q = 0; q < points[0]; ++q) {
          const double i = double(at[2]) + (double(p) + 0.5) / double(points[1]);
          const double j = double(at[3]) + (double(q) + 0.5) / double(points[0]);
          sum += bilinear(plane, in[2], in[3],
                          double(roi[1]) * double(scale) - shift + i * length[1] / double(rows),
                          double(roi[0]) * double(scale) - shift + j * length[0] / double(columns));
        }
      want.push_back(sum / double(std::max<int64_t>(points[0] * points[1], 1)));
    });
    expect_near(y, want, 2e-5, 2e-5, "RoiAlign");
  }
}

TEST_P(CpuSample, HostileRegionIsTaken) {
  const Data x = random({1, 2, 3, 4}, 1);
  const auto message = [&](const std::vector<float>& roi, int64_t item, const std::vector<Attr>& attrs = {}) {
    return refusal(isa(), "RoiAlign", {x, Data(Dims{1, 4}, roi), ints({item})}, Out({1, 2, 1, 1}), attrs);
  };
  EXPECT_EQ(message({0, 0, 2, 2}, 0), "");
  for (const int64_t item : {int64_t(1), int64_t(-1), INT64_MAX})
    EXPECT_NE(message({0, 0, 2, 2}, item).find("RoiAlign"), std::string::npos);
  EXPECT_NE(message({0, 0, 1e9f, 2}, 0), "");
  EXPECT_NE(message({0, std::numeric_limits<float>::quiet_NaN(), 1, 2}, 0), "");
  EXPECT_NE(message({0, 0, 2, 2}, 0, {{"sampling_ratio", -2}}), "");
  EXPECT_NE(message({0, 0, 2, 2}, 0, {{"sampling_ratio", int64_t(1) << 40}}), "");
}

HRT_FOR_EACH_ISA(CpuSample);

}  // namespace
}  // namespace hrt::test
