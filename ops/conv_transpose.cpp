// SPDX-License-Identifier: Apache-2.0
// ConvTranspose: the transpose of Conv as a linear map: each x value adds its multiple of the kernel to y.
// https://onnx.ai/onnx/operators/onnx__ConvTranspose.html
#include "conv.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0), w = c.input(1);
  const auto bias = c.optional(2);
  const Convolution s = convolution(c.node(), x.dims(), w.dims(), true);
  const Dims dims = s.output();
  require(!bias || bias->size() == dims[1], "the bias does not have ", dims[1], " elements");
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    using A = acc_t<T>;
    const T *px = x.data<T>(), *pw = w.data<T>(), *pb = bias ? bias->data<T>() : nullptr;
    T* py = c.output(0, x.dtype(), dims).template data<T>();
    convolve<A>(
        s, [=](int64_t i) { return A(px[i]); }, [=](int64_t i, int64_t) { return A(pw[i]); },
        [=](int64_t o, int64_t m, int64_t count, const A* row) {
          const A b = pb ? A(pb[m]) : A(0);
          for (int64_t j = 0; j < count; ++j) py[o + j] = T(row[j] + b);
        });
  });
}

std::vector<AttrSpec> attrs() {
  std::vector<AttrSpec> a = conv_attrs();
  a.push_back({"output_padding", HRT_ATTR_INTS});
  a.push_back({"output_shape", HRT_ATTR_INTS});
  return a;
}

const Register conv_transpose(Op{
    .name = "ConvTranspose",
    .since = 22,
    .doc = "transposed convolution",
    .inputs = {{"X", "T"}, {"W", "T"}, {"B", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T"}},
    .attrs = attrs(),
    .types = {{"T", kFloat}},
    .infer = [](const Infer& c) { infer_convolution(c, c.dtype(0), 0, 1, true); },
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
