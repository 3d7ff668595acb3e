// SPDX-License-Identifier: Apache-2.0
#include "backends/opencl/platform.h"

#include <algorithm>
#include <cstdio>

namespace hrt::gpu::opencl {

namespace {

template <class T>
T number(cl_device_id device, cl_device_info what) {
  T value{};
  check(api().GetDeviceInfo(device, what, sizeof value, &value, nullptr), "clGetDeviceInfo");
  return value;
}

std::string text(cl_device_id device, cl_device_info what) {
  size_t size = 0;
  check(api().GetDeviceInfo(device, what, 0, nullptr, &size), "clGetDeviceInfo");
  std::string value(size, '\0');
  check(api().GetDeviceInfo(device, what, size, value.data(), nullptr), "clGetDeviceInfo");
  while (!value.empty() && value.back() == '\0') value.pop_back();
  return value;
}

bool has_word(const std::string& words, const std::string& word) {
  return sdk::cat(" ", words, " ").find(sdk::cat(" ", word, " ")) != std::string::npos;
}

// Why a device cannot be used, or "".
std::string unusable(cl_device_id device) {
  int major = 0, minor = 0;
  const std::string version = text(device, CL_DEVICE_VERSION);
  if (std::sscanf(version.c_str(), "OpenCL %d.%d", &major, &minor) != 2 || major * 10 + minor < 12)
    return sdk::cat(version, " is older than OpenCL 1.2");
  if (!number<cl_bool>(device, CL_DEVICE_AVAILABLE)) return "the device is not available";
  if (!number<cl_bool>(device, CL_DEVICE_COMPILER_AVAILABLE)) return "the driver has no compiler";
  if (text(device, CL_DEVICE_PROFILE) != "FULL_PROFILE") return "the device has the embedded profile only";
  if (!number<cl_bool>(device, CL_DEVICE_ENDIAN_LITTLE)) return "the device is big-endian";
  return "";
}

void find_group_limits(cl_device_id device, Caps& caps) {
  std::vector<size_t> sizes(std::max(3U, number<cl_uint>(device, CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS)));
  check(api().GetDeviceInfo(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizes.size() * sizeof(size_t),
                            sizes.data(), nullptr),
        "clGetDeviceInfo");
  for (size_t d = 0; d < 3; ++d) caps.max_group_sizes[d] = uint32_t(std::min<size_t>(sizes[d], UINT32_MAX));
  caps.max_group_size = uint32_t(number<size_t>(device, CL_DEVICE_MAX_WORK_GROUP_SIZE));
  // OpenCL sets no limit; kernels count invocations in 32-bit integers.
  caps.max_groups = {1U << 20, 65535, 65535};
}

Caps find_caps(cl_device_id device) {
  Caps caps;
  const std::string extensions = text(device, CL_DEVICE_EXTENSIONS);
  caps.name = text(device, CL_DEVICE_NAME);
  caps.key = sdk::cat(caps.name, "|", text(device, CL_DEVICE_VENDOR), "|", text(device, CL_DEVICE_VERSION),
                      "|", text(device, CL_DRIVER_VERSION));
  caps.is_cpu = (number<cl_device_type>(device, CL_DEVICE_TYPE) & CL_DEVICE_TYPE_CPU) != 0;
  caps.alignment = std::max<uint64_t>(64, number<cl_uint>(device, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8);
  // Memory is shared where the device is the host's own processor: then a buffer over host memory is that
  // memory, always coherent. A GPU that shares memory may keep a copy, which only mapping would bring up to
  // date, and a buffer may not be mapped while another run uses it: such devices get memory of their own.
  caps.memory = caps.is_cpu ? HRT_MEMORY_SHARED : HRT_MEMORY_DEVICE;
  caps.import_alignment = caps.is_cpu ? caps.alignment : 0;
  caps.memory_bytes = caps.is_cpu ? 0 : number<cl_ulong>(device, CL_DEVICE_GLOBAL_MEM_SIZE);
  caps.max_buffer_bytes = number<cl_ulong>(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  caps.max_span_bytes = caps.max_buffer_bytes;
  caps.shared_bytes =
      uint32_t(std::min<cl_ulong>(number<cl_ulong>(device, CL_DEVICE_LOCAL_MEM_SIZE), 1U << 30));
  find_group_limits(device, caps);
  caps.f16_storage = true;  // vload_half is in the language
  caps.f16_math = has_word(extensions, "cl_khr_fp16");
  caps.i8_storage = true;
  caps.i64 = true;  // in the full profile
  caps.f64 = has_word(extensions, "cl_khr_fp64");
  caps.units = std::max(1U, number<cl_uint>(device, CL_DEVICE_MAX_COMPUTE_UNITS));
  return caps;
}

void add_devices(cl_platform_id platform, std::vector<Found>& out) {
  cl_uint count = 0;
  if (api().GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count) != CL_SUCCESS || count == 0)
    return;
  std::vector<cl_device_id> ids(count);
  check(api().GetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, ids.data(), nullptr), "clGetDeviceIDs");
  for (cl_device_id id : ids) {
    const std::string why = unusable(id);
    if (why.empty())
      out.push_back({id, find_caps(id)});
    else
      sdk::log(HRT_LOG_INFO, sdk::cat("OpenCL device ", text(id, CL_DEVICE_NAME), " left out: ", why));
  }
}

}  // namespace

std::vector<Found> find_devices() {
  std::vector<Found> out;
  if (!load_api().empty()) {
    sdk::log(HRT_LOG_INFO, sdk::cat("no OpenCL: ", load_api()));
    return out;
  }
  cl_uint count = 0;
  const cl_int code = api().GetPlatformIDs(0, nullptr, &count);
  if (code != CL_SUCCESS || count == 0) {
    sdk::log(HRT_LOG_INFO, sdk::cat("no OpenCL: the loader finds no driver (clGetPlatformIDs: ", code, ")"));
    return out;
  }
  std::vector<cl_platform_id> platforms(count);
  check(api().GetPlatformIDs(count, platforms.data(), nullptr), "clGetPlatformIDs");
  for (cl_platform_id p : platforms) {
    try {
      add_devices(p, out);
    } catch (const sdk::Error& e) {
      sdk::log(HRT_LOG_WARN, sdk::cat("an OpenCL platform is left out: ", e.what()));
    }
  }
  return out;
}

}  // namespace hrt::gpu::opencl
