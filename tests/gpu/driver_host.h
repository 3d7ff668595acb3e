// SPDX-License-Identifier: Apache-2.0
// As much of a host as a driver needs, for programs that use one without the runtime.
#pragma once

#include "backends/gpu_common/backend.h"

namespace hrt::gpu {

// From now on drivers log to this.
inline void set_driver_host(void (*log)(hrt_log_level, const char*, const char*,
                                        size_t) = [](hrt_log_level, const char*, const char*, size_t) {}) {
  static hrt_host host = sdk::sized<hrt_host>();
  host.get_interface = [](const char*) -> const void* { return nullptr; };
  host.log = log;
  sdk::g_host.host = &host;
}

// The code of the error that f ends with; HRT_OK: none.
template <class F>
hrt_code code_of(F&& f) {
  try {
    f();
  } catch (const sdk::Error& e) {
    return e.code();
  }
  return HRT_OK;
}

}  // namespace hrt::gpu
