// SPDX-License-Identifier: Apache-2.0
#include "node.hpp"

#include <algorithm>

namespace hrt::importer {

using namespace sdk;
using Proto = onnx::AttributeProto;

namespace {

Attribute make(std::string name, Proto::AttributeType type) {
  auto proto = std::make_shared<Proto>();
  proto->set_name(name);
  proto->set_type(type);
  return {std::move(name), std::move(proto)};
}

std::shared_ptr<Proto> take_as(Node& node, std::string_view name, Proto::AttributeType type) {
  auto p = node.take(name);
  require(!p || type_of(*p) == type, "attribute '", name, "' is ",
          p ? Proto::AttributeType_Name(type_of(*p)) : "", ", not ", Proto::AttributeType_Name(type));
  return p;
}

}  // namespace

Attribute attribute(std::string name, int64_t v) {
  Attribute a = make(std::move(name), Proto::INT);
  a.proto->set_i(v);
  return a;
}

Attribute attribute(std::string name, float v) {
  Attribute a = make(std::move(name), Proto::FLOAT);
  a.proto->set_f(v);
  return a;
}

Attribute attribute(std::string name, const std::string& v) {
  Attribute a = make(std::move(name), Proto::STRING);
  a.proto->set_s(v);
  return a;
}

Attribute attribute(std::string name, const std::vector<int64_t>& v) {
  Attribute a = make(std::move(name), Proto::INTS);
  a.proto->mutable_ints()->Add(v.begin(), v.end());
  return a;
}

Attribute attribute(std::string name, const std::vector<float>& v) {
  Attribute a = make(std::move(name), Proto::FLOATS);
  a.proto->mutable_floats()->Add(v.begin(), v.end());
  return a;
}

const std::string& Node::input(size_t i) const {
  static const std::string none;
  return i < inputs.size() ? inputs[i] : none;
}

void Node::set_input(size_t i, std::string value) {
  if (inputs.size() <= i) inputs.resize(i + 1);
  inputs[i] = std::move(value);
}

const Proto* Node::find(std::string_view name) const {
  const auto it = std::ranges::find(attributes, name, &Attribute::name);
  return it == attributes.end() ? nullptr : it->proto.get();
}

void Node::set(Attribute a) {
  drop(a.name);
  attributes.push_back(std::move(a));
}

std::shared_ptr<Proto> Node::take(std::string_view name) {
  const auto it = std::ranges::find(attributes, name, &Attribute::name);
  if (it == attributes.end()) return nullptr;
  auto proto = std::move(it->proto);
  attributes.erase(it);
  return proto;
}

std::optional<int64_t> Node::take_int(std::string_view name) {
  const auto p = take_as(*this, name, Proto::INT);
  return p ? std::optional(p->i()) : std::nullopt;
}

std::optional<float> Node::take_float(std::string_view name) {
  const auto p = take_as(*this, name, Proto::FLOAT);
  return p ? std::optional(p->f()) : std::nullopt;
}

std::optional<std::string> Node::take_string(std::string_view name) {
  const auto p = take_as(*this, name, Proto::STRING);
  return p ? std::optional(p->s()) : std::nullopt;
}

std::optional<std::vector<int64_t>> Node::take_ints(std::string_view name) {
  const auto p = take_as(*this, name, Proto::INTS);
  return p ? std::optional(std::vector<int64_t>(p->ints().begin(), p->ints().end())) : std::nullopt;
}

std::optional<std::vector<float>> Node::take_floats(std::string_view name) {
  const auto p = take_as(*this, name, Proto::FLOATS);
  return p ? std::optional(std::vector<float>(p->floats().begin(), p->floats().end())) : std::nullopt;
}

std::vector<int64_t> Node::need_ints(std::string_view name) {
  auto v = take_ints(name);
  require(v.has_value(), "attribute '", name, "' is missing");
  return std::move(*v);
}

std::string describe(const Node& node) {
  const std::string domain = node.domain.empty() ? "" : node.domain + ".";
  const std::string output = node.outputs.empty() ? "" : " that makes '" + node.outputs[0] + "'";
  const std::string who = node.name.empty() ? output : " '" + node.name + "'";
  return cat("node", who, " (", domain, node.op, ", opset ", node.version, ")");
}

}  // namespace hrt::importer
