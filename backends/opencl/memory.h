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
// The span, which begins where its buffer does, as an image of one dimension over the same memory: texels of
// 4 floats (16 bytes) or 4 halves (8 bytes), formats that the full profile of OpenCL 1.2 demands.
Mem image(cl_context context, const Span& span, uint32_t texel_bytes);

}  // namespace hrt::gpu::opencl
