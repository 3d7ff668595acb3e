// SPDX-License-Identifier: Apache-2.0
// MatMul: matrix product as numpy.matmul. https://onnx.ai/onnx/operators/onnx__MatMul.html
#include "matmul.h"

namespace hrt::ops {
namespace {

// a as (batch..., rows, columns); a vector becomes a row on the left and a column on the right side.
Dims as_matrix(std::span<const int64_t> dims, bool left) {
  require(!dims.empty(), "a scalar has no matrix product");
  Dims out(dims.begin(), dims.end());
  if (out.size() == 1) out.insert(left ? out.begin() : out.end(), 1);
  return out;
}

// Batch dims, then rows unless a was a vector, then columns unless b was one.
Dims result(Dims batch, size_t a_rank, size_t b_rank, int64_t rows, int64_t columns) {
  if (a_rank > 1) batch.push_back(rows);
  if (b_rank > 1) batch.push_back(columns);
  return batch;
}

Dims batch_of(const Dims& matrix) { return Dims(matrix.begin(), matrix.end() - 2); }

std::vector<int64_t> offsets(const Dims& matrix, const Dims& batch, int64_t count) {
  Dims strides = broadcast_strides(batch_of(matrix), batch);
  for (int64_t& s : strides) s *= matrix[matrix.size() - 2] * matrix.back();
  Counter at(batch, {strides});
  std::vector<int64_t> out;
  for (int64_t z = 0; z < count; ++z, at.next()) out.push_back(at.offset(0));
  return out;
}

}  // namespace

MatMulShape matmul_shape(std::span<const int64_t> a, std::span<const int64_t> b) {
  const Dims x = as_matrix(a, true), w = as_matrix(b, false);
  require(x.back() == w[w.size() - 2], "shapes ", a, " and ", b, " have no matrix product");
  MatMulShape s;
  s.m = x[x.size() - 2];
  s.k = x.back();
  s.n = w.back();
  s.batch = broadcast(batch_of(x), batch_of(w));
  s.y = result(s.batch, a.size(), b.size(), s.m, s.n);
  const int64_t count = element_count(s.y) == 0 ? 0 : element_count(s.batch);
  s.a_at = offsets(x, s.batch, count);
  s.b_at = offsets(w, s.batch, count);
  return s;
}

void infer_matmul(const Infer& c, hrt_dtype dtype, uint32_t a_input, uint32_t b_input) {
  const auto a = c.dims(a_input), b = c.dims(b_input);
  if (!a || !b) return c.output(0, TensorType(dtype));
  infer_matmul(c, dtype, *a, *b);
}

void infer_matmul(const Infer& c, hrt_dtype dtype, const Dims& a, const Dims& b) {
  const Dims x = as_matrix(a, true), w = as_matrix(b, false);
  const int64_t k = x.back(), k2 = w[w.size() - 2];
  require(k == k2 || !is_number(k) || !is_number(k2), "shapes ", a, " and ", b, " have no matrix product");
  const Dims batch = broadcast(c, batch_of(x), batch_of(w));
  c.output(0, TensorType(dtype, result(batch, a.size(), b.size(), x[x.size() - 2], w.back())));
}

void compute_matmul(const Kernel& c, bool with_bias, const Activation& activation) {
  const Tensor a = c.input(0), b = c.input(1);
  const auto bias = with_bias ? c.optional(2) : std::nullopt;
  const MatMulShape s = matmul_shape(a.dims(), b.dims());
  require(!bias || (bias->rank() <= 1 && (bias->size() == s.n || bias->size() == 1)),
          "the bias does not have ", s.n, " elements");
  dispatch(TypeList<float, double, float16, bfloat16, int32_t, int64_t, uint32_t, uint64_t>{}, a.dtype(),
           [&]<class T>() {
             using A = product_t<T>;
             const T *pa = a.data<T>(), *pb = b.data<T>(), *p_bias = bias ? bias->data<T>() : nullptr;
             const int64_t step = bias && bias->size() > 1 ? 1 : 0;
             T* py = c.output(0, a.dtype(), s.y).template data<T>();
             multiply<A>(
                 s, [=](int64_t i) { return A(pa[i]); }, [=](int64_t i) { return A(pb[i]); },
                 [=, &activation](int64_t o, int64_t column, int64_t count, A* row) {
                   for (int64_t j = 0; p_bias && j < count; ++j) row[j] += A(p_bias[(column + j) * step]);
                   activation.apply(row, count);
                   std::transform(row, row + count, py + o, [](A v) { return T(v); });
                 });
           });
}

namespace {

const Register matmul(Op{
    .name = "MatMul",
    .since = 13,
    .doc = "matrix product as numpy.matmul",
    .inputs = {{"A", "T"}, {"B", "T"}},
    .outputs = {{"Y", "T"}},
    .types = {{"T", kFloat | kIndex | bits(HRT_UINT32, HRT_UINT64)}},
    .infer = [](const Infer& c) { infer_matmul(c, c.dtype(0), 0, 1); },
    .compute = [](const Kernel& c) { compute_matmul(c, false, Activation()); },
});

}  // namespace
}  // namespace hrt::ops
