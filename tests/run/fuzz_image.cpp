// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: the decoders of ImageDecoder. Seeds: tests/run/data/*.png, *.jpg, *.bmp, or any pictures.
//
//     fuzz_image CORPUS_DIR tests/run/data
#include "ops/image/codec.h"

namespace image = hrt::image;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  try {
    if (image::is_png(file)) image::decode_png(file);
    if (image::is_jpeg(file)) image::decode_jpeg(file);
    if (image::is_bmp(file)) image::decode_bmp(file);
    if (image::is_webp(file)) image::decode_webp(file);
    if (image::is_tiff(file)) image::decode_tiff(file);
    if (image::is_jpeg2000(file)) image::decode_jpeg2000(file);
    if (image::is_pnm(file)) image::decode_pnm(file);
  } catch (const hrt::sdk::Error&) {
  }
  return 0;
}
