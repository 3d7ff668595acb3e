// SPDX-License-Identifier: Apache-2.0
// Compiled kernels that were damaged, or forged, in the cache: the answer is the same, and they are made
// anew.
#include <sys/stat.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>

#include "core/base/log.h"
#include "core/cache/entry.h"
#include "tests/gpu/own_runtime.h"

namespace hrt::test {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<std::byte>;

Bytes contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

void overwrite(const fs::path& path, const Bytes& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
}

// Whose file it is, as its header tells.
struct Parts {
  std::string space, key;
  Bytes data;
};
Parts parts_of(const Bytes& file) {
  std::array<uint64_t, 5> header{};  // entry.cpp: magic, checksum, sizes of space, key, data
  if (file.size() < sizeof header) return {};
  std::memcpy(header.data(), file.data(), sizeof header);
  const auto* const text = reinterpret_cast<const char*>(file.data()) + sizeof header;
  Parts parts{std::string(text, header[2]), std::string(text + header[2], header[3]), {}};
  parts.data.assign(file.end() - ptrdiff_t(header[4]), file.end());
  return parts;
}

Bytes noise(size_t bytes) {
  Bytes out(bytes);
  uint32_t state = 12345;
  for (std::byte& b : out) b = std::byte((state = state * 1664525 + 1013904223) >> 24);
  return out;
}

class KernelCache : public OwnRuntime {
 protected:
  // In a runtime of its own, which stores what it compiled when it ends at the latest. Returns the log.
  std::string run() {
    set_log_level(HRT_LOG_DEBUG);
    testing::internal::CaptureStderr();
    start();
    {
      Session session(*runtime, three_products(), on({GetParam()}, Fallback::kDeny));
      expect_right(*session.make_request());
    }
    runtime.reset();
    set_log_level(HRT_LOG_WARN);
    return testing::internal::GetCapturedStderr();
  }
  std::map<fs::path, Bytes> files() const {
    std::map<fs::path, Bytes> all;
    for (const auto& entry : fs::directory_iterator(cache.path / "hrt"))
      all[entry.path()] = contents(entry.path());
    return all;
  }
  // Files that are stored again are other files.
  std::map<fs::path, ino_t> inodes() const {
    std::map<fs::path, ino_t> all;
    for (const auto& [path, bytes] : files()) {
      struct stat info{};
      if (::stat(path.c_str(), &info) == 0) all[path] = info.st_ino;
    }
    return all;
  }
  static void expect_whole(const std::map<fs::path, Bytes>& files) {
    for (const auto& [path, bytes] : files) {
      const Parts parts = parts_of(bytes);
      EXPECT_EQ(read_entry(bytes, parts.space, parts.key).state, EntryState::kFound) << path;
    }
  }
  // Every file becomes what forge makes of it; then two runs, of which the second finds all in order.
  void expect_rebuilt(const std::function<Bytes(const Bytes&)>& forge) {
    run();
    const auto first = files();
    ASSERT_FALSE(first.empty()) << "nothing was kept";
    expect_whole(first);
    for (const auto& [path, bytes] : first) overwrite(path, forge(bytes));
    run();
    const auto second = files();
    expect_whole(second);
    for (const auto& [path, bytes] : first) {
      ASSERT_TRUE(second.contains(path)) << path << " was not made anew";
      EXPECT_EQ(parts_of(second.at(path)).key, parts_of(bytes).key);
    }
    const auto places = inodes();
    const std::string log = run();
    // A driver of Vulkan keeps one file for all its pipelines, which is written at every end.
    if (GetParam() == std::string("opencl")) EXPECT_EQ(inodes(), places) << "compiled again, and stored";
    for (const char* const complaint : {"damaged", "does not load", "built anew"})
      EXPECT_EQ(log.find(complaint), std::string::npos) << log;
    expect_whole(files());
  }
};

TEST_P(KernelCache, FilesOverwrittenInTheMiddleAreMadeAnew) {
  expect_rebuilt([](Bytes bytes) {
    std::fill_n(bytes.begin() + ptrdiff_t(bytes.size() / 2), std::min<size_t>(8, bytes.size() / 2),
                std::byte(0x5a));
    return bytes;
  });
}

TEST_P(KernelCache, FilesCutShortAreMadeAnew) {
  expect_rebuilt([](Bytes bytes) {
    bytes.resize(bytes.size() / 2);
    return bytes;
  });
}

TEST_P(KernelCache, EmptiedFilesAreMadeAnew) {
  expect_rebuilt([](const Bytes&) { return Bytes(); });
}

TEST_P(KernelCache, FilesOfOtherKernelsAreNotTakenForTheirs) {
  expect_rebuilt([](const Bytes& bytes) {
    const Parts parts = parts_of(bytes);
    return make_entry(parts.space, parts.key + "another", parts.data);
  });
}

// The checksum is right, so that the driver gets the bytes.
TEST_P(KernelCache, BytesThatAreNoKernelAreRefusedByTheDriver) {
  expect_rebuilt([](const Bytes& bytes) {
    const Parts parts = parts_of(bytes);
    return make_entry(parts.space, parts.key, noise(parts.data.size()));
  });
}

TEST_P(KernelCache, AKernelThatWasCutShortIsRefusedByTheDriver) {
  if (GetParam() == std::string("opencl"))
    GTEST_SKIP()
        << "PoCL 3.1 reads on behind the end of a binary that begins as one of its own: who may write "
           "the cache, checksums included, may have anything executed";
  expect_rebuilt([](const Bytes& bytes) {
    const Parts parts = parts_of(bytes);
    return make_entry(parts.space, parts.key, std::span(parts.data).first(parts.data.size() / 2));
  });
}

INSTANTIATE_TEST_SUITE_P(Gpu, KernelCache, devices(), device_name);

}  // namespace
}  // namespace hrt::test
