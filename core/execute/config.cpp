// SPDX-License-Identifier: Apache-2.0
#include "core/execute/config.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "core/base/checked.h"
#include "core/base/log.h"
#include "core/base/mapped_file.h"

namespace hrt {
namespace {

namespace fs = std::filesystem;
using Items = std::vector<std::string>;

constexpr size_t kFileLimit = 1 << 20;
constexpr const char* kAuto = "auto";

uint64_t parse_count(const std::string& text, uint64_t most) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n > most)
    fail(HRT_ERROR_USAGE, "\"{}\" is no whole number from 0 to {}", text, most);
  return n;
}

// "4GiB", "512 MiB", "65536".
uint64_t parse_bytes(const std::string& text) {
  uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  std::string_view unit(end, size_t(text.data() + text.size() - end));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  constexpr std::string_view units[] = {"", "KiB", "MiB", "GiB", "TiB"};
  const auto* found = std::find(std::begin(units), std::end(units), unit);
  const auto shift = unsigned(found - std::begin(units)) * 10;
  if (error != std::errc() || found == std::end(units) || n > UINT64_MAX >> shift)
    fail(HRT_ERROR_USAGE, "\"{}\" is no number of bytes like 65536, 512MiB or 4GiB", text);
  return n << shift;
}

Fallback parse_fallback(const std::string& text) {
  if (text == "allow") return Fallback::kAllow;
  if (text == "warn") return Fallback::kWarn;
  if (text == "deny") return Fallback::kDeny;
  fail(HRT_ERROR_USAGE, "\"{}\" is none of allow, warn, deny", text);
}

const char* fallback_name(Fallback fallback) {
  return fallback == Fallback::kAllow ? "allow" : fallback == Fallback::kWarn ? "warn" : "deny";
}

const char* log_level_name(hrt_log_level level) {
  constexpr const char* names[] = {"debug", "info", "warn", "error"};
  return names[level];
}

Items texts(const std::vector<fs::path>& paths) {
  Items items;
  for (const fs::path& path : paths) items.push_back(path.string());
  return items;
}

Items checked_devices(const Items& items) {
  if (items.empty()) fail(HRT_ERROR_USAGE, "no device is named");
  for (const std::string& item : items) {
    if (item.empty()) fail(HRT_ERROR_USAGE, "the name of a device is empty");
    if (item == kAuto && items.size() > 1) fail(HRT_ERROR_USAGE, "auto stands alone");
  }
  return items;
}

struct Key {
  using Kind = ConfigEntry::Kind;
  const char* name;
  const char* variable;  // of the environment; "": none
  Kind kind;
  void (*set)(Config&, const Items&);
  Items (*get)(const Config&);
};

const Key kKeys[] = {
    // $HRT_PLUGIN_PATH does not replace these but is searched after them: default_plugin_directories().
    {"plugins.directories", "", Key::Kind::kList,
     [](Config& c, const Items& v) { c.plugin_directories.assign(v.begin(), v.end()); },
     [](const Config& c) { return texts(c.plugin_directories); }},
    {"devices.order", "HRT_DEVICES", Key::Kind::kList,
     [](Config& c, const Items& v) { c.devices = checked_devices(v); },
     [](const Config& c) { return c.devices; }},
    {"devices.fallback", "HRT_FALLBACK", Key::Kind::kText,
     [](Config& c, const Items& v) { c.fallback = parse_fallback(v[0]); },
     [](const Config& c) { return Items{fallback_name(c.fallback)}; }},
    {"passes.pipeline", "", Key::Kind::kList, [](Config& c, const Items& v) { c.passes = v; },
     [](const Config& c) { return c.passes; }},
    {"passes.disable", "", Key::Kind::kList, [](Config& c, const Items& v) { c.disabled_passes = v; },
     [](const Config& c) { return c.disabled_passes; }},
    {"execution.threads", "HRT_THREADS", Key::Kind::kNumber,
     [](Config& c, const Items& v) { c.threads = unsigned(parse_count(v[0], 1024)); },
     [](const Config& c) { return Items{std::to_string(c.threads)}; }},
    {"execution.memory_limit", "HRT_MEMORY_LIMIT", Key::Kind::kNumber,
     [](Config& c, const Items& v) { c.memory_limit = parse_bytes(v[0]); },
     [](const Config& c) { return Items{std::to_string(c.memory_limit)}; }},
    {"execution.plan_cache", "", Key::Kind::kNumber,
     [](Config& c, const Items& v) { c.plan_cache = unsigned(parse_count(v[0], 4096)); },
     [](const Config& c) { return Items{std::to_string(c.plan_cache)}; }},
    {"cache.directory", "HRT_CACHE_DIR", Key::Kind::kText,
     [](Config& c, const Items& v) { c.cache_directory = v[0]; },
     [](const Config& c) { return Items{c.cache_directory.string()}; }},
    {"log.level", "HRT_LOG_LEVEL", Key::Kind::kText,
     [](Config& c, const Items& v) { c.log_level = parse_log_level(v[0]); },
     [](const Config& c) { return Items{log_level_name(c.log_level)}; }},
};

