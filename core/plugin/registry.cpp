// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/registry.h"

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <map>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/plugin/host.h"
#include "core/plugin/status.h"

namespace hrt {
namespace {

Registry* g_current = nullptr;

std::string key_of(std::string_view domain, std::string_view name) {
  return fmt::format("{}/{}", domain, name);
}

}  // namespace

Plugin::Plugin() = default;
Plugin::~Plugin() = default;
Plugin::Plugin(Plugin&&) noexcept = default;

bool Plugin::has_kind(std::string_view kind) const {
  return std::ranges::find(manifest.kinds, kind) != manifest.kinds.end();
}

Registry& Registry::current() {
  if (!g_current) fail(HRT_ERROR_INTERNAL, "there is no plugin registry");
  return *g_current;
}

Registry::Registry(const std::vector<std::filesystem::path>& directories) {
  g_current = this;
  for (const auto& directory : directories) discover(directory);
}

Registry::~Registry() {
  for (auto it = load_order_.rbegin(); it != load_order_.rend(); ++it)
    if ((*it)->entry->shutdown) (*it)->entry->shutdown();
  if (g_current == this) g_current = nullptr;
}

void Registry::discover(const std::filesystem::path& directory) {
  std::error_code error;
  const auto canonical = std::filesystem::canonical(directory, error);
  if (error) return;  // a search path may name directories that do not exist
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(canonical, error))
    if (entry.path().string().ends_with(".hrt.json")) files.push_back(entry.path());
  std::ranges::sort(files);
  for (const auto& file : files) {
    if (std::ranges::any_of(plugins_, [&](const Plugin& p) { return p.manifest.file == file; })) continue;
    Plugin plugin;
    plugin.manifest.file = file;
    try {
      check_trust(std::filesystem::canonical(file));
      plugin.manifest = read_manifest(file);
      const auto same = std::ranges::find_if(
          plugins_, [&](const Plugin& p) { return p.manifest.id == plugin.manifest.id; });
      if (same != plugins_.end()) {
        plugin.state = PluginState::kRefused;
        plugin.reason = fmt::format("{} has the same id and was found first", same->manifest.file.string());
      }
    } catch (const std::exception& e) {
      plugin.state = PluginState::kRefused;
      plugin.reason = e.what();
    }
    plugins_.push_back(std::move(plugin));
  }
}

void Registry::load_kind(std::string_view kind) {
  if (std::ranges::find(loaded_kinds_, kind) != loaded_kinds_.end()) return;
  loaded_kinds_.emplace_back(kind);
  for (const Plugin& p : plugins_)
    if (p.state == PluginState::kFound && p.has_kind(kind)) load_group(p);
}

// Of several libraries that provide the same thing, the first that loads, from the highest rank down.
void Registry::load_group(const Plugin& member) {
  std::vector<Plugin*> group;
  for (Plugin& p : plugins_) {
    const bool belongs = &p == &member || (!member.manifest.provides.empty() &&
                                           p.manifest.provides == member.manifest.provides);
    if (belongs && p.state == PluginState::kFound) group.push_back(&p);
  }
  std::ranges::sort(group, std::greater<>(), [](const Plugin* p) { return std::pair(p->manifest.rank, p->manifest.id); });
  const Plugin* chosen = nullptr;
  for (Plugin* p : group) {
    if (chosen) {
      p->state = PluginState::kStandby;
      p->reason =
          fmt::format("{} provides {} with a higher rank", chosen->manifest.id, chosen->manifest.provides);
    } else if (load(*p)) {
      chosen = p;
    }
  }
}

