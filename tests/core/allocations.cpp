// SPDX-License-Identifier: Apache-2.0
#include "tests/core/allocations.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

// The allocator of glibc, behind the functions that are replaced here.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* old, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace {

std::atomic<bool> g_counting{false};
std::atomic<bool> g_printing{true};
std::atomic<const char*> g_left_out{nullptr};
std::atomic<uint64_t> g_count{0};

bool is_left_out(void* const* frames, int depth) {
  const char* const library = g_left_out;
  for (int i = 0; library && i < depth; ++i)
    if (Dl_info info; ::dladdr(frames[i], &info) && info.dli_fname && std::strstr(info.dli_fname, library))
      return true;
  return false;
}

void count() {
  if (!g_counting.load(std::memory_order_relaxed)) return;
  void* frames[40];
  const int depth = g_left_out || g_printing ? ::backtrace(frames, 40) : 0;
  if (is_left_out(frames, depth)) return;
  if (g_count.fetch_add(1) >= 3 || !g_printing) return;  // the first few say enough
  g_counting = false;                                    // the report may allocate
  ::backtrace_symbols_fd(frames, depth, STDERR_FILENO);
  constexpr char kEnd[] = "----\n";
  (void)!::write(STDERR_FILENO, kEnd, sizeof(kEnd) - 1);
  g_counting = true;
}

}  // namespace

#define HRT_INTERPOSE extern "C" __attribute__((visibility("default")))

HRT_INTERPOSE void* malloc(size_t bytes) {
  count();
  return __libc_malloc(bytes);
}
HRT_INTERPOSE void* calloc(size_t number, size_t bytes) {
  count();
  return __libc_calloc(number, bytes);
}
HRT_INTERPOSE void* realloc(void* old, size_t bytes) {
  count();
  return __libc_realloc(old, bytes);
}
HRT_INTERPOSE void* aligned_alloc(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
HRT_INTERPOSE void* memalign(size_t alignment, size_t bytes) {
  count();
  return __libc_memalign(alignment, bytes);
}
HRT_INTERPOSE int posix_memalign(void** out, size_t alignment, size_t bytes) {
  count();
  *out = __libc_memalign(alignment, bytes);
  return *out ? 0 : ENOMEM;
}

namespace hrt::test {

uint64_t allocations_of(const std::function<void()>& f) {
  void* frame = nullptr;
  ::backtrace(&frame, 1);  // the first allocates
  g_count = 0;
  g_counting = true;
  f();
  g_counting = false;
  return g_count;
}

void print_allocations(bool on) { g_printing = on; }
void leave_out_allocations_of(const char* library) { g_left_out = library; }

}  // namespace hrt::test