const Key* find_key(std::string_view name) {
  const auto* key =
      std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& k) { return k.name == name; });
  return key == std::end(kKeys) ? nullptr : key;
}

[[noreturn]] void fail_unknown(std::string_view name) {
  Items names{"backend"};
  for (const Key& key : kKeys) {
    names.emplace_back(key.name);
    names.push_back(names.back().substr(0, names.back().find('.')));  // its section
  }
  const std::string near = nearest(name, names);
  fail(HRT_ERROR_USAGE, "unknown key \"{}\"{}", name,
       near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near));
}

constexpr std::string_view kBackendPrefix = "backend.";

// Reads one file into a configuration.
class FileReader {
 public:
  FileReader(Config& config, const fs::path& file) : config_(config), file_(file) {}

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      const auto line = node.source().begin.line;
      const std::string where = fmt::format("{}:{}", file_.string(), line);
      with_context(where, [&, &key = key, &node = node] {
        if (is_backend(prefix)) return backend_option(prefix, std::string(key.str()), node, where);
        if (find_key(name)) return set_config(config_, name, items(name, node), where);
        if (!node.is_table() || !is_section(name)) fail_unknown(name);
      });
      if (node.is_table() && !is_backend(prefix)) this->table(*node.as_table(), name + ".");
    }
  }

 private:
  // "backend.cpu.": what is inside are a backend's options.
  static bool is_backend(const std::string& prefix) {
    return prefix.starts_with(kBackendPrefix) && prefix.size() > kBackendPrefix.size();
  }

  static bool is_section(const std::string& name) {
    const std::string prefix = name + ".";
    if (prefix.starts_with(kBackendPrefix)) return true;
    return std::any_of(std::begin(kKeys), std::end(kKeys),
                       [&](const Key& key) { return std::string_view(key.name).starts_with(prefix); });
  }

  void backend_option(const std::string& prefix, const std::string& option, const toml::node& node,
                      const std::string& where) {
    const std::string backend =
        prefix.substr(kBackendPrefix.size(), prefix.size() - kBackendPrefix.size() - 1);
    const std::optional<std::string> text = scalar(node);
    if (!text) fail(HRT_ERROR_USAGE, "{}{} is neither text, number nor boolean", prefix, option);
    config_.backend_options[backend][option] = *text;
    config_.origins[prefix + option] = where;
  }

  static std::optional<std::string> scalar(const toml::node& node) {
    if (const auto text = node.value_exact<std::string>()) return *text;
    if (const auto integer = node.value_exact<int64_t>()) return std::to_string(*integer);
    if (const auto number = node.value_exact<double>()) return fmt::format("{}", *number);
    if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
    return {};
  }

  Items items(const std::string& name, const toml::node& node) const {
    const Key& key = *find_key(name);
    Items result;
    if (key.kind == Key::Kind::kList && node.is_array()) {
      for (const toml::node& item : *node.as_array()) {
        if (!item.is_string()) fail(HRT_ERROR_USAGE, "{} takes a list of texts", name);
        result.push_back(*item.value_exact<std::string>());
      }
    } else {
      // Numbers may be texts where they take a unit.
      const bool takes_text = key.kind != Key::Kind::kNumber || name == "execution.memory_limit";
      const bool takes_number = key.kind == Key::Kind::kNumber;
      if (!(takes_text && node.is_string()) && !(takes_number && node.is_integer()))
        fail(HRT_ERROR_USAGE, "{} takes {}", name,
             takes_number                   ? "a whole number"
             : key.kind == Key::Kind::kList ? "a list of texts"
                                            : "a text");
      result.push_back(*scalar(node));
    }
    const bool paths = name == "plugins.directories" || name == "cache.directory";
    if (paths)
      for (std::string& path : result) path = (fs::absolute(file_).parent_path() / path).lexically_normal();
    return result;
  }

  Config& config_;
  const fs::path& file_;
};

const char* variable(const char* name) {
  const char* text = ::secure_getenv(name);
  return text && *text ? text : nullptr;
}

fs::path find_file() {
  if (const char* named = variable("HRT_CONFIG")) return named;
  std::vector<fs::path> places;
  if (const char* home = variable("XDG_CONFIG_HOME")) {
    places.push_back(fs::path(home) / "hrt/hrt.toml");
  } else if (const char* home = variable("HOME")) {
    places.push_back(fs::path(home) / ".config/hrt/hrt.toml");
  }
  places.emplace_back("/etc/hrt/hrt.toml");
  for (const fs::path& place : places) {
    std::error_code ignored;
    if (place.is_absolute() && fs::exists(place, ignored)) return place;
  }
  return {};
}

