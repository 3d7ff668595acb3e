// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/registry.h"

#include <dlfcn.h>

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

// What an operator lacks for the host to read it, or "". Lists are read with the plugin's stride, so their
// elements must be as long as what this host reads of them.
std::string defect(const hrt_op* op) {
  if (!op || !HRT_HAS(op, compute)) return "the structure is missing or too short";
  if (!op->domain || !op->name || !*op->name) return "it has no domain or name";
  if (!op->infer) return "it has no inference function";
  if ((op->input_count > 0 && !op->inputs) || (op->output_count > 0 && !op->outputs) ||
      (op->attr_count > 0 && !op->attrs) || (op->constraint_count > 0 && !op->constraints) ||
      (op->inplace_count > 0 && !op->inplace))
    return "a list is missing";
  for (const auto& [list, count] : {std::pair(op->inputs, op->input_count), {op->outputs, op->output_count}})
    for (size_t i = 0; i < count; ++i) {
      const auto& p = element(list, i, op->param_stride);
      if (op->param_stride < sizeof(p.struct_size) || !HRT_HAS(&p, flags) || !p.name || !p.type)
        return fmt::format("input or output {} is incomplete", i);
    }
  for (size_t i = 0; i < op->attr_count; ++i) {
    const auto& a = element(op->attrs, i, op->attr_stride);
    if (op->attr_stride < sizeof(a.struct_size) || !HRT_HAS(&a, required) || !a.name)
      return fmt::format("attribute {} is incomplete", i);
  }
  for (size_t i = 0; i < op->constraint_count; ++i) {
    const auto& c = element(op->constraints, i, op->constraint_stride);
    if (op->constraint_stride < sizeof(c.struct_size) || !HRT_HAS(&c, optional_dtypes) || !c.name)
      return fmt::format("type constraint {} is incomplete", i);
  }
  return "";
}

}  // namespace

size_t Registry::OpKeyHash::operator()(const OpKey& key) const {
  return std::hash<std::string_view>()(key.name) * 31 + std::hash<std::string_view>()(key.domain);
}

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
  for (const auto& directory : directories) discover(directory);
  g_current = this;
}

Registry::~Registry() {
  for (auto it = load_order_.rbegin(); it != load_order_.rend(); ++it)
    if ((*it)->entry->shutdown && !(*it)->abandoned) (*it)->entry->shutdown();
  for (Plugin& p : plugins_) {
    if (!p.abandoned) continue;
    [[maybe_unused]] const auto* mapped_for_good = p.library.release();
  }
  if (g_current == this) g_current = nullptr;
}

void Registry::discover(const std::filesystem::path& directory) {
  std::error_code error;
  const auto canonical = std::filesystem::canonical(directory, error);
  if (error) return;  // a search path may name directories that do not exist
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator it(canonical, error), end; !error && it != end;
       it.increment(error))
    if (it->path().string().ends_with(".hrt.json")) files.push_back(it->path());
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
  std::ranges::sort(group, std::greater<>(),
                    [](const Plugin* p) { return std::pair(p->manifest.rank, p->manifest.id); });
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
    // All symbols now: a missing one is a reason to refuse here, and would end the process later. Never
    // unmapped: libraries that plugins bring along register things with each other for the life of the
    // process.
    namespace load_mode = boost::dll::load_mode;
    auto library = std::make_unique<boost::dll::shared_library>(
        m.library.string(), load_mode::rtld_now | load_mode::rtld_local | load_mode::type(RTLD_NODELETE));
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
  if (!HRT_HAS(api, op_count) || (api->op_count > 0 && !api->ops)) {
    log_warn("plugins", "{}: the table of operators is incomplete; left out", plugin.manifest.id);
    return;
  }
  const std::unique_lock lock(ops_mutex_);
  for (size_t i = 0; i < api->op_count; ++i) {
    const hrt_op* op = api->ops[i];
    if (const std::string lacks = defect(op); !lacks.empty()) {
      const bool named = op && HRT_HAS(op, name) && op->name;
      log_warn("plugins", "{}: operator {} ({}) is left out: {}", plugin.manifest.id, i,
               named ? op->name : "without name", lacks);
      continue;
    }
    if (!ops_.emplace(OpKey{op->domain, op->name}, op).second)
      log_warn("plugins", "{}: operator {}{}{} is there already; the first one stays", plugin.manifest.id,
               op->domain, *op->domain ? "." : "", op->name);
  }
}

void Registry::load_ops() {
  if (ops_loaded_.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(mutex_);
  load_kind("ops");
  ops_loaded_.store(true, std::memory_order_release);
}

const hrt_op* Registry::find_op(std::string_view domain, std::string_view name) {
  load_ops();
  const std::shared_lock lock(ops_mutex_);
  const auto it = ops_.find({domain, name});
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
  load_ops();
  std::vector<const hrt_op*> list;
  {
    const std::shared_lock lock(ops_mutex_);
    for (const auto& [key, op] : ops_) list.push_back(op);
  }
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
std::vector<Registry::Provided<hrt_exporter_api>> Registry::exporters() {
  return collect<hrt_exporter_api>("importer", "hrt.exporter/1");
}

const void* Registry::find_interface(const char* id, size_t index) {
  const std::lock_guard lock(mutex_);
  load_kind("ops");
  load_kind("extension");
  for (const Plugin& p : plugins_) {
    if (p.state != PluginState::kLoaded) continue;
    const void* api = p.entry->get_interface(id);
    if (api && index-- == 0) return api;
  }
  return nullptr;
}

const std::vector<Plugin>& Registry::load_all() {
  const std::lock_guard lock(mutex_);
  for (const Plugin& p : plugins_)
    if (p.state == PluginState::kFound) load_group(p);
  return plugins_;
}

}  // namespace hrt
