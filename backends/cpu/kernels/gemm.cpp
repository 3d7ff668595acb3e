// SPDX-License-Identifier: Apache-2.0
// Gemm, MatMul and their fused forms of the domains hrt and com.microsoft: Y = act(alpha A' B' + beta C). A
// constant B is packed, with alpha, at compile time, another one into the workspace.
// https://onnx.ai/onnx/operators/onnx__Gemm.html, onnx__MatMul.html
#include <cstring>

#include "backends/cpu/kernels/matrices.h"
#include "backends/cpu/kernels/product.h"
#include "backends/cpu/packed.h"

namespace hrt::cpu {
namespace {

constexpr int64_t kPackRows = 8;  // from so many rows of A on, B is worth packing

// What a node says, apart from shapes.
struct Matrices {
  bool trans_a = false, trans_b = false;
  float alpha = 1, beta = 1;
  Epilogue e;
  Floats packed;  // constant B
  Floats bias;    // constant C of one row, times beta, in whole vectors

  Step prepare(const Signature& sig) const;
};

// C is one row that every row of the result starts from.
bool is_row(std::span<const int64_t> c, int64_t n) {
  return sdk::element_count(c) == n && (c.empty() || c.back() == n);
}

void scale_row(const float* c, float beta, float* to, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = beta * c[i];
}

// y = beta * C, C broadcast to m x n.
void broadcast_c(const float* c, const Dims& dims, float beta, float* y, int64_t m, int64_t n) {
  const int64_t rows = dims.size() < 2 ? 1 : dims[0], cols = dims.empty() ? 1 : dims.back();
  parallel(m, double(n) * 0.2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < n; ++j)
        y[i * n + j] = beta * c[(rows == 1 ? 0 : i * cols) + (cols == 1 ? 0 : j)];
  });
}

// y = x', y of rows x cols.
void transpose(const float* x, float* y, int64_t rows, int64_t cols) {
  parallel(ceil_div(rows, 16), double(cols) * 16, [&](int64_t begin, int64_t end) {
    for (int64_t i0 = begin * 16; i0 < std::min(end * 16, rows); i0 += 16)
      for (int64_t j = 0; j < cols; ++j)
        for (int64_t i = i0; i < std::min(i0 + 16, rows); ++i) y[i * cols + j] = x[j * rows + i];
  });
}

Step Matrices::prepare(const Signature& sig) const {
  MatDims a(sig.in[0].dims, true), b(sig.in[1].dims, false);
  const Strides strides = trans_b ? Strides{1, b.cols} : Strides{b.cols, 1};
  if (trans_a) a.transpose();
  if (trans_b) b.transpose();
  require(a.cols == b.rows, "inner dims of ", sig.in[0].dims, " and ", sig.in[1].dims, " differ");
  const int64_t b_count = sdk::element_count(b.batch);
  Product p{a.rows, b.cols, a.cols, true, broadcast_batch(a.batch, b.batch), e};
  if (b_count == 1) {  // one tall matrix
    p.m *= int64_t(p.pairs.size());
    p.pairs = {{0, 0}};
  }
  p.packed = packed || trans_b || alpha != 1 || p.m >= kPackRows || p.n < kBlock;

  const bool has_c = sig.has_in(2), row = has_c && is_row(sig.in[2].dims, p.n);
  if (has_c && !row) {
    const Dims& c = sig.in[2].dims;
    const int64_t rows = c.size() < 2 ? 1 : c[0], cols = c.empty() ? 1 : c.back();
    require(c.size() <= 2 && (rows == 1 || rows == p.m) && (cols == 1 || cols == p.n), "C of shape ", c,
            " does not broadcast to ", Dims{p.m, p.n});
  }
  size_t floats = 0;  // of the workspace: B or its tail, one row of C, A transposed
  const auto room = [&](bool needed, size_t n) {
    const size_t at = floats;
    if (needed) floats += size_t(round_up(int64_t(n), 16));
    return at;
  };
  const bool pack = p.packed && !packed;
  const size_t b_at = room(pack, size_t(b_count) * packed_floats(p.k, p.n));
  const size_t tail_at = room(p.tail() > 0, size_t(b_count) * packed_floats(p.k, p.tail()));
  const size_t c_at = room(row && !bias, packed_floats(1, p.n)), a_at = room(trans_a, size_t(p.m * p.k));

  Step step;
  step.workspace = floats * sizeof(float);
  step.run = [=, c_dims = has_c ? sig.in[2].dims : Dims(), m = *this](const Buffers& buffers) {
    float* const ws = reinterpret_cast<float*>(buffers.workspace);
    const float *const b_in = buffers.input<float>(1), *const c_in =
                                                           has_c ? buffers.input<float>(2) : nullptr;
    ProductOperands o{buffers.input<float>(0), m.packed ? m.packed.get() : b_in, nullptr, m.bias.get(), false,
                      buffers.output<float>(0)};
    if (pack) {
      pack_matrices(b_in, strides, b_count, p.k, p.n, m.alpha, ws + b_at);
      o.b = ws + b_at;
    }
    if (p.tail()) {
      for (int64_t i = 0; i < b_count; ++i)
        pack_matrices(b_in + i * p.k * p.n + p.n - p.tail(), strides, 1, p.k, p.tail(), 1,
                      ws + tail_at + i * int64_t(packed_floats(p.k, p.tail())));
      o.b_tail = ws + tail_at;
    }
    if (row && !m.bias) {
      scale_row(c_in, m.beta, ws + c_at, p.n);
      o.bias = ws + c_at;
    } else if (has_c && !m.bias) {
      broadcast_c(c_in, c_dims, m.beta, o.y, p.m, p.n);
      o.accumulate = true;
    }
    if (m.trans_a) {
      transpose(o.a, ws + a_at, p.m, p.k);
      o.a = ws + a_at;
    }
    multiply(p, o);
  };
  return step;
}

