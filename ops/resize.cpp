// SPDX-License-Identifier: Apache-2.0
// Resize: nearest, linear and cubic resampling. https://onnx.ai/onnx/operators/onnx__Resize.html
// Separable: one pass per axis, each output position a weighted sum of positions of the input. As in the
// standard's reference, align_corners and tf_crop_and_resize measure the output by scale * length, which
// need not be a whole number; outside positions repeat the edge.
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

struct Target {
  Dims dims;
  std::vector<double> scales;  // per axis; meaningful where the dims are numbers
};

Dims axes_of(const Node& node, size_t rank) {
  if (node.has("axes")) return normalise_axes(node.ints("axes"), int64_t(rank));
  Dims all;
  for (size_t i = 0; i < rank; ++i) all.push_back(int64_t(i));
  return all;
}

Target by_scales(const DimMath& m, const Dims& in, const Dims& axes, std::span<const float> scales) {
  require(scales.size() == axes.size(), scales.size(), " scales for ", axes.size(), " axes");
  Target t{in, std::vector<double>(in.size(), 1.0)};
  for (size_t i = 0; i < axes.size(); ++i) {
    const float scale = scales[i];
    require(scale > 0 && scale < 0x1p40f, "a scale is ", scale);
    if (scale == 1) continue;
    t.scales[size_t(axes[i])] = scale;
    int64_t& d = t.dims[size_t(axes[i])];
    d = m([&](int64_t n) { return convert<int64_t>(std::floor(float(n) * scale)); }, d);
  }
  return t;
}

Target by_sizes(const DimMath& m, const Dims& in, const Dims& axes, const Dims& sizes,
                const std::string& policy) {
  require(sizes.size() == axes.size(), sizes.size(), " sizes for ", axes.size(), " axes");
  Target t{in, std::vector<double>(in.size(), 1.0)};
  bool known = true;
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t a = size_t(axes[i]);
    require(!is_number(sizes[i]) || sizes[i] >= 0, "a size is ", sizes[i]);
    t.dims[a] = sizes[i];
    known = known && is_number(sizes[i]) && is_number(in[a]);
    if (is_number(sizes[i]) && is_number(in[a]) && in[a] > 0) t.scales[a] = double(sizes[i]) / double(in[a]);
  }
  if (policy == "stretch" || axes.empty()) return t;
  const bool smallest = policy == "not_larger";
  require(smallest || policy == "not_smaller", "there is no keep_aspect_ratio_policy ", policy);
  double scale = t.scales[size_t(axes[0])];
  for (int64_t a : axes)
    scale = smallest ? std::min(scale, t.scales[size_t(a)]) : std::max(scale, t.scales[size_t(a)]);
  for (int64_t a : axes) {
    t.scales[size_t(a)] = scale;
    if (known)
      t.dims[size_t(a)] = convert<int64_t>(std::floor(scale * double(in[size_t(a)]) + 0.5));
    else
      t.dims[size_t(a)] =
          m([](int64_t, int64_t) { return HRT_DIM_UNKNOWN; }, t.dims[size_t(a)], in[size_t(a)]);
  }
  return t;
}

// Old models give an empty tensor for the one of scales and sizes that is absent.
bool given(const Infer& c, uint32_t i) {
  const auto d = c.dims(i);
  return c.has(i) && !(d && *d == Dims{0});
}

void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return output_unranked(c);
  const Dims axes = axes_of(c.node(), in->size());
  Target t{*in, {}};
  for (int64_t a : axes) t.dims[size_t(a)] = HRT_DIM_UNKNOWN;
  if (given(c, 3)) {
    if (const auto sizes = c.values(3))
      t = by_sizes(DimMath(c), *in, axes, *sizes, c.node().s("keep_aspect_ratio_policy", "stretch"));
  } else if (const auto scales = c.constant(2)) {
    t = by_scales(DimMath(c), *in, axes, scales->span<float>());
  }
  c.output(0, TensorType(c.dtype(0), t.dims));
}

struct Axis {
  int64_t in, out;
  double scale, roi_start, roi_end;
};

double source_of(const std::string& mode, const Axis& a, double x) {
  const double in = double(a.in), out = a.scale * in;
  if (mode == "half_pixel") return (x + 0.5) / a.scale - 0.5;
  if (mode == "asymmetric") return x / a.scale;
  if (mode == "pytorch_half_pixel") return out > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
  if (mode == "align_corners") return out == 1 ? 0 : x * (in - 1) / (out - 1);
  if (mode == "half_pixel_symmetric") return in / 2 * (1 - double(a.out) / out) + (x + 0.5) / a.scale - 0.5;
  require(mode == "tf_crop_and_resize", "there is no coordinate_transformation_mode ", mode);
  const double extent = (a.roi_end - a.roi_start) * (in - 1);
  return a.roi_start * (in - 1) + (out == 1 ? extent / 2 : x * extent / (out - 1));
}

