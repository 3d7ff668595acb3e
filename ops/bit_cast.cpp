// SPDX-License-Identifier: Apache-2.0
// BitCast: the same bits as another type of the same width.
// https://onnx.ai/onnx/operators/onnx__BitCast.html
#include "elements.h"

namespace hrt::ops {
namespace {

hrt_dtype target(const Node& node, hrt_dtype from) {
  const int64_t to = node.i("to");
  require(to > HRT_UNDEFINED && to < HRT_DTYPE_COUNT, "attribute to: there is no element type ", to);
  require(from == HRT_UNDEFINED || (dtype_bits(from) == dtype_bits(hrt_dtype(to)) && from != HRT_STRING),
          dtype_name(from), " and ", dtype_name(hrt_dtype(to)), " differ in width");
  return hrt_dtype(to);
}

void infer(const Infer& c) {
  const hrt_dtype to = target(c.node(), c.dtype(0));
  const auto dims = c.dims(0);
  c.output(0, dims ? TensorType(to, *dims) : TensorType(to));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  copy_all(c.output(0, target(c.node(), x.dtype()), x.dims()), x);
}

const Register bit_cast(Op{
    .name = "BitCast",
    .since = 26,
    .doc = "the same bits as another element type of the same width",
    .inputs = {{"input", "T1"}},
    .outputs = {{"output", "T2"}},
    .attrs = {{"to", HRT_ATTR_INT, "", true}},
    .types = {{"T1", kAny & ~kString}, {"T2", kAny & ~kString}},
    .inplace = {{0, 0}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
