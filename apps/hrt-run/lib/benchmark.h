// SPDX-License-Identifier: Apache-2.0
// Timed runs of a session.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/execute/session.h"

namespace hrt {

struct BenchmarkOptions {
  // Before the clock starts, per stream: at least so many runs, and at least so long.
  uint64_t warmup_runs = 3;
  uint64_t warmup_ns = 200'000'000;
  // So many runs over all streams or, when that is 0, as many as start within this time (at least one).
  uint64_t iterations = 0;
  uint64_t duration_ns = 2'000'000'000;
  unsigned streams = 1;  // requests in flight at once, each from a thread of its own
  // Runs a second. 0: each stream begins a run when its last one has ended. Otherwise runs are due at a
  // steady rate, whether or not a stream is free, and latency counts from when a run was due.
  double rate = 0;
  bool even = false;       // each stream runs its share of the iterations, however long the others take
  Trace* trace = nullptr;  // where the timed runs are recorded, which slows them
  // Told between runs how much is done, 0 to 1.
  std::function<void(double)> progress = [](double) {};
};

struct BenchmarkResult {
  uint64_t first_run_ns = 0;         // the very first run, which plans and allocates
  uint64_t wall_ns = 0;              // from the first timed run's begin to the last one's end
  std::vector<uint64_t> samples_ns;  // latencies, in the order in which the runs began
};

BenchmarkResult benchmark(Session& session, std::span<const ValuePtr> inputs,
                          const BenchmarkOptions& options);

// A request with these inputs set.
std::unique_ptr<Request> make_request(Session& session, std::span<const ValuePtr> inputs);

}  // namespace hrt
