// SPDX-License-Identifier: Apache-2.0
// Matrix products of bytes: QLinearMatMul, MatMulInteger and, of com.microsoft, QGemm, MatMulIntegerToFloat
// and DynamicQuantizeMatMul. The product of int8.h with A broadcast and B in lanes; a constant B is packed
// at compile time, another one into the workspace, as A always is.
// https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html, onnx__MatMulInteger.html
#include <cstring>

#include "backends/cpu/kernels/int8.h"
#include "backends/cpu/kernels/matrices.h"
#include "backends/cpu/kernels/quantize.h"

namespace hrt::cpu {
namespace {

// Which input is what; -1: there is none.
struct Inputs {
  int a, b, a_zero = -1, b_zero = -1, a_scale = -1, b_scale = -1, y_scale = -1, y_zero = -1;
  int c = -1;     // int32, added to the sums
  int bias = -1;  // float, added to the result
};
constexpr Inputs kInteger{0, 1, 2, 3};
constexpr Inputs kQLinear{0, 3, 2, 5, 1, 4, 6, 7};
constexpr Inputs kGemm{0, 3, 2, 5, 1, 4, 7, 8, 6};
constexpr Inputs kToFloat{0, 1, 4, 5, 2, 3, -1, -1, -1, 6};
constexpr Inputs kDynamic{0, 1, -1, 3, -1, 2, -1, -1, -1, 4};

bool has(const Signature& sig, int i) { return i >= 0 && sig.has_in(size_t(i)); }

// ---------------------------------------------------------------------------------------- packing

struct Lines {  // how a matrix is walked through: from row to row, from column to column
  int64_t row, column;
};

size_t packed_b(int64_t depth, int64_t n) { return size_t(ceil_div(n, kTileColumns) * depth * kTileColumns); }

// B of k x n as tiles of columns; sums: of each column of B minus its zero point.
void pack_b(Int8Form form, Bytes b, Lines at, int64_t k, int64_t n, const ZeroPoints& zero, uint32_t* to,
            int32_t* sums) {
  const int64_t g = group_of(form), depth = ceil_div(k, g);
  parallel(ceil_div(n, kTileColumns), double(k) * kTileColumns, [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t first = tile * kTileColumns, count = std::min<int64_t>(kTileColumns, n - first);
      std::fill(sums + first, sums + first + count, 0);
      for (int64_t d = 0; d < depth; ++d)
        for (int64_t j = 0; j < kTileColumns; ++j)
          to[(tile * depth + d) * kTileColumns + j] = weight_group(form, [&](int t) {
            const int64_t i = d * g + t;
            if (i >= k || j >= count) return 0;
            const int v = b(i * at.row + (first + j) * at.column) - zero(first + j);
            sums[first + j] += v;
            return v;
          });
    }
  });
}

// A of m x k as blocks of rows.
void pack_a(Int8Form form, const uint8_t* a, uint8_t flip, Lines at, int64_t m, int64_t k, uint32_t* to) {
  const int64_t g = group_of(form), depth = ceil_div(k, g), whole = k / g;
  const auto group = [&](const uint8_t* row, int64_t d) {
    uint32_t v = 0;
    for (int64_t t = 0; t < std::min(g, k - d * g); ++t)
      v |= uint32_t(row[(d * g + t) * at.column] ^ flip) << (t * (32 / g));
    return v;
  };
  parallel(ceil_div(m, kTileRows), double(k) * kTileRows * 0.1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * kTileRows, width = block_width(m, first),
                    rows = std::min<int64_t>(width, m - first);
      uint32_t* const out = to + first * depth;
      for (int64_t r = 0; r < rows; ++r) {
        const uint8_t* const row = a + (first + r) * at.row;
        int64_t d = 0;
        if (form == Int8Form::kQuads && at.column == 1)
          for (; d < whole; ++d) {
            uint32_t v;
            std::memcpy(&v, row + d * 4, 4);
            out[d * width + r] = v ^ repeated(form, flip);
          }
        for (; d < depth; ++d) out[d * width + r] = group(row, d);
      }
    }
  });
}

// ----------------------------------------------------------------------------------------- the node

struct Product {
  Inputs in;
  bool trans_a = false, trans_b = false;
  float alpha = 1;
  Int8Form form = Int8Form::kPairs;
  Floats packed;  // uint32_t: constant B; NULL: packed at run time
  std::vector<int32_t> sums;

