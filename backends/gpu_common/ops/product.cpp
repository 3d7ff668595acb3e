// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/product.h"

#include <algorithm>

#include "backends/gpu_common/ops/pieces.h"
#include "backends/gpu_common/ops/stack.h"
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/ops/turns.h"

namespace hrt::gpu {
namespace {

constexpr int kLanes = 8;  // of a subgroup
// Panels are padded so that gemm_lanes.comp takes 64 elements at once.
constexpr int panel_step(int rows) { return 64 / rows; }

struct Tile {
  int rows;
  double cost;  // of a row, as measured
};

// A kernel on packed operands.
struct PanelKernel {
  const char* name;
  std::span<const Tile> tiles;
  int vector;   // that rows of b are made of
  int columns;  // of a tile
  uint32_t group;
};
constexpr Tile kLaneTiles[] = {{32, 1.0}, {16, 1.25}, {8, 1.65}};
constexpr Tile kVectorTiles[] = {{8, 1.0}, {4, 1.5}, {1, 4.0}};
constexpr PanelKernel kLaneKernel{"gemm_lanes", kLaneTiles, 4, 64, kLanes};
constexpr PanelKernel kVectorKernel{"gemm_vectors", kVectorTiles, 16, 16, 1};

// NULL where only real GPUs' kernels do.
const PanelKernel* panel_kernel(const Caps& caps) {
  if (!caps.is_cpu) return nullptr;
  if (caps.vector_width >= 16) return &kVectorKernel;
  return caps.i64 && caps.subgroup_size == uint32_t(kLanes) ? &kLaneKernel : nullptr;
}

int64_t count_of(const Batch& dims) { return dims[0] * dims[1] * dims[2]; }
int64_t y_row(const Product& p) { return p.y_row ? p.y_row : p.n; }

void push_ints(Call& call, std::initializer_list<int64_t> values) {
  for (const int64_t v : values) call.push.push_back(push_int(v));
}

// The indices of kernels must not overflow.
void check_reach(const Product& p) {
  push_int(sdk::element_count(Dims{count_of(p.dims), p.m, y_row(p)}));
  push_int(sdk::element_count(Dims{count_of(p.dims), p.m, p.k}));
  push_int(sdk::element_count(Dims{count_of(p.dims), p.k, p.n}));
}

struct Packing {
  const Strided& from;
  int64_t outer, inner;                // elements there are
  int64_t outer_stride, inner_stride;  // between them
  int64_t width, panels, inner_padded;
};

Ref pack(Emit& emit, const Product& p, const Packing& k, const Batch& dims) {
  const int64_t n = sdk::element_count(Dims{count_of(dims), k.panels, k.inner_padded, k.width});
  Call call;
  call.kernel = "gemm_pack";
  call.variant = type_variant(p.dtype);
  push_ints(call, {n, k.width, k.panels, k.inner_padded, k.outer, k.inner, k.outer_stride, k.inner_stride,
                   dims[1], dims[2], k.from.batch[0], k.from.batch[1], k.from.batch[2]});
  const Ref to = emit.scratch(uint64_t(n) * sizeof(float));
  call.buffers = {k.from.ref, to};
  call.writes = 2;
  call.threads = {n, 1, 1};
  call.linear = true;
  emit.dispatch(std::move(call));
  return to;
}

// Rows one after the other, as the kernel reads b.
bool in_rows(const Product& p, const Caps& caps) {
  if (p.dtype != HRT_FLOAT32 || p.b.col != 1 || p.b.row != p.n || !panel_takes(caps, p.n)) return false;
  const Matrices own = own_matrices(p.dims, p.b.batch);
  for (size_t d = 0; d < 3; ++d)
    if (p.dims[d] > 1 && p.b.batch[d] != own.strides[d] * p.k * p.n) return false;
  return true;
}

// Where c is a vector that panel kernels add: 1: along rows, 2: along columns, 3: it lies as y does, 0:
// elsewhere.
int bias_kind(const Product& p) {
  if (p.c->row == 0 && (p.c->col == 1 || p.n == 1)) return 2;
  if (p.c->col == 0 && (p.c->row == 1 || p.m == 1)) return 1;
  return p.c->row == y_row(p) && p.c->col == 1 && count_of(p.dims) == 1 && !p.residual ? 3 : 0;
}

bool panels_add(const Product& p) { return !p.c || (p.beta == 1 && bias_kind(p) != 0); }

// A kernel on operands as they lie; they differ in constants and grid.
Call strided_call(const Product& p, const char* kernel) {
  require(!p.residual, "no kernel adds this residual");
  Call call;
  call.kernel = kernel;
  call.variant = type_variant(p.dtype);
  const Strided c = p.c.value_or(Strided{});
  push_ints(call, {p.m, p.n, p.k, p.a.row, p.a.col, p.b.row, p.b.col, c.row, c.col, p.dims[0], p.dims[1],
                   p.dims[2]});
  for (const Strided* s : {&p.a, &p.b, &c}) push_ints(call, {s->batch[0], s->batch[1], s->batch[2]});
  for (const float f : {p.alpha, p.beta, p.e.a, p.e.b}) call.push.push_back(push_float(f));
  call.push.push_back(push_int(y_row(p)));
  call.buffers = {p.a.ref, p.b.ref, p.c ? c.ref : p.a.ref, p.y};
  call.writes = 8;
  return call;
}

void emit_plain(Emit& emit, const Product& p) {
  require_turns(emit.caps(), p.k);
  const bool few = p.m <= 2;
  const int rows = few ? 1 : 4, columns = few ? 1 : 2;
  Call call = strided_call(p, "matmul");
  call.constants = {rows, columns, p.e.act, p.c ? 1 : 0};
  call.group = few ? std::array<uint32_t, 3>{64, 1, 1} : std::array<uint32_t, 3>{16, 8, 1};
  const int64_t groups = ceil_div(p.n, int64_t(call.group[0]) * columns);
  call.threads = {groups * call.group[0], ceil_div(p.m, rows), count_of(p.dims)};
  emit.dispatch(std::move(call));
}

void emit_tiles(Emit& emit, const Product& p, int side) {
  Call call = strided_call(p, "gemm_tile");
  call.constants = {side, side, p.e.act, p.c ? 1 : 0};
  set_tiles(call, side, p.m, p.n, count_of(p.dims));
  emit.dispatch(std::move(call));
}

void emit_subgroups(Emit& emit, const Product& p) {
  constexpr int kRows = 8;
  Call call = strided_call(p, "gemm_subgroup");
  call.constants = {kRows, p.e.act, p.c ? 1 : 0};
  call.group = {emit.caps().subgroup_size, 1, 1};
  call.threads = {p.n, ceil_div(p.m, kRows), count_of(p.dims)};
  emit.dispatch(std::move(call));
}

// A cooperative matrix of 16 x 16 halves, rows of whole 16 bytes.
bool matrices_take(const Product& p, const Caps& caps) {
  constexpr int64_t kSide = 16, kAligned = 8;
  if (!caps.matrix || p.dtype != HRT_FLOAT16 || p.m % kSide || p.n % kSide || p.k % kSide) return false;
  for (const Strided* s : {&p.a, &p.b}) {
    if (s->col != 1 || s->row % kAligned) return false;
    for (const int64_t step : s->batch)
      if (step % kAligned) return false;
  }
  return true;
}

void emit_matrices(Emit& emit, const Product& p, int count) {
  Call call = strided_call(p, "gemm_matrix");
  call.constants = {count, count, p.e.act, p.c ? 1 : 0};
  call.group = {emit.caps().subgroup_size, 1, 1};
  const int64_t side = int64_t(count) * 16;
  call.threads = {ceil_div(p.n, side) * call.group[0], ceil_div(p.m, side), count_of(p.dims)};
  emit.dispatch(std::move(call));
}

// Elements that texels hold.
bool texels_hold(const Strided& s, bool columns) {
  const int64_t along = columns ? s.row : s.col, across = columns ? s.col : s.row;
  return along == 1 && across % kTexel == 0 &&
         std::ranges::all_of(s.batch, [](int64_t step) { return step % kTexel == 0; });
}

// Which way texels of b lie: 0: along its rows, 1: along its columns; nothing: b cannot be read as an image.
std::optional<int> texels_of(const Product& p, const Caps& caps) {
  if (!p.constant_b || p.a.col != 1 || p.k % kTexel != 0) return std::nullopt;
  if (!image_fits(caps, count_of(own_matrices(p.dims, p.b.batch).dims) * p.k * p.n)) return std::nullopt;
  if (p.n % kTexel == 0 && texels_hold(p.b, false)) return 0;
  if (texels_hold(p.b, true)) return 1;
  return std::nullopt;
}

void emit_image(Emit& emit, const Product& p, int rows, int by_columns) {
  Call call = strided_call(p, "gemm_image");
  call.constants = {rows, p.e.act, p.c ? 1 : 0, by_columns};
  set_image_tiles(call, rows, p.m, p.n, count_of(p.dims));
  emit.dispatch(std::move(call));
}

// Without tuning the first is taken: each before those that it usually beats.
std::vector<Emit::Way> ways_of(const Product& p, const Caps& caps) {
  std::vector<Emit::Way> ways;
  if (has_panels(caps) && panels_add(p)) ways.emplace_back([&p](Emit& e) { emit_panels(e, p); });
  if (matrices_take(p, caps))
    for (const int count : {4, 2}) ways.emplace_back([&p, count](Emit& e) { emit_matrices(e, p, count); });
  const auto plain = [&p](Emit& e) { emit_plain(e, p); };
  constexpr int64_t kSmall = 16;
  const bool small = p.m < kSmall || p.n < kSmall;
  if (small || caps.is_cpu) ways.emplace_back(plain);
  if (caps.is_cpu) return ways;
  for (const int side : {64, 32})
    if (tiles_fit(caps, side)) ways.emplace_back([&p, side](Emit& e) { emit_tiles(e, p, side); });
  if (caps.subgroup_size > 1) ways.emplace_back([&p](Emit& e) { emit_subgroups(e, p); });
  if (!small) ways.emplace_back(plain);
  if (const std::optional<int> by_columns = texels_of(p, caps))
    for (const int rows : image_tile_rows(p.m))
      ways.emplace_back([&p, rows, by = *by_columns](Emit& e) { emit_image(e, p, rows, by); });
  return ways;
}

float element(const HostMatrices& m, int64_t at) {
  if (m.dtype == HRT_FLOAT16) return float(static_cast<const float16*>(m.data)[at]);
  return static_cast<const float*>(m.data)[at];
}

}  // namespace

bool has_panels(const Caps& caps) { return panel_kernel(caps) != nullptr; }

int panel_rows(const Caps& caps, int64_t m) {
  const auto cost = [&](const Tile& t) { return double(round_up(m, t.rows)) * t.cost; };
  return std::ranges::min_element(panel_kernel(caps)->tiles, {}, cost)->rows;
}

int panel_width(const Caps& caps) { return panel_kernel(caps)->columns; }

bool panel_takes(const Caps& caps, int64_t columns) {
  const PanelKernel& kernel = *panel_kernel(caps);
  return kernel.vector == 16 ? columns >= kernel.vector : columns % kernel.vector == 0;
}

int64_t panel_columns(const Caps& caps, int64_t columns) {
  return panel_takes(caps, columns) ? columns : round_up(columns, panel_kernel(caps)->vector);
}

void emit_panels(Emit& emit, const Product& p) {
  check_reach(p);
  const Caps& caps = emit.caps();
  const PanelKernel& kernel = *panel_kernel(caps);
  const int rows = p.packed_a ? p.rows_packed : panel_rows(caps, p.m);
  const int64_t panels = ceil_div(p.m, rows), k_padded = round_up(p.k, panel_step(rows));
  if (&kernel == &kLaneKernel) require_turns(caps, k_padded / panel_step(rows) + rows);
  const int64_t width = p.packed_b ? p.columns_packed : panel_columns(caps, p.n);
  Matrices a{{}, p.a.batch}, b{{}, p.b.batch};
  Ref a_ref = p.packed_a.value_or(p.a.ref), b_ref = p.packed_b.value_or(p.b.ref);
  if (!p.packed_a) {
    a = own_matrices(p.dims, p.a.batch);
    a_ref = pack(emit, p, {p.a, p.m, p.k, p.a.row, p.a.col, rows, panels, k_padded}, a.dims);
  }
  if (!p.packed_b) {
    b = own_matrices(p.dims, p.b.batch);
    if (!in_rows(p, caps)) b_ref = pack(emit, p, {p.b, p.n, p.k, p.b.col, p.b.row, width, 1, p.k}, b.dims);
  }
  const int kind = p.c ? bias_kind(p) : 0;
  const std::optional<Ref> residual = kind == 3 ? p.c->ref : p.residual;
  const bool bias = kind == 1 || kind == 2;
  const Epilogue e = clipped(p.e);
  const bool whole = &kernel == &kLaneKernel && p.dtype == HRT_FLOAT32 && p.n % kernel.vector == 0 &&
                     y_row(p) % kernel.vector == 0;
  Call call;
  call.kernel = kernel.name;
  call.variant = whole ? "f32v4" : type_variant(p.dtype);
  call.constants = {rows, e.act};
  push_ints(call, {p.m, p.n, &kernel == &kLaneKernel ? width / 4 : width, p.k, k_padded, panels, p.dims[1],
                   p.dims[2]});
  for (const Batch& s : {a.strides, b.strides, bias ? p.c->batch : Batch{}})
    push_ints(call, {s[0], s[1], s[2]});
  for (const float f : {p.alpha, e.a, e.b}) call.push.push_back(push_float(f));
  push_ints(call, {bias ? kind : 0, residual ? 1 : 0, y_row(p)});
  call.buffers = {a_ref, b_ref, bias ? p.c->ref : a_ref, residual.value_or(a_ref), p.y};
  call.writes = 16;
  call.group = {kernel.group, 1, 1};
  call.threads = {ceil_div(p.n, kernel.columns) * kernel.group, panels, count_of(p.dims)};
  emit.dispatch(std::move(call));
}

bool tiles_fit(const Caps& caps, int side) {
  constexpr int kStep = 16;
  const auto threads = uint32_t(side / 4);
  return caps.shared_bytes >= uint32_t(2 * side * kStep) * sizeof(float) &&
         caps.max_group_size >= threads * threads;
}

void set_tiles(Call& call, int side, int64_t rows, int64_t columns, int64_t count) {
  call.group = {uint32_t(side / 4), uint32_t(side / 4), 1};
  call.threads = {ceil_div(columns, side) * call.group[0], ceil_div(rows, side) * call.group[1], count};
}

bool image_fits(const Caps& caps, int64_t count) {
  return uint64_t(ceil_div(count, kTexel)) <= caps.max_texels;
}

std::span<const int> image_tile_rows(int64_t rows) {
  static constexpr std::array kTiles{8, 4, 1};
  const std::span<const int> all(kTiles);
  return rows < 4 ? all.last(1) : all.first(2);
}

void set_image_tiles(Call& call, int tile_rows, int64_t rows, int64_t columns, int64_t count) {
  call.group = rows <= tile_rows ? std::array<uint32_t, 3>{64, 1, 1} : std::array<uint32_t, 3>{16, 8, 1};
  call.threads = {ceil_div(columns, kTexel), ceil_div(rows, tile_rows), count};
}

namespace {

void emit_block(Emit& emit, const Product& p) {
  check_reach(p);
  if (p.packed_a || p.packed_b) {
    require(panels_add(p), "an operand was packed for a kernel that cannot add this");
    return emit_panels(emit, p);
  }
  const std::vector<Emit::Way> ways = ways_of(p, emit.caps());
  emit.fastest(sdk::cat(p.m, "x", p.n, "x", p.k, " of ", count_of(p.dims), " ", dtype_name(p.dtype), " by ",
                        p.a.col == 1 ? "rows" : "columns", " and ", p.b.col == 1 ? "rows" : "columns",
                        p.c ? " and c" : ""),
               ways);
}

// The coordinates of a product: three of the batch, then rows, columns, and what is summed over.
enum : uint8_t { kRow = 3, kColumn, kDepth, kCoordinates };

Walked walked(const Strided& s, hrt_dtype dtype, int64_t row, int64_t column, int64_t depth) {
  return {s.ref, dtype_bytes(dtype), {s.batch[0], s.batch[1], s.batch[2], row, column, depth}};
}

Walked walked_y(const Product& p) {
  const int64_t row = y_row(p), matrix = p.m * row;
  const Batch batch{p.dims[1] * p.dims[2] * matrix, p.dims[2] * matrix, matrix};
  return walked({p.y, row, 1, batch}, p.dtype, row, 1, 0);
}

// Whether the results of a block lie as kernels write them, one matrix behind another.
bool lies_in_order(const Piece& block, const Walked& y) {
  int64_t matrix = block.dims[kRow] * y.strides[kRow];
  for (size_t d = kRow; d-- > 0;) {
    if (block.dims[d] > 1 && y.strides[d] != matrix) return false;
    matrix *= block.dims[d];
  }
  return true;
}

// An operand that may be over the limit, and where its rows and columns are among the coordinates.
struct Factor {
  Strided Product::* of;  // NULL: c
  size_t row, column;
  Walked tensor;
};

std::vector<Factor> factors_of(const Product& p, const Caps& caps) {
  std::vector<Factor> list;
  const size_t copied = has_panels(caps) ? sizeof(float) : 0;
  if (!p.packed_a) {
    list.push_back({&Product::a, kRow, kDepth, walked(p.a, p.dtype, p.a.row, 0, p.a.col)});
    list.back().tensor.copied_bytes = copied;
  }
  if (!p.packed_b) {
    list.push_back({&Product::b, kDepth, kColumn, walked(p.b, p.dtype, 0, p.b.col, p.b.row)});
    list.back().tensor.copied_bytes = copied > 0 && in_rows(p, caps) ? 0 : copied;
  }
  if (p.c) list.push_back({nullptr, kRow, kColumn, walked(*p.c, p.dtype, p.c->row, p.c->col, 0)});
  return list;
}

// Whether what is bound can begin with this element of a window.
bool begins(const Caps& caps, int64_t element) { return element % part_unit(caps) == 0; }

// A block of an operand: in place, or copied where no part can begin there.
Strided bound(Emit& emit, const Product& p, const Piece& block, const Window& w, const Factor& f) {
  Strided s = f.of ? p.*f.of : *p.c;
  const Walked& t = f.tensor;
  const int64_t first = first_element(block, t);
  if (begins(emit.caps(), first - w.first)) {
    s.ref = from_element(emit, w.ref, t.element_bytes, first - w.first);
    return s;
  }
  Box box{block.dims, t.strides, Dims(kCoordinates, 0), first, 0};
  int64_t count = 1;
  for (size_t d = kCoordinates; d-- > 0;) {
    if (t.strides[d] == 0) {
      box.dims[d] = 1;
      continue;
    }
    box.ys[d] = count;
    count *= block.dims[d];
  }
  s = {emit.scratch(uint64_t(count) * t.element_bytes),
       box.ys[f.row],
       box.ys[f.column],
       {box.ys[0], box.ys[1], box.ys[2]}};
  copy_box(emit, t.ref, s.ref, p.dtype, box);
  return s;
}

// Computes a block, into its place in y or, where no part can begin there, by way of a copy.
void emit_into(Emit& emit, Product q, const Piece& block, const Walked& y) {
  const int64_t first = first_element(block, y), at = first - block.windows[0].first;
  if (lies_in_order(block, y) && begins(emit.caps(), at)) {
    q.y = from_element(emit, block.windows[0].ref, y.element_bytes, at);
    q.y_row = y.strides[kRow];
    return emit_block(emit, q);
  }
  const Dims dims(block.dims.begin(), block.dims.begin() + kDepth);
  q.y = emit.scratch(uint64_t(sdk::element_count(dims)) * y.element_bytes);
  q.y_row = 0;
  emit_block(emit, q);
  const Dims strides(y.strides.begin(), y.strides.begin() + kDepth);
  copy_box(emit, q.y, y.ref, q.dtype, {dims, strides_of(dims), strides, 0, first});
}

}  // namespace

void emit_product(Emit& emit, const Product& p) {
  const std::vector<Factor> factors = factors_of(p, emit.caps());
  std::vector<Walked> tensors{walked_y(p)};
  for (const Factor& f : factors) tensors.push_back(f.tensor);
  const Dims box{p.dims[0], p.dims[1], p.dims[2], p.m, p.n, p.k};
  const std::vector<Piece> blocks = pieces_of(emit, box, tensors, false);
  if (blocks.size() <= 1) return emit_block(emit, p);
  for (const Piece& b : blocks) {
    const bool whole = b.dims[kDepth] == p.k && (!p.packed_a || b.dims[kRow] == p.m) &&
                       (!p.packed_b || b.dims[kColumn] == p.n) &&
                       (!(p.packed_a || p.packed_b) || count_of(p.dims) == 1);
    if (!whole)
      unsupported("a product of ", p.m, " x ", p.n, " x ", p.k, ": kernels of ", emit.caps().name, " reach ",
                  emit.caps().max_span_bytes, " bytes at once");
    Product q = p;
    q.constant_b = false;  // not whole
    q.dims = {b.dims[0], b.dims[1], b.dims[2]};
    q.m = b.dims[kRow];
    q.n = b.dims[kColumn];
    for (size_t i = 0; i < factors.size(); ++i) {
      const Strided s = bound(emit, p, b, b.windows[i + 1], factors[i]);
      if (factors[i].of)
        q.*factors[i].of = s;
      else
        q.c = s;
    }
    emit_into(emit, q, b, tensors[0]);
  }
}

std::vector<float> pack_panels(const HostMatrices& from, int rows) {
  const int64_t k_padded = round_up(from.cols, panel_step(rows)), padded = round_up(from.rows, rows);
  std::vector<float> to(size_t(sdk::element_count(Dims{from.count, padded, k_padded})));
  for (int64_t i = 0; i < from.count; ++i)
    for (int64_t r = 0; r < from.rows; ++r)
      for (int64_t c = 0; c < from.cols; ++c)
        to[size_t(i * padded * k_padded + (r / rows * k_padded + c) * rows + r % rows)] =
            element(from, i * from.matrix + r * from.row + c * from.col);
  return to;
}

std::vector<float> pack_columns(const HostMatrices& from, int64_t width) {
  std::vector<float> to(size_t(sdk::element_count(Dims{from.count, from.rows, width})));
  for (int64_t i = 0; i < from.count; ++i)
    for (int64_t r = 0; r < from.rows; ++r)
      for (int64_t c = 0; c < from.cols; ++c)
        to[size_t((i * from.rows + r) * width + c)] =
            element(from, i * from.matrix + r * from.row + c * from.col);
  return to;
}

}  // namespace hrt::gpu
