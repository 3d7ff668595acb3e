// SPDX-License-Identifier: Apache-2.0
// What every call of a device goes through: calls are counted, and the faults that were asked for happen.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <hrt/plugin.hpp>

#include "tests/fault/functions.h"
#include "tests/fault/world.h"

namespace hrt::fault {

enum class Kind { kFail, kMemory, kLose, kStall };

struct Fault {
  Function function;
  uint64_t nth;  // from 1
  bool onwards;  // at later calls too
  Kind kind;
};

// "submit:3:lose, fence_wait:1+:fail". Throws HRT_ERROR_USAGE.
std::vector<Fault> parse_faults(std::string_view text);

class Gate {
 public:
  // stall: how long; zero: until it is released.
  Gate(std::string device, std::vector<Fault> faults, std::chrono::milliseconds stall)
      : device_(std::move(device)), faults_(std::move(faults)), stall_(stall) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // A call that answers: throws the error that it is to end with, or blocks.
  void enter(Function function);
  // A call that queues: the same, but that true stands for a stall.
  bool enter_queued(Function function);
  // A call that destroys.
  void enter_destroy(Function function) noexcept;

  // The rest is for those who hold the lock.
  std::optional<Kind> count(Function function);
  sdk::Error error(Function function, Kind kind) const;
  void lose();
  bool lost() const { return lost_; }
  void check_lost() const;
  // A fault came: the host may have given the device up, and destroy what is queued.
  bool given_up() const { return given_up_; }
  // Blocks until it is released, the time has passed, or over() is true.
  template <class Over>
  void stall(std::unique_lock<std::mutex>& lock, Over&& over);

 private:
  std::string device_;
  std::vector<Fault> faults_;
  std::chrono::milliseconds stall_;
  std::array<uint64_t, kFunctionCount> calls_{};
  bool lost_ = false;
  bool given_up_ = false;
};

template <class Over>
void Gate::stall(std::unique_lock<std::mutex>& lock, Over&& over) {
  World& w = world();
  const uint64_t releases = w.releases;
  const auto ended = [&] { return w.releases != releases || over(); };
  ++w.stalled;
  if (stall_.count() == 0)
    w.changed.wait(lock, ended);
  else
    w.changed.wait_for(lock, stall_, ended);
  --w.stalled;
}

}  // namespace hrt::fault
