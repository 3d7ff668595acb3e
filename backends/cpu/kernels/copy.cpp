// SPDX-License-Identifier: Apache-2.0
// Three inner loops: rows contiguous on both sides (memcpy), transposition of two axes of which each is
// contiguous on one side (tiles of 16 x 16, so that every cache line that is touched is used whole
// while it is in L1; 4-byte elements go through 4 x 4 register transposes), and anything else (one
// element at a time).
#include "backends/cpu/kernels/copy.h"

#include <cstring>

#include "backends/cpu/simd.h"

namespace hrt::cpu {
namespace {

struct Wide {
  uint64_t low, high;
};

template <class T>
HWY_INLINE void copy_one(const std::byte* x, std::byte* y) {
  T v;
  std::memcpy(&v, x, sizeof(T));
  std::memcpy(y, &v, sizeof(T));
}

// Calls f with a type of that many bytes.
template <class F>
HWY_INLINE void with_width(size_t width, F&& f) {
  switch (width) {
    case 1: return f(uint8_t{});
    case 2: return f(uint16_t{});
    case 4: return f(uint32_t{});
    case 8: return f(uint64_t{});
    default: return f(Wide{});
  }
}

// ------------------------------------------------------------------------------- transposition

constexpr int64_t kTile = 16;

// y[i * to + j] = x[j * from + i], 0 <= i < rows, 0 <= j < columns; strides in bytes.
template <class T>
HWY_INLINE void transpose_plain(const std::byte* x, int64_t from, std::byte* y, int64_t to, int64_t rows,
                                int64_t columns) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      copy_one<T>(x + j * from + i * int64_t(sizeof(T)), y + i * to + j * int64_t(sizeof(T)));
}

HWY_INLINE void transpose_4x4(const std::byte* x, int64_t from, std::byte* y, int64_t to) {
  constexpr hn::FixedTag<uint32_t, 4> d;
  const auto load = [&](int64_t j) { return hn::LoadU(d, reinterpret_cast<const uint32_t*>(x + j * from)); };
  const auto r0 = load(0), r1 = load(1), r2 = load(2), r3 = load(3);
  const auto a0 = hn::InterleaveLower(d, r0, r2), a1 = hn::InterleaveUpper(d, r0, r2);
  const auto b0 = hn::InterleaveLower(d, r1, r3), b1 = hn::InterleaveUpper(d, r1, r3);
  const auto store = [&](int64_t i, auto v) { hn::StoreU(v, d, reinterpret_cast<uint32_t*>(y + i * to)); };
  store(0, hn::InterleaveLower(d, a0, b0));
  store(1, hn::InterleaveUpper(d, a0, b0));
  store(2, hn::InterleaveLower(d, a1, b1));
  store(3, hn::InterleaveUpper(d, a1, b1));
}

template <class T>
void transpose_tile(const std::byte* x, int64_t from, std::byte* y, int64_t to, int64_t rows,
                    int64_t columns) {
  if constexpr (sizeof(T) == 4) {
    if (rows == kTile && columns == kTile) {
      for (int64_t i = 0; i < kTile; i += 4)
        for (int64_t j = 0; j < kTile; j += 4)
          transpose_4x4(x + j * from + i * 4, from, y + i * to + j * 4, to);
      return;
    }
  }
  transpose_plain<T>(x, from, y, to, rows, columns);
}

// ---------------------------------------------------------------------------------- the outer axes

struct Place {
  int64_t from, to;  // bytes
};

// Walks over the axes that are not in the inner box: where the box begins, from one index to the next.
class Walk {
 public:
  Walk(const Copy& c, int64_t index, int skip_a, int skip_b) {
    for (int d = c.rank - 1; d >= 0; --d) {
      if (d == skip_a || d == skip_b) continue;
      const Axis a{c.size[d], index % c.size[d], c.from[d] * int64_t(c.width), c.to[d] * int64_t(c.width)};
      index /= c.size[d];
      place_.from += a.at * a.from;
      place_.to += a.at * a.to;
      axes_[count_++] = a;
    }
  }
  Place operator*() const { return place_; }
  void next() {
    for (int i = 0; i < count_; ++i) {
      Axis& a = axes_[i];
      place_.from += a.from;
      place_.to += a.to;
      if (++a.at < a.size) return;
      place_.from -= a.size * a.from;
      place_.to -= a.size * a.to;
      a.at = 0;
    }
  }

