// SPDX-License-Identifier: Apache-2.0
// Which of several ways to compute a node is fastest on this device: measured, remembered, kept in the host's
// cache (hrt.host.cache/1) from one process to the next. [any-thread]
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace hrt::gpu {

class Tuner {
 public:
  // off: always the first way. cached: what was kept, else the first. full: measured when not kept.
  enum class Mode { kOff, kCached, kFull };

  Tuner(Mode mode, std::string device) : mode_(mode), device_(std::move(device)) {}

  // The way for this key, of so many. measure(i) is the time of way i in nanoseconds, and is called only when
  // the answer is not known and the mode is full. It may throw: such a way is left out.
  size_t choose(const std::string& key, size_t ways, const std::function<uint64_t(size_t)>& measure);

 private:
  const Mode mode_;
  const std::string device_;  // Caps::key
  std::mutex mutex_;
  std::map<std::string, size_t> known_;
};

}  // namespace hrt::gpu
