// SPDX-License-Identifier: Apache-2.0
// Counts every malloc, calloc, realloc, aligned_alloc and operator new of the process: not under a sanitizer,
// which replaces malloc too.
#pragma once

#include <cstdint>
#include <functional>

namespace hrt::test {

// Of all threads, while f runs. The first few are printed, with the stack.
uint64_t allocations_of(const std::function<void()>& f);
void print_allocations(bool on);
// What is allocated in a call from or into libraries whose path contains this is not counted. NULL: all is.
void leave_out_allocations_of(const char* library);

}  // namespace hrt::test
