// SPDX-License-Identifier: Apache-2.0
// GridSample: x at the positions of a grid, for a vector of positions at a time: what each takes from a plane
// (offsets and weights) is worked out once and used for all channels.
// RoiAlign (mean): bilinear samples of a bin and their mean are weighted sums along both axes, so that rows
// are combined first (contiguous), and bins are sampled from the one row that results. For 7x7 bins of 2x2
// samples that is 130 operations a channel instead of 784.
#include <cmath>

#include "backends/cpu/kernels/indices.h"
#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/vec_math.h"

namespace hrt::cpu {
namespace {

using IVec = hn::Vec<vec::I32>;
using vec::i32;
using vec::set;

// ------------------------------------------------------------------------------------ GridSample

enum class Mode { kNearest, kLinear, kCubic };
enum class Padding { kZeros, kBorder, kReflection };

// One axis: elements (-1: a zero outside) and their weights, a lane for each position.
struct Taps {
  int count = 0;
  IVec index[4];
  Vec weight[4];
};

struct Axis {
  float size, low, high;  // reflection mirrors at low and high
  Mode mode;
  Padding padding;
  bool corners;

  Axis(int64_t n, Mode m, Padding p, bool c)
      : size(float(n)),
        low(c ? 0 : -0.5f),
        high(c ? size - 1 : size - 0.5f),
        mode(m),
        padding(p),
        corners(c) {}

  // Mirrors v at the ends until it lies between them.
  Vec reflect(Vec v) const {
    const float range = high - low;
    if (range <= 0) return set(low);
    const Vec distance = hn::Abs(hn::Sub(v, set(low))), times = hn::Floor(hn::Div(distance, set(range)));
    const Vec rest = hn::NegMulAdd(times, set(range), distance);
    const Vec half = hn::Mul(times, set(0.5f));
    const auto even = hn::Eq(hn::Floor(half), half);
    return hn::IfThenElse(even, hn::Add(set(low), rest), hn::Sub(set(high), rest));
  }
  Vec clamp(Vec v, float from, float to) const { return hn::Min(hn::Max(v, set(from)), set(to)); }

  // The element at a whole position, or -1.
  IVec resolve(Vec i) const {
    const auto inside = hn::And(hn::Ge(i, set(0)), hn::Lt(i, set(size)));
    Vec at = set(-1);
    if (padding == Padding::kBorder) at = clamp(i, 0, size - 1);
    if (padding == Padding::kReflection) at = clamp(reflect(i), 0, size - 1);
    return hn::ConvertTo(i32, hn::IfThenElse(inside, i, at));
  }

  Taps at(Vec grid) const {
    const Vec g = hn::Add(grid, set(1));
    Vec v = corners ? hn::Mul(hn::Mul(g, set(0.5f)), set(size - 1))
                    : hn::Mul(hn::Sub(hn::Mul(g, set(size)), set(1)), set(0.5f));
    if (mode == Mode::kNearest) v = hn::Round(v);
    const auto outside = hn::Or(hn::Lt(v, set(low)), hn::Gt(v, set(high)));
    // A cubic kernel reaches over the border, where its elements are clamped one by one.
    const float reach = mode == Mode::kCubic ? 3 : 0;
    if (padding == Padding::kBorder) v = hn::IfThenElse(outside, clamp(v, -reach, size - 1 + reach), v);
    if (padding == Padding::kReflection) v = hn::IfThenElse(outside, reflect(v), v);
    // Far outside or not a number: there is nothing; -9 has all taps outside.
    const auto usable = hn::Lt(hn::Abs(v), set(0x1p30f));
    v = hn::IfThenElse(usable, v, set(-9));
    const Vec base = hn::Floor(v), f = hn::Sub(v, base);
    Taps taps;
    const auto add = [&](float step, Vec weight) {
      const IVec index = resolve(hn::Add(base, set(step)));
      taps.index[taps.count] = hn::IfThenElse(hn::RebindMask(i32, usable), index, hn::Set(i32, -1));
      taps.weight[taps.count++] = weight;
    };
    const Vec one = set(1), rest = hn::Sub(one, f);
    switch (mode) {
      case Mode::kNearest: add(0, one); break;
      case Mode::kLinear: add(0, rest), add(1, f); break;
      case Mode::kCubic:
        add(-1, cubic_far(hn::Add(one, f))), add(0, cubic_near(f)), add(1, cubic_near(rest));
        add(2, cubic_far(hn::Add(one, rest)));
    }
    return taps;
  }

