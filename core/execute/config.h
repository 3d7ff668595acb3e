// SPDX-License-Identifier: Apache-2.0
// The configuration: hrt.toml, overridden by the environment, overridden by flags; every value knows where
// it came from.
//
//     [plugins]
//     directories = ["/opt/acme/hrt"]      # searched first; relative ones lie beside this file
//     [devices]
//     order = ["cpu"]                      # in order of preference; "auto": all there are, the cheapest
//                                          # first; "hetero:A,B": split to where the whole costs least
//     policy = "latency"                   # "throughput", "energy", "memory": what cheap means
//     fallback = "allow"                   # "warn", "deny": what no device takes runs on the reference
//     [backend.cpu]                        # options of a backend, as it documents them
//     [passes]
//     pipeline = []                        # by name, in this order; empty: all that are there
//     disable = ["merge-reshapes"]
//     [execution]
//     threads = 0                          # 0: one per core
//     memory_limit = "4GiB"                # of tensors and plans, in this process; 0: three quarters of
//                                          # the machine's
//     plan_cache = 8                       # plans kept per session, by input shapes
//     device_timeout = 30000               # milliseconds of silence after which a device with a queue is
//     lost;
//                                          # ten times as long for opening and compiling
//     [cache]
//     directory = "/var/cache/hrt"         # compiled kernels and tuning; $XDG_CACHE_HOME/hrt or ~/.cache/hrt
//                                          # when it is not said, "": nothing is kept
//     limit = "1GiB"                       # what was not used for longest goes first
//     [log]
//     level = "warn"                       # "debug", "info", "error"
//
// The file is the first of: the one that is named, $HRT_CONFIG, $XDG_CONFIG_HOME/hrt/hrt.toml (~/.config
// when that is not set), /etc/hrt/hrt.toml. Never one from the working directory. Variables of the
// environment are ignored when privileges were raised. All errors are HRT_ERROR_USAGE and name the file with
// the line, the variable or the flag.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/cache/cache.h"
#include "core/execute/session.h"

namespace hrt {

struct Config {
  std::vector<std::filesystem::path> plugin_directories;
  std::vector<std::string> devices = {"auto"};
  Sharing sharing = Sharing::kRanked;  // "auto" is ranked, "hetero:" goes by cost
  Policy policy = Policy::kLatency;
  Fallback fallback = Fallback::kAllow;
  std::map<std::string, std::map<std::string, std::string>> backend_options;
  std::vector<std::string> passes;
  std::vector<std::string> disabled_passes;
  unsigned threads = 0;
  uint64_t memory_limit = 0;
  unsigned plan_cache = 8;
  unsigned device_timeout = 30'000;  // milliseconds
  std::filesystem::path cache_directory = default_cache_directory();
  uint64_t cache_limit = uint64_t(1) << 30;
  hrt_log_level log_level = HRT_LOG_WARN;

  // By key ("execution.threads"): "/etc/hrt/hrt.toml:12", "$HRT_THREADS", "--threads". What is not here
  // has its default.
  std::map<std::string, std::string> origins;
};

// Reads the file (see above; empty: the first that is there, or none) and the environment.
Config load_config(const std::filesystem::path& file = {});

// The same without the environment, from text. name: for messages and for relative directories.
void read_config(Config& config, std::string_view toml, const std::filesystem::path& name);

// Sets one key, as a flag does. A key that is no list takes one item.
void set_config(Config& config, std::string_view key, const std::vector<std::string>& items,
                const std::string& origin);

// "cpu", "auto", "vulkan,cpu", "hetero:vulkan,cpu" as the items of devices.order.
std::vector<std::string> parse_devices(std::string_view text);

// A key with its effective value, for people and machines.
struct ConfigEntry {
  enum class Kind { kText, kNumber, kList };
  std::string key;
  Kind kind;
  std::vector<std::string> items;  // one, unless it is a list
  std::string origin;              // "default", or as in Config::origins
};
std::vector<ConfigEntry> config_entries(const Config& config);

// What the configuration says, to the runtime and to a session. Here "auto" becomes the devices that there
// are, and names of passes are checked.
RuntimeOptions runtime_options(const Config& config);
SessionOptions session_options(const Config& config, Runtime& runtime);

}  // namespace hrt
