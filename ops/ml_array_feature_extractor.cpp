// SPDX-License-Identifier: Apache-2.0
// ArrayFeatureExtractor: columns by index.
// https://onnx.ai/onnx/operators/onnx_aionnxml_ArrayFeatureExtractor.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

Dims extracted(const DimMath& m, std::span<const int64_t> x, std::span<const int64_t> y) {
  require(!x.empty(), "X must have rank 1 at least");
  Dims out(x.begin(), x.end());
  if (out.size() == 1) out = {1, 1};
  out.back() = 1;
  for (int64_t d : y) out.back() = m.mul(out.back(), d);
  return out;
}

void infer(const Infer& c) {
  const auto x = c.dims(0), y = c.dims(1);
  if (!x || !y) return output_unranked(c);
  c.output(0, TensorType(c.dtype(0), extracted(DimMath(c), *x, *y)));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), indices = c.input(1);
  const Tensor z = c.output(0, x.dtype(), extracted(DimMath(), x.dims(), indices.dims()));
  const int64_t n = x.dims().back(), rows = element_count(x.dims().first(size_t(x.rank()) - 1));
  const Mover move(z, x);
  int64_t to = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t k : indices.span<int64_t>()) {
      require(k >= 0 && k < n, "index ", k, " is outside ", n, " columns");
      move(to++, r * n + k);
    }
}

const Register array_feature_extractor(Op{
    .domain = "ai.onnx.ml",
    .name = "ArrayFeatureExtractor",
    .since = 1,
    .doc = "columns by index",
    .inputs = {{"X", "T"}, {"Y", "int64"}},
    .outputs = {{"Z", "T"}},
    .types = {{"T", bits(HRT_FLOAT32, HRT_FLOAT64, HRT_INT64, HRT_INT32, HRT_STRING)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
