// SPDX-License-Identifier: Apache-2.0
// The runtime: plugins, opened devices, and the loading of models. One per process; outlives everything
// made from it. [any-thread]
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/execute/device.h"
#include "core/graph/graph.h"
#include "core/tensor/value.h"

namespace hrt {

struct RuntimeOptions {
  std::vector<std::filesystem::path> plugin_directories;  // searched in order; see default_plugin_directories
  // Per backend name: the options that its devices are opened with.
  std::map<std::string, std::map<std::string, std::string>> backend_options;
  // What plugins keep from one process to the next (hrt.host.cache/1); empty: nothing is kept.
  std::filesystem::path cache_directory = {};
  uint64_t cache_limit = uint64_t(1) << 30;  // bytes
  // A device with a queue that is silent for so long is lost.
  std::chrono::milliseconds device_timeout{30'000};
};

// $HRT_PLUGIN_PATH (colon-separated; ignored when privileges were raised), then the directory of installed
// plugins: ../lib beside the running executable, and the installation's lib/hrt.
std::vector<std::filesystem::path> default_plugin_directories();

class Runtime {
 public:
  explicit Runtime(RuntimeOptions options);
  ~Runtime();
  Runtime(const Runtime&) = delete;

  Registry& registry() { return *registry_; }
  std::vector<Device*> devices();
  // Those without a queue: the default. Listing the others starts their drivers, which takes tens of
  // milliseconds, so it is done when one of them is named, or all are asked for.
  std::vector<Device*> host_devices();
  // By name; throws HRT_ERROR_USAGE naming the nearest known one, or why its plugin was refused.
  Device& device(std::string_view name);

  // Reads a model, .hrt or whatever an importer recognises; inferred, verified, not optimised. Errors name
  // the file. A session whose device is lost reads it again. [any-thread]
  std::unique_ptr<Graph> load_model(const std::filesystem::path& path);

  // Reads a file that holds one value in an importer's format (a TensorProto of a test). type: what is
  // expected of it.
  ValuePtr load_value(const std::filesystem::path& path, const Type& type);
  // The reverse, in the format that the extension names: whole or not at all. name: for formats that keep
  // one. Throws HRT_ERROR_UNSUPPORTED where no importer writes such files, or not this value.
  void save_value(const std::filesystem::path& path, const ValuePtr& value, const std::string& name);

 private:
  RuntimeOptions options_;
  std::unique_ptr<Registry> registry_;
  std::mutex mutex_;
  struct Listed {
    std::vector<std::unique_ptr<Device>> devices;
    bool done = false;
  };
  const Listed& list(bool queued);
  std::unique_ptr<Graph> read_model(const std::filesystem::path& path);

  Listed host_, queued_;
};

}  // namespace hrt