double cubic(double a, double x) {
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

double nearest(const std::string& mode, double x) {
  if (mode == "floor") return std::floor(x);
  if (mode == "ceil") return std::ceil(x);
  if (mode == "round_prefer_floor") return std::ceil(x - 0.5);
  require(mode == "round_prefer_ceil", "there is no nearest_mode ", mode);
  return std::floor(x + 0.5);
}

// Where one output position comes from.
struct Taps {
  Dims index;  // clamped
  std::vector<double> weight;
  bool outside = false;  // tf_crop_and_resize: takes the extrapolation value
};

class Sampler {
 public:
  explicit Sampler(const Node& n)
      : mode_(n.s("mode", "nearest")),
        nearest_mode_(n.s("nearest_mode", "round_prefer_floor")),
        coordinates_(n.s("coordinate_transformation_mode", "half_pixel")),
        cubic_a_(n.f("cubic_coeff_a", -0.75f)),
        antialias_(n.i("antialias") != 0),
        exclude_outside_(n.i("exclude_outside") != 0) {
    require(mode_ == "nearest" || mode_ == "linear" || mode_ == "cubic", "there is no mode ", mode_);
  }
  bool is_nearest() const { return mode_ == "nearest"; }
  bool crops() const { return coordinates_ == "tf_crop_and_resize"; }

  std::vector<Taps> taps(const Axis& a) const {
    std::vector<Taps> all(size_t(a.out));
    for (int64_t i = 0; i < a.out; ++i) all[size_t(i)] = at(a, source_of(coordinates_, a, double(i)));
    return all;
  }

 private:
  Taps at(const Axis& a, double x) const {
    Taps t;
    const double last = double(a.in - 1);
    t.outside = crops() && !(x >= 0 && x <= last);
    x = std::clamp(x, -0x1p52, 0x1p52);
    if (is_nearest()) {
      // Scales are floats: to float precision, 4 / 1.6f lies half-way.
      t.index = {int64_t(std::clamp(nearest(nearest_mode_, float(x)), 0.0, last))};
      t.weight = {1};
      return t;
    }
    const double reach = mode_ == "linear" ? 1 : 2, base = std::floor(x);
    const double shrink = antialias_ ? std::min(a.scale, 1.0) : 1;
    double sum = 0;
    const double start = std::floor(-reach / shrink) + 1;
    for (double k = start; k < 2 - start; ++k) {
      const double distance = (base + k - x) * shrink;
      double w = reach == 1 ? std::max(0.0, 1 - std::fabs(distance)) : cubic(cubic_a_, distance);
      if (exclude_outside_ && (base + k < 0 || base + k > last)) w = 0;
      t.index.push_back(int64_t(std::clamp(base + k, 0.0, last)));
      t.weight.push_back(w);
      sum += w;
    }
    if (sum != 0 && (antialias_ || exclude_outside_))
      for (double& w : t.weight) w /= sum;
    return t;
  }

  std::string mode_, nearest_mode_, coordinates_;
  double cubic_a_;
  bool antialias_, exclude_outside_;
};

// The plan of every axis; an axis that stays as it is has none.
std::vector<std::vector<Taps>> plan(const Kernel& c, const Sampler& sampler, const Tensor& x, const Target& t,
                                    const Dims& axes) {
  std::vector<std::vector<Taps>> all(size_t(x.rank()));
  const auto roi = sampler.crops() ? c.optional(1) : std::nullopt;
  require(!sampler.crops() || (roi && roi->size() == int64_t(2 * axes.size())), "roi must have ",
          2 * axes.size(), " elements");
  for (size_t k = 0; k < axes.size(); ++k) {
    const size_t i = size_t(axes[k]);
    Axis a{x.dim(int(i)), t.dims[i], t.scales[i], 0, 1};
    if (roi) a.roi_start = Reader(*roi)(int64_t(k)), a.roi_end = Reader(*roi)(int64_t(k + axes.size()));
    require(a.in > 0 || a.out == 0, "cannot resize axis ", i, ", which has no elements");
    if (a.scale == 1 && a.in == a.out && a.roi_start == 0 && a.roi_end == 1) continue;
    all[i] = sampler.taps(a);
  }
  return all;
}

// One axis of a tensor of doubles. Takes the place of x, which is released.
Tensor pass(const Kernel& c, const Tensor& x, size_t axis, const std::vector<Taps>& taps, double outside) {
  Dims dims(x.dims().begin(), x.dims().end());
  const int64_t outer = element_count(x.dims().first(axis)),
                inner = element_count(x.dims().subspan(axis + 1));
  const int64_t n = dims[axis], out = int64_t(taps.size());
  dims[axis] = out;
  const Tensor y = c.make(HRT_FLOAT64, dims);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t j = 0; j < out; ++j) {
      const Taps& t = taps[size_t(j)];
      for (int64_t i = 0; i < inner; ++i) {
        double sum = t.outside ? outside : 0;
        for (size_t k = 0; !t.outside && k < t.index.size(); ++k)
          sum += t.weight[k] * x.data<double>()[(o * n + t.index[k]) * inner + i];
        y.data<double>()[(o * out + j) * inner + i] = sum;
      }
    }
  c.release(x.c().value);
  return y;
}

