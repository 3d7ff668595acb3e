// SPDX-License-Identifier: Apache-2.0
// LSTM: input gate i, output gate o, forget gate f, candidate g; c = f c + i g, h = o tanh(c), step by
// step. https://onnx.ai/onnx/operators/onnx__LSTM.html
#include <algorithm>

#include "recurrent.h"

namespace hrt::ops {
namespace {

void cell(const Node& node, const CellWeights& k, const double* x, double* h, double* c) {
  const int64_t n = k.hidden_size;
  const auto& f = k.functions;
  const bool coupled = node.i("input_forget") != 0;
  auto gate = [&](int64_t g, int64_t i) { return k.input_sum(g * n + i, x) + k.state_sum(g * n + i, h); };
  auto peep = [&](int64_t g, int64_t i, double state) {  // g: 0 input, 1 output, 2 forget
    return k.peephole.empty() ? 0 : k.peephole[size_t(g * n + i)] * state;
  };
  std::vector<double> next;
  for (int64_t i = 0; i < n; ++i) {
    const double in = f[0](k.clipped(gate(0, i) + peep(0, i, c[i])));
    const double forget = coupled ? 1 - in : f[0](k.clipped(gate(2, i) + peep(2, i, c[i])));
    const double state = forget * c[i] + in * f[1](k.clipped(gate(3, i)));
    next.push_back(f[0](k.clipped(gate(1, i) + peep(1, i, state))) * f[2](state));
    c[i] = state;
  }
  std::copy(next.begin(), next.end(), h);
}

Op make() {
  Op op = recurrent_op("LSTM", "a layer of long short-term memory cells");
  op.inputs.push_back({"initial_c", "T", HRT_PARAM_OPTIONAL});
  op.inputs.push_back({"P", "T", HRT_PARAM_OPTIONAL});
  op.outputs.push_back({"Y_c", "T", HRT_PARAM_OPTIONAL});
  op.attrs.push_back({"input_forget", HRT_ATTR_INT, "0"});
  op.infer = [](const Infer& c) { infer_recurrent(c, 4); };
  op.compute = [](const Kernel& c) { compute_recurrent(c, 4, {"Sigmoid", "Tanh", "Tanh"}, cell); };
  return op;
}
const Register lstm(make());

// What dynamic quantisation makes of it: W and R of bytes. ONNX Runtime also rounds the inputs and states to
// bytes at each step, which is for speed; here they stay as exact as they are.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DynamicQuantizeLSTM
Op make_quantised() {
  Op op = make();
  op.domain = "com.microsoft";
  op.name = "DynamicQuantizeLSTM";
  op.since = 1;
  op.doc = "LSTM with weights of bytes";
  op.inputs[1].type = op.inputs[2].type = "T2";
  op.inputs.insert(op.inputs.end(),
                   {{"W_scale", "T"}, {"W_zero_point", "T2"}, {"R_scale", "T"}, {"R_zero_point", "T2"}});
  op.attrs.erase(
      std::ranges::find_if(op.attrs, [](const auto& a) { return std::string_view(a.name) == "layout"; }));
  op.types = {{"T", bits(HRT_FLOAT32)}, {"T1", bits(HRT_INT32)}, {"T2", bits(HRT_INT8) | bits(HRT_UINT8)}};
  return op;
}
const Register dynamic_quantize_lstm(make_quantised());

}  // namespace
}  // namespace hrt::ops
