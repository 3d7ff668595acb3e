// SPDX-License-Identifier: Apache-2.0
// acme.RMSNorm: y = x / sqrt(mean(x^2) + epsilon) * scale, over the last axis (Zhang and Sennrich, 2019).
#include <cmath>

#include "ops.h"

namespace acme {
namespace {

constexpr hrt_op_param kInputs[] = {param("x", "float32"), param("scale", "float32")};
constexpr hrt_op_param kOutputs[] = {param("y", "float32")};
constexpr hrt_op_attr kAttributes[] = {attribute("epsilon", HRT_ATTR_FLOAT, false, "1e-6")};

hrt_status* infer(const hrt_op*, hrt_infer* c) {
  return guard([&] {
    const Infer infer(c);
    const auto x = infer.dims(0), scale = infer.dims(1);
    if (!x) return infer.output(0, TensorType(HRT_FLOAT32));
    require(!x->empty(), "x is a scalar");
    if (scale)
      require(scale->size() == 1 && may_be_equal((*scale)[0], x->back()), "scale of shape ", *scale,
              " does not fit x of shape ", *x);
    infer.output(0, TensorType(HRT_FLOAT32, *x));
  });
}

hrt_status* compute(const hrt_op*, hrt_kernel* c) {
  return guard([&] {
    const Kernel kernel(c);
    const Tensor x = kernel.input(0), scale = kernel.input(1);
    require(x.rank() > 0 && scale.rank() == 1 && scale.dim(0) == x.dim(x.rank() - 1), "scale of shape ",
            scale.dims(), " does not fit x of shape ", x.dims());
    const Tensor y = kernel.output(0, HRT_FLOAT32, x.dims());
    const double epsilon = kernel.node().f("epsilon", kDefaultEpsilon);
    const int64_t n = scale.dim(0), rows = n ? x.size() / n : 0;
    for (int64_t r = 0; r < rows; ++r) {
      const float* row = x.data<float>() + r * n;
      double squares = 0;
      for (int64_t i = 0; i < n; ++i) squares += double(row[i]) * row[i];
      const double factor = 1 / std::sqrt(squares / double(n) + epsilon);
      for (int64_t i = 0; i < n; ++i)
        y.data<float>()[r * n + i] = float(row[i] * factor * scale.data<float>()[i]);
    }
  });
}

}  // namespace

const hrt_op kRmsNorm = make_op("RMSNorm", "x / sqrt(mean(x^2) + epsilon) * scale, over the last axis",
                                kInputs, kOutputs, kAttributes, infer, compute);

}  // namespace acme
