// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/status.h"

#include <memory>

namespace hrt {

namespace {
hrt_status g_no_memory{HRT_ERROR_MEMORY, "out of memory"};
}

hrt_status* make_status(hrt_code code, std::string_view message) noexcept {
  // Without memory for the message there is still the code.
  try {
    return new hrt_status{code == HRT_OK ? HRT_ERROR_INTERNAL : code, std::string(message)};
  } catch (...) {
    return &g_no_memory;
  }
}

void destroy_status(hrt_status* status) noexcept {
  if (status != &g_no_memory) delete status;
}

Error take_error(hrt_status* status, std::string_view where) {
  const std::unique_ptr<hrt_status, void (*)(hrt_status*)> owned(status, destroy_status);
  return {status->code, where.empty() ? status->message : fmt::format("{}: {}", where, status->message)};
}

void check(hrt_status* status, std::string_view where) {
  if (!status) [[likely]]
    return;
  throw take_error(status, where);
}

}  // namespace hrt