void interpolate(const Kernel& c, const Tensor& y, const Tensor& x,
                 const std::vector<std::vector<Taps>>& taps) {
  const double outside = c.node().f("extrapolation_value");
  dispatch(Numbers{}, x.dtype(), [&]<class T>() {
    Tensor work = c.make(HRT_FLOAT64, x.dims());
    for (int64_t i = 0; i < x.size(); ++i) work.data<double>()[i] = double(acc_t<T>(x.data<T>()[i]));
    for (size_t axis = 0; axis < taps.size(); ++axis)
      if (!taps[axis].empty()) work = pass(c, work, axis, taps[axis], outside);
    for (int64_t i = 0; i < y.size(); ++i) {
      double v = work.data<double>()[i];
      if constexpr (std::is_integral_v<T>)
        v = std::clamp(std::nearbyint(v), double(std::numeric_limits<T>::min()),
                       double(std::numeric_limits<T>::max()));
      y.data<T>()[i] = convert<T>(v);
    }
  });
}

void pick_nearest(const Kernel& c, const Tensor& y, const Tensor& x,
                  const std::vector<std::vector<Taps>>& taps) {
  const Dims strides = strides_of(x.dims());
  const Mover move(y, x);
  auto write = [&](int64_t i, double v) { Writer{y}(i, v); };
  Counter at(y.dims(), {});
  const int64_t n = y.size();
  for (int64_t i = 0; i < n; ++i, at.next()) {
    int64_t from = 0;
    bool outside = false;
    for (size_t d = 0; d < taps.size(); ++d) {
      const int64_t k = at.index()[d];
      from += (taps[d].empty() ? k : taps[d][size_t(k)].index[0]) * strides[d];
      outside = outside || (!taps[d].empty() && taps[d][size_t(k)].outside);
    }
    if (outside)
      write(i, c.node().f("extrapolation_value"));
    else
      move(i, from);
  }
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Dims in(x.dims().begin(), x.dims().end()), axes = axes_of(c.node(), in.size());
  const auto scales = c.optional(2), sizes = c.optional(3);
  const bool sized = sizes && sizes->size() > 0;
  require(sized != (scales && scales->size() > 0) || axes.empty(),
          "exactly one of scales and sizes must be given");
  const Target t = sized
                       ? by_sizes(DimMath(), in, axes, to_int64s(*sizes),
                                  c.node().s("keep_aspect_ratio_policy", "stretch"))
                       : by_scales(DimMath(), in, axes, scales ? scales->span<float>() : std::span<float>());
  const Sampler sampler(c.node());
  const Tensor y = c.output(0, x.dtype(), t.dims);
  if (y.size() == 0) return;
  const auto taps = plan(c, sampler, x, t, axes);
  if (sampler.is_nearest())
    pick_nearest(c, y, x, taps);
  else
    interpolate(c, y, x, taps);
}

const Register resize(Op{
    .name = "Resize",
    .since = 19,
    .doc = "resampling to other lengths: nearest, linear or cubic",
    .inputs = {{"X", "T1"},
               {"roi", "T2", HRT_PARAM_OPTIONAL},
               {"scales", "float32", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE},
               {"sizes", "int64", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE}},
    .outputs = {{"Y", "T1"}},
    .attrs = {{"mode", HRT_ATTR_STRING, "nearest"},
              {"coordinate_transformation_mode", HRT_ATTR_STRING, "half_pixel"},
              {"nearest_mode", HRT_ATTR_STRING, "round_prefer_floor"},
              {"cubic_coeff_a", HRT_ATTR_FLOAT, "-0.75"},
              {"exclude_outside", HRT_ATTR_INT, "0"},
              {"extrapolation_value", HRT_ATTR_FLOAT, "0"},
              {"antialias", HRT_ATTR_INT, "0"},
              {"axes", HRT_ATTR_INTS},
              {"keep_aspect_ratio_policy", HRT_ATTR_STRING, "stretch"}},
    .types = {{"T1", kAny}, {"T2", bits(HRT_FLOAT16, HRT_FLOAT32, HRT_FLOAT64)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
