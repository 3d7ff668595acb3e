// SPDX-License-Identifier: Apache-2.0
#include "core/cache/entry.h"

#include <algorithm>
#include <cstring>

#include "core/base/checked.h"
#include "core/base/hash.h"

namespace hrt {
namespace {

constexpr uint64_t kMagic = 0x3130'4843'4354'5248;  // "HRTCCH01"

struct Header {
  uint64_t magic = kMagic;
  uint64_t checksum = 0;  // XXH3 of everything behind it
  uint64_t space_bytes = 0;
  uint64_t key_bytes = 0;
  uint64_t data_bytes = 0;
};
constexpr size_t kSummed = offsetof(Header, space_bytes);

bool equal(std::span<const std::byte> bytes, std::string_view text) {
  return std::ranges::equal(bytes, std::as_bytes(std::span(text)));
}

}  // namespace

Entry read_entry(std::span<const std::byte> file, std::string_view space, std::string_view key) {
  constexpr Entry kBroken{EntryState::kDamaged, {}};
  Header header;
  if (file.size() < sizeof header) return kBroken;
  std::memcpy(&header, file.data(), sizeof header);
  if (header.magic != kMagic || header.checksum != xxh3(file.subspan(kSummed))) return kBroken;
  std::span<const std::byte> rest = file.subspan(sizeof header);
  if (header.space_bytes > rest.size() || header.key_bytes > rest.size() - header.space_bytes ||
      header.data_bytes != rest.size() - header.space_bytes - header.key_bytes)
    return kBroken;
  const auto stored_space = rest.first(header.space_bytes);
  const auto stored_key = rest.subspan(header.space_bytes, header.key_bytes);
  if (!equal(stored_space, space) || !equal(stored_key, key)) return {EntryState::kOther, {}};
  return {EntryState::kFound, rest.last(header.data_bytes)};
}

std::vector<std::byte> make_entry(std::string_view space, std::string_view key,
                                  std::span<const std::byte> data) {
  Header header;
  header.space_bytes = space.size();
  header.key_bytes = key.size();
  header.data_bytes = data.size();
  std::vector<std::byte> file;
  file.reserve(checked_add(checked_add(sizeof header + space.size(), key.size()), data.size()));
  const auto append = [&](std::span<const std::byte> part) {
    file.insert(file.end(), part.begin(), part.end());
  };
  append(std::as_bytes(std::span(&header, 1)));
  append(std::as_bytes(std::span(space)));
  append(std::as_bytes(std::span(key)));
  append(data);
  header.checksum = xxh3(std::span(file).subspan(kSummed));
  std::memcpy(file.data(), &header, sizeof header);
  return file;
}

}  // namespace hrt
