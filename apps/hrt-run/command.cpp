// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/command.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/log.h"
#include "core/tensor/tensor.h"

namespace hrt {

Arguments::Arguments(po::variables_map values, std::vector<std::string> operands)
    : values_(std::move(values)), operands_(std::move(operands)) {
  config_ = load_config(get<std::string>("config", ""));
  constexpr std::pair<const char*, const char*> kFlags[] = {{"fallback", "devices.fallback"},
                                                            {"threads", "execution.threads"},
                                                            {"memory-limit", "execution.memory_limit"},
                                                            {"cache-dir", "cache.directory"},
                                                            {"policy", "devices.policy"},
                                                            {"log-level", "log.level"}};
  const auto set = [&](const char* flag, const char* key, const std::vector<std::string>& items) {
    const std::string origin = fmt::format("--{}", flag);
    with_context(origin, [&] { set_config(config_, key, items, origin); });
  };
  for (const auto& [flag, key] : kFlags)
    if (has(flag)) set(flag, key, {get<std::string>(flag)});
  if (has("device")) set("device", "devices.order", parse_devices(get<std::string>("device")));
  if (has("plugin-path")) set("plugin-path", "plugins.directories", all("plugin-path"));
  if (flag("verbose")) set("verbose", "log.level", {"debug"});
  set_log_level(config_.log_level);
  if (config_.memory_limit > 0) set_memory_limit(config_.memory_limit);
}

std::vector<std::string> Arguments::all(const char* name) const {
  return get<std::vector<std::string>>(name, {});
}

Runtime& Arguments::runtime() {
  if (!runtime_) {
    runtime_ = std::make_unique<Runtime>(runtime_options(config_));
    std::vector<std::string> names;
    for (const auto& [api, plugin] : runtime_->registry().backends()) names.emplace_back(api->name);
    for (const auto& [backend, options] : config_.backend_options)
      if (std::find(names.begin(), names.end(), backend) == names.end())
        log_warn("config", "there is no backend \"{}\" for the options of [backend.{}]; there is {}", backend,
                 backend, fmt::join(names, ", "));
  }
  return *runtime_;
}

double parse_number(const std::string& text, const char* option) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    fail(HRT_ERROR_USAGE, "--{}: \"{}\" is no number", option, text);
  return value;
}

std::vector<double> parse_numbers(const std::string& text, const char* option) {
  std::vector<double> values;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    values.push_back(parse_number(text.substr(at, end - at), option));
    at = end + 1;
  }
  return values;
}

uint64_t parse_whole(const std::string& text, const char* option, uint64_t least, uint64_t most) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    fail(HRT_ERROR_USAGE, "--{}: \"{}\" is no whole number from {} to {}", option, text, least, most);
  return value;
}

}  // namespace hrt
