// SPDX-License-Identifier: Apache-2.0
// Gemm: alpha * A' * B' + beta * C, where ' transposes on demand and C broadcasts.
// https://onnx.ai/onnx/operators/onnx__Gemm.html
#include "gemm.h"

#include "elementwise.h"
#include "product.h"

namespace hrt::ops {

std::vector<AttrSpec> gemm_attrs() {
  return {{"alpha", HRT_ATTR_FLOAT, "1"},
          {"beta", HRT_ATTR_FLOAT, "1"},
          {"transA", HRT_ATTR_INT, "0"},
          {"transB", HRT_ATTR_INT, "0"}};
}

void infer_gemm(const Infer& c, uint32_t a_input, uint32_t b_input, hrt_dtype dtype) {
  const auto a = c.dims(a_input), b = c.dims(b_input);
  const bool ta = c.node().i("transA") != 0, tb = c.node().i("transB") != 0;
  require((!a || a->size() == 2) && (!b || b->size() == 2), "A and B are not matrices");
  const int64_t m = a ? (*a)[ta ? 1 : 0] : HRT_DIM_UNKNOWN, n = b ? (*b)[tb ? 0 : 1] : HRT_DIM_UNKNOWN;
  if (a && b) {
    const int64_t k = (*a)[ta ? 0 : 1], k2 = (*b)[tb ? 1 : 0];
    require(k == k2 || !is_number(k) || !is_number(k2), "shapes ", *a, " and ", *b,
            " have no matrix product");
  }
  c.output(0, TensorType(dtype, {m, n}));
}

void compute_gemm(const Kernel& c, const Activation& activation) {
  const Tensor a = c.input(0), b = c.input(1);
  const auto add = c.optional(2);
  const Node& node = c.node();
  const bool ta = node.i("transA") != 0, tb = node.i("transB") != 0;
  require(a.rank() == 2 && b.rank() == 2, "A and B are not matrices");
  const int64_t m = a.dim(ta ? 1 : 0), k = a.dim(ta ? 0 : 1), n = b.dim(tb ? 0 : 1);
  require(b.dim(tb ? 1 : 0) == k, "shapes ", a.dims(), " and ", b.dims(), " have no matrix product");
  const Dims dims{m, n};
  Dims at{0, 0};
  if (add) {
    require(broadcast(dims, add->dims()) == dims, "C of shape ", add->dims(), " does not broadcast to ",
            dims);
    at = broadcast_strides(add->dims(), dims);
  }
  const double alpha = node.f("alpha", 1), beta = node.f("beta", 1);
  dispatch(TypeList<float, double, float16, bfloat16, int32_t, int64_t, uint32_t, uint64_t>{}, a.dtype(),
           [&]<class T>() {
             using A = product_t<T>;
             // Scales a sum; integers go through double only where the factor asks for it.
             auto scaled = [](double factor, A v) -> A {
               if constexpr (std::is_integral_v<T>)
                 return factor == 1 ? v : A(to_integer<T>(factor * double(T(v))));
               else
                 return A(factor) * v;
             };
             const T *pa = a.data<T>(), *pb = b.data<T>(), *pc = add ? add->data<T>() : nullptr;
             T* py = c.output(0, a.dtype(), dims).template data<T>();
             multiply<A>(
                 1, m, n, k,
                 [=](int64_t, int64_t i, int64_t k0, int64_t count, A* to) {
                   for (int64_t x = 0; x < count; ++x) to[x] = A(pa[ta ? (k0 + x) * m + i : i * k + k0 + x]);
                 },
                 [=](int64_t, int64_t k0, int64_t rows, int64_t j0, int64_t columns, A* to) {
                   for (int64_t j = 0; tb && j < columns; ++j)
                     for (int64_t x = 0; x < rows; ++x)
                       to[x * kBlockColumns + j] = A(pb[(j0 + j) * k + k0 + x]);
                   for (int64_t x = 0; !tb && x < rows; ++x)
                     for (int64_t j = 0; j < columns; ++j)
                       to[x * kBlockColumns + j] = A(pb[(k0 + x) * n + j0 + j]);
                 },
                 [=, &activation, &at](int64_t, int64_t i, int64_t j0, int64_t count, A* row) {
                   for (int64_t j = 0; j < count; ++j) {
                     row[j] = scaled(alpha, row[j]);
                     if (pc) row[j] += scaled(beta, A(pc[i * at[0] + (j0 + j) * at[1]]));
                   }
                   activation.apply(row, count);
                   std::transform(row, row + count, py + i * n + j0, [](A v) { return T(v); });
                 });
           });
}

namespace {

const Register gemm(Op{
    .name = "Gemm",
    .since = 13,
    .doc = "alpha * A' * B' + beta * C",
    .inputs = {{"A", "T"}, {"B", "T"}, {"C", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T"}},
    .attrs = gemm_attrs(),
    .types = {{"T", kFloat | kIndex | bits(HRT_UINT32, HRT_UINT64)}},
    .infer = infer_gemm,
    .compute = [](const Kernel& c) { compute_gemm(c, Activation()); },
});

}  // namespace
}  // namespace hrt::ops
