// SPDX-License-Identifier: Apache-2.0
// com.microsoft.SkipLayerNormalization: LayerNormalization of input + skip + bias;
// SkipSimplifiedLayerNormalization: the same without mean and beta.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.SkipLayerNormalization
#include "norm.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  infer_same(c);
  const auto x = c.dims(0);
  Dims stats = x.value_or(Dims());
  if (!stats.empty()) stats.back() = 1;
  for (uint32_t i = 1; i < std::min(c.output_count(), 3u); ++i)
    c.output(i, x ? TensorType(HRT_FLOAT32, stats) : TensorType(HRT_FLOAT32));
  if (c.output_count() > 3) c.output(3, x ? TensorType(c.dtype(0), *x) : TensorType(c.dtype(0)));
}

// beta: input of that name, 0 where the operator has none, as it has no mean then.
void compute(const Kernel& c, uint32_t beta_input, uint32_t bias_input) {
  const Tensor x = c.input(0), skip = c.input(1);
  require(x.rank() == 2 || x.rank() == 3, "input has rank ", x.rank(), ", not 2 or 3");
  const int64_t n = x.dim(x.rank() - 1), rows = x.size() / std::max<int64_t>(n, 1);
  // One skip for the whole batch, or for each item.
  const auto tail = x.dims().subspan(size_t(x.rank() - std::min(x.rank(), 2)));
  const auto skipped = skip.rank() == 3 && skip.dim(0) == 1 ? skip.dims().subspan(1) : skip.dims();
  require(std::ranges::equal(skip.dims(), x.dims()) || std::ranges::equal(skipped, tail), "skip of shape ",
          skip.dims(), " for an input of ", x.dims());
  const auto gamma = per_channel(c, 2, n, "gamma");
  const auto parameter = [&](uint32_t i, const char* name) {
    return i && c.has(i) ? per_channel(c, i, n, name) : std::vector<double>(size_t(n), 0.0);
  };
  const auto beta = parameter(beta_input, "beta"), bias = parameter(bias_input, "bias"),
             skips = to_doubles(skip);
  const double epsilon = c.node().f("epsilon", 1e-12f);

  const Tensor y = c.output(0, x.dtype(), x.dims());
  Dims stats(x.dims().begin(), x.dims().end());
  stats.back() = 1;
  std::optional<Tensor> mean, inverse, sum;
  if (c.wanted(1)) mean = c.output(1, HRT_FLOAT32, stats);
  if (c.wanted(2)) inverse = c.output(2, HRT_FLOAT32, stats);
  if (c.wanted(3)) sum = c.output(3, x.dtype(), x.dims());
  std::vector<double> row(static_cast<size_t>(n));
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    for (int64_t r = 0; n > 0 && r < rows; ++r) {
      for (int64_t i = 0; i < n; ++i) {
        const size_t at = size_t(r * n + i);
        row[size_t(i)] = double(x.data<T>()[at]) + skips[at % skips.size()] + bias[size_t(i)];
        if (sum) sum->data<T>()[at] = T(acc_t<T>(row[size_t(i)]));
      }
      Moments m = moments(row.data(), n);
      if (!beta_input) m = {0, m.variance + m.mean * m.mean};
      const double factor = 1 / std::sqrt(m.variance + epsilon);
      for (int64_t i = 0; i < n; ++i)
        y.data<T>()[r * n + i] =
            T(acc_t<T>((row[size_t(i)] - m.mean) * factor * gamma[size_t(i)] + beta[size_t(i)]));
      if (mean) mean->data<float>()[r] = float(m.mean);
      if (inverse) inverse->data<float>()[r] = float(factor);
    }
  });
}

Op skip_op(const char* name, const char* doc, std::vector<Param> more, void (*compute)(const Kernel&)) {
  Op op{.domain = "com.microsoft",
        .name = name,
        .since = 1,
        .doc = doc,
        .inputs = {{"input", "T"}, {"skip", "T"}, {"gamma", "T"}},
        .outputs = {{"output", "T"},
                    {"mean", "float32", HRT_PARAM_OPTIONAL},
                    {"inv_std_var", "float32", HRT_PARAM_OPTIONAL},
                    {"input_skip_bias_sum", "T", HRT_PARAM_OPTIONAL}},
        .attrs = {{"epsilon", HRT_ATTR_FLOAT, "1e-12"}},
        .types = {{"T", kFloat}},
        .infer = infer,
        .compute = compute};
  op.inputs.insert(op.inputs.end(), more.begin(), more.end());
  return op;
}

const Register ops[] = {
    Register(skip_op("SkipLayerNormalization", "LayerNormalization of input + skip + bias",
                     {{"beta", "T", HRT_PARAM_OPTIONAL}, {"bias", "T", HRT_PARAM_OPTIONAL}},
                     [](const Kernel& c) { compute(c, 3, 4); })),
    Register(skip_op("SkipSimplifiedLayerNormalization", "RMSNormalization of input + skip + bias",
                     {{"bias", "T", HRT_PARAM_OPTIONAL}}, [](const Kernel& c) { compute(c, 0, 3); })),
};

}  // namespace
}  // namespace hrt::ops
