// SPDX-License-Identifier: Apache-2.0
// LRN: x / (bias + alpha / size * sum of x^2 over `size` neighbouring channels) ^ beta.
// https://onnx.ai/onnx/operators/onnx__LRN.html
#include <cmath>

#include "op.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Node& node = c.node();
  const int64_t size = node.i("size");
  require(size >= 1, "size is ", size);
  require(x.rank() >= 2, "x has rank ", x.rank(), ", not batch, channels and more");
  const double alpha = node.f("alpha", 1e-4f), beta = node.f("beta", 0.75f), bias = node.f("bias", 1);
  const int64_t channels = x.dim(1), inner = element_count(x.dims().subspan(2));
  const int64_t before = (size - 1) / 2, after = size - 1 - before;
  const Tensor y = c.output(0, x.dtype(), x.dims());
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    std::vector<double> squares(static_cast<size_t>(inner));
    for (int64_t n = 0; n < x.dim(0); ++n)
      for (int64_t ch = 0; ch < channels; ++ch) {
        squares.assign(size_t(inner), 0);
        const int64_t first = std::max<int64_t>(ch - before, 0);
        const int64_t last = after < channels - ch ? ch + after : channels - 1;
        for (int64_t k = first; k <= last; ++k) {
          const T* in = x.data<T>() + (n * channels + k) * inner;
          for (int64_t i = 0; i < inner; ++i) squares[size_t(i)] += double(in[i]) * double(in[i]);
        }
        const int64_t at = (n * channels + ch) * inner;
        for (int64_t i = 0; i < inner; ++i) {
          const double d = std::pow(bias + alpha / double(size) * squares[size_t(i)], beta);
          y.data<T>()[at + i] = T(acc_t<T>(double(x.data<T>()[at + i]) / d));
        }
      }
  });
}

const Register lrn(Op{
    .name = "LRN",
    .since = 13,
    .doc = "local response normalisation across channels",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"alpha", HRT_ATTR_FLOAT, "1e-4"},
              {"beta", HRT_ATTR_FLOAT, "0.75"},
              {"bias", HRT_ATTR_FLOAT, "1"},
              {"size", HRT_ATTR_INT, "", true}},
    .types = {{"T", kFloat}},
    .infer = infer_same,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
