// SPDX-License-Identifier: Apache-2.0
// Does a file look like an ONNX model?
#pragma once

#include <cstdint>

namespace hrt::importer {

// 0: no; 100: surely. Reads the fields at the start of the file by protobuf's wire format, no more than a
// page of them.
int probe(const void* data, uint64_t size);

}  // namespace hrt::importer
