// SPDX-License-Identifier: Apache-2.0
// What the products of 8-bit tensors, and their operators in com.microsoft, share.
#pragma once

#include "quantize.h"

namespace hrt::ops {

inline constexpr const char* kMicrosoft = "com.microsoft";
constexpr uint64_t kBytes = bits(HRT_INT8, HRT_UINT8);

// The scale and, behind it, the optional zero point of a tensor of this type.
class Quantization {
 public:
  Quantization(const Kernel& c, uint32_t scale, hrt_dtype type)
      : Quantization(c.input(scale), c.optional(scale + 1), type) {}
  Quantization(const Tensor& scale, const std::optional<Tensor>& zero, hrt_dtype type)
      : scale_(scalar_of(scale, "a scale")),
        zero_(zero ? scalar_of(*zero, "a zero point") : 0),
        type_(type) {}
  double real(double v) const { return (v - zero_) * scale_; }
  double quantize(double v) const { return quantized(v / scale_, zero_, type_); }

 private:
  double scale_, zero_;
  hrt_dtype type_;
};

// A parameter of rows or columns: one for all, one per line of a matrix, or one per line of all matrices.
struct PerLine {
  std::vector<double> values;
  int64_t lines;
  PerLine(const Tensor& t, int64_t per_matrix, int64_t all, const char* name) : lines(per_matrix) {
    require(t.size() == 1 || t.size() == per_matrix || t.size() == all, name, " of shape ", t.dims(),
            " is neither one for all nor one per line");
    const Reader read(t);
    for (int64_t i = 0; i < t.size(); ++i) values.push_back(read(i));
  }
  explicit PerLine(double v) : values{v}, lines(1) {}
  double at(int64_t line) const {
    const int64_t n = int64_t(values.size());
    return values[size_t(n == 1 ? 0 : n == lines ? line % lines : line)];
  }
};

}  // namespace hrt::ops
