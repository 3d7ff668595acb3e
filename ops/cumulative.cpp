// SPDX-License-Identifier: Apache-2.0
// CumSum, CumProd: running sum and product along an axis, also backwards, also without the element
// itself. https://onnx.ai/onnx/operators/onnx__CumSum.html, onnx__CumProd.html
#include "elementwise.h"

namespace hrt::ops {
namespace {

template <class F>
void accumulate(const Kernel& c, int start, F f) {
  const Tensor x = c.input(0), axis_input = c.input(1);
  require(axis_input.size() == 1, "axis has shape ", axis_input.dims(), ", not scalar");
  const int axis = int(normalise_axis(to_int64s(axis_input)[0], x.rank()));
  const int64_t n = x.dim(axis), inner = element_count(x.dims().subspan(size_t(axis) + 1));
  const bool exclusive = c.node().i("exclusive") != 0, reverse = c.node().i("reverse") != 0;
  const Tensor y = c.output(0, x.dtype(), x.dims());
  const int64_t lines = n == 0 ? 0 : x.size() / n;
  dispatch(TypeList<float, double, float16, bfloat16, int32_t, int64_t, uint32_t, uint64_t>{}, x.dtype(),
           [&]<class T>() {
             using A = wrap_t<acc_t<T>>;
             for (int64_t line = 0; line < lines; ++line) {
               const int64_t first = line / inner * n * inner + line % inner;
               A v = A(start);
               for (int64_t k = 0; k < n; ++k) {
                 const int64_t i = first + (reverse ? n - 1 - k : k) * inner;
                 const A next = f(v, A(x.data<T>()[i]));
                 y.data<T>()[i] = T(exclusive ? v : next);
                 v = next;
               }
             }
           });
}

Op cumulative(const char* name, int64_t since, const char* doc, void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = since,
            .doc = doc,
            .inputs = {{"x", "T"}, {"axis", "T2"}},
            .outputs = {{"y", "T"}},
            .attrs = {{"exclusive", HRT_ATTR_INT, "0"}, {"reverse", HRT_ATTR_INT, "0"}},
            .types = {{"T", kFloat | kIndex | bits(HRT_UINT32, HRT_UINT64)}, {"T2", kIndex}},
            .inplace = {{0, 0}},
            .infer = infer_same,
            .compute = compute};
}

const Register sum_op(cumulative("CumSum", 14, "running sum along an axis", [](const Kernel& c) {
  accumulate(c, 0, [](auto a, auto b) { return a + b; });
}));
const Register product_op(cumulative("CumProd", 26, "running product along an axis", [](const Kernel& c) {
  accumulate(c, 1, [](auto a, auto b) { return a * b; });
}));

}  // namespace
}  // namespace hrt::ops
