// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/executable.h"

namespace hrt::cpu {

using sdk::cat;
using sdk::check;
using sdk::g_host;

namespace {

Compiled compile_node(const Node& node, const Extensions& extensions, const std::string& name) {
  auto answer = sdk::sized<hrt_node_support>();
  if (const hrt_cpu_kernel* kernel = extensions.find(node, answer)) return compile(*kernel, node);
  const Op* op = find_op(node);
  if (!op) unsupported(name, ": the cpu backend has no such operator");
  return op->compile(node);
}

}  // namespace

Executable::Executable(const Graph& graph, const Extensions& extensions) {
  const auto in = graph.inputs(), out = graph.outputs();
  inputs_.assign(in.begin(), in.end());
  outputs_.assign(out.begin(), out.end());
  for (const uint32_t id : graph.nodes()) {
    const Node node = graph.node(id);
    const std::string name = cat(node.op(), " \"", node.name(), "\"");
    nodes_.push_back({id,
                      name,
                      {node.inputs().begin(), node.inputs().end()},
                      {node.outputs().begin(), node.outputs().end()},
                      compile_node(node, extensions, name)});
  }
  for (const CompiledNode& n : nodes_)
    for (size_t i = 0; i < n.in.size(); ++i)
      if (n.in[i] != HRT_NONE && !(i < 32 && (n.compiled.packed >> i & 1))) retain(graph, n.in[i]);
  for (const uint32_t id : outputs_) retain(graph, id);
}

Executable::~Executable() {
  for (const auto& [id, c] : constants_) g_host.graph->constant_release(c.handle);
}

void Executable::retain(const Graph& graph, uint32_t value) {
  const auto constant = graph.value(value).constant();
  if (!constant || constants_.contains(value)) return;
  void* handle = nullptr;
  check(g_host.graph->constant_retain(graph.c(), value, &handle));
  constants_.emplace(value, Retained{handle, constant->raw()});
}

const void* Executable::constant(uint32_t value) const {
  const auto it = constants_.find(value);
  return it == constants_.end() ? nullptr : it->second.data;
}

Context::Context(const Prepared& prepared) : prepared_(prepared) {
  size_t in = 0, out = 0;
  for (const Prepared::Item& item : prepared.items) {
    in = std::max(in, item.in.size());
    out = std::max(out, item.out.size());
  }
  in_.resize(in);
  out_.resize(out);
}

void Context::run(const hrt_run_args& args) {
  const auto at = [&](const Place& p) -> void* {
    switch (p.kind) {
      case Place::kFixed: return const_cast<void*>(p.fixed);
      case Place::kInput: return const_cast<void*>(args.inputs[p.at]);
      case Place::kOutput: return args.outputs[p.at];
      case Place::kWorkspace: return static_cast<std::byte*>(args.workspace) + p.at;
      case Place::kNone: break;
    }
    return nullptr;
  };
  const bool trace = args.flags & HRT_RUN_PROFILE;
  for (const Prepared::Item& item : prepared_.items) {
    if (g_host.run->cancelled(args.run))
      throw sdk::Error(HRT_ERROR_DEADLINE, cat("cancelled before ", item.name));
    for (size_t i = 0; i < item.in.size(); ++i) in_[i] = at(item.in[i]);
    for (size_t i = 0; i < item.out.size(); ++i) out_[i] = at(item.out[i]);
    if (trace) g_host.run->trace_begin(args.run, item.node);
    try {
      item.step.run({in_.data(), out_.data(), static_cast<std::byte*>(at(item.workspace))});
    } catch (const sdk::Error& e) {
      if (trace) g_host.run->trace_end(args.run, item.node);
      throw sdk::Error(e.code(), cat(item.name, ": ", e.what()));
    }
    if (trace) g_host.run->trace_end(args.run, item.node);
  }
}

}  // namespace hrt::cpu
