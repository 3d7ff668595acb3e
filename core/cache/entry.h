// SPDX-License-Identifier: Apache-2.0
// The bytes of one file of the cache: a header with the sizes and a checksum of all that follows it, then the
// space, the whole key (a file's name is only its hash), and what was stored. Numbers are the machine's own:
// a file from a machine of the other byte order has another magic number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace hrt {

enum class EntryState {
  kFound,
  kOther,    // whole, but of another key
  kDamaged,  // not what was written
};

struct Entry {
  EntryState state;
  std::span<const std::byte> data;  // kFound: inside the bytes that were read
};

// Whatever the bytes are.
Entry read_entry(std::span<const std::byte> file, std::string_view space, std::string_view key);

std::vector<std::byte> make_entry(std::string_view space, std::string_view key,
                                  std::span<const std::byte> data);

}  // namespace hrt
