// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include <webp/decode.h>

#include "codec.h"

namespace hrt::image {

bool is_webp(File file) {
  return file.size() >= 12 && std::memcmp(file.data(), "RIFF", 4) == 0 &&
         std::memcmp(file.data() + 8, "WEBP", 4) == 0;
}

Picture decode_webp(File file) {
  const auto* data = reinterpret_cast<const uint8_t*>(file.data());
  int width = 0, height = 0;
  require(WebPGetInfo(data, file.size(), &width, &height), "broken WebP: no header");
  Picture p = make_picture(uint64_t(width), uint64_t(height));
  require(WebPDecodeRGBInto(data, file.size(), p.rgb.data(), p.rgb.size(), width * 3) != nullptr,
          "broken WebP");
  return p;
}

}  // namespace hrt::image
