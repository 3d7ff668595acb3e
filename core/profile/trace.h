// SPDX-License-Identifier: Apache-2.0
// Trace events of a run: what ran where, from when to when. Recording is [any-thread] and, after the
// first events, allocation-free until the buffer is full; then further events are counted, not kept.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace hrt {

uint64_t now_ns();  // monotonic

struct TraceEvent {
  std::string name;      // node or step
  std::string category;  // operator
  std::string device;    // track group: a device, or "host"
  uint32_t thread;       // small number per thread, in order of first event
  uint32_t request;      // number of the request
  uint64_t begin_ns;
  uint64_t end_ns;
};

class Trace {
 public:
  explicit Trace(size_t capacity = 1u << 20);
  void add(std::string name, std::string category, std::string device, uint32_t request, uint64_t begin_ns,
           uint64_t end_ns);
  // Adds what is here to another, as events of the calling thread, and forgets it.
  void move_to(Trace& other);
  std::vector<TraceEvent> events() const;  // in order of begin
  void drop() noexcept { ++dropped_; }     // counts an event that nobody could keep
  uint64_t dropped() const { return dropped_; }
  // The Trace Event format that chrome://tracing and Perfetto read: one process per device, one track per
  // thread in it, times in microseconds from the first event.
  std::string chrome_json() const;

 private:
  size_t capacity_;
  mutable std::mutex mutex_;
  std::vector<TraceEvent> events_;
  std::atomic<uint64_t> dropped_{0};
};

// Time spent per node over all its runs, longest first.
struct ProfileRow {
  std::string name, category, device;
  uint64_t calls = 0, total_ns = 0, min_ns = 0, max_ns = 0;
};
std::vector<ProfileRow> profile_rows(const std::vector<TraceEvent>& events);

}  // namespace hrt
