// SPDX-License-Identifier: Apache-2.0
// GRU: update gate z, reset gate r, candidate c; h = (1 - z) c + z h, step by step.
// https://onnx.ai/onnx/operators/onnx__GRU.html
#include "recurrent.h"

namespace hrt::ops {
namespace {

void cell(const Node& node, const CellWeights& k, const double* x, double* h, double*) {
  const int64_t n = k.hidden_size;
  const auto& f = k.functions;
  const bool linear_before_reset = node.i("linear_before_reset") != 0;
  std::vector<double> z, r, reset_h, next;
  for (int64_t i = 0; i < n; ++i) {
    z.push_back(f[0](k.clipped(k.input_sum(i, x) + k.state_sum(i, h))));
    r.push_back(f[0](k.clipped(k.input_sum(n + i, x) + k.state_sum(n + i, h))));
    reset_h.push_back(r.back() * h[i]);
  }
  for (size_t i = 0; i < size_t(n); ++i) {
    const int64_t row = 2 * n + int64_t(i);
    const double state = linear_before_reset ? r[i] * k.state_sum(row, h) : k.state_sum(row, reset_h.data());
    next.push_back((1 - z[i]) * f[1](k.clipped(k.input_sum(row, x) + state)) + z[i] * h[i]);
  }
  std::copy(next.begin(), next.end(), h);
}

Op make() {
  Op op = recurrent_op("GRU", "a layer of gated recurrent units");
  op.attrs.push_back({"linear_before_reset", HRT_ATTR_INT, "0"});
  op.infer = [](const Infer& c) { infer_recurrent(c, 3); };
  op.compute = [](const Kernel& c) { compute_recurrent(c, 3, {"Sigmoid", "Tanh"}, cell); };
  return op;
}
const Register gru(make());

}  // namespace
}  // namespace hrt::ops
