// SPDX-License-Identifier: Apache-2.0
#include "core/execute/device.h"

#include <condition_variable>
#include <thread>

#include "core/base/log.h"
#include "core/plugin/status.h"

namespace hrt {

// Calls on threads of their own, which are left alone when they do not come back.
struct Device::Calls {
  std::mutex mutex;
  std::condition_variable ended;
  int running = 0;
};

namespace {

// Compiling and opening may take so many times as long as a run.
constexpr int kSetupFactor = 10;

// How long a device that is closed is waited for when a call of it did not come back in its time.
constexpr std::chrono::milliseconds kLastPatience(200);

}  // namespace

Device::Device(const hrt_backend_api* api, const Plugin* plugin, uint32_t index, std::string name,
               hrt_device_info info, std::map<std::string, std::string> options,
               std::chrono::milliseconds timeout)
    : api_(api),
      plugin_(plugin),
      index_(index),
      name_(std::move(name)),
      description_(info.description ? info.description : ""),
      info_(info),
      options_(std::move(options)),
      timeout_(timeout),
      calls_(std::make_shared<Calls>()) {}

Device::~Device() {
  bool idle = false;
  {
    std::unique_lock lock(calls_->mutex);
    idle = calls_->ended.wait_for(lock, kLastPatience, [&] { return calls_->running == 0; });
  }
  // Not under a call that still runs.
  if (handle_ && idle) destroy([api = api_, handle = handle_] { api->device_close(handle); });
  if ((lane_ && !lane_->stop()) || !idle) plugin_->abandoned = true;
}

void Device::call(std::string_view where, std::function<hrt_status*()> f) {
  if (!has_queue()) {
    if (hrt_status* status = f()) throw failure(take_error(status, where));
    return;
  }
  if (const std::string why = lost(); !why.empty())
    throw failure(Error(HRT_ERROR_DEVICE_LOST, fmt::format("{}: {}", where, why)));
  struct Attempt {
    std::function<hrt_status*()> f;
    hrt_status* status = nullptr;
    bool done = false;
    ~Attempt() { destroy_status(status); }
  };
  const auto attempt = std::make_shared<Attempt>();
  attempt->f = std::move(f);
  std::unique_lock lock(calls_->mutex);
  ++calls_->running;
  std::thread([attempt, calls = calls_] {
    hrt_status* status = attempt->f();
    attempt->f = nullptr;  // what it owns goes here: nobody may be waiting any more
    const std::lock_guard ending(calls->mutex);
    attempt->status = status;
    attempt->done = true;
    --calls->running;
    calls->ended.notify_all();
  }).detach();
  const auto limit = kSetupFactor * timeout_;
  if (!calls_->ended.wait_for(lock, limit, [&] { return attempt->done; })) {
    lock.unlock();
    throw failure(Error(HRT_ERROR_DEVICE_LOST,
                        fmt::format("{}: the device was silent for {} ms", where, limit.count())));
  }
  if (hrt_status* status = std::exchange(attempt->status, nullptr)) throw failure(take_error(status, where));
}

void Device::open() {
  struct Opened {
    std::vector<std::string> texts;
    std::vector<const char*> keys, values;
    const hrt_backend_api* api;
    hrt_device* handle = nullptr;
    ~Opened() {
      if (handle) api->device_close(handle);
    }
  };
  const auto opened = std::make_shared<Opened>();
  opened->api = api_;
  for (const auto& [k, v] : options_) opened->texts.insert(opened->texts.end(), {k, v});
  for (size_t i = 0; i < opened->texts.size(); i += 2) {
    opened->keys.push_back(opened->texts[i].c_str());
    opened->values.push_back(opened->texts[i + 1].c_str());
  }
  call(fmt::format("opening device {}", name_), [opened, index = index_] {
    const hrt_options options{sizeof(hrt_options), opened->keys.data(), opened->values.data(),
                              opened->keys.size()};
    return opened->api->device_open(index, &options, &opened->handle);
  });
  handle_ = std::exchange(opened->handle, nullptr);
}

hrt_device* Device::handle() {
  const std::lock_guard lock(opening_);
  if (!handle_) open();
  return handle_;
}

Lane& Device::lane() {
  const std::lock_guard lock(mutex_);
  if (!lane_) lane_ = std::make_unique<Lane>(name_, timeout_);
  return *lane_;
}

Error Device::failure(const Error& error) {
  switch (error.code()) {
    case HRT_ERROR_DEVICE_LOST: {
      bool first = false;
      {
        const std::lock_guard lock(mutex_);
        first = lost_.empty();
        if (first) lost_ = error.message();
      }
      if (first) {
        log_warn("devices", "{} is lost and not used any more: {}", name_, error.message());
        if (has_queue()) lane().give_up(error);
      }
      return {error.code(), error.message(), name_};
    }
    case HRT_ERROR_INTERNAL:
    case HRT_ERROR_UNSUPPORTED: return {error.code(), error.message(), name_};
    case HRT_ERROR_MEMORY:
      if (has_queue()) return {error.code(), error.message(), name_};
      break;
    default: break;
  }
  return error;
}

std::string Device::lost() const {
  const std::lock_guard lock(mutex_);
  return lost_;
}

}  // namespace hrt
