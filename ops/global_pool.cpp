// SPDX-License-Identifier: Apache-2.0
// GlobalAveragePool, GlobalMaxPool: mean and maximum over all spatial axes.
// https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html, onnx__GlobalMaxPool.html
#include "global_pool.h"

#include <limits>

namespace hrt::ops {

Dims global_pool_output(const Tensor& x) {
  require(x.rank() >= 2, "x has rank ", x.rank(), ", not batch, channels and spatial axes");
  Dims dims(size_t(x.rank()), 1);
  dims[0] = x.dim(0);
  dims[1] = x.dim(1);
  return dims;
}

void infer_global_pool(const Infer& c) {
  auto x = c.dims(0);
  if (!x) return c.output(0, TensorType(c.dtype(0)));
  require(x->size() >= 2, "x has rank ", x->size(), ", not batch, channels and spatial axes");
  std::fill(x->begin() + 2, x->end(), 1);
  c.output(0, TensorType(c.dtype(0), *x));
}

namespace {

void average(const Kernel& c) {
  global_pool(c, []<class A>(auto plane) {
    A sum = 0;
    for (auto v : plane) sum += A(v);
    return sum / A(plane.size());
  });
}

void maximum(const Kernel& c) {
  global_pool(c, []<class A>(auto plane) {
    A best = -std::numeric_limits<A>::infinity();
    for (auto v : plane)
      if (A(v) > best || A(v) != A(v)) best = A(v);
    return best;
  });
}

Op pool(const char* name, const char* doc, void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 22,
            .doc = doc,
            .inputs = {{"X", "T"}},
            .outputs = {{"Y", "T"}},
            .types = {{"T", kFloat}},
            .infer = infer_global_pool,
            .compute = compute};
}

const Register average_op(pool("GlobalAveragePool", "mean of each plane", average));
const Register max_op(pool("GlobalMaxPool", "largest element of each plane", maximum));

}  // namespace
}  // namespace hrt::ops
