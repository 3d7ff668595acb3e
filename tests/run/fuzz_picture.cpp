// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: pictures. Seeds: data/*.png, *.jpg, *.bmp.
//
//     fuzz_picture CORPUS_DIR tests/run/data
#include "apps/hrt-run/lib/picture.h"
#include "core/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    hrt::decode_picture(std::as_bytes(std::span(data, size)));
  } catch (const hrt::Error&) {
  }
  return 0;
}
