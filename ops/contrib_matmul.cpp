// SPDX-License-Identifier: Apache-2.0
// com.microsoft.FusedMatMul: alpha * A' * B', where ' transposes on demand; com.microsoft.FusedGemm: Gemm
// with an activation.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FusedMatMul
#include <numeric>

#include "gemm.h"
#include "matmul.h"

namespace hrt::ops {
namespace {

// The order in which the axes of a matrix are read: transBatch puts the first one behind the others but the
// last, trans swaps the last two. Vectors stay as they are.
Dims axes_of(const Node& node, size_t rank, const char* trans, const char* trans_batch) {
  Dims axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (rank < 2) return axes;
  if (node.i(trans_batch)) std::rotate(axes.begin(), axes.begin() + 1, axes.end() - 1);
  if (node.i(trans)) std::swap(axes[rank - 2], axes[rank - 1]);
  return axes;
}
Dims axes_a(const Node& node, size_t rank) { return axes_of(node, rank, "transA", "transBatchA"); }
Dims axes_b(const Node& node, size_t rank) { return axes_of(node, rank, "transB", "transBatchB"); }

Dims permute(std::span<const int64_t> v, const Dims& axes) {
  Dims out;
  for (const int64_t a : axes) out.push_back(v[size_t(a)]);
  return out;
}

void infer_fused(const Infer& c) {
  const auto a = c.dims(0), b = c.dims(1);
  if (!a || !b) return c.output(0, TensorType(c.dtype(0)));
  infer_matmul(c, c.dtype(0), permute(*a, axes_a(c.node(), a->size())),
               permute(*b, axes_b(c.node(), b->size())));
}

template <class T>
std::vector<product_t<T>> permuted(const Tensor& t, const Dims& axes) {
  Counter at(permute(t.dims(), axes), {permute(strides_of(t.dims()), axes)});
  std::vector<product_t<T>> out;
  for (int64_t n = t.size(); n > 0; --n, at.next()) out.push_back(product_t<T>(t.data<T>()[at.offset(0)]));
  return out;
}

void compute_fused(const Kernel& c) {
  const Tensor a = c.input(0), b = c.input(1);
  const Dims aa = axes_a(c.node(), size_t(a.rank())), ab = axes_b(c.node(), size_t(b.rank()));
  const MatMulShape s = matmul_shape(permute(a.dims(), aa), permute(b.dims(), ab));
  dispatch(Floats{}, a.dtype(), [&]<class T>() {
    using A = product_t<T>;
    const auto va = permuted<T>(a, aa), vb = permuted<T>(b, ab);
    T* y = c.output(0, a.dtype(), s.y).template data<T>();
    multiply<A>(
        s, [&](int64_t i) { return va[size_t(i)]; }, [&](int64_t i) { return vb[size_t(i)]; },
        [y, alpha = A(c.node().f("alpha", 1))](int64_t o, int64_t, int64_t count, A* row) {
          std::transform(row, row + count, y + o, [alpha](A v) { return T(alpha * v); });
        });
  });
}

Activation activation_of(const Node& node) {
  const std::string name = node.s("activation");
  std::vector<float> params;
  for (const char* p : {"activation_alpha", "activation_beta"})
    if (name == "HardSigmoid" || (name == "LeakyRelu" && params.empty())) {
      require(node.has(p), "activation ", name, " needs ", p);
      params.push_back(node.f(p));
    }
  return {name, params};
}

std::vector<AttrSpec> fused_gemm_attrs() {
  auto attrs = gemm_attrs();
  attrs.push_back(Activation::kName);
  for (const char* name : {"activation_alpha", "activation_beta", "activation_gamma"})
    attrs.push_back({name, HRT_ATTR_FLOAT});
  return attrs;
}

const Register fused_matmul(Op{
    .domain = "com.microsoft",
    .name = "FusedMatMul",
    .since = 1,
    .doc = "alpha * A' * B'",
    .inputs = {{"A", "T"}, {"B", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"alpha", HRT_ATTR_FLOAT, "1"},
              {"transA", HRT_ATTR_INT, "0"},
              {"transB", HRT_ATTR_INT, "0"},
              {"transBatchA", HRT_ATTR_INT, "0"},
              {"transBatchB", HRT_ATTR_INT, "0"}},
    .types = {{"T", kFloat}},
    .infer = infer_fused,
    .compute = compute_fused,
});

const Register fused_gemm(Op{
    .domain = "com.microsoft",
    .name = "FusedGemm",
    .since = 1,
    .doc = "act(alpha * A' * B' + beta * C)",
    .inputs = {{"A", "T"}, {"B", "T"}, {"C", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T"}},
    .attrs = fused_gemm_attrs(),
    .types = {{"T", kFloat}},
    .infer = infer_gemm,
    .compute = [](const Kernel& c) { compute_gemm(c, activation_of(c.node())); },
});

}  // namespace
}  // namespace hrt::ops
