// SPDX-License-Identifier: Apache-2.0
#include "core/base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/base/error.h"

namespace hrt {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

[[noreturn]] void fail_errno(const std::filesystem::path& path, const char* what) {
  const int error = errno;
  fail(HRT_ERROR_BAD_DATA, "{}: {}: {}", path.string(), what, std::strerror(error));
}

// A new file with a name of its own and these permissions (mkstemp's are always narrow).
std::pair<std::string, Descriptor> create_beside(const std::filesystem::path& path, unsigned permissions) {
  static std::atomic<unsigned> next{0};
  for (int attempt = 0;; ++attempt) {
    std::string name = fmt::format("{}.{}.{}.tmp", path.string(), ::getpid(), next++);
    Descriptor fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, permissions));
    if (fd.get() >= 0) return {std::move(name), std::move(fd)};
    if (errno != EEXIST || attempt == 100) fail_errno(path, "cannot create a file beside");
  }
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::map(int fd, const std::filesystem::path& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) fail_errno(path, "cannot stat");
  if (!S_ISREG(info.st_mode)) fail(HRT_ERROR_BAD_DATA, "{}: not a regular file", path.string());
  const auto size = static_cast<size_t>(info.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) fail_errno(path, "cannot map");
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, data, size));
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) fail_errno(path, "cannot open");
  return map(fd.get(), path);
}

std::shared_ptr<const MappedFile> MappedFile::open_beneath(const std::filesystem::path& directory,
                                                           const std::filesystem::path& relative) {
  const auto where = directory / relative;
  if (relative.empty() || relative.is_absolute())
    fail(HRT_ERROR_BAD_DATA, "\"{}\" is not a relative path inside the model's directory", relative.string());
  Descriptor at(::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (at.get() < 0) fail_errno(directory, "cannot open directory");
  // Component by component, so that no link is followed on the way.
  for (auto part = relative.begin(); part != relative.end();) {
    const std::string name = part->string();
    if (name == "..") fail(HRT_ERROR_BAD_DATA, "\"{}\" leaves the model's directory", relative.string());
    const bool last = ++part == relative.end();
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (last ? O_NONBLOCK : O_DIRECTORY);
    Descriptor next(::openat(at.get(), name.c_str(), flags));
    if (next.get() < 0 && errno == ELOOP)
      fail(HRT_ERROR_BAD_DATA, "{}: is or passes a symbolic link", where.string());
    if (next.get() < 0) fail_errno(where, "cannot open");
    at = std::move(next);
  }
  return map(at.get(), where);
}

void MappedFile::populate() const {
#ifdef MADV_POPULATE_READ
  // Only faster, never needed: kernels before 5.14 refuse it.
  if (size_ > 0) ::madvise(const_cast<void*>(data_), size_, MADV_POPULATE_READ);
#endif
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<void*>(data_), size_);
}

void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> parts, const WriteOptions& options) {
  auto [temporary, fd] = create_beside(path, options.permissions);
  try {
    for (auto part : parts) {
      while (!part.empty()) {
        const ssize_t n = ::write(fd.get(), part.data(), part.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) fail_errno(path, "cannot write");
        part = part.subspan(size_t(n));
      }
    }
    if ((options.flush && ::fsync(fd.get()) != 0) || ::close(fd.release()) != 0)
      fail_errno(path, "cannot write");
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail_errno(path, "cannot rename onto");
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

}  // namespace hrt
