// SPDX-License-Identifier: Apache-2.0
// What a queued device is made of: memory, fences, and two threads that stand for its engines, one for runs
// and one for copies. Work begins when its points are reached, in the order of submission among what is
// ready. It is done in steps, between which it can be abandoned: when the device is lost or closed, or when
// something that it uses is destroyed. Everything here but the steps themselves happens under the lock of the
// world.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/fault/gate.h"
#include "tests/fault/program.h"

namespace hrt::fault {

struct Memory {
  explicit Memory(uint64_t size);  // of the device's own, 0xff all over
  Memory(void* host, uint64_t size) : data(static_cast<std::byte*>(host)), bytes(size) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  std::vector<std::byte> own;
  std::byte* data;
  uint64_t bytes;
  bool released = false;
};

struct Span {
  std::shared_ptr<Memory> memory;  // NULL: nothing
  uint64_t offset = 0;
  uint64_t bytes = 0;
  std::byte* data() const { return memory ? memory->data + offset : nullptr; }
};

struct Timeline {
  uint64_t reached = 0;
  uint64_t promised = 0;  // the largest value that queued work will signal
  uint64_t fails_from = UINT64_MAX;
  hrt_code code = HRT_OK;  // why it fails
  std::string message;
  unsigned waiting = 0;  // threads
};

struct Point {
  std::shared_ptr<Timeline> timeline;
  uint64_t value = 0;
};

// A context of a queued device.
struct Bound {
  explicit Bound(std::shared_ptr<const Prepared> prepared) : context(std::move(prepared)) {}
  Context context;
  std::vector<std::shared_ptr<Memory>> memory;
  bool queued = false;  // a submission has not ended
  bool destroyed = false;
};

struct Transfer {
  hrt_direction direction;
  Span span;
  std::byte* host;
};

struct Work {
  Function function = Function::kExecute;
  bool stalls = false;
  std::vector<Point> wait;
  Point signal;
  std::shared_ptr<Bound> bound = nullptr;  // of a run
  std::vector<Transfer> transfers = {};    // of a copy
  bool begun = false;

  size_t steps() const { return bound ? bound->context.steps() : 2; }
  void step(size_t index);
  bool uses(const Memory& memory) const;
  bool broken() const;             // something that it uses was destroyed
  const Timeline* failed() const;  // that it waits for, and that will not get there; NULL: none
  bool ready() const;
};

class Queue {
 public:
  Queue(Gate& gate, std::chrono::microseconds delay);
  ~Queue() { close(); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Throws where the host breaks a rule.
  void add(Work work);
  bool wait(Timeline& timeline, uint64_t value, uint64_t timeout_ns);  // true: reached
  // Nothing touches it once these return.
  void release(Memory& memory);
  void destroy(Bound& bound);
  void destroy(Timeline& timeline);
  void close();  // what is queued is abandoned

 private:
  using Lock = std::unique_lock<std::mutex>;

  void engine(Function function);
  Work* next(Function function);
  void perform(Work& work, Lock& lock);
  void end(const Work& work);
  bool over(const Work& work) const { return stop_ || gate_.lost() || work.broken(); }
  bool run_steps(Work& work, Lock& lock);
  template <class Uses>
  void abandon(Lock& lock, const char* what, Uses&& uses);

  Gate& gate_;
  std::chrono::microseconds delay_;
  std::list<Work> queue_;  // in order of submission; what has begun is in it until it ends
  bool stop_ = false;
  std::vector<std::thread> engines_;
};

}  // namespace hrt::fault
