// SPDX-License-Identifier: Apache-2.0
#include "core/tensor/tensor.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/base/checked.h"

namespace hrt {
namespace {

std::atomic<uint64_t> g_in_use{0};
std::atomic<uint64_t> g_peak{0};

std::atomic<uint64_t>& limit() {
  static std::atomic<uint64_t> value{uint64_t(::sysconf(_SC_PHYS_PAGES)) *
                                     uint64_t(::sysconf(_SC_PAGE_SIZE)) / 4 * 3};
  return value;
}

void reserve(uint64_t bytes) {
  const uint64_t now = g_in_use.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const uint64_t most = limit().load(std::memory_order_relaxed);
  if (most != 0 && (now > most || now < bytes)) {
    g_in_use.fetch_sub(bytes, std::memory_order_relaxed);
    fail(HRT_ERROR_MEMORY, "{} bytes more than the {} in use would exceed the memory limit of {} bytes",
         bytes, now - bytes, most);
  }
  uint64_t peak = g_peak.load(std::memory_order_relaxed);
  while (now > peak && !g_peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
}

// Bytes counted as in use as long as this lives.
class Reservation {
 public:
  explicit Reservation(uint64_t bytes) : bytes_(bytes) { reserve(bytes); }
  ~Reservation() { g_in_use.fetch_sub(bytes_, std::memory_order_relaxed); }
  Reservation(const Reservation&) = delete;

 private:
  uint64_t bytes_;
};

struct Strings {
  explicit Strings(uint64_t n)
      : counted(checked_mul(n, uint64_t(sizeof(std::string) + sizeof(hrt_str)))),
        texts(n),
        views(n, hrt_str{"", 0}) {}
  Reservation counted;  // the elements alone: the text of each comes from somewhere that is limited itself
  std::vector<std::string> texts;
  std::vector<hrt_str> views;
};

}  // namespace

std::shared_ptr<void> allocate_bytes(uint64_t bytes, uint64_t alignment) {
  const uint64_t size = align_up(std::max<uint64_t>(bytes, 1), alignment);
  reserve(size);
  void* p = std::aligned_alloc(alignment, size);
  if (!p) {
    g_in_use.fetch_sub(size, std::memory_order_relaxed);
    fail(HRT_ERROR_MEMORY, "cannot allocate {} bytes", size);
  }
#ifdef MADV_HUGEPAGE
  // Worth 26 against 19 GB/s of streaming reads from memory where the kernel hands them out on request.
  constexpr uint64_t kHuge = 2u << 20;
  const auto begin = (reinterpret_cast<uintptr_t>(p) + kHuge - 1) & ~(kHuge - 1);
  const auto end = (reinterpret_cast<uintptr_t>(p) + size) & ~(kHuge - 1);
  if (end > begin) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return {p, [size](void* q) {
            std::free(q);
            g_in_use.fetch_sub(size, std::memory_order_relaxed);
          }};
}

void set_memory_limit(uint64_t bytes) { limit().store(bytes); }
uint64_t memory_in_use() { return g_in_use.load(); }
uint64_t memory_peak() { return g_peak.load(); }

Tensor Tensor::allocate(hrt_dtype dtype, Dims dims) {
  Tensor t;
  t.dtype_ = dtype;
  t.dims_ = std::move(dims);
  t.bytes_ = tensor_bytes(dtype, t.dims_);
  if (dtype == HRT_STRING) {
    auto strings = std::make_shared<Strings>(element_count(t.dims_));
    t.data_ = strings->views.data();
    t.owner_ = std::move(strings);
  } else {
    auto memory = allocate_bytes(t.bytes_);
    t.data_ = memory.get();
    std::memset(t.data_, 0, t.bytes_);
    t.owner_ = std::move(memory);
  }
  return t;
}

Tensor Tensor::view(hrt_dtype dtype, Dims dims, const void* data, std::shared_ptr<const void> owner) {
  if (dtype == HRT_STRING) fail(HRT_ERROR_INTERNAL, "strings are copied, never viewed");
  Tensor t;
  t.dtype_ = dtype;
  t.dims_ = std::move(dims);
  t.bytes_ = tensor_bytes(dtype, t.dims_);
  t.data_ = const_cast<void*>(data);
  t.owner_ = std::move(owner);
  return t;
}

Tensor Tensor::copy_of(const hrt_tensor& c) {
  if (c.rank < 0 || c.rank > HRT_MAX_RANK)
    fail(HRT_ERROR_BAD_DATA, "rank {} is outside 0 to {}", c.rank, HRT_MAX_RANK);
  if (c.dtype <= HRT_UNDEFINED || c.dtype >= HRT_DTYPE_COUNT)
    fail(HRT_ERROR_BAD_DATA, "unknown element type {}", c.dtype);
  const std::span<const int64_t> dims(c.dims, size_t(c.rank));
  const uint64_t bytes = tensor_bytes(c.dtype, dims);
  if (c.bytes != bytes)
    fail(HRT_ERROR_BAD_DATA, "{} bytes of data for a {} tensor of shape {}, which has {}", c.bytes,
         dtype_name(c.dtype), dims_to_string(dims), bytes);
  if (bytes > 0 && !c.data) fail(HRT_ERROR_BAD_DATA, "a tensor of {} bytes without data", bytes);
  Tensor t = allocate(c.dtype, Dims(dims.begin(), dims.end()));
  if (c.dtype == HRT_STRING) {
    const auto* strings = static_cast<const hrt_str*>(c.data);
    for (uint64_t i = 0; i < bytes / sizeof(hrt_str); ++i)
      t.set_string(i, {strings[i].data, strings[i].size});
  } else if (bytes > 0) {
    std::memcpy(t.data_, c.data, bytes);
  }
  return t;
}

std::string_view Tensor::string(uint64_t i) const {
  const hrt_str& s = static_cast<const hrt_str*>(data_)[i];
  return {s.data, s.size};
}

void Tensor::set_string(uint64_t i, std::string_view text) {
  if (dtype_ != HRT_STRING || i >= size()) fail(HRT_ERROR_BAD_DATA, "string element {} is out of range", i);
  auto& strings = *static_cast<Strings*>(const_cast<void*>(owner_.get()));
  strings.texts[i] = text;
  strings.views[i] = {strings.texts[i].data(), strings.texts[i].size()};
}

Tensor Tensor::reshaped(Dims dims) const {
  Tensor t = *this;
  if (element_count(dims) != size())
    fail(HRT_ERROR_BAD_DATA, "shape {} cannot become {}", dims_to_string(dims_), dims_to_string(dims));
  t.dims_ = std::move(dims);
  return t;
}

hrt_tensor Tensor::c() const {
  return {sizeof(hrt_tensor), dtype_, int32_t(dims_.size()), dims_.data(), data_, bytes_, nullptr};
}

bool identical(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims()) return false;
  if (a.dtype() == HRT_STRING) {
    for (uint64_t i = 0, n = a.size(); i < n; ++i)
      if (a.string(i) != b.string(i)) return false;
    return true;
  }
  return a.bytes() == 0 || a.data() == b.data() || std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

}  // namespace hrt
