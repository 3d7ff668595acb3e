// SPDX-License-Identifier: Apache-2.0
// Gemm, MatMul and their fused forms of the domains hrt and com.microsoft: y = act(alpha a' b' + beta c). A
// constant b is packed where the kernel wants it so.
// https://onnx.ai/onnx/operators/onnx__Gemm.html, onnx__MatMul.html
#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/stack.h"

namespace hrt::gpu {
namespace {

struct Attributes {
  bool trans_a = false, trans_b = false;
  float alpha = 1, beta = 1;
  Epilogue e;
  std::optional<size_t> weight;  // b, packed
  bool constant_b = false;
};

Strided matrix_c(Emit& emit, int64_t m, int64_t n) {
  const Dims& d = emit.in()[2].dims;
  const int64_t rows = d.size() < 2 ? 1 : d[0], cols = d.empty() ? 1 : d.back();
  require(d.size() <= 2 && (rows == 1 || rows == m) && (cols == 1 || cols == n), "C of shape ", d,
          " does not broadcast to ", Dims{m, n});
  return {emit.in_ref(2), rows == 1 ? 0 : cols, cols == 1 ? 0 : 1, {}};
}

void emit_matrices(Emit& emit, const Attributes& at) {
  const Stack a(emit.in()[0].dims, true, at.trans_a), b(emit.in()[1].dims, false, at.trans_b);
  require(a.cols == b.rows, "inner dims of ", emit.in()[0].dims, " and ", emit.in()[1].dims, " differ");
  const Dims out = broadcast(a.batch, b.batch);
  Product p;
  p.m = a.rows;
  p.n = b.cols;
  p.k = a.cols;
  p.dtype = emit.out()[0].dtype;
  p.alpha = at.alpha;
  p.beta = at.beta;
  p.e = at.e;
  p.y = emit.out_ref(0);
  Batch b_strides{};
  if (sdk::element_count(b.batch) == 1 && !at.trans_a) {  // one tall matrix
    p.m = sdk::element_count(a.batch) * a.rows;
    p.a = {emit.in_ref(0), a.row, a.col, {}};
  } else {
    const std::array<Dims, 2> batches{a.batch, b.batch};
    const Merged merged = merge_dims(out, batches, 3);
    p.dims = aligned(merged.dims, 1, 1);
    p.a = {emit.in_ref(0), a.row, a.col, aligned(merged.strides[0], 0, a.elements())};
    b_strides = aligned(merged.strides[1], 0, at.weight ? 1 : b.elements());
  }
  if (emit.has_in(2)) p.c = matrix_c(emit, p.m, p.n);
  if (at.weight) {
    p.packed_b = emit.weight(*at.weight);
    p.columns_packed = panel_columns(emit.caps(), p.n);
  }
  p.constant_b = at.constant_b;
  p.b = {at.weight ? 0 : emit.in_ref(1), b.row, b.col, b_strides};
  emit_product(emit, p);
}

// A constant b that is not there in rows of whole vectors, for kernels that want that. What adds a scaled c
// is another kernel.
std::optional<size_t> pack_b(const Node& node, const Attributes& at, Uploads& uploads) {
  const Value value = Graph(node.graph()).value(node.input(1));
  const auto data = value.constant();
  if (!data || !has_panels(uploads.caps()) || data->rank() == 0) return std::nullopt;
  const Stack b(Dims(data->dims().begin(), data->dims().end()), false, at.trans_b);
  if (data->dtype() == HRT_FLOAT32 && !at.trans_b && panel_takes(uploads.caps(), b.cols)) return std::nullopt;
  if (node.has_input(2)) {
    const auto c = Graph(node.graph()).value(node.input(2)).dims();
    if (at.beta != 1 || c.size() != 1 || c[0] != b.cols) return std::nullopt;
  }
  const std::vector<float> packed = pack_columns(
      {data->raw(), data->dtype(), sdk::element_count(b.batch), b.rows, b.cols, b.elements(), b.row, b.col},
      panel_columns(uploads.caps(), b.cols));
  if (packed.empty()) return std::nullopt;
  return uploads.weight(packed.data(), packed.size() * sizeof(float));
}

Compiled finish(const Node& node, Attributes at, Uploads& uploads) {
  at.weight = pack_b(node, at, uploads);
  at.constant_b = Graph(node.graph()).value(node.input(1)).is_constant();
  Compiled c;
  if (at.weight) c.packed |= 1u << 1;
  c.emit = [at](Emit& emit) { emit_matrices(emit, at); };
  return c;
}

std::string supports(const Node& node, const Caps& caps) {
  if (std::string reason = floats_only(node, caps); !reason.empty()) return reason;
  return epilogue_refusal(node);
}

std::string scaled_supports(const Node& node, const Caps& caps) {
  for (const char* name : {"transBatchA", "transBatchB"})
    if (node.i(name)) return sdk::cat(name, " = ", node.i(name));
  const Graph graph(node.graph());
  for (const auto& [name, input] : {std::pair("transA", 0u), {"transB", 1u}})
    if (node.i(name) && graph.value(node.input(input)).rank() < 2)
      return sdk::cat(name, " of a tensor that is no matrix");
  return floats_only(node, caps);
}

Compiled compile_gemm(const Node& node, Uploads& uploads) {
  return finish(node,
                {node.i("transA") != 0, node.i("transB") != 0, node.f("alpha", 1), node.f("beta", 1),
                 make_epilogue(node), std::nullopt},
                uploads);
}
Compiled compile_scaled(const Node& node, Uploads& uploads) {
  return finish(node, {node.i("transA") != 0, node.i("transB") != 0, node.f("alpha", 1), 1, {}, std::nullopt},
                uploads);
}
Compiled compile_matmul(const Node& node, Uploads& uploads) {
  return finish(node, {false, false, 1, 1, make_epilogue(node), std::nullopt}, uploads);
}

double flops(const Node& node) {
  const auto dims = Graph(node.graph()).value(node.input(0)).dims();
  const int64_t k = dims.empty() ? 1 : node.i("transA") ? dims.front() : dims.back();
  return sdk::is_number(k) ? 2.0 * double(k) : 0;
}

constexpr Op kOps[] = {{"", "Gemm", supports, compile_gemm, flops},
                       {"", "MatMul", supports, compile_matmul, flops},
                       {"hrt", "FusedGemm", supports, compile_gemm, flops},
                       {"hrt", "FusedMatMul", supports, compile_matmul, flops},
                       {"com.microsoft", "FusedGemm", supports, compile_gemm, flops},
                       {"com.microsoft", "FusedMatMul", scaled_supports, compile_scaled, flops}};

}  // namespace

std::span<const Op> gemm_ops() { return kOps; }

}  // namespace hrt::gpu
