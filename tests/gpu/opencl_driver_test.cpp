// SPDX-License-Identifier: Apache-2.0
// What the OpenCL driver makes of what devices say of themselves. Its work is tested by driver_test.cpp.
#include <gtest/gtest.h>

#include <cstring>

#include "backends/opencl/api.h"
#include "backends/opencl/driver.h"
#include "tests/gpu/driver_host.h"

namespace hrt::gpu {
namespace {

// A GPU as its driver describes it: what is not named here the real device says.
struct Described {
  cl_device_type type = CL_DEVICE_TYPE_GPU;
  std::string version = {}, extensions = {};
  cl_uint subgroups = 0, warp = 0;
  std::vector<size_t> sizes = {};
  cl_bitfield dot = 0;
};
const Described* g_described = nullptr;
decltype(&clGetDeviceInfo) g_real = nullptr;

cl_int answer(const void* data, size_t bytes, size_t room, void* value, size_t* size) {
  if (size) *size = bytes;
  if (value && room < bytes) return CL_INVALID_VALUE;
  if (value) std::memcpy(value, data, bytes);
  return CL_SUCCESS;
}

cl_int described(cl_device_id device, cl_device_info what, size_t room, void* value, size_t* size) {
  const Described& d = *g_described;
  switch (what) {
    case CL_DEVICE_TYPE: return answer(&d.type, sizeof d.type, room, value, size);
    case CL_DEVICE_VERSION: return answer(d.version.c_str(), d.version.size() + 1, room, value, size);
    case CL_DEVICE_EXTENSIONS:
      return answer(d.extensions.c_str(), d.extensions.size() + 1, room, value, size);
    case 0x105C: return answer(&d.subgroups, sizeof d.subgroups, room, value, size);  // MAX_NUM_SUB_GROUPS
    case CL_DEVICE_WARP_SIZE_NV:
    case CL_DEVICE_WAVEFRONT_WIDTH_AMD: return answer(&d.warp, sizeof d.warp, room, value, size);
    case CL_DEVICE_SUB_GROUP_SIZES_INTEL:
      return answer(d.sizes.data(), d.sizes.size() * sizeof(size_t), room, value, size);
    case CL_DEVICE_INTEGER_DOT_PRODUCT_CAPABILITIES_KHR:
      return answer(&d.dot, sizeof d.dot, room, value, size);
    default: return g_real(device, what, room, value, size);
  }
}

Caps caps_of(const Described& d) {
  g_described = &d;
  g_real = std::exchange(opencl::api().GetDeviceInfo, described);
  const std::vector<Caps> devices = opencl::driver_info.devices();
  opencl::api().GetDeviceInfo = g_real;
  return devices.empty() ? Caps{} : devices.front();
}

TEST(OpenClDevices, SubgroupsAndDotProductsAreThoseThatTheDriverTells) {
  set_driver_host();
  if (opencl::driver_info.devices().empty()) GTEST_SKIP() << "no OpenCL device is there";
  const std::string dot = "cl_khr_integer_dot_product ";
  const std::string nv = "cl_khr_subgroups cl_nv_device_attribute_query";
  EXPECT_EQ(caps_of({.version = "OpenCL 3.0 CUDA", .extensions = nv, .warp = 32}).subgroup_size, 32U);
  EXPECT_EQ(caps_of({.version = "OpenCL 2.1 AMD-APP",
                     .extensions = "cl_amd_device_attribute_query",
                     .subgroups = 16,
                     .warp = 64})
                .subgroup_size,
            64U);
  EXPECT_EQ(caps_of({.version = "OpenCL 3.0 NEO",
                     .extensions = dot + "cl_intel_required_subgroup_size",
                     .subgroups = 8,
                     .sizes = {8, 16, 32}})
                .subgroup_size,
            32U);
  EXPECT_EQ(caps_of({.version = "OpenCL 3.0 x", .extensions = "cl_nv_device_attribute_query", .warp = 32})
                .subgroup_size,
            1U);
  EXPECT_EQ(caps_of({.version = "OpenCL 1.2 x", .extensions = "cl_nv_device_attribute_query", .subgroups = 8})
                .subgroup_size,
            1U);
  EXPECT_TRUE(caps_of({.version = "OpenCL 3.0 x", .extensions = dot, .dot = 1}).dot8);
  EXPECT_FALSE(caps_of({.version = "OpenCL 3.0 x", .extensions = dot, .dot = 2}).dot8);
  EXPECT_FALSE(caps_of({.version = "OpenCL 3.0 x", .extensions = "", .dot = 1}).dot8);
}

}  // namespace
}  // namespace hrt::gpu
