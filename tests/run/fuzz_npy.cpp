// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: .npy files. The first byte chooses what the array is for. Seeds: data/*.npy.
//
//     fuzz_npy CORPUS_DIR tests/run/data
#include "apps/hrt-run/lib/npy.h"
#include "core/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  try {
    hrt::parse_npy(std::as_bytes(std::span(data + 1, size - 1)), data[0] % HRT_DTYPE_COUNT);
  } catch (const hrt::Error&) {
  }
  return 0;
}
