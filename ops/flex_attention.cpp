// SPDX-License-Identifier: Apache-2.0
// ai.onnx.preview.FlexAttention: softmax(scale * Q K') V whose scores and probabilities pass through nested
// bodies. https://onnx.ai/onnx/operators/onnx_aionnxpreview_FlexAttention.html
#include "body.h"
#include "norm.h"

namespace hrt::ops {
namespace {

hrt_dtype precision(const Node& node, hrt_dtype dtype) {
  const int64_t t = node.i("softmax_precision", dtype == HRT_FLOAT64 ? HRT_FLOAT64 : HRT_FLOAT32);
  require(t > 0 && t < HRT_DTYPE_COUNT && (HRT_DTYPE_BIT(t) & kFloat), "softmax_precision is ", t);
  return hrt_dtype(t);
}

void infer(const Infer& c) {
  const auto q = c.dims(0), k = c.dims(1), v = c.dims(2);
  for (const auto& d : {q, k, v}) require(!d || d->size() == 4, "Q, K and V need rank 4");
  const auto at = [](const std::optional<Dims>& d, size_t i) { return d ? (*d)[i] : HRT_DIM_UNKNOWN; };
  c.output(0, TensorType(c.dtype(0), {at(q, 0), at(q, 1), at(q, 2), at(v, 3)}));
  if (c.dtype(0) == HRT_UNDEFINED) return;
  const TensorType scores(precision(c.node(), c.dtype(0)), {at(q, 0), at(q, 1), at(q, 2), at(k, 2)});
  const hrt_type type = scores.c();
  const hrt_type* const inputs[] = {&type};
  for (const char* body : {"score_mod", "prob_mod"})
    if (c.node().has(body)) infer_body(c, body, inputs);
}

// What a body makes of a tensor, or the tensor itself when there is no such body.
Tensor modified(const Kernel& c, const char* body, const Tensor& t) {
  if (!c.node().has(body)) return t;
  const hrt_value* const inputs[] = {t.c().value};
  const Tensor out = Kernel::tensor_of(c.run_body(body, inputs, 1)[0]);
  require(out.dtype() == t.dtype() && std::ranges::equal(out.dims(), t.dims()), body, " turns ", t.dims(),
          " into ", out.dims());
  return out;
}

void compute(const Kernel& c) {
  const Tensor q = c.input(0), k = c.input(1), v = c.input(2);
  require(q.rank() == 4 && k.rank() == 4 && v.rank() == 4, "Q, K and V need rank 4");
  const int64_t batch = q.dim(0), heads = q.dim(1), rows = q.dim(2), size = q.dim(3);
  const int64_t groups = k.dim(1), columns = k.dim(2), out_size = v.dim(3);
  require(k.dim(0) == batch && v.dim(0) == batch && v.dim(1) == groups && v.dim(2) == columns &&
              k.dim(3) == size && groups > 0 && heads % groups == 0,
          "Q, K and V of shapes ", q.dims(), ", ", k.dims(), " and ", v.dims());
  const double scale = c.node().has("scale") ? c.node().f("scale") : 1 / std::sqrt(double(size));
  const Tensor y = c.output(0, q.dtype(), Dims{batch, heads, rows, out_size});
  const Tensor scores = c.make(precision(c.node(), q.dtype()), Dims{batch, heads, rows, columns});
  const auto key_head = [&](int64_t head) { return head / heads * groups + head % heads / (heads / groups); };
  dispatch(Floats{}, q.dtype(), [&]<class T>() {
    dispatch(Floats{}, scores.dtype(), [&]<class S>() {
      for (int64_t r = 0; r < batch * heads * rows; ++r)
        for (int64_t j = 0; j < columns; ++j) {
          const T *a = q.data<T>() + r * size, *b = k.data<T>() + (key_head(r / rows) * columns + j) * size;
          double dot = 0;
          for (int64_t d = 0; d < size; ++d) dot += double(a[d]) * double(b[d]);
          scores.data<S>()[r * columns + j] = S(acc_t<S>(dot * scale));
        }
      const Tensor masked = modified(c, "score_mod", scores);
      const Tensor probabilities = c.make(scores.dtype(), scores.dims());
      for (int64_t r = 0; columns > 0 && r < batch * heads * rows; ++r) {
        const S* in = masked.data<S>() + r * columns;
        double most = double(in[0]), sum = 0;
        for (int64_t j = 1; j < columns; ++j) most = std::max(most, double(in[j]));
        for (int64_t j = 0; j < columns; ++j) sum += std::exp(double(in[j]) - most);
        for (int64_t j = 0; j < columns; ++j)
          probabilities.data<S>()[r * columns + j] = S(acc_t<S>(std::exp(double(in[j]) - most) / sum));
      }
      const Tensor weights = modified(c, "prob_mod", probabilities);
      std::vector<double> row(static_cast<size_t>(out_size));
      for (int64_t r = 0; r < batch * heads * rows; ++r) {
        std::fill(row.begin(), row.end(), 0);
        for (int64_t j = 0; j < columns; ++j) {
          const T* in = v.data<T>() + (key_head(r / rows) * columns + j) * out_size;
          const double w = double(weights.data<S>()[r * columns + j]);
          for (int64_t d = 0; d < out_size; ++d) row[size_t(d)] += w * double(in[d]);
        }
        for (int64_t d = 0; d < out_size; ++d) y.data<T>()[r * out_size + d] = T(acc_t<T>(row[size_t(d)]));
      }
    });
  });
}

const Register flex_attention(Op{
    .domain = "ai.onnx.preview",
    .name = "FlexAttention",
    .since = 1,
    .doc = "attention with nested bodies for scores and probabilities",
    .inputs = {{"Q", "T1"}, {"K", "T1"}, {"V", "T1"}},
    .outputs = {{"Y", "T1"}},
    .attrs = {{"prob_mod", HRT_ATTR_GRAPH},
              {"scale", HRT_ATTR_FLOAT},
              {"score_mod", HRT_ATTR_GRAPH},
              {"softmax_precision", HRT_ATTR_INT}},
    .types = {{"T1", kFloat}},
    .flags = HRT_OP_CONTROL,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
