// SPDX-License-Identifier: Apache-2.0
// Resize: one pass for each axis that changes. Where an output element comes from, and with which weights, is
// worked out here for every position of the axis, as ONNX's reference does it.
#include <cmath>

#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {
namespace {

struct Rule {
  explicit Rule(const Node& n)
      : mode(n.s("mode", "nearest")),
        nearest(n.s("nearest_mode", "round_prefer_floor")),
        coordinates(n.s("coordinate_transformation_mode", "half_pixel")),
        policy(n.s("keep_aspect_ratio_policy", "stretch")),
        cubic_a(n.f("cubic_coeff_a", -0.75f)),
        antialias(n.i("antialias") != 0),
        exclude_outside(n.i("exclude_outside") != 0),
        axes(n.ints("axes")) {}
  std::string mode, nearest, coordinates, policy;
  double cubic_a;
  bool antialias, exclude_outside;
  Dims axes;
};

std::string supports(const Node& node, const Caps& caps) {
  const Rule r(node);
  const hrt_dtype t = Value(node.graph(), node.input(0)).dtype();
  if (r.coordinates == "tf_crop_and_resize") return "coordinate_transformation_mode tf_crop_and_resize";
  if (r.policy != "stretch") return "keep_aspect_ratio_policy " + r.policy;
  if (r.mode != "nearest" && t != HRT_FLOAT32 && t != HRT_FLOAT16)
    return sdk::cat("dtype ", dtype_name(t), " in mode ", r.mode);
  return storable(t, caps);
}

struct Axis {
  int64_t in, out;
  double scale;
};

double source_of(const std::string& mode, const Axis& a, double x) {
  const double in = double(a.in), out = a.scale * in;
  if (mode == "half_pixel") return (x + 0.5) / a.scale - 0.5;
  if (mode == "asymmetric") return x / a.scale;
  if (mode == "pytorch_half_pixel") return out > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
  if (mode == "align_corners") return out == 1 ? 0 : x * (in - 1) / (out - 1);
  require(mode == "half_pixel_symmetric", "there is no coordinate_transformation_mode ", mode);
  return in / 2 * (1 - double(a.out) / out) + (x + 0.5) / a.scale - 0.5;
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

struct Taps {
  int64_t each = 1;
  std::vector<int32_t> places;
  std::vector<float> weights;
};

void add_weighted(const Rule& r, const Axis& a, double x, Taps& t) {
  const double reach = r.mode == "linear" ? 1 : 2, base = std::floor(x), last = double(a.in - 1);
  const double shrink = r.antialias ? std::min(a.scale, 1.0) : 1;
  const double start = std::floor(-reach / shrink) + 1;
  const size_t first = t.weights.size();
  double sum = 0;
  for (double k = start; k < 2 - start; ++k) {
    const double distance = (base + k - x) * shrink;
    double w = reach == 1 ? std::max(0.0, 1 - std::fabs(distance)) : cubic(r.cubic_a, distance);
    if (r.exclude_outside && (base + k < 0 || base + k > last)) w = 0;
    t.places.push_back(int32_t(std::clamp(base + k, 0.0, last)));
    t.weights.push_back(float(w));
    sum += w;
  }
  t.each = int64_t(t.weights.size() - first);
  if (sum == 0 || !(r.antialias || r.exclude_outside)) return;
  for (size_t i = first; i < t.weights.size(); ++i) t.weights[i] = float(t.weights[i] / sum);
}

Taps taps_of(const Rule& r, const Axis& a) {
  require(r.mode == "nearest" || r.mode == "linear" || r.mode == "cubic", "there is no mode ", r.mode);
  require(a.scale > 0x1p-20, "a scale of ", a.scale);
  Taps t;
  for (int64_t i = 0; i < a.out; ++i) {
    const double x = std::clamp(source_of(r.coordinates, a, double(i)), -0x1p52, 0x1p52);
    if (r.mode != "nearest")
      add_weighted(r, a, x, t);
    else  // scales are floats: to float precision, 4 / 1.6f lies half-way
      t.places.push_back(int32_t(std::clamp(nearest(r.nearest, float(x)), 0.0, double(a.in - 1))));
  }
  return t;
}

void emit_pass(Emit& e, const Rule& r, const Lines& l, int64_t to, const Taps& t, Ref x, Ref y) {
  const hrt_dtype dtype = e.in()[0].dtype;
  const bool weighted = r.mode != "nearest";
  const int64_t n = l.count() * to;
  Call call = element_call(weighted ? "resize" : "resize_nearest",
                           weighted ? type_variant(dtype) : size_variant(dtype), n);
  call.push = {push_int(n), push_int(l.n), push_int(to), push_int(l.inner)};
  call.buffers = {x, e.data(t.places.data(), t.places.size() * sizeof(int32_t))};
  if (weighted) {
    call.constants = {int32_t(push_int(t.each))};
    call.buffers.push_back(e.data(t.weights.data(), t.weights.size() * sizeof(float)));
  }
  call.writes = 1U << call.buffers.size();
  call.buffers.push_back(y);
  e.dispatch(std::move(call));
}

// Scales of all axes: given, or what the sizes make them.
std::vector<double> scales_of(const Emit& e, const Rule& r) {
  const Dims &in = e.in()[0].dims, &out = e.out()[0].dims;
  std::vector<double> scales(in.size(), 1);
  const bool sized = e.has_in(3) && e.in()[3].count() > 0;
  for (size_t k = 0; k < (r.axes.empty() ? in.size() : r.axes.size()); ++k) {
    const size_t d = r.axes.empty() ? k : checked_axis(r.axes[k], int64_t(in.size()));
    if (sized) {
      scales[d] = in[d] ? double(out[d]) / double(in[d]) : 1;
      continue;
    }
    require(e.has_in(2) && e.in()[2].known && e.in()[2].count() > int64_t(k), "scales are not known");
    scales[d] = double(static_cast<const float*>(e.in()[2].known)[k]);
  }
  return scales;
}

Compiled compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [r = Rule(node)](Emit& e) {
    Dims dims = e.in()[0].dims;
    const Dims& out = e.out()[0].dims;
    const std::vector<double> scales = scales_of(e, r);
    std::vector<size_t> passes;
    for (size_t d = 0; d < dims.size(); ++d) {
      require(dims[d] > 0, "cannot resize axis ", d, ", which has no elements");
      if (scales[d] != 1 || dims[d] != out[d]) passes.push_back(d);
    }
    if (passes.empty() && !dims.empty()) passes.push_back(dims.size() - 1);
    if (passes.empty()) unsupported("a scalar to resize");
    Ref x = e.in_ref(0);
    for (const size_t d : passes) {
      const Lines l = lines_of(dims, int64_t(d));
      const Taps t = taps_of(r, {dims[d], out[d], scales[d]});
      dims[d] = out[d];
      const uint64_t bytes = uint64_t(sdk::element_count(dims)) * dtype_bytes(e.in()[0].dtype);
      const Ref y = d == passes.back() ? e.out_ref(0) : e.scratch(bytes);
      emit_pass(e, r, l, out[d], t, x, y);
      x = y;
    }
  };
  return c;
}

}  // namespace

std::span<const Op> resize_ops() {
  static const Op ops[] = {{"", "Resize", supports, compile}};
  return ops;
}

}  // namespace hrt::gpu
