// SPDX-License-Identifier: Apache-2.0
// CausalConvWithState: depthwise 1-D convolution over the past k - 1 elements and the present one; the
// last k - 1 elements are the state for the next call.
// https://onnx.ai/onnx/operators/onnx__CausalConvWithState.html
#include <algorithm>

#include "activation.h"

namespace hrt::ops {
namespace {

void infer(const Infer& c) {
  infer_same(c);
  const auto x = c.dims(0), w = c.dims(1);
  require(!x || x->size() == 3, "the input does not have rank 3");
  require(!w || w->size() == 3, "the weights do not have rank 3");
  TensorType state(c.dtype(0));
  if (x && w) state = TensorType(c.dtype(0), {(*x)[0], (*x)[1], c.add((*w)[2], -1)});
  if (c.output_count() > 1) c.output(1, state);
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0), w = c.input(1);
  const auto bias = c.optional(2), past = c.optional(3);
  const std::string act = c.node().s("activation", "none");
  require(act == "none" || act == "silu" || act == "swish", "activation is '", act,
          "', not none, silu or swish");
  require(x.rank() == 3, "the input does not have rank 3");
  const int64_t batch = x.dim(0), channels = x.dim(1), length = x.dim(2);
  require(w.rank() == 3 && w.dim(0) == channels && w.dim(1) == 1 && w.dim(2) >= 1, "weights of shape ",
          w.dims(), " for ", channels, " channels");
  const int64_t kernel = w.dim(2);
  const Dims state{batch, channels, kernel - 1};
  require(!bias || bias->size() == channels, "the bias does not have ", channels, " elements");
  require(!past || std::ranges::equal(past->dims(), state), "past_state does not have shape ", state);
  const Tensor y = c.output(0, x.dtype(), x.dims());
  const bool keep = c.wanted(1);
  const Tensor next = keep ? c.output(1, x.dtype(), state) : Tensor();
  dispatch(TypeList<float, float16, bfloat16>{}, x.dtype(), [&]<class T>() {
    std::vector<T> line(size_t(kernel - 1 + length));  // past and present of one channel
    for (int64_t r = 0; r < batch * channels; ++r) {
      if (past)
        std::copy_n(past->data<T>() + r * (kernel - 1), kernel - 1, line.begin());
      else
        std::fill_n(line.begin(), kernel - 1, T());
      std::copy_n(x.data<T>() + r * length, length, line.begin() + (kernel - 1));
      const T* taps = w.data<T>() + r % channels * kernel;
      for (int64_t t = 0; t < length; ++t) {
        float sum = bias ? float(bias->data<T>()[r % channels]) : 0;
        for (int64_t k = 0; k < kernel; ++k) sum += float(line[size_t(t + k)]) * float(taps[k]);
        y.data<T>()[r * length + t] = T(act == "none" ? sum : swish(sum, 1.0f));
      }
      if (keep) std::copy_n(line.begin() + length, kernel - 1, next.data<T>() + r * (kernel - 1));
    }
  });
}

const Register causal_conv(Op{
    .name = "CausalConvWithState",
    .since = 27,
    .doc = "depthwise causal 1-D convolution that carries its past",
    .inputs = {{"input", "T"},
               {"weight", "T"},
               {"bias", "T", HRT_PARAM_OPTIONAL},
               {"past_state", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"}, {"present_state", "T", HRT_PARAM_OPTIONAL}},
    .attrs = {{"activation", HRT_ATTR_STRING, "none"}},
    .types = {{"T", bits(HRT_FLOAT32, HRT_FLOAT16, HRT_BFLOAT16)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
