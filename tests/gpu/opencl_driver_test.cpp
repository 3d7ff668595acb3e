// SPDX-License-Identifier: Apache-2.0
// The OpenCL driver on whatever OpenCL device is there.
#include <gtest/gtest.h>

#include <cstring>

#include "backends/opencl/api.h"
#include "backends/opencl/driver.h"

namespace hrt::gpu {
namespace {

const hrt_host g_test_host = [] {
  auto h = sdk::sized<hrt_host>();
  h.get_interface = [](const char*) -> const void* { return nullptr; };
  h.log = [](hrt_log_level, const char*, const char*, size_t) {};
  return h;
}();

class OpenClDriverTest : public testing::Test {
 protected:
  void SetUp() override {
    sdk::g_host.host = &g_test_host;
    if (opencl::driver_info.devices().empty()) GTEST_SKIP() << "no OpenCL device is there";
    driver = opencl::driver_info.open(0, {});
  }
  std::unique_ptr<Driver> driver;
};

TEST_F(OpenClDriverTest, WhatIsWrittenAtAnOffsetIsReadBack) {
  const uint64_t at = driver->caps().alignment;
  auto buffer = driver->allocate(at * 2);
  const std::vector<int> in{1, 2, 3};
  std::vector<int> out(3);
  driver->write({buffer.get(), at, 12}, in.data());
  driver->read({buffer.get(), at, 12}, out.data());
  EXPECT_EQ(out, in);
}

TEST_F(OpenClDriverTest, AKernelReadsAndWritesSpansWithOffsetsAndPushConstants) {
  const uint64_t at = driver->caps().alignment;
  auto x = driver->allocate(at + 24), y = driver->allocate(at + 24);
  const std::vector<int> in{1, 2, 3, 4, 5, 6};
  driver->write({x.get(), at, 24}, in.data());
  const std::array<int32_t, 4> constants{8, 1, 1, 1};  // work-group, outer dims
  // A 2x3 matrix transposed: 3 rows of 2; from, to, steps within a row; then the outer dim and its steps.
  std::vector<uint32_t> push{2, 3, 0, 0, 3, 1};
  for (const uint32_t outer : {3U, 1U, 2U}) {
    push.push_back(outer);
    push.resize(push.size() + 7);
  }
  const Pipeline* p = driver->pipeline("strided", "b4", constants);
  ASSERT_NE(p, nullptr);
  const Dispatch d{p, {{x.get(), at, 24}, {y.get(), at, 24}}, push, {1, 1, 1}, 7, true};
  auto recording = driver->record({&d, 1}, true);
  auto fence = driver->fence();
  driver->submit(*recording, {}, {fence.get(), 1});
  ASSERT_TRUE(fence->wait(1, 10'000'000'000));
  std::vector<int> out(6);
  driver->read({y.get(), at, 24}, out.data());
  EXPECT_EQ(out, (std::vector<int>{1, 4, 2, 5, 3, 6}));
  const auto times = driver->times(*recording);
  ASSERT_EQ(times.size(), 1U);
  EXPECT_EQ(times[0].node, 7U);
  EXPECT_LE(times[0].begin_ns, times[0].end_ns);
}

TEST_F(OpenClDriverTest, AKernelOrVariantThatIsNotThereIsNull) {
  EXPECT_EQ(driver->pipeline("no_such_kernel", "f32", {}), nullptr);
  EXPECT_EQ(driver->pipeline("strided", "f32", {}), nullptr);
}

TEST_F(OpenClDriverTest, WorkThatWaitsForALaterSubmissionRunsAfterIt) {
  auto buffer = driver->allocate(64);
  auto first = driver->fence(), second = driver->fence();
  int in = 42, out = 0;
  const HostCopy read{HRT_TO_HOST, {buffer.get(), 0, 4}, &out},
      write{HRT_TO_DEVICE, {buffer.get(), 0, 4}, &in};
  const Point promise{first.get(), 5};
  driver->copy({&read, 1}, {&promise, 1}, {second.get(), 1});
  EXPECT_FALSE(second->wait(1, 1'000'000));
  driver->copy({&write, 1}, {}, promise);
  ASSERT_TRUE(second->wait(1, 10'000'000'000));
  EXPECT_EQ(out, 42);
}

TEST_F(OpenClDriverTest, ABufferLargerThanTheDeviceAllowsIsOutOfMemory) {
  try {
    driver->allocate(driver->caps().max_buffer_bytes + 1);
    FAIL() << "allocated";
  } catch (const sdk::Error& e) {
    EXPECT_EQ(e.code(), HRT_ERROR_MEMORY);
  }
}

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

TEST_F(OpenClDriverTest, SubgroupsAndDotProductsAreThoseThatTheDriverTells) {
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
