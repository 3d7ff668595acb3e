// SPDX-License-Identifier: Apache-2.0
// What the operators of ai.onnx.ml share: score transforms, and inputs read as rows of numbers.
#pragma once

#include <string>

#include "elements.h"

namespace hrt::ops {

constexpr uint64_t kMlNumbers = bits(HRT_FLOAT32, HRT_FLOAT64, HRT_INT64, HRT_INT32);

// The attribute post_transform of classifiers and regressors, applied to one row of scores.
enum class PostTransform { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };
PostTransform post_transform_of(std::string_view name);
void apply(PostTransform transform, std::span<double> scores);

// The labels of a classifier: integers or strings, by the names of two attributes.
struct Classes {
  Dims ints;
  std::vector<std::string> strings;
  Classes(const Node& node, const char* ints_name);
  int64_t count() const { return int64_t(ints.size() + strings.size()); }
  hrt_dtype dtype() const { return ints.empty() ? HRT_STRING : HRT_INT64; }
  void write(const Tensor& labels, int64_t row, size_t index) const;
};

// The number of rows of input 0, for inference.
int64_t rows_of(const Infer& c);
// A label for each row, and a score for each row and class.
void infer_classifier(const Infer& c, const char* ints_name);

// The input as (rows, columns): (N, C) as it is, (C) as one row.
struct Rows {
  int64_t rows, columns;
  explicit Rows(const Tensor& x);
};

}  // namespace hrt::ops
