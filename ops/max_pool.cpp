// SPDX-License-Identifier: Apache-2.0
// MaxPool: the largest element of each window and, on demand, where it is.
// https://onnx.ai/onnx/operators/onnx__MaxPool.html
#include <limits>

#include "pool.h"

namespace hrt::ops {
namespace {

// The row-major offset in a plane, numbered with the first spatial axis fastest.
int64_t column_major(int64_t offset, const Dims& dims) {
  Dims at(dims.size());
  for (size_t i = dims.size(); i-- > 0; offset /= dims[i]) at[i] = offset % dims[i];
  int64_t out = 0;
  for (size_t i = dims.size(); i-- > 0;) out = out * dims[i] + at[i];
  return out;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Window w = pool_window(c, x);
  const Dims dims = pool_output(x, w);
  const Tensor y = c.output(0, x.dtype(), dims);
  const bool columns = c.node().i("storage_order") != 0;
  int64_t* indices = c.wanted(1) ? c.output(1, HRT_INT64, dims).data<int64_t>() : nullptr;
  const int64_t plane = element_count(w.input);
  dispatch(TypeList<float, double, float16, bfloat16, int8_t, uint8_t>{}, x.dtype(), [&]<class T>() {
    using A = acc_t<T>;
    using Limits = std::numeric_limits<A>;
    const A lowest = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
    for_each_window(w, x.dim(0) * x.dim(1), [&](int64_t p, int64_t o, const WindowView& view) {
      const T* in = x.data<T>() + p * plane;
      A best = lowest;
      int64_t where = -1;
      view.each([&](int64_t at) {
        const A v = in[at];
        if (where >= 0 && !(v > best) && v == v) return;  // a NaN is passed on
        best = v;
        where = at;
      });
      y.data<T>()[o] = T(best);
      if (indices) indices[o] = where < 0 ? -1 : p * plane + (columns ? column_major(where, w.input) : where);
    });
  });
}

const Register max_pool(Op{
    .name = "MaxPool",
    .since = 22,
    .doc = "largest element of each window",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}, {"Indices", "int64", HRT_PARAM_OPTIONAL}},
    .attrs = pool_attrs({{"storage_order", HRT_ATTR_INT, "0"}}),
    .types = {{"T", kFloat | bits(HRT_INT8, HRT_UINT8)}},
    .infer = infer_pool,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
