// SPDX-License-Identifier: Apache-2.0
// Rows of A are broadcast and rows of B stay in registers for all rows of the tile: per k, V loads of
// B and R broadcasts feed R * V multiply-adds, so that two loads a cycle suffice from R, V >= 2. On a
// Zen 5 server 98-99 % of peak at V = 4, R = 6 with B in L2; fetching the next panel of B while this
// one is used makes whole networks, whose weights come from memory, 5-8 % faster.
#include "backends/cpu/kernels/tile.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "backends/cpu/op.h"

namespace hrt::cpu {
namespace {

template <int V, int R, int Stride, int Sums = 1>  // Stride 0: t.a_row. Sums: of every Sums-th k
void tile(const Tile& t) {
  const int64_t a_row = Stride ? Stride : t.a_row;
  Vec acc[R][V], more[Sums][V];  // more: of a single row, for the second sum and those that follow
  unroll<V>([&](auto v) {
    const Vec start = t.bias ? hn::LoadU(f32, t.bias + v * kLanes) : hn::Zero(f32);
    unroll<R>([&](auto r) { acc[r][v] = start; });
    unroll<Sums>([&](auto s) { more[s][v] = hn::Zero(f32); });
  });
  if (t.add)
    unroll<R>([&](auto r) {
      unroll<V>([&](auto v) {
        const float* p = t.add + int64_t(r) * t.c_row + int64_t(v) * t.c_vec;
        acc[r][v] = hn::Add(acc[r][v], hn::LoadU(f32, p));
      });
    });

  const float* HWY_RESTRICT b = t.b;
  const int64_t b_row = t.b_row;
  const float* ahead = t.ahead;
  const auto step = [&](const float* HWY_RESTRICT a, auto sum) HWY_ATTR {
    Vec row[V];
    unroll<V>([&](auto v) { row[v] = hn::LoadU(f32, b + v * kLanes); });
    b += b_row;
    __builtin_prefetch(ahead, 0, 2);
    ahead += 64 / sizeof(float);
    unroll<R>([&](auto r) {
      const Vec x = hn::Set(f32, a[int64_t(r) * a_row]);
      unroll<V>([&](auto v) {
        Vec& to = sum % Sums ? more[sum % Sums][v] : acc[r][v];
        to = hn::MulAdd(x, row[v], to);
      });
    });
  };
  for (int64_t s = 0; s < t.segment_count; ++s) {
    const float* a = t.a + t.segments[s].offset;
    const float* const end = a + t.segments[s].count;
    for (; end - a >= 4; a += 4) unroll<4>([&](auto i) { step(a + i, i); });
    for (; a != end; ++a) step(a, std::integral_constant<size_t, 0>());
  }
  unroll<Sums - 1>(
      [&](auto s) { unroll<V>([&](auto v) { acc[0][v] = hn::Add(acc[0][v], more[s + 1][v]); }); });

  const Vec lo = hn::Set(f32, t.lo), hi = hn::Set(f32, t.hi);
  unroll<R>([&](auto r) {
    unroll<V>([&](auto v) {  // in this order of operands NaN stays NaN on x86
      const Vec y = hn::Min(hi, hn::Max(lo, acc[r][v]));
      hn::StoreU(y, f32, t.c + int64_t(r) * t.c_row + int64_t(v) * t.c_vec);
    });
  });
}

using Row = std::array<TileFn, kMaxRows>;

template <int V, int Stride, size_t... R>
constexpr Row by_rows(std::index_sequence<R...>) {
  return {tile<V, int(R) + 1, Stride>...};
}

template <int Stride, size_t... V>
constexpr auto by_vectors(std::index_sequence<V...>) {
  return std::array<Row, kMaxVectors>{
      by_rows<int(V) + 1, Stride>(std::make_index_sequence<max_rows(int(V) + 1)>())...};
}

template <int Stride>
constexpr auto kTiles = by_vectors<Stride>(std::make_index_sequence<kMaxVectors>());

}  // namespace

TileFn tile_fn(int vectors, int rows, int64_t a_row) {
  const auto& tiles = a_row == kLanes ? kTiles<kLanes> : a_row == 2 * kLanes ? kTiles<2 * kLanes> : kTiles<0>;
  return tiles[size_t(vectors - 1)][size_t(rows - 1)];
}

// An LSTM's steps take a third less time at AVX2, where two vectors wait for one another's sums, 2 % at
// AVX-512.
TileFn row_fn(int vectors) {
  static constexpr auto kRows = []<size_t... V>(std::index_sequence<V...>) {
    return std::array<TileFn, kMaxVectors>{tile<int(V) + 1, 1, 0, 4>...};
  }(std::make_index_sequence<kMaxVectors>());
  return kRows[size_t(vectors - 1)];
}

void run_tile(Tile& t, TileFn run, int vectors, int rows, int64_t columns, bool add, float* y,
              int64_t y_row) {
  const int64_t width = vectors * kLanes;
  t.c_vec = kLanes;
  if (columns == width) {
    t.c = y;
    t.c_row = y_row;
    t.add = add ? y : nullptr;
    return run(t);
  }
  alignas(64) float buffer[kMaxRows * kMaxVectors * kLanes];
  const size_t bytes = size_t(columns) * sizeof(float);
  t.c = buffer;
  t.c_row = width;
  t.add = add ? buffer : nullptr;
  if (add) {
    std::memset(buffer, 0, size_t(rows * width) * sizeof(float));
    for (int r = 0; r < rows; ++r) std::memcpy(buffer + r * width, y + r * y_row, bytes);
  }
  run(t);
  for (int r = 0; r < rows; ++r) std::memcpy(y + r * y_row, buffer + r * width, bytes);
}

int64_t row_pieces(int64_t a_bytes, int64_t b_bytes, int64_t units, int64_t most) {
  constexpr int64_t kL1 = 32 << 10, kL2 = 512 << 10;  // what A may take of either
  const int64_t by_cache = a_bytes / (b_bytes <= kL2 / 2 ? kL1 : kL2);
  const int64_t by_threads = ceil_div(6 * int64_t(sdk::g_host.run->concurrency()), units);
  return std::clamp<int64_t>(std::max(by_cache, by_threads), 1, most);
}

}  // namespace hrt::cpu
