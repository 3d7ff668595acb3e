// SPDX-License-Identifier: Apache-2.0
// Initialisers and Constant nodes.
#include "graph.hpp"

namespace hrt::importer {

using namespace sdk;

namespace {

Dense from_values(hrt_dtype dtype, Dims dims, const void* data, size_t bytes, Owner owner) {
  return {dtype, std::move(dims), data, bytes, std::move(owner)};
}

// Strings of an attribute as a tensor.
Dense from_strings(std::shared_ptr<onnx::AttributeProto> proto, bool scalar) {
  struct Kept {
    std::shared_ptr<onnx::AttributeProto> proto;
    std::vector<hrt_str> views;
  };
  auto kept = std::make_shared<Kept>();
  kept->proto = std::move(proto);
  if (scalar) kept->views.push_back({kept->proto->s().data(), kept->proto->s().size()});
  for (const auto& s : kept->proto->strings())
    if (!scalar) kept->views.push_back({s.data(), s.size()});
  const size_t n = kept->views.size();
  return from_values(HRT_STRING, scalar ? Dims{} : Dims{int64_t(n)}, kept->views.data(), n * sizeof(hrt_str),
                     kept);
}

// What a Constant's attribute other than "value" says. The attribute keeps the elements alive.
Dense value_of(const Attribute& a) {
  onnx::AttributeProto& p = *a.proto;
  using A = onnx::AttributeProto;
  const auto type = type_of(p);
  // The address of a single number inside the message is not to be had: a copy is.
  if (a.name == "value_int" && type == A::INT) {
    auto v = std::make_shared<int64_t>(p.i());
    return from_values(HRT_INT64, {}, v.get(), sizeof(*v), v);
  }
  if (a.name == "value_float" && type == A::FLOAT) {
    auto v = std::make_shared<float>(p.f());
    return from_values(HRT_FLOAT32, {}, v.get(), sizeof(*v), v);
  }
  if (a.name == "value_ints" && type == A::INTS)
    return from_values(HRT_INT64, {p.ints_size()}, p.ints().data(), size_t(p.ints_size()) * 8, a.proto);
  if (a.name == "value_floats" && type == A::FLOATS)
    return from_values(HRT_FLOAT32, {p.floats_size()}, p.floats().data(), size_t(p.floats_size()) * 4,
                       a.proto);
  if (a.name == "value_string" && type == A::STRING) return from_strings(a.proto, true);
  if (a.name == "value_strings" && type == A::STRINGS) return from_strings(a.proto, false);
  if (a.name == "sparse_value" && type == A::SPARSE_TENSOR) return decode(*p.mutable_sparse_tensor());
  fail("a Constant has the attribute '", a.name, "' of type ", A::AttributeType_Name(type));
}

}  // namespace

void Importer::add_constant_node(const Node& node, Scope& scope) {
  require(node.attributes.size() == 1 && node.outputs.size() == 1 && node.inputs.empty(),
          "a Constant has one attribute, one output and no inputs");
  const Attribute& a = node.attributes[0];
  const std::string name = host_name(node.outputs[0], scope);
  const bool tensor = a.name == "value" && type_of(*a.proto) == onnx::AttributeProto::TENSOR;
  const Owner owner = scope.once && a.scope == &scope ? Owner() : Owner(a.proto);
  bind(node.outputs[0],
       tensor ? add_constant(*a.proto->mutable_t(), name, owner, scope)
              : add_constant(value_of(a), name, scope),
       scope);
}

uint32_t Importer::add_constant(onnx::TensorProto& tensor, const std::string& name, const Owner& owner,
                                Scope& scope) {
  if (!is_external(tensor)) return add_constant(decode(tensor, owner), name, scope);
  const External e = external(tensor);
  const TensorType type(e.dtype, e.dims);
  const hrt_type c_type = type.c();
  uint32_t id = HRT_NONE;
  check(g_host.edit->add_constant_file(scope.level->edit.c(), name.c_str(), &c_type, e.location.c_str(),
                                       e.offset, e.bytes, &id));
  return id;
}

// Bytes stay where they are. Strings, and the few bytes of small constants, are not worth an owner.
uint32_t Importer::add_constant(const Dense& dense, const std::string& name, Scope& scope) {
  constexpr size_t kSmall = 64;
  const hrt_tensor t = dense.c();
  Edit& edit = scope.level->edit;
  if (dense.dtype == HRT_STRING || dense.bytes <= kSmall) return edit.add_constant(name.c_str(), t);
  auto owner = std::make_unique<Owner>(dense.owner);
  uint32_t id = HRT_NONE;
  check(g_host.edit->add_constant_borrowed(
      edit.c(), name.c_str(), &t, [](void* user) { delete static_cast<Owner*>(user); }, owner.get(), &id));
  [[maybe_unused]] const Owner* theirs = owner.release();
  return id;
}

}  // namespace hrt::importer
