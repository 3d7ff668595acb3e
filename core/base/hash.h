// SPDX-License-Identifier: Apache-2.0
// Checksums: XXH3 against accidents, SHA-256 for what a manifest promises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hrt {

uint64_t xxh3(std::span<const std::byte> bytes);
std::string sha256_hex(std::span<const std::byte> bytes);  // 64 lower-case digits

}  // namespace hrt
