// SPDX-License-Identifier: Apache-2.0
// Gemm, MatMul and their fused forms of the domains hrt and com.microsoft: y = act(alpha a' b' + beta c). A
// constant b is packed where the kernel wants it so; one that kernels cannot reach at once is uploaded in
// parts of some columns, and each is a product of its own into its columns of y.
// https://onnx.ai/onnx/operators/onnx__Gemm.html, onnx__MatMul.html
#include <cstring>

#include "backends/gpu_common/ops/pieces.h"
#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/stack.h"

namespace hrt::gpu {
namespace {

// Columns of b that were uploaded.
struct Part {
  size_t weight;
  int64_t column, columns;
};

struct Attributes {
  bool trans_a = false, trans_b = false;
  float alpha = 1, beta = 1;
  Epilogue e;
  bool packed = false;      // for emit_panels
  std::vector<Part> parts;  // of b; none: it is input 1
  bool constant_b = false;
};

Strided matrix_c(Emit& emit, int64_t m, int64_t n) {
  const Dims& d = emit.in()[2].dims;
  const int64_t rows = d.size() < 2 ? 1 : d[0], cols = d.empty() ? 1 : d.back();
  require(d.size() <= 2 && (rows == 1 || rows == m) && (cols == 1 || cols == n), "C of shape ", d,
          " does not broadcast to ", Dims{m, n});
  return {emit.in_ref(2), rows == 1 ? 0 : cols, cols == 1 ? 0 : 1, {}};
}

Batch scaled(const Batch& strides, int64_t factor) {
  return {strides[0] * factor, strides[1] * factor, strides[2] * factor};
}

// p's columns that this part of b makes. b_strides: between matrices, counted in matrices.
void emit_columns(Emit& emit, Product p, const Batch& b_strides, bool packed, const Part& part) {
  const size_t width = dtype_bytes(p.dtype);
  p.y_row = p.n;
  p.y = from_element(emit, p.y, width, part.column);
  if (p.c) p.c->ref = from_element(emit, p.c->ref, width, part.column * p.c->col);
  p.n = part.columns;
  const Ref weight = emit.weight(part.weight);
  p.b = {weight, p.n, 1, packed ? b_strides : scaled(b_strides, p.k * p.n)};
  if (packed) {
    p.packed_b = weight;
    p.columns_packed = panel_columns(emit.caps(), p.n);
  }
  emit_product(emit, p);
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
    b_strides = aligned(merged.strides[1], 0, 1);
  }
  if (emit.has_in(2)) p.c = matrix_c(emit, p.m, p.n);
  if (at.parts.empty()) {
    p.constant_b = at.constant_b;
    p.b = {emit.in_ref(1), b.row, b.col, scaled(b_strides, b.elements())};
    return emit_product(emit, p);
  }
  for (const Part& part : at.parts) emit_columns(emit, p, b_strides, at.packed, part);
}

// How b is uploaded.
struct Columns {
  bool packed;   // for emit_panels
  int64_t each;  // columns of a part
};

// The columns of b that one part may have: its bytes are within what kernels reach and a buffer holds, and
// its results begin where parts of y can. 0: not even the fewest.
int64_t columns_of_part(const Caps& caps, const Stack& b, size_t element_bytes) {
  const uint64_t most = std::min(caps.max_span_bytes, caps.max_buffer_bytes);
  const auto column = uint64_t(sdk::element_count(b.batch) * b.rows) * element_bytes;
  const int64_t padded = round_up(b.cols, part_unit(caps));
  const auto columns = column == 0 ? padded : int64_t(std::min<uint64_t>(most / column, uint64_t(padded)));
  return columns == padded ? b.cols : columns / part_unit(caps) * part_unit(caps);
}

// Whether kernels for packed panels compute this: what adds a scaled c is another kernel.
bool takes_panels(const Node& node, const Attributes& at, const Caps& caps, int64_t columns) {
  if (!has_panels(caps)) return false;
  if (!node.has_input(2)) return true;
  const auto c = Graph(node.graph()).value(node.input(2)).dims();
  return at.beta == 1 && c.size() == 1 && c[0] == columns;
}

// A constant b that is not there in rows of whole vectors, for kernels that want that, or that is too long.
std::optional<Columns> upload_of(const Node& node, const Attributes& at, const Caps& caps,
                                 const sdk::Tensor& data, const Stack& b) {
  const bool panels = takes_panels(node, at, caps, b.cols), as_it_is = data.dtype() == HRT_FLOAT32 &&
                                                                       !at.trans_b && has_panels(caps) &&
                                                                       panel_takes(caps, b.cols);
  const bool short_enough = data.bytes() <= std::min(caps.max_span_bytes, caps.max_buffer_bytes);
  if (short_enough && (!panels || as_it_is)) return std::nullopt;
  return Columns{panels, columns_of_part(caps, b, panels ? sizeof(float) : dtype_bytes(data.dtype()))};
}

// Columns as they are, row by row.
std::vector<std::byte> copied_columns(const HostMatrices& from) {
  const size_t width = dtype_bytes(from.dtype);
  std::vector<std::byte> to(size_t(sdk::element_count(Dims{from.count, from.rows, from.cols})) * width);
  const auto* data = static_cast<const std::byte*>(from.data);
  size_t put = 0;
  for (int64_t i = 0; i < from.count; ++i)
    for (int64_t r = 0; r < from.rows; ++r)
      for (int64_t c = 0; c < from.cols; ++c, put += width)
        std::memcpy(&to[put], data + size_t(i * from.matrix + r * from.row + c * from.col) * width, width);
  return to;
}

size_t upload(Uploads& uploads, const HostMatrices& from, bool packed) {
  if (!packed) {
    const std::vector<std::byte> copy = copied_columns(from);
    return uploads.weight(copy.data(), copy.size());
  }
  const std::vector<float> panels = pack_columns(from, panel_columns(uploads.caps(), from.cols));
  return uploads.weight(panels.data(), panels.size() * sizeof(float));
}

void upload_b(const Node& node, Attributes& at, Uploads& uploads) {
  const auto data = Graph(node.graph()).value(node.input(1)).constant();
  if (!data || data->rank() == 0 || data->bytes() == 0) return;
  const Stack b(Dims(data->dims().begin(), data->dims().end()), false, at.trans_b);
  const auto how = upload_of(node, at, uploads.caps(), *data, b);
  if (!how) return;
  if (how->each == 0)
    unsupported("weights of ", data->bytes(), " bytes: kernels of ", uploads.caps().name, " reach ",
                uploads.caps().max_span_bytes, " at once, and not ", part_unit(uploads.caps()), " columns");
  at.packed = how->packed;
  const auto* raw = static_cast<const std::byte*>(data->raw());
  for (int64_t c = 0; c < b.cols; c += how->each) {
    const int64_t columns = std::min(how->each, b.cols - c);
    const HostMatrices from{raw + size_t(c * b.col) * dtype_bytes(data->dtype()),
                            data->dtype(),
                            sdk::element_count(b.batch),
                            b.rows,
                            columns,
                            b.elements(),
                            b.row,
                            b.col};
    at.parts.push_back({upload(uploads, from, how->packed), c, columns});
  }
}

Compiled finish(const Node& node, Attributes at, Uploads& uploads) {
  upload_b(node, at, uploads);
  at.constant_b = at.parts.empty() && Graph(node.graph()).value(node.input(1)).is_constant();
  Compiled c;
  if (!at.parts.empty()) c.packed |= 1u << 1;
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
                {node.i("transA") != 0,
                 node.i("transB") != 0,
                 node.f("alpha", 1),
                 node.f("beta", 1),
                 make_epilogue(node),
                 false,
                 {}},
                uploads);
}
Compiled compile_scaled(const Node& node, Uploads& uploads) {
  return finish(node, {node.i("transA") != 0, node.i("transB") != 0, node.f("alpha", 1), 1, {}, false, {}},
                uploads);
}
Compiled compile_matmul(const Node& node, Uploads& uploads) {
  return finish(node, {false, false, 1, 1, make_epilogue(node), false, {}}, uploads);
}

