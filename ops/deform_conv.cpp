// SPDX-License-Identifier: Apache-2.0
// DeformConv: convolution whose kernel elements are each moved by an offset per output position, read
// with linear interpolation, and weighted by a mask. https://onnx.ai/onnx/operators/onnx__DeformConv.html
#include "conv.h"

namespace hrt::ops {
namespace {

// The value at a fractional position, zero outside: the sum over the corners of the cell around it.
template <class T>
acc_t<T> interpolate(const T* plane, const Dims& dims, const double* at) {
  using A = acc_t<T>;
  A sum = 0;
  for (uint32_t corner = 0; corner < 1u << dims.size(); ++corner) {
    double weight = 1;
    int64_t offset = 0;
    for (size_t i = 0; i < dims.size() && weight != 0; ++i) {
      const double low = std::floor(at[i]), fraction = at[i] - low;
      const bool high = corner >> i & 1;
      const double p = high ? low + 1 : low;
      weight = p >= 0 && p < double(dims[i]) ? weight * (high ? fraction : 1 - fraction) : 0;
      if (weight != 0) offset = offset * dims[i] + int64_t(p);
    }
    if (weight != 0) sum += A(weight) * A(plane[offset]);
  }
  return sum;
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), w = c.input(1), offset = c.input(2);
  const auto bias = c.optional(3), mask = c.optional(4);
  const Convolution s = convolution(c.node(), x.dims(), w.dims());
  const Window& window = s.window;
  const Dims dims = s.output();
  const int64_t groups = c.node().i("offset_group", 1), taps = s.taps(), rank = int64_t(window.rank());
  require(groups >= 1 && x.dim(1) % groups == 0, x.dim(1), " channels in ", groups, " offset groups");
  Dims wanted = dims;
  wanted[1] = groups * taps * rank;
  require(std::ranges::equal(offset.dims(), wanted), "offset of shape ", offset.dims(), " instead of ",
          wanted);
  wanted[1] = groups * taps;
  require(!mask || std::ranges::equal(mask->dims(), wanted), "the mask does not have shape ", wanted);
  require(!bias || bias->size() == dims[1], "the bias does not have ", dims[1], " elements");
  const int64_t positions = element_count(window.output), plane = element_count(window.input);
  const int64_t per_group = x.dim(1) / groups;
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    using A = acc_t<T>;
    const T *px = x.data<T>(), *pw = w.data<T>(), *po = offset.data<T>();
    const T *pm = mask ? mask->data<T>() : nullptr, *pb = bias ? bias->data<T>() : nullptr;
    T* py = c.output(0, x.dtype(), dims).template data<T>();
    // The value that output position j of batch item n sees through kernel element t of channel ch.
    auto value = [&](int64_t n, int64_t ch, int64_t t, int64_t j) -> A {
      int64_t o[HRT_MAX_RANK], tap[HRT_MAX_RANK];
      double at[HRT_MAX_RANK];
      unflatten(j, window.output, o);
      unflatten(t, window.kernel, tap);
      const int64_t kernel = (n * groups + ch / per_group) * taps + t;
      for (int64_t i = 0; i < rank; ++i)
        at[i] = double(s.source(size_t(i), o[i], tap[i])) + double(po[(kernel * rank + i) * positions + j]);
      const A v = interpolate(px + (n * x.dim(1) + ch) * plane, window.input, at);
      return pm ? v * A(pm[kernel * positions + j]) : v;
    };
    multiply<A>(
        s.batch * s.group, s.out, positions, s.in * taps,
        [&](int64_t z, int64_t i, int64_t k0, int64_t count, A* to) {
          const T* row = pw + (z % s.group * s.out + i) * s.in * taps + k0;
          std::transform(row, row + count, to, [](T v) { return A(v); });
        },
        [&](int64_t z, int64_t k0, int64_t rows, int64_t j0, int64_t columns, A* to) {
          for (int64_t k = k0; k < k0 + rows; ++k, to += kBlockColumns)
            for (int64_t j = 0; j < columns; ++j)
              to[j] = value(z / s.group, z % s.group * s.in + k / taps, k % taps, j0 + j);
        },
        [&](int64_t z, int64_t i, int64_t j0, int64_t count, const A* row) {
          const A b = pb ? A(pb[z % s.group * s.out + i]) : A(0);
          T* out = py + (z * s.out + i) * positions + j0;
          for (int64_t j = 0; j < count; ++j) out[j] = T(row[j] + b);
        });
  });
}

std::vector<AttrSpec> attrs() {
  return {{"dilations", HRT_ATTR_INTS},        {"group", HRT_ATTR_INT, "1"}, {"kernel_shape", HRT_ATTR_INTS},
          {"offset_group", HRT_ATTR_INT, "1"}, {"pads", HRT_ATTR_INTS},      {"strides", HRT_ATTR_INTS}};
}

const Register deform_conv(Op{
    .name = "DeformConv",
    .since = 22,
    .doc = "convolution with displaced kernel elements",
    .inputs = {{"X", "T"},
               {"W", "T"},
               {"offset", "T"},
               {"B", "T", HRT_PARAM_OPTIONAL},
               {"mask", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T"}},
    .attrs = attrs(),
    .types = {{"T", kFloat}},
    .infer = [](const Infer& c) { infer_convolution(c, c.dtype(0), 0, 1); },
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
