// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/devices.h"

#include <stdexcept>

namespace hrt::test {

void FaultDevices::add(const std::string& name, const std::string& memory, Options options) {
  folder_.add_library("fault_" + memory, name);
  folder_.add_manifest(name, {{"kinds", R"(["backend"])"}});
  options_.backend_options[name] = std::move(options);
}

Runtime& FaultDevices::runtime() {
  if (runtime_) return *runtime_;
  options_.plugin_directories = default_plugin_directories();
  options_.plugin_directories.insert(options_.plugin_directories.begin(), folder_.path());
  runtime_ = std::make_unique<Runtime>(options_);
  return *runtime_;
}

const hrt_backend_api& FaultDevices::api(const std::string& name) {
  for (const auto& [api, plugin] : runtime().registry().backends())
    if (api->name == name) return *api;
  throw std::runtime_error("no backend " + name);
}

const fault::Control& FaultDevices::control(const std::string& name) {
  Registry& registry = runtime().registry();
  registry.backends();  // loads them
  for (size_t i = 0;; ++i) {
    const auto* control = static_cast<const fault::Control*>(registry.find_interface("test.fault/1", i));
    if (!control) throw std::runtime_error("no fault device " + name);
    if (control->name == name) return *control;
  }
}

fault::Alive FaultDevices::alive(const std::string& name) {
  fault::Alive out{};
  control(name).alive(&out);
  return out;
}

}  // namespace hrt::test
