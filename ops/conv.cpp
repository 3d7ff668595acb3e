// SPDX-License-Identifier: Apache-2.0
// Conv: y = x * w + b, convolution over any number of spatial axes, in groups, strided, dilated, padded.
// https://onnx.ai/onnx/operators/onnx__Conv.html
#include "conv.h"

namespace hrt::ops {

Dims Convolution::output() const {
  Dims dims{batch, group * out};
  dims.insert(dims.end(), window.output.begin(), window.output.end());
  return dims;
}

namespace {

int64_t group_of(const Node& node) {
  const int64_t group = node.i("group", 1);
  require(group >= 1 && group <= INT32_MAX, "group is ", group);
  return group;
}

// What can be verified of dims that are not all numbers.
void verify(std::span<const int64_t> x, std::span<const int64_t> w, int64_t group, bool transposed) {
  require(x.size() >= 3, "x has rank ", x.size(), ", not batch, channels and spatial axes");
  require(w.size() == x.size(), "weights of rank ", w.size(), " for x of rank ", x.size());
  require(!is_number(w[0]) || w[0] % group == 0, w[0], " channels in ", group, " groups");
  if (!is_number(x[1])) return;
  const bool fits = transposed ? !is_number(w[0]) || x[1] == w[0]
                               : !is_number(w[1]) || (x[1] % group == 0 && x[1] / group == w[1]);
  require(fits, "x of shape ", x, " for weights of ", w, " in ", group, " groups");
}

}  // namespace

std::vector<AttrSpec> conv_attrs() {
  return {{"auto_pad", HRT_ATTR_STRING, "NOTSET"}, {"dilations", HRT_ATTR_INTS}, {"group", HRT_ATTR_INT, "1"},
          {"kernel_shape", HRT_ATTR_INTS},         {"pads", HRT_ATTR_INTS},      {"strides", HRT_ATTR_INTS}};
}

Convolution convolution(const Node& node, std::span<const int64_t> x, std::span<const int64_t> w,
                        bool transposed) {
  Convolution s;
  s.group = group_of(node);
  s.transposed = transposed;
  verify(x, w, s.group, transposed);
  s.batch = x[0];
  s.in = x[1] / s.group;
  s.out = transposed ? w[1] : w[0] / s.group;
  const Dims input(x.begin() + 2, x.end()), kernel(w.begin() + 2, w.end());
  s.window = transposed ? slide_transposed(node, input, kernel) : slide(node, input, kernel, false);
  return s;
}

void infer_convolution(const Infer& c, hrt_dtype dtype, uint32_t x_input, uint32_t w_input, bool transposed) {
  const auto x = c.dims(x_input), w = c.dims(w_input);
  if (!x || !w) return c.output(0, TensorType(dtype));
  const int64_t group = group_of(c.node());
  verify(*x, *w, group, transposed);
  const Dims input(x->begin() + 2, x->end()), kernel(w->begin() + 2, w->end());
  const Window window =
      transposed ? slide_transposed(c.node(), input, kernel, &c) : slide(c.node(), input, kernel, false, &c);
  Dims out{(*x)[0], transposed ? c.mul((*w)[1], group) : (*w)[0]};
  out.insert(out.end(), window.output.begin(), window.output.end());
  c.output(0, TensorType(dtype, out));
}

void compute_conv(const Kernel& c, bool with_sum, const Activation& activation) {
  const Tensor x = c.input(0), w = c.input(1);
  const auto bias = c.optional(2), sum = with_sum ? c.optional(3) : std::nullopt;
  const Convolution s = convolution(c.node(), x.dims(), w.dims());
  const Dims dims = s.output();
  require(!bias || bias->size() == dims[1], "the bias does not have ", dims[1], " elements");
  require(!sum || std::ranges::equal(sum->dims(), dims), "Z does not have the shape of the output, ", dims);
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    using A = acc_t<T>;
    const T *px = x.data<T>(), *pw = w.data<T>();
    const T *pb = bias ? bias->data<T>() : nullptr, *pz = sum ? sum->data<T>() : nullptr;
    T* py = c.output(0, x.dtype(), dims).template data<T>();
    convolve<A>(
        s, [=](int64_t i) { return A(px[i]); }, [=](int64_t i, int64_t) { return A(pw[i]); },
        [=, &activation](int64_t o, int64_t m, int64_t count, A* row) {
          const A b = pb ? A(pb[m]) : A(0);
          for (int64_t j = 0; j < count; ++j) row[j] += pz ? b + A(pz[o + j]) : b;
          activation.apply(row, count);
          std::transform(row, row + count, py + o, [](A v) { return T(v); });
        });
  });
}

namespace {

const Register conv(Op{
    .name = "Conv",
    .since = 22,
    .doc = "convolution",
    .inputs = {{"X", "T"}, {"W", "T"}, {"B", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T"}},
    .attrs = conv_attrs(),
    .types = {{"T", kFloat}},
    .infer = [](const Infer& c) { infer_convolution(c, c.dtype(0), 0, 1); },
    .compute = [](const Kernel& c) { compute_conv(c, false, Activation()); },
});

}  // namespace
}  // namespace hrt::ops
