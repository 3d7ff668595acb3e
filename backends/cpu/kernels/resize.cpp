// SPDX-License-Identifier: Apache-2.0
// Resize: nearest (any type), linear and cubic (computed in float32), over any axes. The rule is separable,
// so each axis gets a table of source positions and weights: 1, 2 or 4 for each output position, more where
// antialiasing shrinks it. An output row is made in two steps: source rows are combined by the weights of the
// outer axes (contiguous, vectors of neighbours), and the result is sampled along the row. Where slices
// behind the resized axes are as long as a vector (channel-blocked or channels-last data), both steps are
// one over whole slices. Only where this would combine very many rows are axes resized one after the other.
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "backends/cpu/kernels/elementwise.h"
#include "backends/cpu/kernels/indices.h"
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
  bool exclude_outside, antialias;
  float extrapolation;
  Dims axes;
  bool crops() const { return coordinates == "tf_crop_and_resize"; }
};

// What happens to one axis. The region is in parts of the axis; only tf_crop_and_resize has one.
struct Change {
  double scale = 1, begin = 0, end = 1;
  bool none() const { return scale == 1 && begin == 0 && end == 1; }
};

// One axis: output position x takes index[k * stride + x] with weight[k * stride + x], k < taps. Tables
// are filled up to whole vectors with weight 0. Positions rise or fall along the axis, never both.
struct Axis {
  int64_t in = 1, out = 1, stride = 0, taps = 1;
  bool doubles = false;  // index[x] is x / 2, twice as many as there are
  std::vector<int32_t> index;
  std::vector<float> weight;
  std::vector<uint8_t> outside;  // of the input: 1 where the extrapolation value belongs; empty: nowhere
};

// ----------------------------------------------------------------------------------------- tables

