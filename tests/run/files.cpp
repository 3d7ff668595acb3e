// SPDX-License-Identifier: Apache-2.0
#include "files.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace hrt::test {

std::filesystem::path data_file(const std::string& name) {
  return std::filesystem::path(HRT_RUN_DATA) / name;
}

std::vector<std::byte> read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return bytes_of(text);
}

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "hrt-test-XXXXXX").string();
  if (!::mkdtemp(pattern.data())) fail(HRT_ERROR_INTERNAL, "cannot make a temporary directory");
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path TemporaryDirectory::write(const std::string& name, std::string_view text) const {
  std::ofstream file(path_ / name, std::ios::binary);
  file << text;
  return path_ / name;
}

}  // namespace hrt::test
