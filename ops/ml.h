// SPDX-License-Identifier: Apache-2.0
// What the operators of ai.onnx.ml share: score transforms, and inputs read as rows of numbers.
#pragma once

#include "elements.h"

namespace hrt::ops {

constexpr uint64_t kMlNumbers = bits(HRT_FLOAT32, HRT_FLOAT64, HRT_INT64, HRT_INT32);

// The attribute post_transform of classifiers and regressors, applied to one row of scores.
enum class PostTransform { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };
PostTransform post_transform_of(std::string_view name);
void apply(PostTransform transform, std::span<double> scores);

// The input as (rows, columns): (N, C) as it is, (C) as one row.
struct Rows {
  int64_t rows, columns;
  explicit Rows(const Tensor& x);
};

}  // namespace hrt::ops
