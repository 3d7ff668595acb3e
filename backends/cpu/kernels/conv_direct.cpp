// SPDX-License-Identifier: Apache-2.0
// Direct convolution on register tiles (tile.h): rows are neighbouring output pixels, columns are
// channels, and the k of a tile are the taps of the window times the input channels, one segment for
// each tap and block of channels. A 1x1 convolution is then a plain matrix product. Padding is
// materialised first, so that all tiles are alike: a copy that costs a few percent of the sums.
//
// Groups whose channels do not fill whole blocks are computed as blocks of a block-diagonal matrix.
#include <cstring>
#include <memory>

#include "backends/cpu/kernels/conv.h"
#include "backends/cpu/kernels/tile.h"

namespace hrt::cpu {
namespace {

// Blocks of output channels that are computed together, and the input channels that they need.
struct Panel {
  int64_t block;  // first output block
  int vectors;    // blocks
  int64_t ic_begin, ic_end;
  int64_t packed;  // floats before this panel's weights
  int64_t k;       // rows of weights
};

std::vector<Panel> make_panels(const ConvWeights& w) {
  std::vector<Panel> panels;
  int64_t packed = 0;
  const int64_t taps = volume(w.kernel);
  const auto add = [&](int64_t block, int64_t vectors, int64_t ic_begin, int64_t ic_end) {
    const int64_t k = (ic_end - ic_begin) * taps;
    panels.push_back({block, int(vectors), ic_begin, ic_end, packed, k});
    packed += k * vectors * kLanes;
  };
  if (w.group > 1 && w.group_oc() % kLanes != 0) {
    for (int64_t b = 0; b < w.out_blocks(); ++b) {
      const int64_t first = b * kLanes, last = std::min(first + kLanes, w.oc) - 1;
      add(b, 1, first / w.group_oc() * w.group_ic, (last / w.group_oc() + 1) * w.group_ic);
    }
    return panels;
  }
  const Panels cut{w.group > 1 ? w.group_oc() / kLanes : w.out_blocks()};
  for (int64_t g = 0; g < w.group; ++g)
    for (int64_t i = 0; i < cut.count(); ++i)
      add(g * cut.vectors + cut.first(i), cut.width(i), g * w.group_ic, (g + 1) * w.group_ic);
  return panels;
}

// Calls f(first channel, channels, tap) in the order in which weights lie: with blocked input the
// channels of one block at one tap, with plain input one channel at one tap.
template <class F>
void for_each_run(const Panel& p, int64_t taps, bool plain, F&& f) {
  const int64_t step = plain ? 1 : kLanes;
  for (int64_t c = p.ic_begin; c < p.ic_end;) {
    const int64_t end = std::min((c / step + 1) * step, p.ic_end);
    for (int64_t t = 0; t < taps; ++t) f(c, end - c, t);
    c = end;
  }
}

size_t packed_floats(const ConvWeights& w) {
  size_t n = 0;
  for (const Panel& p : make_panels(w)) n += size_t(p.k * p.vectors * kLanes);
  return n;
}

template <bool Plain>
void pack(const ConvWeights& w, const float* from, float* to) {
  const int64_t taps = volume(w.kernel);
  for (const Panel& p : make_panels(w)) {
    float* row = to + p.packed;
    for_each_run(p, taps, Plain, [&](int64_t c0, int64_t channels, int64_t tap) {
      for (int64_t c = c0; c < c0 + channels; ++c, row += p.vectors * kLanes)
        for (int64_t i = 0; i < p.vectors * kLanes; ++i) {
          const int64_t o = p.block * kLanes + i;
          if (o >= w.oc || c / w.group_ic != o / w.group_oc()) continue;
          row[i] = from[(o * w.group_ic + c % w.group_ic) * taps + tap];
        }
    });
  }
}

}  // namespace

void copy_padded(const float* x, float* to, int64_t planes, const Dims3& in, const Window& w,
                 const Dims3& padded, int64_t lanes) {
  const int64_t row = padded[2] * lanes;
  parallel(planes * padded[0] * padded[1], double(row) * 0.05, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t h = i % padded[1] - w.begin[1], d = i / padded[1] % padded[0] - w.begin[0];
      const int64_t plane = i / (padded[0] * padded[1]);
      float* out = to + i * row;
      if (h < 0 || h >= in[1] || d < 0 || d >= in[0]) {
        std::memset(out, 0, size_t(row) * sizeof(float));
        continue;
      }
      const size_t left = size_t(w.begin[2] * lanes), middle = size_t(in[2] * lanes);
      std::memset(out, 0, left * sizeof(float));
      std::memcpy(out + left, x + ((plane * in[0] + d) * in[1] + h) * in[2] * lanes, middle * sizeof(float));
      std::memset(out + left + middle, 0, (size_t(row) - left - middle) * sizeof(float));
    }
  });
}

