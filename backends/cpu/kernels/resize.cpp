// SPDX-License-Identifier: Apache-2.0
// Resize: nearest (any type), linear and cubic (float32), over any axes. The rule is separable, so each axis
// gets a table of source positions and weights, 1, 2 or 4 for each output position. An output row is
// made in two steps: source rows are combined by the weights of the outer axes (contiguous, vectors of
// neighbours), and the result is sampled along the row. Where slices behind the resized axes are as
// long as a vector (channel-blocked or channels-last data), both steps are one over whole slices.
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/movement.h"
#include "backends/cpu/kernels/vec_math.h"

namespace hrt::cpu {
namespace {

enum class Mode { kNearest, kLinear, kCubic };

// The node's attributes.
struct Rule {
  Mode mode;
  std::string coordinates, nearest, policy;
  double cubic_a;
  bool exclude_outside;
  Dims axes;
};

// One axis: output position x takes index[k * stride + x] with weight[k * stride + x], k < taps. Tables
// are filled up to whole vectors with weight 0.
struct Axis {
  int64_t in = 1, out = 1, stride = 0;
  int taps = 1;
  bool doubles = false;  // index[x] is x / 2, twice as many as there are
  std::vector<int32_t> index;
  std::vector<float> weight;
};

// ----------------------------------------------------------------------------------------- tables

double source_position(const Rule& r, double x, double scale, int64_t in, int64_t out) {
  const double length = scale * double(in);  // of the output, as a fraction
  if (r.coordinates == "align_corners") return length == 1 ? 0 : x * double(in - 1) / (length - 1);
  if (r.coordinates == "asymmetric") return x / scale;
  const double half_pixel = (x + 0.5) / scale - 0.5;
  if (r.coordinates == "pytorch_half_pixel") return length > 1 ? half_pixel : 0;
  if (r.coordinates == "half_pixel_symmetric")
    return double(in) / 2 * (1 - double(out) / length) + half_pixel;
  return half_pixel;
}

// Scales are floats: to float precision, 4 / 1.6f lies half-way.
double nearest(const Rule& r, double x) {
  if (r.nearest == "floor") return std::floor(x);
  if (r.nearest == "ceil") return std::ceil(x);
  return r.nearest == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5);
}

// The cubic kernel of R. Keys, "Cubic convolution interpolation for digital image processing", 1981.
double keys(double a, double x) {
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

Axis make_axis(const Rule& r, int64_t in, int64_t out, double scale) {
  Axis a;
  a.in = in;
  a.out = out;
  a.taps = scale == 1 ? 1 : r.mode == Mode::kNearest ? 1 : r.mode == Mode::kLinear ? 2 : 4;
  a.stride = round_up(out, kLanes);
  a.index.resize(size_t(a.stride * a.taps));
  a.weight.resize(a.index.size());
  for (int64_t x = 0; x < out; ++x) {
    const double at = scale == 1 ? double(x) : source_position(r, double(x), scale, in, out);
    require(std::isfinite(at), "Resize: scale ", float(scale), " of an axis of ", in);
    const bool one = a.taps == 1;
    const double first =
        one ? (scale == 1 ? at : nearest(r, float(at))) : std::floor(at) - (a.taps == 4 ? 1 : 0);
    double weight[4] = {1, 0, 0, 0}, sum = 0;
    for (int k = 0; k < a.taps; ++k) {
      const double distance = at - (first + k);
      if (!one) weight[k] = a.taps == 2 ? 1 - std::fabs(distance) : keys(r.cubic_a, distance);
      if (r.exclude_outside && !one && (first + k < 0 || first + k >= double(in))) weight[k] = 0;
      sum += weight[k];
    }
    for (int k = 0; k < a.taps; ++k) {
      const size_t slot = size_t(k * a.stride + x);
      a.index[slot] = int32_t(std::clamp(first + k, 0.0, double(in - 1)));
      a.weight[slot] = float(r.exclude_outside && sum != 0 ? weight[k] / sum : weight[k]);
    }
  }
  a.doubles = a.taps == 1 && out == 2 * in;
  for (int64_t x = 0; x < out; ++x) a.doubles = a.doubles && a.index[size_t(x)] == x / 2;
  for (int k = 0; k < a.taps; ++k)
    for (int64_t x = out; x < a.stride; ++x)
      a.index[size_t(k * a.stride + x)] = a.index[size_t(k * a.stride + out - 1)];
  return a;
}

// -------------------------------------------------------------------------------------- the rows

constexpr int kMaxTaps = 64;  // of the axes outside of the row: three cubic ones

// Axes between the first and the last resized one; the last is the row.
struct Plan {
  std::vector<Axis> axes;
  std::vector<int64_t> stride;  // of the input, in slices
  int64_t outer = 1, inner = 1;
  int64_t in_slices = 1;  // of one outer index
  int64_t rows = 1;       // output rows of one outer index
  const Axis& row() const { return axes.back(); }
};

// The source rows that an output row takes, in slices from the input's start, and their weights.
struct Taps {
  int count = 1;
  std::array<int64_t, kMaxTaps> offset;
  std::array<float, kMaxTaps> weight;
};
void find_taps(const Plan& p, int64_t row, Taps& t) {
  t.count = 1;
  t.weight[0] = 1;
  t.offset[0] = row / p.rows * p.in_slices;
  int64_t index = row % p.rows;
  for (size_t d = p.axes.size() - 1; d-- > 0;) {
    const Axis& a = p.axes[d];
    const int64_t x = index % a.out;
    index /= a.out;
    const int n = t.count;
    t.count *= a.taps;
    for (int k = a.taps - 1; k >= 0; --k)  // the first tap overwrites what the others start from
      for (int i = 0; i < n; ++i) {
        const size_t slot = size_t(k * a.stride + x);
        t.offset[size_t(k * n + i)] = t.offset[size_t(i)] + a.index[slot] * p.stride[d];
        t.weight[size_t(k * n + i)] = t.weight[size_t(i)] * a.weight[slot];
      }
  }
}

template <class T>
void nearest_row(const Axis& a, const T* x, T* y) {
  if (a.doubles)
    for (int64_t i = 0; i < a.in; ++i) y[2 * i] = y[2 * i + 1] = x[i];
  else
    for (int64_t i = 0; i < a.out; ++i) y[i] = x[a.index[size_t(i)]];
}

void nearest_rows(const Plan& p, const std::byte* x, std::byte* y, size_t width, int64_t begin, int64_t end) {
  const Axis& a = p.row();
  const size_t slice = size_t(p.inner) * width, row = size_t(a.out) * slice;
  int64_t last = -1;
  for (int64_t r = begin; r < end; ++r) {
    Taps t;
    find_taps(p, r, t);
    const std::byte* from = x + size_t(t.offset[0]) * slice;
    std::byte* to = y + size_t(r) * row;
    if (t.offset[0] == last)
      std::memcpy(to, to - row, row);
    else if (slice == 1)
      nearest_row(a, reinterpret_cast<const uint8_t*>(from), reinterpret_cast<uint8_t*>(to));
    else if (slice == 4 && width == 4)
      nearest_row(a, reinterpret_cast<const uint32_t*>(from), reinterpret_cast<uint32_t*>(to));
    else
      for (int64_t i = 0; i < a.out; ++i)
        std::memcpy(to + size_t(i) * slice, from + size_t(a.index[size_t(i)]) * slice, slice);
    last = t.offset[0];
  }
}

// Whole slices: both steps at once.
void sliced_row(const Plan& p, const Taps& t, const float* x, float* y) {
  const Axis& a = p.row();
  for (int64_t column = 0; column < a.out; ++column)
    for (int64_t i = 0; i < p.inner; i += kLanes) {
      const int64_t lanes = std::min<int64_t>(kLanes, p.inner - i);
      const auto load = [&](const float* q) {
        return lanes == kLanes ? hn::LoadU(f32, q) : load_n(q, lanes);
      };
      Vec sum = hn::Zero(f32);
      for (int k = 0; k < a.taps; ++k) {
        const size_t slot = size_t(k * a.stride + column);
        const float* from = x + int64_t(a.index[slot]) * p.inner + i;
        Vec across = hn::Zero(f32);
        for (int r = 0; r < t.count; ++r)
          across =
              hn::MulAdd(vec::set(t.weight[size_t(r)]), load(from + t.offset[size_t(r)] * p.inner), across);
        sum = hn::MulAdd(vec::set(a.weight[slot]), across, sum);
      }
      float* to = y + column * p.inner + i;
      if (lanes == kLanes)
        hn::StoreU(sum, f32, to);
      else
        store_n(sum, to, lanes);
    }
}

// Combines source columns lo ... hi of the rows into line.
void combine(const Plan& p, const Taps& t, const float* x, int64_t lo, int64_t hi, float* line) {
  const int64_t n = (hi - lo) * p.inner;
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t lanes = std::min<int64_t>(kLanes, n - i);
    Vec sum = hn::Zero(f32);
    for (int r = 0; r < t.count; ++r) {
      const float* from = x + (t.offset[size_t(r)] + lo) * p.inner + i;
      const Vec v = lanes == kLanes ? hn::LoadU(f32, from) : load_n(from, lanes);
      sum = hn::MulAdd(vec::set(t.weight[size_t(r)]), v, sum);
    }
    hn::StoreU(sum, f32, line + i);
  }
}

// Output columns begin ... end from line, whose first element is source column lo.
void sample(const Plan& p, const float* line, int64_t lo, int64_t begin, int64_t end, float* y) {
  const Axis& a = p.row();
  if (p.inner > 1) {
    for (int64_t c = begin; c < end; ++c)
      for (int64_t i = 0; i < p.inner; ++i) {
        float sum = 0;
        for (int k = 0; k < a.taps; ++k) {
          const size_t slot = size_t(k * a.stride + c);
          sum += a.weight[slot] * line[(a.index[slot] - lo) * p.inner + i];
        }
        y[c * p.inner + i] = sum;
      }
    return;
  }
  const auto origin = hn::Set(vec::i32, int32_t(lo));
  for (int64_t c = begin; c < end; c += kLanes) {  // begin is a multiple of kLanes
    Vec sum = hn::Zero(f32);
    for (int k = 0; k < a.taps; ++k) {
      const size_t slot = size_t(k * a.stride + c);
      const auto at = hn::Sub(hn::LoadU(vec::i32, a.index.data() + slot), origin);
      sum = hn::MulAdd(hn::LoadU(f32, a.weight.data() + slot), hn::GatherIndex(f32, line, at), sum);
    }
    if (end - c >= kLanes)
      hn::StoreU(sum, f32, y + c);
    else
      store_n(sum, y + c, end - c);
  }
}

// Rows whose slices are short. The line of combined columns is on the stack; where a row does not fit, it
// is done in pieces of whole vectors of columns.
void combined_row(const Plan& p, const Taps& t, const float* x, float* y) {
  constexpr int64_t kLine = 4096;
  alignas(64) float line[kLine + kLanes];
  const Axis& a = p.row();
  const int32_t *first = a.index.data(), *last = first + (a.taps - 1) * a.stride;
  for (int64_t begin = 0; begin < a.out;) {
    const int64_t lo = first[begin];
    int64_t end = std::min(begin + kLanes, a.out);
    while (end < a.out && (last[std::min(end + kLanes, a.out) - 1] + 1 - lo) * p.inner <= kLine)
      end = std::min(end + kLanes, a.out);
    const int64_t hi = last[end - 1] + 1;
    if ((hi - lo) * p.inner <= kLine) {
      combine(p, t, x, lo, hi, line);
      sample(p, line, lo, begin, end, y);
    } else {  // sources further apart than the line is long: column by column
      for (int64_t c = begin; c < end; ++c)
        for (int64_t i = 0; i < p.inner; ++i) {
          float sum = 0;
          for (int k = 0; k < a.taps; ++k) {
            const size_t slot = size_t(k * a.stride + c);
            float across = 0;
            for (int r = 0; r < t.count; ++r)
              across += t.weight[size_t(r)] * x[(t.offset[size_t(r)] + a.index[slot]) * p.inner + i];
            sum += a.weight[slot] * across;
          }
          y[c * p.inner + i] = sum;
        }
    }
    begin = end;
  }
}

void run(const Plan& p, Mode mode, size_t width, const Buffers& b) {
  const int64_t per_row = p.row().out * p.inner;
  if (p.outer * p.rows * per_row == 0) return;
  const double ns = 20 + double(per_row) * (mode == Mode::kNearest ? 0.4 : mode == Mode::kLinear ? 0.8 : 2.5);
  parallel(p.outer * p.rows, ns, [&](int64_t begin, int64_t end) {
    if (mode == Mode::kNearest)
      return nearest_rows(p, b.input<std::byte>(0), b.output<std::byte>(0), width, begin, end);
    const auto row = p.inner >= 8 ? sliced_row : combined_row;
    for (int64_t r = begin; r < end; ++r) {
      Taps t;
      find_taps(p, r, t);
      row(p, t, b.input<float>(0), b.output<float>(0) + r * per_row);
    }
  });
}

// ---------------------------------------------------------------------------------- the operator

// The scale of every axis of the input.
std::vector<double> scales_of(const Rule& r, const Signature& sig) {
  const Dims &in = sig.in[0].dims, &out = sig.out[0].dims;
  const int64_t rank = int64_t(in.size());
  std::vector<double> scales(in.size(), 1.0);
  Dims axes = r.axes;
  if (axes.empty())
    for (int64_t d = 0; d < rank; ++d) axes.push_back(d);
  for (int64_t& d : axes) d = checked_axis(d, rank);
  // Old models give an empty tensor for the one of scales and sizes that is absent.
  const bool by_sizes = sig.has_in(3) && sig.in[3].count() > 0;
  if (!by_sizes) {
    require(sig.has_in(2) && sig.in[2].known != nullptr, "Resize: scales are not known before the run");
    require(sig.in[2].count() == int64_t(axes.size()), "Resize: ", sig.in[2].count(), " scales for ",
            int64_t(axes.size()), " axes");
    for (size_t i = 0; i < axes.size(); ++i)
      scales[size_t(axes[i])] = double(static_cast<const float*>(sig.in[2].known)[i]);
  } else {
    const bool stretch = r.policy == "stretch";
    const Dims sizes = stretch ? Dims() : sig.in[3].known_ints();
    require(stretch || sizes.size() == axes.size(), "Resize: ", int64_t(sizes.size()), " sizes for ",
            int64_t(axes.size()), " axes");
    double common = r.policy == "not_larger" ? HUGE_VAL : 0;
    for (size_t i = 0; i < axes.size(); ++i) {
      const size_t d = size_t(axes[i]);
      const double scale = double(stretch ? out[d] : sizes[i]) / double(std::max<int64_t>(in[d], 1));
      scales[d] = scale;
      common = r.policy == "not_larger" ? std::min(common, scale) : std::max(common, scale);
    }
    if (!stretch)
      for (const int64_t d : axes) scales[size_t(d)] = common;
  }
  for (size_t d = 0; d < in.size(); ++d) {
    require(scales[d] > 0 || out[d] == 0, "Resize: scale ", float(scales[d]));
    require(in[d] > 0 || out[d] == 0, "Resize: axis ", int64_t(d), " has no elements to show");
    require(in[d] <= std::numeric_limits<int32_t>::max(), "Resize: axis ", int64_t(d), " of ", in[d]);
    require(scales[d] != 1 || in[d] == out[d], "Resize: shapes ", in, " and ", out, " do not fit the scales");
  }
  return scales;
}

Plan make_plan(const Rule& r, const Signature& sig) {
  std::vector<double> scales = scales_of(r, sig);
  const Dims in = sig.in[0].physical(), out = sig.out[0].physical();
  scales.resize(in.size(), 1.0);  // a blocked tensor has one axis more
  size_t first = 0, last = in.empty() ? 0 : in.size() - 1;
  while (first < last && scales[first] == 1) ++first;
  while (last > first && scales[last] == 1) --last;
  Plan p;
  for (size_t d = 0; d < first; ++d) p.outer *= in[d];
  for (size_t d = last + 1; d < in.size(); ++d) p.inner *= in[d];
  int64_t taps = 1;
  for (size_t d = first; d <= last; ++d) {
    p.axes.push_back(in.empty() ? make_axis(r, 1, 1, 1) : make_axis(r, in[d], out[d], scales[d]));
    if (d < last) taps *= p.axes.back().taps;
  }
  if (taps > kMaxTaps) unsupported("Resize: more than four axes in this mode");
  p.stride.resize(p.axes.size());
  for (size_t d = p.axes.size(); d-- > 0;) {
    p.stride[d] = p.in_slices;
    p.in_slices *= p.axes[d].in;
    if (d + 1 < p.axes.size()) p.rows *= p.axes[d].out;
  }
  return p;
}

std::string supports(const Node& node) {
  const std::string mode = node.s("mode", "nearest"),
                    coordinates = node.s("coordinate_transformation_mode", "half_pixel");
  if (node.i("antialias")) return "antialias";
  if (coordinates == "tf_crop_and_resize") return "coordinate_transformation_mode tf_crop_and_resize";
  if (mode == "nearest") return fixed_size_only(node);
  const hrt_dtype t = Graph(node.graph()).value(node.input(0)).dtype();
  return t == HRT_FLOAT32 ? "" : sdk::cat("dtype ", dtype_name(t), " in mode ", mode);
}

Compiled compile(const Node& node) {
  const std::string mode = node.s("mode", "nearest");
  const Rule rule{mode == "nearest"  ? Mode::kNearest
                  : mode == "linear" ? Mode::kLinear
                                     : Mode::kCubic,
                  node.s("coordinate_transformation_mode", "half_pixel"),
                  node.s("nearest_mode", "round_prefer_floor"),
                  node.s("keep_aspect_ratio_policy", "stretch"),
                  double(node.f("cubic_coeff_a", -0.75f)),
                  node.i("exclude_outside") != 0,
                  node.ints("axes")};
  Compiled c;
  c.arrange = [](Signature& sig) {
    const bool blocked = sig.in[0].layout == Layout::kBlocked && sig.in[0].dims[1] == sig.out[0].dims[1];
    sig.in[0].layout = sig.out[0].layout = blocked ? Layout::kBlocked : Layout::kPlain;
  };
  c.prepare = [rule](const Signature& sig) -> Step {
    return {[plan = make_plan(rule, sig), mode = rule.mode,
             width = dtype_bytes(sig.in[0].dtype)](const Buffers& b) { run(plan, mode, width, b); }};
  };
  return c;
}

}  // namespace

std::span<const Op> resize_ops() {
  static const Op ops[] = {{"", "Resize", supports, compile}};
  return ops;
}

}  // namespace hrt::cpu
