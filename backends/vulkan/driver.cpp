// SPDX-License-Identifier: Apache-2.0
// Vulkan as a driver of the GPU backends (backends/gpu_common/driver.h).
//
//     Instance > Physical > Device > Memory, Queues, Copier, Pipelines > recordings
//
// Options of [backend.vulkan]:
//     validation  "on": the Khronos validation layer watches; what it says makes the call fail
//     device      only devices whose name contains this
//     baseline    "on": nothing but Vulkan 1.1 and timeline semaphores is used, to find out whether a
//                 driver's extension is to blame
//     max_memory  bytes that are allocated of each of the device's heaps at most
//     max_span    bytes that one binding of a kernel may reach, fewer than the device's own
#include <algorithm>
#include <optional>

#include "backends/gpu_common/backend.h"
#include "backends/gpu_common/limits.h"
#include "backends/vulkan/copier.h"
#include "backends/vulkan/pipelines.h"
#include "backends/vulkan/recording.h"

namespace hrt::gpu::vulkan {
namespace {

constexpr uint64_t kAnswer = 60'000'000'000;  // ns within which a copy that nothing waits for must end

struct Options {
  bool validation = false;
  bool baseline = false;
  std::string device;
  uint64_t max_memory = UINT64_MAX;
  std::optional<uint64_t> max_span;  // else the device's own
};

bool on_or_off(const std::string& name, const std::string& value) {
  if (value == "on") return true;
  if (value == "off") return false;
  misuse("option \"", name, "\" is \"on\" or \"off\", not \"", value, "\"");
}

Options read_options(const std::vector<std::pair<std::string, std::string>>& list) {
  Options options;
  for (const auto& [name, value] : list) {
    if (name == "validation")
      options.validation = on_or_off(name, value);
    else if (name == "baseline")
      options.baseline = on_or_off(name, value);
    else if (name == "device")
      options.device = value;
    else if (name == "max_memory")
      options.max_memory = bytes_option(name, value);
    else if (name == "max_span")
      options.max_span = bytes_option(name, value);
    else
      misuse("unknown option \"", name,
             "\": the vulkan driver has validation, baseline, device, max_memory, max_span");
  }
  return options;
}

// The usable devices, those that are most capable first; the driver's order among equals.
std::vector<Physical> find_devices(const Instance& instance, const Options& options) {
  std::vector<Physical> found;
  for (const VkPhysicalDevice handle : instance.devices()) {
    Physical p = look_at(instance, handle, options.baseline);
    if (!p.refusal.empty())
      sdk::log(HRT_LOG_INFO, sdk::cat(p.caps.name, " is left out: ", p.refusal));
    else if (p.caps.name.find(options.device) != std::string::npos)
      found.push_back(std::move(p));
  }
  const auto rank = [](const Physical& p) {
    switch (p.properties.deviceType) {
      case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return 0;
      case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return 1;
      case VK_PHYSICAL_DEVICE_TYPE_CPU: return 3;
      default: return 2;
    }
  };
  std::ranges::stable_sort(found, {}, rank);
  return found;
}

class VulkanFence : public Fence {
 public:
  explicit VulkanFence(Device& device) : timeline(std::make_shared<Timeline>(device)) {}
  bool wait(uint64_t value, uint64_t timeout_ns) override { return timeline->wait(value, timeout_ns); }

  std::shared_ptr<Timeline> timeline;
};

At at_of(const Point& point) {
  if (!point.fence) misuse("a point without a fence");
  return {static_cast<VulkanFence*>(point.fence)->timeline, point.value};
}

std::vector<At> list_of(std::span<const Point> points) {
  std::vector<At> list;
  for (const Point& point : points) list.push_back(at_of(point));
  return list;
}

class VulkanDriver : public Driver {
  // Does f, unless the device is lost, and fails when the validation layers have something to say.
  template <class F>
  auto watched(const F& f) {
    device_.require_alive();
    if constexpr (std::is_void_v<decltype(f())>) {
      f();
      device_.instance().check_messages();
    } else {
      auto result = f();
      device_.instance().check_messages();
      return result;
    }
  }

 public:
  VulkanDriver(std::shared_ptr<Instance> instance, Physical physical, const Options& options)
      : device_(std::move(instance), std::move(physical)), memory_(device_, options.max_memory) {}
  ~VulkanDriver() override = default;

