// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml Binarizer: 1 above a threshold, else 0. ArrayFeatureExtractor: chosen elements of the last axis.
// https://onnx.ai/onnx/operators/onnx_aionnxml_Binarizer.html, onnx_aionnxml_ArrayFeatureExtractor.html
#include "op.h"

namespace hrt::ops {
namespace {

using Types = TypeList<float, double, int64_t, int32_t>;
constexpr uint64_t kTypes = bits(HRT_FLOAT32, HRT_FLOAT64, HRT_INT64, HRT_INT32);

void binarize(const Kernel& c) {
  const Tensor x = c.input(0);
  const Tensor y = c.output(0, x.dtype(), x.dims());
  const double threshold = c.node().f("threshold", 0);
  dispatch(Types{}, x.dtype(), [&]<class T>() {
    for (int64_t i = 0; i < x.size(); ++i) y.data<T>()[i] = T(double(x.data<T>()[i]) > threshold);
  });
}

// The result has at least two axes.
Dims extracted(std::span<const int64_t> x, int64_t count) {
  require(!x.empty(), "x is a scalar");
  Dims dims(x.begin(), x.end());
  dims.back() = count;
  if (dims.size() == 1) dims.insert(dims.begin(), 1);
  return dims;
}

void infer_extract(const Infer& c) {
  const auto x = c.dims(0), indices = c.dims(1);
  if (!x) return c.output(0, TensorType(c.dtype(0)));
  int64_t count = indices ? 1 : HRT_DIM_UNKNOWN;
  for (int64_t d : indices.value_or(Dims())) count = c.mul(count, d);
  c.output(0, TensorType(c.dtype(0), extracted(*x, count)));
}

void extract(const Kernel& c) {
  const Tensor x = c.input(0);
  const Dims indices = to_int64s(c.input(1));
  const Tensor y = c.output(0, x.dtype(), extracted(x.dims(), int64_t(indices.size())));
  const int64_t n = x.dim(x.rank() - 1), rows = n == 0 ? 0 : x.size() / n;
  for (int64_t i : indices) require(i >= 0 && i < n, "index ", i, " is outside ", n, " columns");
  auto each = [&](auto copy) {
    for (int64_t row = 0, o = 0; row < rows; ++row)
      for (int64_t i : indices) copy(o++, row * n + i);
  };
  if (x.dtype() == HRT_STRING) return each([&](int64_t o, int64_t i) { y.set_string(o, x.string(i)); });
  dispatch(Types{}, x.dtype(),
           [&]<class T>() { each([&](int64_t o, int64_t i) { y.data<T>()[o] = x.data<T>()[i]; }); });
}

const Register binarizer(Op{
    .domain = "ai.onnx.ml",
    .name = "Binarizer",
    .since = 1,
    .doc = "1 above a threshold, else 0",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"threshold", HRT_ATTR_FLOAT, "0"}},
    .types = {{"T", kTypes}},
    .inplace = {{0, 0}},
    .infer = infer_same,
    .compute = binarize,
});

const Register extractor(Op{
    .domain = "ai.onnx.ml",
    .name = "ArrayFeatureExtractor",
    .since = 1,
    .doc = "chosen elements of the last axis",
    .inputs = {{"X", "T"}, {"Y", "int64"}},
    .outputs = {{"Z", "T"}},
    .types = {{"T", kTypes | kString}},
    .infer = infer_extract,
    .compute = extract,
});

}  // namespace
}  // namespace hrt::ops
