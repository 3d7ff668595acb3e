// SPDX-License-Identifier: Apache-2.0
#include "core/execute/config.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "files.h"

namespace hrt {
namespace {

using namespace test;

std::string error_in(std::string_view toml) {
  Config config;
  return error_of([&] { read_config(config, toml, "/etc/test.toml"); });
}

Config config_of(std::string_view toml) {
  Config config;
  read_config(config, toml, "/etc/hrt/test.toml");
  return config;
}

class Variable {  // of the environment, for the length of a test
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(Config, ReadsEveryKey) {
  const Config c = config_of(R"(
    [plugins]
    directories = ["/opt/acme", "beside"]
    [devices]
    order = ["vulkan", "cpu"]
    fallback = "deny"
    [backend.cpu]
    winograd = "never"
    tile = 6
    [passes]
    pipeline = ["a", "b"]
    disable = "b"
    [execution]
    threads = 3
    memory_limit = "2GiB"
    plan_cache = 1
    device_timeout = 250
    [cache]
    directory = "cache"
    [log]
    level = "error"
  )");
  EXPECT_EQ(c.plugin_directories, (std::vector<std::filesystem::path>{"/opt/acme", "/etc/hrt/beside"}));
  EXPECT_EQ(c.devices, (std::vector<std::string>{"vulkan", "cpu"}));
  EXPECT_EQ(c.fallback, Fallback::kDeny);
  EXPECT_EQ(c.backend_options.at("cpu").at("winograd"), "never");
  EXPECT_EQ(c.backend_options.at("cpu").at("tile"), "6");
  EXPECT_EQ(c.passes, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(c.disabled_passes, (std::vector<std::string>{"b"}));
  EXPECT_EQ(c.threads, 3u);
  EXPECT_EQ(c.memory_limit, uint64_t(2) << 30);
  EXPECT_EQ(c.plan_cache, 1u);
  EXPECT_EQ(c.device_timeout, 250u);
  EXPECT_EQ(c.cache_directory, "/etc/hrt/cache");
  EXPECT_EQ(c.log_level, HRT_LOG_ERROR);
}

TEST(Config, KnowsWhereValuesCameFrom) {
  const Config c = config_of("\n[execution]\nthreads = 3\n[backend.npu]\n\nmode = true\n");
  EXPECT_EQ(c.origins.at("execution.threads"), "/etc/hrt/test.toml:3");
  EXPECT_EQ(c.origins.at("backend.npu.mode"), "/etc/hrt/test.toml:6");
  EXPECT_EQ(c.origins.count("execution.plan_cache"), 0u);
}

TEST(Config, NamesTheNearestKeyLineAndFile) {
  EXPECT_EQ(error_in("[execution]\nthread = 1\n"),
            "/etc/test.toml:2: unknown key \"execution.thread\", did you mean \"execution.threads\"?");
  EXPECT_EQ(error_in("[exection]\n"),
            "/etc/test.toml:1: unknown key \"exection\", did you mean \"execution\"?");
  EXPECT_EQ(error_in("zzzzz = 1\n"), "/etc/test.toml:1: unknown key \"zzzzz\"");
}

TEST(Config, RefusesWrongTypesAndValues) {
  EXPECT_EQ(error_in("[execution]\n\nthreads = \"four\""),
            "/etc/test.toml:3: execution.threads takes a whole number");
  for (const char* text : {"[execution]\nthreads = -1",
                           "[execution]\nthreads = 1.5",
                           "[execution]\nthreads = [1]",
                           "[execution]\nthreads = 100000",
                           "[execution]\nmemory_limit = \"2GB\"",
                           "[execution]\nmemory_limit = -1",
                           "[execution]\ndevice_timeout = 0",
                           "[execution]\nmemory_limit = \"99999999999TiB\"",
                           "[devices]\nfallback = \"never\"",
                           "[devices]\nfallback = [\"allow\"]",
                           "[devices]\norder = []",
                           "[devices]\norder = [1]",
                           "[devices]\norder = [\"auto\", \"cpu\"]",
                           "[log]\nlevel = 3",
                           "[log]\nlevel = \"loud\"",
                           "plugins = 1",
                           "[backend]\ncpu = 1",
                           "[backend.cpu]\nlist = [1]",
                           "[backend.cpu.more]\nx = 1",
                           "execution.threads.x = 1",
                           "[plugins]\ndirectories = {a = 1}"})
    EXPECT_TRUE(error_in(text).starts_with("/etc/test.toml:")) << text << ": " << error_in(text);
}

TEST(Config, NamesTheLineOfASyntaxError) {
  EXPECT_TRUE(error_in("[log]\nlevel = = 1\n").starts_with("/etc/test.toml:2: "))
      << error_in("[log]\nlevel = = 1\n");
  EXPECT_NE(error_in(std::string(2 << 20, '\n')), "");
  EXPECT_NE(error_in("x = " + std::string(100000, '[')), "");
  EXPECT_NE(error_in("\xff\xfe"), "");
  EXPECT_NE(error_in("[+x]"), "");  // these two are beyond the parser's own expectations
  EXPECT_NE(error_in("\xd1\x84\xd0\xa4 = 1"), "");
}

TEST(Config, EnvironmentOverridesTheFileAndFlagsBoth) {
  const TemporaryDirectory directory;
  const auto file =
      directory.write("hrt.toml", "[execution]\nthreads = 1\nplan_cache = 2\n[devices]\norder = \"cpu\"");
  const Variable threads("HRT_THREADS", "2");
  const Variable devices("HRT_DEVICES", "hetero:npu,cpu");
  Config c = load_config(file);
  EXPECT_EQ(c.threads, 2u);
  EXPECT_EQ(c.origins["execution.threads"], "$HRT_THREADS");
  EXPECT_EQ(c.devices, (std::vector<std::string>{"npu", "cpu"}));
  EXPECT_EQ(c.origins["execution.plan_cache"], file.string() + ":3");
  set_config(c, "execution.threads", {"4"}, "--threads");
  EXPECT_EQ(c.threads, 4u);
  EXPECT_EQ(c.origins["execution.threads"], "--threads");
}

TEST(Config, NamesTheVariableThatIsWrong) {
  const Variable threads("HRT_THREADS", "many");
  EXPECT_TRUE(error_of([] { load_config(); }).starts_with("$HRT_THREADS: "))
      << error_of([] { load_config(); });
}

TEST(Config, IsFoundByVariableAndInTheHomeDirectory) {
  const TemporaryDirectory directory;
  std::filesystem::create_directories(directory / "hrt");
  directory.write("hrt/hrt.toml", "[execution]\nthreads = 5");
  const auto other = directory.write("other.toml", "[execution]\nthreads = 6");
  const Variable home("XDG_CONFIG_HOME", directory.path().string());
  EXPECT_EQ(load_config().threads, 5u);
  const Variable named("HRT_CONFIG", other.string());
  EXPECT_EQ(load_config().threads, 6u);
}

TEST(Config, IsNotReadFromTheWorkingDirectory) {
  const TemporaryDirectory directory;
  directory.write("hrt.toml", "[execution]\nthreads = 7");
  const Variable home("XDG_CONFIG_HOME", (directory / "none").string());
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  EXPECT_NE(load_config().threads, 7u);
  std::filesystem::current_path(before);
}

TEST(Config, RefusesANamedFileThatIsNotThere) {
  EXPECT_NE(error_of([] { load_config("/no/such/hrt.toml"); }).find("/no/such/hrt.toml"), std::string::npos);
}

TEST(Config, ListsEveryKeyWithItsOrigin) {
  const auto entries =
      config_entries(config_of("[execution]\nmemory_limit = \"64KiB\"\n[backend.cpu]\na = 1.5"));
  size_t found = 0;
  for (const ConfigEntry& e : entries) {
    found += e.key == "execution.memory_limit" && e.items[0] == "65536" && e.origin == "/etc/hrt/test.toml:2";
    found += e.key == "backend.cpu.a" && e.items[0] == "1.5" && e.origin == "/etc/hrt/test.toml:4";
    found += e.key == "log.level" && e.items[0] == "warn" && e.origin == "default";
  }
  EXPECT_EQ(found, 3u);
}

TEST(Config, TheCacheIsFoundMovedBoundedAndSwitchedOff) {
  const TemporaryDirectory directory;
  const auto empty = directory.write("hrt.toml", "");
  {
    const Variable home("XDG_CACHE_HOME", "/some/caches");
    EXPECT_EQ(Config().cache_directory, "/some/caches/hrt");
    const Variable elsewhere("XDG_CACHE_HOME", "relative/is/ignored");
    const Variable user("HOME", "/me");
    EXPECT_EQ(Config().cache_directory, "/me/.cache/hrt");
    const Variable named("HRT_CACHE_DIR", "/from/variable");
    EXPECT_EQ(load_config(empty).cache_directory, "/from/variable");
    const Variable off("HRT_CACHE_DIR", "");
    EXPECT_EQ(load_config(empty).cache_directory, "");
  }
  EXPECT_EQ(config_of("[cache]\ndirectory = \"\"").cache_directory, "");
  EXPECT_EQ(config_of("").cache_limit, uint64_t(1) << 30);
  EXPECT_EQ(config_of("[cache]\nlimit = \"2MiB\"").cache_limit, uint64_t(2) << 20);
  EXPECT_EQ(config_of("[cache]\nlimit = 4096").cache_limit, 4096u);
  EXPECT_NE(error_in("[cache]\nlimit = \"much\""), "");
}

TEST(Config, ParsesDevices) {
  using List = std::vector<std::string>;
  EXPECT_EQ(parse_devices("cpu"), (List{"cpu"}));
  EXPECT_EQ(parse_devices("hetero:vulkan:1,cpu"), (List{"hetero:vulkan:1", "cpu"}));
  Config c;
  EXPECT_EQ(c.sharing, Sharing::kRanked);
  set_config(c, "devices.order", parse_devices("hetero:vulkan:1,cpu"), "--device");
  EXPECT_EQ(c.devices, (List{"vulkan:1", "cpu"}));
  EXPECT_EQ(c.sharing, Sharing::kCost);
  set_config(c, "devices.order", parse_devices("vulkan,cpu"), "--device");
  EXPECT_EQ(c.sharing, Sharing::kOrder);
  EXPECT_EQ(config_of("[devices]\norder = \"hetero:a,b\"").sharing, Sharing::kCost);
  EXPECT_EQ(config_of("[devices]\norder = \"hetero:a,b\"").devices, (List{"a", "b"}));
  EXPECT_EQ(config_of("[devices]\npolicy = \"energy\"").policy, Policy::kEnergy);
  EXPECT_THROW(set_config(c, "devices.policy", {"speed"}, "--policy"), Error);
  EXPECT_THROW(set_config(c, "devices.order", parse_devices("hetero:auto"), "--device"), Error);
  EXPECT_THROW(set_config(c, "devices.order", parse_devices("hetero:"), "--device"), Error);
  EXPECT_THROW(set_config(c, "devices.order", parse_devices("cpu,"), "--device"), Error);
  EXPECT_THROW(set_config(c, "devices.order", parse_devices(""), "--device"), Error);
}

}  // namespace
}  // namespace hrt
