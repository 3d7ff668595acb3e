// SPDX-License-Identifier: Apache-2.0
// NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss: -log_prob[target] * weight[target], each, summed or
// averaged. https://onnx.ai/onnx/operators/onnx__NegativeLogLikelihoodLoss.html,
// onnx__SoftmaxCrossEntropyLoss.html
#include "norm.h"

namespace hrt::ops {
namespace {

enum class Reduction { kNone, kSum, kMean };

Reduction reduction_of(const Node& node) {
  const std::string s = node.s("reduction", "mean");
  require(s == "none" || s == "sum" || s == "mean", "reduction is '", s, "', not none, sum or mean");
  return s == "none" ? Reduction::kNone : s == "sum" ? Reduction::kSum : Reduction::kMean;
}

void infer(const Infer& c) {
  const auto scores = c.dims(0), target = c.dims(1);
  require(!scores || scores->size() >= 2, "the input has no axis of classes");
  TensorType loss(c.dtype(0), {});
  if (reduction_of(c.node()) == Reduction::kNone)
    loss = target ? TensorType(c.dtype(0), *target) : TensorType(c.dtype(0));
  c.output(0, loss);
  if (c.output_count() > 1) c.output(1, scores ? TensorType(c.dtype(0), *scores) : TensorType(c.dtype(0)));
}

// Output 0 from log-probabilities of shape (N, C, d...), given as double.
void loss(const Kernel& c, const std::vector<double>& log_prob) {
  const Tensor x = c.input(0), target = c.input(1);
  const auto weight = c.optional(2);
  const int64_t classes = x.dim(1), inner = element_count(x.dims().subspan(2));
  Dims dims(x.dims().begin(), x.dims().end());
  dims.erase(dims.begin() + 1);
  require(std::ranges::equal(target.dims(), dims), "targets of shape ", target.dims(), " instead of ", dims);
  const auto weights =
      weight ? per_channel(c, 2, classes, "weight") : std::vector<double>(size_t(classes), 1);
  const Dims labels = to_int64s(target);
  const bool ignoring = c.node().has("ignore_index");
  const int64_t ignored = c.node().i("ignore_index");
  const Reduction reduction = reduction_of(c.node());
  const Tensor y = c.output(0, x.dtype(), reduction == Reduction::kNone ? dims : Dims());
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    double sum = 0, weight_sum = 0;
    for (int64_t i = 0; i < int64_t(labels.size()); ++i) {
      const int64_t label = labels[size_t(i)];
      double w = 0, v = 0;
      if (!ignoring || label != ignored) {
        require(label >= 0 && label < classes, "target ", label, " is not one of ", classes, " classes");
        w = weights[size_t(label)];
        v = -log_prob[size_t((i / inner * classes + label) * inner + i % inner)] * w;
      }
      sum += v;
      weight_sum += w;
      if (reduction == Reduction::kNone) y.data<T>()[i] = T(acc_t<T>(v));
    }
    if (reduction == Reduction::kSum) *y.data<T>() = T(acc_t<T>(sum));
    if (reduction == Reduction::kMean) *y.data<T>() = T(acc_t<T>(sum / weight_sum));
  });
}

void require_classes(const Tensor& x) { require(x.rank() >= 2, "the input has no axis of classes"); }

void negative_log_likelihood(const Kernel& c) {
  require_classes(c.input(0));
  loss(c, to_doubles(c.input(0)));
}

void softmax_cross_entropy(const Kernel& c) {
  const Tensor x = c.input(0);
  require_classes(x);
  std::vector<double> v = to_doubles(x);
  const int64_t classes = x.dim(1), inner = element_count(x.dims().subspan(2));
  for (int64_t line = 0; classes > 0 && line < x.size() / classes; ++line) {
    double* first = v.data() + line / inner * classes * inner + line % inner;
    double most = *first, sum = 0;
    for (int64_t k = 1; k < classes; ++k) most = std::max(most, first[k * inner]);
    for (int64_t k = 0; k < classes; ++k) sum += std::exp(first[k * inner] - most);
    for (int64_t k = 0; k < classes; ++k) first[k * inner] -= most + std::log(sum);
  }
  loss(c, v);
  if (!c.wanted(1)) return;
  const Tensor log_prob = c.output(1, x.dtype(), x.dims());
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    for (size_t i = 0; i < v.size(); ++i) log_prob.data<T>()[i] = T(acc_t<T>(v[i]));
  });
}

const std::vector<AttrSpec> attrs{{"ignore_index", HRT_ATTR_INT}, {"reduction", HRT_ATTR_STRING, "mean"}};

const Register nll_op(Op{
    .name = "NegativeLogLikelihoodLoss",
    .since = 22,
    .doc = "-input[target] * weight[target]",
    .inputs = {{"input", "T"}, {"target", "Tind"}, {"weight", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"loss", "T"}},
    .attrs = attrs,
    .types = {{"T", kFloat}, {"Tind", kIndex}},
    .infer = infer,
    .compute = negative_log_likelihood,
});

const Register cross_entropy_op(Op{
    .name = "SoftmaxCrossEntropyLoss",
    .since = 13,
    .doc = "NegativeLogLikelihoodLoss of LogSoftmax",
    .inputs = {{"scores", "T"}, {"labels", "Tind"}, {"weights", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"}, {"log_prob", "T", HRT_PARAM_OPTIONAL}},
    .attrs = attrs,
    .types = {{"T", kFloat}, {"Tind", kIndex}},
    .infer = infer,
    .compute = softmax_cross_entropy,
});

}  // namespace
}  // namespace hrt::ops
