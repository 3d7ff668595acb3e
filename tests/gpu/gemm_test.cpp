// SPDX-License-Identifier: Apache-2.0
// Every way that a device has to compute a product, and every one that it would have if it were a GPU,
// against sums in doubles. Skipped where the driver has no device; so is what needs cooperative matrices
// where there are none.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "backends/gpu_common/ops/product.h"
#include "tests/gpu/driver_host.h"

namespace hrt::gpu {
namespace {

// Dispatches at once, on memory of its own, and takes the way that it is told.
class Direct : public Emit {
 public:
  Direct(Driver& driver, Caps caps) : driver_(driver), caps_(std::move(caps)) {}

  size_t way = 0, ways = 1;  // which to take; how many there were
  std::string kernel;        // of the last dispatch

  Ref add(uint64_t bytes) {
    buffers_.push_back(driver_.allocate(bytes));
    spans_.push_back({buffers_.back().get(), 0, bytes});
    return Ref(spans_.size() - 1);
  }
  Span span(Ref r) { return spans_[r]; }

  const Caps& caps() const override { return caps_; }
  const std::vector<Operand>& in() const override { return none_; }
  const std::vector<Operand>& out() const override { return none_; }
  Ref in_ref(size_t) override { return 0; }
  Ref out_ref(size_t) override { return 0; }
  uint64_t bytes(Ref r) const override { return spans_[r].bytes; }
  Ref part(Ref r, uint64_t offset, uint64_t bytes) override {
    spans_.push_back({spans_[r].buffer, spans_[r].offset + offset, bytes});
    return Ref(spans_.size() - 1);
  }
  Ref scratch(uint64_t bytes) override { return add(bytes); }
  Ref data(const void* data, uint64_t bytes) override {
    const Ref r = add(bytes);
    driver_.write(span(r), data);
    return r;
  }
  Ref weight(size_t) override { return 0; }
  Ref fault(std::string, std::string) override { return 0; }
  void fastest(const std::string&, std::span<const Way> all) override {
    ways = all.size();
    all[way](*this);
  }
  void dispatch(Call call) override {
    std::vector<int32_t> constants(call.group.begin(), call.group.end());
    constants.insert(constants.end(), call.constants.begin(), call.constants.end());
    Dispatch d;
    d.pipeline = driver_.pipeline(call.kernel, call.variant, constants);
    if (!d.pipeline) unsupported("no kernel ", call.kernel, " for ", call.variant);
    for (const Ref r : call.buffers) d.buffers.push_back(span(r));
    d.push = call.push;
    for (size_t i = 0; i < 3; ++i) d.groups[i] = uint32_t(ceil_div(call.threads[i], call.group[i]));
    const auto recording = driver_.record({&d, 1}, false);
    const auto fence = driver_.fence();
    driver_.submit(*recording, {}, {fence.get(), 1});
    ASSERT_TRUE(fence->wait(1, 60'000'000'000));
    kernel = call.kernel;
  }

 private:
  Driver& driver_;
  Caps caps_;
  std::vector<Operand> none_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<Span> spans_;  // by Ref
};

struct Case {
  int64_t m, n, k, batch;
  bool transpose_a, transpose_b;
  int c;  // 0: none, 1: a row, 2: a matrix
};

class Gemm : public testing::Test {
 protected:
  void SetUp() override {
    set_driver_host();
    if (g_driver.devices().empty()) GTEST_SKIP() << g_driver.name << " has no device here";
    driver = g_driver.open(0, {});
  }

  std::vector<float> draw(int64_t count) {
    std::vector<float> v(static_cast<size_t>(count));
    // Quarters, which halves hold too.
    for (float& x : v) x = float(int(random() % 17) - 8) * 0.25F;
    return v;
  }
  Ref upload(Direct& emit, const std::vector<float>& values, hrt_dtype dtype) {
    if (dtype == HRT_FLOAT32) return emit.data(values.data(), values.size() * sizeof(float));
    const std::vector<float16> halves(values.begin(), values.end());
    return emit.data(halves.data(), halves.size() * sizeof(float16));
  }
  std::vector<float> download(Direct& emit, Ref r, size_t count, hrt_dtype dtype) {
    std::vector<float> values(count);
    if (dtype == HRT_FLOAT32) {
      driver->read({emit.span(r).buffer, 0, count * sizeof(float)}, values.data());
      return values;
    }
    std::vector<float16> halves(count);
    driver->read({emit.span(r).buffer, 0, count * sizeof(float16)}, halves.data());
    std::ranges::copy(halves, values.begin());
    return values;
  }

  // Way `way` of a device with these caps; returns how many there are. Relu(0.5 a b + c).
  size_t check(const Caps& caps, const Case& t, hrt_dtype dtype, size_t way, bool constant_b = true) {
    Direct emit(*driver, caps);
    emit.way = way;
    const std::vector<float> a = draw(t.batch * t.m * t.k), b = draw(t.batch * t.k * t.n);
    const std::vector<float> c = draw(t.c == 2 ? t.m * t.n : t.n);
    Product p;
    p.m = t.m;
    p.n = t.n;
    p.k = t.k;
    p.dims = {1, 1, t.batch};
    p.a = {upload(emit, a, dtype), t.transpose_a ? 1 : t.k, t.transpose_a ? t.m : 1, {0, 0, t.m * t.k}};
    p.b = {upload(emit, b, dtype), t.transpose_b ? 1 : t.n, t.transpose_b ? t.k : 1, {0, 0, t.k * t.n}};
    p.constant_b = constant_b;
    if (t.c != 0) p.c = Strided{upload(emit, c, dtype), t.c == 2 ? t.n : 0, 1, {}};
    p.alpha = 0.5F;
    p.e.act = 1;
    p.dtype = dtype;
    const auto count = size_t(t.batch * t.m * t.n);
    p.y = emit.add(count * dtype_bytes(dtype));
    emit_product(emit, p);
    const std::vector<float> got = download(emit, p.y, count, dtype);
    for (size_t i = 0; i < count; ++i) {
      const int64_t row = int64_t(i) / t.n % t.m, col = int64_t(i) % t.n, at = int64_t(i) / (t.m * t.n);
      double sum = 0;
      for (int64_t k = 0; k < t.k; ++k)
        sum += double(a[size_t(at * t.m * t.k + row * p.a.row + k * p.a.col)]) *
               double(b[size_t(at * t.k * t.n + k * p.b.row + col * p.b.col)]);
      double wanted = 0.5 * sum;
      if (t.c != 0) wanted += double(c[size_t(t.c == 2 ? row * t.n + col : col)]);
      wanted = std::max(wanted, 0.0);
      const double room = dtype == HRT_FLOAT32 ? 1e-4 : 1e-3 * std::abs(wanted) + 1e-3;
      if (std::abs(double(got[i]) - wanted) > room) {
        ADD_FAILURE() << emit.kernel << " " << t.m << "x" << t.n << "x" << t.k << ": element " << i << " is "
                      << got[i] << ", not " << wanted;
        break;
      }
    }
    ++seen[emit.kernel];
    return emit.ways;
  }
  void check_all(const Caps& caps, std::span<const Case> cases, hrt_dtype dtype) {
    for (const Case& t : cases) {
      const size_t ways = check(caps, t, dtype, 0);
      for (size_t way = 1; way < ways; ++way) check(caps, t, dtype, way);
    }
  }
  Caps as_gpu() const {
    Caps caps = driver->caps();
    caps.is_cpu = false;
    return caps;
  }

  std::unique_ptr<Driver> driver;
  std::minstd_rand random{1};
  std::map<std::string, int> seen;  // kernels
};

constexpr Case kCases[] = {{64, 64, 64, 1, false, false, 0}, {70, 100, 33, 2, false, false, 1},
                           {1, 130, 40, 1, false, true, 0},  {33, 20, 17, 3, true, false, 0},
                           {20, 37, 1, 1, true, true, 2},    {129, 16, 70, 1, false, false, 2},
                           {5, 3, 9, 1, false, false, 1},    {19, 36, 24, 3, false, false, 1},
                           {9, 37, 12, 2, false, true, 2},   {1, 20, 8, 1, false, false, 1}};

TEST_F(Gemm, EveryWayOfThisDeviceComputesTheProduct) {
  check_all(driver->caps(), kCases, HRT_FLOAT32);
  if (driver->caps().f16_storage) check_all(driver->caps(), kCases, HRT_FLOAT16);
}

TEST_F(Gemm, EveryWayOfGpusComputesTheProduct) {
  check_all(as_gpu(), kCases, HRT_FLOAT32);
  if (driver->caps().f16_storage) check_all(as_gpu(), kCases, HRT_FLOAT16);
  EXPECT_GT(seen["gemm_tile"], 0);
  if (driver->caps().subgroup_size > 1) EXPECT_GT(seen["gemm_subgroup"], 0);
  if (driver->caps().max_texels > 0) EXPECT_GT(seen["gemm_image"], 0);
}

// Without tuning a buffer is read; and an image only where it is one of constants that the device has room
// for.
TEST_F(Gemm, ImagesAreTheLastWaysAndThoseOfGpusWithConstantsThatFit) {
  constexpr Case kCase{8, 64, 64, 1, false, false, 0};
  if (driver->caps().max_texels < kCase.k * kCase.n / 4)
    GTEST_SKIP() << driver->caps().name << " reads no such images";
  // Whether the last way is one.
  const auto last = [&](const Caps& caps, bool constant_b, const Case& t) {
    const size_t ways = check(caps, t, HRT_FLOAT32, 0, constant_b);
    EXPECT_EQ(seen["gemm_image"], 0);
    check(caps, t, HRT_FLOAT32, ways - 1, constant_b);
    return std::exchange(seen, {})["gemm_image"] > 0;
  };
  Caps gpu = as_gpu();
  EXPECT_TRUE(last(gpu, true, kCase));
  EXPECT_FALSE(last(gpu, false, kCase));
  for (const Case& t : {Case{8, 64, 63, 1, false, false, 0},
                        {8, 62, 64, 1, false, false, 0},
                        {8, 64, 64, 1, true, false, 0},
                        {8, 64, 62, 1, false, true, 0}})
    EXPECT_FALSE(last(gpu, true, t)) << t.m << "x" << t.n << "x" << t.k;
  gpu.max_texels = kCase.k * kCase.n / 4;
  EXPECT_TRUE(last(gpu, true, kCase));
  --gpu.max_texels;
  EXPECT_FALSE(last(gpu, true, kCase));
  Caps cpu = driver->caps();
  cpu.is_cpu = true;
  EXPECT_FALSE(last(cpu, true, kCase));
}

TEST_F(Gemm, CooperativeMatricesComputeTheProduct) {
  if (!driver->caps().matrix) GTEST_SKIP() << driver->caps().name << " has no cooperative matrices";
  constexpr Case kWhole[] = {
      {64, 64, 64, 1, false, false, 0}, {80, 48, 32, 2, false, false, 1}, {16, 16, 16, 1, false, false, 2}};
  check_all(driver->caps(), kWhole, HRT_FLOAT16);
  EXPECT_GT(seen["gemm_matrix"], 0);
}

// 3x3, stride 2, pad 1, two groups of 20 channels each.
struct Windows {
  static constexpr int64_t kImages = 2, kGroups = 2, kIn = 4, kOut = 20, kSide = 13, kHalf = 7;
  static constexpr size_t kCount = kImages * kGroups * kOut * kHalf * kHalf;

  static Call call(const std::string& kernel) {
    Call call;
    call.kernel = kernel;
    call.push = {kGroups, kIn, kOut, 1, kSide, kSide, 1, kHalf, kHalf, 1, 3, 3, 1, 2, 2, 1, 1, 1, 0, 1, 1};
    call.push.resize(call.push.size() + 2);
    call.writes = 16;
    if (kernel == "conv_tile") {
      call.constants = {32, 32, 1, 1, 1};
      set_tiles(call, 32, kOut, kHalf * kHalf, kImages * kGroups);
      return call;
    }
    constexpr int kRows = 8;  // the last tile of 20 is not whole
    call.constants = {kRows, 1, 1, 1};
    call.threads = {kHalf * kHalf, ceil_div(kOut, kRows), kImages * kGroups};
    if (kernel == "conv_image") set_image_tiles(call, kRows, kOut, kHalf * kHalf, kImages * kGroups);
    return call;
  }
};

TEST_F(Gemm, ConvolutionByTilesAndByImagesAgreesWithTheDirectOne) {
  for (const hrt_dtype dtype : {HRT_FLOAT32, HRT_FLOAT16}) {
    if (dtype == HRT_FLOAT16 && !driver->caps().f16_storage) continue;
    Direct emit(*driver, driver->caps());
    using W = Windows;
    const Ref x = upload(emit, draw(W::kImages * W::kGroups * W::kIn * W::kSide * W::kSide), dtype);
    const Ref w = upload(emit, draw(W::kGroups * W::kOut * W::kIn * 9), dtype);
    const Ref bias = upload(emit, draw(W::kGroups * W::kOut), dtype),
              z = upload(emit, draw(W::kCount), dtype);
    const auto result = [&](const std::string& kernel) {
      Call call = W::call(kernel);
      call.variant = type_variant(dtype);
      const Ref y = emit.add(W::kCount * dtype_bytes(dtype));
      call.buffers = {x, w, bias, z, y};
      emit.dispatch(std::move(call));
      return download(emit, y, W::kCount, dtype);
    };
    const std::vector<float> wanted = result("conv_direct");
    std::vector<std::string> kernels{"conv_tile"};
    if (driver->caps().max_texels > 0) kernels.emplace_back("conv_image");
    // Sums of multiples of 1/16, which floats hold: they do not depend on the order.
    for (const std::string& kernel : kernels) EXPECT_EQ(result(kernel), wanted) << kernel;
  }
}

}  // namespace
}  // namespace hrt::gpu
