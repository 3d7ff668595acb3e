// SPDX-License-Identifier: Apache-2.0
// Range: start, start + delta, ... before limit. https://onnx.ai/onnx/operators/onnx__Range.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

// ceil((limit - start) / delta), at least 0.
int64_t int_count(int64_t start, int64_t limit, int64_t delta) {
  require(delta != 0, "delta is 0");
  if (delta > 0 ? start >= limit : start <= limit) return 0;
  const uint64_t distance = delta > 0 ? uint64_t(limit) - uint64_t(start) : uint64_t(start) - uint64_t(limit);
  const uint64_t step = delta > 0 ? uint64_t(delta) : -uint64_t(delta);
  return int64_t(std::min<uint64_t>((distance - 1) / step + 1, INT64_MAX));
}

int64_t float_count(double start, double limit, double delta) {
  require(delta != 0, "delta is 0");
  const double n = std::ceil((limit - start) / delta);
  require(n < 0x1p62, "the range from ", start, " to ", limit, " by ", delta, " has no end");
  return n > 0 ? int64_t(n) : 0;
}

bool is_int(hrt_dtype t) { return t == HRT_INT16 || t == HRT_INT32 || t == HRT_INT64; }

void infer(const Infer& c) {
  const auto start = c.values(0), limit = c.values(1), delta = c.values(2);
  Dims dims = {HRT_DIM_UNKNOWN};
  if (is_int(c.dtype(0)) && start && limit && delta) {
    for (const auto* v : {&start, &limit, &delta}) require((*v)->size() == 1, "inputs must be scalars");
    const int64_t s = (*start)[0], l = (*limit)[0], d = (*delta)[0];
    dims[0] = s == 0 && d == 1 && !is_number(l) ? l : DimMath(c)(int_count, s, l, d);
    if (is_number(dims[0]) && dims[0] <= kMaxTracked) {
      Dims values(size_t(dims[0]), s);
      for (size_t i = 1; i < values.size(); ++i) values[i] = values[i - 1] + d;
      c.output(0, TensorType(c.dtype(0), dims));
      return c.output_values(0, values);
    }
  } else if (const auto s = c.constant(0), l = c.constant(1), d = c.constant(2); s && l && d) {
    dims[0] = float_count(scalar_of(*s, "start"), scalar_of(*l, "limit"), scalar_of(*d, "delta"));
  }
  c.output(0, TensorType(c.dtype(0), dims));
}

void compute(const Kernel& c) {
  const Tensor start = c.input(0), limit = c.input(1), delta = c.input(2);
  for (const Tensor* t : {&start, &limit, &delta}) require(t->size() == 1, "inputs must be scalars");
  dispatch(TypeList<float, double, int16_t, int32_t, int64_t, float16, bfloat16>{}, start.dtype(),
           [&]<class T>() {
             const auto s = acc_t<T>(*start.data<T>()), l = acc_t<T>(*limit.data<T>()),
                        d = acc_t<T>(*delta.data<T>());
             int64_t n;
             if constexpr (std::is_integral_v<T>)
               n = int_count(s, l, d);
             else
               n = float_count(double(s), double(l), double(d));
             T* y = c.output(0, start.dtype(), Dims{n}).template data<T>();
             for (int64_t i = 0; i < n; ++i) {
               if constexpr (std::is_integral_v<T>)
                 y[i] = T(uint64_t(s) + uint64_t(i) * uint64_t(d));  // wraps on the way, never in the result
               else
                 y[i] = T(s + acc_t<T>(i) * d);
             }
           });
}

const Register range(Op{
    .name = "Range",
    .since = 27,
    .doc = "start, start + delta, ... before limit",
    .inputs = {{"start", "T", HRT_PARAM_SHAPE},
               {"limit", "T", HRT_PARAM_SHAPE},
               {"delta", "T", HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T"}},
    .attrs = {{"stash_type", HRT_ATTR_INT, "1"}},
    .types = {{"T", kFloat | bits(HRT_INT16, HRT_INT32, HRT_INT64)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
