// SPDX-License-Identifier: Apache-2.0
// Where: x where the condition is true, else y; all three broadcast.
// https://onnx.ai/onnx/operators/onnx__Where.html
#include "elementwise.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const hrt_dtype dtype = c.dtype(1) != HRT_UNDEFINED ? c.dtype(1) : c.dtype(2);
  const auto cond = c.dims(0), x = c.dims(1), y = c.dims(2);
  if (!cond || !x || !y) return c.output(0, TensorType(dtype));
  c.output(0, TensorType(dtype, broadcast(c, broadcast(c, *cond, *x), *y)));
  propagate(c, dtype, [&](const Dims& v) -> int64_t {
    if (is_number(v[0])) return v[0] ? v[1] : v[2];
    if (v[1] == v[2]) return v[1];
    const bool known = v[0] != HRT_DIM_UNKNOWN && v[1] != HRT_DIM_UNKNOWN && v[2] != HRT_DIM_UNKNOWN;
    return known ? c.symbol() : HRT_DIM_UNKNOWN;
  });
}

void compute(const Kernel& c) {
  const Tensor cond = c.input(0), x = c.input(1), y = c.input(2);
  const Tensor out = c.output(0, x.dtype(), broadcast(broadcast(cond.dims(), x.dims()), y.dims()));
  const Rows rows(out.dims(), {cond.dims(), x.dims(), y.dims()});
  // Calls choose(o, t, i): element o of the output is element i of t.
  auto each = [&](auto choose) {
    rows.each([&](int64_t o, const Counter& at) {
      for (int64_t i = 0; i < rows.length(); ++i) {
        const bool first = cond.data<bool>()[at.offset(0) + i * rows.step(0)];
        const size_t k = first ? 1 : 2;
        choose(o + i, first ? x : y, at.offset(k) + i * rows.step(k));
      }
    });
  };
  if (x.dtype() == HRT_STRING)
    return each([&](int64_t o, const Tensor& t, int64_t i) { out.set_string(o, t.string(i)); });
  dispatch_width(x.dtype(), [&]<class T>() {
    each([&](int64_t o, const Tensor& t, int64_t i) { out.data<T>()[o] = t.data<T>()[i]; });
  });
}

const Register where(Op{
    .name = "Where",
    .since = 16,
    .doc = "x where the condition holds, else y",
    .inputs = {{"condition", "bool"}, {"X", "T"}, {"Y", "T"}},
    .outputs = {{"output", "T"}},
    .types = {{"T", kNumber | kBool | kString | kComplex}},
    .inplace = {{1, 0}, {2, 0}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