double flops(const Node& node) {
  const auto dims = Graph(node.graph()).value(node.input(0)).dims();
  const int64_t k = dims.empty() ? 1 : node.i("transA") ? dims.front() : dims.back();
  return sdk::is_number(k) ? 2.0 * double(k) : 0;
}

// b: the columns of a constant, if kernels reach enough of them; else matrices of a stack, or rows that are
// columns of the product.
Split splits_b(const Value& value, bool transposed, const Caps& caps) {
  const auto dims = value.dims();
  const Stack b(Dims(dims.begin(), dims.end()), false, transposed);
  if (value.is_constant())
    return columns_of_part(caps, b, sizeof(float)) > 0 ? Split::kUploaded : Split::kNot;
  const uint64_t most = (caps.max_span_bytes - uint64_t(part_unit(caps))) / sizeof(float);
  return uint64_t(transposed ? b.rows : b.elements()) <= most ? Split::kBound : Split::kNot;
}

// Rows of a, c and y, if kernels reach one. Stacks of packed matrices stay together.
Split splits(const Node& node, const Caps& caps, std::optional<size_t> input) {
  const Graph graph(node.graph());
  const Value value = graph.value(input ? node.input(*input) : node.output(0)),
              b = graph.value(node.input(1));
  const auto dims = value.dims();
  if (dims.empty()) return Split::kNot;
  if (input == 1) return splits_b(value, node.i("transB") != 0, caps);
  if (input == 0 && node.i("transA") != 0) return Split::kNot;
  if (b.is_constant() && b.rank() > 2) return Split::kNot;
  const uint64_t row = uint64_t(dims.back()) * sizeof(float);
  return row <= caps.max_span_bytes - uint64_t(part_unit(caps)) ? Split::kBound : Split::kNot;
}

constexpr Op kOps[] = {{"", "Gemm", supports, compile_gemm, flops, splits},
                       {"", "MatMul", supports, compile_matmul, flops, splits},
                       {"hrt", "FusedGemm", supports, compile_gemm, flops, splits},
                       {"hrt", "FusedMatMul", supports, compile_matmul, flops, splits},
                       {"com.microsoft", "FusedGemm", supports, compile_gemm, flops, splits},
                       {"com.microsoft", "FusedMatMul", scaled_supports, compile_scaled, flops, splits}};

}  // namespace

std::span<const Op> gemm_ops() { return kOps; }

}  // namespace hrt::gpu