void read_environment(Config& config) {
  for (const Key& key : kKeys) {
    const char* text = *key.variable ? variable(key.variable) : nullptr;
    if (!text) continue;
    const Items items = key.kind == Key::Kind::kList ? parse_devices(text) : Items{text};
    const std::string where = fmt::format("${}", key.variable);
    with_context(where, [&] { set_config(config, key.name, items, where); });
  }
}

// Names of passes that there are, in order.
Items known_passes(Runtime& runtime) {
  Items names;
  for (const auto& [api, plugin] : runtime.registry().passes())
    for (size_t i = 0; i < api->pass_count; ++i) names.emplace_back(api->passes[i]->name);
  return names;
}

void check_passes(const Items& names, const Items& known, const char* key) {
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string near = nearest(name, known);
    fail(HRT_ERROR_USAGE, "{}: there is no pass \"{}\"{}", key, name,
         near.empty() ? "" : fmt::format(", did you mean \"{}\"?", near));
  }
}

Items all_devices(Runtime& runtime) {
  Items names;
  for (const auto& device : runtime.devices())
    if (!device->is_fallback()) names.push_back(device->name());
  if (names.empty())
    for (const auto& device : runtime.devices()) names.push_back(device->name());
  return names;
}

}  // namespace

void set_config(Config& config, std::string_view name, const Items& items, const std::string& origin) {
  const Key* key = find_key(name);
  if (!key) fail_unknown(name);
  if (key->kind != Key::Kind::kList && items.size() != 1) fail(HRT_ERROR_USAGE, "{} takes one value", name);
  with_context(name, [&] { key->set(config, items); });
  config.origins[key->name] = origin;
}

std::vector<std::string> parse_devices(std::string_view text) {
  constexpr std::string_view kSeveral = "hetero:";
  if (text.starts_with(kSeveral)) text.remove_prefix(kSeveral.size());
  Items items;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    items.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  return items;
}

void read_config(Config& config, std::string_view text, const fs::path& name) {
  if (text.size() > kFileLimit)
    fail(HRT_ERROR_USAGE, "{}: {} bytes are over the limit of {}", name.string(), text.size(), kFileLimit);
  try {
    const toml::table table = toml::parse(text, name.string());
    FileReader(config, name).table(table, "");
  } catch (const toml::parse_error& e) {
    fail(HRT_ERROR_USAGE, "{}:{}: {}", name.string(), e.source().begin.line, e.description());
  }
}

Config load_config(const fs::path& named) {
  Config config;
  const fs::path file = named.empty() ? find_file() : named;
  if (!file.empty()) {
    const auto mapped = [&] {
      try {
        return MappedFile::open(file);
      } catch (const Error& e) {
        throw Error(HRT_ERROR_USAGE, e.message());
      }
    }();
    read_config(config, {reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()},
                file);
  }
  read_environment(config);
  return config;
}

std::vector<ConfigEntry> config_entries(const Config& config) {
  std::vector<ConfigEntry> entries;
  const auto add = [&](std::string key, ConfigEntry::Kind kind, Items items) {
    const auto origin = config.origins.find(key);
    entries.push_back(
        {key, kind, std::move(items), origin == config.origins.end() ? "default" : origin->second});
  };
  for (const Key& key : kKeys) add(key.name, key.kind, key.get(config));
  for (const auto& [backend, options] : config.backend_options)
    for (const auto& [option, text] : options)
      add(fmt::format("{}{}.{}", kBackendPrefix, backend, option), ConfigEntry::Kind::kText, {text});
  return entries;
}

RuntimeOptions runtime_options(const Config& config) {
  RuntimeOptions options;
  options.plugin_directories = config.plugin_directories;
  for (fs::path& directory : default_plugin_directories())
    options.plugin_directories.push_back(std::move(directory));
  options.backend_options = config.backend_options;
  return options;
}

SessionOptions session_options(const Config& config, Runtime& runtime) {
  SessionOptions options;
  options.devices = config.devices == Items{kAuto} ? all_devices(runtime) : config.devices;
  options.fallback = config.fallback;
  options.threads = config.threads;
  options.memory_limit = config.memory_limit;
  options.plan_cache = config.plan_cache;
  options.passes = config.passes;
  if (!config.passes.empty() || !config.disabled_passes.empty()) {
    const Items known = known_passes(runtime);
    check_passes(config.passes, known, "passes.pipeline");
    check_passes(config.disabled_passes, known, "passes.disable");
    if (options.passes.empty()) options.passes = known;
    std::erase_if(options.passes, [&](const std::string& name) {
      return std::count(config.disabled_passes.begin(), config.disabled_passes.end(), name) > 0;
    });
    options.optimise = !options.passes.empty();
  }
  return options;
}

}  // namespace hrt
