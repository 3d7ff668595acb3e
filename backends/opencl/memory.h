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
  cl_mem mem() const { return mem_.get(); }

 private:
  Mem mem_;
  uint64_t bytes_;
};

// Throws when the span does not lie in its buffer.
ClBuffer& checked(const Span& span);

// The span as an argument of a kernel. A sub-buffer, so that kernels need no offset, as in GLSL. The caller
// keeps it for as long as the kernel may run.
Mem part(const Span& span, uint64_t alignment);

}  // namespace hrt::gpu::opencl
