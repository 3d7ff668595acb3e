// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/backend.h"

#include <algorithm>
#include <cstdio>
#include <mutex>

#include "backends/gpu_common/executable.h"
#include "backends/gpu_common/tune.h"

struct hrt_device {
  hrt::gpu::Device device;
};
struct hrt_executable {
  hrt::gpu::Executable executable;
};
struct hrt_prepared {
  hrt::gpu::Prepared prepared;
};
struct hrt_context {
  hrt::gpu::Context context;
};
struct hrt_buffer {
  std::unique_ptr<hrt::gpu::Buffer> buffer;
};
struct hrt_fence {
  std::unique_ptr<hrt::gpu::Fence> fence;
};

namespace hrt::gpu {
namespace {

using sdk::cat;
using sdk::g_host;
using sdk::guard;

// -------------------------------------------------------------------------------------- devices

// What was there when the host last asked.
std::vector<Caps>& devices() {
  static std::vector<Caps> list;
  return list;
}

hrt_status* device_count(uint32_t* count) {
  return guard([&] {
    devices() = g_driver.devices();
    *count = uint32_t(devices().size());
  });
}

hrt_status* device_info(uint32_t index, hrt_device_info* out) {
  return guard([&] {
    require(index < devices().size(), "there is no device number ", index);
    const Caps& caps = devices()[index];
    out->name = g_driver.name;
    out->description = caps.name.c_str();
    out->kind = HRT_DEVICE_GPU;
    out->memory_bytes = caps.memory_bytes;
    if (!HRT_HAS(out, copy_bytes_per_us)) return;  // a host that knows no queues: it calls run
    out->memory = caps.memory;
    out->alignment =
        std::max(caps.alignment, caps.memory == HRT_MEMORY_SHARED ? caps.import_alignment : uint64_t(1));
    out->submit_us = caps.is_cpu ? 50 : 20;
    out->copy_bytes_per_us = caps.is_cpu ? 5e3 : 12e3;
  });
}

Tuner::Mode tune_mode(const std::string& value) {
  if (value == "off") return Tuner::Mode::kOff;
  if (value == "cached") return Tuner::Mode::kCached;
  if (value == "full") return Tuner::Mode::kFull;
  throw sdk::Error(HRT_ERROR_USAGE, cat("option tune = \"", value, "\": there are off, cached, full"));
}

hrt_status* device_open(uint32_t index, const hrt_options* options, hrt_device** out) {
  return guard([&] {
    Tuner::Mode mode = Tuner::Mode::kCached;
    std::vector<std::pair<std::string, std::string>> rest;
    for (size_t i = 0; options && i < options->count; ++i) {
      if (std::string(options->keys[i]) == "tune")
        mode = tune_mode(options->values[i]);
      else
        rest.emplace_back(options->keys[i], options->values[i]);
    }
    auto device = std::make_unique<hrt_device>();
    device->device.driver = g_driver.open(index, rest);
    device->device.tuner = std::make_unique<Tuner>(mode, device->device.driver->caps().key);
    *out = device.release();
  });
}

void device_close(hrt_device* device) { delete device; }

// -------------------------------------------------------------------------------------- support

// Elements of a value whose shape is all numbers; 0: not known yet.
double elements(const Graph& graph, uint32_t id) {
  if (id == HRT_NONE) return 0;
  const Value value = graph.value(id);
  if (!value.ranked() || !sdk::all_numbers(value.dims())) return 0;
  return double(sdk::element_count(value.dims()));
}

// A roofline with rough figures: what a placement needs, no more.
double latency_us(const Graph& graph, const Node& node, const Op& op, const Caps& caps) {
  const double flops_per_us = caps.is_cpu ? caps.units * 4e3 : caps.units * 1e5;
  const double bytes_per_us = caps.is_cpu ? 5e3 : caps.units * 1e4;
  const double call_us = caps.is_cpu ? 10 : 3;
  const double out = elements(graph, node.output(0));
  if (out == 0) return 0;
  double bytes = out * 4;
  for (const uint32_t id : node.inputs()) bytes += elements(graph, id) * 4;
  const double flops = op.flops_per_output ? out * op.flops_per_output(node) : 0;
  return call_us + std::max(flops / flops_per_us, bytes / bytes_per_us);
}

hrt_status* query_nodes(hrt_device* device, const hrt_graph* c_graph, hrt_node_support* out, size_t count,
                        size_t stride) {
  return guard([&] {
    const Graph graph(c_graph);
    const Caps& caps = device->device.driver->caps();
    const auto nodes = graph.nodes();
    require(nodes.size() == count, "query_nodes: room for ", count, " answers, but ", nodes.size(), " nodes");
    for (size_t i = 0; i < count; ++i) {
      auto& answer = *reinterpret_cast<hrt_node_support*>(reinterpret_cast<char*>(out) + i * stride);
      const Node node = graph.node(nodes[i]);
      const Op* op = find_op(node);
      const std::string reason = refusal(node, caps);
      answer.supported = reason.empty();
      std::snprintf(answer.reason, sizeof answer.reason, "%s", reason.c_str());
      answer.energy_uj = 0;
      answer.workspace_bytes = 0;
      answer.latency_us = answer.supported ? latency_us(graph, node, *op, caps) : 0;
    }
  });
}

// ------------------------------------------------------------------------------ compile and run

hrt_status* compile_graph(hrt_device* device, const hrt_graph* graph, hrt_executable** out) {
  return guard([&] { *out = new hrt_executable{{device->device, Graph(graph)}}; });
}

void executable_destroy(hrt_executable* executable) { delete executable; }

hrt_status* prepare_shapes(hrt_executable* executable, const hrt_shapes* shapes, hrt_prepared** out,
                           hrt_requirements* requirements) {
  return guard([&] {
    requirements->workspace_bytes = 0;  // of the host's memory
    *out = new hrt_prepared{prepare(executable->executable, *shapes)};
  });
}

void prepared_destroy(hrt_prepared* prepared) { delete prepared; }

hrt_status* context_create(hrt_prepared* prepared, hrt_context** out) {
  return guard([&] { *out = new hrt_context{Context(prepared->prepared)}; });
}

void context_destroy(hrt_context* context) { delete context; }

// ------------------------------------------------------------------------------ memory and queue

hrt_status* buffer_allocate(hrt_device* device, uint64_t bytes, hrt_buffer** out) {
  return guard([&] { *out = new hrt_buffer{device->device.driver->allocate(bytes)}; });
}

hrt_status* buffer_import(hrt_device* device, void* host, uint64_t bytes, hrt_buffer** out) {
  return guard([&] { *out = new hrt_buffer{device->device.driver->import(host, bytes)}; });
}

void buffer_release(hrt_buffer* buffer) { delete buffer; }

hrt_status* fence_create(hrt_device* device, hrt_fence** out) {
  return guard([&] { *out = new hrt_fence{device->device.driver->fence()}; });
}

void fence_destroy(hrt_fence* fence) { delete fence; }

hrt_status* fence_wait(hrt_fence* fence, uint64_t value, uint64_t timeout_ns, uint32_t* reached) {
  return guard([&] { *reached = fence->fence->wait(value, timeout_ns); });
}

Span span_of(const hrt_region& region) {
  if (region.bytes == 0) return {};
  require(region.buffer != nullptr, "a region of ", region.bytes, " bytes without a buffer");
  const uint64_t size = region.buffer->buffer->bytes();
  require(region.offset <= size && region.bytes <= size - region.offset,
          "a region past the end of its buffer");
  return {region.buffer->buffer.get(), region.offset, region.bytes};
}

std::vector<Span> spans_of(const hrt_region* regions, size_t count) {
  std::vector<Span> out;
  for (size_t i = 0; i < count; ++i) out.push_back(span_of(regions[i]));
  return out;
}

hrt_status* bind(hrt_context* context, const hrt_bind_args* args) {
  return guard([&] {
    context->context.bind(spans_of(args->inputs, args->input_count),
                          spans_of(args->outputs, args->output_count));
  });
}

// The points of a submission; at most so many can be waited for, so that a run allocates nothing.
class Points {
 public:
  explicit Points(const hrt_submit_args& args) : count_(args.wait_count) {
    require(count_ <= wait_.size(), "a submission waits for ", count_, " points, at most ", wait_.size());
    for (size_t i = 0; i < count_; ++i) wait_[i] = point(args.wait[i]);
    signal = point(args.signal);
  }
  std::span<const Point> wait() const { return {wait_.data(), count_}; }
  Point signal;

