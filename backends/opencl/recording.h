// SPDX-License-Identifier: Apache-2.0
// Dispatches with their arguments set, and how they are put into a queue.
#pragma once

#include "backends/opencl/device.h"
#include "backends/opencl/programs.h"

namespace hrt::gpu::opencl {

// Command buffers (cl_khr_command_buffer) are not used: on PoCL 3.1 they took longer than to enqueue the same
// kernels again (1.5 against 1.2 us a kernel).
class ClRecording : public Recording {
 public:
  ClRecording(Device& device, std::span<const Dispatch> dispatches, bool profile);

  cl_command_queue_properties queue_properties() const { return properties_; }
  // Enqueues all of it behind these events; the event of its end.
  Event enqueue(cl_command_queue queue, std::vector<Event> wait);
  std::vector<Time> times() const;

 private:
  struct Launch {
    Kernel kernel;
    std::array<size_t, 3> size, group;
    uint32_t node;
    bool waits;
  };
  void add(const Dispatch& dispatch);
  Event launch(cl_command_queue queue, const Launch& l, const std::vector<Event>& wait, bool event);
  Event marker(cl_command_queue queue, const std::vector<Event>& wait);
  Event enqueue_in_order(cl_command_queue queue, std::vector<Event> wait);
  Event enqueue_out_of_order(cl_command_queue queue, std::vector<Event> wait);

  Device& device_;
  cl_command_queue_properties properties_ = 0;
  std::vector<Launch> launches_;
  std::vector<Mem> parts_;
  std::vector<Event> profiled_;  // by launch, of the last submission
  int64_t queued_ns_ = 0;        // CLOCK_MONOTONIC when the last submission began
};

}  // namespace hrt::gpu::opencl
