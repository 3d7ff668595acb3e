// SPDX-License-Identifier: Apache-2.0
// BatchNormalization and GroupNormalization.
#include "adapt.hpp"

namespace hrt::importer {

using namespace sdk;

// Whether it trains shows in the outputs that are wanted, then as now; is_test only repeated it, and
// exporters often left it at its default.
void batch_norm_is_test(Rewrite& r) { r.node.drop("is_test"); }

// spatial = 0: statistics for every element rather than for every channel. They have the data's shape
// without the batch, so it is plain arithmetic with broadcasting.
void batch_norm_spatial(Rewrite& r) {
  if (r.node.take_int("spatial").value_or(1) != 0) return;
  if (r.node.has_output(1)) unsupported("training without spatial statistics is not supported");
  require(r.node.inputs.size() == 5, "it has ", r.node.inputs.size(), " inputs, not 5");
  const auto in = r.node.inputs;
  const std::string epsilon = r.scalar_like(r.node.take_float("epsilon").value_or(1e-5f), in[4]);
  const std::string deviation = r.emit("Sqrt", {r.emit("Add", {in[4], epsilon})});
  const std::string normal = r.emit("Div", {r.emit("Sub", {in[0], in[3]}), deviation});
  r.node.op = "Add";
  r.node.inputs = {r.emit("Mul", {normal, in[1]}), in[2]};
  r.node.attributes.clear();
  r.node.version = kOpset;
}

// Training was implied by outputs; two of them repeated internal state.
void batch_norm_outputs(Rewrite& r) {
  if (r.node.has_output(3) || r.node.has_output(4)) unsupported("saved_mean and saved_var are not supported");
  if (r.node.has_output(1) || r.node.has_output(2)) r.node.set(attribute("training_mode", int64_t(1)));
  if (r.node.outputs.size() > 3) r.node.outputs.resize(3);
}

// Scale and bias had an entry for each group, now one for each channel.
void group_norm_per_channel(Rewrite& r) {
  const auto proto = r.node.find("num_groups");
  require(proto && proto->i() > 0, "attribute 'num_groups' is missing or not positive");
  const std::string groups = r.ints({proto->i()});
  const std::string channels =
      r.emit("Shape", {r.node.input(0)}, {attribute("start", int64_t(1)), attribute("end", int64_t(2))});
  const std::string shape =
      r.emit("Concat", {groups, r.emit("Div", {channels, groups})}, {attribute("axis", int64_t(0))});
  for (size_t i = 1; i <= 2; ++i) {
    const std::string column = r.emit("Unsqueeze", {r.node.input(i), r.ints({1})});
    r.node.set_input(i, r.emit("Reshape", {r.emit("Expand", {column, shape}), r.ints({-1})}));
  }
}

}  // namespace hrt::importer
