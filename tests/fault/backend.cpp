// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/backend.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include <hrt/plugin.hpp>

#include "tests/fault/device.h"
#include "tests/fault/world.h"

using hrt::fault::Alive;
using hrt::fault::Counted;

struct hrt_device {
  std::shared_ptr<hrt::fault::Device> device;
  Counted<&Alive::devices> counted = {};
};
struct hrt_executable {
  std::shared_ptr<hrt::fault::Device> device;
  std::shared_ptr<const hrt::fault::Executable> executable;
  Counted<&Alive::executables> counted = {};
};
struct hrt_prepared {
  std::shared_ptr<hrt::fault::Device> device;
  std::shared_ptr<const hrt::fault::Prepared> prepared;
  Counted<&Alive::prepared> counted = {};
};
struct hrt_context {
  std::shared_ptr<hrt::fault::Device> device;
  std::shared_ptr<hrt::fault::Bound> bound;
  Counted<&Alive::contexts> counted = {};
};
struct hrt_buffer {
  std::shared_ptr<hrt::fault::Device> device;
  std::shared_ptr<hrt::fault::Memory> memory;
  Counted<&Alive::buffers> counted = {};
};
struct hrt_fence {
  std::shared_ptr<hrt::fault::Device> device;
  std::shared_ptr<hrt::fault::Timeline> timeline;
  Counted<&Alive::fences> counted = {};
};

