// SPDX-License-Identifier: Apache-2.0
// The OpenCL driver: the parts in this folder behind driver.h, and submissions from begin to end.
//
// Options of [backend.opencl]:
//     max_memory  bytes that are allocated at most
//     max_span    bytes that one binding of a kernel may reach, fewer than the device's own
#include "backends/opencl/driver.h"

#include <optional>

#include "backends/gpu_common/backend.h"
#include "backends/gpu_common/limits.h"
#include "backends/opencl/memory.h"
#include "backends/opencl/platform.h"
#include "backends/opencl/programs.h"
#include "backends/opencl/recording.h"
#include "backends/opencl/timeline.h"

namespace hrt::gpu::opencl {

namespace {

constexpr std::chrono::seconds kClosePatience{2};

struct Options {
  uint64_t max_memory = UINT64_MAX;
  std::optional<uint64_t> max_span;  // else the device's own
};

Options read_options(const std::vector<std::pair<std::string, std::string>>& list) {
  Options options;
  for (const auto& [name, value] : list) {
    if (name == "max_memory")
      options.max_memory = bytes_option(name, value);
    else if (name == "max_span")
      options.max_span = bytes_option(name, value);
    else
      misuse("unknown option \"", name, "\": the opencl driver has max_memory, max_span");
  }
  return options;
}

// A submission that was queued; freed when its last event calls back.
struct Submission {
  Device& device;
  std::shared_ptr<Timeline> timeline;
  uint64_t value;
  cl_command_queue_properties properties;
  cl_command_queue queue;
};

void CL_CALLBACK ended(cl_event, cl_int status, void* user) {
  const std::unique_ptr<Submission> s(static_cast<Submission*>(user));
  // The queue first: whoever waits for the value may submit again at once.
  if (status >= 0) s->device.give_queue(s->properties, s->queue);
  s->timeline->reach(s->value, status);
  s->timeline.reset();
  s->device.end_submission();
}

class OpenClDriver : public Driver {
 public:
  OpenClDriver(const Found& found, const Options& options)
      : device_(std::make_unique<Device>()), budget_(std::make_shared<Budget>(options.max_memory)) {
    device_->id = found.id;
    device_->caps = found.caps;
    device_->in_turn = found.in_turn;
    cl_int code = CL_SUCCESS;
    device_->context.reset(api().CreateContext(nullptr, 1, &device_->id, nullptr, nullptr, &code));
    check(code, "clCreateContext");
    programs_ = std::make_unique<Programs>(device_->context.get(), device_->id, device_->caps);
  }
  OpenClDriver(const OpenClDriver&) = delete;
  OpenClDriver& operator=(const OpenClDriver&) = delete;
  ~OpenClDriver() override {
    if (device_->idle(kClosePatience)) return;
    // What still runs may call back: its device is left to it.
    sdk::log(HRT_LOG_WARN, sdk::cat(device_->caps.name, " is closed while it still runs something"));
    static_cast<void>(programs_.release());  // NOLINT(bugprone-unused-return-value)
    static_cast<void>(device_.release());    // NOLINT(bugprone-unused-return-value)
  }

  const Caps& caps() const override { return device_->caps; }

  std::unique_ptr<Buffer> allocate(uint64_t bytes) override {
    check_size(caps(), bytes);
    auto buffer = create(bytes, CL_MEM_READ_WRITE, nullptr, budget_->take(caps(), bytes));
    place(*buffer);
    return buffer;
  }

  std::unique_ptr<Buffer> import(void* host, uint64_t bytes) override {
    check_import(caps(), host, bytes);
    return create(bytes, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, host, nullptr);
  }

  void write(const Span& to, const void* from) override {
    // HostCopy has one pointer for both directions; this one is only read.
    copy_now({HRT_TO_DEVICE, to, const_cast<void*>(from)});
  }
  void read(const Span& from, void* to) override { copy_now({HRT_TO_HOST, from, to}); }

  const Pipeline* pipeline(const std::string& kernel, const std::string& variant,
                           std::span<const int32_t> constants) override {
    device_->alive();
    return programs_->get(kernel, variant, constants);
  }

  std::unique_ptr<Recording> record(std::span<const Dispatch> dispatches, bool profile) override {
    device_->alive();
    return std::make_unique<ClRecording>(*device_, dispatches, profile);
  }

  std::unique_ptr<Fence> fence() override { return std::make_unique<ClFence>(*device_); }

  void submit(Recording& recording, std::span<const Point> wait, const Point& signal) override {
    auto& r = static_cast<ClRecording&>(recording);
    queue(r.queue_properties(), wait, signal, [&](cl_command_queue q, std::vector<Event> events) {
      return device_->take_turn(std::move(events),
                                [&](std::vector<Event> all) { return r.enqueue(q, std::move(all)); });
    });
  }

