// SPDX-License-Identifier: Apache-2.0
// Bytes as a file that can be mapped, without touching a disk.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>

namespace hrt::test {

class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("fuzz", 0)) {}
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(fd_); }
  void write(std::span<const uint8_t> bytes) const {
    if (::ftruncate(fd_, off_t(bytes.size())) != 0 ||
        ::pwrite(fd_, bytes.data(), bytes.size(), 0) != ssize_t(bytes.size()))
      std::abort();
  }

 private:
  int fd_;
};

}  // namespace hrt::test
