// SPDX-License-Identifier: Apache-2.0
// DFT: discrete Fourier transform along an axis, forward or inverse, of real or complex numbers, by its
// definition. https://onnx.ai/onnx/operators/onnx__DFT.html
#include "fourier.h"

namespace hrt::ops {
namespace {

constexpr int64_t kLongest = 1 << 24;

struct Plan {
  bool inverse, onesided;
  int64_t axis, length;
  Dims output;
};

// length: what dft_length says, if it is there. Dims may be symbols during inference.
Plan plan(const Node& node, const Dims& x, std::optional<int64_t> length, int64_t axis, const Infer* infer) {
  const int64_t rank = int64_t(x.size());
  require(rank >= 2, "the input has rank ", rank);
  Plan p{node.i("inverse") != 0, node.i("onesided") != 0, normalise_axis(axis, rank), 0, x};
  require(p.axis != rank - 1, "the last axis holds real and imaginary parts");
  const int64_t parts = x.back();
  require(!is_number(parts) || parts == 1 || parts == 2, "the last axis has ", parts,
          " elements, not 1 or 2");
  require(!p.onesided || p.inverse || parts != 2, "a one-sided transform needs a real input");
  const auto apply = [&](int64_t d, auto f) {
    return is_number(d) ? f(d) : d == HRT_DIM_UNKNOWN ? d : infer->symbol();
  };
  const int64_t here = x[size_t(p.axis)];
  p.length = length                    ? *length
             : p.inverse && p.onesided ? apply(here, [](int64_t d) { return d > 0 ? 2 * (d - 1) : 0; })
                                       : here;
  require(!is_number(p.length) || (p.length > 0 && p.length <= kLongest), "the transform has length ",
          p.length);
  p.output[size_t(p.axis)] =
      p.onesided && !p.inverse ? apply(p.length, [](int64_t d) { return d / 2 + 1; }) : p.length;
  p.output.back() = p.onesided && p.inverse ? 1 : 2;
  return p;
}

void infer(const Infer& c) {
  const auto x = c.dims(0), length = c.values(1), axis = c.values(2);
  const bool axis_known = !c.has(2) || (axis && axis->size() == 1 && is_number((*axis)[0]));
  if (!x || !axis_known) return c.output(0, TensorType(c.dtype(0)));
  std::optional<int64_t> n;
  if (c.has(1)) n = length && length->size() == 1 ? (*length)[0] : HRT_DIM_UNKNOWN;
  c.output(0, TensorType(c.dtype(0), plan(c.node(), *x, n, axis ? (*axis)[0] : -2, &c).output));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Plan p = plan(c.node(), Dims(x.dims().begin(), x.dims().end()), scalar(c, 1, "dft_length"),
                      scalar(c, 2, "axis").value_or(-2), nullptr);
  const Tensor y = c.output(0, x.dtype(), p.output);
  const int64_t in_n = x.dims()[size_t(p.axis)], out_n = p.output[size_t(p.axis)];
  const int64_t parts = x.dim(x.rank() - 1), out_parts = p.output.back();
  const int64_t inner = element_count(x.dims().subspan(size_t(p.axis) + 1)) / parts;
  const int64_t lines = element_count(x.dims().first(size_t(p.axis))) * inner,
                used = std::min(in_n, p.length);
  dispatch(Floats{}, x.dtype(), [&]<class T>() {
    using Complex = std::complex<acc_t<T>>;
    const Fourier<acc_t<T>> transform(p.length, p.inverse ? 1 : -1);
    for (int64_t l = 0; l < lines; ++l) {
      c.check_cancelled();
      std::vector<Complex> line(static_cast<size_t>(p.length));
      for (int64_t i = 0; i < used; ++i) {
        const T* in = x.data<T>() + ((l / inner * in_n + i) * inner + l % inner) * parts;
        line[size_t(i)] = Complex(in[0], parts == 2 ? acc_t<T>(in[1]) : 0);
      }
      if (p.onesided && p.inverse) {  // the other half is the mirrored conjugate
        for (int64_t i = p.length / 2 + 1; i < p.length; ++i)
          line[size_t(i)] = std::conj(line[size_t(p.length - i)]);
      }
      const std::vector<Complex> result = transform(line, parts == 1 && !p.inverse);
      for (int64_t k = 0; k < out_n; ++k) {
        const Complex v = p.inverse ? result[size_t(k)] / acc_t<T>(p.length) : result[size_t(k)];
        T* out = y.data<T>() + ((l / inner * out_n + k) * inner + l % inner) * out_parts;
        out[0] = T(v.real());
        if (out_parts == 2) out[1] = T(v.imag());
      }
    }
  });
}

const Register dft(Op{
    .name = "DFT",
    .since = 20,
    .doc = "discrete Fourier transform along an axis",
    .inputs = {{"input", "T1"},
               {"dft_length", "T2", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE},
               {"axis", "int64", HRT_PARAM_OPTIONAL | HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T1"}},
    .attrs = {{"inverse", HRT_ATTR_INT, "0"}, {"onesided", HRT_ATTR_INT, "0"}},
    .types = {{"T1", kFloat}, {"T2", kIndex}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