namespace {

struct Direct {
  ConvWeights w;
  ConvShape s;
  Epilogue e;
  bool plain;
  Dims3 padded;         // dims of the input with its padding
  Dims3 origin;         // where the first window begins in it
  int64_t rows, width;  // output pixels: rows of them that tiles do not straddle
  std::vector<Panel> panels;
  struct Job {  // what a panel's tiles do
    std::vector<Segment> segments;
    std::vector<int64_t> k;  // rows of weights before each segment, and at the end
    int64_t k_blocks;        // passes over the tiles, each with weights that fit the cache
    int64_t tiles_per_row;
  };
  std::vector<Job> jobs;

  Direct(const ConvWeights& weights, const ConvShape& shape, const Epilogue& epilogue, bool plain_input);
  int64_t lanes() const { return plain ? 1 : kLanes; }
  int64_t planes() const { return plain ? w.ic() : ceil_div(w.ic(), kLanes); }
  size_t workspace() const {
    if (padded == s.in) return 0;
    return size_t(
        sdk::element_count(Dims{s.batch, planes(), padded[0], padded[1], padded[2], lanes(), sizeof(float)}));
  }
  Job make_job(const Panel& p) const;
  void run(const ConvOperands& o) const;
  void run_tiles(const ConvOperands& o, const float* x, int64_t image, size_t panel, int64_t begin,
                 int64_t end) const;
};

Direct::Direct(const ConvWeights& weights, const ConvShape& shape, const Epilogue& epilogue, bool plain_input)
    : w(weights), s(shape), e(epilogue), plain(plain_input) {
  const Window& win = s.window;
  for (size_t i = 0; i < 3; ++i) {
    padded[i] = s.in[i] + std::max<int64_t>(win.begin[i], 0) + std::max<int64_t>(win.end[i], 0);
    origin[i] = std::max<int64_t>(-win.begin[i], 0);
    const int64_t reach = (s.out[i] - 1) * win.stride[i] + (w.kernel[i] - 1) * win.dilation[i] + 1;
    require(origin[i] + reach <= padded[i], "the window does not fit ", s.out[i], " times into ", padded[i]);
  }
  const bool pointwise =
      volume(w.kernel) == 1 && volume(win.stride) == 1 && volume(s.to.stride) == 1 && s.out == s.in;
  rows = pointwise ? 1 : s.out[0] * s.out[1];
  width = pointwise ? volume(s.out) : s.out[2];
  panels = make_panels(w);
  for (const Panel& p : panels) jobs.push_back(make_job(p));
}

Direct::Job Direct::make_job(const Panel& p) const {
  Job job;
  const Window& win = s.window;
  const int64_t plane = volume(padded) * lanes();
  int64_t k = 0;
  for_each_run(p, volume(w.kernel), plain, [&](int64_t c, int64_t channels, int64_t tap) {
    const int64_t kw = tap % w.kernel[2], kh = tap / w.kernel[2] % w.kernel[1],
                  kd = tap / (w.kernel[1] * w.kernel[2]);
    const int64_t pixel =
        (kd * win.dilation[0] * padded[1] + kh * win.dilation[1]) * padded[2] + kw * win.dilation[2];
    const int64_t offset = c / lanes() * plane + pixel * lanes() + c % lanes();
    if (!job.segments.empty() && offset == job.segments.back().offset + job.segments.back().count) {
      job.segments.back().count += channels;  // neighbouring taps of plain input
    } else {
      job.segments.push_back({offset, channels});
      job.k.push_back(k);
    }
    k += channels;
  });
  job.k.push_back(k);
  constexpr int64_t kPanelBytes = 320 << 10;  // a third of L2
  job.k_blocks = std::clamp<int64_t>(ceil_div(k * p.vectors * kLanes * 4, kPanelBytes), 1,
                                     std::max<int64_t>(1, int64_t(job.segments.size())));
  job.tiles_per_row = ceil_div(width, best_rows(p.vectors, win.stride[2] * lanes()));
  return job;
}

void Direct::run(const ConvOperands& o) const {
  const float* x = o.x;
  if (padded != s.in) {
    float* copy = reinterpret_cast<float*>(o.workspace);
    copy_padded(x, copy, s.batch * planes(), s.in, s.window, padded, lanes());
    x = copy;
  }
  int64_t weights = 0;
  for (const Panel& p : panels) weights += p.k * p.vectors * kLanes * 4;
  const int64_t input = planes() * lanes() * volume(s.in) * 4, count = int64_t(panels.size());
  const int64_t chunks = row_pieces(input, weights, s.batch * count, rows * jobs[0].tiles_per_row);
  const double fmas = double(weights) / 4 * double(volume(s.out)) / double(chunks * count);
  parallel(s.batch * chunks * count, fmas * kNsPerFma, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const size_t panel = size_t(i % count);
      const int64_t chunk = i / count % chunks, tiles = rows * jobs[panel].tiles_per_row;
      run_tiles(o, x, i / (count * chunks), panel, tiles * chunk / chunks, tiles * (chunk + 1) / chunks);
    }
  });
}