  Lines lines_a(const MatDims& a) const { return trans_a ? Lines{1, a.cols} : Lines{a.cols, 1}; }
  Lines lines_b(const MatDims& b) const { return trans_b ? Lines{1, b.cols} : Lines{b.cols, 1}; }
  Step prepare(const Signature& sig) const;
  void pack(Bytes b, const MatDims& stored, const ZeroPoints& zero, uint32_t* to, int32_t* to_sums) const;
};

// All matrices of B.
void Product::pack(Bytes b, const MatDims& stored, const ZeroPoints& zero, uint32_t* to,
                   int32_t* to_sums) const {
  const Lines lines = lines_b(stored);
  const int64_t k = trans_b ? stored.cols : stored.rows, n = trans_b ? stored.rows : stored.cols;
  const int64_t size = int64_t(packed_b(ceil_div(k, group_of(form)), n));
  for (int64_t i = 0; i < sdk::element_count(stored.batch); ++i)
    pack_b(form, {b.data + i * k * n, b.is_signed}, lines, k, n, zero, to + i * size, to_sums + i * n);
}

ZeroPoints zero_points(const Signature& sig, const Buffers& b, int i) {
  if (!has(sig, i)) return {};
  const Operand& o = sig.in[size_t(i)];
  return {{b.input<uint8_t>(size_t(i)), o.dtype == HRT_INT8}, o.count() > 1};
}

// The part of a finish that belongs to one matrix of B.
struct Parameters {
  int32_t* init;
  float *scale, *bias;
};

// Writes what is added to and multiplied with the sums of n columns.
void fill_parameters(const Product& p, const Signature& sig, const Buffers& b, const ByteRange& dynamic,
                     int64_t n, uint8_t a_zero, const int32_t* sums, const Parameters& to) {
  const Inputs& in = p.in;
  const auto entry = [&]<class T>(int i, int64_t j, T otherwise) {
    return has(sig, i) ? b.input<T>(size_t(i))[sig.in[size_t(i)].count() > 1 ? j : 0] : otherwise;
  };
  const double a_scale = in.a_scale < 0 ? double(dynamic.scale) : double(entry(in.a_scale, 0, 1.0f));
  const double common = double(p.alpha) * a_scale / double(entry(in.y_scale, 0, 1.0f));
  for (int64_t j = 0; j < n; ++j) {
    to.init[j] = int32_t(uint32_t(entry(in.c, j, int32_t(0))) - uint32_t(a_zero) * uint32_t(sums[j]));
    to.scale[j] = float(common * double(entry(in.b_scale, j, 1.0f)));
    to.bias[j] = entry(in.bias, j, 0.0f);
  }
}

