// SPDX-License-Identifier: Apache-2.0
// What a GPU interface (Vulkan, OpenCL, a third one) gives to the part of a GPU backend that is the same for
// all of them: memory, kernels, recorded sequences of dispatches, queued submissions, fences.
//
// Kernels are written once (backends/gpu_common/kernels) in a dialect that two preludes turn into GLSL and
// OpenCL C. A driver finds one by name and variant ("binary", "f16") and compiles it for its constants:
// tile sizes, operators, numbers of dimensions. Constants 0, 1, 2 are the work-group size.
//
// Errors: hrt::sdk::Error, HRT_ERROR_DEVICE_LOST, HRT_ERROR_MEMORY, HRT_ERROR_UNSUPPORTED with the reason.
// Threads: everything may be called from any thread unless said otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <hrt/plugin.hpp>

namespace hrt::gpu {

// Kernels of Vulkan 1.1 get 128 bytes of push constants at least.
constexpr size_t kPushWords = 32;

// What the device can do, and how much of it. Found once, when it is opened.
struct Caps {
  std::string name;  // "llvmpipe (LLVM 15.0.6, 256 bits)"
  std::string key;   // names device, driver and version: for caches
  hrt_memory memory = HRT_MEMORY_DEVICE;
  uint64_t memory_bytes = 0;      // of the device; 0: the host's
  uint64_t alignment = 256;       // of offsets of spans, a power of two
  uint64_t import_alignment = 0;  // of address and size; 0: host memory cannot be imported
  uint64_t max_span_bytes = 0;    // that one binding of a kernel can reach
  uint64_t max_buffer_bytes = 0;
  uint64_t max_texels = 0;  // of an image, each of 4 floats or halves; 0: kernels cannot read images
  uint32_t max_group_size = 128;
  std::array<uint32_t, 3> max_group_sizes{128, 128, 64};
  std::array<uint32_t, 3> max_groups{65535, 65535, 65535};
  uint32_t shared_bytes = 16384;
  uint32_t subgroup_size = 1;  // 1: kernels may not use subgroups
  uint32_t vector_width = 4;   // of the widest vectors of floats in the language of kernels
  bool f16_storage = false;    // halves in buffers
  bool f16_math = false;
  bool i8_storage = false;  // bytes in buffers
  bool i64 = false;
  bool f64 = false;
  bool dot8 = false;    // four products of bytes summed into 32 bits
  bool matrix = false;  // 16x16x16 products of halves across a subgroup, summed in floats
  bool is_cpu = false;  // threads of the host in disguise: large tiles, no shared memory
  uint32_t units = 1;   // compute units
};

// Memory that kernels can reach.
class Buffer {
 public:
  virtual ~Buffer() = default;
  virtual uint64_t bytes() const = 0;
};

struct Span {
  Buffer* buffer = nullptr;
  uint64_t offset = 0;  // a multiple of Caps::alignment
  uint64_t bytes = 0;
};

// A kernel compiled for its constants. Belongs to the driver.
class Pipeline {
 public:
  virtual ~Pipeline() = default;
  std::string name;          // "binary f16"
  uint32_t bindings = 0;     // buffers
  uint32_t images = 0;       // bit i: binding i is read as an image, from the begin of its buffer on
  uint32_t texel_bytes = 0;  // of these images
};

struct Dispatch {
  const Pipeline* pipeline = nullptr;
  std::vector<Span> buffers;   // by binding
  std::vector<uint32_t> push;  // at most kPushWords
  std::array<uint32_t, 3> groups{1, 1, 1};
  uint32_t node = HRT_NONE;  // of the compiled graph: for times
  bool waits = true;         // for everything that was dispatched before it
};

// Dispatches, recorded once and submitted many times. One submission at a time.
class Recording {
 public:
  virtual ~Recording() = default;
};

// A number that only grows (hrt_fence).
class Fence {
 public:
  virtual ~Fence() = default;
  virtual bool wait(uint64_t value, uint64_t timeout_ns) = 0;  // true: reached
};

struct Time {  // of a dispatch, on CLOCK_MONOTONIC
  uint32_t node;
  uint64_t begin_ns, end_ns;
};

struct Point {
  Fence* fence = nullptr;
  uint64_t value = 0;
};

struct HostCopy {
  hrt_direction direction;
  Span span;
  void* host;
};

class Driver {
 public:
  virtual ~Driver() = default;
  virtual const Caps& caps() const = 0;

  virtual std::unique_ptr<Buffer> allocate(uint64_t bytes) = 0;
  virtual std::unique_ptr<Buffer> import(void* host, uint64_t bytes) = 0;
  // Writes to and reads from a buffer and waits until that is done: for weights and tuning, not for runs.
  virtual void write(const Span& to, const void* from) = 0;
  virtual void read(const Span& from, void* to) = 0;

  // NULL when this driver has no such kernel and variant. Compiled at the first call, kept for good.
  virtual const Pipeline* pipeline(const std::string& kernel, const std::string& variant,
                                   std::span<const int32_t> constants) = 0;
  // profile: times can be asked for, at the price of two time stamps a dispatch.
  virtual std::unique_ptr<Recording> record(std::span<const Dispatch> dispatches, bool profile) = 0;

  virtual std::unique_ptr<Fence> fence() = 0;
  // Both return at once. What was submitted earlier may still run, and is not waited for.
  virtual void submit(Recording& recording, std::span<const Point> wait, const Point& signal) = 0;
  virtual void copy(std::span<const HostCopy> copies, std::span<const Point> wait, const Point& signal) = 0;
  // After the end of the recording's last submission.
  virtual std::vector<Time> times(Recording& recording) = 0;
};

// What a GPU backend says about itself, and how it opens devices; the rest of hrt.backend/1 is shared
// (backend.cpp): HRT_GPU_PLUGIN there makes a plugin of it.
struct DriverInfo {
  const char* name;  // "vulkan"
  // What is there now: names for people. Never throws for want of a driver or a device: then it is empty.
  std::vector<Caps> (*devices)();
  // options: those of [backend.NAME] that the shared part does not know.
  std::unique_ptr<Driver> (*open)(uint32_t index,
                                  const std::vector<std::pair<std::string, std::string>>& options);
};

}  // namespace hrt::gpu
