// SPDX-License-Identifier: Apache-2.0
#include "backends/opencl/recording.h"

#include <algorithm>
#include <chrono>

#include "backends/gpu_common/limits.h"
#include "backends/opencl/memory.h"

namespace hrt::gpu::opencl {

namespace {

int64_t monotonic_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::vector<cl_event> plain(const std::vector<Event>& events) {
  std::vector<cl_event> out;
  out.reserve(events.size());
  for (const Event& e : events) out.push_back(e.get());
  return out;
}

cl_ulong profiling(const Event& event, cl_profiling_info what) {
  cl_ulong ns = 0;
  check(api().GetEventProfilingInfo(event.get(), what, sizeof ns, &ns, nullptr), "clGetEventProfilingInfo");
  return ns;
}

}  // namespace

ClRecording::ClRecording(Device& device, std::span<const Dispatch> dispatches, bool profile)
    : device_(device) {
  for (const Dispatch& d : dispatches) add(d);
  if (profile) properties_ |= CL_QUEUE_PROFILING_ENABLE;
  // In order unless something may overlap; a device that has no such queues runs all in order.
  if (device.in_turn) return;
  cl_command_queue_properties has = 0;
  check(api().GetDeviceInfo(device.id, CL_DEVICE_QUEUE_PROPERTIES, sizeof has, &has, nullptr),
        "clGetDeviceInfo");
  const bool overlaps =
      std::any_of(launches_.begin(), launches_.end(), [](const Launch& l) { return !l.waits; });
  if (overlaps) properties_ |= has & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE;
}

void ClRecording::add(const Dispatch& dispatch) {
  check_dispatch(device_.caps, dispatch);
  const auto& pipeline = static_cast<const ClPipeline&>(*dispatch.pipeline);
  Launch l{new_kernel(pipeline.program()), {}, {}, dispatch.node, dispatch.waits};
  for (size_t d = 0; d < 3; ++d) {
    l.group[d] = pipeline.group()[d];
    l.size[d] = dispatch.groups[d] * l.group[d];
  }
  cl_uint index = 0;
  for (const Span& s : dispatch.buffers) {
    const bool as_image = (pipeline.images >> index & 1) != 0;
    parts_.push_back(as_image ? image(device_.context.get(), s, pipeline.texel_bytes) : part(s));
    cl_mem mem = parts_.back().get();
    check(api().SetKernelArg(l.kernel.get(), index++, sizeof(cl_mem), static_cast<const void*>(&mem)),
          "clSetKernelArg");
  }
  std::array<uint32_t, kPushWords> words{};
  std::copy(dispatch.push.begin(), dispatch.push.end(), words.begin());
  check(api().SetKernelArg(l.kernel.get(), index, sizeof words, words.data()), "clSetKernelArg");
  launches_.push_back(std::move(l));
}

Event ClRecording::launch(cl_command_queue queue, const Launch& l, const std::vector<Event>& wait,
                          bool event) {
  const auto list = plain(wait);
  cl_event out = nullptr;
  device_.check_submit(
      api().EnqueueNDRangeKernel(queue, l.kernel.get(), 3, nullptr, l.size.data(), l.group.data(),
                                 cl_uint(list.size()), list.empty() ? nullptr : list.data(),
                                 event ? &out : nullptr),
      "clEnqueueNDRangeKernel");
  return Event(out);
}

Event ClRecording::marker(cl_command_queue queue, const std::vector<Event>& wait) {
  const auto list = plain(wait);
  cl_event out = nullptr;
  device_.check_submit(api().EnqueueMarkerWithWaitList(queue, cl_uint(list.size()),
                                                       list.empty() ? nullptr : list.data(), &out),
                       "clEnqueueMarkerWithWaitList");
  return Event(out);
}

Event ClRecording::enqueue_in_order(cl_command_queue queue, std::vector<Event> wait) {
  const bool profile = (properties_ & CL_QUEUE_PROFILING_ENABLE) != 0;
  for (const Launch& l : launches_) {
    Event event = launch(queue, l, wait, profile);
    wait.clear();
    if (profile) profiled_.push_back(std::move(event));
  }
  return marker(queue, wait);
}

// Launches between two that wait may overlap: all of them wait for all of the group before.
Event ClRecording::enqueue_out_of_order(cl_command_queue queue, std::vector<Event> wait) {
  const bool profile = (properties_ & CL_QUEUE_PROFILING_ENABLE) != 0;
  std::vector<Event> group;
  for (const Launch& l : launches_) {
    if (l.waits && !group.empty()) {
      // One event for the many, so that lists stay short.
      if (group.size() > 1) {
        Event all = marker(queue, group);
        group.clear();
        group.push_back(std::move(all));
      }
      wait = std::exchange(group, {});
    }
    group.push_back(launch(queue, l, wait, true));
    if (!profile) continue;
    profiled_.push_back(again(group.back()));
  }
  return marker(queue, group.empty() ? wait : group);
}

Event ClRecording::enqueue(cl_command_queue queue, std::vector<Event> wait) {
  profiled_.clear();
  const int64_t before = monotonic_ns();
  const bool out_of_order = (properties_ & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) != 0;
  Event end =
      out_of_order ? enqueue_out_of_order(queue, std::move(wait)) : enqueue_in_order(queue, std::move(wait));
  queued_ns_ = before;
  return end;
}

std::vector<Time> ClRecording::times() const {
  std::vector<Time> out;
  if (profiled_.empty()) return out;
  // The first was queued at queued_ns_ on the host's clock; the device's is readable once it has ended.
  const int64_t offset = queued_ns_ - int64_t(profiling(profiled_.front(), CL_PROFILING_COMMAND_QUEUED));
  for (size_t i = 0; i < profiled_.size(); ++i) {
    const auto on_host = [&](cl_profiling_info what) {
      return uint64_t(int64_t(profiling(profiled_[i], what)) + offset);
    };
    out.push_back(
        {launches_[i].node, on_host(CL_PROFILING_COMMAND_START), on_host(CL_PROFILING_COMMAND_END)});
  }
  return out;
}

}  // namespace hrt::gpu::opencl
