// SPDX-License-Identifier: Apache-2.0
#include "probe.hpp"

#include <algorithm>
#include <optional>

namespace hrt::importer {

namespace {

constexpr uint64_t kLook = 4096;

std::optional<uint64_t> varint(const uint8_t* data, uint64_t end, uint64_t& at) {
  uint64_t v = 0;
  for (int shift = 0; at < end && shift < 64; shift += 7) {
    const uint8_t b = data[at++];
    v |= uint64_t(b & 0x7f) << shift;
    if (!(b & 0x80)) return v;
  }
  return std::nullopt;
}

// The fields of ModelProto, and how each is written.
enum Wire : uint64_t { kVarint = 0, kBytes = 2, kNone = 7 };
Wire wire_of(uint64_t field) {
  switch (field) {
    case 1:  // ir_version
    case 5:  // model_version
      return kVarint;
    case 2:   // producer_name
    case 3:   // producer_version
    case 4:   // domain
    case 6:   // doc_string
    case 7:   // graph
    case 8:   // opset_import
    case 14:  // metadata_props
    case 20:  // training_info
    case 25:  // functions
    case 26:  // configuration
      return kBytes;
    default: return kNone;
  }
}

}  // namespace

int probe(const void* data, uint64_t size) {
  const auto* bytes = static_cast<const uint8_t*>(data);
  const uint64_t end = std::min(size, kLook);
  bool ir_version = false, content = false;
  for (uint64_t at = 0; at < end;) {
    const auto tag = varint(bytes, end, at);
    if (!tag || wire_of(*tag >> 3) != (*tag & 7)) return 0;
    const auto value = varint(bytes, end, at);
    if (!value) return 0;
    if (*tag >> 3 == 1) ir_version = *value >= 1 && *value < 1000;
    if (*tag >> 3 == 7 || *tag >> 3 == 8) content = true;
    if ((*tag & 7) != kBytes) continue;
    if (*value > size - at) return ir_version ? 40 : 0;  // cut short, or something else
    at += *value;
  }
  return ir_version && content ? 95 : ir_version || content ? 50 : 0;
}

}  // namespace hrt::importer
