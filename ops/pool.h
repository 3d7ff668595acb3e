// SPDX-License-Identifier: Apache-2.0
// What the pools share: schema parts, inference, and the walk over windows.
#pragma once

#include <algorithm>

#include "window.h"

namespace hrt::ops {

std::vector<AttrSpec> pool_attrs(std::vector<AttrSpec> more = {});

// Verifies rank and attributes of a pool over x: (N, C, D...).
Window pool_window(const Kernel& c, const Tensor& x);
Dims pool_output(const Tensor& x, const Window& w);  // dims of y
void infer_pool(const Infer& c);

// The part of a window that lies inside the input, for one output position.
class WindowView {
 public:
  explicit WindowView(const Window& w) : w_(w), first_(w.rank()), last_(w.rank()), start_(w.rank()) {}

  void move(const Dims& output) {
    for (size_t i = 0; i < w_.rank(); ++i) {
      const int64_t step = w_.dilations[i], start = output[i] * w_.strides[i] - w_.begin[i];
      start_[i] = start;
      first_[i] = start < 0 ? (-start + step - 1) / step : 0;
      last_[i] = taps_before(i, w_.input[i]);
    }
  }
  // Calls f(offset into the plane) for each element in row-major order.
  template <class F>
  void each(F&& f) const {
    visit(0, 0, f);
  }
  // Elements of the window within the input and its padding.
  int64_t padded_count() const {
    int64_t n = 1;
    for (size_t i = 0; i < w_.rank(); ++i) n *= taps_before(i, w_.input[i] + w_.end[i]);
    return n;
  }

 private:
  // How many kernel elements lie before this coordinate.
  int64_t taps_before(size_t i, int64_t limit) const {
    const int64_t room = limit - start_[i];
    return room <= 0 ? 0 : std::min(w_.kernel[i], (room + w_.dilations[i] - 1) / w_.dilations[i]);
  }
  template <class F>
  void visit(size_t axis, int64_t offset, F&& f) const {
    for (int64_t tap = first_[axis]; tap < last_[axis]; ++tap) {
      const int64_t at = offset * w_.input[axis] + start_[axis] + tap * w_.dilations[axis];
      if (axis + 1 == w_.rank())
        f(at);
      else
        visit(axis + 1, at, f);
    }
  }

  const Window& w_;
  Dims first_, last_, start_;
};

// Calls f(plane, output offset, view) for every output element of every plane.
template <class F>
void for_each_window(const Window& w, int64_t planes, F&& f) {
  const int64_t outputs = element_count(w.output);
  Counter position(w.output, {});
  WindowView view(w);
  for (int64_t o = 0; o < outputs; ++o, position.next()) {
    view.move(position.index());
    for (int64_t p = 0; p < planes; ++p) f(p, p * outputs + o, std::as_const(view));
  }
}

}  // namespace hrt::ops
