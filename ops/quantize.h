// SPDX-License-Identifier: Apache-2.0
// What the quantisation operators share: which scale belongs to an element, ranges, and rounding to a
// precision.
#pragma once

#include "elements.h"

namespace hrt::ops {

constexpr uint64_t kFloat8Quantized =
    bits(HRT_FLOAT8E4M3FN, HRT_FLOAT8E4M3FNUZ, HRT_FLOAT8E5M2, HRT_FLOAT8E5M2FNUZ);
constexpr uint64_t kQuantized = kFloat8Quantized | kSmall | bits(HRT_INT8, HRT_UINT8, HRT_INT16, HRT_UINT16);
constexpr uint64_t kQuantized8 = kFloat8Quantized | bits(HRT_INT8, HRT_UINT8);

// Which entry of scale and zero point belongs to element i: one for all, one per index of an axis, or
// one per block of indices of an axis.
class Granularity {
 public:
  Granularity(const Node& node, const Tensor& x, const Tensor& scale, const std::optional<Tensor>& zero) {
    if (scale.size() == 1 && (!zero || zero->size() == 1)) return;
    require(!zero || std::ranges::equal(zero->dims(), scale.dims()),
            "scale and zero point differ in shape: ", scale.dims(), " and ",
            zero ? zero->dims() : scale.dims());
    const size_t axis = size_t(normalise_axis(node.i("axis", 1), x.rank()));
    inner_ = element_count(x.dims().subspan(axis + 1));
    length_ = x.dim(int(axis));
    block_ = node.i("block_size");
    require(block_ >= 0, "block_size is ", block_);
    Dims expected = {length_};
    if (block_ > 0) {
      expected.assign(x.dims().begin(), x.dims().end());
      blocks_ = expected[axis] = length_ / block_ + (length_ % block_ != 0);
    }
    require(std::ranges::equal(scale.dims(), expected), "for data of shape ", x.dims(),
            " the scale must have shape ", expected, ", has ", scale.dims());
  }
  int64_t operator()(int64_t i) const {
    if (length_ == 0) return 0;
    const int64_t k = i / inner_ % length_;
    return block_ == 0 ? k : (i / inner_ / length_ * blocks_ + k / block_) * inner_ + i % inner_;
  }

 private:
  int64_t inner_ = 1, length_ = 0, block_ = 0, blocks_ = 0;
};

// The numbers that an integer type holds; without bounds for the floats.
struct Range {
  double low = -INFINITY, high = INFINITY;
};
inline Range range_of(hrt_dtype t) {
  switch (t) {
    case HRT_INT2: return {-2, 1};
    case HRT_UINT2: return {0, 3};
    case HRT_INT4: return {-8, 7};
    case HRT_UINT4: return {0, 15};
    case HRT_INT8: return {-128, 127};
    case HRT_UINT8: return {0, 255};
    case HRT_INT16: return {-32768, 32767};
    case HRT_UINT16: return {0, 65535};
    default: return {};
  }
}

// Integers: rounds to even, adds the zero point, saturates. Floats only add it; the type rounds.
inline double quantized(double v, double zero, hrt_dtype to) {
  if (dtype_is_float(to)) return v + zero;
  const Range r = range_of(to);
  return std::isnan(v) ? zero : std::clamp(std::nearbyint(v) + zero, r.low, r.high);
}

// The scale and zero point of the smallest range that holds zero and all elements, as uint8.
struct ByteRange {
  float scale = 0, zero = 0;
  uint8_t quantize(float v) const {
    return convert<uint8_t>(quantized(scale == 0 ? 0 : v / scale, zero, HRT_UINT8));
  }
};
inline ByteRange byte_range(std::span<const float> x) {
  float low = 0, high = 0;
  for (float v : x) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  const float scale = (high - low) / 255;
  return {scale, scale == 0 ? 0 : std::nearbyint(std::clamp(-low / scale, 0.0f, 255.0f))};
}

// v as the type would hold it.
inline double rounded_to(hrt_dtype t, double v) {
  switch (t) {
    case HRT_FLOAT16: return float16(float(v));
    case HRT_BFLOAT16: return bfloat16(float(v));
    case HRT_FLOAT32:
    case HRT_FLOAT8E8M0: return float(v);
    default: return v;
  }
}

inline hrt_dtype dtype_attr(const Node& node, const char* name) {
  const int64_t t = node.i(name);
  require(t >= HRT_UNDEFINED && t < HRT_DTYPE_COUNT, "attribute ", name, ": there is no element type ", t);
  return hrt_dtype(t);
}

}  // namespace hrt::ops
