// SPDX-License-Identifier: Apache-2.0
// Element-wise operators before NumPy's broadcasting (opset 7), and attributes that only told where a
// runtime might work in place (opset 6).
#include "adapt.hpp"

namespace hrt::importer {

using namespace sdk;

void consumed_inputs(Rewrite& r) { r.node.drop("consumed_inputs"); }

// The second input's dimensions stood against the first's from axis on; without axis, against the last.
void broadcast(Rewrite& r) {
  const bool wanted = r.node.take_int("broadcast").value_or(0) != 0;
  const auto axis = r.node.take_int("axis");
  if (!wanted || !axis || r.node.op == "Gemm") return;
  r.node.set_input(1, align(r, r.node.input(0), r.node.input(1), *axis));
}

// A slope with one dimension had one entry for each channel, the second dimension of the data.
void prelu(Rewrite& r) {
  const auto rank = r.fact(r.node.input(1)).rank;
  if (rank && *rank != 1) return;
  r.node.set_input(1, align(r, r.node.input(0), r.node.input(1), 1));
}

// The limits became inputs, which have the data's type.
void clip(Rewrite& r) {
  const std::string data = r.node.input(0);
  if (const auto low = r.node.take_float("min")) r.node.set_input(1, r.scalar_like(*low, data));
  if (const auto high = r.node.take_float("max")) r.node.set_input(2, r.scalar_like(*high, data));
}

// Default constants were given with fewer digits.
void selu_constants(Rewrite& r) {
  consumed_inputs(r);
  if (!r.node.has("alpha")) r.node.set(attribute("alpha", 1.6732f));
  if (!r.node.has("gamma")) r.node.set(attribute("gamma", 1.0507f));
}

// The type was given by its name.
void cast_type_name(Rewrite& r) {
  const std::string name = r.node.take_string("to").value_or("");
  onnx::TensorProto::DataType type{};
  require(onnx::TensorProto::DataType_Parse(name, &type), "there is no type '", name, "'");
  r.node.set(attribute("to", int64_t(type)));
}

}  // namespace hrt::importer