// Packs what is constant.
Compiled finish(const Node& node, Matrices m) {
  Compiled c;
  c.widens = true;
  const Graph graph(node.graph());
  if (const auto data = float_constant(graph.value(node.input(1)))) {
    MatDims b(data->dims, false);
    const Strides strides = m.trans_b ? Strides{1, b.cols} : Strides{b.cols, 1};
    if (m.trans_b) b.transpose();
    const int64_t count = sdk::element_count(b.batch);
    m.packed = make_floats(packed_floats(b.rows, b.cols) * size_t(count));
    pack_matrices(data->data(), strides, count, b.rows, b.cols, m.alpha, m.packed.get());
    c.packed |= 1u << 1;
    const auto row = node.has_input(2) ? float_constant(graph.value(node.input(2))) : std::nullopt;
    if (row && is_row(row->dims, b.cols)) {
      m.bias = make_floats(packed_floats(1, b.cols));
      scale_row(row->data(), m.beta, m.bias.get(), b.cols);
      c.packed |= 1u << 2;
    }
  }
  c.prepare = [m = std::move(m)](const Signature& sig) { return m.prepare(sig); };
  return c;
}

std::string supports(const Node& node) {
  if (std::string reason = floats_only(node); !reason.empty()) return reason;
  if (node.is("FusedMatMul", "hrt") && node.has_input(2) &&
      Graph(node.graph()).value(node.input(2)).rank() != 1)
    return "bias that is not a vector";
  return epilogue_refusal(node);
}

std::string scaled_supports(const Node& node) {
  for (const char* name : {"transBatchA", "transBatchB"})
    if (node.i(name)) return sdk::cat(name, " = ", node.i(name));
  const Graph graph(node.graph());
  if (node.i("transA") && graph.value(node.input(0)).rank() != 2)
    return "transA of a tensor that is no matrix";
  if (node.i("transB") && graph.value(node.input(1)).rank() < 2)
    return "transB of a tensor that is no matrix";
  return float32_only(node);
}

Compiled compile_gemm(const Node& node) {
  Matrices m;
  m.trans_a = node.i("transA") != 0;
  m.trans_b = node.i("transB") != 0;
  m.alpha = node.f("alpha", 1);
  m.beta = node.f("beta", 1);
  m.e = make_epilogue(node);
  return finish(node, std::move(m));
}

// com.microsoft.FusedMatMul: MatMul with a factor and transpositions.
Compiled compile_scaled(const Node& node) {
  Matrices m;
  m.trans_a = node.i("transA") != 0;
  m.trans_b = node.i("transB") != 0;
  m.alpha = node.f("alpha", 1);
  return finish(node, std::move(m));
}

Compiled compile_matmul(const Node& node) {
  Matrices m;
  m.e = make_epilogue(node);
  return finish(node, std::move(m));
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

}  // namespace hrt::cpu
