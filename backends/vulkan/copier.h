// SPDX-License-Identifier: Apache-2.0
// Copies between host memory and buffers, queued.
//
// A thread of its own takes the first job all of whose points are reached, copies through a small ring of
// staging memory (or straight to and from buffers that the host can reach), and signals. It does no more work
// than memcpy. The thread starts with the first copy; devices that share the host's memory need none.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <thread>

#include "backends/vulkan/memory.h"
#include "backends/vulkan/queues.h"

namespace hrt::gpu::vulkan {

class Copier {
 public:
  Copier(Device& device, Memory& memory, Queues& queues);
  ~Copier();
  Copier(const Copier&) = delete;
  Copier& operator=(const Copier&) = delete;

  void enqueue(std::span<const HostCopy> copies, std::vector<At> wait, At signal);

 private:
  struct Job {
    std::vector<HostCopy> copies;
    std::vector<At> wait;
    At signal;
  };
  struct Slot {
    std::unique_ptr<VulkanBuffer> staging;
    std::unique_ptr<Commands> commands;
    uint64_t used = 0;     // the ring's number at the end of its last copy
    void* host = nullptr;  // where its bytes go after that, or NULL
    uint64_t bytes = 0;
  };

  void work();
  bool next(Job& job);  // waits for a job that can run; false: the end
  bool can_run(const Job& job);
  void wait_a_moment(std::unique_lock<std::mutex>& lock);
  void run(const Job& job);
  void copy(const Job& job, const HostCopy& c);
  void copy_chunk(const Job& job, const HostCopy& c, uint64_t at, uint64_t bytes);
  void settle(Slot& slot);
  void wait_ring(uint64_t value);

  Device& device_;
  Memory& memory_;
  Queues& queues_;
  std::shared_ptr<Timeline> ring_;  // counts chunks
  uint64_t chunks_ = 0;             // of the thread alone, as slots_
  std::array<Slot, 4> slots_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace hrt::gpu::vulkan
