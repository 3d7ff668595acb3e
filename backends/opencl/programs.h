// SPDX-License-Identifier: Apache-2.0
// Kernels compiled for their constants, once each, and kept in the host's cache from one process to the next.
#pragma once

#include <map>
#include <mutex>
#include <span>

#include "backends/gpu_common/driver.h"
#include "backends/opencl/api.h"

namespace hrt::gpu::opencl {

struct Source {
  const char* name;  // of the file: "prelude.cl", "strided.comp", "types.h"
  const char* text;
};
// Generated (source_table.cmake) from the kernels that the plugin is linked with.
std::span<const Source> kernel_sources();

// A kernel of its own: setting arguments is not thread-safe.
Kernel new_kernel(cl_program program);

class ClPipeline : public Pipeline {
 public:
  // images: bit i: binding i is one.
  ClPipeline(std::string of, Program program, std::array<uint32_t, 3> group, uint32_t images,
             const std::string& variant);
  cl_program program() const { return program_.get(); }
  const std::array<uint32_t, 3>& group() const { return group_; }

 private:
  Program program_;
  std::array<uint32_t, 3> group_;
};

// Thread-safe; two threads that want different kernels compile at the same time.
class Programs {
 public:
  Programs(cl_context context, cl_device_id device, const Caps& caps)
      : context_(context), device_(device), caps_(caps) {}
  const ClPipeline* get(const std::string& kernel, const std::string& variant,
                        std::span<const int32_t> constants);

 private:
  struct Entry {
    std::mutex mutex;
    std::unique_ptr<ClPipeline> pipeline;
  };
  Program build(const std::string& name, const std::string& source);
  Program from_binary(const std::string& binary);
  Program from_source(const std::string& name, const std::string& source);

  cl_context context_;
  cl_device_id device_;
  const Caps& caps_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace hrt::gpu::opencl
