// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <queue>

#include "graph.hpp"

namespace hrt::importer {

using namespace sdk;

namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
using Visit = std::function<void(const std::string&)>;

void visit_uses(const onnx::NodeProto& node, const Visit& visit);

// Names that a body uses and does not define.
void visit_free(const onnx::GraphProto& graph, const Visit& visit) {
  std::unordered_set<std::string_view> own;
  for (const auto& v : graph.input()) own.insert(v.name());
  for (const auto& t : graph.initializer()) own.insert(t.name());
  for (const auto& t : graph.sparse_initializer()) own.insert(t.values().name());
  for (const auto& n : graph.node()) own.insert(n.output().begin(), n.output().end());
  const auto outside = [&](const std::string& name) {
    if (!own.contains(name)) visit(name);
  };
  for (const auto& n : graph.node()) visit_uses(n, outside);
  for (const auto& v : graph.output()) outside(v.name());
}

void visit_uses(const onnx::NodeProto& node, const Visit& visit) {
  for (const auto& name : node.input()) visit(name);
  for (const auto& a : node.attribute())
    if (a.has_g()) visit_free(a.g(), visit);
}

std::unordered_map<std::string_view, int> producers_of(const Nodes& nodes) {
  std::unordered_map<std::string_view, int> producers;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string& name : nodes[i].output())
      require(name.empty() || producers.emplace(name, i).second, "value '", name, "' is made twice");
  return producers;
}

}  // namespace

// Kahn's algorithm; of the nodes that are ready the first in the file goes first.
std::vector<int> topological_order(const Nodes& nodes) {
  const auto producers = producers_of(nodes);
  std::vector<std::vector<int>> consumers(size_t(nodes.size()));
  std::vector<int> waiting(size_t(nodes.size()), 0);
  for (int i = 0; i < nodes.size(); ++i)
    visit_uses(nodes[i], [&](const std::string& name) {
      const auto it = producers.find(name);
      if (it == producers.end()) return;
      consumers[size_t(it->second)].push_back(i);
      ++waiting[size_t(i)];
    });
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (int i = 0; i < nodes.size(); ++i)
    if (waiting[size_t(i)] == 0) ready.push(i);
  std::vector<int> order;
  while (!ready.empty()) {
    const int i = ready.top();
    ready.pop();
    order.push_back(i);
    for (const int c : consumers[size_t(i)])
      if (--waiting[size_t(c)] == 0) ready.push(c);
  }
  for (int i = 0; i < nodes.size(); ++i)
    require(waiting[size_t(i)] == 0, "node '", nodes[i].name(), "' (", nodes[i].op_type(),
            ") depends on its own output");
  return order;
}

}  // namespace hrt::importer