double source_position(const Rule& r, const Change& c, double x, int64_t in, int64_t out) {
  const double length = c.scale * double(in);  // of the output, as a fraction
  if (r.crops()) {
    const double last = double(in - 1), extent = (c.end - c.begin) * last;
    return c.begin * last + (length == 1 ? extent / 2 : x * extent / (length - 1));
  }
  if (r.coordinates == "align_corners") return length == 1 ? 0 : x * double(in - 1) / (length - 1);
  if (r.coordinates == "asymmetric") return x / c.scale;
  const double half_pixel = (x + 0.5) / c.scale - 0.5;
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

// The weights of elements first, first + stretch, ... for an output at position `at`. Antialiasing stretches
// the kernel by the scale that it shrinks by.
struct Kernel {
  double reach = 0, shrink = 1;
  int64_t before = 0;  // elements in front of the one that the position is in; there is one more behind it
  Kernel() = default;
  Kernel(const Rule& r, double scale, int64_t in)
      : reach(r.mode == Mode::kLinear ? 1 : 2), shrink(r.antialias ? std::min(scale, 1.0) : 1) {
    require(reach / shrink <= 4 * double(in) + 8, "Resize: scale ", float(scale), " of an axis of ", in);
    before = -int64_t(std::floor(-reach / shrink)) - 1;
  }
  int64_t taps() const { return 2 * before + 2; }
  double weight(const Rule& r, double distance) const {
    distance *= shrink;
    return r.mode == Mode::kLinear ? std::max(0.0, 1 - std::fabs(distance)) : keys(r.cubic_a, distance);
  }
};

void set_tap(Axis& a, int64_t k, int64_t x, double position, double weight) {
  const size_t slot = size_t(k * a.stride + x);
  a.index[slot] = int32_t(std::clamp(position, 0.0, double(a.in - 1)));
  a.weight[slot] = float(weight);
}

void set_taps(const Rule& r, const Kernel& kernel, Axis& a, int64_t x, double at) {
  const double first = std::floor(at) - double(kernel.before);
  const auto weight = [&](int64_t k) {
    const double position = first + double(k);
    if (r.exclude_outside && (position < 0 || position >= double(a.in))) return 0.0;
    return kernel.weight(r, at - position);
  };
  double sum = 0;
  for (int64_t k = 0; k < a.taps; ++k) sum += weight(k);
  const double divisor = (r.exclude_outside || r.antialias) && sum != 0 ? sum : 1;
  for (int64_t k = 0; k < a.taps; ++k) set_tap(a, k, x, first + double(k), weight(k) / divisor);
}

Axis make_axis(const Rule& r, int64_t in, int64_t out, const Change& change) {
  Axis a;
  a.in = in;
  a.out = out;
  const bool one = change.none() || r.mode == Mode::kNearest;
  const Kernel kernel = one ? Kernel() : Kernel(r, change.scale, in);
  a.taps = one ? 1 : kernel.taps();
  a.stride = round_up(out, kLanes);
  a.index.resize(size_t(a.stride * a.taps));
  a.weight.resize(a.index.size());
  if (r.crops() && !change.none()) a.outside.resize(size_t(out));
  for (int64_t x = 0; x < out; ++x) {
    double at = change.none() ? double(x) : source_position(r, change, double(x), in, out);
    require(std::isfinite(at), "Resize: scale ", float(change.scale), " of an axis of ", in);
    if (!a.outside.empty()) a.outside[size_t(x)] = at < 0 || at > double(in - 1);
    at = std::clamp(at, -0x1p40, 0x1p40);
    if (one)
      set_tap(a, 0, x, change.none() ? at : nearest(r, float(at)), 1);
    else
      set_taps(r, kernel, a, x, at);
  }
  a.doubles = a.taps == 1 && out == 2 * in;
  for (int64_t x = 0; x < out; ++x) a.doubles = a.doubles && a.index[size_t(x)] == x / 2;
  for (int64_t k = 0; k < a.taps; ++k)
    for (int64_t x = out; x < a.stride; ++x)
      a.index[size_t(k * a.stride + x)] = a.index[size_t(k * a.stride + out - 1)];
  return a;
}

// -------------------------------------------------------------------------------------- the rows

constexpr int kMaxTaps = 64;  // of the axes outside of a row: three cubic ones

// Axes between the first and the last resized one; the last is the row.
struct Plan {
  std::vector<Axis> axes;
  std::vector<int64_t> stride;  // of the input, in slices
  int64_t outer = 1, inner = 1;
  int64_t in_slices = 1;  // of one outer index
  int64_t rows = 1;       // output rows of one outer index
  const Axis& row() const { return axes.back(); }
  int64_t per_row() const { return row().out * inner; }
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
    t.count *= int(a.taps);
    for (int k = int(a.taps) - 1; k >= 0; --k)  // the first tap overwrites what the others start from
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
      for (int64_t k = 0; k < a.taps; ++k) {
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
        for (int64_t k = 0; k < a.taps; ++k) {
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
    for (int64_t k = 0; k < a.taps; ++k) {
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
    const auto lowest = [&](int64_t end) { return int64_t(std::min(first[begin], first[end - 1])); };
    const auto behind = [&](int64_t end) { return int64_t(std::max(last[begin], last[end - 1])) + 1; };
    const auto more = [&](int64_t end) { return std::min(end + kLanes, a.out); };
    int64_t end = more(begin);
    while (end < a.out && (behind(more(end)) - lowest(more(end))) * p.inner <= kLine) end = more(end);
    const int64_t lo = lowest(end), hi = behind(end);
    if ((hi - lo) * p.inner <= kLine) {
      combine(p, t, x, lo, hi, line);
      sample(p, line, lo, begin, end, y);
    } else {  // sources further apart than the line is long: column by column
      for (int64_t c = begin; c < end; ++c)
        for (int64_t i = 0; i < p.inner; ++i) {
          float sum = 0;
          for (int64_t k = 0; k < a.taps; ++k) {
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

// Rows begin ... end of a plan of the modes that compute; each is written to place(row).
template <class F>
void combined_rows(const Plan& p, const float* x, int64_t begin, int64_t end, F&& place) {
  const auto row = p.inner >= 8 ? sliced_row : combined_row;
  for (int64_t r = begin; r < end; ++r) {
    Taps t;
    find_taps(p, r, t);
    row(p, t, x, place(r));
  }
}

double row_ns(const Plan& p) { return 20 + double(p.per_row()) * 0.4 * double(p.row().taps); }

// --------------------------------------------------------------------------- types and all of it

// Integers take the nearest, halves the even one, and stop at their ends.
template <class T>
void store_as(const float* x, void* y, int64_t n) {
  T* to = static_cast<T*>(y);
  if constexpr (std::is_integral_v<T>) {
    for (int64_t i = 0; i < n; ++i) {
      const float v = std::nearbyint(x[i]), low = std::numeric_limits<T>::min(),
                  high = std::numeric_limits<T>::max();
      to[i] = T(v >= high ? high : v >= low ? v : v < low ? low : 0.0f);  // NaN: 0
    }
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = T(x[i]);
  }
}
using StoreFn = void (*)(const float* x, void* y, int64_t n);
StoreFn find_store(hrt_dtype dtype) {
  switch (dtype) {
    case HRT_FLOAT16: return store_as<float16>;
    case HRT_BFLOAT16: return store_as<bfloat16>;
    case HRT_UINT8: return store_as<uint8_t>;
    case HRT_INT8: return store_as<int8_t>;
    case HRT_UINT16: return store_as<uint16_t>;
    case HRT_INT16: return store_as<int16_t>;
    default: return nullptr;
  }
}

// Positions along an axis of the output that lie outside of the input.
struct Outside {
  int64_t outer, length, inner;
  Dims positions;
};

// A node for one set of shapes: plans one after the other; between them, floats in the workspace.
struct Resize {
  std::vector<Plan> plans;
  Mode mode;
  hrt_dtype dtype;
  int64_t count;             // elements of the input
  int64_t room[2] = {0, 0};  // floats of what lies between plans
  int64_t row_pieces = 0;    // other types than float32: rows of the last plan that are made at a time
  std::vector<Outside> outside;
  std::array<std::byte, 16> extrapolation{};
  size_t workspace() const {
    return size_t(room[0] + room[1] + row_pieces * plans.back().per_row()) * sizeof(float);
  }
};

void run_nearest(const Resize& r, const Buffers& b) {
  const Plan& p = r.plans[0];
  parallel(p.outer * p.rows, 20 + 0.4 * double(p.per_row()), [&](int64_t begin, int64_t end) {
    nearest_rows(p, b.input<std::byte>(0), b.output<std::byte>(0), dtype_bytes(r.dtype), begin, end);
  });
}

// The last plan where the output is not float32: rows go through a float row of each piece of the work.
void run_converted(const Resize& r, const Plan& p, const float* x, float* rows, void* y) {
  const StoreFn store = find_store(r.dtype);
  const int64_t all = p.outer * p.rows, each = ceil_div(all, r.row_pieces);
  parallel(r.row_pieces, double(each) * row_ns(p), [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece)
      for (int64_t row = piece * each; row < std::min((piece + 1) * each, all); ++row) {
        float* const line = rows + piece * p.per_row();
        combined_rows(p, x, row, row + 1, [&](int64_t) { return line; });
        store(line, static_cast<std::byte*>(y) + size_t(row * p.per_row()) * dtype_bytes(r.dtype),
              p.per_row());
      }
  });
}

void run_combined(const Resize& r, const Buffers& b) {
  float* const ws = reinterpret_cast<float*>(b.workspace);
  float* const between[] = {ws, ws + r.room[0]};
  const float* x = b.input<float>(0);
  size_t next = 0;  // which half of the workspace is free
  if (r.dtype != HRT_FLOAT32) {
    const CastFn load = find_cast(r.dtype, HRT_FLOAT32);
    for_elements(r.count, 0.3, [&](int64_t begin, int64_t end) { load(b.in[0], between[0], begin, end); });
    x = between[next++];
  }
  for (size_t i = 0; i < r.plans.size(); ++i, next ^= 1) {
    const Plan& p = r.plans[i];
    const bool last = i + 1 == r.plans.size();
    if (last && r.dtype != HRT_FLOAT32) return run_converted(r, p, x, ws + r.room[0] + r.room[1], b.out[0]);
    float* const y = last ? b.output<float>(0) : between[next];
    parallel(p.outer * p.rows, row_ns(p), [&](int64_t begin, int64_t end) {
      combined_rows(p, x, begin, end, [&](int64_t row) { return y + row * p.per_row(); });
    });
    x = y;
  }
}

// Puts the extrapolation value where an axis was outside of the input.
template <class T>
void fill_outside(const Resize& r, void* y) {
  T value;
  std::memcpy(&value, r.extrapolation.data(), sizeof value);
  for (const Outside& o : r.outside)
    for (int64_t i = 0; i < o.outer; ++i)
      for (const int64_t k : o.positions)
        std::fill_n(static_cast<T*>(y) + (i * o.length + k) * o.inner, o.inner, value);
}

void run(const Resize& r, const Buffers& b) {
  r.mode == Mode::kNearest ? run_nearest(r, b) : run_combined(r, b);
  if (!r.outside.empty()) with_width(dtype_bytes(r.dtype), [&]<class T>() { fill_outside<T>(r, b.out[0]); });
}

// ---------------------------------------------------------------------------------- the operator

// What happens to every axis of the input.
std::vector<Change> changes_of(const Rule& r, const Signature& sig) {
  const Dims &in = sig.in[0].dims, &out = sig.out[0].dims;
  const int64_t rank = int64_t(in.size());
  std::vector<Change> changes(in.size());
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
      changes[size_t(axes[i])].scale = double(static_cast<const float*>(sig.in[2].known)[i]);
  } else {
    const bool stretch = r.policy == "stretch";
    const Dims sizes = stretch ? Dims() : sig.in[3].known_ints();
    require(stretch || sizes.size() == axes.size(), "Resize: ", int64_t(sizes.size()), " sizes for ",
            int64_t(axes.size()), " axes");
    double common = r.policy == "not_larger" ? HUGE_VAL : 0;
    for (size_t i = 0; i < axes.size(); ++i) {
      const size_t d = size_t(axes[i]);
      const double scale = double(stretch ? out[d] : sizes[i]) / double(std::max<int64_t>(in[d], 1));
      changes[d].scale = scale;
      common = r.policy == "not_larger" ? std::min(common, scale) : std::max(common, scale);
    }
    if (!stretch)
      for (const int64_t d : axes) changes[size_t(d)].scale = common;
  }
  if (r.crops()) {
    require(sig.has_in(1) && sig.in[1].known && sig.in[1].dtype == HRT_FLOAT32 &&
                sig.in[1].count() == int64_t(2 * axes.size()),
            "Resize: roi must have ", int64_t(2 * axes.size()), " elements");
    const float* roi = static_cast<const float*>(sig.in[1].known);
    for (size_t i = 0; i < axes.size(); ++i) {
      changes[size_t(axes[i])].begin = double(roi[i]);
      changes[size_t(axes[i])].end = double(roi[i + axes.size()]);
    }
  }
  for (size_t d = 0; d < in.size(); ++d) {
    const double scale = changes[d].scale;
    require(scale > 0 || out[d] == 0, "Resize: scale ", float(scale));
    require(in[d] > 0 || out[d] == 0, "Resize: axis ", int64_t(d), " has no elements to show");
    require(in[d] <= std::numeric_limits<int32_t>::max(), "Resize: axis ", int64_t(d), " of ", in[d]);
    require(scale != 1 || in[d] == out[d], "Resize: shapes ", in, " and ", out, " do not fit the scales");
  }
  return changes;
}

// The axes first ... last, where those in front of them have their new lengths already.
Plan make_plan(const Rule& r, const Dims& in, const Dims& out, const std::vector<Change>& changes,
               size_t first, size_t last) {
  Plan p;
  for (size_t d = 0; d < first; ++d) p.outer *= out[d];
  for (size_t d = last + 1; d < in.size(); ++d) p.inner *= in[d];
  for (size_t d = first; d <= last; ++d)
    p.axes.push_back(in.empty() ? make_axis(r, 1, 1, {}) : make_axis(r, in[d], out[d], changes[d]));
  p.stride.resize(p.axes.size());
  for (size_t d = p.axes.size(); d-- > 0;) {
    p.stride[d] = p.in_slices;
    p.in_slices *= p.axes[d].in;
    if (d + 1 < p.axes.size()) p.rows *= p.axes[d].out;
  }
  return p;
}

// The last of the axes first ... last that one plan can take.
size_t plan_end(const Rule& r, const Dims& in, const std::vector<Change>& changes, size_t first,
                size_t last) {
  if (r.mode == Mode::kNearest) return last;
  for (int64_t taps = 1; first < last; ++first) {
    if (!changes[first].none()) taps *= Kernel(r, changes[first].scale, in[first]).taps();
    if (taps > kMaxTaps) break;
  }
  return first;
}

Resize make_resize(const Rule& r, const Signature& sig) {
  std::vector<Change> changes = changes_of(r, sig);
  const Dims in = sig.in[0].physical(), out = sig.out[0].physical();
  changes.resize(in.size());  // a blocked tensor has one axis more
  size_t first = 0, last = in.empty() ? 0 : in.size() - 1;
  while (first < last && changes[first].none()) ++first;
  while (last > first && changes[last].none()) --last;
  Resize z;
  z.mode = r.mode;
  z.dtype = sig.in[0].dtype;
  z.count = sig.in[0].stored();
  const bool converts = r.mode != Mode::kNearest && z.dtype != HRT_FLOAT32;
  if (converts) z.room[0] = round_up(z.count, 16);
  for (size_t d = first; d <= last;) {
    const size_t end = plan_end(r, in, changes, d, last);
    const Plan& p = z.plans.emplace_back(make_plan(r, in, out, changes, d, end));
    int64_t& room = z.room[(z.plans.size() - (converts ? 0 : 1)) % 2];
    if (end < last) room = std::max(room, round_up(p.outer * p.rows * p.per_row(), 16));
    d = end + 1;
  }
  const Plan& p = z.plans.back();
  if (converts) z.row_pieces = std::min<int64_t>(p.outer * p.rows, int64_t(sdk::g_host.run->concurrency()));
  const std::span<const int64_t> dims = out;
  for (const Plan& plan : z.plans)
    for (const Axis& a : plan.axes) {
      const size_t d = first++;
      Outside o;
      for (size_t k = 0; k < a.outside.size(); ++k)
        if (a.outside[k]) o.positions.push_back(int64_t(k));
      if (o.positions.empty()) continue;
      o.outer = sdk::element_count(dims.first(d));
      o.length = dims[d];
      o.inner = sdk::element_count(dims.subspan(d + 1));
      z.outside.push_back(std::move(o));
    }
  if (!z.outside.empty()) find_cast(HRT_FLOAT32, z.dtype)(&r.extrapolation, z.extrapolation.data(), 0, 1);
  return z;
}

std::string supports(const Node& node) {
  const Graph graph(node.graph());
  const hrt_dtype t = graph.value(node.input(0)).dtype();
  if (node.s("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize") {
    const auto roi = node.input(1) == HRT_NONE ? std::nullopt : graph.value(node.input(1)).constant();
    if (!roi || roi->dtype() != HRT_FLOAT32) return "tf_crop_and_resize without a constant roi of float32";
    if (!find_cast(HRT_FLOAT32, t)) return sdk::cat("dtype ", dtype_name(t), " with tf_crop_and_resize");
  }
  if (node.s("mode", "nearest") == "nearest") return fixed_size_only(node);
  return t == HRT_FLOAT32 || find_store(t) ? "" : sdk::cat("dtype ", dtype_name(t));
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
                  node.i("antialias") != 0,
                  node.f("extrapolation_value"),
                  node.ints("axes")};
  Compiled c;
  c.arrange = [](Signature& sig) {
    const bool blocked = sig.in[0].layout == Layout::kBlocked && sig.in[0].dims[1] == sig.out[0].dims[1];
    sig.in[0].layout = sig.out[0].layout = blocked ? Layout::kBlocked : Layout::kPlain;
  };
  c.prepare = [rule](const Signature& sig) -> Step {
    Resize resize = make_resize(rule, sig);
    const size_t workspace = resize.workspace();
    return {[resize = std::move(resize)](const Buffers& b) { run(resize, b); }, workspace};
  };
  return c;
}

}  // namespace

std::span<const Op> resize_ops() {
  static const Op ops[] = {{"", "Resize", supports, compile}};
  return ops;
}

}  // namespace hrt::cpu
