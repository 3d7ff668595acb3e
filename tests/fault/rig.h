// SPDX-License-Identifier: Apache-2.0
// A device driven through hrt.backend/1 alone, as a host does: one graph, any number of runs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/execute/run.h"
#include "tests/core/builder.h"
#include "tests/fault/devices.h"

namespace hrt::test {

// Pages that were written by nobody: 0x77 all over.
class Pages {
 public:
  explicit Pages(size_t bytes);
  ~Pages();
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  std::byte* data() const { return data_; }
  size_t size() const { return size_; }  // whole pages

 private:
  size_t size_;
  std::byte* data_;
};

// The code and message of a status, which is destroyed.
Failure ended(hrt_status* status);

class Rig {
 public:
  // graph: with shapes that are numbers, of floats. options: of the device.
  Rig(FaultDevices& devices, const std::string& name, std::unique_ptr<Graph> graph,
      FaultDevices::Options options = {});
  ~Rig();  // destroys whatever was made, buffers and fences last
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  struct Call {
    std::string function;  // that ended so
    Failure failure;
  };
  // Every step from opening to the last result, in the order of a host; ends at the first error. All well:
  // function is empty.
  Call tour(const std::vector<std::vector<float>>& inputs);
  // The parts of it. Throw Call.
  void set_up();
  void run(const std::vector<std::vector<float>>& inputs);
  void submit(hrt_run* run = nullptr, uint32_t flags = 0);
  void upload(const std::vector<std::vector<float>>& inputs);
  void download();
  bool wait(uint64_t timeout_ms = 10'000);  // for all that was queued; false: too late
  void call(const std::string& function, hrt_status* status);

  std::vector<float> output(size_t index) const;
  hrt_memory memory() const { return memory_; }
  const Graph& graph() const { return *graph_; }

  const hrt_backend_api& api;
  hrt_device* device = nullptr;
  hrt_executable* executable = nullptr;
  hrt_prepared* prepared = nullptr;
  hrt_context* context = nullptr;
  hrt_fence* fence = nullptr;
  uint64_t queued = 0;               // the last value that will be signalled on the fence
  std::vector<hrt_buffer*> buffers;  // of inputs, then outputs
  std::vector<std::unique_ptr<Pages>> pages;

 private:
  ValueId value_at(size_t index) const;
  size_t input_count() const { return graph_->inputs().size(); }
  size_t value_count() const { return input_count() + graph_->outputs().size(); }
  size_t bytes_at(size_t index) const;
  void open();
  void compile();
  void make_buffers();
  void bind();
  void copy(hrt_direction direction, size_t first, size_t last);
  void run_synchronously();
  hrt_submit_args next_point(hrt_run* run, uint32_t flags);

  std::unique_ptr<Graph> graph_;
  FaultDevices::Options options_;
  hrt_memory memory_ = HRT_MEMORY_HOST;
  hrt_point last_{};
};

}  // namespace hrt::test
