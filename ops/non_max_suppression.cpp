// SPDX-License-Identifier: Apache-2.0
// NonMaxSuppression: the best boxes of every class that do not overlap a better one too much.
// https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html
#include <algorithm>
#include <bit>

#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

struct Box {
  float x0, y0, x1, y1, area;
};

Box box_of(const float* p, bool center) {
  Box b =
      center ? Box{p[0] - p[2] / 2, p[1] - p[3] / 2, p[0] + p[2] / 2, p[1] + p[3] / 2, 0}
             : Box{std::min(p[1], p[3]), std::min(p[0], p[2]), std::max(p[1], p[3]), std::max(p[0], p[2]), 0};
  b.area = (b.x1 - b.x0) * (b.y1 - b.y0);
  return b;
}

// The boxes kept so far, coordinate by coordinate: a loop over them becomes vector code.
class Kept {
 public:
  explicit Kept(size_t most) {
    for (auto* v : {&x0_, &y0_, &x1_, &y1_, &area_}) v->reserve(most);
  }
  void clear() {
    for (auto* v : {&x0_, &y0_, &x1_, &y1_, &area_}) v->clear();
  }
  int64_t size() const { return int64_t(x0_.size()); }
  void add(const Box& b) {
    x0_.push_back(b.x0), y0_.push_back(b.y0), x1_.push_back(b.x1), y1_.push_back(b.y1);
    area_.push_back(b.area);
  }
  // Whether intersection over union with one of them is above the limit.
  bool overlap(const Box& b, float limit) const {
    constexpr size_t kBlock = 32;
    bool any = false;
    for (size_t begin = 0; begin < x0_.size() && !any; begin += kBlock)
      for (size_t i = begin, end = std::min(begin + kBlock, x0_.size()); i < end; ++i) {
        const float w = std::min(x1_[i], b.x1) - std::max(x0_[i], b.x0),
                    h = std::min(y1_[i], b.y1) - std::max(y0_[i], b.y0), both = w * h;
        const bool apart = (w <= 0) | (h <= 0) | (area_[i] <= 0) | (b.area <= 0);
        any |= (apart ? 0 : both / (area_[i] + b.area - both)) > limit;
      }
    return any;
  }

 private:
  std::vector<float> x0_, y0_, x1_, y1_, area_;
};

// Candidates as numbers whose order is theirs: by score, of equal ones the first box is the largest.
uint64_t candidate(float score, int64_t box) {
  const uint32_t bits = std::bit_cast<uint32_t>(score + 0.0f);  // no negative zero
  return uint64_t(bits >> 31 ? ~bits : bits | 0x80000000) << 32 | uint32_t(~box);
}
int64_t index_of(uint64_t candidate) { return uint32_t(~candidate); }

void compute(const Kernel& c) {
  const Tensor boxes = c.input(0), scores = c.input(1);
  require(boxes.rank() == 3 && scores.rank() == 3 && boxes.dim(2) == 4 && boxes.dim(0) == scores.dim(0) &&
              boxes.dim(1) == scores.dim(2),
          "boxes of shape ", boxes.dims(), " do not fit scores of shape ", scores.dims());
  const int64_t most = c.has(2) ? int_scalar_of(c.input(2), "max_output_boxes_per_class") : 0;
  const float limit = c.has(3) ? float(scalar_of(c.input(3), "iou_threshold")) : 0;
  const float lowest = c.has(4) ? float(scalar_of(c.input(4), "score_threshold")) : -INFINITY;
  const bool center = c.node().i("center_point_box") != 0;
  const int64_t n = boxes.dim(1), classes = scores.dim(1);
  require(n <= UINT32_MAX, n, " boxes");

  Dims chosen;  // batch, class, box; one after the other
  std::vector<uint64_t> heap(static_cast<size_t>(n));
  Kept kept(size_t(std::clamp<int64_t>(most, 0, n)));
  for (int64_t row = 0; row < boxes.dim(0) * classes; ++row) {
    c.check_cancelled();
    const float* score = scores.data<float>() + row * n;
    const float* box = boxes.data<float>() + row / classes * n * 4;
    size_t count = 0;
    for (int64_t i = 0; i < n; ++i) {
      heap[count] = candidate(score[i], i);
      count += score[i] > lowest;
    }
    // A heap, as most candidates are never looked at: sorting them all took three times as long.
    const auto begin = heap.begin();
    auto end = begin + int64_t(count);
    std::make_heap(begin, end);
    kept.clear();
    while (end != begin && kept.size() < most) {
      std::pop_heap(begin, end);
      const int64_t i = index_of(*--end);
      const Box b = box_of(box + i * 4, center);
      if (kept.overlap(b, limit)) continue;
      kept.add(b);
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
