// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/status.h"

namespace hrt {

hrt_status* make_status(hrt_code code, std::string_view message) noexcept {
  // Without memory for the message there is still the code.
  static hrt_status no_memory{HRT_ERROR_MEMORY, "out of memory"};
  try {
    return new hrt_status{code == HRT_OK ? HRT_ERROR_INTERNAL : code, std::string(message)};
  } catch (...) {
    return &no_memory;
  }
}

void check(hrt_status* status, std::string_view where) {
  if (!status) [[likely]]
    return;
  Error e(status->code, where.empty() ? status->message : fmt::format("{}: {}", where, status->message));
  delete status;
  throw e;
}

}  // namespace hrt
