// SPDX-License-Identifier: Apache-2.0
// NonZero: the indices of the elements that are not zero, one column each.
// https://onnx.ai/onnx/operators/onnx__NonZero.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const auto in = c.dims(0);
  c.output(0, TensorType(HRT_INT64, Dims{in ? int64_t(in->size()) : HRT_DIM_UNKNOWN, HRT_DIM_UNKNOWN}));
}

Dims positions(const Tensor& x) {
  Dims found;
  auto collect = [&](auto&& nonzero) {
    int64_t count = 0, at = 0;
    for (int64_t i = 0, n = x.size(); i < n; ++i) count += nonzero(i);
    found.resize(size_t(count) + 1);  // one more: what follows the last is written, too
    for (int64_t i = 0; at < count; ++i) {
      found[size_t(at)] = i;
      at += nonzero(i);
    }
    found.pop_back();
  };
  if (x.dtype() == HRT_STRING)
    collect([&](int64_t i) { return !x.string(i).empty(); });
  else if (x.dtype() == HRT_COMPLEX64)
    collect([&](int64_t i) { return x.data<std::complex<float>>()[i] != 0.0f; });
  else if (x.dtype() == HRT_COMPLEX128)
    collect([&](int64_t i) { return x.data<std::complex<double>>()[i] != 0.0; });
  else
    dispatch_layout(x.dtype(), [&]<class L>() {
      collect([p = x.raw()](int64_t i) { return double(L::get(p, i)) != 0; });
    });
  return found;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  Dims rest = positions(x);
  const int64_t n = int64_t(rest.size());
  const Tensor y = c.output(0, HRT_INT64, Dims{x.rank(), n});
  for (int d = x.rank(); d-- > 0;)
    for (int64_t i = 0; i < n; ++i) {
      y.data<int64_t>()[d * n + i] = rest[size_t(i)] % x.dim(d);
      rest[size_t(i)] /= x.dim(d);
    }
}

const Register non_zero(Op{
    .name = "NonZero",
    .since = 13,
    .doc = "the indices of the elements that are not zero",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "int64"}},
    .types = {{"T", kAny}},
    .flags = HRT_OP_DATA_SHAPE,
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
