// SPDX-License-Identifier: Apache-2.0
// RoiAlign: samples each bin of each region of interest on a grid, bilinearly, and takes the mean or the
// maximum. https://onnx.ai/onnx/operators/onnx__RoiAlign.html
#include <algorithm>
#include <cmath>

#include "op.h"

namespace hrt::ops {
namespace {

int64_t size_attr(const Node& node, const char* name, int64_t otherwise, int64_t low) {
  const int64_t v = node.i(name, otherwise);
  require(v >= low && v <= (1 << 20), name, " is ", v);
  return v;
}

void infer(const Infer& c) {
  const auto x = c.dims(0), rois = c.dims(1);
  require(!x || x->size() == 4, "x does not have rank 4");
  require(!rois || rois->size() == 2, "rois does not have rank 2");
  c.output(0, TensorType(c.dtype(0), {rois ? (*rois)[0] : HRT_DIM_UNKNOWN, x ? (*x)[1] : HRT_DIM_UNKNOWN,
                                      size_attr(c.node(), "output_height", 1, 1),
                                      size_attr(c.node(), "output_width", 1, 1)}));
}

// The two pixels around a coordinate and the weight of the second. Outside the map: no weight at all.
struct Sample {
  int64_t low = 0, high = 0;
  double high_weight = 0, low_weight = 0;
};
Sample sample(double v, int64_t size) {
  Sample s;
  if (!(v >= -1 && v <= double(size))) return s;
  v = std::clamp(v, 0.0, double(size - 1));
  s.low = int64_t(v);
  s.high = std::min(s.low + 1, size - 1);
  s.high_weight = v - double(s.low);
  s.low_weight = 1 - s.high_weight;
  return s;
}

// One axis of a region: where its sampling points lie.
struct Axis {
  double start, bin;
  int64_t points;  // in each bin
  int64_t size;    // of the map
  Axis(double from, double to, double offset, bool at_least_one, int64_t bins, int64_t ratio, int64_t map)
      : start(from - offset), size(map) {
    const double length = at_least_one ? std::max(to - from, 1.0) : to - from;
    bin = length / double(bins);
    const double wanted = ratio > 0 ? double(ratio) : std::ceil(bin);
    require(wanted <= 1 << 16, "a bin has ", wanted, " sampling points");
    points = std::max<int64_t>(int64_t(wanted), 0);
  }
  Sample at(int64_t i, int64_t p) const {
    return sample(start + (double(i) + (double(p) + 0.5) / double(points)) * bin, size);
  }
};

void compute(const Kernel& c) {
  const Tensor x = c.input(0), rois = c.input(1), items = c.input(2);
  const Node& node = c.node();
  const std::string mode = node.s("mode", "avg"),
                    how = node.s("coordinate_transformation_mode", "half_pixel");
  require(mode == "avg" || mode == "max", "mode is '", mode, "', not avg or max");
  require(how == "half_pixel" || how == "output_half_pixel", "coordinate_transformation_mode is '", how, "'");
  require(x.rank() == 4, "x does not have rank 4");
  require(rois.rank() == 2 && rois.dim(1) == 4, "rois of shape ", rois.dims(), " instead of n x 4");
  require(items.rank() == 1 && items.dim(0) == rois.dim(0), "batch_indices do not match the regions");
  const int64_t rows = size_attr(node, "output_height", 1, 1),
                columns = size_attr(node, "output_width", 1, 1);
  const int64_t ratio = size_attr(node, "sampling_ratio", 0, 0);
  const bool half_pixel = how == "half_pixel", average = mode == "avg";
  const double scale = node.f("spatial_scale", 1), offset = half_pixel ? 0.5 : 0;
  const int64_t channels = x.dim(1), height = x.dim(2), width = x.dim(3);
  require((height > 0 && width > 0) || rois.dim(0) == 0, "there is nothing to sample in x of shape ",
          x.dims());
  const Tensor y = c.output(0, x.dtype(), Dims{rois.dim(0), channels, rows, columns});
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    T* out = y.data<T>();
    for (int64_t r = 0; r < rois.dim(0); ++r) {
      const T* roi = rois.data<T>() + 4 * r;
      const int64_t item = items.data<int64_t>()[r];
      require(item >= 0 && item < x.dim(0), "region ", r, " is of batch item ", item);
      const Axis h(double(roi[1]) * scale, double(roi[3]) * scale, offset, !half_pixel, rows, ratio, height);
      const Axis w(double(roi[0]) * scale, double(roi[2]) * scale, offset, !half_pixel, columns, ratio,
                   width);
      for (int64_t ch = 0; ch < channels; ++ch) {
        const T* plane = x.data<T>() + (item * channels + ch) * height * width;
        for (int64_t i = 0; i < rows; ++i)
          for (int64_t j = 0; j < columns; ++j) {
            c.check_cancelled();
            double sum = 0, best = 0;
            for (int64_t p = 0; p < h.points; ++p)
              for (int64_t q = 0; q < w.points; ++q) {
                const Sample a = h.at(i, p), b = w.at(j, q);
                const double v[4] = {a.low_weight * b.low_weight * double(plane[a.low * width + b.low]),
                                     a.low_weight * b.high_weight * double(plane[a.low * width + b.high]),
                                     a.high_weight * b.low_weight * double(plane[a.high * width + b.low]),
                                     a.high_weight * b.high_weight * double(plane[a.high * width + b.high])};
                const double most = *std::max_element(v, v + 4);
                sum += v[0] + v[1] + v[2] + v[3];
                best = p + q == 0 ? most : std::max(best, most);
              }
            *out++ = T(acc_t<T>(average ? sum / double(std::max<int64_t>(h.points * w.points, 1)) : best));
          }
      }
    }
  });
}

const Register roi_align(Op{
    .name = "RoiAlign",
    .since = 22,
    .doc = "bilinear pooling of regions of interest",
    .inputs = {{"X", "T1"}, {"rois", "T1"}, {"batch_indices", "int64"}},
    .outputs = {{"Y", "T1"}},
    .attrs = {{"coordinate_transformation_mode", HRT_ATTR_STRING, "half_pixel"},
              {"mode", HRT_ATTR_STRING, "avg"},
              {"output_height", HRT_ATTR_INT, "1"},
              {"output_width", HRT_ATTR_INT, "1"},
              {"sampling_ratio", HRT_ATTR_INT, "0"},
              {"spatial_scale", HRT_ATTR_FLOAT, "1"}},
    .types = {{"T1", kFloat}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
