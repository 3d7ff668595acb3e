// SPDX-License-Identifier: Apache-2.0
// A node's attributes as the ABI wants them.
#pragma once

#include <deque>

#include "node.hpp"
#include "tensor.hpp"
#include "type.hpp"

namespace hrt::importer {

bool is_graph(const Attribute& attribute);  // a nested body: not an attribute to the ABI

// All but the graphs, and what they point to. Points into the attributes' messages as well.
class AttributeList {
 public:
  explicit AttributeList(const std::vector<Attribute>& attributes);
  AttributeList(const AttributeList&) = delete;
  std::span<const sdk::Attr> c() const { return list_; }

 private:
  hrt_attr convert(const Attribute& attribute);

  std::vector<sdk::Attr> list_;
  std::deque<Dense> tensors_;
  std::deque<hrt_tensor> views_;
  std::deque<Type> types_;
  std::deque<std::vector<hrt_str>> strings_;
};

}  // namespace hrt::importer
