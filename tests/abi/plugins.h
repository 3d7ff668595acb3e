// SPDX-License-Identifier: Apache-2.0
// Folders of plugins for tests: libraries under any name, with manifests that say anything.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/execute/session.h"

namespace hrt::test {

class PluginFolder {
 public:
  PluginFolder();  // empty, for this user alone
  ~PluginFolder();
  PluginFolder(const PluginFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Copies a library of this build ("misbehaving") to NAME.so.
  std::filesystem::path add_library(const std::string& built, const std::string& name);
  // A manifest that is right for NAME.so; fields: JSON by key, in place of what it would say ("" removes it).
  void add_manifest(const std::string& name, std::map<std::string, std::string> fields = {});
  // Both, of a misbehaving plugin: what it does is its name.
  void add(const std::string& name, std::map<std::string, std::string> fields = {});
  void write(const std::string& file, const std::string& text);

  // A runtime that finds these plugins, then those of the build. One at a time.
  std::unique_ptr<Runtime> runtime() const;
  // How the plugin of NAME.hrt.json ended, once all were loaded.
  const Plugin& plugin(Runtime& runtime, const std::string& name) const;

 private:
  std::filesystem::path path_;
};

// y = Neg(Relu(x)), on ten floats.
std::unique_ptr<Graph> small_graph(Runtime& runtime);
SessionOptions on(const std::string& device, Fallback fallback = Fallback::kDeny);

}  // namespace hrt::test
