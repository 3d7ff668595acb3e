// SPDX-License-Identifier: Apache-2.0
#include "codec.h"

namespace hrt::image {

void check_picture_size(uint64_t width, uint64_t height) {
  require(width >= 1 && height >= 1 && width <= kPixelLimit && height <= kPixelLimit &&
              width * height <= kPixelLimit,
          "a picture of ", width, "x", height, " pixels is empty or over the limit of ", kPixelLimit,
          " pixels");
}

Picture make_picture(uint64_t width, uint64_t height) {
  check_picture_size(width, height);
  return {uint32_t(width), uint32_t(height), std::vector<uint8_t>(size_t(width * height * 3))};
}

}  // namespace hrt::image
