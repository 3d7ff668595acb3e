// SPDX-License-Identifier: Apache-2.0
// GridSample: reads x at the positions that a grid gives, -1 ... 1 along each spatial axis, by nearest,
// linear or cubic interpolation; what lies outside is zero, the border or a reflection.
// https://onnx.ai/onnx/operators/onnx__GridSample.html
#include <array>
#include <cmath>

#include "elementwise.h"

namespace hrt::ops {
namespace {

enum class Mode { kNearest, kLinear, kCubic };
enum class Padding { kZeros, kBorder, kReflection };

// One axis of an interpolation: elements and their weights. An index of -1 is a zero outside.
struct Taps {
  int count = 0;
  std::array<int64_t, 4> index{};
  std::array<double, 4> weight{};
};

// Mirrors v at the ends until it lies between them.
double reflect(double v, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double distance = std::fabs(v - low), rest = std::fmod(distance, range);
  return std::fmod(std::floor(distance / range), 2) == 0 ? low + rest : high - rest;
}

// Keys' cubic convolution with a = -0.75, for a distance in 0 ... 2.
double cubic(double d) {
  constexpr double a = -0.75;
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

class Axis {
 public:
  Axis(int64_t size, Mode mode, Padding padding, bool corners)
      : size_(size),
        mode_(mode),
        padding_(padding),
        corners_(corners),
        low_(corners ? 0 : -0.5),
        high_(corners ? double(size) - 1 : double(size) - 0.5) {}

  template <class G>  // the type that positions are computed in decides how halves round
  Taps at(G grid) const {
    const G n = G(size_);
    double v = corners_ ? (grid + 1) / 2 * (n - 1) : ((grid + 1) * n - 1) / 2;
    if (mode_ == Mode::kNearest) v = std::nearbyint(v);
    if (v < low_ || v > high_) {
      // A cubic kernel reaches over the border, where its elements are clamped one by one.
      const double reach = mode_ == Mode::kCubic ? 3 : 0;
      if (padding_ == Padding::kBorder) v = std::clamp(v, -reach, double(size_ - 1) + reach);
      if (padding_ == Padding::kReflection) v = reflect(v, low_, high_);
    }
    Taps taps;
    if (!(std::fabs(v) < 1e15)) return taps;  // far outside, or not a number
    const double base = std::floor(v), f = v - base;
    auto add = [&](int64_t step, double weight) {
      taps.index[size_t(taps.count)] = resolve(int64_t(base) + step);
      taps.weight[size_t(taps.count++)] = weight;
    };
    switch (mode_) {
      case Mode::kNearest: add(0, 1); break;
      case Mode::kLinear: add(0, 1 - f), add(1, f); break;
      case Mode::kCubic: add(-1, cubic(1 + f)), add(0, cubic(f)), add(1, cubic(1 - f)), add(2, cubic(2 - f));
    }
    return taps;
  }

 private:
  int64_t resolve(int64_t i) const {
    if (i >= 0 && i < size_) return i;
    switch (padding_) {
      case Padding::kZeros: return -1;
      case Padding::kBorder: return std::clamp<int64_t>(i, 0, size_ - 1);
      case Padding::kReflection:
        return std::clamp<int64_t>(int64_t(reflect(double(i), low_, high_)), 0, size_ - 1);
    }
    return -1;
  }

  int64_t size_;
  Mode mode_;
  Padding padding_;
  bool corners_;
  double low_, high_;  // the ends that reflection mirrors at
};

// Calls f(offset in the plane, weight) for every element of the product of all axes' taps.
template <class F>
void combine(const std::vector<Taps>& taps, const Dims& dims, size_t axis, int64_t offset, double weight,
             F& f) {
  if (axis == dims.size()) return f(offset, weight);
  for (size_t k = 0; k < size_t(taps[axis].count); ++k)
    if (taps[axis].index[k] >= 0)
      combine(taps, dims, axis + 1, offset * dims[axis] + taps[axis].index[k], weight * taps[axis].weight[k],
              f);
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

void infer(const Infer& c) {
  const auto x = c.dims(0), grid = c.dims(1);
  if (!x || !grid) return c.output(0, TensorType(c.dtype(0)));
  require(x->size() >= 3 && grid->size() == x->size(), "x has rank ", x->size(), ", the grid ", grid->size());
  Dims out(x->begin(), x->begin() + 2);
  out.insert(out.end(), grid->begin() + 1, grid->end() - 1);
  c.output(0, TensorType(c.dtype(0), out));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), grid = c.input(1);
  require(x.rank() >= 3 && grid.rank() == x.rank(), "x has rank ", x.rank(), ", the grid ", grid.rank());
  const size_t rank = size_t(x.rank()) - 2;
  require(grid.dim(0) == x.dim(0) && grid.dim(int(rank) + 1) == int64_t(rank), "a grid of shape ",
          grid.dims(), " for x of ", x.dims());
  const Dims spatial(x.dims().begin() + 2, x.dims().end());
  Dims out{x.dim(0), x.dim(1)};
  out.insert(out.end(), grid.dims().begin() + 1, grid.dims().end() - 1);
  const Tensor y = c.output(0, x.dtype(), out);
  const int64_t plane = element_count(spatial), channels = x.dim(1);
  require(plane > 0 || y.size() == 0, "there is nothing to sample in x of shape ", x.dims());
  const int64_t positions = element_count(grid.dims().subspan(1, rank));

  const Mode mode = mode_of(c.node());
  std::vector<Axis> axes;
  for (int64_t d : spatial)
    axes.emplace_back(d, mode, padding_of(c.node()), c.node().i("align_corners") != 0);
  // Calls f(x offset of the first channel's plane, y offset of it, taps) for each position.
  auto each = [&](auto f) {
    dispatch(Floats{}, grid.dtype(), [&]<class G>() {
      std::vector<Taps> taps(rank);
      for (int64_t n = 0; n < x.dim(0); ++n)
        for (int64_t p = 0; p < positions; ++p) {
          const G* at = grid.data<G>() + (n * positions + p) * int64_t(rank);
          for (size_t i = 0; i < rank; ++i) taps[i] = axes[i].at(acc_t<G>(at[rank - 1 - i]));
          f(n * channels * plane, n * channels * positions + p, taps);
        }
    });
  };
  if (mode == Mode::kNearest && x.dtype() == HRT_STRING)
    return each([&](int64_t from, int64_t to, const std::vector<Taps>& taps) {
      for (int64_t ch = 0; ch < channels; ++ch) {
        auto copy = [&](int64_t i, double) {
          y.set_string(to + ch * positions, x.string(from + ch * plane + i));
        };
        combine(taps, spatial, 0, 0, 1, copy);
      }
    });
  if (mode == Mode::kNearest)
    return dispatch_width(x.dtype(), [&]<class T>() {
      each([&](int64_t from, int64_t to, const std::vector<Taps>& taps) {
        for (int64_t ch = 0; ch < channels; ++ch) {
          T v{};
          auto copy = [&](int64_t i, double) { v = x.data<T>()[from + ch * plane + i]; };
          combine(taps, spatial, 0, 0, 1, copy);
          y.data<T>()[to + ch * positions] = v;
        }
      });
    });
  dispatch(Numbers{}, x.dtype(), [&]<class T>() {
    each([&](int64_t from, int64_t to, const std::vector<Taps>& taps) {
      for (int64_t ch = 0; ch < channels; ++ch) {
        double v = 0;
        auto sum = [&](int64_t i, double weight) {
          v += weight * double(x.data<T>()[from + ch * plane + i]);
        };
        combine(taps, spatial, 0, 0, 1, sum);
        if constexpr (std::is_integral_v<T>)
          y.data<T>()[to + ch * positions] = to_integer<T>(v);
        else
          y.data<T>()[to + ch * positions] = T(acc_t<T>(v));
      }
    });
  });
}

const Register grid_sample(Op{
    .name = "GridSample",
    .since = 22,
    .doc = "x at the positions of a grid",
    .inputs = {{"X", "T1"}, {"grid", "T2"}},
    .outputs = {{"Y", "T1"}},
    .attrs = {{"align_corners", HRT_ATTR_INT, "0"},
              {"mode", HRT_ATTR_STRING, "linear"},
              {"padding_mode", HRT_ATTR_STRING, "zeros"}},
    .types = {{"T1", kNumber | kBool | kString | kComplex}, {"T2", kFloat}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
