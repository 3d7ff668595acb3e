// SPDX-License-Identifier: Apache-2.0
// MaxRoiPool: divides each region of interest into bins and takes the largest element of each.
// https://onnx.ai/onnx/operators/onnx__MaxRoiPool.html; the bins are those of
// https://arxiv.org/abs/1504.08083
#include <algorithm>
#include <cmath>

#include "window.h"

namespace hrt::ops {
namespace {

Dims pooled_shape(const Node& node) {
  require(node.ints("pooled_shape").size() == 2, "pooled_shape does not have two entries");
  return per_axis(node, "pooled_shape", 2, 1, 1);
}

void infer(const Infer& c) {
  const auto x = c.dims(0), rois = c.dims(1);
  require(!x || x->size() == 4, "x does not have rank 4");
  require(!rois || rois->size() == 2, "rois does not have rank 2");
  const Dims pooled = pooled_shape(c.node());
  c.output(0, TensorType(c.dtype(0), {rois ? (*rois)[0] : HRT_DIM_UNKNOWN, x ? (*x)[1] : HRT_DIM_UNKNOWN,
                                      pooled[0], pooled[1]}));
}

// The pixels [first, last) of bin i along an axis: the region begins at `start`.
struct Range {
  int64_t first, last;
};
Range bin(int64_t i, double size, int64_t start, int64_t limit) {
  const auto at = [&](double v) { return int64_t(std::clamp<double>(v + double(start), 0, double(limit))); };
  return {at(std::floor(double(i) * size)), at(std::ceil(double(i + 1) * size))};
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), rois = c.input(1);
  require(x.rank() == 4, "x does not have rank 4");
  require(rois.rank() == 2 && rois.dim(1) == 5, "rois of shape ", rois.dims(), " instead of n x 5");
  const Dims pooled = pooled_shape(c.node());
  const int64_t channels = x.dim(1), height = x.dim(2), width = x.dim(3);
  const Tensor y = c.output(0, x.dtype(), Dims{rois.dim(0), channels, pooled[0], pooled[1]});
  const double scale = c.node().f("spatial_scale", 1);
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    T* out = y.data<T>();
    for (int64_t r = 0; r < rois.dim(0); ++r) {
      const T* roi = rois.data<T>() + 5 * r;
      int64_t at[5];  // batch item, then corners in pixels
      for (int k = 0; k < 5; ++k) {
        const double v = std::round(double(roi[k]) * (k ? scale : 1));
        require(std::abs(v) < 1e9, "region ", r, " has the coordinate ", v);
        at[k] = int64_t(v);
      }
      require(at[0] >= 0 && at[0] < x.dim(0), "region ", r, " is of batch item ", at[0]);
      const double bin_h = double(std::max<int64_t>(at[4] - at[2] + 1, 1)) / double(pooled[0]);
      const double bin_w = double(std::max<int64_t>(at[3] - at[1] + 1, 1)) / double(pooled[1]);
      for (int64_t ch = 0; ch < channels; ++ch) {
        const T* plane = x.data<T>() + (at[0] * channels + ch) * height * width;
        for (int64_t i = 0; i < pooled[0]; ++i)
          for (int64_t j = 0; j < pooled[1]; ++j) {
            const Range rows = bin(i, bin_h, at[2], height), columns = bin(j, bin_w, at[1], width);
            bool empty = true;
            acc_t<T> best = 0;
            for (int64_t h = rows.first; h < rows.last; ++h)
              for (int64_t w = columns.first; w < columns.last; ++w) {
                const acc_t<T> v = plane[h * width + w];
                if (empty || v > best) best = v;
                empty = false;
              }
            *out++ = T(best);
          }
      }
    }
  });
}

const Register max_roi_pool(Op{
    .name = "MaxRoiPool",
    .since = 22,
    .doc = "largest element of each bin of each region of interest",
    .inputs = {{"X", "T"}, {"rois", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"pooled_shape", HRT_ATTR_INTS, "", true}, {"spatial_scale", HRT_ATTR_FLOAT, "1"}},
    .types = {{"T", kFloat}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
