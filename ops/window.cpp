// SPDX-License-Identifier: Apache-2.0
#include "window.h"

#include <algorithm>

namespace hrt::ops {
namespace {

constexpr int64_t kLargestDim = INT32_MAX;  // keeps all sums and products below within 64 bits

enum class AutoPad { kNone, kSameUpper, kSameLower, kValid };

AutoPad auto_pad_of(const Node& node) {
  const std::string s = node.s("auto_pad", "NOTSET");
  if (s == "NOTSET" || s.empty()) return AutoPad::kNone;
  if (s == "SAME_UPPER") return AutoPad::kSameUpper;
  if (s == "SAME_LOWER") return AutoPad::kSameLower;
  require(s == "VALID", "auto_pad is '", s, "', not NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  return AutoPad::kValid;
}

// What all kinds of windows have; output is left empty.
Window attributes(const Node& node, Dims input, Dims weights) {
  const size_t rank = input.size();
  require(rank > 0, "the input has no spatial axes");
  Window w;
  w.kernel = weights;
  if (node.has("kernel_shape")) {
    w.kernel = per_axis(node, "kernel_shape", rank, 1, 1);
    for (size_t i = 0; i < weights.size() && i < rank; ++i)
      require(!is_number(weights[i]) || weights[i] == w.kernel[i], "kernel_shape ", w.kernel,
              " does not fit weights of ", weights);
  }
  require(w.kernel.size() == rank, "a kernel with ", w.kernel.size(), " axes slides over ", rank);
  for (int64_t k : w.kernel)
    require(!is_number(k) || (k >= 1 && k <= INT32_MAX), "kernel of shape ", w.kernel);
  for (int64_t d : input)
    require(!is_number(d) || (d >= 0 && d <= kLargestDim), "shape ", input, " is too large");
  w.input = std::move(input);
  w.strides = per_axis(node, "strides", rank, 1, 1);
  w.dilations = per_axis(node, "dilations", rank, 1, 1);
  const Dims pads = per_axis(node, "pads", 2 * rank, 0, 0);
  w.begin.assign(pads.begin(), pads.begin() + rank);
  w.end.assign(pads.begin() + rank, pads.end());
  return w;
}

void split(Window& w, size_t axis, int64_t total, bool more_at_end) {
  const int64_t less = total / 2;
  w.begin[axis] = more_at_end ? less : total - less;
  w.end[axis] = total - w.begin[axis];
}

// A dimension that follows from others which are not all numbers yet.
int64_t later(const Infer* infer, int64_t a, int64_t b) {
  require(infer != nullptr, "a dimension is not known");
  return a == HRT_DIM_UNKNOWN || b == HRT_DIM_UNKNOWN ? HRT_DIM_UNKNOWN : infer->symbol();
}

}  // namespace

Dims per_axis(const Node& node, const char* name, size_t count, int64_t low, int64_t otherwise) {
  Dims v = node.ints(name);
  if (v.empty()) return Dims(count, otherwise);
  require(v.size() == count, name, " has ", v.size(), " entries instead of ", count);
  for (int64_t x : v) require(x >= low && x <= INT32_MAX, name, " has the entry ", x);
  return v;
}

Window slide(const Node& node, Dims input, Dims weights, bool ceil_mode, const Infer* infer) {
  Window w = attributes(node, std::move(input), std::move(weights));
  const AutoPad pad = auto_pad_of(node);
  for (size_t i = 0; i < w.rank(); ++i) {
    const int64_t d = w.input[i], stride = w.strides[i];
    const bool same = pad == AutoPad::kSameUpper || pad == AutoPad::kSameLower;
    if (pad != AutoPad::kNone) w.begin[i] = w.end[i] = 0;
    if (!is_number(d) || (!same && !is_number(w.kernel[i]))) {
      const bool keeps = same && stride == 1;
      w.output.push_back(keeps ? d : later(infer, d, w.kernel[i]));
      continue;
    }
    if (same) {
      const int64_t out = (d + stride - 1) / stride;
      if (is_number(w.kernel[i]))
        split(w, i, std::max<int64_t>(0, (out - 1) * stride + w.extent(i) - d), pad == AutoPad::kSameUpper);
      w.output.push_back(out);
      continue;
    }
    const int64_t room = d + w.begin[i] + w.end[i] - w.extent(i);
    require(room >= 0, "a kernel of extent ", w.extent(i), " does not fit into ", d, " with padding ",
            w.begin[i], " and ", w.end[i]);
    int64_t out = room / stride + 1;
    if (ceil_mode && room % stride != 0 && out * stride < d + w.begin[i]) ++out;
    w.output.push_back(out);
  }
  return w;
}

Window slide_transposed(const Node& node, Dims input, Dims weights, const Infer* infer) {
  Window w = attributes(node, std::move(input), std::move(weights));
  const AutoPad pad = auto_pad_of(node);
  const Dims extra = per_axis(node, "output_padding", w.rank(), 0, 0);
  Dims wanted = per_axis(node, "output_shape", w.rank(), 0, -1);
  if (pad == AutoPad::kSameUpper || pad == AutoPad::kSameLower)
    for (size_t i = 0; i < w.rank(); ++i)
      if (wanted[i] < 0 && is_number(w.input[i])) wanted[i] = w.input[i] * w.strides[i];
  for (size_t i = 0; i < w.rank(); ++i) {
    const int64_t d = w.input[i];
    if (pad == AutoPad::kValid) w.begin[i] = w.end[i] = 0;
    if (!is_number(d) || !is_number(w.kernel[i])) {
      w.output.push_back(wanted[i] >= 0 ? wanted[i] : later(infer, d, w.kernel[i]));
      continue;
    }
    const int64_t full = w.strides[i] * (d - 1) + extra[i] + w.extent(i);
    if (wanted[i] >= 0) {
      const int64_t total = full - wanted[i];  // negative: the output is longer than what x reaches
      split(w, i, std::max<int64_t>(0, total), pad == AutoPad::kSameUpper);
      w.output.push_back(wanted[i]);
    } else {
      const int64_t out = full - w.begin[i] - w.end[i];
      require(out >= 0, "padding ", w.begin[i], " and ", w.end[i], " leaves nothing of ", full);
      w.output.push_back(out);
    }
  }
  return w;
}

}  // namespace hrt::ops