Step Product::prepare(const Signature& sig) const {
  const Operand &a_in = sig.in[size_t(in.a)], &b_in = sig.in[size_t(in.b)];
  const MatDims a_stored(a_in.dims, true), b_stored(b_in.dims, false);
  MatDims a = a_stored, b = b_stored;
  if (trans_a) a.transpose();
  if (trans_b) b.transpose();
  require(a.cols == b.rows, "inner dims of ", a_in.dims, " and ", b_in.dims, " differ");
  auto pairs = broadcast_batch(a.batch, b.batch);
  const int64_t b_count = sdk::element_count(b.batch);
  int64_t m = a.rows, a_count = sdk::element_count(a.batch);
  if (b_count == 1 && !trans_a) {  // one tall matrix
    m *= a_count;
    a_count = 1;
    pairs = {{0, 0}};
  }
  const int64_t k = a.cols, n = b.cols, depth = ceil_div(k, group_of(form));
  for (const int i : {in.b_scale, in.b_zero, in.c, in.bias})
    require(!has(sig, i) || sig.in[size_t(i)].count() == 1 || sig.in[size_t(i)].count() == n, "input ", i,
            " of shape ", has(sig, i) ? sig.in[size_t(i)].dims : Dims(), " for ", n, " columns");
  for (const int i : {in.a_scale, in.a_zero, in.y_scale, in.y_zero})
    require(!has(sig, i) || sig.in[size_t(i)].count() == 1, "input ", i, " must have one element");

  // The workspace, in 32-bit elements: A, B and its sums, parameters, A quantized.
  const int64_t a_size = packed_rows(m) * depth, b_size = int64_t(packed_b(depth, n));
  const int64_t columns = round_up(n, kTileColumns) + kLanes;
  const bool dynamic = a_in.dtype == HRT_FLOAT32;
  int64_t room = 0;
  const auto take = [&](int64_t count) { return std::exchange(room, room + round_up(count, 16)); };
  const int64_t a_at = take(a_count * a_size), parameters_at = take(3 * b_count * columns),
                b_at = take(packed ? 0 : b_count * b_size), sums_at = take(packed ? 0 : b_count * n),
                bytes_at = take(dynamic ? ceil_div(a_count * m * k, 4) : 0);
  std::vector<int64_t> offsets;
  for (int64_t d = 0; d < depth; ++d) offsets.push_back(d * kTileColumns);

  Step step;
  step.workspace = size_t(room) * 4;
  step.run = [=, p = *this](const Buffers& buffers) {
    auto* const ws = reinterpret_cast<uint32_t*>(buffers.workspace);
    const auto* packed_at = reinterpret_cast<const uint32_t*>(p.packed.get());
    const int32_t* sums = p.sums.data();
    if (!p.packed) {
      auto* const to = reinterpret_cast<int32_t*>(ws + sums_at);
      p.pack(zero_points(sig, buffers, p.in.b).at, b_stored, zero_points(sig, buffers, p.in.b_zero),
             ws + b_at, to);
      packed_at = ws + b_at;
      sums = to;
    }
    Bytes bytes = zero_points(sig, buffers, p.in.a).at;
    ByteRange range;
    auto a_zero = uint8_t(zero_points(sig, buffers, p.in.a_zero)(0) ^ bytes.flip());
    if (dynamic) {
      const float* const x = buffers.input<float>(size_t(p.in.a));
      auto* const to = reinterpret_cast<uint8_t*>(ws + bytes_at);
      range = byte_range(x, a_count * m * k);
      quantize_bytes(x, a_count * m * k, range, to);
      bytes = {to, false};
      a_zero = range.zero;
    }
    for (int64_t i = 0; i < a_count; ++i)
      pack_a(p.form, bytes.data + i * m * k, bytes.flip(), p.lines_a(a_stored), m, k, ws + a_at + i * a_size);

    Int8Finish finish;
    finish.by_column = true;
    if (p.in.b_scale >= 0) finish.kind = has(sig, p.in.y_scale) ? Int8Finish::kBytes : Int8Finish::kFloats;
    if (finish.kind == Int8Finish::kBytes)
      finish.bounds(sig.out[0].dtype, zero_points(sig, buffers, p.in.y_zero)(0));
    const auto parameters = [&](int64_t i) {
      auto* const at = reinterpret_cast<float*>(ws + parameters_at + 3 * i * columns);
      return Parameters{reinterpret_cast<int32_t*>(at), at + columns, at + 2 * columns};
    };
    for (int64_t i = 0; i < b_count; ++i)
      fill_parameters(p, sig, buffers, range, n, a_zero, sums + i * n, parameters(i));

    const Int8Product product{
        p.form, true, m, n, depth, nullptr, nullptr, offsets.data(), depth * kTileColumns};
    const int64_t blocks = product.blocks(), tiles = product.tiles();
    parallel(int64_t(pairs.size()) * blocks * tiles, product.ns(), [&](int64_t begin, int64_t end) {
      Int8Sums tile;
      for (int64_t t = begin; t < end; ++t) {  // a tile of columns stays in the cache under all rows
        const auto [ia, ib] = pairs[size_t(t / (blocks * tiles))];
        Int8Product q = product;
        q.broadcast = ws + a_at + ia * a_size;
        q.lanes = packed_at + ib * b_size;
        int8_tile(q, t % blocks, t / blocks % tiles, tile);
        const Parameters at = parameters(ib);
        Int8Finish f = finish;
        f.init = at.init;
        f.scale = at.scale;
        f.bias = at.bias;
        const int64_t row = t / (blocks * tiles) * m + tile.row;
        int8_finish(f, tile, 0, tile.columns,
                    buffers.output<uint8_t>(0) + size_t(row * n + tile.column) * f.width(), n);
      }
    });
  };
  return step;
}

// ------------------------------------------------------------------------------------ the operators

