// SPDX-License-Identifier: Apache-2.0
// Attributes that became inputs, so that they may be computed: axes, shapes, sizes, counts.
#include "adapt.hpp"

namespace hrt::importer {

using namespace sdk;

// Reductions. An empty list meant all axes, as no list did.
void axes_to_input(Rewrite& r) {
  const auto axes = r.node.take_ints("axes");
  if (axes && !axes->empty()) r.node.set_input(1, r.ints(*axes));
}

void squeeze(Rewrite& r) {
  if (const auto axes = r.node.take_ints("axes")) r.node.set_input(1, r.ints(*axes));
}

void unsqueeze(Rewrite& r) { r.node.set_input(1, r.ints(r.node.need_ints("axes"))); }

void slice(Rewrite& r) {
  r.node.set_input(1, r.ints(r.node.need_ints("starts")));
  r.node.set_input(2, r.ints(r.node.need_ints("ends")));
  if (const auto axes = r.node.take_ints("axes")) r.node.set_input(3, r.ints(*axes));
}

void reshape(Rewrite& r) {
  r.node.drop("consumed_inputs");
  r.node.set_input(1, r.ints(r.node.need_ints("shape")));
}

void top_k(Rewrite& r) {
  const auto k = r.node.take_int("k");
  require(k.has_value(), "attribute 'k' is missing");
  r.node.set_input(1, r.ints({*k}));
}

// The default axis changed too, from 1 to the last but one.
void dft_axis(Rewrite& r) { r.node.set_input(2, r.scalar(r.node.take_int("axis").value_or(1))); }

// One count for one axis became counts for all axes.
void tile(Rewrite& r) {
  const auto list = [&](const std::string& scalar) {
    const std::string whole = r.emit("Cast", {scalar}, {attribute("to", int64_t(HRT_INT64))});
    return r.emit("Reshape", {whole, r.ints({1})});
  };
  const std::string rank = r.emit("Shape", {r.emit("Shape", {r.node.input(0)})});
  const std::string ones = r.emit("Expand", {r.ints({1}), rank});
  const std::string axis = list(r.node.input(2));
  r.node.inputs = {r.node.input(0), r.emit("ScatterElements", {ones, axis, list(r.node.input(1))})};
}

// Sizes could be an input already, of the data's type.
void split_1(Rewrite& r) {
  if (!r.node.has_input(1)) return;
  r.node.drop("split");
  r.node.inputs[1] = r.emit("Cast", {r.node.inputs[1]}, {attribute("to", int64_t(HRT_INT64))});
}

void split_sizes(Rewrite& r) {
  if (const auto sizes = r.node.take_ints("split")) r.node.set_input(1, r.ints(*sizes));
}

// Without sizes, the number of parts has to be said.
void split_count(Rewrite& r) {
  if (!r.node.has_input(1)) r.node.set(attribute("num_outputs", int64_t(r.node.outputs.size())));
}

void pad_amounts(Rewrite& r) {
  if (!r.node.has("pads")) r.node.set(attribute("pads", r.node.need_ints("paddings")));
}

void pad_inputs(Rewrite& r) {
  const float value = r.node.take_float("value").value_or(0);
  r.node.set_input(1, r.ints(r.node.need_ints("pads")));
  if (value != 0) r.node.set_input(2, r.scalar_like(value, r.node.input(0)));
}

}  // namespace hrt::importer
