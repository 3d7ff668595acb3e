// SPDX-License-Identifier: Apache-2.0
// LayerNormalization: (x - mean) / sqrt(var + epsilon) * scale + B; RMSNormalization: x / sqrt(mean(x^2) +
// epsilon) * scale, of which SimplifiedLayerNormalization is the older name; statistics over the axes from
// `axis` on. Stage one is computed in double, whatever stash_type asks for at least.
// https://onnx.ai/onnx/operators/onnx__LayerNormalization.html, onnx__RMSNormalization.html
#include <algorithm>

#include "norm.h"

namespace hrt::ops {
namespace {

hrt_dtype stash_type(const Node& node) {
  const int64_t t = node.i("stash_type", HRT_FLOAT32);
  require(t > 0 && t < HRT_DTYPE_COUNT && (HRT_DTYPE_BIT(t) & kFloat), "stash_type is ", t);
  return hrt_dtype(t);
}

// The shape of the statistics: ones from the axis on.
Dims statistics(Dims dims, int64_t axis) {
  std::fill(dims.begin() + normalise_axis(axis, int64_t(dims.size())), dims.end(), 1);
  return dims;
}

void infer_layer(const Infer& c) {
  infer_same(c);
  const auto x = c.dims(0);
  const hrt_dtype dtype = stash_type(c.node());
  for (uint32_t i = 1; i < std::min(c.output_count(), 3u); ++i)
    c.output(i, x ? TensorType(dtype, statistics(*x, c.node().i("axis", -1))) : TensorType(dtype));
}

void infer_rms(const Infer& c) {
  const auto x = c.dims(0);
  const int64_t axis = c.node().i("axis", -1);
  if (x) normalise_axis(axis, int64_t(x->size()));
  c.output(0, x ? TensorType(c.dtype(1), *x) : TensorType(c.dtype(1)));
  if (c.output_count() < 2) return;
  const hrt_dtype dtype = stash_type(c.node());
  c.output(1, x ? TensorType(dtype, statistics(*x, axis)) : TensorType(dtype));
}

// Parameter elements as the elements of x need them, one after the other.
class Broadcast {
 public:
  Broadcast(const std::optional<Tensor>& t, std::span<const int64_t> to, double otherwise)
      : values_(t ? to_doubles(*t) : std::vector<double>{otherwise}),
        at_(to, {t ? broadcast_strides(t->dims(), to) : Dims(to.size(), 0)}) {
    require(!t || std::ranges::equal(broadcast(to, t->dims()), to), "a parameter does not broadcast to ", to);
  }
  double next() {
    const double v = values_[size_t(at_.offset(0))];
    at_.next();
    return v;
  }

 private:
  std::vector<double> values_;
  Counter at_;
};

// y = (x - centre(m)) * factor(m) * scale + bias. keep(group, m) sees the moments of each group.
template <class Statistics, class Keep>
void normalise(const Kernel& c, const Tensor& y, const std::optional<Tensor>& bias, Statistics statistics,
               Keep keep) {
  const Tensor x = c.input(0);
  const size_t axis = size_t(normalise_axis(c.node().i("axis", -1), x.rank()));
  const int64_t size = element_count(x.dims().subspan(axis)), groups = x.size() == 0 ? 0 : x.size() / size;
  Broadcast scale(c.input(1), x.dims(), 1), shift(bias, x.dims(), 0);
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    dispatch(Floats{}, y.dtype(), [&]<class Y>() {
      for (int64_t g = 0; g < groups; ++g) {
        const T* in = x.data<T>() + g * size;
        const auto [centre, factor] = statistics(in, size);
        for (int64_t i = 0; i < size; ++i) {
          const double v = (double(in[i]) - centre) * factor * scale.next();
          y.data<Y>()[g * size + i] = Y(acc_t<Y>(v + shift.next()));
        }
        keep(g, centre, factor);
      }
    });
  });
}

// Keeps a statistic of each group in output `index`, where it is wanted.
class Kept {
 public:
  Kept(const Kernel& c, uint32_t index) {
    const hrt_dtype dtype = stash_type(c.node());
    const auto x = c.input(0).dims();
    if (c.wanted(index))
      to_ = c.output(index, dtype, statistics(Dims(x.begin(), x.end()), c.node().i("axis", -1)));
  }
  void set(int64_t group, double v) const {
    if (to_) dispatch(Floats{}, to_->dtype(), [&]<class T>() { to_->data<T>()[group] = T(acc_t<T>(v)); });
  }

 private:
  std::optional<Tensor> to_;
};

void layer(const Kernel& c) {
  const Tensor x = c.input(0);
  const double epsilon = c.node().f("epsilon", 1e-5f);
  const Tensor y = c.output(0, x.dtype(), x.dims());
  const Kept means(c, 1), inverses(c, 2);
  auto statistics = [&](const auto* in, int64_t n) {
    const Moments m = moments(in, n);
    return std::pair(m.mean, 1 / std::sqrt(m.variance + epsilon));
  };
  normalise(c, y, c.optional(2), statistics, [&](int64_t g, double mean, double inverse) {
    means.set(g, mean);
    inverses.set(g, inverse);
  });
}

void rms(const Kernel& c) {
  const double epsilon = c.node().f("epsilon", 1e-5f);
  const Tensor y = c.output(0, c.input(1).dtype(), c.input(0).dims());
  const Kept inverses(c, 1);
  auto statistics = [&](const auto* in, int64_t n) {
    double squares = 0;
    for (int64_t i = 0; i < n; ++i) squares += double(in[i]) * double(in[i]);
    return std::pair(0.0, 1 / std::sqrt(squares / double(n) + epsilon));
  };
  normalise(c, y, std::nullopt, statistics,
            [&](int64_t g, double, double inverse) { inverses.set(g, inverse); });
}

const std::vector<AttrSpec> attrs{
    {"axis", HRT_ATTR_INT, "-1"}, {"epsilon", HRT_ATTR_FLOAT, "1e-5"}, {"stash_type", HRT_ATTR_INT, "1"}};

const Register layer_op(Op{
    .name = "LayerNormalization",
    .since = 17,
    .doc = "normalisation over the last axes",
    .inputs = {{"X", "T"}, {"Scale", "T"}, {"B", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T"}, {"Mean", "U", HRT_PARAM_OPTIONAL}, {"InvStdDev", "U", HRT_PARAM_OPTIONAL}},
    .attrs = attrs,
    .types = {{"T", kFloat}, {"U", kFloat}},
    .infer = infer_layer,
    .compute = layer,
});

Op rms_op(const char* name, int64_t since) {
  return {.name = name,
          .since = since,
          .doc = "division by the root mean square over the last axes",
          .inputs = {{"X", "T"}, {"scale", "V"}},
          .outputs = {{"Y", "V"}},
          .attrs = attrs,
          .types = {{"T", kFloat}, {"V", kFloat}, {"U", kFloat}},
          .infer = infer_rms,
          .compute = rms};
}

// ONNX Runtime's name for it, from before the standard had one, with its domains.
Op simplified(const char* domain) {
  Op op = rms_op("SimplifiedLayerNormalization", 1);
  op.domain = domain;
  op.outputs.push_back({"inv_std_var", "U", HRT_PARAM_OPTIONAL});
  return op;
}

const Register rms_ops[] = {Register(rms_op("RMSNormalization", 23)), Register(simplified("")),
                            Register(simplified("com.microsoft"))};

}  // namespace
}  // namespace hrt::ops