void Direct::run_tiles(const ConvOperands& o, const float* x, int64_t image, size_t index, int64_t begin,
                       int64_t end) const {
  const Panel& p = panels[index];
  const Job& job = jobs[index];
  const Dims3& stride = s.window.stride;
  const int64_t out = volume(s.to.dims), a_row = stride[2] * lanes();
  x += (image * planes() * volume(padded) + (origin[0] * padded[1] + origin[1]) * padded[2] + origin[2]) *
       lanes();
  const int64_t y = (image * w.out_blocks() + p.block) * out * kLanes;
  const int64_t segments = int64_t(job.segments.size());

  for (int64_t kb = 0; kb < job.k_blocks; ++kb) {
    const int64_t s0 = segments * kb / job.k_blocks, s1 = segments * (kb + 1) / job.k_blocks;
    const int64_t k0 = job.k[size_t(s0)], k1 = job.k[size_t(s1)];
    const bool first = kb == 0, last = kb + 1 == job.k_blocks;
    Tile t{};
    t.a_row = a_row;
    t.segments = job.segments.data() + s0;
    t.segment_count = s1 - s0;
    t.b = o.w + p.packed + k0 * p.vectors * kLanes;
    t.b_row = p.vectors * kLanes;
    t.c_row = s.to.stride[2] * kLanes;
    t.c_vec = out * kLanes;
    t.bias = first && o.bias ? o.bias + p.block * kLanes : nullptr;
    t.lo = last ? e.lo : Epilogue::none().lo;
    t.hi = last ? e.hi : Epilogue::none().hi;
    const float* add = first ? o.z : o.y;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / job.tiles_per_row, col = i % job.tiles_per_row;
      const int64_t c0 = width * col / job.tiles_per_row, c1 = width * (col + 1) / job.tiles_per_row;
      const int64_t od = row / s.out[1], oh = row % s.out[1];
      t.a = x + ((od * stride[0] * padded[1] + oh * stride[1]) * padded[2] + c0 * stride[2]) * lanes();
      const int64_t at = y + s.to.at(od, oh, c0) * kLanes;
      t.c = o.y + at;
      t.ahead = next_panel(t.b, t.b_row, k1 - k0, i - begin);
      t.add = add ? add + at : nullptr;
      tile_fn(p.vectors, int(c1 - c0), a_row)(t);
      if (last && e.after.kind != Activation::kIdentity)
        for (int v = 0; v < p.vectors; ++v) apply_activation(e.after, t.c + v * t.c_vec, (c1 - c0) * kLanes);
    }
  }
}

template <bool Plain>
ConvStep prepare(const ConvWeights& w, const ConvShape& s, const Epilogue& e) {
  auto direct = std::make_shared<const Direct>(w, s, e, Plain);
  return {[direct](const ConvOperands& o) { direct->run(o); }, direct->workspace()};
}

}  // namespace

const ConvAlgorithm kConvDirect = {"direct", Layout::kBlocked, packed_floats, pack<false>, prepare<false>};
const ConvAlgorithm kConvFew = {"few channels", Layout::kPlain, packed_floats, pack<true>, prepare<true>};

}  // namespace hrt::cpu
