// SPDX-License-Identifier: Apache-2.0
// HannWindow, HammingWindow, BlackmanWindow: sums of cosines over n = 0 ... size - 1, periodic or
// symmetric. https://onnx.ai/onnx/operators/onnx__HannWindow.html and so on.
#include <numbers>

#include "elementwise.h"

namespace hrt::ops {
namespace {

hrt_dtype dtype_of_output(const Node& node) {
  const int64_t t = node.i("output_datatype", HRT_FLOAT32);
  require(t > 0 && t < HRT_DTYPE_COUNT && (HRT_DTYPE_BIT(t) & kNumber), "output_datatype is ", t);
  return hrt_dtype(t);
}

void infer(const Infer& c) {
  const auto size = c.values(0);
  const bool known = size && size->size() == 1;
  require(!known || !is_number((*size)[0]) || (*size)[0] >= 0, "size is ", known ? (*size)[0] : 0);
  c.output(0, TensorType(dtype_of_output(c.node()), {known ? (*size)[0] : HRT_DIM_UNKNOWN}));
}

// w(n) = a - b * cos(2 pi n / N) + c * cos(4 pi n / N)
void window(const Kernel& c, double a, double b, double d) {
  const Dims size = to_int64s(c.input(0));
  require(size.size() == 1 && size[0] >= 0, "size is not one number >= 0");
  const Tensor y = c.output(0, dtype_of_output(c.node()), size);
  const bool periodic = c.node().i("periodic", 1) != 0;
  const double period = double(std::max<int64_t>(periodic ? size[0] : size[0] - 1, 1));
  dispatch(Numbers{}, y.dtype(), [&]<class T>() {
    for (int64_t n = 0; n < size[0]; ++n) {
      const double x = 2 * std::numbers::pi * double(n) / period;
      const double w = a - b * std::cos(x) + d * std::cos(2 * x);
      if constexpr (std::is_integral_v<T>)
        y.data<T>()[n] = to_integer<T>(w);
      else
        y.data<T>()[n] = T(acc_t<T>(w));
    }
  });
}

Op window_op(const char* name, const char* doc, void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 17,
            .doc = doc,
            .inputs = {{"size", "T1", HRT_PARAM_SHAPE}},
            .outputs = {{"output", "T2"}},
            .attrs = {{"output_datatype", HRT_ATTR_INT, "1"}, {"periodic", HRT_ATTR_INT, "1"}},
            .types = {{"T1", kIndex}, {"T2", kNumber}},
            .infer = infer,
            .compute = compute};
}

const Register hann(window_op("HannWindow", "sin^2(pi n / N)",
                              [](const Kernel& c) { window(c, 0.5, 0.5, 0); }));
const Register hamming(window_op("HammingWindow", "25/46 - 21/46 cos(2 pi n / N)",
                                 [](const Kernel& c) { window(c, 25.0 / 46, 21.0 / 46, 0); }));
const Register blackman(window_op("BlackmanWindow", "0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)",
                                  [](const Kernel& c) { window(c, 0.42, 0.5, 0.08); }));

}  // namespace
}  // namespace hrt::ops
