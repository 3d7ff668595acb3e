// SPDX-License-Identifier: Apache-2.0
// Operators that give the same elements another shape: nothing is computed or copied.
#include "backends/gpu_common/op.h"

namespace hrt::gpu {
namespace {

std::string movable(const Node& node, const Caps&) {
  const hrt_dtype t = Graph(node.graph()).value(node.input(0)).dtype();
  if (!size_variant(t)) return sdk::cat("dtype ", dtype_name(t), " of an input");
  return "";
}

// Inference alone: without a mask, and with ratio unused.
std::string dropout_supports(const Node& node, const Caps& caps) {
  if (node.output(1) != HRT_NONE) return "output mask";
  if (node.has_input(2)) return "input training_mode";
  return movable(node, caps);
}

Compiled compile(const Node&, Uploads&) {
  Compiled c;
  c.view = true;
  return c;
}

constexpr Op kOps[] = {
    {"", "Reshape", movable, compile, nullptr, splits_all},
    {"", "Flatten", movable, compile, nullptr, splits_all},
    {"", "Squeeze", movable, compile, nullptr, splits_all},
    {"", "Unsqueeze", movable, compile, nullptr, splits_all},
    {"", "Identity", movable, compile, nullptr, splits_all},
    {"", "Dropout", dropout_supports, compile, nullptr, splits_all},
};

}  // namespace

std::span<const Op> view_ops() { return kOps; }

}  // namespace hrt::gpu
