// SPDX-License-Identifier: Apache-2.0
// Decoders of picture formats, each to 8-bit RGB. All throw HRT_ERROR_BAD_DATA on anything broken: a
// picture that is cut off is not filled up. Sizes are checked before memory is taken.
#pragma once

#include <cstdint>
#include <span>

#include "apps/hrt-run/lib/picture.h"

namespace hrt {

constexpr uint64_t kPixelLimit = 1u << 26;  // 8192 x 8192

// Throws unless both are at least 1 and there are at most kPixelLimit pixels.
void check_picture_size(uint64_t width, uint64_t height);

bool is_png(std::span<const std::byte> file);
bool is_jpeg(std::span<const std::byte> file);
bool is_bmp(std::span<const std::byte> file);

Picture decode_png(std::span<const std::byte> file);
Picture decode_jpeg(std::span<const std::byte> file);
// Uncompressed ones of 1, 4, 8, 16, 24 and 32 bits.
Picture decode_bmp(std::span<const std::byte> file);

}  // namespace hrt
