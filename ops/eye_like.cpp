// SPDX-License-Identifier: Apache-2.0
// EyeLike: ones on the k-th diagonal. https://onnx.ai/onnx/operators/onnx__EyeLike.html
#include "elements.h"

namespace hrt::ops {
namespace {

hrt_dtype dtype_of_output(const Node& node, hrt_dtype input) {
  const int64_t t = node.i("dtype", input);
  require(t >= HRT_UNDEFINED && t < HRT_DTYPE_COUNT, "attribute dtype: there is no element type ", t);
  return hrt_dtype(t);
}

void infer(const Infer& c) {
  const hrt_dtype dtype = dtype_of_output(c.node(), c.dtype(0));
  const auto dims = c.dims(0);
  require(!dims || dims->size() == 2, "the input must be a matrix");
  c.output(0, TensorType(dtype, dims ? *dims : Dims(2, HRT_DIM_UNKNOWN)));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  require(x.rank() == 2, "the input must be a matrix, has shape ", x.dims());
  const Tensor y = c.output(0, dtype_of_output(c.node(), x.dtype()), x.dims());
  const int64_t k = c.node().i("k"), columns = x.dim(1);
  const Writer write(y);
  for (int64_t i = 0; i < y.size(); ++i) write(i, i % columns - i / columns == k ? 1 : 0);
}

const Register eye_like(Op{
    .name = "EyeLike",
    .since = 22,
    .doc = "a matrix with ones on the k-th diagonal, in the shape of the input",
    .inputs = {{"input", "T1"}},
    .outputs = {{"output", "T2"}},
    .attrs = {{"dtype", HRT_ATTR_INT}, {"k", HRT_ATTR_INT, "0"}},
    .types = {{"T1", kNumber | kBool}, {"T2", kNumber | kBool}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
