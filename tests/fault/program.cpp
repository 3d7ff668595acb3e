// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/program.h"

#include <array>
#include <chrono>
#include <cstring>

namespace hrt::fault {
namespace {

using sdk::cat;
using sdk::require;

Floats floats_of(const hrt_tensor& tensor) {
  const auto* data = static_cast<const float*>(tensor.data);
  return {data, data + tensor.bytes / sizeof(float)};
}

uint64_t now_ns() {  // CLOCK_MONOTONIC
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return uint64_t(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace

std::string refusal(const sdk::Node& node) {
  const Operator* op = node.domain().empty() ? find_operator(node.op()) : nullptr;
  if (!op) return "operator not in this backend";
  if (node.inputs().size() != op->inputs || node.outputs().size() != 1) return "number of inputs or outputs";
  const sdk::Graph graph(node.graph());
  for (const auto ids : {node.inputs(), node.outputs()}) {
    for (const uint32_t id : ids) {
      if (id == HRT_NONE) return "an input or output is absent";
      if (graph.value(id).dtype() != HRT_FLOAT32) return cat("dtype ", dtype_name(graph.value(id).dtype()));
    }
  }
  return "";
}

Executable::Executable(const sdk::Graph& graph) : value_limit(graph.value_limit()) {
  const auto ids = [](std::span<const uint32_t> list) {
    return std::vector<uint32_t>(list.begin(), list.end());
  };
  const auto keep = [&](uint32_t value) {
    if (const auto constant = graph.value(value).constant())
      constants.try_emplace(value, floats_of(constant->c()));
  };
  inputs = ids(graph.inputs());
  outputs = ids(graph.outputs());
  for (const uint32_t id : graph.nodes()) {
    const sdk::Node node = graph.node(id);
    const std::string why = refusal(node);
    if (!why.empty()) sdk::unsupported(node.op(), " \"", node.name(), "\": ", why);
    nodes.push_back({id, find_operator(node.op()), ids(node.inputs()), node.output(0)});
    for (const uint32_t value : node.inputs()) keep(value);
  }
  for (const uint32_t value : outputs) keep(value);
}

Prepared::Prepared(std::shared_ptr<const Executable> e, const hrt_shapes& shapes)
    : executable(std::move(e)), dims(executable->value_limit) {
  for (uint32_t v = 0; v < std::min(shapes.value_limit, executable->value_limit); ++v) {
    if (const hrt_type* type = shapes.types[v])
      if (type->kind == HRT_KIND_TENSOR && type->rank >= 0)
        dims[v].assign(type->dims, type->dims + type->rank);
    const hrt_tensor* data = shapes.known[v];
    if (data && data->dtype == HRT_FLOAT32) known.try_emplace(v, floats_of(*data));
  }
  for (const auto& list : dims) require(sdk::all_numbers(list), "prepare: a shape is not all numbers");
}

Context::Context(std::shared_ptr<const Prepared> prepared)
    : prepared_(std::move(prepared)), slots_(executable().value_limit) {
  std::vector<bool> made(slots_.size());
  for (const Executable::Node& node : executable().nodes) {
    made[node.output] = true;
    times_.push_back({node.id, 0, 0});
  }
  for (size_t i = 0; i < executable().outputs.size(); ++i) {
    const uint32_t value = executable().outputs[i];
    if (!made[value] || !made_for_.try_emplace(value, i).second) copies_.push_back({value, i});
  }
  for (const Executable::Node& node : executable().nodes) {
    if (made_for_.contains(node.output)) continue;
    own_[node.output].resize(prepared_->bytes(node.output) / sizeof(float));
  }
}

void Context::place(uint32_t value) {
  if (slots_[value].read) return;
  const auto& constants = executable().constants;
  if (const auto found = constants.find(value); found != constants.end())
    slots_[value].read = found->second.data();
  else if (const auto known = prepared_->known.find(value); known != prepared_->known.end())
    slots_[value].read = known->second.data();
  require(slots_[value].read || prepared_->bytes(value) == 0, "value ", value, " is computed by no node");
}

void Context::bind(std::span<const float* const> inputs, std::span<float* const> outputs) {
  const Executable& e = executable();
  outputs_.assign(outputs.begin(), outputs.end());
  for (size_t i = 0; i < inputs.size(); ++i) slots_[e.inputs[i]] = {inputs[i], nullptr};
  for (const auto& [value, output] : made_for_) slots_[value] = {outputs[output], outputs[output]};
  for (auto& [value, data] : own_) slots_[value] = {data.data(), data.data()};
  for (const Executable::Node& node : e.nodes)
    for (const uint32_t value : node.inputs) place(value);
  for (const Copy& copy : copies_) place(copy.value);
  bound_ = true;
}

void Context::step(size_t index) {
  const size_t nodes = executable().nodes.size();
  if (index == 0)
    spoil_outputs();
  else if (index <= nodes)
    compute(executable().nodes[index - 1]);
  else
    copy_outputs();
  const uint64_t end = now_ns();
  if (index > 0 && index <= nodes) {
    times_[index - 1].begin_ns = last_ns_;
    times_[index - 1].end_ns = end;
  }
  last_ns_ = end;
}

void Context::spoil_outputs() {
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const uint64_t bytes = prepared_->bytes(executable().outputs[i]);
    if (bytes > 0) std::memset(outputs_[i], 0xff, bytes);
  }
}

void Context::compute(const Executable::Node& node) {
  std::array<Operand, 2> in{};
  for (size_t i = 0; i < node.inputs.size(); ++i)
    in[i] = {slots_[node.inputs[i]].read, prepared_->dims[node.inputs[i]]};
  node.op->compute({in.data(), node.inputs.size()},
                   {slots_[node.output].write, prepared_->dims[node.output]});
}

void Context::copy_outputs() {
  for (const Copy& copy : copies_) {
    const uint64_t bytes = prepared_->bytes(copy.value);
    if (bytes > 0) std::memcpy(outputs_[copy.output], slots_[copy.value].read, bytes);
  }
}

}  // namespace hrt::fault
