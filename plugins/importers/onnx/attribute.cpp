// SPDX-License-Identifier: Apache-2.0
#include "attribute.hpp"

namespace hrt::importer {

using namespace sdk;

namespace {

hrt_str to_c(const std::string& s) { return {s.data(), s.size()}; }

}  // namespace

bool is_graph(const Attribute& a) { return type_of(*a.proto) == onnx::AttributeProto::GRAPH; }

AttributeList::AttributeList(const std::vector<Attribute>& attributes) {
  for (const Attribute& a : attributes)
    if (!is_graph(a)) list_.emplace_back(convert(a));
}

hrt_attr AttributeList::convert(const Attribute& a) {
  using A = onnx::AttributeProto;
  auto c = sized<hrt_attr>();
  c.name = a.name.c_str();
  A& p = *a.proto;
  switch (type_of(p)) {
    case A::INT: c.type = HRT_ATTR_INT, c.i = p.i(); break;
    case A::FLOAT: c.type = HRT_ATTR_FLOAT, c.f = p.f(); break;
    case A::STRING: c.type = HRT_ATTR_STRING, c.s = to_c(p.s()); break;
    case A::INTS: c.type = HRT_ATTR_INTS, c.ints = p.ints().data(), c.count = size_t(p.ints_size()); break;
    case A::FLOATS:
      c.type = HRT_ATTR_FLOATS, c.floats = p.floats().data(), c.count = size_t(p.floats_size());
      break;
    case A::STRINGS: {
      auto& list = strings_.emplace_back();
      for (const auto& s : p.strings()) list.push_back(to_c(s));
      c.type = HRT_ATTR_STRINGS, c.strings = list.data(), c.count = list.size();
      break;
    }
    case A::TENSOR:
      tensors_.push_back(decode(*p.mutable_t(), a.proto));
      views_.push_back(tensors_.back().c());
      c.type = HRT_ATTR_TENSOR, c.tensor = &views_.back();
      break;
    case A::TYPE_PROTO:
      types_.push_back(convert_type(p.tp(), [](const std::string&) { return HRT_DIM_UNKNOWN; }));
      c.type = HRT_ATTR_TYPE, c.value_type = &types_.back().c();
      break;
    default: unsupported("attribute '", a.name, "' is of type ", A::AttributeType_Name(type_of(p)));
  }
  return c;
}

}  // namespace hrt::importer