  // Keys' cubic convolution with a = -0.75, for distances in 0 ... 1 and 1 ... 2.
  static Vec cubic_near(Vec d) { return vec::poly(d, 1.0f, 0.0f, -2.25f, 1.25f); }
  static Vec cubic_far(Vec d) { return vec::poly(d, 3.0f, -6.0f, 3.75f, -0.75f); }
};

struct Grid {
  std::vector<Axis> axes;
  std::vector<int64_t> dims;
  int64_t batch, channels, plane, positions;
};

constexpr int kMaxTaps = 64;  // three cubic axes

// What a vector of positions takes from a plane: all products of the axes' taps.
struct Sum {
  int count = 1;
  IVec offset[kMaxTaps];
  Vec weight[kMaxTaps];

  void multiply(const Taps& taps, int64_t size) {
    const IVec zero = hn::Zero(i32), length = hn::Set(i32, int32_t(size));
    const int n = count;
    count *= taps.count;
    for (int k = taps.count - 1; k >= 0; --k)  // the first tap overwrites what the others start from
      for (int i = 0; i < n; ++i) {
        const auto nothing = hn::Lt(hn::Or(offset[i], taps.index[k]), zero);
        const IVec at = hn::Add(hn::Mul(offset[i], length), taps.index[k]);
        offset[k * n + i] = hn::IfThenElse(nothing, hn::Set(i32, -1), at);
        weight[k * n + i] = hn::Mul(weight[i], taps.weight[k]);
      }
  }
  Vec of(const float* x) const {
    Vec sum = hn::Zero(f32);
    for (int k = 0; k < count; ++k) {
      const auto some = hn::RebindMask(f32, hn::Gt(offset[k], hn::Set(i32, -1)));
      const Vec v = hn::GatherIndex(f32, x, hn::Max(offset[k], hn::Zero(i32)));
      sum = hn::MulAdd(weight[k], hn::IfThenElseZero(some, v), sum);
    }
    return sum;
  }
};

void grid_sample(const Grid& s, const float* x, const float* grid, float* y) {
  const int64_t blocks = ceil_div(s.positions, kLanes), rank = int64_t(s.axes.size());
  int taps = 1;
  for (const Axis& a : s.axes) taps *= a.mode == Mode::kNearest ? 1 : a.mode == Mode::kLinear ? 2 : 4;
  parallel(s.batch * blocks, 60 + double(s.channels * taps) * 6, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t n = r / blocks, p = r % blocks * kLanes,
                    lanes = std::min<int64_t>(kLanes, s.positions - p);
      const float* at = grid + (n * s.positions + p) * rank;
      Sum sum;
      sum.offset[0] = hn::Zero(i32);
      sum.weight[0] = set(1);
      for (int64_t d = 0; d < rank; ++d) {  // the grid's last coordinate is of the first axis
        alignas(64) float coordinate[kLanes] = {};
        for (int64_t l = 0; l < lanes; ++l) coordinate[l] = at[l * rank + rank - 1 - d];
        sum.multiply(s.axes[size_t(d)].at(hn::Load(f32, coordinate)), s.dims[size_t(d)]);
      }
      for (int64_t c = 0; c < s.channels; ++c) {
        const Vec v = sum.of(x + (n * s.channels + c) * s.plane);
        float* const to = y + (n * s.channels + c) * s.positions + p;
        if (lanes == kLanes)
          hn::StoreU(v, f32, to);
        else
          store_n(v, to, lanes);
      }
    }
  });
}

Mode mode_of(const Node& node) {
  const std::string s = node.s("mode", "linear");
  require(s == "linear" || s == "nearest" || s == "cubic", "mode is '", s, "', not linear, nearest or cubic");
  return s == "linear" ? Mode::kLinear : s == "nearest" ? Mode::kNearest : Mode::kCubic;
}
Padding padding_of(const Node& node) {
  const std::string s = node.s("padding_mode", "zeros");
  require(s == "zeros" || s == "border" || s == "reflection", "padding_mode is '", s,
          "', not zeros, border or reflection");
  return s == "zeros" ? Padding::kZeros : s == "border" ? Padding::kBorder : Padding::kReflection;
}

std::string grid_supports(const Node& node) {
  const Value x = Graph(node.graph()).value(node.input(0));
  if (x.ranked() && x.dims().size() > 5) return "more than three axes to sample";
  return float32_only(node);
}

Compiled grid_compile(const Node& node) {
  Compiled c;
  c.prepare = [mode = mode_of(node), padding = padding_of(node),
               corners = node.i("align_corners") != 0](const Signature& sig) -> Step {
    const std::span<const int64_t> x = sig.in[0].dims, grid = sig.in[1].dims;
    require(
        x.size() >= 3 && grid.size() == x.size() && grid[0] == x[0] && grid.back() == int64_t(x.size()) - 2,
        "a grid of shape ", grid, " for x of shape ", x);
    Grid s{{}, {x.begin() + 2, x.end()}, x[0], x[1], sdk::element_count(x.subspan(2)), 1};
    require(s.plane > 0, "there is nothing to sample in x of shape ", x);
    if (s.plane > (1 << 30)) unsupported("planes of ", s.plane, " elements");
    if (x.size() > 5) unsupported("more than three axes to sample");
    for (const int64_t d : s.dims) s.axes.emplace_back(d, mode, padding, corners);
    s.positions = sdk::element_count(grid.subspan(1, x.size() - 2));
    return {[s = std::move(s)](const Buffers& b) {
      grid_sample(s, b.input<float>(0), b.input<float>(1), b.output<float>(0));
    }};
  };
  return c;
}

