// SPDX-License-Identifier: Apache-2.0
// The header of an .hrt file, as hrt_file.h documents it.
#pragma once

#include <bit>
#include <cstdint>

namespace hrt {

constexpr char kMagic[8] = {'H', 'R', 'T', 'M', 'O', 'D', 'E', 'L'};
constexpr uint32_t kVersion = 1;

struct FileHeader {
  char magic[8];
  uint32_t version;
  uint32_t zero;
  uint64_t model_offset;
  uint64_t model_size;
  uint64_t model_checksum;
  uint64_t data_offset;
  uint64_t data_size;
  uint64_t checksum;
};
static_assert(sizeof(FileHeader) == 64);
static_assert(std::endian::native == std::endian::little,
              "files are little-endian and used as they are mapped");

}  // namespace hrt
