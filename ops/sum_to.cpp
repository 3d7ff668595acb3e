// SPDX-License-Identifier: Apache-2.0
// hrt.SumTo: sums over the dimensions along which a tensor of `like`'s shape was broadcast to x's: what
// gradients of operators that broadcast need.
#include "elementwise.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const auto x = c.dims(0), like = c.dims(1);
  if (x && like) require(like->size() <= x->size(), "shape ", *like, " does not broadcast to ", *x);
  c.output(0, like ? TensorType(c.dtype(0), *like) : TensorType(c.dtype(0)));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const auto like = c.input(1).dims();
  require(std::ranges::equal(broadcast(like, x.dims()), x.dims()), "shape ", like, " does not broadcast to ",
          x.dims());
  const Tensor y = c.output(0, x.dtype(), like);
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    std::vector<acc_t<T>> sums(static_cast<size_t>(y.size()));
    Counter at(x.dims(), {broadcast_strides(like, x.dims())});
    for (int64_t i = 0; i < x.size(); ++i, at.next()) sums[size_t(at.offset(0))] += acc_t<T>(x.data<T>()[i]);
    for (size_t i = 0; i < sums.size(); ++i) y.data<T>()[i] = T(sums[i]);
  });
}

const Register sum_to(Op{
    .domain = "hrt",
    .name = "SumTo",
    .since = 1,
    .doc = "x summed to the shape from which it was broadcast",
    .inputs = {{"x", "T"}, {"like", "L"}},
    .outputs = {{"y", "T"}},
    .types = {{"T", kFloat}, {"L", kNumber | kBool}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
