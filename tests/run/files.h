// SPDX-License-Identifier: Apache-2.0
// The files in data/ (see make_data.py), and files that a test makes and that vanish with it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace hrt::test {

std::filesystem::path data_file(const std::string& name);
std::vector<std::byte> read_bytes(const std::filesystem::path& path);
std::vector<std::byte> bytes_of(std::string_view text);

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::filesystem::path write(const std::string& name, std::string_view text) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The message of the hrt::Error that f throws; "" when it throws none.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.message();
  }
  return {};
}

// Calls f on the file cut off at every length, and with every byte changed in some ways: it may throw
// hrt::Error, and nothing else may happen. Gives how many of the shortened ones were accepted.
template <class F>
size_t survive_damage(const std::vector<std::byte>& file, F&& f) {
  size_t accepted = 0;
  const auto attempt = [&](const std::vector<std::byte>& bytes) {
    try {
      f(bytes);
      return true;
    } catch (const Error&) {
      return false;
    }
  };
  for (size_t n = 0; n < file.size(); ++n)
    accepted += attempt(std::vector<std::byte>(file.begin(), file.begin() + ptrdiff_t(n)));
  for (size_t i = 0; i < file.size(); ++i) {
    for (const unsigned change : {0x01u, 0x80u, 0xffu}) {
      std::vector<std::byte> damaged = file;
      damaged[i] ^= std::byte(change);
      attempt(damaged);
    }
  }
  return accepted;
}

}  // namespace hrt::test
