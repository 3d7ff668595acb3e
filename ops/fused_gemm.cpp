// SPDX-License-Identifier: Apache-2.0
// hrt.FusedGemm: act(alpha * A' * B' + beta * C), Gemm with an activation.
#include "gemm.h"

namespace hrt::ops {
namespace {

const Register fused_gemm(Op{
    .domain = "hrt",
    .name = "FusedGemm",
    .since = 1,
    .doc = "act(alpha * A' * B' + beta * C)",
    .inputs = {{"A", "T"}, {"B", "T"}, {"C", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"Y", "T"}},
    .attrs = Activation::attrs(gemm_attrs()),
    .types = {{"T", kFloat}},
    .infer = infer_gemm,
    .compute = [](const Kernel& c) { compute_gemm(c, Activation(c.node())); },
});

}  // namespace
}  // namespace hrt::ops
