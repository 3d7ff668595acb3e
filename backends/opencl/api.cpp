// SPDX-License-Identifier: Apache-2.0
#include "backends/opencl/api.h"

#include <dlfcn.h>

namespace hrt::gpu::opencl {

namespace {

Api g_api;

template <class F>
void find(void* library, F& function, const char* name, std::string& missing) {
  function = reinterpret_cast<F>(dlsym(library, name));
  if (!function && missing.empty()) missing = sdk::cat("libOpenCL.so.1 has no ", name);
}

std::string load() {
  void* lib = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!lib) return dlerror();
  std::string missing;
  find(lib, g_api.GetPlatformIDs, "clGetPlatformIDs", missing);
  find(lib, g_api.GetPlatformInfo, "clGetPlatformInfo", missing);
  find(lib, g_api.GetDeviceIDs, "clGetDeviceIDs", missing);
  find(lib, g_api.GetDeviceInfo, "clGetDeviceInfo", missing);
  find(lib, g_api.CreateContext, "clCreateContext", missing);
  find(lib, g_api.ReleaseContext, "clReleaseContext", missing);
  find(lib, g_api.CreateCommandQueue, "clCreateCommandQueue", missing);
  find(lib, g_api.ReleaseCommandQueue, "clReleaseCommandQueue", missing);
  find(lib, g_api.Flush, "clFlush", missing);
  find(lib, g_api.Finish, "clFinish", missing);
  find(lib, g_api.CreateBuffer, "clCreateBuffer", missing);
  find(lib, g_api.CreateSubBuffer, "clCreateSubBuffer", missing);
  find(lib, g_api.CreateImage, "clCreateImage", missing);
  find(lib, g_api.ReleaseMemObject, "clReleaseMemObject", missing);
  find(lib, g_api.CreateProgramWithSource, "clCreateProgramWithSource", missing);
  find(lib, g_api.CreateProgramWithBinary, "clCreateProgramWithBinary", missing);
  find(lib, g_api.BuildProgram, "clBuildProgram", missing);
  find(lib, g_api.GetProgramInfo, "clGetProgramInfo", missing);
  find(lib, g_api.GetProgramBuildInfo, "clGetProgramBuildInfo", missing);
  find(lib, g_api.ReleaseProgram, "clReleaseProgram", missing);
  find(lib, g_api.CreateKernel, "clCreateKernel", missing);
  find(lib, g_api.GetKernelInfo, "clGetKernelInfo", missing);
  find(lib, g_api.SetKernelArg, "clSetKernelArg", missing);
  find(lib, g_api.ReleaseKernel, "clReleaseKernel", missing);
  find(lib, g_api.EnqueueNDRangeKernel, "clEnqueueNDRangeKernel", missing);
  find(lib, g_api.EnqueueReadBuffer, "clEnqueueReadBuffer", missing);
  find(lib, g_api.EnqueueWriteBuffer, "clEnqueueWriteBuffer", missing);
  find(lib, g_api.EnqueueMarkerWithWaitList, "clEnqueueMarkerWithWaitList", missing);
  find(lib, g_api.EnqueueMigrateMemObjects, "clEnqueueMigrateMemObjects", missing);
  find(lib, g_api.CreateUserEvent, "clCreateUserEvent", missing);
  find(lib, g_api.SetUserEventStatus, "clSetUserEventStatus", missing);
  find(lib, g_api.SetEventCallback, "clSetEventCallback", missing);
  find(lib, g_api.GetEventInfo, "clGetEventInfo", missing);
  find(lib, g_api.GetEventProfilingInfo, "clGetEventProfilingInfo", missing);
  find(lib, g_api.RetainEvent, "clRetainEvent", missing);
  find(lib, g_api.ReleaseEvent, "clReleaseEvent", missing);
  return missing;
}

}  // namespace

const std::string& load_api() {
  static const std::string why = load();
  return why;
}

Api& api() { return g_api; }

const char* error_name(cl_int code) {
  switch (code) {
    case CL_DEVICE_NOT_FOUND: return "CL_DEVICE_NOT_FOUND";
    case CL_DEVICE_NOT_AVAILABLE: return "CL_DEVICE_NOT_AVAILABLE";
    case CL_COMPILER_NOT_AVAILABLE: return "CL_COMPILER_NOT_AVAILABLE";
    case CL_MEM_OBJECT_ALLOCATION_FAILURE: return "CL_MEM_OBJECT_ALLOCATION_FAILURE";
    case CL_OUT_OF_RESOURCES: return "CL_OUT_OF_RESOURCES";
    case CL_OUT_OF_HOST_MEMORY: return "CL_OUT_OF_HOST_MEMORY";
    case CL_BUILD_PROGRAM_FAILURE: return "CL_BUILD_PROGRAM_FAILURE";
    case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST: return "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST";
    case CL_INVALID_VALUE: return "CL_INVALID_VALUE";
    case CL_INVALID_BINARY: return "CL_INVALID_BINARY";
    case CL_INVALID_COMMAND_QUEUE: return "CL_INVALID_COMMAND_QUEUE";
    case CL_INVALID_KERNEL_NAME: return "CL_INVALID_KERNEL_NAME";
    case CL_INVALID_KERNEL_ARGS: return "CL_INVALID_KERNEL_ARGS";
    case CL_INVALID_ARG_INDEX: return "CL_INVALID_ARG_INDEX";
    case CL_INVALID_ARG_SIZE: return "CL_INVALID_ARG_SIZE";
    case CL_INVALID_WORK_GROUP_SIZE: return "CL_INVALID_WORK_GROUP_SIZE";
    case CL_INVALID_WORK_ITEM_SIZE: return "CL_INVALID_WORK_ITEM_SIZE";
    case CL_INVALID_BUFFER_SIZE: return "CL_INVALID_BUFFER_SIZE";
    case CL_MISALIGNED_SUB_BUFFER_OFFSET: return "CL_MISALIGNED_SUB_BUFFER_OFFSET";
    default: return "OpenCL error";
  }
}

bool is_loss(cl_int code) {
  // Some drivers answer OUT_OF_RESOURCES for a context that a fault has ended, and one -9999.
  return code == CL_DEVICE_NOT_AVAILABLE || code == CL_OUT_OF_RESOURCES || code == -9999 ||
         code == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
}

void check(cl_int code, const char* what) {
  if (code == CL_SUCCESS) return;
  hrt_code as = HRT_ERROR_INTERNAL;
  if (code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES ||
      code == CL_OUT_OF_HOST_MEMORY || code == CL_INVALID_BUFFER_SIZE)
    as = HRT_ERROR_MEMORY;
  if (code == CL_DEVICE_NOT_AVAILABLE || code == -9999) as = HRT_ERROR_DEVICE_LOST;
  throw sdk::Error(as, sdk::cat(what, ": ", error_name(code), " (", code, ")"));
}

}  // namespace hrt::gpu::opencl
