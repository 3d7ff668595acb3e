// SPDX-License-Identifier: Apache-2.0
// Buffers, and the parts of them that kernels are given.
#pragma once

#include "backends/gpu_common/driver.h"
#include "backends/opencl/api.h"

namespace hrt::gpu::opencl {

class ClBuffer : public Buffer {
 public:
  ClBuffer(Mem mem, uint64_t bytes) : mem_(std::move(mem)), bytes_(bytes) {}
  uint64_t bytes() const override { return bytes_; }
  static cl_mem of(const Span& span) { return static_cast<ClBuffer*>(span.buffer)->mem_.get(); }
  cl_mem mem() const { return mem_.get(); }

 private:
  Mem mem_;
  uint64_t bytes_;
};

// The span as an argument of a kernel. A sub-buffer, so that kernels need no offset, as in GLSL. The caller
// keeps it for as long as the kernel may run.
Mem part(const Span& span);

}  // namespace hrt::gpu::opencl
