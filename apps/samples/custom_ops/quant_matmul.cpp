// SPDX-License-Identifier: Apache-2.0
// acme.QuantMatMul: y = (a - a_zero) * b * a_scale * b_scale, a of unsigned and b of signed bytes, with one
// scale for each column of b. a: ... x M x K, b: K x N, y: ... x M x N in float32. Sums are exact.
#include "ops.h"

namespace acme {
namespace {

constexpr hrt_op_param kInputs[] = {param("a", "uint8"), param("a_scale", "float32"),
                                    param("a_zero", "uint8"), param("b", "int8"),
                                    param("b_scale", "float32")};
constexpr hrt_op_param kOutputs[] = {param("y", "float32")};

void check_shapes(const Dims& a, const Dims& b) {
  require(a.size() >= 2 && b.size() == 2 && may_be_equal(a.back(), b[0]), "a of shape ", a,
          " cannot be multiplied by b of shape ", b);
}

hrt_status* infer(const hrt_op*, hrt_infer* c) {
  return guard([&] {
    const Infer infer(c);
    auto a = infer.dims(0);
    const auto b = infer.dims(3);
    if (!a || !b) return infer.output(0, TensorType(HRT_FLOAT32));
    check_shapes(*a, *b);
    a->back() = (*b)[1];
    infer.output(0, TensorType(HRT_FLOAT32, *a));
  });
}

hrt_status* compute(const hrt_op*, hrt_kernel* c) {
  return guard([&] {
    const Kernel kernel(c);
    const Tensor a = kernel.input(0), b = kernel.input(3), scales = kernel.input(4);
    const Tensor a_scale = kernel.input(1), a_zero = kernel.input(2);
    Dims dims(a.dims().begin(), a.dims().end());
    check_shapes(dims, Dims(b.dims().begin(), b.dims().end()));
    const int64_t depth = b.dim(0), columns = b.dim(1);
    require(a_scale.size() == 1 && a_zero.size() == 1, "a_scale and a_zero are one number each");
    require(scales.rank() == 1 && scales.dim(0) == columns, "b_scale of shape ", scales.dims(), " for ",
            columns, " columns");
    dims.back() = columns;
    const Tensor y = kernel.output(0, HRT_FLOAT32, dims);
    const int32_t zero = *a_zero.data<uint8_t>();
    const int64_t rows = columns ? y.size() / columns : 0;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t n = 0; n < columns; ++n) {
        int64_t sum = 0;
        for (int64_t k = 0; k < depth; ++k)
          sum += int64_t(a.data<uint8_t>()[r * depth + k] - zero) * b.data<int8_t>()[k * columns + n];
        y.data<float>()[r * columns + n] =
            float(double(sum) * *a_scale.data<float>() * scales.data<float>()[n]);
      }
    }
  });
}

}  // namespace

const hrt_op kQuantMatMul =
    make_op("QuantMatMul", "bytes times bytes, scaled to float32", kInputs, kOutputs, {}, infer, compute);

}  // namespace acme
