// SPDX-License-Identifier: Apache-2.0
#include "core/cache/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/mapped_file.h"
#include "core/cache/entry.h"

namespace hrt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSuffix = ".hrtc";
constexpr const char* kTemporary = ".tmp";  // write_file_atomically's
constexpr time_t kAbandoned = 3600;         // seconds after which nobody is still writing one
constexpr uint64_t kFileOverhead = 4096;    // a file takes a block more than it holds, about
constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;

bool ours(const struct stat& info) {
  return (info.st_uid == ::geteuid() || info.st_uid == 0) && (info.st_mode & kOthersWrite) == 0;
}

// The bytes of a regular file that nobody else may write. Read and not mapped: a file that is cut short under
// a mapping kills its reader.
std::optional<std::vector<std::byte>> read_file(const fs::path& path, uint64_t most) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return {};
  std::optional<std::vector<std::byte>> bytes;
  struct stat info{};
  if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && ours(info) && uint64_t(info.st_size) <= most) {
    bytes.emplace(size_t(info.st_size));
    size_t done = 0;
    while (done < bytes->size()) {
      const ssize_t n = ::read(fd, bytes->data() + done, bytes->size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      done += size_t(n);
    }
    bytes->resize(done);
  }
  ::close(fd);
  return bytes;
}

const char* variable(const char* name) {
  const char* text = ::secure_getenv(name);
  return text && *text ? text : nullptr;
}

}  // namespace

Cache::Cache(fs::path directory, uint64_t limit_bytes)
    : directory_(std::move(directory)), limit_(limit_bytes), off_(directory_.empty() || limit_bytes == 0) {}

fs::path Cache::file_of(std::string_view space, std::string_view key) const {
  std::string name = fmt::format("{}:{}", space.size(), space);
  name += key;
  return directory_ / (sha256_hex(std::as_bytes(std::span(name))) + kSuffix);
}

void Cache::give_up(std::string_view why) {
  if (!off_.exchange(true)) log_warn("cache", "{}: {}; nothing is kept", directory_.string(), why);
}

void Cache::give_up_writing(std::string_view why) {
  if (!read_only_.exchange(true)) log_warn("cache", "{}: {}; nothing new is kept", directory_.string(), why);
}

// Of a directory that is there.
bool Cache::trusted() {
  struct stat info{};
  if (::stat(directory_.c_str(), &info) != 0) return false;
  if (!S_ISDIR(info.st_mode))
    give_up("is not a directory");
  else if (info.st_mode & kOthersWrite)
    give_up("may be written by others");
  else if (!ours(info))
    give_up("belongs to another user");
  return !off_;
}

bool Cache::make_directory() {
  int error = 0;
  std::error_code ignored;
  if (!fs::exists(directory_, ignored)) {
    fs::path path;
    for (const fs::path& part : directory_) {
      path /= part;
      error = ::mkdir(path.c_str(), 0700) == 0 ? 0 : errno;
    }
  }
  if (error != 0 && error != EEXIST)  // EEXIST: another process was faster
    return give_up_writing(fmt::format("cannot be made: {}", std::strerror(error))), false;
  return trusted();
}

std::optional<std::vector<std::byte>> Cache::load(std::string_view space, std::string_view key) {
  if (off_ || !trusted()) return {};
  const fs::path path = file_of(space, key);
  std::optional<std::vector<std::byte>> file = read_file(path, limit_);
  if (!file) return {};
  const Entry entry = read_entry(*file, space, key);
  if (entry.state == EntryState::kDamaged) {
    log_debug("cache", "{}: damaged; removed", path.string());
    ::unlink(path.c_str());
  }
  if (entry.state != EntryState::kFound) return {};
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);  // it was needed now
  file->erase(file->begin(), file->end() - ptrdiff_t(entry.data.size()));
  return file;
}

void Cache::store(std::string_view space, std::string_view key, std::span<const std::byte> data) {
  if (off_ || read_only_) return;
  const std::vector<std::byte> file = make_entry(space, key, data);
  if (file.size() + kFileOverhead > limit_) {
    log_debug("cache", "{} bytes of {} are over the limit of {}; not kept", file.size(), space, limit_);
    return;
  }
  if (!make_directory()) return;
  try {
    // Not flushed to the disk: what a power cut damages is found out by its checksum.
    const std::span<const std::byte> parts[] = {file};
    write_file_atomically(file_of(space, key), parts, {.permissions = 0600, .flush = false});
  } catch (const Error& e) {
    return give_up_writing(e.message());
  }
  trim();
}

// Removes what was not used for longest until the rest fits, and what writers left who did not come to an
// end. Another process may do the same at the same time: then a little more goes than had to.
void Cache::trim() const {
  struct File {
    fs::path path;
    uint64_t bytes;
    timespec used;
  };
  std::vector<File> files;
  uint64_t total = 0;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::error_code error;
  for (fs::directory_iterator it(directory_, error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    const bool temporary = path.extension() == kTemporary;
    struct stat info{};
    if ((!temporary && path.extension() != kSuffix) || ::lstat(path.c_str(), &info) != 0) continue;
    if (temporary && now.tv_sec - info.st_mtim.tv_sec > kAbandoned) {
      ::unlink(path.c_str());
      continue;
    }
    total += uint64_t(info.st_size) + kFileOverhead;
    if (!temporary) files.push_back({path, uint64_t(info.st_size) + kFileOverhead, info.st_mtim});
  }
  if (total <= limit_) return;
  std::ranges::sort(files, [](const File& a, const File& b) {
    return a.used.tv_sec != b.used.tv_sec ? a.used.tv_sec < b.used.tv_sec : a.used.tv_nsec < b.used.tv_nsec;
  });
  for (const File& f : files) {
    if (total <= limit_) break;
    ::unlink(f.path.c_str());
    total -= f.bytes;
  }
}

fs::path default_cache_directory() {
  for (const auto& [name, below] : {std::pair("XDG_CACHE_HOME", "hrt"), std::pair("HOME", ".cache/hrt")})
    if (const char* place = variable(name); place && fs::path(place).is_absolute())
      return fs::path(place) / below;
  return {};
}

}  // namespace hrt