  const Caps& caps() const override { return device_.physical().caps; }

  std::unique_ptr<Buffer> allocate(uint64_t bytes) override {
    return watched([&] { return memory_.allocate(bytes, Use::Data); });
  }
  std::unique_ptr<Buffer> import(void* host, uint64_t bytes) override {
    return watched([&] { return memory_.import(host, bytes); });
  }
  void write(const Span& to, const void* from) override {
    copy_now({HRT_TO_DEVICE, to, const_cast<void*>(from)});
  }
  void read(const Span& from, void* to) override { copy_now({HRT_TO_HOST, from, to}); }

  const Pipeline* pipeline(const std::string& kernel, const std::string& variant,
                           std::span<const int32_t> constants) override {
    return watched([&] { return pipelines_.find(kernel, variant, constants); });
  }
  std::unique_ptr<Recording> record(std::span<const Dispatch> dispatches, bool profile) override {
    return watched(
        [&] { return std::make_unique<VulkanRecording>(device_, memory_, queues_, dispatches, profile); });
  }
  std::unique_ptr<Fence> fence() override {
    return watched([&] { return std::make_unique<VulkanFence>(device_); });
  }
  void submit(Recording& recording, std::span<const Point> wait, const Point& signal) override {
    watched([&] { static_cast<VulkanRecording&>(recording).submit(list_of(wait), at_of(signal)); });
  }
  void copy(std::span<const HostCopy> copies, std::span<const Point> wait, const Point& signal) override {
    watched([&] {
      for (const HostCopy& c : copies)
        if (c.span.bytes) check_span(c.span);
      copier_.enqueue(copies, list_of(wait), at_of(signal));
    });
  }
  std::vector<Time> times(Recording& recording) override {
    return watched([&] { return static_cast<VulkanRecording&>(recording).times(clock_); });
  }

 private:
  void copy_now(const HostCopy& c) {
    watched([&] {
      if (c.span.bytes == 0) return;
      check_span(c.span);
      const VulkanFence done(device_);
      copier_.enqueue({&c, 1}, {}, {done.timeline, 1});
      if (!done.timeline->wait(1, kAnswer)) device_.lose("a copy did not end");
      device_.require_alive();
    });
  }

  // In the order in which they are destroyed, from the last up.
  Device device_;
  Memory memory_;
  Pipelines pipelines_{device_};
  Queues queues_{device_};
  Clock clock_{device_, queues_};
  Copier copier_{device_, memory_, queues_};
};

// Loading drivers takes long: what devices() loaded is kept for the open() that follows.
std::shared_ptr<Instance>& parked() {
  static std::shared_ptr<Instance> instance;
  return instance;
}
std::mutex g_parking;

std::vector<Caps> devices() {
  try {
    auto instance = Instance::get(false);
    std::vector<Caps> list;
    for (Physical& p : find_devices(*instance, {})) list.push_back(std::move(p.caps));
    const std::lock_guard lock(g_parking);
    parked() = std::move(instance);
    return list;
  } catch (const sdk::Error& e) {
    sdk::log(HRT_LOG_INFO, sdk::cat("no Vulkan device: ", e.what()));
    return {};
  }
}

std::unique_ptr<Driver> open(uint32_t index, const std::vector<std::pair<std::string, std::string>>& list) {
  const Options options = read_options(list);
  auto instance = Instance::get(options.validation);
  {
    const std::lock_guard lock(g_parking);
    parked().reset();
  }
  std::vector<Physical> found = find_devices(*instance, options);
  if (index >= found.size())
    sdk::unsupported("there is no Vulkan device number ", index, ": ", found.size(), " can be used",
                     options.device.empty() ? "" : " whose name contains \"", options.device,
                     options.device.empty() ? "" : "\"");
  if (options.max_span) limit_span(found[index].caps, *options.max_span);
  auto driver = std::make_unique<VulkanDriver>(instance, std::move(found[index]), options);
  instance->check_messages();
  return driver;
}

}  // namespace

}  // namespace hrt::gpu::vulkan

const hrt::gpu::DriverInfo hrt::gpu::g_driver = {"vulkan", hrt::gpu::vulkan::devices, hrt::gpu::vulkan::open};
