// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/randomness.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "apps/hrt-run/lib/numbers.h"
#include "core/base/error.h"
#include "core/plugin/registry.h"

namespace hrt {
namespace {

bool draws(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const hrt_op* op = Registry::current().find_op(node.domain, node.op);
  // Dropout draws only when it is told to train.
  const bool trains = node.op != "Dropout" || (node.inputs.size() > 2 && node.inputs[2] != HRT_NONE);
  if (op && (op->flags & HRT_OP_NONDETERMINISTIC) && trains) return true;
  return std::ranges::any_of(graph.bodies(id), [](const auto& body) {
    return std::ranges::any_of(body.second->nodes(),
                               [&](NodeId inner) { return draws(*body.second, inner); });
  });
}

std::vector<double> elements(const Tensor& t) {
  std::vector<double> out(number_count(t));
  read_numbers(t, 0, out);
  return out;
}

std::string implausible(const Tensor& actual, const Tensor& recorded) {
  if (actual.type() != recorded.type())
    return fmt::format("{} instead of {}", to_string(actual.type()), to_string(recorded.type()));
  if (actual.dtype() == HRT_STRING) return {};
  const auto now = elements(actual), then = elements(recorded);
  const auto is_draw = [](double v) { return v == 0 || v == 1; };
  const auto is_finite = [](double v) { return std::isfinite(v); };
  if (std::ranges::all_of(then, is_draw) && !std::ranges::all_of(now, is_draw))
    return "an element that is neither 0 nor 1";
  if (std::ranges::all_of(then, is_finite) && !std::ranges::all_of(now, is_finite))
    return "an element that is not finite";
  return {};
}

}  // namespace

std::vector<bool> random_outputs(const Graph& graph) {
  std::set<ValueId> random;
  for (const NodeId id : graph.nodes()) {
    const Node& node = graph.node(id);
    bool affected = draws(graph, id);
    for (const ValueId v : node.inputs) affected = affected || random.contains(v);
    for (const auto& [name, body] : graph.bodies(id))
      for (const Capture& c : body->captures()) affected = affected || random.contains(c.outer);
    if (affected) random.insert(node.outputs.begin(), node.outputs.end());
  }
  std::vector<bool> result;
  for (const ValueId v : graph.outputs()) result.push_back(random.contains(v));
  return result;
}

std::string implausible(const ValuePtr& actual, const ValuePtr& recorded) {
  if (actual->type.kind() != recorded->type.kind() || actual->items.size() != recorded->items.size())
    return fmt::format("{} instead of {}", to_string(actual->type), to_string(recorded->type));
  if (actual->type.is_tensor()) return implausible(actual->tensor, recorded->tensor);
  for (size_t i = 0; i < actual->items.size(); ++i)
    if (std::string reason = implausible(actual->items[i], recorded->items[i]); !reason.empty())
      return fmt::format("item {}: {}", i, reason);
  return {};
}

}  // namespace hrt
