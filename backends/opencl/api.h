// SPDX-License-Identifier: Apache-2.0
// OpenCL's functions, found in the ICD loader at run time, so that the plugin loads where there is none; and
// its errors as those of the SDK.
#pragma once

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <CL/cl_ext.h>

#include <memory>
#include <string>
#include <type_traits>

#include <hrt/plugin.hpp>

namespace hrt::gpu::opencl {

struct Api {
  decltype(&clGetPlatformIDs) GetPlatformIDs;
  decltype(&clGetPlatformInfo) GetPlatformInfo;
  decltype(&clGetDeviceIDs) GetDeviceIDs;
  decltype(&clGetDeviceInfo) GetDeviceInfo;
  decltype(&clCreateContext) CreateContext;
  decltype(&clReleaseContext) ReleaseContext;
  decltype(&clCreateCommandQueue) CreateCommandQueue;
  decltype(&clReleaseCommandQueue) ReleaseCommandQueue;
  decltype(&clFlush) Flush;
  decltype(&clFinish) Finish;
  decltype(&clCreateBuffer) CreateBuffer;
  decltype(&clCreateSubBuffer) CreateSubBuffer;
  decltype(&clCreateImage) CreateImage;
  decltype(&clReleaseMemObject) ReleaseMemObject;
  decltype(&clCreateProgramWithSource) CreateProgramWithSource;
  decltype(&clCreateProgramWithBinary) CreateProgramWithBinary;
  decltype(&clBuildProgram) BuildProgram;
  decltype(&clGetProgramInfo) GetProgramInfo;
  decltype(&clGetProgramBuildInfo) GetProgramBuildInfo;
  decltype(&clReleaseProgram) ReleaseProgram;
  decltype(&clCreateKernel) CreateKernel;
  decltype(&clGetKernelInfo) GetKernelInfo;
  decltype(&clSetKernelArg) SetKernelArg;
  decltype(&clReleaseKernel) ReleaseKernel;
  decltype(&clEnqueueNDRangeKernel) EnqueueNDRangeKernel;
  decltype(&clEnqueueReadBuffer) EnqueueReadBuffer;
  decltype(&clEnqueueWriteBuffer) EnqueueWriteBuffer;
  decltype(&clEnqueueMarkerWithWaitList) EnqueueMarkerWithWaitList;
  decltype(&clEnqueueMigrateMemObjects) EnqueueMigrateMemObjects;
  decltype(&clCreateUserEvent) CreateUserEvent;
  decltype(&clSetUserEventStatus) SetUserEventStatus;
  decltype(&clSetEventCallback) SetEventCallback;
  decltype(&clGetEventInfo) GetEventInfo;
  decltype(&clGetEventProfilingInfo) GetEventProfilingInfo;
  decltype(&clRetainEvent) RetainEvent;
  decltype(&clReleaseEvent) ReleaseEvent;
};

// Loads the ICD loader at the first call. An empty string, or why there is no OpenCL here.
const std::string& load_api();
// After load_api succeeded. Tests replace members.
Api& api();

const char* error_name(cl_int code);
// Does this code say that the device does not work any more, when a submission answers it?
bool is_loss(cl_int code);
// Throws HRT_ERROR_MEMORY when memory is short, else HRT_ERROR_INTERNAL; DEVICE_LOST for a missing device.
void check(cl_int code, const char* what);

template <class T, auto Member>
struct Release {
  using pointer = T;
  void operator()(T t) const { (api().*Member)(t); }
};
template <class T, auto Member>
using Handle = std::unique_ptr<std::remove_pointer_t<T>, Release<T, Member>>;
using Context = Handle<cl_context, &Api::ReleaseContext>;
using Queue = Handle<cl_command_queue, &Api::ReleaseCommandQueue>;
using Mem = Handle<cl_mem, &Api::ReleaseMemObject>;
using Program = Handle<cl_program, &Api::ReleaseProgram>;
using Kernel = Handle<cl_kernel, &Api::ReleaseKernel>;
using Event = Handle<cl_event, &Api::ReleaseEvent>;

}  // namespace hrt::gpu::opencl
