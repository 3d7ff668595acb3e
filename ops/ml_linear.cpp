// SPDX-License-Identifier: Apache-2.0
// LinearRegressor, LinearClassifier: x * coefficients + intercepts.
// https://onnx.ai/onnx/operators/onnx_aionnxml_LinearRegressor.html and _LinearClassifier.html
#include "dims.h"
#include "ml.h"

namespace hrt::ops {
namespace {

// n scores a row, transformed.
std::vector<double> scores_of(const Kernel& c, const Rows& shape, int64_t n) {
  const auto coefficients = c.node().floats("coefficients");
  auto intercepts = c.node().floats("intercepts");
  if (intercepts.empty()) intercepts.assign(size_t(n), 0);
  require(int64_t(coefficients.size()) == checked_mul(n, shape.columns), coefficients.size(),
          " coefficients for ", n, " targets and ", shape.columns, " columns");
  require(int64_t(intercepts.size()) == n, intercepts.size(), " intercepts for ", n, " targets");
  std::vector<double> scores;
  const Reader read(c.input(0));
  for (int64_t r = 0; r < shape.rows; ++r)
    for (int64_t t = 0; t < n; ++t) {
      double sum = intercepts[size_t(t)];
      for (int64_t k = 0; k < shape.columns; ++k)
        sum += read(r * shape.columns + k) * coefficients[size_t(t * shape.columns + k)];
      scores.push_back(sum);
    }
  return scores;
}

int64_t targets_of(const Node& node) {
  const int64_t n = node.i("targets", 1);
  require(n > 0, "targets is ", n);
  return n;
}

void regressor(const Kernel& c) {
  const Rows shape(c.input(0));
  const int64_t n = targets_of(c.node());
  auto scores = scores_of(c, shape, n);
  const PostTransform transform = post_transform_of(c.node().s("post_transform", "NONE"));
  const Tensor y = c.output(0, HRT_FLOAT32, Dims{shape.rows, n});
  for (int64_t r = 0; r < shape.rows; ++r)
    apply(transform, std::span(scores).subspan(size_t(r * n), size_t(n)));
  std::copy(scores.begin(), scores.end(), y.data<float>());
}

void classifier(const Kernel& c) {
  const Rows shape(c.input(0));
  const Classes classes(c.node(), "classlabels_ints");
  const int64_t n = classes.count();
  // Two classes may share one score: that of the second; the first has its negative.
  const auto intercepts = c.node().floats("intercepts").size(),
             coefficients = c.node().floats("coefficients").size();
  const bool shared = n == 2 && (intercepts == 1 || int64_t(coefficients) == shape.columns);
  auto scores = scores_of(c, shape, shared ? 1 : n);
  if (shared) {
    std::vector<double> both;
    for (double s : scores) both.insert(both.end(), {-s, s});
    scores = both;
  }
  const PostTransform transform = post_transform_of(c.node().s("post_transform", "NONE"));
  const Tensor labels = c.output(0, classes.dtype(), Dims{shape.rows}),
               z = c.output(1, HRT_FLOAT32, Dims{shape.rows, n});
  for (int64_t r = 0; r < shape.rows; ++r) {
    const auto row = std::span(scores).subspan(size_t(r * n), size_t(n));
    apply(transform, row);
    classes.write(labels, r, size_t(std::max_element(row.begin(), row.end()) - row.begin()));
    std::copy(row.begin(), row.end(), z.data<float>() + r * n);
  }
}

const Register regressor_op(Op{
    .domain = "ai.onnx.ml",
    .name = "LinearRegressor",
    .since = 1,
    .doc = "x * coefficients + intercepts",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "float32"}},
    .attrs = {{"coefficients", HRT_ATTR_FLOATS},
              {"intercepts", HRT_ATTR_FLOATS},
              {"post_transform", HRT_ATTR_STRING, "NONE"},
              {"targets", HRT_ATTR_INT, "1"}},
    .types = {{"T", kMlNumbers}},
    .infer =
        [](const Infer& c) { c.output(0, TensorType(HRT_FLOAT32, Dims{rows_of(c), targets_of(c.node())})); },
    .compute = regressor,
});

const Register classifier_op(Op{
    .domain = "ai.onnx.ml",
    .name = "LinearClassifier",
    .since = 1,
    .doc = "the class of the best linear score, and all scores",
    .inputs = {{"X", "T1"}},
    .outputs = {{"Y", "T2"}, {"Z", "float32"}},
    .attrs = {{"classlabels_ints", HRT_ATTR_INTS},
              {"classlabels_strings", HRT_ATTR_STRINGS},
              {"coefficients", HRT_ATTR_FLOATS, "", true},
              {"intercepts", HRT_ATTR_FLOATS},
              {"multi_class", HRT_ATTR_INT, "0"},
              {"post_transform", HRT_ATTR_STRING, "NONE"}},
    .types = {{"T1", kMlNumbers}, {"T2", bits(HRT_STRING, HRT_INT64)}},
    .infer = [](const Infer& c) { infer_classifier(c, "classlabels_ints"); },
    .compute = classifier,
});

}  // namespace
}  // namespace hrt::ops
