// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/product.h"

#include <cstring>

#include "backends/cpu/kernels/tile.h"

namespace hrt::cpu {
namespace {

Panels panels_of(int64_t n) { return {ceil_div(n, kLanes)}; }

// One panel of B. With a transposed B, or a scale, in squares that use cache lines whole.
void pack_panel(const float* b, Strides strides, int64_t k, int64_t n, int64_t panel, float scale,
                float* to) {
  if (k == 0) return;  // b may be NULL then
  const Panels panels = panels_of(n);
  const int64_t c0 = panels.first(panel) * kLanes, width = panels.width(panel) * kLanes;
  const int64_t columns = std::min(width, n - c0);
  to += c0 * k;
  b += c0 * strides.col;
  if (strides.col == 1 && scale == 1) {
    for (int64_t i = 0; i < k; ++i, to += width) {
      std::memcpy(to, b + i * strides.row, size_t(columns) * sizeof(float));
      std::memset(to + columns, 0, size_t(width - columns) * sizeof(float));
    }
    return;
  }
  for (int64_t i0 = 0; i0 < k; i0 += 16)
    for (int64_t j = 0; j < width; ++j)
      for (int64_t i = i0; i < std::min(i0 + 16, k); ++i)
        to[i * width + j] = j < columns ? scale * b[i * strides.row + j * strides.col] : 0;
}

// Rows [begin, end) of one panel of one result.
struct Part {
  int64_t result, panel, begin, end;
};

void multiply_part(const Product& p, const ProductOperands& o, const Panels& panels, const Part& part) {
  constexpr int64_t kPassBytes = 512 << 10;  // of B in one pass over the rows: half of L2
  const auto [a_index, b_index] = p.pairs[size_t(part.result)];
  const bool tail = part.panel == panels.count();
  const int64_t c0 = (tail ? panels.vectors : panels.first(part.panel)) * kLanes;
  const int vectors = tail ? 1 : panels.width(part.panel);
  const int64_t width = vectors * kLanes, columns = std::min(width, p.n - c0);
  const float* b = tail       ? o.b_tail + b_index * p.k * kLanes
                   : p.packed ? o.b + b_index * int64_t(packed_floats(p.k, p.n)) + c0 * p.k
                              : o.b + b_index * p.k * p.n + c0;
  const int64_t rows = part.end - part.begin, tiles = ceil_div(rows, best_rows(vectors, p.k));
  const int64_t passes = std::max<int64_t>(1, ceil_div(p.k * width * 4, kPassBytes));
  for (int64_t pass = 0; pass < passes; ++pass) {
    const int64_t k0 = p.k * pass / passes, k1 = p.k * (pass + 1) / passes;
    const bool first = pass == 0, last = pass + 1 == passes;
    const Epilogue e = last ? p.e : Epilogue::none();
    const Segment segment{k0, k1 - k0};
    Tile t{};
    t.a_row = p.k;
    t.segments = &segment;
    t.segment_count = 1;
    t.b_row = p.packed || tail ? width : p.n;
    t.b = b + k0 * t.b_row;
    t.bias = first && o.bias ? o.bias + c0 : nullptr;
    t.lo = e.lo;
    t.hi = e.hi;
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t r0 = part.begin + rows * i / tiles, r1 = part.begin + rows * (i + 1) / tiles;
      float* y = o.y + (part.result * p.m + r0) * p.n + c0;
      t.a = o.a + (a_index * p.m + r0) * p.k;
      t.ahead = next_panel(t.b, t.b_row, k1 - k0, i);
      const TileFn run = p.m == 1 ? row_fn(vectors) : tile_fn(vectors, int(r1 - r0), p.k);
      run_tile(t, run, vectors, int(r1 - r0), columns, !first || o.accumulate, y, p.n);
      if (e.after.kind != Activation::kIdentity)
        for (int64_t r = r0; r < r1; ++r, y += p.n) apply_activation(e.after, y, columns);
    }
  }
}

}  // namespace

size_t packed_floats(int64_t k, int64_t n) { return size_t(round_up(n, kLanes) * k); }

void pack_matrices(const float* b, Strides strides, int64_t count, int64_t k, int64_t n, float scale,
                   float* to) {
  const int64_t panels = panels_of(n).count();
  parallel(count * panels, double(k * n) / double(std::max<int64_t>(panels, 1)) * 0.2,
           [&](int64_t begin, int64_t end) {
             for (int64_t i = begin; i < end; ++i) {
               const int64_t matrix = i / panels;
               pack_panel(b + matrix * k * n, strides, k, n, i % panels, scale,
                          to + matrix * int64_t(packed_floats(k, n)));
             }
           });
}

void multiply(const Product& p, const ProductOperands& o) {
  const Panels panels = panels_of(p.n - p.tail());
  const int64_t count = panels.count() + (p.tail() ? 1 : 0), results = int64_t(p.pairs.size());
  const int64_t pieces = row_pieces(p.m * p.k * 4, p.n * p.k * 4, results * count, ceil_div(p.m, 12));
  const double fmas = double(p.m) * double(p.n) * double(p.k) / double(pieces * count);
  constexpr double kNsPerWeight = 4.0 / 30;  // few rows: the time is that of reading B
  const double ns = std::max(fmas * kNsPerFma, double(p.k) * double(p.n) / double(count) * kNsPerWeight);
  parallel(results * pieces * count, ns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t piece = i / count % pieces;
      multiply_part(p, o, panels,
                    {i / (count * pieces), i % count, p.m * piece / pieces, p.m * (piece + 1) / pieces});
    }
  });
}

}  // namespace hrt::cpu
