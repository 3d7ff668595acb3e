// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/packed.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace hrt::cpu {

Floats make_floats(size_t n) {
  constexpr size_t kHuge = size_t(2) << 20;
  if (n > SIZE_MAX / sizeof(float) - kHuge) throw std::bad_alloc();
  const size_t bytes = n * sizeof(float);
  const size_t align = bytes >= kHuge ? kHuge : 64;
  const size_t size = (bytes + align - 1) / align * align;
  void* p = std::aligned_alloc(align, size ? size : align);
  if (!p) throw std::bad_alloc();
  if (align == kHuge) madvise(p, size, MADV_HUGEPAGE);  // advice: without it the same, only slower
  std::memset(p, 0, size);
  return Floats(static_cast<float*>(p), [](float* q) { std::free(q); });
}

}  // namespace hrt::cpu
