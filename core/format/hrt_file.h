// SPDX-License-Identifier: Apache-2.0
// The .hrt file: a graph in the runtime's own form, loaded by mapping it.
//
//   0    "HRTMODEL"                  8 bytes
//   8    version of the layout       u32, 1
//   12   zero                        u32
//   16   offset, size of the model   u64, u64   a FlatBuffer (model.fbs), 64-byte aligned
//   32   XXH3 of the model           u64
//   40   offset, size of the data    u64, u64   4096-byte aligned, up to the end of the file
//   56   XXH3 of bytes 0 to 55       u64
//
// All numbers are little-endian. Everything is verified before the first byte is used: header, checksums,
// the FlatBuffer's own structure, ids, sizes, and that every tensor lies inside the data.
#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "core/base/mapped_file.h"
#include "core/graph/graph.h"

namespace hrt {

bool is_hrt_file(std::span<const std::byte> start);

// Tensors stay in the mapping, which lives as long as they do. Throws HRT_ERROR_BAD_DATA with the reason,
// HRT_ERROR_UNSUPPORTED for a version that is not known.
std::unique_ptr<Graph> read_hrt_file(const std::shared_ptr<const MappedFile>& file);

// Whole or not at all. The same graph gives the same bytes.
void write_hrt_file(const Graph& graph, const std::filesystem::path& path);

}  // namespace hrt
