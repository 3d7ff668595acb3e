// SPDX-License-Identifier: Apache-2.0
// Statuses of the ABI against exceptions of the core. [any-thread]
#pragma once

#include <new>
#include <string>
#include <string_view>

#include "core/base/error.h"

struct hrt_status {
  hrt_code code;
  std::string message;
};

namespace hrt {

hrt_status* make_status(hrt_code code, std::string_view message) noexcept;
void destroy_status(hrt_status* status) noexcept;  // NULL is allowed
// Throws what a plugin answered, and destroys it. where: who answered.
void check(hrt_status* status, std::string_view where);
// What it would throw; status is not NULL.
Error take_error(hrt_status* status, std::string_view where);

// Runs f for a caller on the other side of the ABI.
template <class F>
hrt_status* guard(F&& f) noexcept {
  try {
    f();
    return nullptr;
  } catch (const Error& e) {
    return make_status(e.code(), e.message());
  } catch (const std::bad_alloc&) {
    return make_status(HRT_ERROR_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return make_status(HRT_ERROR_INTERNAL, e.what());
  } catch (...) {
    return make_status(HRT_ERROR_INTERNAL, "unknown exception");
  }
}

}  // namespace hrt
