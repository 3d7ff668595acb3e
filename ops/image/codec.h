// SPDX-License-Identifier: Apache-2.0
// Decoders of picture formats, each to 8-bit RGB. All throw HRT_ERROR_BAD_DATA on anything broken: a
// picture that is cut off is not filled up. Sizes are checked before memory is taken.
//
// Colours are taken as they are stored: no colour management, gamma or orientation; transparency is
// dropped; 16 bits are cut to 8. [any-thread]
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <hrt/plugin.hpp>

namespace hrt::image {

using namespace sdk;

struct Picture {
  uint32_t width = 0;
  uint32_t height = 0;
  std::vector<uint8_t> rgb;  // height x width x 3
};

constexpr uint64_t kPixelLimit = 1u << 26;  // 8192 x 8192

// A black picture. Throws unless both are at least 1 and there are at most kPixelLimit pixels.
Picture make_picture(uint64_t width, uint64_t height);
void check_picture_size(uint64_t width, uint64_t height);

using File = std::span<const std::byte>;

bool is_png(File file);
bool is_jpeg(File file);
bool is_bmp(File file);
bool is_pnm(File file);
bool is_tiff(File file);
bool is_webp(File file);
bool is_jpeg2000(File file);

Picture decode_png(File file);
Picture decode_jpeg(File file);
Picture decode_bmp(File file);   // uncompressed ones of 1, 4, 8, 16, 24 and 32 bits
Picture decode_pnm(File file);   // P1 to P6
Picture decode_tiff(File file);  // the first picture
Picture decode_webp(File file);
Picture decode_jpeg2000(File file);  // files and bare code streams

// Little-endian numbers out of a file; throws beyond its end.
class Bytes {
 public:
  Bytes(File bytes, const char* format) : bytes_(bytes), format_(format) {}
  uint32_t u8(uint64_t at) const { return uint32_t(sub(at, 1)[0]); }
  uint32_t u16(uint64_t at) const { return u8(at) | u8(at + 1) << 8; }
  uint32_t u32(uint64_t at) const { return u16(at) | u16(at + 2) << 16; }
  File sub(uint64_t at, uint64_t count) const {
    require(at <= bytes_.size() && count <= bytes_.size() - at, "broken ", format_, ": the file is cut off");
    return bytes_.subspan(at, count);
  }
  uint64_t size() const { return bytes_.size(); }

 private:
  File bytes_;
  const char* format_;
};

}  // namespace hrt::image
