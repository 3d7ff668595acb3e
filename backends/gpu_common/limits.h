// SPDX-License-Identifier: Apache-2.0
// What every driver refuses before it asks its interface: more than the device allows (HRT_ERROR_UNSUPPORTED:
// another device may do it), and calls that make no sense (HRT_ERROR_USAGE).
#pragma once

#include <charconv>

#include "backends/gpu_common/driver.h"

namespace hrt::gpu {

template <class... A>
[[noreturn]] void misuse(const A&... why) {
  throw sdk::Error(HRT_ERROR_USAGE, sdk::cat(why...));
}

// The value of an option that is a number of bytes.
inline uint64_t bytes_option(const std::string& name, const std::string& value) {
  uint64_t bytes = 0;
  const char* const end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data(), end, bytes);
  if (error != std::errc() || at != end || bytes == 0)
    misuse("option \"", name, "\" is a number of bytes, at least 1, not \"", value, "\"");
  return bytes;
}

[[noreturn]] inline void out_of_memory(const Caps& caps, uint64_t wanted, uint64_t used, uint64_t limit) {
  throw sdk::Error(HRT_ERROR_MEMORY, sdk::cat(caps.name, ": out of memory: ", wanted, " bytes are wanted, ",
                                              used, " of ", limit, " are in use by this device"));
}

// Option max_span: the device as one whose kernels reach no more than so many bytes of a tensor at once.
inline void limit_span(Caps& caps, uint64_t bytes) {
  constexpr uint64_t kLeast = 16384;
  if (bytes < kLeast || bytes > caps.max_span_bytes)
    misuse("option max_span = ", bytes, ": ", caps.name, " takes ", kLeast, " to ", caps.max_span_bytes,
           " bytes");
  caps.max_span_bytes = bytes;
}

inline void check_size(const Caps& caps, uint64_t bytes) {
  if (bytes == 0) misuse("a buffer of 0 bytes");
  if (bytes > caps.max_buffer_bytes)
    throw sdk::Error(HRT_ERROR_MEMORY, sdk::cat(caps.name, ": a buffer of ", bytes, " bytes is wanted, ",
                                                caps.max_buffer_bytes, " is the most"));
}

inline void check_import(const Caps& caps, const void* host, uint64_t bytes) {
  const uint64_t unit = caps.import_alignment;
  if (!unit) sdk::unsupported(caps.name, " cannot import host memory");
  if (!host || reinterpret_cast<uintptr_t>(host) % unit || bytes % unit)
    misuse("address and size (", bytes, ") of imported host memory must be multiples of ", unit);
  check_size(caps, bytes);
}

// Bytes of a buffer that exist.
inline void check_span(const Span& s) {
  if (!s.buffer) misuse("a span without a buffer");
  if (s.offset > s.buffer->bytes() || s.bytes > s.buffer->bytes() - s.offset)
    misuse(s.bytes, " bytes at ", s.offset, " do not lie in a buffer of ", s.buffer->bytes());
}

// Constants 0, 1 and 2 of a kernel.
inline std::array<uint32_t, 3> checked_group(const Caps& caps, const std::string& kernel,
                                             std::span<const int32_t> constants) {
  if (constants.size() < 3)
    sdk::unsupported("kernel ", kernel, ": constants 0, 1 and 2 are the work-group size; ", constants.size(),
                     " are given");
  std::array<uint32_t, 3> group{};
  uint64_t all = 1;
  for (size_t d = 0; d < 3; ++d) {
    if (constants[d] < 1 || uint32_t(constants[d]) > caps.max_group_sizes[d])
      sdk::unsupported("kernel ", kernel, ": a work-group of ", constants[d], " in dimension ", d,
                       ", the limit is ", caps.max_group_sizes[d]);
    group[d] = uint32_t(constants[d]);
    all *= group[d];  // below 2^31 times 2^32
    if (all > caps.max_group_size)
      sdk::unsupported("kernel ", kernel, ": a work-group of ", all, " invocations, the limit is ",
                       caps.max_group_size);
  }
  return group;
}

// A binding that a kernel reads as an image. An image over a part of a buffer is not asked for: drivers
// differ in whether they make one (PoCL does not).
inline void check_image(const Caps& caps, const Pipeline& p, size_t binding, const Span& s) {
  if (s.offset != 0 || s.bytes % p.texel_bytes)
    misuse("kernel ", p.name, ": binding ", binding, " of ", s.bytes, " bytes at ", s.offset,
           " is an image of texels of ", p.texel_bytes, " bytes and must begin where its buffer does");
  if (s.bytes / p.texel_bytes > caps.max_texels)
    sdk::unsupported("kernel ", p.name, ": binding ", binding, " is an image of ", s.bytes / p.texel_bytes,
                     " texels, the limit is ", caps.max_texels);
}

inline void check_dispatch(const Caps& caps, const Dispatch& d) {
  if (!d.pipeline) misuse("a dispatch without a pipeline");
  const Pipeline& p = *d.pipeline;
  if (d.buffers.size() != p.bindings)
    misuse("kernel ", p.name, " has ", p.bindings, " buffers, ", d.buffers.size(), " are given");
  if (d.push.size() > kPushWords)
    misuse("kernel ", p.name, ": ", d.push.size(), " push words, the limit is ", kPushWords);
  for (size_t i = 0; i < d.groups.size(); ++i)
    if (d.groups[i] == 0 || d.groups[i] > caps.max_groups[i])
      sdk::unsupported("kernel ", p.name, ": ", d.groups[i], " work-groups in dimension ", i,
                       ", the limit is ", caps.max_groups[i]);
  for (size_t i = 0; i < d.buffers.size(); ++i) {
    const Span& s = d.buffers[i];
    check_span(s);
    if (s.bytes == 0 || s.offset % caps.alignment)
      misuse("kernel ", p.name, ": binding ", i, " of ", s.bytes, " bytes at ", s.offset,
             " is empty or not aligned to ", caps.alignment);
    if (s.bytes > caps.max_span_bytes)
      sdk::unsupported("kernel ", p.name, ": binding ", i, " of ", s.bytes, " bytes, the limit is ",
                       caps.max_span_bytes);
    if (p.images >> i & 1) check_image(caps, p, i, s);
  }
}

}  // namespace hrt::gpu
