// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: hrt.toml.
//
//     fuzz_config CORPUS_DIR
#include "core/base/error.h"
#include "core/execute/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hrt::Config config;
  try {
    hrt::read_config(config, {reinterpret_cast<const char*>(data), size}, "/fuzz/hrt.toml");
    hrt::config_entries(config);
  } catch (const hrt::Error& e) {
    // Whatever is wrong in a file, the message says in which.
    if (!e.message().starts_with("/fuzz/hrt.toml")) __builtin_trap();
  }
  return 0;
}
