// SPDX-License-Identifier: Apache-2.0
#include "core/base/hash.h"

#include <sys/types.h>

#include <sha2.h>
#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>  // XXH3_64bits then uses AVX2 or AVX-512 where the machine has it
#endif

namespace hrt {

uint64_t xxh3(std::span<const std::byte> bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string sha256_hex(std::span<const std::byte> bytes) {
  char text[SHA256_DIGEST_STRING_LENGTH];
  SHA256Data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), text);
  return text;
}

}  // namespace hrt
