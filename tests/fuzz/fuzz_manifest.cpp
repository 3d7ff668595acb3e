// SPDX-License-Identifier: Apache-2.0
// The reader of plugins' manifests: whatever the text, an error or a manifest whose library lies beside it.
#include <cstdio>
#include <cstring>

#include "core/base/error.h"
#include "core/plugin/manifest.h"
#include "tests/fuzz/memory_file.h"

namespace {

constexpr char kSeed[] = R"({"id": "a.b", "version": "1.0.0", "kinds": ["backend", "ops"], "abi": 1,
 "arch": "x86_64", "library": "b.so", "provides": "cpu", "rank": -1, "cpu_features": ["avx2"],
 "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"})";

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max, unsigned int) {
  if (size < 8 && max >= sizeof(kSeed) - 1) {
    std::memcpy(data, kSeed, sizeof(kSeed) - 1);
    return sizeof(kSeed) - 1;
  }
  return LLVMFuzzerMutate(data, size, max);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const hrt::test::MemoryFile memory;
  memory.write({data, size});
  try {
    const hrt::Manifest m = hrt::read_manifest(memory.path());
    if (m.library.parent_path() != m.file.parent_path() || m.id.empty()) std::abort();
  } catch (const hrt::Error& e) {
    if (e.code() != HRT_ERROR_BAD_DATA) {
      std::fprintf(stderr, "%s\n", e.what());
      std::abort();
    }
  }
  return 0;
}