  void copy(std::span<const HostCopy> copies, std::span<const Point> wait, const Point& signal) override {
    queue(0, wait, signal, [&](cl_command_queue q, const std::vector<Event>& events) {
      Event end = marker(q, events);
      for (const HostCopy& c : copies)
        if (c.span.bytes > 0) end = enqueue_copy(q, c, end);
      return end;
    });
  }

  std::vector<Time> times(Recording& recording) override {
    return static_cast<ClRecording&>(recording).times();
  }

 private:
  std::unique_ptr<ClBuffer> create(uint64_t bytes, cl_mem_flags flags, void* host, Charge charge) {
    device_->alive();
    cl_int code = CL_SUCCESS;
    Mem mem(api().CreateBuffer(device_->context.get(), flags, bytes, host, &code));
    check(code, "clCreateBuffer");
    return std::make_unique<ClBuffer>(std::move(charge), std::move(mem), bytes);
  }

  // Drivers may put off allocation until a buffer is used: ask now, while the answer can be "out of memory".
  void place(const ClBuffer& buffer) {
    const cl_command_queue queue = device_->take_queue(0);
    cl_mem mem = buffer.mem();
    const cl_int code = api().EnqueueMigrateMemObjects(
        queue, 1, &mem, CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED, 0, nullptr, nullptr);
    device_->give_queue(0, queue);
    device_->end_submission();
    check(code, "clEnqueueMigrateMemObjects");
  }

  Event marker(cl_command_queue queue, const std::vector<Event>& wait) {
    std::vector<cl_event> list;
    for (const Event& e : wait) list.push_back(e.get());
    cl_event out = nullptr;
    device_->check_submit(api().EnqueueMarkerWithWaitList(queue, cl_uint(list.size()),
                                                          list.empty() ? nullptr : list.data(), &out),
                          "clEnqueueMarkerWithWaitList");
    return Event(out);
  }

  Event enqueue_copy(cl_command_queue queue, const HostCopy& c, const Event& after) {
    check_span(c.span);
    cl_mem mem = ClBuffer::of(c.span);
    const cl_event wait = after.get();
    cl_event out = nullptr;
    const cl_int code = c.direction == HRT_TO_DEVICE
                            ? api().EnqueueWriteBuffer(queue, mem, CL_FALSE, c.span.offset, c.span.bytes,
                                                       c.host, 1, &wait, &out)
                            : api().EnqueueReadBuffer(queue, mem, CL_FALSE, c.span.offset, c.span.bytes,
                                                      c.host, 1, &wait, &out);
    device_->check_submit(code,
                          c.direction == HRT_TO_DEVICE ? "clEnqueueWriteBuffer" : "clEnqueueReadBuffer");
    return Event(out);
  }

  void copy_now(const HostCopy& c) {
    ClFence done(*device_);
    copy({&c, 1}, {}, {&done, 1});
    done.wait(1, UINT64_MAX);
  }

  // enqueue(queue, events to wait for) gives the event of the end.
  template <class F>
  void queue(cl_command_queue_properties properties, std::span<const Point> wait, const Point& signal,
             F&& enqueue) {
    device_->alive();
    std::vector<Event> events;
    for (const Point& p : wait)
      if (Event e = timeline_of(p)->wait_event(p.value)) events.push_back(std::move(e));
    auto s = std::make_unique<Submission>(*device_, timeline_of(signal), signal.value, properties,
                                          device_->take_queue(properties));
    try {
      const Event end = enqueue(s->queue, std::move(events));
      s->timeline->add(s->value, end);
      device_->check_submit(api().Flush(s->queue), "clFlush");
      device_->check_submit(api().SetEventCallback(end.get(), CL_COMPLETE, ended, s.get()),
                            "clSetEventCallback");
    } catch (...) {
      device_->end_submission();
      throw;
    }
    static_cast<void>(s.release());  // NOLINT(bugprone-unused-return-value): ended() owns it now
  }

  std::unique_ptr<Device> device_;
  std::unique_ptr<Programs> programs_;
  std::shared_ptr<Budget> budget_;
};

std::vector<Caps> devices() {
  std::vector<Caps> out;
  for (const Found& f : find_devices()) out.push_back(f.caps);
  return out;
}

std::unique_ptr<Driver> open(uint32_t index, const std::vector<std::pair<std::string, std::string>>& list) {
  const Options options = read_options(list);
  auto found = find_devices();
  if (index >= found.size())
    sdk::unsupported("there is no OpenCL device ", index, ": ", found.size(), " are there");
  if (options.max_span) limit_span(found[index].caps, *options.max_span);
  return std::make_unique<OpenClDriver>(found[index], options);
}

}  // namespace

const DriverInfo driver_info = {"opencl", devices, open};

}  // namespace hrt::gpu::opencl

const hrt::gpu::DriverInfo hrt::gpu::g_driver = {hrt::gpu::opencl::driver_info.name,
                                                 hrt::gpu::opencl::driver_info.devices,
                                                 hrt::gpu::opencl::driver_info.open};
