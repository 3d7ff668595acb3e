// SPDX-License-Identifier: Apache-2.0
// A file mapped for reading. The mapping ends with the object; share it with a shared_ptr.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace hrt {

class MappedFile {
 public:
  // Throws HRT_ERROR_BAD_DATA naming the path when it is not a readable regular file.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);

  // A file named by untrusted text: relative must lead to a regular file beneath directory, without
  // "..", absolute parts or symbolic links on the way.
  static std::shared_ptr<const MappedFile> open_beneath(const std::filesystem::path& directory,
                                                        const std::filesystem::path& relative);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Maps every page now, in one go: for files that are about to be read whole.
  void populate() const;

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  MappedFile(std::filesystem::path path, const void* data, size_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  static std::shared_ptr<const MappedFile> map(int fd, const std::filesystem::path& path);

  std::filesystem::path path_;
  const void* data_;
  size_t size_;
};

struct WriteOptions {
  unsigned permissions = 0666;  // of the file, less what the process' umask takes
  bool flush = true;            // to the disk, before the file appears under its name
};

// Writes a file whole or not at all: into a temporary beside it, then renamed over it.
void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> parts,
                           const WriteOptions& options = {});

}  // namespace hrt