// -------------------------------------------------------------------------------------- RoiAlign

struct Region {
  int64_t channels, height, width, rows, columns;  // of x, and of bins
  int64_t ratio;
  float scale;
  bool half_pixel;
};

// One axis of a region. Bin i takes index[i * taps + t] with weight[i * taps + t], t < taps: two for each
// sample or, where that is less, one for each element of the map. What weighs nothing is not looked at.
struct Bins {
  int64_t taps = 0;
  int32_t* index;
  float* weight;
  int32_t low = 0, high = -1;  // of all elements that weigh something
};

int64_t samples(const Region& s, double length, int64_t bins) {
  return s.ratio > 0 ? s.ratio : std::max<int64_t>(int64_t(std::ceil(length / double(bins))), 0);
}

int64_t tap_count(int64_t points, int64_t size) { return std::min(2 * points, size); }

void fill_bins(Bins& b, double start, double length, int64_t bins, int64_t points, int64_t size) {
  b.taps = tap_count(points, size);
  b.low = std::numeric_limits<int32_t>::max();
  b.high = -1;
  std::fill_n(b.weight, b.taps * bins, 0.0f);
  for (int64_t i = 0; i < bins; ++i) {
    int32_t* const index = b.index + i * b.taps;
    float* const weight = b.weight + i * b.taps;
    const bool all = b.taps == size;
    const auto add = [&](int64_t tap, int32_t element, double part) {
      const int64_t t = all ? element : tap;
      index[t] = element;
      weight[t] += float(part / double(points));
    };
    for (int64_t t = 0; t < b.taps; ++t) index[t] = all ? int32_t(t) : 0;
    for (int64_t p = 0; p < points; ++p) {
      double v = start + (double(i) + (double(p) + 0.5) / double(points)) * (length / double(bins));
      if (!(v >= -1 && v <= double(size))) continue;
      v = std::clamp(v, 0.0, double(size - 1));
      const int32_t low = int32_t(v), high = int32_t(std::min<int64_t>(low + 1, size - 1));
      add(2 * p, low, 1 - (v - low));
      add(2 * p + 1, high, v - low);
      b.low = std::min(b.low, low);
      b.high = std::max(b.high, high);
    }
  }
}

// All bins of one channel. line has room for the map's width.
void pool_channel(const Region& s, const Bins& h, const Bins& w, const float* plane, float* line, float* y) {
  const int64_t n = w.high - w.low + 1;
  for (int64_t i = 0; i < s.rows; ++i) {
    for (int64_t c = 0; c < n; c += kLanes) {
      const int64_t lanes = std::min<int64_t>(kLanes, n - c);
      Vec sum = hn::Zero(f32);
      for (int64_t slot = i * h.taps; slot < (i + 1) * h.taps; ++slot) {
        if (h.weight[slot] == 0) continue;
        const float* from = plane + h.index[slot] * s.width + w.low + c;
        sum = hn::MulAdd(set(h.weight[slot]), lanes == kLanes ? hn::LoadU(f32, from) : load_n(from, lanes),
                         sum);
      }
      hn::StoreU(sum, f32, line + c);
    }
    // One by one: gathers of a few lanes took three times as long.
    const int32_t* index = w.index;
    const float* weight = w.weight;
    for (int64_t j = 0; j < s.columns; ++j) {
      float sum = 0;
      for (int64_t t = 0; t < w.taps; ++t, ++index, ++weight)
        if (*weight != 0) sum += *weight * line[*index - w.low];
      *y++ = sum;
    }
  }
}

// A bin has at most so many samples along an axis.
constexpr int64_t kMaxSamples = 1 << 16;

// Room for the tables of both axes of a region, and a line.
int64_t region_floats(const Region& s) {
  const int64_t points = s.ratio > 0 ? s.ratio : kMaxSamples;
  const int64_t rows = s.rows * tap_count(points, s.height), columns = s.columns * tap_count(points, s.width);
  if (rows + columns > (1 << 26)) unsupported("regions of ", s.rows, " x ", s.columns, " bins");
  return round_up(2 * (rows + columns) + s.width + kLanes, 16);
}

struct Ends {
  double start, length;
};
Ends ends(const Region& s, float from, float to) {
  const double offset = s.half_pixel ? 0.5 : 0, a = double(from) * double(s.scale),
               b = double(to) * double(s.scale);
  return {a - offset, s.half_pixel ? b - a : std::max(b - a, 1.0)};
}

