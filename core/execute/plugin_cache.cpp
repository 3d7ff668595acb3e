// SPDX-License-Identifier: Apache-2.0
#include "core/execute/plugin_cache.h"

#include <mutex>

#include "core/base/log.h"
#include "core/plugin/host.h"
#include "core/plugin/status.h"

#include <hrt/cache.h>

namespace hrt {
namespace {

struct Current {
  std::mutex mutex;
  std::shared_ptr<Cache> cache;
  // Never destroyed: plugins may store as the process ends.
  static Current& instance() {
    static auto& current = *new Current;
    return current;
  }
};

std::shared_ptr<Cache> current() {
  Current& c = Current::instance();
  const std::lock_guard lock(c.mutex);
  return c.cache;
}

// What comes from a plugin.
std::string_view text_of(const char* space) { return space ? space : ""; }
std::string_view text_of(hrt_str key) { return {key.data ? key.data : "", key.data ? key.size : 0}; }

const hrt_cache_api g_cache_api = {
    sizeof(hrt_cache_api),
    /*load=*/
    [](const char* space, hrt_str key, void (*take)(void*, const void*, size_t), void* user) {
      return guard([&] {
        if (const auto found = current()->load(text_of(space), text_of(key)))
          take(user, found->data(), found->size());
      });
    },
    /*store=*/
    [](const char* space, hrt_str key, const void* data, size_t size) {
      const auto* bytes = static_cast<const std::byte*>(data);
      hrt_status* status =
          guard([&] { current()->store(text_of(space), text_of(key), std::span(bytes, size)); });
      if (status) log_warn("cache", "{}: {}", text_of(space), status->message);
      destroy_status(status);
    },
};

}  // namespace

void provide_cache_interface(std::shared_ptr<Cache> cache) {
  {
    Current& c = Current::instance();
    const std::lock_guard lock(c.mutex);
    c.cache = std::move(cache);
  }
  provide_host_interface("hrt.host.cache/1", &g_cache_api);
}

}  // namespace hrt
