// SPDX-License-Identifier: Apache-2.0
// Submissions, in an order that cannot block.
//
// A queue works on its submissions in order, so one that waits for a point must not be handed over before the
// one that reaches it: on a device with one queue both would wait for ever. Queues keeps such a submission
// back until its points are on their way. Fences are signalled in the order of their values.
#pragma once

#include <span>
#include <vector>

#include "backends/vulkan/device.h"

namespace hrt::gpu::vulkan {

struct Submission {
  VkCommandBuffer commands = VK_NULL_HANDLE;  // or none
  std::vector<At> wait;
  At signal;
  bool transfer = false;
};

class Queues {
 public:
  explicit Queues(Device& device) : device_(device) {}
  // Waits, not for ever, until the device has done what it was given.
  ~Queues();
  Queues(const Queues&) = delete;
  Queues& operator=(const Queues&) = delete;

  void submit(Submission submission);
  // Drops what was kept back with these commands; waits, not for ever, for what was handed over.
  void settle(VkCommandBuffer commands, const At& signal);

  // For work that the host does in the order of the fences: a promise to signal, whether it may be kept now,
  // and keeping it.
  void promise(const At& point);
  bool may_signal(const At& point);
  bool is_sent(const At& point);
  void signal(const At& point);
  // The same by the transfer queue, when the copies before it are done.
  void signal_behind_copies(const At& point);

 private:
  bool ready(const Submission& s) const;
  void send(const Submission& s);
  void send_deferred();
  void add_promise(const At& point);
  void keep_promise(const At& point);
  bool drain(VkQueue queue);

  Device& device_;
  std::vector<Submission> deferred_;  // Device::order guards it, and the queues
};

}  // namespace hrt::gpu::vulkan
