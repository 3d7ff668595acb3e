// SPDX-License-Identifier: Apache-2.0
#include "elementwise.h"

namespace hrt::ops {

Rows::Rows(std::span<const int64_t> to, const Shapes& shapes) {
  const size_t tensors = shapes.size();
  std::vector<Dims> strides;
  for (auto s : shapes) strides.push_back(broadcast_strides(s, to));
  strides_.resize(tensors);
  for (size_t axis = 0; axis < to.size(); ++axis) {
    if (to[axis] == 1) continue;
    bool even = !dims_.empty();
    for (size_t t = 0; t < tensors && even; ++t) even = strides_[t].back() == strides[t][axis] * to[axis];
    if (even) {
      dims_.back() *= to[axis];
      for (size_t t = 0; t < tensors; ++t) strides_[t].back() = strides[t][axis];
    } else {
      dims_.push_back(to[axis]);
      for (size_t t = 0; t < tensors; ++t) strides_[t].push_back(strides[t][axis]);
    }
  }
  step_.assign(tensors, 0);
  if (dims_.empty()) return;  // a single element
  length_ = dims_.back();
  dims_.pop_back();
  for (size_t t = 0; t < tensors; ++t) {
    step_[t] = strides_[t].back();
    strides_[t].pop_back();
  }
  count_ = length_ == 0 ? 0 : element_count(dims_);
}

namespace {
constexpr size_t kMostValues = 4096;  // shape arithmetic is about shapes; longer lists are data
}

std::optional<Dims> small_values(const Infer& c, uint32_t input) {
  const auto dims = c.dims(input);
  if (!dims || dims->size() > 1) return std::nullopt;
  auto values = c.values(input);
  if (const auto k = c.constant(input);
      !values && k && k->dtype() == HRT_BOOL && k->size() <= int64_t(kMostValues))
    values = Dims(k->data<uint8_t>(), k->data<uint8_t>() + k->size());
  if (values && values->size() > kMostValues) return std::nullopt;
  return values;
}

void set_small_values(const Infer& c, hrt_dtype dtype, Dims values) {
  if (dtype != HRT_INT64 && dtype != HRT_INT32 && dtype != HRT_BOOL) return;
  for (int64_t& v : values)
    if (dtype == HRT_INT32 && is_number(v) && v != int64_t(int32_t(v))) v = HRT_DIM_UNKNOWN;
  c.output_values(0, values);
}

int64_t combine(const Infer& c, int64_t a, int64_t b, std::optional<int64_t> (*f)(int64_t, int64_t)) {
  return c.dim(a, b, [&](int64_t x, int64_t y) {
    const auto v = f(x, y);
    return v && is_number(*v) ? *v : HRT_DIM_UNKNOWN;
  });
}

}  // namespace hrt::ops