 private:
  static Point point(const hrt_point& p) { return {p.fence ? p.fence->fence.get() : nullptr, p.value}; }
  std::array<Point, 64> wait_;
  size_t count_;
};

hrt_status* submit(hrt_context* context, const hrt_submit_args* args) {
  return guard([&] {
    const Points points(*args);
    context->context.submit(points.wait(), points.signal, args->flags & HRT_RUN_PROFILE);
  });
}

hrt_status* copy(hrt_device* device, const hrt_copy* copies, size_t count, size_t stride,
                 const hrt_submit_args* args) {
  return guard([&] {
    const Points points(*args);
    std::vector<HostCopy> list;
    for (size_t i = 0; i < count; ++i) {
      const auto& c = *reinterpret_cast<const hrt_copy*>(reinterpret_cast<const char*>(copies) + i * stride);
      if (c.region.bytes > 0) list.push_back({c.direction, span_of(c.region), c.host});
    }
    device->device.driver->copy(list, points.wait(), points.signal);
  });
}

hrt_status* collect(hrt_context* context, hrt_run* run) {
  return guard([&] {
    context->context.check_faults();
    if (!HRT_HAS(g_host.run, trace_add)) return;
    for (const Time& t : context->context.times()) g_host.run->trace_add(run, t.node, t.begin_ns, t.end_ns);
  });
}

}  // namespace

const hrt_backend_api& backend() {
  static const hrt_backend_api api = {
      .struct_size = sizeof(hrt_backend_api),
      .name = g_driver.name,
      .device_count = device_count,
      .device_info = device_info,
      .device_open = device_open,
      .device_close = device_close,
      .query_nodes = query_nodes,
      .compile = compile_graph,
      .executable_destroy = executable_destroy,
      .prepare = prepare_shapes,
      .prepared_destroy = prepared_destroy,
      .context_create = context_create,
      .context_destroy = context_destroy,
      .run = nullptr,  // runs are queued
      .buffer_allocate = buffer_allocate,
      .buffer_import = buffer_import,
      .buffer_release = buffer_release,
      .fence_create = fence_create,
      .fence_destroy = fence_destroy,
      .fence_wait = fence_wait,
      .bind = bind,
      .submit = submit,
      .copy = copy,
      .collect = collect,
  };
  return api;
}

}  // namespace hrt::gpu
