// SPDX-License-Identifier: Apache-2.0
// What all devices of this library share: one lock, one condition that tells of every change, and counts.
#pragma once

#include <array>
#include <condition_variable>
#include <mutex>
#include <string>

#include "tests/fault/fault.h"
#include "tests/fault/functions.h"

namespace hrt::fault {

struct World {
  std::mutex mutex;
  std::condition_variable changed;
  // Behind the lock:
  Alive alive{};
  std::array<uint64_t, kFunctionCount> calls{};
  uint64_t misuses = 0;
  uint64_t stalled = 0;
  uint64_t releases = 0;  // how often release_stalled was called
};

World& world();

// Forgets the counts of calls: the plugin was loaded anew.
void reset_world();
// Logs what is still alive, as an error.
void report_leaks();
// Logs that the host broke a rule of the ABI. The caller holds the lock.
void misuse(const std::string& what);

// A member of whatever is counted while it lives.
template <uint64_t Alive::* Count>
class Counted {
 public:
  Counted() {
    const std::lock_guard lock(world().mutex);
    ++(world().alive.*Count);
  }
  ~Counted() {
    const std::lock_guard lock(world().mutex);
    --(world().alive.*Count);
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
};

}  // namespace hrt::fault
