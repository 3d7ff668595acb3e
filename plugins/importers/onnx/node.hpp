// SPDX-License-Identifier: Apache-2.0
// A node on its way from the file into the graph: NodeProto with attribute references resolved, in the
// form that adapters change.
#pragma once

#include <memory>
#include <optional>

#include "proto.hpp"

namespace hrt::importer {

inline constexpr int64_t kOpset = 28;   // the version of ONNX's own operators that graphs are written in
inline constexpr int64_t kMlOpset = 5;  // of domain ai.onnx.ml
inline constexpr char kMlDomain[] = "ai.onnx.ml";

// The domain of nodes in graphs that adapters make: ONNX's own, already in kOpset.
inline const std::string kCanonicalDomain("\0canonical", 10);

struct Scope;

struct Attribute {
  std::string name;  // a function may hand an attribute on under another name than the message has
  std::shared_ptr<onnx::AttributeProto> proto;
  const Scope* scope = nullptr;  // where a nested graph looks up the names around it
};

Attribute attribute(std::string name, int64_t v);
Attribute attribute(std::string name, float v);
Attribute attribute(std::string name, const std::string& v);
Attribute attribute(std::string name, const std::vector<int64_t>& v);
Attribute attribute(std::string name, const std::vector<float>& v);

// Values are named. Names that begin with a NUL were made by adapters and cannot clash with the file's.
struct Node {
  std::string domain;  // "" is ONNX's own
  std::string op;
  std::string name;
  int64_t version = kOpset;  // of the domain; rises while adapters run
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;

  const std::string& input(size_t i) const;  // "" when absent
  bool has_input(size_t i) const { return !input(i).empty(); }
  bool has_output(size_t i) const { return i < outputs.size() && !outputs[i].empty(); }
  void set_input(size_t i, std::string value);  // fills the gap with absent ones

  const onnx::AttributeProto* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  void drop(std::string_view name) { take(name); }
  void set(Attribute a);

  // Remove the attribute and return its value; throw when it is of another type.
  std::shared_ptr<onnx::AttributeProto> take(std::string_view name);
  std::optional<int64_t> take_int(std::string_view name);
  std::optional<float> take_float(std::string_view name);
  std::optional<std::string> take_string(std::string_view name);
  std::optional<std::vector<int64_t>> take_ints(std::string_view name);
  std::optional<std::vector<float>> take_floats(std::string_view name);
  std::vector<int64_t> need_ints(std::string_view name);  // throws when it is not there
};

// "node 'conv1' (Conv, opset 9)"
std::string describe(const Node& node);

}  // namespace hrt::importer