namespace hrt::fault {
namespace {

using sdk::cat;
using sdk::g_host;
using sdk::guard;

hrt_backend_api g_api;
hrt_memory g_memory = HRT_MEMORY_HOST;

// For what the host must not do.
void rule(bool ok, const std::string& what) {
  if (ok) return;
  const std::lock_guard lock(world().mutex);
  misuse(what);
  throw sdk::Error(HRT_ERROR_USAGE, what);
}

uint64_t alignment() { return g_memory == HRT_MEMORY_DEVICE ? kDeviceAlignment : kSharedAlignment; }

// --------------------------------------------------------------------------------------- devices

hrt_status* device_count(uint32_t* count) {
  *count = 1;
  return nullptr;
}

hrt_status* device_info(uint32_t, hrt_device_info* out) {
  out->name = g_api.name;
  out->description = "fails when told to";
  out->kind = HRT_DEVICE_OTHER;
  out->memory_bytes = 0;
  if (!HRT_HAS(out, copy_bytes_per_us)) return nullptr;  // a host that knows no queues: it calls run
  out->memory = g_memory;
  if (g_memory == HRT_MEMORY_HOST) return nullptr;
  out->memory_bytes = g_memory == HRT_MEMORY_DEVICE ? kDeviceBytes : 0;
  out->alignment = alignment();
  out->submit_us = 1;
  out->copy_bytes_per_us = 1e4;
  return nullptr;
}

hrt_status* device_open(uint32_t, const hrt_options* options, hrt_device** out) {
  return guard([&] {
    *out = new hrt_device{std::make_shared<Device>(g_api.name, g_memory, parse_options(g_api.name, options))};
  });
}

void device_close(hrt_device* device) {
  device->device->gate.enter_destroy(Function::kDeviceClose);
  if (device->device->queue) device->device->queue->close();
  delete device;
}

hrt_status* query_nodes(hrt_device* device, const hrt_graph* c_graph, hrt_node_support* out, size_t count,
                        size_t stride) {
  return guard([&] {
    device->device->gate.enter(Function::kQueryNodes);
    const Options& options = device->device->options;
    const sdk::Graph graph(c_graph);
    const auto nodes = graph.nodes();
    for (size_t i = 0; i < std::min(count, nodes.size()); ++i) {
      auto& answer = *reinterpret_cast<hrt_node_support*>(reinterpret_cast<char*>(out) + i * stride);
      const sdk::Node node = graph.node(nodes[i]);
      std::string why = refusal(node);
      if (why.empty() && !options.takes.empty() && std::ranges::count(options.takes, node.op()) == 0)
        why = "not among those that it was told to take";
      answer.supported = why.empty();
      std::snprintf(answer.reason, sizeof answer.reason, "%s", why.c_str());
      answer.latency_us = options.latency_us;
    }
  });
}

// ------------------------------------------------------------------------------- compile and run

hrt_status* compile_graph(hrt_device* device, const hrt_graph* graph, hrt_executable** out) {
  return guard([&] {
    device->device->gate.enter(Function::kCompile);
    *out = new hrt_executable{device->device, std::make_shared<Executable>(sdk::Graph(graph))};
  });
}

void executable_destroy(hrt_executable* executable) {
  executable->device->gate.enter_destroy(Function::kExecutableDestroy);
  delete executable;
}

hrt_status* prepare(hrt_executable* executable, const hrt_shapes* shapes, hrt_prepared** out,
                    hrt_requirements* requirements) {
  return guard([&] {
    executable->device->gate.enter(Function::kPrepare);
    requirements->workspace_bytes = 0;
    *out = new hrt_prepared{executable->device, std::make_shared<Prepared>(executable->executable, *shapes)};
  });
}

void prepared_destroy(hrt_prepared* prepared) {
  prepared->device->gate.enter_destroy(Function::kPreparedDestroy);
  delete prepared;
}

hrt_status* context_create(hrt_prepared* prepared, hrt_context** out) {
  return guard([&] {
    prepared->device->gate.enter(Function::kContextCreate);
    *out = new hrt_context{prepared->device, std::make_shared<Bound>(prepared->prepared)};
  });
}

void context_destroy(hrt_context* context) {
  context->device->gate.enter_destroy(Function::kContextDestroy);
  if (context->device->queue) context->device->queue->destroy(*context->bound);
  delete context;
}

bool is_lost(Device& device) {
  const std::lock_guard lock(world().mutex);
  return device.gate.lost();
}

// The steps of a run that is not queued.
void run_now(Device& device, Context& context, const hrt_run_args& args) {
  const size_t steps = context.steps();
  for (size_t i = 0; i < steps; ++i) {
    if (g_host.run->cancelled(args.run)) throw sdk::Error(HRT_ERROR_DEADLINE, "cancelled");
    if (is_lost(device)) throw device.gate.error(Function::kRun, Kind::kLose);
    const bool traced = (args.flags & HRT_RUN_PROFILE) && i > 0 && i <= context.times().size();
    if (traced) g_host.run->trace_begin(args.run, context.times()[i - 1].node);
    if (i > 0) std::this_thread::sleep_for(device.options.delay / int64_t(steps - 1));
    context.step(i);
    if (traced) g_host.run->trace_end(args.run, context.times()[i - 1].node);
  }
}

hrt_status* run(hrt_context* context, const hrt_run_args* args) {
  return guard([&] {
    context->device->gate.enter(Function::kRun);
    std::vector<const float*> inputs;
    std::vector<float*> outputs;
    for (size_t i = 0; i < args->input_count; ++i)
      inputs.push_back(static_cast<const float*>(args->inputs[i]));
    for (size_t i = 0; i < args->output_count; ++i) outputs.push_back(static_cast<float*>(args->outputs[i]));
    context->bound->context.bind(inputs, outputs);
    run_now(*context->device, context->bound->context, *args);
  });
}

// ----------------------------------------------------------------------------- memory and fences

hrt_status* buffer_allocate(hrt_device* c, uint64_t bytes, hrt_buffer** out) {
  return guard([&] {
    Device& device = *c->device;
    device.gate.enter(Function::kBufferAllocate);
    rule(g_memory == HRT_MEMORY_DEVICE, "buffer_allocate on a device without memory of its own");
    {
      const std::lock_guard lock(world().mutex);
      if (bytes > kDeviceBytes - device.allocated)
        throw sdk::Error(HRT_ERROR_MEMORY, cat(bytes, " bytes more than the ", device.allocated, " of ",
                                               kDeviceBytes, " that are taken"));
      device.allocated += bytes;
    }
    *out = new hrt_buffer{c->device, std::make_shared<Memory>(bytes)};
  });
}

hrt_status* buffer_import(hrt_device* device, void* host, uint64_t bytes, hrt_buffer** out) {
  return guard([&] {
    device->device->gate.enter(Function::kBufferImport);
    rule(g_memory == HRT_MEMORY_SHARED, "buffer_import on a device with memory of its own");
    rule(reinterpret_cast<uintptr_t>(host) % kSharedAlignment == 0 && bytes % kSharedAlignment == 0,
         "buffer_import: address or size is not aligned");
    *out = new hrt_buffer{device->device, std::make_shared<Memory>(host, bytes)};
  });
}

void buffer_release(hrt_buffer* buffer) {
  Device& device = *buffer->device;
  device.gate.enter_destroy(Function::kBufferRelease);
  device.queue->release(*buffer->memory);
  if (!buffer->memory->own.empty()) {
    const std::lock_guard lock(world().mutex);
    device.allocated -= buffer->memory->bytes;
  }
  delete buffer;
}

hrt_status* fence_create(hrt_device* device, hrt_fence** out) {
  return guard([&] {
    device->device->gate.enter(Function::kFenceCreate);
    *out = new hrt_fence{device->device, std::make_shared<Timeline>()};
  });
}

void fence_destroy(hrt_fence* fence) {
  fence->device->gate.enter_destroy(Function::kFenceDestroy);
  fence->device->queue->destroy(*fence->timeline);
  delete fence;
}

hrt_status* fence_wait(hrt_fence* fence, uint64_t value, uint64_t timeout_ns, uint32_t* reached) {
  return guard([&] {
    fence->device->gate.enter(Function::kFenceWait);
    *reached = fence->device->queue->wait(*fence->timeline, value, timeout_ns);
  });
}

// ----------------------------------------------------------------------------------------- queue

Span span_of(const Device& device, const hrt_region& region) {
  if (region.bytes == 0) return {};
  rule(region.buffer && region.buffer->device.get() == &device, "a region that is not of this device");
  const uint64_t size = region.buffer->memory->bytes;
  rule(region.offset <= size && region.bytes <= size - region.offset, "a region past the end of its buffer");
  rule(region.offset % alignment() == 0, cat("a region at ", region.offset, ", which is not aligned"));
  return {region.buffer->memory, region.offset, region.bytes};
}

Point point_of(const Device& device, const hrt_point& point) {
  rule(point.fence && point.fence->device.get() == &device, "a point on a fence that is not of this device");
  return {point.fence->timeline, point.value};
}

Work work_of(const Device& device, Function function, const hrt_submit_args& args, bool stalls) {
  Work work{function, stalls, {}, point_of(device, args.signal)};
  for (size_t i = 0; i < args.wait_count; ++i) work.wait.push_back(point_of(device, args.wait[i]));
  return work;
}

std::vector<float*> bind_regions(hrt_context& c, std::span<const hrt_region> regions,
                                 std::span<const uint32_t> values) {
  rule(regions.size() == values.size(), "bind: as many regions as there are inputs, or outputs, are needed");
  std::vector<float*> data;
  for (size_t i = 0; i < regions.size(); ++i) {
    const Span span = span_of(*c.device, regions[i]);
    rule(span.bytes >= c.bound->context.prepared().bytes(values[i]),
         "bind: a region is too small for its value");
    if (span.memory) c.bound->memory.push_back(span.memory);
    data.push_back(reinterpret_cast<float*>(span.data()));
  }
  return data;
}

hrt_status* bind(hrt_context* c, const hrt_bind_args* args) {
  return guard([&] {
    c->device->gate.enter(Function::kBind);
    Context& context = c->bound->context;
    rule(!context.bound(), "bind, for the second time");
    const Executable& executable = *context.prepared().executable;
    const auto inputs = bind_regions(*c, {args->inputs, args->input_count}, executable.inputs);
    const auto outputs = bind_regions(*c, {args->outputs, args->output_count}, executable.outputs);
    context.bind({inputs.begin(), inputs.end()}, outputs);
  });
}

hrt_status* submit(hrt_context* c, const hrt_submit_args* args) {
  return guard([&] {
    const bool stalls = c->device->gate.enter_queued(Function::kSubmit);
    Work work = work_of(*c->device, Function::kExecute, *args, stalls);
    work.bound = c->bound;
    c->device->queue->add(std::move(work));
  });
}

hrt_status* copy(hrt_device* c, const hrt_copy* copies, size_t count, size_t stride,
                 const hrt_submit_args* args) {
  return guard([&] {
    Device& device = *c->device;
    const bool stalls = device.gate.enter_queued(Function::kCopy);
    rule(g_memory == HRT_MEMORY_DEVICE, "copy on a device without memory of its own");
    Work work = work_of(device, Function::kTransfer, *args, stalls);
    for (size_t i = 0; i < count; ++i) {
      const auto& item =
          *reinterpret_cast<const hrt_copy*>(reinterpret_cast<const char*>(copies) + i * stride);
      rule(item.direction == HRT_TO_DEVICE || item.direction == HRT_TO_HOST, "copy: neither to nor from");
      work.transfers.push_back(
          {item.direction, span_of(device, item.region), static_cast<std::byte*>(item.host)});
    }
    device.queue->add(std::move(work));
  });
}

hrt_status* collect(hrt_context* c, hrt_run* run) {
  return guard([&] {
    c->device->gate.enter(Function::kCollect);
    {
      const std::lock_guard lock(world().mutex);
      if (c->bound->queued) misuse("collect before the end of the run");
    }
    if (!HRT_HAS(g_host.run, trace_add)) return;
    for (const Context::Time& t : c->bound->context.times())
      g_host.run->trace_add(run, t.node, t.begin_ns, t.end_ns);
  });
}

}  // namespace

const hrt_backend_api& make_backend(const char* name, hrt_memory memory) {
  const bool queued = memory != HRT_MEMORY_HOST;
  g_memory = memory;
  g_api = {
      .struct_size = sizeof(hrt_backend_api),
      .name = name,
      .device_count = device_count,
      .device_info = device_info,
      .device_open = device_open,
      .device_close = device_close,
      .query_nodes = query_nodes,
      .compile = compile_graph,
      .executable_destroy = executable_destroy,
      .prepare = prepare,
      .prepared_destroy = prepared_destroy,
      .context_create = context_create,
      .context_destroy = context_destroy,
      .run = run,
      .buffer_allocate = queued ? buffer_allocate : nullptr,
      .buffer_import = queued ? buffer_import : nullptr,
      .buffer_release = queued ? buffer_release : nullptr,
      .fence_create = queued ? fence_create : nullptr,
      .fence_destroy = queued ? fence_destroy : nullptr,
      .fence_wait = queued ? fence_wait : nullptr,
      .bind = queued ? bind : nullptr,
      .submit = queued ? submit : nullptr,
      .copy = queued ? copy : nullptr,
      .collect = queued ? collect : nullptr,
  };
  return g_api;
}

}  // namespace hrt::fault
