// SPDX-License-Identifier: Apache-2.0
// A dense row-major tensor in host memory that shares its bytes: copying a Tensor copies no data.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "core/tensor/type.h"

namespace hrt {

constexpr size_t kAlignment = 64;  // of every tensor that the runtime allocates

// Host memory for tensors and arenas: aligned (address and size, to a power of two of at least kAlignment),
// counted, and refused with HRT_ERROR_MEMORY beyond the limit. [any-thread]
std::shared_ptr<void> allocate_bytes(uint64_t bytes, uint64_t alignment = kAlignment);
void set_memory_limit(uint64_t bytes);  // 0: none. The default is three quarters of the machine's memory.
uint64_t memory_in_use();
uint64_t memory_peak();  // most in use at once since the start

class Tensor {
 public:
  Tensor() = default;
  // New memory, zeroed; strings are empty. Throws on shapes that overflow, and over the limit.
  static Tensor allocate(hrt_dtype dtype, Dims dims);
  // Memory of someone else, kept alive by owner (may be empty: the caller sees to it). Not for strings.
  static Tensor view(hrt_dtype dtype, Dims dims, const void* data, std::shared_ptr<const void> owner);
  // A copy of what came over the ABI.
  static Tensor copy_of(const hrt_tensor& tensor);

  bool empty() const { return dtype_ == HRT_UNDEFINED; }  // no tensor at all, not one of zero elements
  hrt_dtype dtype() const { return dtype_; }
  const Dims& dims() const { return dims_; }
  uint64_t size() const { return element_count(dims_); }
  size_t bytes() const { return bytes_; }
  void* data() const { return data_; }
  template <class T>
  T* data_as() const {
    return static_cast<T*>(data_);
  }
  std::span<const std::byte> as_bytes() const { return {static_cast<const std::byte*>(data_), bytes_}; }
  Type type() const { return Type::tensor(dtype_, dims_); }
  const std::shared_ptr<const void>& owner() const { return owner_; }

  // Strings: data() is an array of hrt_str that set_string keeps up to date.
  std::string_view string(uint64_t i) const;
  void set_string(uint64_t i, std::string_view text);

  // The same elements under another shape; the counts must agree.
  Tensor reshaped(Dims dims) const;

  // The ABI's view; valid as long as this object is neither destroyed nor assigned to.
  hrt_tensor c() const;

 private:
  hrt_dtype dtype_ = HRT_UNDEFINED;
  Dims dims_;
  void* data_ = nullptr;
  size_t bytes_ = 0;
  std::shared_ptr<const void> owner_;
};

// Bitwise equal: type, shape and every byte (strings by text).
bool identical(const Tensor& a, const Tensor& b);

}  // namespace hrt
