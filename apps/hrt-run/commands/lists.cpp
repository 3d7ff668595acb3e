// SPDX-License-Identifier: Apache-2.0
// The commands that list what there is: devices, plugins, passes, operators, configuration.
#include <algorithm>
#include <cstdlib>

#include "apps/hrt-run/report.h"

namespace hrt {
namespace {

void no_options(po::options_description&) {}

using Rows = std::vector<std::vector<std::string>>;

// A table whose header names the columns: for people, or as a list of JSON objects.
int print_list(const Arguments& arguments, const Rows& rows) {
  if (!arguments.json()) return print_table(rows), HRT_OK;
  Json list = Json::array();
  for (size_t r = 1; r < rows.size(); ++r) {
    Json object = Json::object();
    for (size_t c = 0; c < rows[0].size(); ++c) object[rows[0][c]] = rows[r][c];
    list.push_back(object);
  }
  print_json(list);
  return HRT_OK;
}

const char* kind_name(hrt_device_kind kind) {
  switch (kind) {
    case HRT_DEVICE_CPU: return "cpu";
    case HRT_DEVICE_GPU: return "gpu";
    case HRT_DEVICE_NPU: return "npu";
    default: return "other";
  }
}

int devices(Arguments& arguments) {
  Rows rows{{"name", "kind", "memory", "plugin", "description"}};
  for (const auto& device : arguments.runtime().devices())
    rows.push_back({device->name(), kind_name(device->kind()),
                    device->memory_bytes() == 0 ? "host" : bytes_text(device->memory_bytes()),
                    device->plugin().manifest.id, device->description()});
  return print_list(arguments, rows);
}

const char* state_name(PluginState state) {
  switch (state) {
    case PluginState::kLoaded: return "loaded";
    case PluginState::kStandby: return "standby";
    case PluginState::kRefused: return "refused";
    default: return "found";
  }
}

int plugins(Arguments& arguments) {
  Rows rows{{"state", "id", "version", "kinds", "path", "reason"}};
  for (const Plugin& plugin : arguments.runtime().registry().load_all()) {
    const Manifest& m = plugin.manifest;
    rows.push_back({state_name(plugin.state), m.id, m.version, fmt::format("{}", fmt::join(m.kinds, ",")),
                    m.library.empty() ? m.file.string() : m.library.string(), plugin.reason});
  }
  return print_list(arguments, rows);
}

const char* phase_name(hrt_phase phase) {
  switch (phase) {
    case HRT_PHASE_CLEANUP: return "cleanup";
    case HRT_PHASE_FUSE: return "fuse";
    case HRT_PHASE_LAYOUT: return "layout";
    default: return "unknown";
  }
}

int passes(Arguments& arguments) {
  const SessionOptions session = arguments.session_options();  // checks the names in the configuration
  const auto runs = [&](const std::string& name) {
    const auto& chosen = session.passes;
    return session.optimise &&
           (chosen.empty() || std::find(chosen.begin(), chosen.end(), name) != chosen.end());
  };
  Rows rows{{"name", "phase", "runs", "plugin", "description"}};
  for (const auto& [api, plugin] : arguments.runtime().registry().passes())
    for (size_t i = 0; i < api->pass_count; ++i) {
      const hrt_pass& pass = *api->passes[i];
      rows.push_back({pass.name, phase_name(pass.phase), runs(pass.name) ? "yes" : "no", plugin->manifest.id,
                      pass.doc ? pass.doc : ""});
    }
  return print_list(arguments, rows);
}

int ops(Arguments& arguments) {
  std::vector<const hrt_op*> all = arguments.runtime().registry().ops();
  std::sort(all.begin(), all.end(), [](const hrt_op* a, const hrt_op* b) {
    return std::pair(std::string_view(a->domain), std::string_view(a->name)) <
           std::pair(std::string_view(b->domain), std::string_view(b->name));
  });
  Rows rows{{"domain", "name", "since", "kernel", "description"}};
  for (const hrt_op* op : all)
    rows.push_back({op->domain, op->name, std::to_string(op->since_version), op->compute ? "yes" : "no",
                    op->doc ? op->doc : ""});
  return print_list(arguments, rows);
}

std::string toml_text(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// Where plugins are looked for, in order, and who says so.
Rows plugin_search(const Config& config) {
  const char* variable = std::getenv("HRT_PLUGIN_PATH");
  const std::string from_variable = fmt::format(":{}:", variable ? variable : "");
  const auto origin = config.origins.find("plugins.directories");
  Rows rows;
  for (const auto& directory : runtime_options(config).plugin_directories) {
    const std::string path = directory.string();
    const bool own = rows.size() < config.plugin_directories.size();
    const bool in_variable = from_variable.find(":" + path + ":") != std::string::npos;
    rows.push_back({path, own ? origin->second : in_variable ? "$HRT_PLUGIN_PATH" : "beside hrt-run"});
  }
  return rows;
}

// The effective configuration as TOML, with where each value came from as a comment.
void print_config(const Config& config) {
  Rows rows;
  for (const ConfigEntry& entry : config_entries(config)) {
    std::vector<std::string> items;
    for (const std::string& item : entry.items)
      items.push_back(entry.kind == ConfigEntry::Kind::kNumber ? item : toml_text(item));
    const std::string value =
        entry.kind == ConfigEntry::Kind::kList ? fmt::format("[{}]", fmt::join(items, ", ")) : items[0];
    rows.push_back({fmt::format("{} = {}", entry.key, value), "# " + entry.origin});
  }
  print_table(rows);
  say("\n# Plugins are searched in\n");
  Rows search = plugin_search(config);
  for (auto& row : search) row[0] = "#   " + row[0];
  print_table(search);
}

Json config_json(const Config& config) {
  Json json = Json::object();
  for (const ConfigEntry& entry : config_entries(config)) {
    Json value = entry.items;
    if (entry.kind == ConfigEntry::Kind::kText) value = entry.items[0];
    if (entry.kind == ConfigEntry::Kind::kNumber) value = std::strtoull(entry.items[0].c_str(), nullptr, 10);
    json[entry.key] = {{"value", value}, {"from", entry.origin}};
  }
  Json search = Json::array();
  for (const auto& row : plugin_search(config)) search.push_back({{"directory", row[0]}, {"from", row[1]}});
  return {{"configuration", json}, {"plugin_search", search}};
}

int config(Arguments& arguments) {
  if (arguments.json())
    print_json(config_json(arguments.config()));
  else
    print_config(arguments.config());
  return HRT_OK;
}

}  // namespace

const Command kDevices = {"devices", "", 0, 0, "lists the devices", "", false, no_options, devices};
const Command kPlugins = {
    "plugins", "",    0,          0,      "lists every plugin found: loaded, standing by, or refused and why",
    "",        false, no_options, plugins};
const Command kPasses = {"passes", "", 0, 0, "lists the graph passes", "", false, no_options, passes};
const Command kOps = {"ops", "", 0, 0, "lists the operators", "", false, no_options, ops};
const Command kConfig = {"config",
                         "",
                         0,
                         0,
                         "shows the effective configuration, and where each value came from",
                         "The file is --config, else $HRT_CONFIG, else ~/.config/hrt/hrt.toml, else "
                         "/etc/hrt/hrt.toml. The environment\noverrides it (HRT_THREADS, HRT_DEVICES, "
                         "HRT_FALLBACK, HRT_MEMORY_LIMIT, HRT_CACHE_DIR, HRT_LOG_LEVEL),\nflags override "
                         "both.\n\n  hrt-run config --threads 2\n",
                         false,
                         no_options,
                         config};

}  // namespace hrt
