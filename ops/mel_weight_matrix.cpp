// SPDX-License-Identifier: Apache-2.0
// MelWeightMatrix: triangular filters, evenly spaced on the mel scale, over the bins of a spectrogram.
// https://onnx.ai/onnx/operators/onnx__MelWeightMatrix.html
#include "elementwise.h"
#include "fourier.h"
#include "norm.h"

namespace hrt::ops {
namespace {

constexpr int64_t kLongest = 1 << 24;

hrt_dtype dtype_of_output(const Node& node) {
  const int64_t t = node.i("output_datatype", HRT_FLOAT32);
  require(t > 0 && t < HRT_DTYPE_COUNT && (HRT_DTYPE_BIT(t) & kNumber), "output_datatype is ", t);
  return hrt_dtype(t);
}

void infer(const Infer& c) {
  const auto bands = c.values(0), length = c.values(1);
  const auto first = [](const std::optional<Dims>& v) {
    return v && v->size() == 1 ? (*v)[0] : HRT_DIM_UNKNOWN;
  };
  const int64_t bins = c.dim(first(length), 2, [](int64_t n, int64_t two) { return n / two + 1; });
  c.output(0, TensorType(dtype_of_output(c.node()), {bins, first(bands)}));
}

double mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double hertz(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

double edge(const Kernel& c, uint32_t input) {
  const auto v = to_doubles(c.input(input));
  require(v.size() == 1 && v[0] >= 0 && std::isfinite(v[0]), "an edge is not one frequency");
  return v[0];
}

void compute(const Kernel& c) {
  const int64_t bands = scalar(c, 0, "num_mel_bins").value_or(0),
                length = scalar(c, 1, "dft_length").value_or(0);
  const int64_t rate = scalar(c, 2, "sample_rate").value_or(0), bins = length / 2 + 1;
  require(bands > 0 && bands <= kLongest && length > 0 && length <= kLongest && rate > 0, bands,
          " bands for a transform of length ", length, " at ", rate, " Hz");
  const double low = mel(edge(c, 3)), high = mel(edge(c, 4));
  std::vector<int64_t> at;  // the bin where each triangle begins, peaks, ends: at[i], at[i + 1], at[i + 2]
  for (int64_t i = 0; i < bands + 2; ++i) {
    const double f = hertz(low + double(i) * (high - low) / double(bands + 2));
    const double bin = std::floor(double(length + 1) * f / double(rate));
    require(bin >= 0 && bin < double(bins), "the band at ", f, " Hz lies outside the spectrum");
    at.push_back(int64_t(bin));
  }
  const Tensor y = c.output(0, dtype_of_output(c.node()), Dims{bins, bands});
  dispatch(Numbers{}, y.dtype(), [&]<class T>() {
    T* out = y.data<T>();
    std::fill_n(out, y.size(), T(0));
    const auto set = [&](int64_t bin, int64_t band, double v) {
      if constexpr (std::is_integral_v<T>)
        out[bin * bands + band] = to_integer<T>(v);
      else
        out[bin * bands + band] = T(acc_t<T>(v));
    };
    for (int64_t b = 0; b < bands; ++b) {
      const int64_t first = at[size_t(b)], peak = at[size_t(b) + 1], last = at[size_t(b) + 2];
      for (int64_t k = first; k < peak; ++k) set(k, b, double(k - first) / double(peak - first));
      for (int64_t k = peak + 1; k < last; ++k) set(k, b, double(last - k) / double(last - peak));
      set(peak, b, 1);
    }
  });
}

const Register mel_weight_matrix(Op{
    .name = "MelWeightMatrix",
    .since = 17,
    .doc = "matrix from spectrogram bins to mel bands",
    .inputs = {{"num_mel_bins", "T1", HRT_PARAM_SHAPE},
               {"dft_length", "T1", HRT_PARAM_SHAPE},
               {"sample_rate", "T1"},
               {"lower_edge_hertz", "T2"},
               {"upper_edge_hertz", "T2"}},
    .outputs = {{"output", "T3"}},
    .attrs = {{"output_datatype", HRT_ATTR_INT, "1"}},
    .types = {{"T1", kIndex}, {"T2", kFloat}, {"T3", kNumber}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
