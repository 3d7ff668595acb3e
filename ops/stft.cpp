// SPDX-License-Identifier: Apache-2.0
// STFT: discrete Fourier transforms of successive frames of a signal, each weighted by a window.
// https://onnx.ai/onnx/operators/onnx__STFT.html
#include "fourier.h"
#include "norm.h"

namespace hrt::ops {
namespace {

struct Frames {
  int64_t length, step, count, bins;
};

Frames frames(const Node& node, int64_t signal, int64_t parts, int64_t step, int64_t length) {
  require(step > 0, "frame_step is ", step);
  require(length > 0 && length <= signal, "frames of ", length, " in a signal of ", signal);
  const bool onesided = node.i("onesided", 1) != 0;
  require(!onesided || parts == 1, "a one-sided transform needs a real signal");
  return {length, step, (signal - length) / step + 1, onesided ? length / 2 + 1 : length};
}

void infer(const Infer& c) {
  const auto x = c.dims(0), window = c.dims(2), step = c.values(1), given = c.values(3);
  require(!x || x->size() == 3, "the signal does not have rank 3");
  Dims out{x ? (*x)[0] : HRT_DIM_UNKNOWN, HRT_DIM_UNKNOWN, HRT_DIM_UNKNOWN, 2};
  const auto first = [](const std::optional<Dims>& v) {
    return v && v->size() == 1 ? (*v)[0] : HRT_DIM_UNKNOWN;
  };
  const int64_t length = c.has(3) ? first(given) : c.has(2) ? first(window) : x ? (*x)[1] : HRT_DIM_UNKNOWN;
  if (x && all_numbers(Dims{(*x)[1], (*x)[2], length, first(step)})) {
    const Frames f = frames(c.node(), (*x)[1], (*x)[2], first(step), length);
    out[1] = f.count;
    out[2] = f.bins;
  }
  c.output(0, TensorType(c.dtype(0), out));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const auto window = c.optional(2);
  require(x.rank() == 3 && (x.dim(2) == 1 || x.dim(2) == 2), "the signal has shape ", x.dims());
  require(!window || window->rank() == 1, "the window does not have rank 1");
  const int64_t signal = x.dim(1), parts = x.dim(2);
  const int64_t length = scalar(c, 3, "frame_length").value_or(window ? window->dim(0) : signal);
  const Frames f = frames(c.node(), signal, parts, scalar(c, 1, "frame_step").value_or(0), length);
  const auto weights = window ? to_doubles(*window) : std::vector<double>(size_t(length), 1);
  require(int64_t(weights.size()) == length, "a window of ", weights.size(), " for frames of ", length);
  const Tensor y = c.output(0, x.dtype(), Dims{x.dim(0), f.count, f.bins, 2});
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    using Complex = std::complex<acc_t<T>>;
    const Fourier<acc_t<T>> transform(length, -1);
    std::vector<Complex> frame(static_cast<size_t>(length));
    T* out = y.data<T>();
    for (int64_t n = 0; n < x.dim(0); ++n)
      for (int64_t k = 0; k < f.count; ++k) {
        const T* in = x.data<T>() + (n * signal + k * f.step) * parts;
        for (int64_t i = 0; i < length; ++i, in += parts)
          frame[size_t(i)] = Complex(in[0], parts == 2 ? acc_t<T>(in[1]) : 0) * acc_t<T>(weights[size_t(i)]);
        const std::vector<Complex> bins = transform(frame, parts == 1);
        for (int64_t b = 0; b < f.bins; ++b) {
          *out++ = T(bins[size_t(b)].real());
          *out++ = T(bins[size_t(b)].imag());
        }
      }
  });
}

const Register stft(Op{
    .name = "STFT",
    .since = 17,
    .doc = "short-time Fourier transform",
    .inputs = {{"signal", "T1"},
               {"frame_step", "T2", HRT_PARAM_SHAPE},
               {"window", "T1", HRT_PARAM_OPTIONAL},
               {"frame_length", "T2", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T1"}},
    .attrs = {{"onesided", HRT_ATTR_INT, "1"}},
    .types = {{"T1", kFloat}, {"T2", kIndex}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
