// SPDX-License-Identifier: Apache-2.0
// What is wrong with a plugin before it does anything: refused, with the reason, and the rest works on.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/abi/plugins.h"
#include "tests/core/builder.h"

namespace hrt {
namespace {

namespace fs = std::filesystem;
using test::PluginFolder;

// The plugin NAME was refused for a reason that has all parts in it, and the others do their work.
void expect_refused(const PluginFolder& folder, const std::string& name,
                    std::initializer_list<const char*> parts) {
  const auto runtime = folder.runtime();
  const Plugin& p = folder.plugin(*runtime, name);
  EXPECT_EQ(p.state, PluginState::kRefused) << name;
  for (const char* part : parts)
    EXPECT_NE(p.reason.find(part), std::string::npos) << name << ": " << p.reason;
  const auto out = [&] {
    Session session(*runtime, test::small_graph(*runtime), test::on("reference"));
    const auto request = session.make_request();
    request->set_input(0, test::floats({10}, std::vector<float>(10, 2.0f)));
    request->run();
    return test::floats_of(request->output(0));
  }();
  EXPECT_EQ(out, std::vector<float>(10, -2.0f));
}

struct Refusal : ::testing::Test {
  PluginFolder folder;
};

TEST_F(Refusal, OfWhatTheEntryPointSays) {
  for (const char* name :
       {"null_query", "wrong_abi", "short_structure", "wrong_id", "no_id", "no_interfaces"})
    folder.add(name);
  expect_refused(folder, "null_query", {"does not work with this host's ABI"});
  expect_refused(folder, "wrong_abi", {"ABI 99", "this host has 1"});
  expect_refused(folder, "short_structure", {"too short"});
  expect_refused(folder, "no_interfaces", {"get_interface"});
  expect_refused(folder, "no_id", {"manifest structure"});
  expect_refused(folder, "wrong_id", {"test.somebody.else", "test.wrong_id"});
}

TEST_F(Refusal, OfAnInitThatFailsCarriesItsMessage) {
  folder.add("init_fails");
  expect_refused(folder, "init_fails", {"init failed", "the licence ran out"});
}

TEST_F(Refusal, OfALibraryWithoutTheSymbol) {
  folder.add_library("no_symbol", "silent");
  folder.add_manifest("silent");
  expect_refused(folder, "silent", {"does not export hrt_plugin_query"});
}

TEST_F(Refusal, OfALibraryThatLacksAnotherOne) {
  folder.add_library("undefined_symbol", "lonely");
  folder.add_manifest("lonely");
  expect_refused(folder, "lonely", {"nobody_defines_this"});
}

// The constructors of these libraries end the process: they must not even be mapped.
TEST_F(Refusal, OfWhatIsMadeForAnotherMachineComesBeforeItIsMapped) {
  folder.add("must_not_be_mapped_isa", {{"cpu_features", R"(["sse2", "quantum"])"}});
  folder.add("must_not_be_mapped_arch", {{"arch", "\"vax\""}});
  folder.add("must_not_be_mapped_abi", {{"abi", "2"}});
  folder.add("must_not_be_mapped_hash", {{"sha256", "\"" + std::string(64, '0') + "\""}});
  expect_refused(folder, "must_not_be_mapped_isa", {"CPU feature quantum"});
  expect_refused(folder, "must_not_be_mapped_arch", {"made for vax"});
  expect_refused(folder, "must_not_be_mapped_abi", {"ABI 2"});
  expect_refused(folder, "must_not_be_mapped_hash", {"sha256"});
}

TEST_F(Refusal, OfDamagedLibraries) {
  const fs::path cut = folder.add_library("misbehaving", "cut");
  fs::resize_file(cut, fs::file_size(cut) / 2);
  folder.add_manifest("cut");
  folder.write("stub.so",
               "\x7f"
               "ELF");
  folder.add_manifest("stub");
  folder.write("empty.so", "");
  folder.add_manifest("empty");
  folder.write("text.so", "#!/bin/sh\necho no library\n");
  folder.add_manifest("text");
  folder.add_manifest("absent");
  fs::create_directory(folder.path() / "folder.so");
  folder.add_manifest("folder", {{"sha256", "\"\""}});
  for (const char* name : {"cut", "stub", "empty", "text"})
    expect_refused(folder, name, {"not a shared library"});
  expect_refused(folder, "absent", {"missing"});
  expect_refused(folder, "folder", {"not a regular file"});
}

TEST_F(Refusal, OfLibrariesWhoseElfHeaderLies) {
  // Every byte of the header in turn, and the same checksum as the manifest's: whoever made the one made the
  // other. Whatever comes of it, this process goes on.
  const fs::path good = folder.add_library("misbehaving", "good");
  std::ifstream in(good, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  for (size_t i = 4; i < 64; i += 5) {
    std::string bad = bytes;
    bad[i] = char(bad[i] ^ 0xff);
    folder.write(fmt::format("elf{}.so", i), bad);
    folder.add_manifest(fmt::format("elf{}", i));
  }
  const auto runtime = folder.runtime();
  for (size_t i = 4; i < 64; i += 5)
    EXPECT_NE(folder.plugin(*runtime, fmt::format("elf{}", i)).state, PluginState::kFound);
  EXPECT_FALSE(runtime->registry().ops().empty());
}

TEST_F(Refusal, OfManifestsThatMakeNoSense) {
  folder.write("nojson.hrt.json", "id = 'x'");
  folder.write("nothing.hrt.json", "");
  folder.write("list.hrt.json", "[1, 2]");
  folder.write("deep.hrt.json", std::string(60'000, '['));
  folder.write("utf8.hrt.json", "{\"id\": \"\xff\xfe\"}");
  folder.write("huge.hrt.json", std::string(100'000, ' '));
  for (const char* name : {"nojson", "nothing", "list", "deep", "utf8"})
    expect_refused(folder, name, {"not a JSON object"});
  expect_refused(folder, "huge", {"64 KiB"});

  const std::map<std::string, std::vector<std::string>> wrong = {
      {"id", {"7", "null", "\"\"", ""}},
      {"kinds", {"\"backend\"", "[1]", "{}", ""}},
      {"abi", {"\"1\"", "1.5", "true", "-1", "4294967297", "18446744073709551615", ""}},
      {"arch", {"[]", ""}},
      {"rank", {"\"high\"", "1.5", "99999999999"}},
      {"cpu_features", {"\"avx2\"", "[[]]"}},
      {"sha256", {"0", ""}},
      {"library", {"\"../other.so\"", "\"/lib/x.so\"", "\"a/b.so\"", "\"..\"", "\".\"", "\"\"", "7", ""}}};
  for (const auto& [key, values] : wrong)
    for (size_t i = 0; i < values.size(); ++i) {
      const std::string name = fmt::format("must_not_be_mapped_{}{}", key, i);
      folder.add(name, {{key, values[i]}});
    }
  const auto runtime = folder.runtime();
  for (const auto& [key, values] : wrong)
    for (size_t i = 0; i < values.size(); ++i) {
      const Plugin& p = folder.plugin(*runtime, fmt::format("must_not_be_mapped_{}{}", key, i));
      EXPECT_EQ(p.state, PluginState::kRefused) << key << ": " << values[i];
      EXPECT_NE(p.reason.find(key), std::string::npos) << p.reason;
    }
}

TEST_F(Refusal, OfWhatOthersMayWriteTo) {
  folder.add("must_not_be_mapped_library");
  ::chmod((folder.path() / "must_not_be_mapped_library.so").c_str(), 0777);
  folder.add("must_not_be_mapped_manifest");
  ::chmod((folder.path() / "must_not_be_mapped_manifest.hrt.json").c_str(), 0664);
  expect_refused(folder, "must_not_be_mapped_library", {"may be written by others"});
  expect_refused(folder, "must_not_be_mapped_manifest", {"may be written by others"});

  PluginFolder open;
  open.add("must_not_be_mapped");
  ::chmod(open.path().c_str(), 0777);
  expect_refused(open, "must_not_be_mapped", {open.path().c_str(), "may be written by others"});
}

TEST_F(Refusal, OfLinksIntoFoldersThatOthersMayWriteTo) {
  PluginFolder open;
  open.add("must_not_be_mapped");
  ::chmod(open.path().c_str(), 0777);
  fs::create_symlink(open.path() / "must_not_be_mapped.hrt.json", folder.path() / "manifest.hrt.json");
  fs::create_symlink(open.path() / "must_not_be_mapped.so", folder.path() / "link.so");
  folder.add_manifest("link", {{"id", "\"test.must_not_be_mapped\""}});
  fs::create_symlink("nowhere", folder.path() / "dangling.hrt.json");
  fs::create_symlink("round.hrt.json", folder.path() / "round.hrt.json");
  expect_refused(folder, "manifest", {"may be written by others"});
  expect_refused(folder, "link", {"may be written by others"});
  expect_refused(folder, "dangling", {"dangling.hrt.json"});
  expect_refused(folder, "round", {"round.hrt.json"});
}

TEST_F(Refusal, NotOfLinksWithinFoldersOfTheUsersOwn) {
  PluginFolder elsewhere;
  elsewhere.add_library("misbehaving", "fine");
  fs::create_symlink(elsewhere.path() / "fine.so", folder.path() / "fine.so");
  folder.add_manifest("fine");
  const auto runtime = folder.runtime();
  EXPECT_EQ(folder.plugin(*runtime, "fine").state, PluginState::kLoaded)
      << folder.plugin(*runtime, "fine").reason;
}

TEST_F(Refusal, OfASecondPluginWithTheSameId) {
  folder.add("a");
  folder.add_library("misbehaving", "b");
  folder.add_manifest("b", {{"id", "\"test.a\""}});
  const auto runtime = folder.runtime();
  EXPECT_EQ(folder.plugin(*runtime, "a").state, PluginState::kLoaded);
  EXPECT_EQ(folder.plugin(*runtime, "b").state, PluginState::kRefused);
  EXPECT_NE(folder.plugin(*runtime, "b").reason.find("a.hrt.json"), std::string::npos);
}

// A first candidate that cannot be trusted must not keep a good one out.
TEST_F(Refusal, DoesNotReserveTheId) {
  PluginFolder open;
  open.add("twin");
  ::chmod(open.path().c_str(), 0777);
  folder.add("twin");
  RuntimeOptions options{{open.path(), folder.path()}, {}};
  Runtime runtime(options);
  EXPECT_EQ(open.plugin(runtime, "twin").state, PluginState::kRefused);
  EXPECT_EQ(folder.plugin(runtime, "twin").state, PluginState::kLoaded)
      << folder.plugin(runtime, "twin").reason;
}

TEST_F(Refusal, LeavesTheHighestRankThatLoads) {
  folder.add("high", {{"provides", "\"thing\""}, {"rank", "30"}});
  folder.add("middle", {{"provides", "\"thing\""}, {"rank", "20"}});
  folder.add("low", {{"provides", "\"thing\""}, {"rank", "10"}});
  {
    const auto runtime = folder.runtime();
    EXPECT_EQ(folder.plugin(*runtime, "high").state, PluginState::kLoaded);
    EXPECT_EQ(folder.plugin(*runtime, "middle").state, PluginState::kStandby);
    EXPECT_EQ(folder.plugin(*runtime, "low").state, PluginState::kStandby);
    EXPECT_NE(folder.plugin(*runtime, "low").reason.find("test.high"), std::string::npos);
  }
  folder.add_manifest("high", {{"provides", "\"thing\""}, {"rank", "30"}, {"cpu_features", "[\"quantum\"]"}});
  const auto runtime = folder.runtime();
  EXPECT_EQ(folder.plugin(*runtime, "high").state, PluginState::kRefused);
  EXPECT_EQ(folder.plugin(*runtime, "middle").state, PluginState::kLoaded);
  EXPECT_EQ(folder.plugin(*runtime, "low").state, PluginState::kStandby);
}

TEST_F(Refusal, OfADeviceNamesThePluginAndItsReason) {
  folder.add("init_fails", {{"provides", "\"wonder\""}});
  const auto runtime = folder.runtime();
  const auto failure = test::failure_of([&] { runtime->device("wonder"); });
  EXPECT_EQ(failure.code, HRT_ERROR_USAGE);
  for (const char* part : {"wonder", "init_fails.hrt.json", "the licence ran out"})
    EXPECT_NE(failure.message.find(part), std::string::npos) << failure.message;
}

TEST_F(Refusal, NotOfAPluginThatGivesOnlyWhatItMust) {
  folder.add("only_what_it_must");
  const auto runtime = folder.runtime();
  EXPECT_EQ(folder.plugin(*runtime, "only_what_it_must").state, PluginState::kLoaded)
      << folder.plugin(*runtime, "only_what_it_must").reason;
}

}  // namespace
}  // namespace hrt
