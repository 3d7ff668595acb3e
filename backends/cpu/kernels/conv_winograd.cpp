// SPDX-License-Identifier: Apache-2.0
// 3x3 convolution of stride 1 by Winograd's minimal filtering (A. Lavin, S. Gray, "Fast Algorithms for
// Convolutional Neural Networks", 2015): tiles of M x M outputs are computed from N x N inputs, N = M + 2,
// by products of N^2 instead of 9 M^2, as
//
//     Y = A' [ (G g G') o (B' d B) ] A
//
// where the sum over channels of the element-wise product is one matrix product for each of the N^2
// frequencies, on register tiles (tile.h). Points are 0, 1, -1, infinity for M = 2, also 2, -2 for M = 4, and
// also 1/2, -1/2 for M = 6. Results differ from direct sums by a few 1e-6 of the largest products: see
// choose() in conv.cpp.
#include <memory>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/tile.h"

namespace hrt::cpu {
namespace {

// One dim of the transforms, on vectors; and G.
template <int M>
struct Transform;

template <>
struct Transform<2> {
  static constexpr double kG[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  static HWY_INLINE void input(const Vec (&d)[4], Vec (&r)[4]) {
    r[0] = hn::Sub(d[0], d[2]);
    r[1] = hn::Add(d[1], d[2]);
    r[2] = hn::Sub(d[2], d[1]);
    r[3] = hn::Sub(d[1], d[3]);
  }
  static HWY_INLINE void output(const Vec (&m)[4], Vec (&y)[2]) {
    y[0] = hn::Add(m[0], hn::Add(m[1], m[2]));
    y[1] = hn::Sub(hn::Sub(m[1], m[2]), m[3]);
  }
};

template <>
struct Transform<4> {
  static constexpr double kG[6][3] = {{1.0 / 4, 0, 0},
                                      {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                      {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                      {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                      {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                      {0, 0, 1}};
  static HWY_INLINE void input(const Vec (&d)[6], Vec (&r)[6]) {
    const Vec four = hn::Set(f32, 4.0f), five = hn::Set(f32, 5.0f);
    r[0] = hn::MulAdd(four, d[0], hn::NegMulAdd(five, d[2], d[4]));
    r[5] = hn::MulAdd(four, d[1], hn::NegMulAdd(five, d[3], d[5]));
    pair(hn::NegMulAdd(four, d[2], d[4]), hn::NegMulAdd(four, d[1], d[3]), r[1], r[2]);
    const Vec odd = hn::Sub(d[3], d[1]);
    pair(hn::Sub(d[4], d[2]), hn::Add(odd, odd), r[3], r[4]);
  }
  static HWY_INLINE void output(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec a = hn::Add(m[1], m[2]), b = hn::Sub(m[1], m[2]), c = hn::Add(m[3], m[4]),
              d = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(hn::Add(m[0], a), c);
    y[1] = hn::MulAdd(hn::Set(f32, 2.0f), d, b);
    y[2] = hn::MulAdd(hn::Set(f32, 4.0f), c, a);
    y[3] = hn::Add(m[5], hn::MulAdd(hn::Set(f32, 8.0f), d, b));
  }
  static HWY_INLINE void pair(Vec even, Vec odd, Vec& plus, Vec& minus) {
    plus = hn::Add(even, odd);
    minus = hn::Sub(even, odd);
  }
};

template <>
struct Transform<6> {
  static constexpr double kG[8][3] = {{1, 0, 0},
                                      {-2.0 / 9, -2.0 / 9, -2.0 / 9},
                                      {-2.0 / 9, 2.0 / 9, -2.0 / 9},
                                      {1.0 / 90, 1.0 / 45, 2.0 / 45},
                                      {1.0 / 90, -1.0 / 45, 2.0 / 45},
                                      {32.0 / 45, 16.0 / 45, 8.0 / 45},
                                      {32.0 / 45, -16.0 / 45, 8.0 / 45},
                                      {0, 0, 1}};
  static HWY_INLINE void input(const Vec (&d)[8], Vec (&r)[8]) {
    const auto times = [](float f, Vec v) { return hn::Mul(hn::Set(f32, f), v); };
    const auto plus = [](Vec sum, float f, Vec v) { return hn::MulAdd(hn::Set(f32, f), v, sum); };
    r[0] = plus(hn::Sub(d[0], d[6]), 5.25f, hn::Sub(d[4], d[2]));
    r[7] = plus(hn::Sub(d[7], d[1]), 5.25f, hn::Sub(d[3], d[5]));
    const auto pair = Transform<4>::pair;
    pair(plus(hn::Add(d[2], d[6]), -4.25f, d[4]), plus(hn::Add(d[1], d[5]), -4.25f, d[3]), r[1], r[2]);
    pair(plus(plus(d[6], 0.25f, d[2]), -1.25f, d[4]), plus(plus(times(0.5f, d[1]), -2.5f, d[3]), 2.0f, d[5]),
         r[3], r[4]);
    pair(plus(plus(d[6], 4.0f, d[2]), -5.0f, d[4]), plus(plus(times(2.0f, d[1]), -2.5f, d[3]), 0.5f, d[5]),
         r[5], r[6]);
  }
  static HWY_INLINE void output(const Vec (&m)[8], Vec (&y)[6]) {
    const auto plus = [](Vec sum, float f, Vec v) { return hn::MulAdd(hn::Set(f32, f), v, sum); };
    const Vec a = hn::Add(m[1], m[2]), b = hn::Sub(m[1], m[2]), c = hn::Add(m[3], m[4]),
              d = hn::Sub(m[3], m[4]), e = hn::Add(m[5], m[6]), f = hn::Sub(m[5], m[6]);
    y[0] = hn::Add(hn::Add(m[0], a), hn::Add(c, e));
    y[1] = plus(plus(b, 2.0f, d), 1.0f / 2, f);
    y[2] = plus(plus(a, 4.0f, c), 1.0f / 4, e);
    y[3] = plus(plus(b, 8.0f, d), 1.0f / 8, f);
    y[4] = plus(plus(a, 16.0f, c), 1.0f / 16, e);
    y[5] = plus(plus(hn::Add(m[7], b), 32.0f, d), 1.0f / 32, f);
  }
};

template <int M>
struct Winograd {
  static constexpr int N = M + 2, kFrequencies = N * N;

  ConvWeights w;
  ConvShape s;
  Epilogue e;
  int64_t tiles_h, tiles_w;
  int64_t block;  // tiles that are in flight together
  std::vector<Segment> segments;

  Winograd(const ConvWeights& weights, const ConvShape& shape, const Epilogue& epilogue);
  int64_t ic_blocks() const { return ceil_div(w.ic(), kLanes); }
  int64_t tiles() const { return s.batch * tiles_h * tiles_w; }
  // The workspace: transformed input and products, both [frequency][block of channels][tile][lane].
  size_t v_floats() const { return size_t(kFrequencies * ic_blocks() * block * kLanes); }
  size_t m_floats() const { return size_t(kFrequencies * w.out_blocks() * block * kLanes); }
  void run(const ConvOperands& o) const;

 private:
  struct At {  // a tile: image, and first output row and column
    int64_t image, h, w;
  };
  At locate(int64_t tile) const {
    const int64_t per_image = tiles_h * tiles_w, in_image = tile % per_image;
    return {tile / per_image, in_image / tiles_w * M, in_image % tiles_w * M};
  }
  void transform_input(const float* x, int64_t tile, int64_t channels, float* v, int64_t step) const;
  void multiply(const float* u, int64_t frequency, int64_t panel, int64_t count, const float* v,
                float* m) const;
  void transform_output(const ConvOperands& o, int64_t tile, int64_t channels, const float* m,
                        int64_t step) const;
};

template <int M>
Winograd<M>::Winograd(const ConvWeights& weights, const ConvShape& shape, const Epilogue& epilogue)
    : w(weights), s(shape), e(epilogue), tiles_h(ceil_div(s.out[1], M)), tiles_w(ceil_div(s.out[2], M)) {
  constexpr int64_t kBytes = 1 << 20;  // of transformed tiles: about L2
  const int64_t bytes = kFrequencies * (ic_blocks() + w.out_blocks()) * kLanes * 4;
  const int64_t wanted = std::max<int64_t>(kBytes / bytes, 24);
  block = ceil_div(tiles(), std::max<int64_t>(1, ceil_div(tiles(), wanted)));
  for (int64_t c = 0; c < w.ic(); c += kLanes)
    segments.push_back({c * block, std::min<int64_t>(kLanes, w.ic() - c)});
}

template <int M>
void Winograd<M>::transform_input(const float* x, int64_t tile, int64_t channels, float* v,
                                  int64_t step) const {
  const At at = locate(tile);
  const int64_t h0 = at.h - s.window.begin[1], w0 = at.w - s.window.begin[2], height = s.in[1],
                width = s.in[2];
  const float* plane = x + (at.image * ic_blocks() + channels) * height * width * kLanes;
  HWY_ALIGN float patch[N * N * kLanes];
  const float* from = plane + (h0 * width + w0) * kLanes;
  int64_t row = width * kLanes;
  if (h0 < 0 || w0 < 0 || h0 + N > height || w0 + N > width) {
    for (int64_t i = 0; i < N; ++i)
      for (int64_t j = 0; j < N; ++j) {
        const int64_t h = h0 + i, c = w0 + j;
        const bool inside = h >= 0 && h < height && c >= 0 && c < width;
        const Vec value = inside ? hn::LoadU(f32, plane + (h * width + c) * kLanes) : hn::Zero(f32);
        hn::Store(value, f32, patch + (i * N + j) * kLanes);
      }
    from = patch;
    row = N * kLanes;
  }
  HWY_ALIGN float half[N * N * kLanes];  // transformed along rows; [column][row]
  for (int64_t i = 0; i < N; ++i) {
    Vec d[N], r[N];
    unroll<N>([&](auto j) { d[j] = hn::LoadU(f32, from + i * row + int64_t(j) * kLanes); });
    Transform<M>::input(d, r);
    unroll<N>([&](auto j) { hn::Store(r[j], f32, half + (int64_t(j) * N + i) * kLanes); });
  }
  for (int64_t j = 0; j < N; ++j) {
    Vec d[N], r[N];
    unroll<N>([&](auto i) { d[i] = hn::Load(f32, half + (j * N + int64_t(i)) * kLanes); });
    Transform<M>::input(d, r);
    unroll<N>([&](auto i) { hn::StoreU(r[i], f32, v + (int64_t(i) * N + j) * step); });
  }
}

template <int M>
void Winograd<M>::multiply(const float* u, int64_t frequency, int64_t panel, int64_t count, const float* v,
                           float* m) const {
  const Panels panels{w.out_blocks()};
  const int64_t first = panels.first(panel);
  const int vectors = panels.width(panel);
  Tile t{};
  t.a_row = kLanes;
  t.segments = segments.data();
  t.segment_count = int64_t(segments.size());
  t.b = u + (frequency * w.out_blocks() + first) * w.ic() * kLanes;
  t.b_row = vectors * kLanes;
  t.c_row = kLanes;
  t.c_vec = block * kLanes;
  t.lo = Epilogue::none().lo;
  t.hi = Epilogue::none().hi;
  v += frequency * ic_blocks() * block * kLanes;
  m += (frequency * w.out_blocks() + first) * block * kLanes;
  const int64_t pieces = ceil_div(count, best_rows(vectors, kLanes));
  for (int64_t i = 0; i < pieces; ++i) {
    const int64_t r0 = count * i / pieces, r1 = count * (i + 1) / pieces;
    t.a = v + r0 * kLanes;
    t.c = m + r0 * kLanes;
    t.ahead = next_panel(t.b, t.b_row, w.ic(), i);
    tile_fn(vectors, int(r1 - r0), kLanes)(t);
  }
}

template <int M>
void Winograd<M>::transform_output(const ConvOperands& o, int64_t tile, int64_t channels, const float* m,
                                   int64_t step) const {
  HWY_ALIGN float half[M * N * kLanes];  // [row][column]
  for (int64_t j = 0; j < N; ++j) {
    Vec d[N], r[M];
    unroll<N>([&](auto i) { d[i] = hn::LoadU(f32, m + (int64_t(i) * N + j) * step); });
    Transform<M>::output(d, r);
    unroll<M>([&](auto i) { hn::Store(r[i], f32, half + (int64_t(i) * N + j) * kLanes); });
  }
  const At at = locate(tile);
  const int64_t height = std::min<int64_t>(M, s.out[1] - at.h), width = std::min<int64_t>(M, s.out[2] - at.w);
  const int64_t y = (((at.image * w.out_blocks() + channels) * s.out[1] + at.h) * s.out[2] + at.w) * kLanes;
  const Vec bias = o.bias ? hn::LoadU(f32, o.bias + channels * kLanes) : hn::Zero(f32);
  const Vec lo = hn::Set(f32, e.lo), hi = hn::Set(f32, e.hi);
  for (int64_t i = 0; i < height; ++i) {
    Vec d[N], r[M];
    unroll<N>([&](auto j) { d[j] = hn::Load(f32, half + (i * N + int64_t(j)) * kLanes); });
    Transform<M>::output(d, r);
    const int64_t row = y + i * s.out[2] * kLanes;
    unroll<M>([&](auto j) {
      if (int64_t(j) >= width) return;
      const int64_t p = row + int64_t(j) * kLanes;
      Vec value = hn::Add(r[j], bias);
      if (o.z) value = hn::Add(value, hn::LoadU(f32, o.z + p));
      hn::StoreU(hn::Min(hi, hn::Max(lo, value)), f32, o.y + p);
    });
    if (e.after.kind != Activation::kIdentity) apply_activation(e.after, o.y + row, width * kLanes);
  }
}

template <int M>
void Winograd<M>::run(const ConvOperands& o) const {
  float* const v = reinterpret_cast<float*>(o.workspace);
  float* const m = v + v_floats();
  const int64_t in = ic_blocks(), out = w.out_blocks(), panels = Panels{out}.count();
  constexpr double kNsPerTransform = kFrequencies * 2.0;
  for (int64_t t0 = 0; t0 < tiles(); t0 += block) {
    const int64_t count = std::min(block, tiles() - t0);
    parallel(in * count, kNsPerTransform, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        transform_input(o.x, t0 + i % count, i / count, v + (i / count * block + i % count) * kLanes,
                        in * block * kLanes);
    });
    const double fmas = double(count * w.ic()) * double(out * kLanes) / double(panels);
    parallel(kFrequencies * panels, fmas * kNsPerFma, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) multiply(o.w, i / panels, i % panels, count, v, m);
    });
    parallel(out * count, kNsPerTransform, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        transform_output(o, t0 + i % count, i / count, m + (i / count * block + i % count) * kLanes,
                         out * block * kLanes);
    });
  }
}

template <int M>
size_t packed_floats(const ConvWeights& w) {
  return size_t(Winograd<M>::kFrequencies * w.out_blocks() * w.ic() * kLanes);
}

// U: [frequency][panel][input channel][output channel of the panel].
template <int M>
void pack(const ConvWeights& w, const float* from, float* to) {
  constexpr int N = M + 2;
  const auto& g = Transform<M>::kG;
  const Panels panels{w.out_blocks()};
  parallel(
      panels.count() * w.ic(), double(kMaxVectors * kLanes * N * N) * 2, [&](int64_t begin, int64_t end) {
        for (int64_t job = begin; job < end; ++job) {
          const int64_t panel = job / w.ic(), c = job % w.ic(), first = panels.first(panel);
          const int64_t width = panels.width(panel) * kLanes;
          for (int64_t i = 0; i < std::min(width, w.oc - first * kLanes); ++i) {
            const float* k = from + ((first * kLanes + i) * w.ic() + c) * 9;
            double half[N][3];
            for (int a = 0; a < N; ++a)
              for (int b = 0; b < 3; ++b)
                half[a][b] = g[a][0] * double(k[b]) + g[a][1] * double(k[3 + b]) + g[a][2] * double(k[6 + b]);
            for (int a = 0; a < N; ++a)
              for (int b = 0; b < N; ++b)
                to[((a * N + b) * w.out_blocks() + first) * w.ic() * kLanes + c * width + i] =
                    float(half[a][0] * g[b][0] + half[a][1] * g[b][1] + half[a][2] * g[b][2]);
          }
        }
      });
}

template <int M>
ConvStep prepare(const ConvWeights& w, const ConvShape& s, const Epilogue& e) {
  auto conv = std::make_shared<const Winograd<M>>(w, s, e);
  return {[conv](const ConvOperands& o) { conv->run(o); },
          (conv->v_floats() + conv->m_floats()) * sizeof(float)};
}

}  // namespace

const ConvAlgorithm kConvWinograd2 = {"Winograd F(2, 3)", Layout::kBlocked, packed_floats<2>, pack<2>,
                                      prepare<2>};
const ConvAlgorithm kConvWinograd4 = {"Winograd F(4, 3)", Layout::kBlocked, packed_floats<4>, pack<4>,
                                      prepare<4>};
const ConvAlgorithm kConvWinograd6 = {"Winograd F(6, 3)", Layout::kBlocked, packed_floats<6>, pack<6>,
                                      prepare<6>};

}  // namespace hrt::cpu
