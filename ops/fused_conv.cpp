// SPDX-License-Identifier: Apache-2.0
// FusedConv of hrt and of com.microsoft: act(conv(X, W) + B + Z), Conv with an activation and a tensor of the
// output's shape added.
#include "conv.h"

namespace hrt::ops {
namespace {

Op fused_conv(const char* domain) {
  return {
      .domain = domain,
      .name = "FusedConv",
      .since = 1,
      .doc = "act(conv(X, W) + B + Z)",
      .inputs = {{"X", "T"}, {"W", "T"}, {"B", "T", HRT_PARAM_OPTIONAL}, {"Z", "T", HRT_PARAM_OPTIONAL}},
      .outputs = {{"Y", "T"}},
      .attrs = Activation::attrs(conv_attrs()),
      .types = {{"T", kFloat}},
      .inplace = {{3, 0}},
      .infer = [](const Infer& c) { infer_convolution(c, c.dtype(0), 0, 1); },
      .compute = [](const Kernel& c) { compute_conv(c, true, Activation(c.node())); },
  };
}
const Register of_hrt(fused_conv("hrt"));
const Register of_microsoft(fused_conv("com.microsoft"));

}  // namespace
}  // namespace hrt::ops
