// SPDX-License-Identifier: Apache-2.0
// Col2Im: adds the columns of (N, C * block, L), which hold the blocks of an image, back into the image.
// https://onnx.ai/onnx/operators/onnx__Col2Im.html
#include <algorithm>

#include "elementwise.h"
#include "window.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  const auto x = c.dims(0), image = c.values(1), block = c.values(2);
  require(!x || x->size() == 3, "the input does not have rank 3");
  if (!image) return c.output(0, TensorType(c.dtype(0)));
  int64_t channels = HRT_DIM_UNKNOWN;
  if (x && block && is_number((*x)[1]) && all_numbers(*block)) {
    const int64_t size = element_count(*block);
    require(size > 0 && (*x)[1] % size == 0, (*x)[1], " rows do not make blocks of ", *block);
    channels = (*x)[1] / size;
  }
  Dims out{x ? (*x)[0] : HRT_DIM_UNKNOWN, channels};
  out.insert(out.end(), image->begin(), image->end());
  c.output(0, TensorType(c.dtype(0), out));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Dims image = to_int64s(c.input(1)), block = to_int64s(c.input(2));
  require(x.rank() == 3, "the input does not have rank 3");
  require(image.size() == block.size(), "image_shape ", image, " and block_shape ", block, " differ in rank");
  const Window w = slide(c.node(), image, block, false);
  const int64_t taps = element_count(block), blocks = element_count(w.output), pixels = element_count(image);
  require(x.dim(1) % taps == 0 && x.dim(2) == blocks, "x of shape ", x.dims(), " for ", blocks, " blocks of ",
          taps);
  Dims dims{x.dim(0), x.dim(1) / taps};
  dims.insert(dims.end(), image.begin(), image.end());
  const Tensor y = c.output(0, x.dtype(), dims);
  if (y.bytes()) std::memset(y.raw(), 0, y.bytes());
  using Types = TypeList<float, double, float16, bfloat16, int8_t, int16_t, int32_t, int64_t, uint8_t,
                         uint16_t, uint32_t, uint64_t, std::complex<float>, std::complex<double>>;
  dispatch(Types{}, x.dtype(), [&]<class T>() {
    using A = wrap_t<acc_t<T>>;
    const T* in = x.data<T>();
    for (int64_t plane = 0; plane < dims[0] * dims[1]; ++plane) {
      T* out = y.data<T>() + plane * pixels;
      Counter tap(block, {});
      for (int64_t t = 0; t < taps; ++t, tap.next()) {
        Counter at(w.output, {});
        for (int64_t l = 0; l < blocks; ++l, at.next(), ++in) {
          int64_t o = 0;
          bool inside = true;
          for (size_t i = 0; i < image.size() && inside; ++i) {
            const int64_t p = at.index()[i] * w.strides[i] + tap.index()[i] * w.dilations[i] - w.begin[i];
            inside = p >= 0 && p < image[i];
            o = inside ? o * image[i] + p : 0;
          }
          if (inside) out[o] = T(A(out[o]) + A(*in));
        }
      }
    }
  });
}

const Register col2im(Op{
    .name = "Col2Im",
    .since = 18,
    .doc = "adds the blocks of an image together",
    .inputs = {{"input", "T"},
               {"image_shape", "int64", HRT_PARAM_SHAPE},
               {"block_shape", "int64", HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T"}},
    .attrs = {{"dilations", HRT_ATTR_INTS}, {"pads", HRT_ATTR_INTS}, {"strides", HRT_ATTR_INTS}},
    .types = {{"T", kNumber | kComplex}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
