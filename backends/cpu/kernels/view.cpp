// SPDX-License-Identifier: Apache-2.0
// Operators whose output is their input's bytes under another shape.
#include "backends/cpu/op.h"

namespace hrt::cpu {
namespace {

std::string anything(const Node&) { return ""; }

std::string dropout_supports(const Node& node) {
  if (node.output(1) != HRT_NONE) return "the mask output";
  if (!node.has_input(2)) return "";
  const auto training = Graph(node.graph()).value(node.input(2)).constant();
  return training && training->size() == 1 && !training->data<bool>()[0] ? "" : "training_mode";
}

Compiled view(const Node&) {
  Compiled c;
  c.view = true;
  return c;
}

constexpr Op kOps[] = {{"", "Identity", anything, view},  {"", "Reshape", anything, view},
                       {"", "Flatten", anything, view},   {"", "Squeeze", anything, view},
                       {"", "Unsqueeze", anything, view}, {"", "Dropout", dropout_supports, view}};

}  // namespace

std::span<const Op> view_ops() { return kOps; }

}  // namespace hrt::cpu
