// SPDX-License-Identifier: Apache-2.0
// For tests that start the runtime anew, each time with options and a cache of its own. Skipped where the
// device is not there.
#pragma once

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/gpu/device.h"

namespace hrt::test {

// A folder of this user's own, while the object lives.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "hrt-gpu-XXXXXX";
    if (!::mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;

  std::filesystem::path path;
};

class OwnRuntime : public testing::TestWithParam<const char*> {
 protected:
  using Options = std::map<std::string, std::string>;

  void SetUp() override {
    // PoCL keeps what it compiles in a folder of its own, which it looks up once.
    static const TemporaryFolder pocl;
    ::setenv("POCL_CACHE_DIR", pocl.path.c_str(), 1);
    start();
    const auto devices = runtime->devices();
    if (std::ranges::none_of(devices, [](const Device* d) { return d->name() == GetParam(); }))
      GTEST_SKIP() << "no " << GetParam() << " device is here";
  }
  // The one before is ended first, as if its process had.
  void start(Options options = {}) {
    runtime.reset();
    RuntimeOptions o;
    o.plugin_directories = default_plugin_directories();
    o.backend_options[GetParam()] = std::move(options);
    o.cache_directory = cache.path / "hrt";
    runtime = std::make_unique<Runtime>(o);
  }
  static SessionOptions on(std::vector<std::string> devices, Fallback fallback) {
    SessionOptions options;
    options.devices = std::move(devices);
    options.fallback = fallback;
    options.threads = 1;
    return options;
  }

  // y = 8 max(x, 0) in three products with a weight of kWeight bytes each; x is [n, kWidth].
  static constexpr int64_t kWidth = 256;
  static constexpr uint64_t kWeight = kWidth * kWidth * sizeof(float);
  std::unique_ptr<Graph> three_products() {
    Builder b;
    std::vector<float> twice(size_t(kWidth * kWidth));
    for (int64_t i = 0; i < kWidth; ++i) twice[size_t(i * kWidth + i)] = 2;
    ValueId v = b.input("x", Type::tensor(HRT_FLOAT32, {b.transaction().symbol("n"), kWidth}));
    for (int layer = 0; layer < 3; ++layer)
      v = b.node("Relu", {b.node("MatMul", {v, b.constant(floats({kWidth, kWidth}, twice))})});
    b.outputs({v});
    return b.finish_in(*runtime);
  }
  static void expect_right(Request& request, int64_t n = 2, const RunOptions& options = {}) {
    std::vector<float> x, y;
    for (int64_t i = 0; i < n * kWidth; ++i) {
      x.push_back(float(i % 23 - 11));
      y.push_back(8 * std::max(x.back(), 0.f));
    }
    request.set_input(0, floats({n, kWidth}, x));
    request.run(options);
    EXPECT_EQ(floats_of(request.output(0)), y);
  }
  static bool is_used(const Session& session, const std::string& device) {
    return std::ranges::any_of(session.placement(),
                               [&](const Placement& row) { return row.device == device; });
  }

  TemporaryFolder cache;
  std::unique_ptr<Runtime> runtime;
};

}  // namespace hrt::test
