// SPDX-License-Identifier: Apache-2.0
#include "core/cache/cache.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/cache/entry.h"
#include "core/execute/plugin_cache.h"
#include "core/plugin/host.h"

#include <hrt/cache.h>

namespace hrt {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

constexpr uint64_t kPlenty = 1 << 30;

Bytes bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

Bytes contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return bytes_of(text);
}

void overwrite(const fs::path& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  out.close();
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
}

class CacheTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "hrt-cache-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root = name;
    directory = root / "a" / "hrt";
  }
  void TearDown() override {
    std::error_code ignored;
    fs::permissions(root, fs::perms::owner_all, ignored);
    fs::remove_all(root, ignored);
  }
  size_t files() const {
    return size_t(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
  }

  fs::path root, directory;
};

TEST_F(CacheTest, WhatWasStoredComesBackInAnotherProcessToo) {
  const std::string key("binary\0key\n", 11);
  EXPECT_EQ(Cache(directory, kPlenty).load("p", key), std::nullopt);
  EXPECT_FALSE(fs::exists(directory)) << "made before anything was stored";
  Cache(directory, kPlenty).store("p", key, bytes_of("first"));
  Cache(directory, kPlenty).store("p", key, bytes_of("second"));
  Cache(directory, kPlenty).store("p", "empty", {});
  Cache other(directory, kPlenty);
  EXPECT_EQ(other.load("p", key), bytes_of("second"));
  EXPECT_EQ(other.load("p", "empty"), Bytes());
  EXPECT_EQ(other.load("p", "binary"), std::nullopt) << "the key ended at its first zero";
  EXPECT_EQ(other.load("q", key), std::nullopt) << "the space is no part of the key";
  EXPECT_EQ(other.load("pbinary", std::string_view(key).substr(6)), std::nullopt);
  struct stat info{};
  ASSERT_EQ(::stat(directory.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(CacheTest, AChangeOfAnyByteIsFoundOutAndTheFileRemoved) {
  Cache cache(directory, kPlenty);
  cache.store("space", "key", bytes_of("some data"));
  const fs::path file = cache.file_of("space", "key");
  const Bytes whole = contents(file);
  ASSERT_GT(whole.size(), 40u);
  for (size_t i = 0; i < whole.size(); ++i)
    for (const unsigned change : {0x01u, 0x80u, 0xffu}) {
      Bytes damaged = whole;
      damaged[i] ^= std::byte(change);
      overwrite(file, damaged);
      EXPECT_EQ(cache.load("space", "key"), std::nullopt) << "byte " << i;
      EXPECT_FALSE(fs::exists(file)) << "byte " << i;
    }
  overwrite(file, whole);
  EXPECT_EQ(cache.load("space", "key"), bytes_of("some data"));
}

TEST_F(CacheTest, AFileOfAnyOtherLengthIsFoundOut) {
  Cache cache(directory, kPlenty);
  cache.store("space", "key", bytes_of("some data"));
  const fs::path file = cache.file_of("space", "key");
  Bytes bytes = contents(file);
  bytes.push_back(std::byte(0));
  overwrite(file, bytes);
  EXPECT_EQ(cache.load("space", "key"), std::nullopt);
  bytes.pop_back();
  while (!bytes.empty()) {
    bytes.pop_back();
    overwrite(file, bytes);
    EXPECT_EQ(cache.load("space", "key"), std::nullopt) << bytes.size() << " bytes";
    EXPECT_FALSE(fs::exists(file));
  }
}

TEST_F(CacheTest, AnotherKeysFileUnderThisNameIsNotTaken) {
  Cache cache(directory, kPlenty);
  cache.store("space", "key", bytes_of("mine"));
  overwrite(cache.file_of("space", "key"), make_entry("space", "another key", bytes_of("theirs")));
  EXPECT_EQ(cache.load("space", "key"), std::nullopt);
  cache.store("space", "key", bytes_of("mine"));
  EXPECT_EQ(cache.load("space", "key"), bytes_of("mine"));
}

TEST_F(CacheTest, ALinkOrAFileThatOthersMayWriteIsNotRead) {
  Cache cache(directory, kPlenty);
  cache.store("s", "k", bytes_of("data"));
  const fs::path file = cache.file_of("s", "k");
  fs::permissions(file, fs::perms::group_write, fs::perm_options::add);
  EXPECT_EQ(cache.load("s", "k"), std::nullopt);
  fs::permissions(file, fs::perms::group_write, fs::perm_options::remove);
  EXPECT_EQ(cache.load("s", "k"), bytes_of("data"));
  fs::rename(file, root / "elsewhere");
  fs::create_symlink(root / "elsewhere", file);
  EXPECT_EQ(cache.load("s", "k"), std::nullopt);
}

TEST_F(CacheTest, TheBoundHoldsAndWhatWasReadLastStays) {
  constexpr uint64_t kLimit = 200'000;
  Cache cache(directory, kLimit);
  const Bytes data(20'000);
  const auto name = [](int i) { return "entry " + std::to_string(i); };
  for (int i = 0; i < 40; ++i) {
    cache.store("s", name(i), data);
    // File times have the resolution of the kernel's clock tick.
    ::usleep(12'000);
    EXPECT_EQ(cache.load("s", name(0)), data) << "used all the time, and yet gone after " << i;
    uint64_t sum = 0;
    for (const auto& file : fs::directory_iterator(directory)) sum += file.file_size();
    EXPECT_LE(sum, kLimit);
  }
  EXPECT_EQ(cache.load("s", name(39)), data);
  EXPECT_EQ(cache.load("s", name(1)), std::nullopt);
  EXPECT_GE(files(), 6u) << "far more was thrown away than had to be";
}

TEST_F(CacheTest, WhatIsLargerThanTheBoundIsNotKeptAndTheRestStays) {
  Cache cache(directory, 100'000);
  cache.store("s", "small", bytes_of("data"));
  cache.store("s", "large", Bytes(100'000));
  EXPECT_EQ(cache.load("s", "large"), std::nullopt);
  EXPECT_EQ(cache.load("s", "small"), bytes_of("data"));
}

TEST_F(CacheTest, WhatAWriterLeftWhoDiedIsSweptAndFilesOfOthersAreLeftAlone) {
  Cache cache(directory, 50'000);
  cache.store("s", "k", bytes_of("data"));
  overwrite(directory / "abandoned.hrtc.1.0.tmp", Bytes(10));
  overwrite(directory / "fresh.hrtc.1.0.tmp", Bytes(10));
  overwrite(directory / "notes.txt", Bytes(100'000));
  const timespec old[] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (directory / "abandoned.hrtc.1.0.tmp").c_str(), old, 0), 0);
  cache.store("s", "k2", bytes_of("data"));
  EXPECT_FALSE(fs::exists(directory / "abandoned.hrtc.1.0.tmp"));
  EXPECT_TRUE(fs::exists(directory / "fresh.hrtc.1.0.tmp"));
  EXPECT_TRUE(fs::exists(directory / "notes.txt"));
  EXPECT_EQ(cache.load("s", "k"), bytes_of("data"));
}

TEST_F(CacheTest, ADirectoryThatOthersMayWriteToIsRefusedOnceAndForAll) {
  fs::create_directories(directory);
  Cache first(directory, kPlenty);
  first.store("s", "k", bytes_of("data"));
  fs::permissions(directory, fs::perms::others_write, fs::perm_options::add);
  Cache cache(directory, kPlenty);
  testing::internal::CaptureStderr();
  EXPECT_EQ(cache.load("s", "k"), std::nullopt);
  EXPECT_EQ(cache.load("s", "k"), std::nullopt);
  cache.store("s", "k2", bytes_of("data"));
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(files(), 1u);
  EXPECT_NE(text.find("may be written by others"), std::string::npos) << text;
  EXPECT_EQ(text.find("warning"), text.rfind("warning")) << text;
}

TEST_F(CacheTest, WhereNothingCanBeWrittenThereIsOneWarningAndReadingGoesOn) {
  Cache(directory, kPlenty).store("s", "k", bytes_of("data"));
  // A name that is no directory's: nobody can make one there, root neither.
  overwrite(root / "file", {});
  Cache nowhere(root / "file" / "hrt", kPlenty);
  testing::internal::CaptureStderr();
  nowhere.store("s", "k", bytes_of("data"));
  nowhere.store("s", "k", bytes_of("data"));
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("cannot be made"), std::string::npos) << text;
  EXPECT_EQ(text.find("warning"), text.rfind("warning")) << text;

  if (::geteuid() == 0) return;  // root may write to any directory
  fs::permissions(directory, fs::perms::owner_read | fs::perms::owner_exec);
  Cache cache(directory, kPlenty);
  testing::internal::CaptureStderr();
  cache.store("s", "k2", bytes_of("data"));
  cache.store("s", "k2", bytes_of("data"));
  text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("warning"), text.rfind("warning")) << text;
  EXPECT_EQ(cache.load("s", "k"), bytes_of("data"));
  fs::permissions(directory, fs::perms::owner_all);
}

TEST_F(CacheTest, WithoutADirectoryOrRoomNothingIsKept) {
  Cache none("", kPlenty), no_room(directory, 0);
  for (Cache* cache : {&none, &no_room}) {
    cache->store("s", "k", bytes_of("data"));
    EXPECT_EQ(cache->load("s", "k"), std::nullopt);
  }
  EXPECT_FALSE(fs::exists(directory));
}

// Writes one key over and over, reads it back, and says whether it ever saw anything but a whole entry.
int hammer(const fs::path& directory, char letter) {
  Cache cache(directory, 300'000);
  for (int round = 0; round < 300; ++round) {
    cache.store("s", "shared", Bytes(size_t(letter - 'a') * 7919 + size_t(round), std::byte(letter)));
    cache.store("s", std::string(1, letter) + std::to_string(round), Bytes(5'000));
    const auto found = cache.load("s", "shared");
    if (!found || found->empty()) continue;  // the bound may have taken it
    for (const std::byte b : *found)
      if (b != found->front()) return 1;
  }
  return 0;
}

TEST_F(CacheTest, ProcessesThatWriteAndTrimAtTheSameTimeSeeWholeEntriesAlone) {
  std::vector<pid_t> children;
  for (const char letter : {'a', 'b', 'c'}) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(hammer(directory, letter));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  for (const auto& file : fs::directory_iterator(directory))
    EXPECT_EQ(file.path().extension(), ".hrtc") << "a temporary was left";
}

TEST_F(CacheTest, PluginsReachItThroughTheHostsTable) {
  provide_cache_interface(std::make_shared<Cache>(directory, kPlenty));
  const auto* api = static_cast<const hrt_cache_api*>(host_table().get_interface("hrt.host.cache/1"));
  ASSERT_NE(api, nullptr);
  const hrt_str key{"k", 1};
  std::string got = "nothing";
  const auto take = [](void* user, const void* data, size_t size) {
    *static_cast<std::string*>(user) = std::string(static_cast<const char*>(data), size);
  };
  EXPECT_EQ(api->load("plugin", key, take, &got), nullptr);
  EXPECT_EQ(got, "nothing");
  api->store("plugin", key, "data", 4);
  EXPECT_EQ(api->load("plugin", key, take, &got), nullptr);
  EXPECT_EQ(got, "data");
  EXPECT_EQ(Cache(directory, kPlenty).load("plugin", "k"), bytes_of("data"));
  provide_cache_interface(std::make_shared<Cache>("", kPlenty));
}

}  // namespace
}  // namespace hrt
