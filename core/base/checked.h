// SPDX-License-Identifier: Apache-2.0
// Arithmetic on sizes that come from outside: throws instead of wrapping.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>

#include "core/base/error.h"

namespace hrt {

template <std::integral T>
T checked_mul(T a, T b) {
  T r;
  if (__builtin_mul_overflow(a, b, &r)) fail(HRT_ERROR_BAD_DATA, "size overflows: {} * {}", a, b);
  return r;
}

template <std::integral T>
T checked_add(T a, T b) {
  T r;
  if (__builtin_add_overflow(a, b, &r)) fail(HRT_ERROR_BAD_DATA, "size overflows: {} + {}", a, b);
  return r;
}

inline uint64_t align_up(uint64_t n, uint64_t alignment) {
  return checked_add(n, alignment - 1) & ~(alignment - 1);
}

}  // namespace hrt
