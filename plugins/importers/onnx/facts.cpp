// SPDX-License-Identifier: Apache-2.0
// What adapters may know before the host has inferred anything.
#include "graph.hpp"

namespace hrt::importer {

using namespace sdk;

Fact Importer::fact(const std::string& name, const Scope& scope) {
  for (const Scope* s = &scope; s; s = s->outer) {
    const auto it = s->values.find(name);
    if (it == s->values.end()) continue;
    if (it->second == HRT_NONE) return {};
    const Value v = s->level->edit.graph().value(it->second);
    Fact f{v.dtype(), std::nullopt, v.constant()};
    if (v.ranked()) {
      f.rank = v.rank();
    } else if (const auto declared = s->types.find(name); declared != s->types.end()) {
      const auto& tensor = declared->second->tensor_type();
      if (tensor.has_shape()) f.rank = tensor.shape().dim_size();
    }
    return f;
  }
  return {};
}

namespace {

bool other_float(int64_t t) { return t == HRT_FLOAT16 || t == HRT_FLOAT64 || t == HRT_BFLOAT16; }

bool mentions_other_float(const onnx::TypeProto& t) {
  switch (t.value_case()) {
    case onnx::TypeProto::kTensorType: return other_float(t.tensor_type().elem_type());
    case onnx::TypeProto::kSequenceType: return mentions_other_float(t.sequence_type().elem_type());
    case onnx::TypeProto::kOptionalType: return mentions_other_float(t.optional_type().elem_type());
    default: return false;
  }
}

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

bool any_other_float(const Nodes& nodes);

bool mentions_other_float(const onnx::GraphProto& g) {
  for (const auto& t : g.initializer())
    if (other_float(t.data_type())) return true;
  for (const auto& t : g.sparse_initializer())
    if (other_float(t.values().data_type())) return true;
  for (const auto* infos : {&g.input(), &g.output(), &g.value_info()})
    for (const auto& v : *infos)
      if (mentions_other_float(v.type())) return true;
  return any_other_float(g.node());
}

// Operators that make a type out of nothing name it in a tensor, a type, or an int: "to", "dtype".
bool any_other_float(const Nodes& nodes) {
  for (const onnx::NodeProto& n : nodes)
    for (const auto& a : n.attribute()) {
      const bool names_type =
          a.name() == "to" || a.name().ends_with("dtype") || a.name() == "output_datatype";
      if (names_type && (other_float(a.i()) || a.s() == "FLOAT16" || a.s() == "DOUBLE")) return true;
      if (a.has_t() && other_float(a.t().data_type())) return true;
      if (a.has_sparse_tensor() && other_float(a.sparse_tensor().values().data_type())) return true;
      if (a.has_tp() && mentions_other_float(a.tp())) return true;
      if (a.has_g() && mentions_other_float(a.g())) return true;
      if (!a.ref_attr_name().empty()) return true;
    }
  return false;
}

}  // namespace

bool only_float32(const onnx::ModelProto& model) {
  for (const auto& f : model.functions())
    if (any_other_float(f.node())) return false;
  return !mentions_other_float(model.graph());
}

}  // namespace hrt::importer
