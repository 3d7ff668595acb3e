// SPDX-License-Identifier: Apache-2.0
// hrt.FusedMatMul: act(A * B + bias), MatMul with a bias along the last axis and an activation.
#include "matmul.h"

namespace hrt::ops {
namespace {

const Register fused_matmul(Op{
    .domain = "hrt",
    .name = "FusedMatMul",
    .since = 1,
    .doc = "act(A * B + bias)",
    .inputs = {{"A", "T"}, {"B", "T"}, {"bias", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T"}},
    .attrs = Activation::attrs(),
    .types = {{"T", kFloat}},
    .infer = [](const Infer& c) { infer_matmul(c, c.dtype(0), 0, 1); },
    .compute = [](const Kernel& c) { compute_matmul(c, true, Activation(c.node())); },
});

}  // namespace
}  // namespace hrt::ops
