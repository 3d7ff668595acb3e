// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution: every lane is a channel of its own. The output is cut into rectangles in which
// the taps inside the input are the same; in each, runs of up to kRun neighbours (along a row, or down
// a column where the rectangle is one column wide) share the load of each weight, and along a row at
// stride 1 that of the inputs under several of them, too.
#include <array>
#include <memory>
#include <utility>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/tile.h"

namespace hrt::cpu {
namespace {

constexpr int kRun = kRegisters == 32 ? 8 : 4;  // accumulators, inputs under them and weights in registers

// A range of outputs along one dim, and the taps that fall inside the input for all of them.
struct Band {
  int64_t begin, end, tap_begin, tap_end;
};

std::vector<Band> make_bands(const Window& w, size_t dim, int64_t in, int64_t out) {
  std::vector<Band> bands;
  for (int64_t i = 0; i < out; ++i) {
    const int64_t origin = i * w.stride[dim] - w.begin[dim];
    const int64_t first = w.first_tap(int(dim), origin), last = w.last_tap(int(dim), origin, in);
    if (!bands.empty() && bands.back().tap_begin == first && bands.back().tap_end == last)
      ++bands.back().end;
    else
      bands.push_back({i, i + 1, first, std::max(first, last)});
  }
  return bands;
}

// R outputs, and the taps that they see.
struct Run {
  const float* x;  // under tap 0 of output 0; may lie outside of the input
  int64_t x_next;  // floats to the next output's
  const float* w;
  const float* z;
  float* y;  // of output 0
  int64_t y_next;
  Band d, h, w_band;
};

struct Depthwise {
  ConvWeights w;
  ConvShape s;
  Epilogue e;
  std::vector<Band> bands_d, bands_h, bands_w;

  void run(const ConvOperands& o) const;
  void run_rows(const ConvOperands& o, int64_t plane, int64_t od, int64_t row_begin, int64_t row_end) const;

