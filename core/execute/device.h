// SPDX-License-Identifier: Apache-2.0
// A device of a backend: opened when first used, called so that one that does not answer holds nobody up, and
// left alone once it is lost.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/execute/lane.h"
#include "core/partition/cost.h"
#include "core/plan/plan.h"
#include "core/plugin/registry.h"

namespace hrt {

class Device {
 public:
  Device(const hrt_backend_api* api, const Plugin* plugin, uint32_t index, std::string name,
         hrt_device_info info, std::map<std::string, std::string> options, std::chrono::milliseconds timeout);
  ~Device();
  Device(const Device&) = delete;

  const std::string& name() const { return name_; }  // "cpu", "vulkan:1"
  const std::string& description() const { return description_; }
  hrt_device_kind kind() const { return info_.kind; }
  uint64_t memory_bytes() const { return info_.memory_bytes; }
  bool has_queue() const { return info_.memory != HRT_MEMORY_HOST; }
  Space space() const { return {info_.memory, info_.alignment == 0 ? 64 : info_.alignment}; }
  DeviceCost cost() const {
    return {info_.memory == HRT_MEMORY_DEVICE, info_.submit_us, info_.copy_bytes_per_us, info_.memory_bytes};
  }
  const Plugin& plugin() const { return *plugin_; }
  // Takes what no other device does: its plugin's manifest has a negative rank.
  bool is_fallback() const { return plugin_->manifest.rank < 0; }
  const hrt_backend_api& api() const { return *api_; }
  hrt_device* handle();  // opens; throws what the backend answered
  Lane& lane();          // of a device with a queue

  // One call of the device's, to its end; throws what it answered as failure() makes it. A device with a
  // queue has ten times its timeout for it (compiling takes long), then it is lost and this throws: f must
  // own whatever it touches. where: for messages.
  void call(std::string_view where, std::function<hrt_status*()> f);
  // Gives something back to the device: now, or where it has a queue behind all that was submitted.
  template <class F>
  void destroy(F f) {
    if (has_queue())
      lane().post_destroy(std::move(f));
    else
      f();
  }

  // Returns when nothing is on its way to it.
  void settle() {
    if (has_queue() && lane_) lane_->settle();
  }
  // What f makes, which goes back to the device through give_back when the last reference goes; keep, which
  // it needs, goes after it.
  template <class T>
  std::shared_ptr<T> make(std::string_view where, void (*give_back)(T*), std::function<hrt_status*(T**)> f,
                          std::shared_ptr<void> keep = nullptr);

  // An error of this device's, and whose fault it is: errors that name a device (Error::device) are the
  // device's own, and others may answer in its place. Marks the device as lost when it says that it is.
  Error failure(const Error& error);
  // Sets when its queue was last seen to end something, and returns what was set before: for traces.
  uint64_t busy_until(uint64_t ns) { return busy_until_ns_.exchange(ns, std::memory_order_relaxed); }
  // Why it is not used any more; empty: it is.
  std::string lost() const;

 private:
  void open();

  const hrt_backend_api* api_;
  const Plugin* plugin_;
  uint32_t index_;
  std::string name_;
  std::string description_;
  hrt_device_info info_;
  std::map<std::string, std::string> options_;
  std::chrono::milliseconds timeout_;
  std::mutex opening_;
  hrt_device* handle_ = nullptr;
  mutable std::mutex mutex_;
  std::unique_ptr<Lane> lane_;
  std::string lost_;
  std::atomic<uint64_t> busy_until_ns_{0};
  struct Calls;
  std::shared_ptr<Calls> calls_;
};

template <class T>
std::shared_ptr<T> Device::make(std::string_view where, void (*give_back)(T*),
                                std::function<hrt_status*(T**)> f, std::shared_ptr<void> keep) {
  struct Out {  // what an abandoned call makes after all goes back at once
    void (*give_back)(T*);
    T* made = nullptr;
    ~Out() {
      if (made) give_back(made);
    }
  };
  const auto out = std::make_shared<Out>(give_back);
  call(where, [out, f = std::move(f)] { return f(&out->made); });
  if (!out->made)
    throw failure(Error(HRT_ERROR_INTERNAL, fmt::format("{}: neither a result nor an error", where)));
  T* made = std::exchange(out->made, nullptr);
  return std::shared_ptr<T>(made, [this, give_back, keep = std::move(keep)](T* t) mutable {
    destroy([give_back, t, keep = std::move(keep)] { give_back(t); });
  });
}

}  // namespace hrt
