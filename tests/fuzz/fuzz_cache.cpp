// SPDX-License-Identifier: Apache-2.0
// The reader of the cache's files: whatever the bytes, nothing, or data that lies inside them and was stored
// under this key.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/base/hash.h"
#include "core/cache/entry.h"

namespace {

constexpr size_t kChecksumAt = 8, kSummedAt = 16;

// The checksum that the bytes should have: without it no change gets past the first test.
void mend(uint8_t* data, size_t size) {
  if (size < kSummedAt) return;
  const uint64_t sum = hrt::xxh3({reinterpret_cast<const std::byte*>(data) + kSummedAt, size - kSummedAt});
  std::memcpy(data + kChecksumAt, &sum, sizeof sum);
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max, unsigned int seed) {
  if (size < kSummedAt) {
    const auto whole = hrt::make_entry("space", "key", std::as_bytes(std::span("some data")));
    if (whole.size() > max) return size;
    std::memcpy(data, whole.data(), whole.size());
    return whole.size();
  }
  size = LLVMFuzzerMutate(data, size, max);
  if (seed % 8 != 0) mend(data, size);
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte*>(data), size);
  const hrt::Entry entry = hrt::read_entry(file, "space", "key");
  if (entry.state != hrt::EntryState::kFound) {
    if (!entry.data.empty()) std::abort();
    return 0;
  }
  // There is one way to write an entry.
  if (!std::ranges::equal(file, hrt::make_entry("space", "key", entry.data))) std::abort();
  return 0;
}