  // Calls f(input, weights) for each row of taps.
  template <class F>
  void tap_rows(const Run& r, F&& f) const {
    const Dims3& dilation = s.window.dilation;
    for (int64_t kd = r.d.tap_begin; kd < r.d.tap_end; ++kd)
      for (int64_t kh = r.h.tap_begin; kh < r.h.tap_end; ++kh)
        f(r.x + (kd * dilation[0] * s.in[1] + kh * dilation[1]) * s.in[2] * kLanes,
          r.w + (kd * w.kernel[1] + kh) * w.kernel[2] * kLanes);
  }
};

template <int R>
HWY_INLINE void start(const Run& r, const float* bias, Vec (&acc)[R]) {
  const Vec b = bias ? hn::LoadU(f32, bias) : hn::Zero(f32);
  unroll<R>([&](auto i) { acc[i] = b; });
  if (r.z) unroll<R>([&](auto i) { acc[i] = hn::Add(acc[i], hn::LoadU(f32, r.z + int64_t(i) * r.y_next)); });
}

template <int R>
HWY_INLINE void finish(const Run& r, const Epilogue& e, const Vec (&acc)[R]) {
  const Vec lo = hn::Set(f32, e.lo), hi = hn::Set(f32, e.hi);
  unroll<R>([&](auto i) { hn::StoreU(hn::Min(hi, hn::Max(lo, acc[i])), f32, r.y + int64_t(i) * r.y_next); });
}

// Any taps, any direction.
template <int R>
void sum_any(const Depthwise& c, const Run& r, const float* bias) {
  Vec acc[R];
  start(r, bias, acc);
  const int64_t step = c.s.window.dilation[2] * kLanes;
  c.tap_rows(r, [&](const float* x, const float* w) {
    for (int64_t k = r.w_band.tap_begin; k < r.w_band.tap_end; ++k) {
      const Vec weight = hn::LoadU(f32, w + k * kLanes);
      const float* p = x + k * step;
      unroll<R>(
          [&](auto i) { acc[i] = hn::MulAdd(hn::LoadU(f32, p + int64_t(i) * r.x_next), weight, acc[i]); });
    }
  });
  finish(r, c.e, acc);
}

// All K taps of a dense window, along a row.
template <int R, int K, int Stride>
void sum_row(const Depthwise& c, const Run& r, const float* bias) {
  Vec acc[R];
  start(r, bias, acc);
  c.tap_rows(r, [&](const float* x, const float* w) {
    Vec weight[K];
    unroll<K>([&](auto k) { weight[k] = hn::LoadU(f32, w + int64_t(k) * kLanes); });
    unroll<(R - 1) * Stride + K>([&](auto j) {  // each input once, for every output that it is under
      const Vec v = hn::LoadU(f32, x + int64_t(j) * kLanes);
      unroll<K>([&](auto k) {
        constexpr int at = int(j) - int(k);
        if constexpr (at >= 0 && at % Stride == 0 && at / Stride < R)
          acc[at / Stride] = hn::MulAdd(v, weight[k], acc[at / Stride]);
      });
    });
  });
  finish(r, c.e, acc);
}

using Sum = void (*)(const Depthwise&, const Run&, const float* bias);
using Sums = std::array<Sum, kRun>;  // by length of the run, less 1

template <size_t... R>
constexpr Sums any_sums(std::index_sequence<R...>) {
  return {sum_any<int(R) + 1>...};
}
template <int K, int Stride, size_t... R>
constexpr Sums row_sums(std::index_sequence<R...>) {
  return {sum_row<int(R) + 1, K, Stride>...};
}
constexpr auto kRuns = std::make_index_sequence<kRun>();
constexpr Sums kAny = any_sums(kRuns);
constexpr Sums kRow[2][2] = {{row_sums<3, 1>(kRuns), row_sums<3, 2>(kRuns)},
                             {row_sums<5, 1>(kRuns), row_sums<5, 2>(kRuns)}};

const Sums& find_sums(const Window& w, const Band& band, bool down) {
  const int64_t k = w.kernel[2], stride = w.stride[2];
  const bool special = !down && (k == 3 || k == 5) && stride <= 2 && w.dilation[2] == 1;
  return special && band.tap_begin == 0 && band.tap_end == k ? kRow[k == 5][stride == 2] : kAny;
}

void Depthwise::run_rows(const ConvOperands& o, int64_t plane, int64_t od, int64_t row_begin,
                         int64_t row_end) const {
  const Window& win = s.window;
  const int64_t block = plane % w.out_blocks(), row_floats = s.out[2] * kLanes;
  const int64_t y_plane = (plane * s.out[0] + od) * s.out[1] * row_floats;
  const float* x_plane = o.x + plane * volume(s.in) * kLanes;
  const float* bias = o.bias ? o.bias + block * kLanes : nullptr;
  Run r{};
  r.w = o.w + block * volume(w.kernel) * kLanes;
  r.d = *std::find_if(bands_d.begin(), bands_d.end(), [&](const Band& b) { return od < b.end; });
  // `count` outputs from (row, col) on, down a column or along a row.
  const auto line = [&](int64_t row, int64_t col, int64_t count, bool down) {
    const Sums& sums = find_sums(win, r.w_band, down);
    const int64_t pieces = ceil_div(count, kRun);
    r.x_next = (down ? win.stride[1] * s.in[2] : win.stride[2]) * kLanes;
    r.y_next = down ? row_floats : kLanes;
    for (int64_t i = 0; i < pieces; ++i) {
      const int64_t begin = count * i / pieces, end = count * (i + 1) / pieces;
      const int64_t oh = row + (down ? begin : 0), ow = col + (down ? 0 : begin);
      const int64_t id = od * win.stride[0] - win.begin[0], ih = oh * win.stride[1] - win.begin[1];
      r.x = x_plane + ((id * s.in[1] + ih) * s.in[2] + ow * win.stride[2] - win.begin[2]) * kLanes;
      const int64_t y = y_plane + oh * row_floats + ow * kLanes;
      r.y = o.y + y;
      r.z = o.z ? o.z + y : nullptr;
      sums[size_t(end - begin - 1)](*this, r, bias);
    }
  };
  for (const Band& h : bands_h) {
    const int64_t r0 = std::max(h.begin, row_begin), r1 = std::min(h.end, row_end);
    r.h = h;
    for (const Band& b : bands_w) {
      r.w_band = b;
      if (b.end - b.begin == 1) {
        if (r0 < r1) line(r0, b.begin, r1 - r0, true);
        continue;
      }
      for (int64_t row = r0; row < r1; ++row) line(row, b.begin, b.end - b.begin, false);
    }
  }
  if (e.after.kind != Activation::kIdentity)
    apply_activation(e.after, o.y + y_plane + row_begin * row_floats, (row_end - row_begin) * row_floats);
}

void Depthwise::run(const ConvOperands& o) const {
  constexpr int64_t kRows = 14;  // of the output, in one piece of work
  const int64_t pieces = ceil_div(s.out[1], kRows), planes = s.batch * w.out_blocks();
  const double fmas = double(kRows * s.out[2] * kLanes * volume(w.kernel));
  parallel(planes * s.out[0] * pieces, fmas * kNsPerFma * 2, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i % pieces * kRows;
      run_rows(o, i / (pieces * s.out[0]), i / pieces % s.out[0], row, std::min(row + kRows, s.out[1]));
    }
  });
}

size_t packed_floats(const ConvWeights& w) { return size_t(w.out_blocks() * volume(w.kernel) * kLanes); }

void pack(const ConvWeights& w, const float* from, float* to) {
  const int64_t taps = volume(w.kernel);
  for (int64_t c = 0; c < w.oc; ++c)
    for (int64_t t = 0; t < taps; ++t) to[(c / kLanes * taps + t) * kLanes + c % kLanes] = from[c * taps + t];
}

ConvStep prepare(const ConvWeights& w, const ConvShape& s, const Epilogue& e) {
  auto conv = std::make_shared<Depthwise>(Depthwise{w, s, e, {}, {}, {}});
  conv->bands_d = make_bands(s.window, 0, s.in[0], s.out[0]);
  conv->bands_h = make_bands(s.window, 1, s.in[1], s.out[1]);
  conv->bands_w = make_bands(s.window, 2, s.in[2], s.out[2]);
  return {[conv](const ConvOperands& o) { conv->run(o); }, 0};
}

}  // namespace

const ConvAlgorithm kConvDepthwise = {"depthwise", Layout::kBlocked, packed_floats, pack, prepare};

}  // namespace hrt::cpu
