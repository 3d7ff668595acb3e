// SPDX-License-Identifier: Apache-2.0
// The CPU backend: hrt.backend/1 over a table of operators (op.h) with SIMD kernels (kernels/).
//
// compile looks each node up in the table and lets its row pack weights. prepare settles, for one set of
// shapes, the layout of every tensor and lays all memory out in one arena (prepare.cpp). run walks
// through the steps; each uses the host's threads on its own.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>

#include "backends/cpu/executable.h"
#include "backends/cpu/extension.h"
#include "backends/cpu/simd.h"

struct hrt_device {
  hrt::cpu::Extensions extensions;
};
struct hrt_executable {
  hrt::cpu::Executable executable;
};
struct hrt_prepared {
  hrt::cpu::Prepared prepared;
};
struct hrt_context {
  hrt::cpu::Context context;
};

namespace hrt::cpu {
namespace {

using sdk::guard;

hrt_status* device_count(uint32_t* count) {
  *count = 1;
  return nullptr;
}

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name"))
      if (const size_t colon = line.find(": "); colon != std::string::npos) return line.substr(colon + 2);
  return "CPU";
}

hrt_status* device_info(uint32_t index, hrt_device_info* out) {
  return guard([&] {
    require(index == 0, "there is one CPU device, not number ", index);
    static const std::string description = cpu_model() + ", " HRT_CPU_ISA;
    out->name = "cpu";
    out->description = description.c_str();
    out->kind = HRT_DEVICE_CPU;
    out->memory_bytes = 0;
  });
}

hrt_status* device_open(uint32_t index, const hrt_options* options, hrt_device** out) {
  return guard([&] {
    require(index == 0, "there is one CPU device, not number ", index);
    if (options && options->count)
      throw sdk::Error(HRT_ERROR_USAGE,
                       sdk::cat("unknown option \"", options->keys[0], "\": the cpu backend has no options"));
    *out = new hrt_device;
  });
}

void device_close(hrt_device* device) { delete device; }

// ------------------------------------------------------------------------------------- support

// Elements of a value whose shape is all numbers; 0: not known yet.
double elements(const Graph& graph, uint32_t id) {
  if (id == HRT_NONE) return 0;
  const Value value = graph.value(id);
  if (!value.ranked() || !sdk::all_numbers(value.dims())) return 0;
  return double(sdk::element_count(value.dims()));
}

// A roofline with rough figures for this instruction set: what a placement needs, no more.
double latency_us(const Graph& graph, const Node& node, const Op& op) {
  constexpr double kFlopsPerUs = kLanes * 2 * 2 * 2.5e3, kBytesPerUs = 20e3, kCallUs = 0.5;
  const double out = elements(graph, node.output(0));
  if (out == 0) return 0;
  double bytes = 0;
  for (const uint32_t id : node.inputs()) bytes += elements(graph, id) * 4;
  const double flops = op.flops_per_output ? out * op.flops_per_output(node) : 0;
  return kCallUs + std::max(flops / kFlopsPerUs, (bytes + out * 4) / kBytesPerUs);
}

std::string packed_dtype(const Node& node) {
  const Graph graph(node.graph());
  for (const auto ids : {node.inputs(), node.outputs()})
    for (const uint32_t id : ids)
      if (id != HRT_NONE && dtype_bytes(graph.value(id).dtype()) == 0)
        return sdk::cat("dtype ", dtype_name(graph.value(id).dtype()));
  return "";
}

void query_node(const hrt_device& device, const Node& node, hrt_node_support& answer) {
  answer.supported = 0;
  answer.reason[0] = 0;
  answer.latency_us = answer.energy_uj = 0;
  answer.workspace_bytes = 0;
  const Op* op = find_op(node);
  std::string reason = packed_dtype(node);
  if (reason.empty()) {
    if (device.extensions.find(node, answer)) return;
    reason = op ? op->supports(node) : answer.reason;
  }
  if (reason.empty() && !op) reason = "operator not in this backend";
  answer.supported = reason.empty();
  std::snprintf(answer.reason, sizeof answer.reason, "%s", reason.c_str());
  if (answer.supported) answer.latency_us = latency_us(Graph(node.graph()), node, *op);
}

hrt_status* query_nodes(hrt_device* device, const hrt_graph* c_graph, hrt_node_support* out, size_t count,
                        size_t stride) {
  return guard([&] {
    const Graph graph(c_graph);
    const auto nodes = graph.nodes();
    require(nodes.size() == count, "query_nodes: room for ", count, " answers, but ", nodes.size(), " nodes");
    for (size_t i = 0; i < count; ++i) {
      auto& answer = *reinterpret_cast<hrt_node_support*>(reinterpret_cast<char*>(out) + i * stride);
      query_node(*device, graph.node(nodes[i]), answer);
    }
  });
}

// ------------------------------------------------------------------------------ compile and run

hrt_status* compile_graph(hrt_device* device, const hrt_graph* graph, hrt_executable** out) {
  return guard([&] { *out = new hrt_executable{Executable(Graph(graph), device->extensions)}; });
}

void executable_destroy(hrt_executable* executable) { delete executable; }

hrt_status* prepare_shapes(hrt_executable* executable, const hrt_shapes* shapes, hrt_prepared** out,
                           hrt_requirements* requirements) {
  return guard([&] {
    auto prepared = std::make_unique<hrt_prepared>(hrt_prepared{prepare(executable->executable, *shapes)});
    requirements->workspace_bytes = prepared->prepared.workspace_bytes;
    *out = prepared.release();
  });
}

void prepared_destroy(hrt_prepared* prepared) { delete prepared; }

hrt_status* context_create(hrt_prepared* prepared, hrt_context** out) {
  return guard([&] { *out = new hrt_context{Context(prepared->prepared)}; });
}

void context_destroy(hrt_context* context) { delete context; }

hrt_status* run(hrt_context* context, const hrt_run_args* args) {
  return guard([&] { context->context.run(*args); });
}

constexpr hrt_backend_api kBackend = {
    sizeof(hrt_backend_api), "cpu", device_count, device_info, device_open, device_close, query_nodes,
    compile_graph, executable_destroy, prepare_shapes, prepared_destroy, context_create, context_destroy, run,
    // No queue.
    nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace
}  // namespace hrt::cpu

HRT_PLUGIN("hrt.cpu." HRT_CPU_ISA, "0.1.0", "SIMD kernels for CPUs, " HRT_CPU_ISA, nullptr, nullptr,
           {"hrt.backend/1", &hrt::cpu::kBackend})
