// SPDX-License-Identifier: Apache-2.0
// Pictures (PNG, JPEG, BMP) as inputs: decoding, resizing, and conversion to a tensor.
//
// Colours are taken as they are stored: no colour management, gamma or Exif orientation; transparency is
// dropped; 16 bits are cut to 8. That is what Pillow's convert("RGB") and OpenCV give. [any-thread]
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/tensor/tensor.h"

namespace hrt {

struct Picture {
  uint32_t width = 0;
  uint32_t height = 0;
  std::vector<uint8_t> rgb;  // height x width x 3
};

enum class Layout { kNchw, kNhwc };
enum class Color { kRgb, kBgr, kGray };

Layout parse_layout(std::string_view text);  // NCHW, NHWC; throws HRT_ERROR_USAGE
Color parse_color(std::string_view text);    // RGB, BGR, GRAY

struct PictureOptions {
  // Per channel, or one for all: a pixel x, 0 to 255, becomes (x - mean) / std.
  std::vector<double> mean;
  std::vector<double> std;
  std::optional<Layout> layout;  // empty: channels last where only the last dimension can be channels
  std::optional<Color> color;    // empty: RGB for three channels, GRAY for one
  bool resize = false;           // to the size that the input has
};

// Throws HRT_ERROR_BAD_DATA naming the file for what is broken, truncated, or over 2^26 pixels.
Picture read_picture(const std::filesystem::path& path);
// The same, by what the bytes are.
Picture decode_picture(std::span<const std::byte> file);

// Bilinear; when shrinking, over all the pixels that fall into one (as Pillow's BILINEAR).
Picture resized(const Picture& picture, uint32_t width, uint32_t height);

// The picture as an input of this type (rank 4 with batch, rank 3, rank 2 for gray; dimensions that are no
// numbers follow the picture, a batch becomes 1). Integers are rounded and held to their range. Throws
// HRT_ERROR_BAD_DATA when it does not fit, naming both sizes.
Tensor picture_tensor(const Picture& picture, const Type& type, const PictureOptions& options);

}  // namespace hrt
