// SPDX-License-Identifier: Apache-2.0
#include "backends/opencl/memory.h"

#include "backends/gpu_common/limits.h"

namespace hrt::gpu::opencl {

Charge Budget::take(const Caps& caps, uint64_t bytes) {
  uint64_t used = used_;
  do {
    if (bytes > limit_ - used) out_of_memory(caps, bytes, used, limit_);
  } while (!used_.compare_exchange_weak(used, used + bytes));
  return {this, [self = shared_from_this(), bytes](Budget*) { self->used_ -= bytes; }};
}

Mem part(const Span& span) {
  const cl_buffer_region region{span.offset, span.bytes};
  cl_int code = CL_SUCCESS;
  Mem mem(api().CreateSubBuffer(ClBuffer::of(span), 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code));
  check(code, "clCreateSubBuffer");
  return mem;
}

Mem image(cl_context context, const Span& span, uint32_t texel_bytes) {
  const cl_image_format format{
      CL_RGBA, cl_channel_type(texel_bytes == 4 * sizeof(cl_half) ? CL_HALF_FLOAT : CL_FLOAT)};
  cl_image_desc desc{};
  desc.image_type = CL_MEM_OBJECT_IMAGE1D_BUFFER;
  desc.image_width = span.bytes / texel_bytes;
  desc.buffer = ClBuffer::of(span);
  cl_int code = CL_SUCCESS;
  Mem mem(api().CreateImage(context, CL_MEM_READ_ONLY, &format, &desc, nullptr, &code));
  check(code, "clCreateImage");
  return mem;
}

}  // namespace hrt::gpu::opencl