 private:
  struct Axis {
    int64_t size, at, from, to;  // strides in bytes
  };
  Axis axes_[Copy::kMaxAxes];  // innermost first
  int count_ = 0;
  Place place_{0, 0};
};

int64_t outer_count(const Copy& c, int skip_a, int skip_b) {
  int64_t n = 1;
  for (int d = 0; d < c.rank; ++d)
    if (d != skip_a && d != skip_b) n *= c.size[d];
  return n;
}

// Rows cut into pieces of at most kPiece elements.
template <class F>
void for_pieces(const Copy& c, double ns_each, F&& f) {
  constexpr int64_t kPiece = 4096;
  const int last = c.rank - 1;
  const int64_t n = c.size[last], pieces = ceil_div(n, kPiece);
  parallel(outer_count(c, last, last) * pieces, ns_each * double(std::min(n, kPiece)) + 3,
           [&](int64_t begin, int64_t end) {
             Walk walk(c, begin / pieces, last, last);
             int64_t piece = begin % pieces;
             for (int64_t i = begin; i < end; ++i) {
               const int64_t start = piece * kPiece;
               Place p = *walk;
               p.from += start * c.from[last] * int64_t(c.width);
               p.to += start * c.to[last] * int64_t(c.width);
               f(p, std::min(kPiece, n - start));
               if (++piece < pieces) continue;
               piece = 0;
               walk.next();
             }
           });
}

void copy_rows(const Copy& c, const std::byte* x, std::byte* y) {
  for_pieces(c, 0.05 * double(c.width),
             [&](Place p, int64_t n) { std::memcpy(y + p.to, x + p.from, size_t(n) * c.width); });
}

void copy_strided(const Copy& c, const std::byte* x, std::byte* y) {
  const int last = c.rank - 1;
  const int64_t from = c.from[last] * int64_t(c.width), to = c.to[last] * int64_t(c.width);
  with_width(c.width, [&](auto element) {
    using T = decltype(element);
    for_pieces(c, 0.5, [&](Place p, int64_t n) {
      const std::byte* s = x + p.from;
      std::byte* t = y + p.to;
      if (to == int64_t(sizeof(T)) && from == 0)
        for (int64_t i = 0; i < n; ++i) copy_one<T>(s, t + i * int64_t(sizeof(T)));
      else
        for (int64_t i = 0; i < n; ++i) copy_one<T>(s + i * from, t + i * to);
    });
  });
}

// Axis a is contiguous in the source, the last axis in the target.
void copy_transposed(const Copy& c, int a, const std::byte* x, std::byte* y) {
  const int last = c.rank - 1;
  const int64_t width = int64_t(c.width), from = c.from[last] * width, to = c.to[a] * width;
  const int64_t rows = c.size[a], columns = c.size[last], bands = ceil_div(rows, kTile);
  with_width(c.width, [&](auto element) {
    using T = decltype(element);
    parallel(outer_count(c, a, last) * bands, double(columns * std::min(rows, kTile)) * 0.3 + 5,
             [&](int64_t begin, int64_t end) {
               for (int64_t b = begin; b < end; ++b) {
                 const Place p = *Walk(c, b / bands, a, last);
                 const int64_t i = b % bands * kTile, height = std::min(kTile, rows - i);
                 for (int64_t j = 0; j < columns; j += kTile)
                   transpose_tile<T>(x + p.from + i * width + j * from, from, y + p.to + i * to + j * width,
                                     to, height, std::min(kTile, columns - j));
               }
             });
  });
}

// Takes the innermost axis into the element where that gives a wider one.
void widen(Copy& c) {
  if (c.rank < 2 || c.from[c.rank - 1] != 1 || c.to[c.rank - 1] != 1) return;
  const int64_t n = c.size[c.rank - 1], bytes = n * int64_t(c.width);
  if (bytes > 16 || (bytes & (bytes - 1))) return;
  for (int d = 0; d + 1 < c.rank; ++d)
    if (c.from[d] % n || c.to[d] % n) return;
  --c.rank;
  c.width = size_t(bytes);
  for (int d = 0; d < c.rank; ++d) {
    c.from[d] /= n;
    c.to[d] /= n;
  }
}

}  // namespace

Dims strides_of(std::span<const int64_t> dims) {
  Dims s(dims.size());
  int64_t stride = 1;
  for (size_t d = dims.size(); d-- > 0;) {
    s[d] = stride;
    stride *= dims[d];
  }
  return s;
}

Copy make_copy(std::span<const int64_t> size, std::span<const int64_t> from, std::span<const int64_t> to,
               size_t width) {
  Copy c;
  c.width = width;
  c.empty = std::find(size.begin(), size.end(), 0) != size.end();
  if (c.empty) return c;
  for (size_t d = 0; d < size.size(); ++d) {
    if (size[d] == 1) continue;
    // Insertion by falling distance in the target.
    int at = c.rank++;
    for (; at > 0 && c.to[at - 1] < to[d]; --at) {
      c.size[at] = c.size[at - 1];
      c.from[at] = c.from[at - 1];
      c.to[at] = c.to[at - 1];
    }
    c.size[at] = size[d];
    c.from[at] = from[d];
    c.to[at] = to[d];
  }
  if (c.rank == 0) {
    c.rank = 1;
    c.size[0] = c.from[0] = c.to[0] = 1;
  }
  int top = 0;
  for (int d = 1; d < c.rank; ++d) {
    if (c.from[top] == c.from[d] * c.size[d] && c.to[top] == c.to[d] * c.size[d]) {
      c.size[top] *= c.size[d];
    } else {
      ++top;
      c.size[top] = c.size[d];
    }
    c.from[top] = c.from[d];
    c.to[top] = c.to[d];
  }
  c.rank = top + 1;
  widen(c);
  return c;
}

void run_copy(const Copy& c, const void* x, void* y) {
  if (c.empty) return;
  const auto* from = static_cast<const std::byte*>(x);
  auto* to = static_cast<std::byte*>(y);
  const int last = c.rank - 1;
  if (c.from[last] == 1 && c.to[last] == 1) return copy_rows(c, from, to);
  if (c.to[last] == 1)
    for (int d = 0; d < last; ++d)
      if (c.from[d] == 1) return copy_transposed(c, d, from, to);
  copy_strided(c, from, to);
}

}  // namespace hrt::cpu
