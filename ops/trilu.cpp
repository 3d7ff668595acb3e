// SPDX-License-Identifier: Apache-2.0
// Trilu: the upper or lower triangle of every matrix. https://onnx.ai/onnx/operators/onnx__Trilu.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  require(x.rank() >= 2, "the input must have rank 2 at least, has shape ", x.dims());
  const int64_t k = c.has(1) ? int_scalar_of(c.input(1), "k") : 0;
  const bool upper = c.node().i("upper", 1) != 0;
  const int64_t rows = x.dim(x.rank() - 2), columns = x.dim(x.rank() - 1);
  const Tensor y = c.output(0, x.dtype(), x.dims());
  const Mover move(y, x), clear(y, c.make(x.dtype(), Dims{}));
  for (int64_t i = 0; i < x.size(); ++i) {
    const int64_t diagonal = i % columns - i / columns % rows;
    if (upper ? diagonal >= k : diagonal <= k)
      move(i, i);
    else
      clear(i, 0);
  }
}

const Register trilu(Op{
    .name = "Trilu",
    .since = 14,
    .doc = "the upper or lower triangle of every matrix, zero elsewhere",
    .inputs = {{"input", "T"}, {"k", "int64", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"}},
    .attrs = {{"upper", HRT_ATTR_INT, "1"}},
    .types = {{"T", kAny}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
