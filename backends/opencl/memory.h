// SPDX-License-Identifier: Apache-2.0
// Buffers, and the parts of them that kernels are given.
#pragma once

#include <atomic>
#include <memory>

#include "backends/gpu_common/driver.h"
#include "backends/opencl/api.h"

namespace hrt::gpu::opencl {

// Bytes that were taken of a budget, until the last copy ends.
using Charge = std::shared_ptr<void>;

// Bytes of a device's memory that are in use, and how many may be.
class Budget : public std::enable_shared_from_this<Budget> {
 public:
  explicit Budget(uint64_t limit) : limit_(limit) {}
  Charge take(const Caps& caps, uint64_t bytes);  // throws when there are not so many left

 private:
  const uint64_t limit_;
  std::atomic<uint64_t> used_ = 0;
};

class ClBuffer : public Buffer {
 public:
  ClBuffer(Charge charge, Mem mem, uint64_t bytes)
      : charge_(std::move(charge)), mem_(std::move(mem)), bytes_(bytes) {}
  uint64_t bytes() const override { return bytes_; }
  static cl_mem of(const Span& span) { return static_cast<ClBuffer*>(span.buffer)->mem_.get(); }
  cl_mem mem() const { return mem_.get(); }

 private:
  Charge charge_;  // of its bytes, where they are the device's
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
