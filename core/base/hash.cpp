// SPDX-License-Identifier: Apache-2.0
#include "core/base/hash.h"

#include <sys/types.h>

#include <sha2.h>
#include <xxhash.h>

namespace hrt {

uint64_t xxh3(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string sha256_hex(std::span<const std::byte> bytes) {
  char text[SHA256_DIGEST_STRING_LENGTH];
  SHA256Data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), text);
  return text;
}

}  // namespace hrt
