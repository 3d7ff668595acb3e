// SPDX-License-Identifier: Apache-2.0
// Products of 8-bit matrices in com.microsoft: MatMulIntegerToFloat, DynamicQuantizeMatMul, QGemm.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "gemm.h"
#include "matmul.h"
#include "qlinear.h"

namespace hrt::ops {
namespace {

// An optional input of columns; `otherwise` where it is absent.
PerLine columns_of(const Kernel& c, uint32_t i, int64_t n, int64_t all, const char* name, double otherwise) {
  const auto t = c.optional(i);
  return t ? PerLine(*t, n, all, name) : PerLine(otherwise);
}

// Y = (a - zero) * (B - b_zero) * a_scale * b_scale + bias, B being input 1. a(i): element i of A.
template <class A>
void product(const Kernel& c, std::span<const int64_t> a_dims, A a, double a_scale, double a_zero,
             uint32_t b_scale, uint32_t b_zero, uint32_t bias, hrt_dtype type) {
  const Tensor b = c.input(1);
  const MatMulShape s = matmul_shape(a_dims, b.dims());
  const int64_t columns = s.k ? b.size() / s.k : s.n;
  const PerLine scale(c.input(b_scale), s.n, columns, "b_scale");
  const PerLine zero = columns_of(c, b_zero, s.n, columns, "b_zero_point", 0);
  const PerLine add = columns_of(c, bias, s.n, s.n, "bias", 0);
  const Reader read_b(b);
  const Writer write(c.output(0, type, s.y));
  multiply<double>(
      s, [&](int64_t i) { return a(i) - a_zero; },
      [&](int64_t i) { return read_b(i) - zero.at(i / (s.k * s.n) * s.n + i % s.n); },
      [&](int64_t o, int64_t column, int64_t count, const double* sums) {
        const int64_t first = s.b_at[size_t(o / (s.m * s.n))] / std::max<int64_t>(s.k, 1) + column;
        for (int64_t j = 0; j < count; ++j)
          write(o + j, sums[j] * a_scale * scale.at(first + j) + add.at(column + j));
      });
}

void integer_to_float(const Kernel& c) {
  const Tensor a = c.input(0), scale = c.input(2);
  const auto zero = c.optional(4);
  const Reader read(a);
  product(
      c, a.dims(), [&](int64_t i) { return read(i); }, scalar_of(scale, "a_scale"),
      zero ? scalar_of(*zero, "a_zero_point") : 0, 3, 5, 6, scale.dtype());
}

void dynamic(const Kernel& c) {
  const Tensor a = c.input(0);
  const ByteRange range = byte_range(a.span<float>());
  product(
      c, a.dims(), [&](int64_t i) { return double(range.quantize(a.data<float>()[i])); }, double(range.scale),
      double(range.zero), 2, 3, 4, HRT_FLOAT32);
}

void infer_qgemm(const Infer& c) { infer_gemm(c, 0, 3, c.has(8) ? c.dtype(8) : hrt_dtype(HRT_FLOAT32)); }

void qgemm(const Kernel& c) {
  const Tensor a = c.input(0), b = c.input(3);
  const auto add = c.optional(6), y_scale = c.optional(7), y_zero = c.optional(8);
  require(a.rank() == 2 && b.rank() == 2, "A and B are not matrices");
  require(y_scale.has_value() == y_zero.has_value(), "y_scale and y_zero_point belong together");
  const bool ta = c.node().i("transA") != 0, tb = c.node().i("transB") != 0;
  const int64_t m = a.dim(ta ? 1 : 0), k = a.dim(ta ? 0 : 1), n = b.dim(tb ? 0 : 1);
  require(b.dim(tb ? 1 : 0) == k, "shapes ", a.dims(), " and ", b.dims(), " have no matrix product");
  const double a_scale = scalar_of(c.input(1), "a_scale") * double(c.node().f("alpha", 1)),
               a_zero = scalar_of(c.input(2), "a_zero_point");
  const PerLine b_scale(c.input(4), n, n, "b_scale"), b_zero(c.input(5), n, n, "b_zero_point");
  const Dims dims{m, n};
  Dims at{0, 0};
  if (add) {
    require(broadcast(dims, add->dims()) == dims, "C of shape ", add->dims(), " does not broadcast to ",
            dims);
    at = broadcast_strides(add->dims(), dims);
  }
  const Tensor y = c.output(0, y_zero ? y_zero->dtype() : hrt_dtype(HRT_FLOAT32), dims);
  const std::optional<Quantization> to =
      y_scale ? std::optional(Quantization(*y_scale, y_zero, y.dtype())) : std::nullopt;
  const Reader read_a(a), read_b(b);
  const Writer write(y);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = add ? double(add->data<int32_t>()[i * at[0] + j * at[1]]) : 0;
      for (int64_t x = 0; x < k; ++x)
        sum += (read_a(ta ? x * m + i : i * k + x) - a_zero) *
               (read_b(tb ? j * k + x : x * n + j) - b_zero.at(j));
      const double v = sum * a_scale * b_scale.at(j);
      write(i * n + j, to ? to->quantize(v) : v);
    }
}

const Register matmul_integer_to_float(Op{
    .domain = kMicrosoft,
    .name = "MatMulIntegerToFloat",
    .since = 1,
    .doc = "product of 8-bit matrices as float, with a bias",
    .inputs = {{"A", "T1"},
               {"B", "T2"},
               {"a_scale", "T3"},
               {"b_scale", "T3"},
               {"a_zero_point", "T1", HRT_PARAM_OPTIONAL},
               {"b_zero_point", "T2", HRT_PARAM_OPTIONAL},
               {"bias", "T3", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T3"}},
    .types = {{"T1", kBytes}, {"T2", kBytes}, {"T3", bits(HRT_FLOAT32, HRT_FLOAT16)}},
    .infer = [](const Infer& c) { infer_matmul(c, c.dtype(2), 0, 1); },
    .compute = integer_to_float,
});
const Register dynamic_quantize_matmul(Op{
    .domain = kMicrosoft,
    .name = "DynamicQuantizeMatMul",
    .since = 1,
    .doc = "product of a float matrix, quantized by its range, and an 8-bit one, with a bias",
    .inputs = {{"A", "float32"},
               {"B", "T2"},
               {"b_scale", "float32"},
               {"b_zero_point", "T2", HRT_PARAM_OPTIONAL},
               {"bias", "float32", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "float32"}},
    .types = {{"T2", kBytes}},
    .infer = [](const Infer& c) { infer_matmul(c, HRT_FLOAT32, 0, 1); },
    .compute = dynamic,
});
const Register qgemm_op(Op{
    .domain = kMicrosoft,
    .name = "QGemm",
    .since = 1,
    .doc = "alpha * A' * B' + C of quantized matrices, quantized or float",
    .inputs = {{"A", "TA"},
               {"a_scale", "float32"},
               {"a_zero_point", "TA"},
               {"B", "TB"},
               {"b_scale", "float32"},
               {"b_zero_point", "TB"},
               {"C", "int32", HRT_PARAM_OPTIONAL},
               {"y_scale", "float32", HRT_PARAM_OPTIONAL},
               {"y_zero_point", "TYZ", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "TY"}},
    .attrs = {{"alpha", HRT_ATTR_FLOAT, "1"}, {"transA", HRT_ATTR_INT, "0"}, {"transB", HRT_ATTR_INT, "0"}},
    .types = {{"TA", kBytes}, {"TB", kBytes}, {"TYZ", kBytes}, {"TY", kBytes | bits(HRT_FLOAT32)}},
    .infer = infer_qgemm,
    .compute = qgemm,
});

}  // namespace
}  // namespace hrt::ops
