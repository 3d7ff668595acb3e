// SPDX-License-Identifier: Apache-2.0
// QLinearMatMul: the matrix product of dequantized matrices, quantized. Scales are one for all, or one
// per row of a and column of b. https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html
#include "matmul.h"
#include "qlinear.h"

namespace hrt::ops {
namespace {

void compute(const Kernel& c) {
  const Tensor a = c.input(0), b = c.input(3), y_zero = c.input(7);
  const MatMulShape s = matmul_shape(a.dims(), b.dims());
  const int64_t rows = s.k ? a.size() / s.k : s.m, columns = s.k ? b.size() / s.k : s.n;
  const PerLine a_scale(c.input(1), s.m, rows, "a_scale"), a_zero(c.input(2), s.m, rows, "a_zero_point");
  const PerLine b_scale(c.input(4), s.n, columns, "b_scale"),
      b_zero(c.input(5), s.n, columns, "b_zero_point");
  const double y_scale = scalar_of(c.input(6), "y_scale"), zero = scalar_of(y_zero, "y_zero_point");
  const Tensor y = c.output(0, y_zero.dtype(), s.y);
  const Reader read_a(a), read_b(b);
  const Writer write(y);
  multiply<double>(
      s, [&](int64_t i) { return read_a(i) - a_zero.at(i / s.k); },
      [&](int64_t i) { return read_b(i) - b_zero.at(i / (s.k * s.n) * s.n + i % s.n); },
      [&](int64_t o, int64_t column, int64_t count, const double* sums) {
        const size_t z = size_t(o / (s.m * s.n));
        const int64_t row = s.a_at[z] / std::max<int64_t>(s.k, 1) + o / s.n % s.m;
        const int64_t first = s.b_at[z] / std::max<int64_t>(s.k, 1) + column;
        for (int64_t j = 0; j < count; ++j) {
          const double scale = a_scale.at(row) * b_scale.at(first + j) / y_scale;
          write(o + j, quantized(sums[j] * scale, zero, y.dtype()));
        }
      });
}

const Register qlinear_matmul(Op{
    .name = "QLinearMatMul",
    .since = 21,
    .doc = "matrix product of quantized matrices, quantized",
    .inputs = {{"a", "T1"},
               {"a_scale", "TS"},
               {"a_zero_point", "T1"},
               {"b", "T2"},
               {"b_scale", "TS"},
               {"b_zero_point", "T2"},
               {"y_scale", "TS"},
               {"y_zero_point", "T3"}},
    .outputs = {{"y", "T3"}},
    .types = {{"TS", bits(HRT_FLOAT32, HRT_FLOAT16, HRT_BFLOAT16)},
              {"T1", kQuantized8},
              {"T2", kQuantized8},
              {"T3", kQuantized8}},
    .infer = [](const Infer& c) { infer_matmul(c, c.dtype(7), 0, 3); },
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
