// SPDX-License-Identifier: Apache-2.0
// NonMaxSuppression: the best boxes of every class that do not overlap a better one too much.
// https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html
#include <algorithm>

#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

struct Box {
  float x0, y0, x1, y1;
  float area() const { return (x1 - x0) * (y1 - y0); }
};

Box box_of(const float* p, bool center) {
  if (center) return {p[0] - p[2] / 2, p[1] - p[3] / 2, p[0] + p[2] / 2, p[1] + p[3] / 2};
  return {std::min(p[1], p[3]), std::min(p[0], p[2]), std::max(p[1], p[3]), std::max(p[0], p[2])};
}

float overlap(const Box& a, const Box& b) {
  const float w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0),
              h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (w <= 0 || h <= 0 || a.area() <= 0 || b.area() <= 0) return 0;
  return w * h / (a.area() + b.area() - w * h);
}

void compute(const Kernel& c) {
  const Tensor boxes = c.input(0), scores = c.input(1);
  require(boxes.rank() == 3 && scores.rank() == 3 && boxes.dim(2) == 4 && boxes.dim(0) == scores.dim(0) &&
              boxes.dim(1) == scores.dim(2),
          "boxes of shape ", boxes.dims(), " do not fit scores of shape ", scores.dims());
  const int64_t most = c.has(2) ? int_scalar_of(c.input(2), "max_output_boxes_per_class") : 0;
  const float limit = c.has(3) ? float(scalar_of(c.input(3), "iou_threshold")) : 0;
  const float lowest = c.has(4) ? float(scalar_of(c.input(4), "score_threshold")) : -INFINITY;
  const bool center = c.node().i("center_point_box") != 0;

  Dims chosen;  // batch, class, box; one after the other
  const int64_t n = boxes.dim(1), classes = scores.dim(1);
  for (int64_t row = 0; row < boxes.dim(0) * classes; ++row) {
    c.check_cancelled();
    const float* score = scores.data<float>() + row * n;
    const float* box = boxes.data<float>() + row / classes * n * 4;
    Dims order;
    for (int64_t i = 0; i < n; ++i)
      if (score[i] > lowest) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return score[a] > score[b]; });
    std::vector<Box> kept;
    for (int64_t i : order) {
      if (int64_t(kept.size()) >= most) break;
      const Box b = box_of(box + i * 4, center);
      if (std::any_of(kept.begin(), kept.end(), [&](const Box& k) { return overlap(k, b) > limit; }))
        continue;
      kept.push_back(b);
      chosen.insert(chosen.end(), {row / classes, row % classes, i});
    }
  }
  const Tensor y = c.output(0, HRT_INT64, Dims{int64_t(chosen.size() / 3), 3});
  std::copy(chosen.begin(), chosen.end(), y.data<int64_t>());
}

const Register non_max_suppression(Op{
    .name = "NonMaxSuppression",
    .since = 11,
    .doc = "the best boxes of every class that do not overlap a better one too much",
    .inputs = {{"boxes", "float32"},
               {"scores", "float32"},
               {"max_output_boxes_per_class", "int64", HRT_PARAM_OPTIONAL},
               {"iou_threshold", "float32", HRT_PARAM_OPTIONAL},
               {"score_threshold", "float32", HRT_PARAM_OPTIONAL}},
    .outputs = {{"selected_indices", "int64"}},
    .attrs = {{"center_point_box", HRT_ATTR_INT, "0"}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = [](const Infer& c) { c.output(0, TensorType(HRT_INT64, Dims{HRT_DIM_UNKNOWN, 3})); },
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
