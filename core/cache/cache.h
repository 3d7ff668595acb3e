// SPDX-License-Identifier: Apache-2.0
// A directory of small results worth keeping from one process to the next, shared by any number of
// processes. Files are written whole or not at all, verified when read, and removed when damaged; those that
// were not read for longest go when all of them take more than the limit.
//
// Nothing here fails for the caller: what cannot be read is not there, what cannot be written is logged
// (once, and not tried again). A directory that others may write to is not used at all, for what lies in it
// is executed by devices. [any-thread]
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hrt {

class Cache {
 public:
  // The directory is made when something is first stored. Empty, or a limit of 0: nothing is kept.
  Cache(std::filesystem::path directory, uint64_t limit_bytes);

  // space: whose key it is. The pair is any bytes.
  std::optional<std::vector<std::byte>> load(std::string_view space, std::string_view key);
  void store(std::string_view space, std::string_view key, std::span<const std::byte> data);

  // The file of a key, whether or not it is there.
  std::filesystem::path file_of(std::string_view space, std::string_view key) const;

 private:
  bool make_directory();
  bool trusted();
  void give_up(std::string_view why);
  void give_up_writing(std::string_view why);
  void trim() const;

  std::filesystem::path directory_;
  uint64_t limit_;
  std::atomic<bool> off_;
  std::atomic<bool> read_only_{false};
};

// $XDG_CACHE_HOME/hrt, ~/.cache/hrt; empty where neither is known, or privileges were raised.
std::filesystem::path default_cache_directory();

}  // namespace hrt
