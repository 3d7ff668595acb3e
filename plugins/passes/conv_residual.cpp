// SPDX-License-Identifier: Apache-2.0
// conv-residual: the sum with a tensor of the same shape moves into the convolution, which adds it while
// the result is still in registers.
//
//     x ── Conv ── Add ──▶ y      =>      x ── FusedConv ──▶ y
//                   │                           │ (input Z)
//     z ────────────┘                     z ────┘
//
// Must not fire when somebody else uses the convolution's output, when z is broadcast or its shape is not
// known to be that of the output, or when the convolution has an activation or a Z already. z cannot
// depend on the convolution: its only use is this Add.
#include "pass.h"

namespace hrt::passes {
namespace {

bool takes_sum(const Node& conv) {
  if (conv.is("Conv")) return true;
  return conv.is("FusedConv", "hrt") && conv.s("activation").empty() && !conv.has_input(3);
}

bool rewrite(Rewriter& r, const Node& node) {
  if (!node.is("Add")) return false;
  for (const auto& [y, z] : both_orders(node)) {
    const auto conv = r.sole_producer(y);
    if (!conv || !takes_sum(*conv) || !same_shape(r.value(y), r.value(z))) continue;
    r.replace(node.id(), {.domain = "hrt",
                          .op = "FusedConv",
                          .inputs = {conv->input(0), conv->input(1), conv->input(2), z},
                          .attrs = attributes_of(*conv),
                          .name = conv->name()});
    return true;
  }
  return false;
}

const Register conv_residual({"conv-residual", "Conv + Add of a tensor of its shape becomes FusedConv",
                              HRT_PHASE_FUSE, rewrite});

}  // namespace
}  // namespace hrt::passes
