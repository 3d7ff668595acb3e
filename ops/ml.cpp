// SPDX-License-Identifier: Apache-2.0
#include "ml.h"

#include <algorithm>
#include <numbers>

namespace hrt::ops {
namespace {

// The inverse of erf, by Winitzki's approximation that the standard's reference uses.
double inverse_erf(double x) {
  const double l = std::log((1 - x) * (1 + x));
  if (l == -INFINITY) return 0;
  const double v = 2 / (std::numbers::pi * 0.147) + 0.5 * l;
  return std::copysign(std::sqrt(std::sqrt(v * v - l / 0.147) - v), x);
}

// keep_zero: scores that are 0 stay 0 (SOFTMAX_ZERO).
void softmax(std::span<double> scores, bool keep_zero) {
  if (scores.empty()) return;
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) {
    s = keep_zero && std::fabs(s) <= 1e-7 ? s * std::exp(-most) : std::exp(s - most);
    sum += s;
  }
  for (double& s : scores) s = sum == 0 ? 0.5 : s / sum;
}

}  // namespace

PostTransform post_transform_of(std::string_view name) {
  if (name == "NONE") return PostTransform::kNone;
  if (name == "SOFTMAX") return PostTransform::kSoftmax;
  if (name == "LOGISTIC") return PostTransform::kLogistic;
  if (name == "SOFTMAX_ZERO") return PostTransform::kSoftmaxZero;
  require(name == "PROBIT", "there is no post_transform ", name);
  return PostTransform::kProbit;
}

void apply(PostTransform transform, std::span<double> scores) {
  switch (transform) {
    case PostTransform::kNone: return;
    case PostTransform::kSoftmax: return softmax(scores, false);
    case PostTransform::kSoftmaxZero: return softmax(scores, true);
    case PostTransform::kLogistic:
      for (double& s : scores) s = 1 / (1 + std::exp(-s));
      return;
    case PostTransform::kProbit:
      for (double& s : scores) s = std::numbers::sqrt2 * inverse_erf(2 * s - 1);
      return;
  }
}

Classes::Classes(const Node& node, const char* ints_name)
    : ints(node.ints(ints_name)), strings(node.strings("classlabels_strings")) {
  require(ints.empty() != strings.empty(), "exactly one of ", ints_name,
          " and classlabels_strings must be set");
}

void Classes::write(const Tensor& labels, int64_t row, size_t index) const {
  if (ints.empty())
    labels.set_string(row, strings[index]);
  else
    labels.data<int64_t>()[row] = ints[index];
}

int64_t rows_of(const Infer& c) {
  const auto dims = c.dims(0);
  return !dims ? HRT_DIM_UNKNOWN : dims->size() == 2 ? (*dims)[0] : 1;
}

void infer_classifier(const Infer& c, const char* ints_name) {
  const Classes classes(c.node(), ints_name);
  c.output(0, TensorType(classes.dtype(), Dims{rows_of(c)}));
  c.output(1, TensorType(HRT_FLOAT32, Dims{rows_of(c), classes.count()}));
}

Rows::Rows(const Tensor& x) {
  require(x.rank() == 1 || x.rank() == 2, "X must have shape NxC or C, has ", x.dims());
  rows = x.rank() == 2 ? x.dim(0) : 1;
  columns = x.dim(x.rank() - 1);
}

}  // namespace hrt::ops
