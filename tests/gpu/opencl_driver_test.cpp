// SPDX-License-Identifier: Apache-2.0
// What the OpenCL driver makes of what devices say of themselves, and its images. The work that all drivers
// do is tested by driver_test.cpp.
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
  cl_bool images = CL_TRUE;
  size_t texels = 65536;
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
    case CL_DEVICE_IMAGE_SUPPORT: return answer(&d.images, sizeof d.images, room, value, size);
    case CL_DEVICE_IMAGE_MAX_BUFFER_SIZE: return answer(&d.texels, sizeof d.texels, room, value, size);
    default: return g_real(device, what, room, value, size);
  }
}

template <class F>
auto under(const Described& d, F&& f) {
  g_described = &d;
  g_real = std::exchange(opencl::api().GetDeviceInfo, described);
  auto result = f();
  opencl::api().GetDeviceInfo = g_real;
  return result;
}

Caps caps_of(const Described& d) {
  const std::vector<Caps> devices = under(d, opencl::driver_info.devices);
  return devices.empty() ? Caps{} : devices.front();
}

// The real device, with that many texels in an image.
std::unique_ptr<Driver> open_with(size_t texels, bool images = true) {
  const Described d{.type = CL_DEVICE_TYPE_CPU,
                    .version = "OpenCL 1.2 PoCL",
                    .images = images ? cl_bool{CL_TRUE} : cl_bool{CL_FALSE},
                    .texels = texels};
  return under(d, [] { return opencl::driver_info.open(0, {}); });
}

const std::vector<int32_t> kGroup{64, 1, 1};

class OpenClImages : public testing::Test {
 protected:
  void SetUp() override {
    set_driver_host();
    if (opencl::driver_info.devices().empty()) GTEST_SKIP() << "no OpenCL device is there";
    const Caps real = opencl::driver_info.devices().front();
    if (real.max_texels < kTexels) GTEST_SKIP() << real.name << " reads no images";
  }

  // What a kernel reads from an image over these elements.
  template <class T>
  std::vector<float> read(const char* variant, const std::vector<T>& elements) {
    const auto driver = opencl::driver_info.open(0, {});
    const uint64_t bytes = elements.size() * sizeof(T), n = elements.size() / 4;
    const auto x = driver->allocate(bytes), y = driver->allocate(n * 16);
    driver->write({x.get(), 0, bytes}, elements.data());
    const Dispatch d{driver->pipeline("test_image", variant, kGroup),
                     {{x.get(), 0, bytes}, {y.get(), 0, n * 16}},
                     {uint32_t(n)},
                     {uint32_t(n + 63) / 64, 1, 1}};
    const auto recording = driver->record({&d, 1}, false);
    const auto fence = driver->fence();
    driver->submit(*recording, {}, {fence.get(), 1});
    EXPECT_TRUE(fence->wait(1, 60'000'000'000));
    std::vector<float> got(n * 4);
    driver->read({y.get(), 0, n * 16}, got.data());
    return got;
  }

  static constexpr size_t kTexels = 100;
};

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

TEST(OpenClDevices, ImagesHoldWhatTheDriverTellsAndNothingWhereItHasNone) {
  set_driver_host();
  if (opencl::driver_info.devices().empty()) GTEST_SKIP() << "no OpenCL device is there";
  EXPECT_EQ(caps_of({.version = "OpenCL 1.2 x", .texels = 1 << 27}).max_texels, 1U << 27);
  EXPECT_EQ(caps_of({.version = "OpenCL 3.0 x", .images = CL_FALSE, .texels = 1 << 27}).max_texels, 0U);
}

TEST_F(OpenClImages, KernelsReadFloatsAndHalvesAsTheyLieInTheBuffer) {
  std::vector<float> values(kTexels * 4), wanted;
  for (size_t i = 0; i < values.size(); ++i) values[i] = (float(i) - 200) * 0.125F;
  for (size_t texel = kTexels; texel-- > 0;)
    for (size_t i = 0; i < 4; ++i) wanted.push_back(values[texel * 4 + i]);
  EXPECT_EQ(read("f32", values), wanted);
  EXPECT_EQ(read("f16", std::vector<float16>(values.begin(), values.end())), wanted);
}

TEST_F(OpenClImages, WhatIsNoImageOfTheDeviceIsRefused) {
  const auto driver = open_with(kTexels);
  const uint64_t room = 2 * kTexels * 16;
  const auto x = driver->allocate(room), y = driver->allocate(16);
  const Span out{y.get(), 0, 16};
  const Pipeline* const whole = driver->pipeline("test_image", "f32", kGroup);
  const Pipeline* const half = driver->pipeline("test_image", "f16", kGroup);
  const auto record = [&](const Pipeline* p, uint64_t offset, uint64_t bytes) {
    const Dispatch d{p, {{x.get(), offset, bytes}, out}, {1}, {1, 1, 1}};
    return code_of([&] { driver->record({&d, 1}, false); });
  };
  EXPECT_EQ(record(whole, 0, kTexels * 16), HRT_OK);
  EXPECT_EQ(record(whole, 0, (kTexels + 1) * 16), HRT_ERROR_UNSUPPORTED);
  EXPECT_EQ(record(half, 0, kTexels * 8), HRT_OK);
  EXPECT_EQ(record(half, 0, (kTexels + 1) * 8), HRT_ERROR_UNSUPPORTED);
  EXPECT_EQ(record(whole, driver->caps().alignment, 16), HRT_ERROR_USAGE);
  EXPECT_EQ(record(whole, 0, 24), HRT_ERROR_USAGE);
  EXPECT_EQ(record(half, 0, 24), HRT_OK);
}

TEST_F(OpenClImages, KernelsThatReadThemAreRefusedWhereThereAreNone) {
  const auto driver = open_with(kTexels, false);
  EXPECT_EQ(code_of([&] { driver->pipeline("test_image", "f32", kGroup); }), HRT_ERROR_UNSUPPORTED);
}

}  // namespace
}  // namespace hrt::gpu
