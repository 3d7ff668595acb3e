// SPDX-License-Identifier: Apache-2.0
// ConvInteger: (x - x_zero_point) * (w - w_zero_point), 8-bit integers into 32.
// https://onnx.ai/onnx/operators/onnx__ConvInteger.html
#include "conv.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0), w = c.input(1);
  const auto x_zero = c.optional(2), w_zero = c.optional(3);
  const Convolution s = convolution(c.node(), x.dims(), w.dims());
  const Dims dims = s.output();
  require(!x_zero || x_zero->size() == 1, "x_zero_point is not a scalar");
  require(!w_zero || w_zero->size() == 1 || w_zero->size() == dims[1],
          "w_zero_point is neither a scalar nor one per output channel");
  int32_t* y = c.output(0, HRT_INT32, dims).data<int32_t>();
  using Bytes = TypeList<int8_t, uint8_t>;
  dispatch(Bytes{}, x.dtype(), [&]<class X>() {
    dispatch(Bytes{}, w.dtype(), [&]<class W>() {
      const X* px = x.data<X>();
      const W *pw = w.data<W>(), *pzero = w_zero ? w_zero->data<W>() : nullptr;
      const bool per_channel = w_zero && w_zero->size() > 1;
      const int32_t zero = x_zero ? *x_zero->data<X>() : 0;
      convolve<uint32_t>(
          s, [=](int64_t i) { return uint32_t(px[i] - zero); },
          [=](int64_t i, int64_t m) { return uint32_t(pw[i] - (pzero ? pzero[per_channel ? m : 0] : 0)); },
          [=](int64_t o, int64_t, int64_t count, const uint32_t* row) {
            std::transform(row, row + count, y + o, [](uint32_t v) { return int32_t(v); });
          });
    });
  });
}

const Register conv_integer(Op{
    .name = "ConvInteger",
    .since = 10,
    .doc = "convolution of 8-bit integers into 32",
    .inputs = {{"x", "T1"},
               {"w", "T2"},
               {"x_zero_point", "T1", HRT_PARAM_OPTIONAL},
               {"w_zero_point", "T2", HRT_PARAM_OPTIONAL}},
    .outputs = {{"y", "int32"}},
    .attrs = conv_attrs(),
    .types = {{"T1", bits(HRT_INT8, HRT_UINT8)}, {"T2", bits(HRT_INT8, HRT_UINT8)}},
    .infer = [](const Infer& c) { infer_convolution(c, HRT_INT32, 0, 1); },
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
