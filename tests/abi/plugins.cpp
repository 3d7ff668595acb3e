// SPDX-License-Identifier: Apache-2.0
#include "tests/abi/plugins.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "core/base/hash.h"
#include "core/base/mapped_file.h"
#include "tests/core/builder.h"

namespace hrt::test {

namespace fs = std::filesystem;

PluginFolder::PluginFolder() {
  std::string name = fs::temp_directory_path() / "hrt_plugins_XXXXXX";
  if (!::mkdtemp(name.data())) throw std::runtime_error("cannot make a folder");
  path_ = fs::canonical(name);
}

PluginFolder::~PluginFolder() { fs::remove_all(path_); }

fs::path PluginFolder::add_library(const std::string& built, const std::string& name) {
  const fs::path to = path_ / (name + ".so");
  fs::copy_file(fs::path(HRT_TEST_PLUGINS) / ("hrt_test_" + built + ".so"), to);
  return to;
}

void PluginFolder::add_manifest(const std::string& name, std::map<std::string, std::string> fields) {
  utsname machine{};
  ::uname(&machine);
  const fs::path library = path_ / (name + ".so");
  const std::string hash = fs::is_regular_file(library) ? sha256_hex(MappedFile::open(library)->bytes()) : "";
  auto quoted = [](const std::string& text) { return "\"" + text + "\""; };
  fields.insert({{"id", quoted("test." + name)},
                 {"kinds", R"(["backend", "ops", "pass"])"},
                 {"abi", "1"},
                 {"arch", quoted(machine.machine)},
                 {"library", quoted(name + ".so")},
                 {"sha256", quoted(hash)}});
  std::string text;
  for (const auto& [key, value] : fields)
    if (!value.empty()) text += fmt::format("{}\n  \"{}\": {}", text.empty() ? "" : ",", key, value);
  write(name + ".hrt.json", "{" + text + "\n}\n");
}

void PluginFolder::add(const std::string& name, std::map<std::string, std::string> fields) {
  add_library("misbehaving", name);
  add_manifest(name, std::move(fields));
}

void PluginFolder::write(const std::string& file, const std::string& text) {
  std::ofstream(path_ / file, std::ios::binary) << text;
}

std::unique_ptr<Runtime> PluginFolder::runtime() const {
  RuntimeOptions options;
  options.plugin_directories = default_plugin_directories();
  options.plugin_directories.insert(options.plugin_directories.begin(), path_);
  return std::make_unique<Runtime>(options);
}

const Plugin& PluginFolder::plugin(Runtime& runtime, const std::string& name) const {
  for (const Plugin& p : runtime.registry().load_all())
    if (p.manifest.file == path_ / (name + ".hrt.json")) return p;
  throw std::runtime_error("no candidate " + name);
}

std::unique_ptr<Graph> small_graph(Runtime& runtime) {
  Builder b;
  b.outputs({b.node("Neg", {b.node("Relu", {b.input("x", Type::tensor(HRT_FLOAT32, {10}))})})});
  return b.finish_in(runtime);
}

SessionOptions on(const std::string& device, Fallback fallback) {
  SessionOptions options;
  options.devices = {device};
  options.fallback = fallback;
  options.threads = 1;
  options.optimise = false;
  return options;
}

}  // namespace hrt::test
