// SPDX-License-Identifier: Apache-2.0
// RNN: h = f(W x + R h + b), step by step. https://onnx.ai/onnx/operators/onnx__RNN.html
#include "recurrent.h"

namespace hrt::ops {
namespace {

void cell(const Node&, const CellWeights& k, const double* x, double* h, double*) {
  std::vector<double> next;
  for (int64_t i = 0; i < k.hidden_size; ++i)
    next.push_back(k.functions[0](k.clipped(k.input_sum(i, x) + k.state_sum(i, h))));
  std::copy(next.begin(), next.end(), h);
}

Op make() {
  Op op = recurrent_op("RNN", "a layer of simple recurrent cells");
  op.infer = [](const Infer& c) { infer_recurrent(c, 1); };
  op.compute = [](const Kernel& c) { compute_recurrent(c, 1, {"Tanh"}, cell); };
  return op;
}
const Register rnn(make());

}  // namespace
}  // namespace hrt::ops
