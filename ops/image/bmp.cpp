// SPDX-License-Identifier: Apache-2.0
// Windows bitmaps: a file header of 14 bytes, an information header that begins with its own size, an
// optional palette, and rows padded to 4 bytes, bottom row first unless the height is negative.
#include <bit>
#include <tuple>

#include "codec.h"

namespace hrt::image {
namespace {

struct Info {
  uint32_t width, height;
  bool top_down;
  uint32_t bits;
  uint64_t palette, palette_entry;  // where, and bytes of one
  uint32_t palette_size;
  uint32_t masks[3];  // 16 and 32 bits: red, green, blue
};

Info read_info(const Bytes& file) {
  constexpr uint32_t kRgb = 0, kBitFields = 3;
  constexpr uint32_t kCore = 12;  // size of the oldest information header
  const uint32_t size = file.u32(14);
  Info info{};
  uint32_t compression = kRgb;
  if (size == kCore) {
    info.width = file.u16(18);
    info.height = file.u16(20);
    info.bits = file.u16(24);
  } else {
    const auto height = int32_t(file.u32(22));
    info.width = file.u32(18);
    info.top_down = height < 0;
    info.height = height < 0 ? 0u - uint32_t(height) : uint32_t(height);
    info.bits = file.u16(28);
    compression = file.u32(30);
  }
  check_picture_size(info.width, info.height);
  if (compression != kRgb && compression != kBitFields)
    unsupported("compressed BMP pictures are not supported");
  if (info.bits == 16)
    std::tie(info.masks[0], info.masks[1], info.masks[2]) = std::tuple(0x7c00, 0x3e0, 0x1f);
  if (info.bits == 32)
    std::tie(info.masks[0], info.masks[1], info.masks[2]) = std::tuple(0xff0000, 0xff00, 0xff);
  if (compression == kBitFields)
    for (uint32_t i = 0; i < 3; ++i) info.masks[i] = file.u32(54 + i * 4);
  info.palette = 14 + uint64_t(size);
  info.palette_entry = size == kCore ? 3 : 4;
  if (info.bits <= 8) {
    const uint32_t used = size == kCore ? 0 : file.u32(46);
    info.palette_size = used == 0 ? 1u << info.bits : used;
    if (info.palette_size > 256) fail("broken BMP: a palette of ", info.palette_size);
  }
  return info;
}

// A field of a pixel, scaled to 8 bits.
uint8_t field(uint32_t pixel, uint32_t mask) {
  if (mask == 0) return 0;
  const uint32_t most = mask >> std::countr_zero(mask);
  return uint8_t((uint64_t(pixel & mask) >> std::countr_zero(mask)) * 255 / most);
}

}  // namespace

bool is_bmp(std::span<const std::byte> file) {
  return file.size() >= 26 && file[0] == std::byte{'B'} && file[1] == std::byte{'M'};
}

Picture decode_bmp(std::span<const std::byte> bytes) {
  const Bytes file(bytes, "BMP");
  const Info info = read_info(file);
  if (info.bits != 1 && info.bits != 4 && info.bits != 8 && info.bits != 16 && info.bits != 24 &&
      info.bits != 32)
    unsupported("BMP pictures of ", info.bits, " bits are not supported");
  const uint64_t row_bytes = (uint64_t(info.width) * info.bits + 31) / 32 * 4;
  const uint64_t data = file.u32(10);
  file.sub(data, row_bytes * info.height);

  Picture picture{info.width, info.height, std::vector<uint8_t>(size_t(info.width) * info.height * 3)};
  for (uint64_t y = 0; y < info.height; ++y) {
    const Bytes row(file.sub(data + (info.top_down ? y : info.height - 1 - y) * row_bytes, row_bytes), "BMP");
    uint8_t* out = &picture.rgb[y * info.width * 3];
    for (uint64_t x = 0; x < info.width; ++x, out += 3) {
      if (info.bits <= 8) {
        const uint64_t bit = x * info.bits;
        const uint32_t index = row.u8(bit / 8) >> (8 - info.bits - bit % 8) & ((1u << info.bits) - 1);
        if (index >= info.palette_size) fail("broken BMP: a colour outside the palette");
        const uint64_t entry = info.palette + index * info.palette_entry;
        for (uint32_t c = 0; c < 3; ++c) out[c] = uint8_t(file.u8(entry + 2 - c));
      } else if (info.bits == 24) {
        for (uint32_t c = 0; c < 3; ++c) out[c] = uint8_t(row.u8(x * 3 + 2 - c));
      } else {
        const uint32_t pixel = info.bits == 16 ? row.u16(x * 2) : row.u32(x * 4);
        for (uint32_t c = 0; c < 3; ++c) out[c] = field(pixel, info.masks[c]);
      }
    }
  }
  return picture;
}

}  // namespace hrt::image