void check_region(const Region& s, const float* roi, int64_t item, int64_t batch, int64_t r) {
  require(item >= 0 && item < batch, "region ", r, " is of batch item ", item);
  for (int k = 0; k < 4; ++k)
    require(std::fabs(roi[k]) < 0x1p60f, "region ", r, " has the coordinate ", roi[k]);
  const double wanted = std::max(ends(s, roi[1], roi[3]).length / double(s.rows),
                                 ends(s, roi[0], roi[2]).length / double(s.columns));
  require(s.ratio > 0 || wanted <= double(kMaxSamples), "a bin of region ", r, " has ", wanted,
          " samples along an axis");
}

Compiled roi_compile(const Node& node) {
  const std::string how = node.s("coordinate_transformation_mode", "half_pixel");
  require(how == "half_pixel" || how == "output_half_pixel", "coordinate_transformation_mode is '", how, "'");
  Region base{};
  base.rows = node.i("output_height", 1);
  base.columns = node.i("output_width", 1);
  base.ratio = node.i("sampling_ratio", 0);
  base.scale = node.f("spatial_scale", 1);
  base.half_pixel = how == "half_pixel";
  const auto check = [](const char* what, int64_t v, int64_t low) {
    require(v >= low && v <= kMaxSamples, what, " is ", v);
  };
  check("output_height", base.rows, 1);
  check("output_width", base.columns, 1);
  check("sampling_ratio", base.ratio, 0);
  Compiled c;
  c.prepare = [base](const Signature& sig) -> Step {
    const Dims &x = sig.in[0].dims, &rois = sig.in[1].dims;
    require(x.size() == 4, "x of shape ", x, " does not have rank 4");
    require(rois.size() == 2 && rois[1] == 4, "rois of shape ", rois, " instead of n x 4");
    require(sig.in[2].dims == Dims{rois[0]}, "batch_indices do not match the regions");
    require(x[2] > 0 && x[3] > 0, "there is nothing to sample in x of shape ", x);
    Region s = base;
    s.channels = x[1];
    s.height = x[2];
    s.width = x[3];
    if (s.height * s.width > (1 << 30)) unsupported("a map of shape ", x);
    const int64_t pieces = std::min<int64_t>(rois[0], int64_t(sdk::g_host.run->concurrency()));
    const int64_t room = region_floats(s);
    return {[s, pieces, room, batch = x[0], regions = rois[0]](const Buffers& b) {
              const float *x = b.input<float>(0), *rois = b.input<float>(1);
              const auto* item = b.input<int64_t>(2);
              for (int64_t r = 0; r < regions; ++r) check_region(s, rois + 4 * r, item[r], batch, r);
              const int64_t each = ceil_div(regions, pieces), plane = s.height * s.width,
                            bins = s.rows * s.columns;
              parallel(pieces, double(each * s.channels * bins) * 4, [&](int64_t begin, int64_t end) {
                for (int64_t r = begin * each; r < std::min(end * each, regions); ++r) {
                  const float* roi = rois + 4 * r;
                  const Ends v = ends(s, roi[1], roi[3]), u = ends(s, roi[0], roi[2]);
                  float* memory = reinterpret_cast<float*>(b.workspace) + r / each * room;
                  const auto table = [&](const Ends& e, int64_t n, int64_t size) {
                    const int64_t points = samples(s, e.length, n), count = tap_count(points, size) * n;
                    Bins t;
                    t.weight = memory;
                    t.index = reinterpret_cast<int32_t*>(memory + count);
                    memory += 2 * count;
                    fill_bins(t, e.start, e.length, n, points, size);
                    return t;
                  };
                  const Bins h = table(v, s.rows, s.height), w = table(u, s.columns, s.width);
                  for (int64_t c = 0; c < s.channels; ++c)
                    pool_channel(s, h, w, x + (item[r] * s.channels + c) * plane, memory,
                                 b.output<float>(0) + (r * s.channels + c) * bins);
                }
              });
            },
            size_t(room * pieces) * sizeof(float)};
  };
  return c;
}

std::string roi_supports(const Node& node) {
  if (node.s("mode", "avg") != "avg") return sdk::cat("mode ", node.s("mode", "avg"));
  const Graph graph(node.graph());
  for (const uint32_t id : {node.input(0), node.input(1)})
    if (graph.value(id).dtype() != HRT_FLOAT32)
      return sdk::cat("dtype ", dtype_name(graph.value(id).dtype()));
  return "";
}

}  // namespace

std::span<const Op> sample_ops() {
  static const Op ops[] = {{"", "GridSample", grid_supports, grid_compile},
                           {"", "RoiAlign", roi_supports, roi_compile}};
  return ops;
}

}  // namespace hrt::cpu
