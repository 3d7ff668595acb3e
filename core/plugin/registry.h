// SPDX-License-Identifier: Apache-2.0
// The plugins of this process: found by their manifests, loaded by kind when first needed, and the
// operators, passes, importers and backends that they brought. One per process. [any-thread]
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/plugin/manifest.h"

#include <hrt/exporter.h>
#include <hrt/plugin.h>

namespace boost::dll {
class shared_library;
}

namespace hrt {

// An element of an array that crossed the ABI with a stride.
template <class T>
const T& element(const T* array, size_t index, size_t stride) {
  return *reinterpret_cast<const T*>(reinterpret_cast<const char*>(array) + index * stride);
}

enum class PluginState { kFound, kLoaded, kStandby, kRefused };

struct Plugin {
  Manifest manifest;
  PluginState state = PluginState::kFound;
  std::string reason;  // why it was refused, or stands by
  const hrt_plugin_manifest* entry = nullptr;
  std::unique_ptr<boost::dll::shared_library> library;
  mutable bool abandoned = false;  // a call of its never came back: its code must stay where it is

  Plugin();
  ~Plugin();
  Plugin(Plugin&&) noexcept;
  bool has_kind(std::string_view kind) const;
};

class Registry {
 public:
  // Looks through the directories for manifests, first found first; loads nothing yet.
  explicit Registry(const std::vector<std::filesystem::path>& directories);
  ~Registry();
  Registry(const Registry&) = delete;

  // The registry that host functions called from plugins use: the one last made.
  static Registry& current();

  // The operator, or NULL when no plugin has it.
  const hrt_op* find_op(std::string_view domain, std::string_view name);
  // The same; throws HRT_ERROR_UNSUPPORTED naming the nearest known one.
  const hrt_op& op(std::string_view domain, std::string_view name);
  std::vector<const hrt_op*> ops();

  template <class Api>
  struct Provided {
    const Api* api;
    const Plugin* plugin;
  };
  std::vector<Provided<hrt_backend_api>> backends();
  std::vector<Provided<hrt_pass_api>> passes();
  std::vector<Provided<hrt_importer_api>> importers();
  std::vector<Provided<hrt_exporter_api>> exporters();

  // The interface with this id of the index-th loaded plugin that has it, or NULL; plugins of kinds "ops" and
  // "extension" are loaded first.
  const void* find_interface(const char* id, size_t index);

  // Loads whatever was not loaded yet, and lists every candidate.
  const std::vector<Plugin>& load_all();

 private:
  void discover(const std::filesystem::path& directory);
  void load_kind(std::string_view kind);
  void load_group(const Plugin& member);
  bool load(Plugin& plugin);
  void add_ops(const Plugin& plugin);
  void load_ops();
  template <class Api>
  std::vector<Provided<Api>> collect(std::string_view kind, const char* id);

  struct OpKey {  // views of the operator's own strings
    std::string_view domain, name;
    bool operator==(const OpKey&) const = default;
  };
  struct OpKeyHash {
    size_t operator()(const OpKey& key) const;
  };

  std::recursive_mutex mutex_;
  std::vector<Plugin> plugins_;
  std::vector<const Plugin*> load_order_;
  std::vector<std::string> loaded_kinds_;
  // Looked up for every node that is inferred or run on the host: without formatting, allocating or queueing.
  std::shared_mutex ops_mutex_;
  std::unordered_map<OpKey, const hrt_op*, OpKeyHash> ops_;
  std::atomic<bool> ops_loaded_{false};
};

}  // namespace hrt