bool Registry::load(Plugin& plugin) {
  const Manifest& m = plugin.manifest;
  try {
    check_library(m);
    boost::dll::fs::error_code error;
    auto library = std::make_unique<boost::dll::shared_library>();
    library->load(m.library.string(), error,
                  boost::dll::load_mode::rtld_lazy | boost::dll::load_mode::rtld_local);
    if (error) fail(HRT_ERROR_BAD_DATA, "cannot be loaded: {}", error.message());
    const auto query = library->get<const hrt_plugin_manifest*(uint32_t)>("hrt_plugin_query");
    const hrt_plugin_manifest* entry = query(HRT_ABI);
    if (!entry) fail(HRT_ERROR_UNSUPPORTED, "the plugin does not work with this host's ABI {}", HRT_ABI);
    if (!HRT_HAS(entry, get_interface) || !entry->get_interface || !entry->id)
      fail(HRT_ERROR_BAD_DATA, "the plugin's manifest structure is too short or lacks get_interface");
    if (entry->abi != HRT_ABI)
      fail(HRT_ERROR_UNSUPPORTED, "compiled for ABI {}, this host has {}", entry->abi, HRT_ABI);
    if (m.id != entry->id)
      fail(HRT_ERROR_BAD_DATA, "the library calls itself \"{}\", its manifest \"{}\"", entry->id, m.id);
    if (entry->init) check(entry->init(&host_table(), m.library.c_str()), "init failed");
    plugin.entry = entry;
    plugin.library = std::move(library);
    plugin.state = PluginState::kLoaded;
    load_order_.push_back(&plugin);
    add_ops(plugin);
    return true;
  } catch (const std::exception& e) {
    plugin.state = PluginState::kRefused;
    plugin.reason = e.what();
    log_debug("plugins", "{}: {}", m.file.string(), e.what());
    return false;
  }
}

void Registry::add_ops(const Plugin& plugin) {
  const auto* api = static_cast<const hrt_ops_api*>(plugin.entry->get_interface("hrt.ops/1"));
  if (!api) return;
  for (size_t i = 0; i < api->op_count; ++i) {
    const hrt_op* op = api->ops[i];
    if (!op || !HRT_HAS(op, compute) || !op->name || !op->domain || !op->infer) {
      log_warn("plugins", "{}: operator {} is incomplete and left out", plugin.manifest.id, i);
      continue;
    }
    if (!ops_.emplace(key_of(op->domain, op->name), op).second)
      log_warn("plugins", "{}: operator {} is there already; the first one stays", plugin.manifest.id,
               key_of(op->domain, op->name));
  }
}

const hrt_op* Registry::find_op(std::string_view domain, std::string_view name) {
  const std::lock_guard lock(mutex_);
  load_kind("ops");
  const auto it = ops_.find(key_of(domain, name));
  return it == ops_.end() ? nullptr : it->second;
}

const hrt_op& Registry::op(std::string_view domain, std::string_view name) {
  if (const hrt_op* found = find_op(domain, name)) return *found;
  std::vector<std::string> names;
  for (const hrt_op* known : ops())
    if (domain == known->domain) names.emplace_back(known->name);
  const std::string near = nearest(name, names);
  fail(HRT_ERROR_UNSUPPORTED, "no plugin provides the operator {}{}{}{}", domain, domain.empty() ? "" : ".",
       name, near.empty() ? "" : fmt::format(" (the nearest known one is {})", near));
}

std::vector<const hrt_op*> Registry::ops() {
  const std::lock_guard lock(mutex_);
  load_kind("ops");
  std::vector<const hrt_op*> list;
  for (const auto& [key, op] : ops_) list.push_back(op);
  std::ranges::sort(list, [](const hrt_op* a, const hrt_op* b) {
    const int d = std::strcmp(a->domain, b->domain);
    return d != 0 ? d < 0 : std::strcmp(a->name, b->name) < 0;
  });
  return list;
}

template <class Api>
std::vector<Registry::Provided<Api>> Registry::collect(std::string_view kind, const char* id) {
  const std::lock_guard lock(mutex_);
  load_kind(kind);
  std::vector<Provided<Api>> list;
  for (const Plugin& p : plugins_) {
    if (p.state != PluginState::kLoaded) continue;
    if (const void* api = p.entry->get_interface(id)) list.push_back({static_cast<const Api*>(api), &p});
  }
  return list;
}

std::vector<Registry::Provided<hrt_backend_api>> Registry::backends() {
  return collect<hrt_backend_api>("backend", "hrt.backend/1");
}
std::vector<Registry::Provided<hrt_pass_api>> Registry::passes() {
  return collect<hrt_pass_api>("pass", "hrt.pass/1");
}
std::vector<Registry::Provided<hrt_importer_api>> Registry::importers() {
  return collect<hrt_importer_api>("importer", "hrt.importer/1");
}

const std::vector<Plugin>& Registry::load_all() {
  const std::lock_guard lock(mutex_);
  for (const Plugin& p : plugins_)
    if (p.state == PluginState::kFound) load_group(p);
  return plugins_;
}

}  // namespace hrt
