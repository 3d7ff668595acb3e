// SPDX-License-Identifier: Apache-2.0
#include "backends/opencl/memory.h"

namespace hrt::gpu::opencl {

ClBuffer& checked(const Span& span) {
  sdk::require(span.buffer != nullptr, "a span without a buffer");
  auto& buffer = static_cast<ClBuffer&>(*span.buffer);
  sdk::require(span.offset <= buffer.bytes() && span.bytes <= buffer.bytes() - span.offset, "bytes ",
               span.offset, " + ", span.bytes, " lie outside of a buffer of ", buffer.bytes());
  return buffer;
}

Mem part(const Span& span, uint64_t alignment) {
  const ClBuffer& buffer = checked(span);
  sdk::require(span.offset % alignment == 0, "offset ", span.offset, " is no multiple of ", alignment);
  sdk::require(span.bytes > 0, "a kernel's span is empty");
  const cl_buffer_region region{span.offset, span.bytes};
  cl_int code = CL_SUCCESS;
  Mem mem(api().CreateSubBuffer(buffer.mem(), 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code));
  check(code, "clCreateSubBuffer");
  return mem;
}

}  // namespace hrt::gpu::opencl
