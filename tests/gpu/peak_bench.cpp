// SPDX-License-Identifier: Apache-2.0
// Prints how many floating-point operations a second device 0 of a driver does at most, as JSON:
// multiply-adds in registers, counted as two. Best of many runs. tools/bench/peers asks it.
#include <chrono>
#include <cstdio>
#include <exception>

#include "tests/gpu/driver_host.h"

namespace hrt::gpu {
namespace {

constexpr uint32_t kChains = 16, kSteps = 2000, kRuns = 30;

double measure(Driver& driver) {
  const Caps& caps = driver.caps();
  const bool wide = caps.vector_width == 16;  // an invocation is a whole vector
  const uint32_t group = wide ? 1 : caps.is_cpu ? 8 : 128;
  const uint32_t groups = caps.units * (caps.is_cpu ? 256 : 64);
  const uint64_t invocations = uint64_t(group) * groups;
  const auto y = driver.allocate(invocations * sizeof(float));
  const std::array<int32_t, 4> constants{int32_t(group), 1, 1, int32_t(kChains)};
  const Pipeline* pipeline = driver.pipeline("bench_peak", "", constants);
  sdk::require(pipeline != nullptr, "there is no kernel bench_peak");
  const Dispatch d{pipeline, {{y.get(), 0, y->bytes()}}, {kSteps, 0}, {groups, 1, 1}};
  const auto recording = driver.record({&d, 1}, false);
  const auto fence = driver.fence();
  double best = 1e30;
  for (uint64_t run = 1; run <= kRuns; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    driver.submit(*recording, {}, {fence.get(), run});
    sdk::require(fence->wait(run, 60'000'000'000), "the device does not answer");
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return 2.0 * double(invocations) * (wide ? 16 : 1) * kChains * kSteps / best;
}

int main_() {
  set_driver_host();
  if (g_driver.devices().empty()) sdk::unsupported(g_driver.name, " has no device here");
  const auto driver = g_driver.open(0, {});
  std::printf("{\"device\": \"%s\", \"flops\": %.4g}\n", driver->caps().name.c_str(), measure(*driver));
  return 0;
}

}  // namespace
}  // namespace hrt::gpu

int main() {
  try {
    return hrt::gpu::main_();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
