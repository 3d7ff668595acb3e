// SPDX-License-Identifier: Apache-2.0
// QLinearSoftmax of com.microsoft: Softmax of an 8-bit tensor, as the ONNX operator set that `opset` names
// defines it: along an axis or, before 13, over all axes from that one on.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include <cmath>

#include "qlinear.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  if (const auto x = c.dims(0)) normalise_axis(c.node().i("axis", -1), int64_t(x->size()));
  infer_same(c);
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Quantization from(c, 1, x.dtype()), to(c, 3, x.dtype());
  const size_t axis = size_t(normalise_axis(c.node().i("axis", -1), x.rank()));
  const bool along = c.node().i("opset") >= 13;
  const int64_t inner = along ? element_count(x.dims().subspan(axis + 1)) : 1;
  const int64_t n = along ? x.dims()[axis] : element_count(x.dims().subspan(axis));
  const Tensor y = c.output(0, x.dtype(), x.dims());
  const Reader read(x);
  const Writer write(y);
  for (int64_t line = 0; line < (x.size() ? x.size() / n : 0); ++line) {
    const int64_t first = line / inner * n * inner + line % inner;
    double most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; ++i) most = std::max(most, from.real(read(first + i * inner)));
    for (int64_t i = 0; i < n; ++i) sum += std::exp(from.real(read(first + i * inner)) - most);
    for (int64_t i = 0; i < n; ++i)
      write(first + i * inner, to.quantize(std::exp(from.real(read(first + i * inner)) - most) / sum));
  }
}

const Register qlinear_softmax(Op{
    .domain = kMicrosoft,
    .name = "QLinearSoftmax",
    .since = 1,
    .doc = "exp(x) / sum of exp(x), quantized",
    .inputs = {{"X", "T"},
               {"X_scale", "float32"},
               {"x_zero_point", "T", HRT_PARAM_OPTIONAL},
               {"y_scale", "float32"},
               {"y_zero_point", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT, "-1"}, {"opset", HRT_ATTR_INT, "", true}},
    .types = {{"T", kBytes}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
