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

// 12 for OpenCL 1.2; 0 when the driver does not say it as it should.
int version_of(cl_device_id device) {
  int major = 0, minor = 0;
  if (std::sscanf(text(device, CL_DEVICE_VERSION).c_str(), "OpenCL %d.%d", &major, &minor) != 2) return 0;
  return major * 10 + minor;
}

// Why a device cannot be used, or "".
std::string unusable(cl_device_id device) {
  if (version_of(device) < 12) return sdk::cat(text(device, CL_DEVICE_VERSION), " is older than OpenCL 1.2");
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

// Invocations of a subgroup, which OpenCL tells for kernels, and extensions for devices. 1: there are none,
// or it is not told. Those of CPUs are left alone: kernels that use them there are no part of the dialect.
uint32_t subgroup_size(cl_device_id device, const Caps& caps, const std::string& extensions) {
  constexpr cl_device_info kMaxSubgroups = 0x105C;  // CL_DEVICE_MAX_NUM_SUB_GROUPS, of OpenCL 2.1
  const bool there = has_word(extensions, "cl_khr_subgroups") ||
                     (version_of(device) >= 21 && number<cl_uint>(device, kMaxSubgroups) > 0);
  if (!there || caps.is_cpu) return 1;
  if (has_word(extensions, "cl_nv_device_attribute_query"))
    return number<cl_uint>(device, CL_DEVICE_WARP_SIZE_NV);
  if (has_word(extensions, "cl_amd_device_attribute_query"))
    return number<cl_uint>(device, CL_DEVICE_WAVEFRONT_WIDTH_AMD);
  if (!has_word(extensions, "cl_intel_required_subgroup_size")) return 1;
  size_t bytes = 0;
  check(api().GetDeviceInfo(device, CL_DEVICE_SUB_GROUP_SIZES_INTEL, 0, nullptr, &bytes), "clGetDeviceInfo");
  std::vector<size_t> sizes(bytes / sizeof(size_t));
  check(api().GetDeviceInfo(device, CL_DEVICE_SUB_GROUP_SIZES_INTEL, bytes, sizes.data(), nullptr),
        "clGetDeviceInfo");
  return sizes.empty() ? 1 : uint32_t(*std::max_element(sizes.begin(), sizes.end()));
}

bool has_dot8(cl_device_id device, const std::string& extensions) {
  if (!has_word(extensions, "cl_khr_integer_dot_product")) return false;
  return (number<cl_bitfield>(device, CL_DEVICE_INTEGER_DOT_PRODUCT_CAPABILITIES_KHR) &
          CL_DEVICE_INTEGER_DOT_PRODUCT_INPUT_4x8BIT_PACKED_KHR) != 0;
}

// PoCL before 6.0 counts the uses of a compiled kernel under its name and work-group size alone, though it
// compiles it once more for a larger grid: where two such run at once, a use is given back to the wrong one,
// and an assertion ends the process.
bool must_go_in_turn(cl_device_id device) {
  const std::string version = text(device, CL_DEVICE_VERSION);  // "OpenCL 3.0 PoCL HSTR: ..."
  int major = 0;
  return has_word(version, "PoCL") &&
         std::sscanf(text(device, CL_DRIVER_VERSION).c_str(), "%d", &major) == 1 && major < 6;
}

// Of an image over a buffer.
uint64_t max_texels(cl_device_id device) {
  if (!number<cl_bool>(device, CL_DEVICE_IMAGE_SUPPORT)) return 0;
  return number<size_t>(device, CL_DEVICE_IMAGE_MAX_BUFFER_SIZE);
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
  caps.vector_width = 16;
  caps.memory = caps.is_cpu ? HRT_MEMORY_SHARED : HRT_MEMORY_DEVICE;
  caps.import_alignment = caps.is_cpu ? caps.alignment : 0;
  caps.memory_bytes = caps.is_cpu ? 0 : number<cl_ulong>(device, CL_DEVICE_GLOBAL_MEM_SIZE);
  caps.max_buffer_bytes = number<cl_ulong>(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  caps.max_span_bytes = caps.max_buffer_bytes;
  caps.max_texels = max_texels(device);
  caps.shared_bytes =
      uint32_t(std::min<cl_ulong>(number<cl_ulong>(device, CL_DEVICE_LOCAL_MEM_SIZE), 1U << 30));
  find_group_limits(device, caps);
  caps.f16_storage = true;  // vload_half is in the language
  caps.f16_math = has_word(extensions, "cl_khr_fp16");
  caps.i8_storage = true;
  caps.i64 = true;  // in the full profile
  caps.f64 = has_word(extensions, "cl_khr_fp64");
  caps.subgroup_size = subgroup_size(device, caps, extensions);
  caps.dot8 = has_dot8(device, extensions);
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
      out.push_back({id, find_caps(id), must_go_in_turn(id)});
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
