// SPDX-License-Identifier: Apache-2.0
// RandomNormal, RandomUniform and their ...Like forms, Bernoulli, Multinomial.
// https://onnx.ai/onnx/operators/onnx__RandomNormal.html and so on.
#include "random.h"

#include <algorithm>

#include "norm.h"

namespace hrt::ops {
namespace {

hrt_dtype dtype_attr(const Node& node, hrt_dtype otherwise, uint64_t allowed) {
  const int64_t t = node.i("dtype", otherwise);
  require(t > 0 && t < HRT_DTYPE_COUNT && (HRT_DTYPE_BIT(t) & allowed), "dtype is ", t,
          ", which the output cannot have");
  return hrt_dtype(t);
}

Dims shape_attr(const Node& node) {
  const Dims shape = node.ints("shape");
  for (int64_t d : shape) require(d >= 0 && is_number(d), "shape has the entry ", d);
  return shape;
}

void infer_shape(const Infer& c) {
  c.output(0, TensorType(dtype_attr(c.node(), HRT_FLOAT32, kFloat), shape_attr(c.node())));
}

template <uint64_t Allowed>
void infer_like(const Infer& c) {
  if (c.dtype(0) == HRT_UNDEFINED && !c.node().has("dtype")) return;
  const hrt_dtype dtype = dtype_attr(c.node(), c.dtype(0), Allowed);
  const auto dims = c.dims(0);
  c.output(0, dims ? TensorType(dtype, *dims) : TensorType(dtype));
}

// Fills output 0 with draw(random).
template <class Draw>
void fill(const Kernel& c, hrt_dtype dtype, std::span<const int64_t> dims, Draw draw) {
  Random random(c.node());
  const Tensor y = c.output(0, dtype, dims);
  dispatch(Floats{}, dtype, [&]<class T>() {
    for (int64_t i = 0; i < y.size(); ++i) y.data<T>()[i] = T(acc_t<T>(draw(random)));
  });
}

void draw_normal(const Kernel& c, hrt_dtype dtype, std::span<const int64_t> dims) {
  const double mean = c.node().f("mean", 0), scale = c.node().f("scale", 1);
  fill(c, dtype, dims, [=](Random& r) { return mean + scale * r.normal(); });
}
void draw_uniform(const Kernel& c, hrt_dtype dtype, std::span<const int64_t> dims) {
  const double low = c.node().f("low", 0), high = c.node().f("high", 1);
  fill(c, dtype, dims, [=](Random& r) { return low + (high - low) * r.uniform(); });
}

template <void (*Draw)(const Kernel&, hrt_dtype, std::span<const int64_t>)>
void of_shape(const Kernel& c) {
  Draw(c, dtype_attr(c.node(), HRT_FLOAT32, kFloat), shape_attr(c.node()));
}
template <void (*Draw)(const Kernel&, hrt_dtype, std::span<const int64_t>)>
void like(const Kernel& c) {
  const Tensor x = c.input(0);
  Draw(c, dtype_attr(c.node(), x.dtype(), kFloat), x.dims());
}

constexpr uint64_t kDrawn = kNumber | kBool;

void bernoulli(const Kernel& c) {
  const Tensor p = c.input(0);
  const std::vector<double> odds = to_doubles(p);
  Random random(c.node());
  const Tensor y = c.output(0, dtype_attr(c.node(), p.dtype(), kDrawn), p.dims());
  using Types = TypeList<bool, float, double, float16, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t,
                         uint16_t, uint32_t, uint64_t>;
  dispatch(Types{}, y.dtype(), [&]<class T>() {
    for (size_t i = 0; i < odds.size(); ++i) {
      require(odds[i] >= 0 && odds[i] <= 1, "a probability is ", odds[i]);
      y.data<T>()[i] = T(acc_t<T>(random.uniform() < odds[i]));
    }
  });
}

int64_t sample_size(const Node& node) {
  const int64_t n = node.i("sample_size", 1);
  require(n >= 0 && n <= INT32_MAX, "sample_size is ", n);
  return n;
}

void infer_multinomial(const Infer& c) {
  const auto x = c.dims(0);
  require(!x || x->size() == 2, "the input does not have rank 2");
  c.output(0, TensorType(dtype_attr(c.node(), HRT_INT32, kIndex),
                         {x ? (*x)[0] : HRT_DIM_UNKNOWN, sample_size(c.node())}));
}

void multinomial(const Kernel& c) {
  const Tensor x = c.input(0);
  require(x.rank() == 2 && x.dim(1) > 0, "the input has shape ", x.dims());
  const int64_t samples = sample_size(c.node()), classes = x.dim(1);
  std::vector<double> logits = to_doubles(x), sums(static_cast<size_t>(classes));
  Random random(c.node());
  const Tensor y = c.output(0, dtype_attr(c.node(), HRT_INT32, kIndex), Dims{x.dim(0), samples});
  dispatch(Indices{}, y.dtype(), [&]<class T>() {
    for (int64_t n = 0; n < x.dim(0); ++n) {
      const double* row = logits.data() + n * classes;
      const double most = *std::max_element(row, row + classes);
      double sum = 0;
      for (int64_t k = 0; k < classes; ++k) sums[size_t(k)] = sum += std::exp(row[k] - most);
      for (int64_t s = 0; s < samples; ++s) {
        const auto hit = std::upper_bound(sums.begin(), sums.end() - 1, random.uniform() * sum);
        y.data<T>()[n * samples + s] = T(hit - sums.begin());
      }
    }
  });
}

const AttrSpec kDtype{"dtype", HRT_ATTR_INT}, kSeed{"seed", HRT_ATTR_FLOAT};
const AttrSpec kShape{"shape", HRT_ATTR_INTS, "", true};
const AttrSpec kMean{"mean", HRT_ATTR_FLOAT, "0"}, kScale{"scale", HRT_ATTR_FLOAT, "1"};
const AttrSpec kLow{"low", HRT_ATTR_FLOAT, "0"}, kHigh{"high", HRT_ATTR_FLOAT, "1"};
constexpr uint64_t kLikeable = kNumber | kBool | kString | kComplex;

Op random(const char* name, const char* doc, std::vector<Param> inputs, std::vector<AttrSpec> attrs,
          uint64_t input_types, uint64_t output_types, void (*infer)(const Infer&),
          void (*compute)(const Kernel&)) {
  return Op{.name = name,
            .since = 22,
            .doc = doc,
            .inputs = std::move(inputs),
            .outputs = {{"output", "T2"}},
            .attrs = std::move(attrs),
            .types = {{"T1", input_types}, {"T2", output_types}},
            .flags = HRT_OP_NONDETERMINISTIC,
            .infer = infer,
            .compute = compute};
}

const Register ops[] = {
    Register(random("RandomNormal", "normally distributed numbers", {},
                    {kDtype, kMean, kScale, kSeed, kShape}, 0, kFloat, infer_shape, of_shape<draw_normal>)),
    Register(random("RandomUniform", "uniformly distributed numbers", {},
                    {kDtype, kHigh, kLow, kSeed, kShape}, 0, kFloat, infer_shape, of_shape<draw_uniform>)),
    Register(random("RandomNormalLike", "normally distributed numbers in the shape of the input",
                    {{"input", "T1"}}, {kDtype, kMean, kScale, kSeed}, kLikeable, kFloat, infer_like<kFloat>,
                    like<draw_normal>)),
    Register(random("RandomUniformLike", "uniformly distributed numbers in the shape of the input",
                    {{"input", "T1"}}, {kDtype, kHigh, kLow, kSeed}, kLikeable, kFloat, infer_like<kFloat>,
                    like<draw_uniform>)),
    Register(random("Bernoulli", "1 with the probability given, else 0", {{"input", "T1"}}, {kDtype, kSeed},
                    kFloat, kDrawn, infer_like<kDrawn>, bernoulli)),
    Register(random("Multinomial", "classes drawn by their unnormalised log-probabilities", {{"input", "T1"}},
                    {kDtype, {"sample_size", HRT_ATTR_INT, "1"}, kSeed}, kFloat, kIndex, infer_multinomial,
                    multinomial)),
};

}  // namespace
}  // namespace hrt::ops