std::string refusal(const Node& node, const Inputs& in) {
  const Graph graph(node.graph());
  const auto absent = [&](int i) { return i < 0 || !node.has_input(size_t(i)); };
  const auto value = [&](int i) { return graph.value(node.input(size_t(i))); };
  for (const int i : {in.a, in.b})
    if (!is_byte(value(i).dtype()) && !(in.a_scale < 0 && in.b_scale >= 0 && i == in.a))
      return sdk::cat("dtype ", dtype_name(value(i).dtype()));
  for (const int i : {in.a_scale, in.b_scale, in.y_scale, in.bias})
    if (!absent(i) && value(i).dtype() != HRT_FLOAT32)
      return sdk::cat("dtype ", dtype_name(value(i).dtype()));
  for (const int i : {in.a_zero, in.a_scale, in.y_scale, in.y_zero}) {
    if (absent(i)) continue;
    if (!value(i).ranked() || !sdk::all_numbers(value(i).dims())) return "shape of a parameter is not known";
    if (sdk::element_count(value(i).dims()) != 1) return "scale or zero point for each row";
  }
  for (const int i : {in.b_scale, in.b_zero, in.c, in.bias}) {
    if (absent(i)) continue;
    if (!value(i).ranked() || !sdk::all_numbers(value(i).dims())) return "shape of a parameter is not known";
    const auto dims = value(i).dims();
    if (sdk::element_count(dims) != 1 && sdk::element_count(dims) != dims.back())
      return "scale, zero point or bias for each row or matrix";
  }
  if (value(in.a).rank() == 0 || value(in.b).rank() == 0) return "a scalar is no matrix";
  return "";
}

// B minus its zero points fits bytes. columns: of a row of what is stored, or rows when transposed.
bool fit_bytes(Bytes b, const MatDims& stored, bool transposed, const ZeroPoints& zero, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t column = transposed ? i / stored.cols % stored.rows : i % stored.cols;
    if (const int v = b(i) - zero(column); v < -128 || v > 127) return false;
  }
  return true;
}

Compiled compile(const Node& node, const Inputs& in) {
  const Graph graph(node.graph());
  Product p{.in = in,
            .trans_a = node.i("transA") != 0,
            .trans_b = node.i("transB") != 0,
            .alpha = node.f("alpha", 1),
            .packed = {},
            .sums = {}};
  Compiled c;
  const bool has_zero = node.has_input(size_t(in.b_zero));
  const auto b = graph.value(node.input(size_t(in.b))).constant();
  const auto b_zero = has_zero ? graph.value(node.input(size_t(in.b_zero))).constant() : std::nullopt;
  if (b && (b_zero || !has_zero) && b->size() > 0) {
    const Bytes bytes{b->data<uint8_t>(), b->dtype() == HRT_INT8};
    const MatDims stored(b->dims(), false);
    const int64_t k = p.trans_b ? stored.cols : stored.rows, n = p.trans_b ? stored.rows : stored.cols;
    const int64_t count = sdk::element_count(stored.batch);
    ZeroPoints zero;
    if (b_zero) zero = {{b_zero->data<uint8_t>(), bytes.is_signed}, b_zero->size() > 1};
    require(!zero.many || b_zero->size() == n, "b_zero_point of shape ", b_zero->dims(), " for ", n,
            " columns");
    if (has_quads() && fit_bytes(bytes, stored, p.trans_b, zero, b->size())) p.form = Int8Form::kQuads;
    p.packed = make_floats(size_t(count) * packed_b(ceil_div(k, group_of(p.form)), n));
    p.sums.resize(size_t(count * n));
    p.pack(bytes, stored, zero, reinterpret_cast<uint32_t*>(p.packed.get()), p.sums.data());
    c.packed |= 1u << in.b;
  }
  c.prepare = [p = std::move(p)](const Signature& sig) { return p.prepare(sig); };
  return c;
}

double flops(const Node& node) {
  const auto dims = Graph(node.graph()).value(node.input(0)).dims();
  const int64_t k = dims.empty() ? 1 : node.i("transA") ? dims.front() : dims.back();
  return sdk::is_number(k) ? 0.5 * double(k) : 0;  // four times as many as floats
}

template <const Inputs& kIn>
constexpr Op row(const char* domain, const char* name) {
  return {domain, name, [](const Node& n) { return refusal(n, kIn); },
          [](const Node& n) { return compile(n, kIn); }, flops};
}
constexpr Op kOps[] = {row<kQLinear>("", "QLinearMatMul"), row<kInteger>("", "MatMulInteger"),
                       row<kGemm>("com.microsoft", "QGemm"),
                       row<kToFloat>("com.microsoft", "MatMulIntegerToFloat"),
                       row<kDynamic>("com.microsoft", "DynamicQuantizeMatMul")};

}  // namespace

std::span<const Op> qgemm_ops() { return kOps; }

}  // namespace hrt::cpu
