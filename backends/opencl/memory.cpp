// SPDX-License-Identifier: Apache-2.0
#include "backends/opencl/memory.h"

namespace hrt::gpu::opencl {

Mem part(const Span& span) {
  const cl_buffer_region region{span.offset, span.bytes};
  cl_int code = CL_SUCCESS;
  Mem mem(api().CreateSubBuffer(ClBuffer::of(span), 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code));
  check(code, "clCreateSubBuffer");
  return mem;
}

}  // namespace hrt::gpu::opencl
