// SPDX-License-Identifier: Apache-2.0
// The host's side of a run on a device, and the table hrt.host.run/1 that backends call.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "core/graph/transaction.h"
#include "core/plugin/kernel.h"
#include "core/profile/trace.h"

namespace hrt {

// Cancelled by someone, or too late.
class RunToken : public CancelToken {
 public:
  void start(std::optional<std::chrono::steady_clock::time_point> deadline) {
    asked_.store(false, std::memory_order_relaxed);  // whoever asked came too late for the run before
    deadline_ = deadline;
  }
  void cancel() { asked_.store(true, std::memory_order_relaxed); }
  bool asked() const { return asked_.load(std::memory_order_relaxed); }
  const char* why() const { return asked() ? "cancelled" : "the deadline passed"; }
  bool cancelled() const noexcept override {
    return asked() || (deadline_ && std::chrono::steady_clock::now() > *deadline_);
  }

 private:
  std::atomic<bool> asked_{false};
  std::optional<std::chrono::steady_clock::time_point> deadline_;
};

class Threads;

// What all parts of one run share.
struct RunState {
  std::shared_ptr<const RunToken> token;  // devices that were given up may still ask it
  Trace* trace = nullptr;
  uint32_t request = 0;
  Threads* threads = nullptr;
};

// What a node is called in traces and reports.
std::string node_label(const Node& node);
std::string op_label(const Node& node);  // "Op", "domain.Op"

// Offers hrt.host.run/1 to plugins; before the first is loaded.
void provide_run_interface();

}  // namespace hrt

// One run of one step.
struct hrt_run {
  const hrt::CancelToken* cancel = nullptr;
  hrt::Trace* trace = nullptr;
  const hrt::Graph* graph = nullptr;  // that the backend compiled
  const std::string* device = nullptr;
  uint32_t request = 0;
  uint64_t begin_ns = 0;
};
