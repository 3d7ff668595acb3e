// SPDX-License-Identifier: Apache-2.0
// The plugin: compiled for each kind of memory (HRT_FAULT_MEMORY), named after its file.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <hrt/plugin.hpp>

#include "tests/fault/backend.h"
#include "tests/fault/fault.h"
#include "tests/fault/world.h"

namespace hrt::fault {
namespace {

char g_id[256];  // "test." and the name

const char* name() { return g_id + std::strlen("test."); }

void alive(Alive* out) {
  const std::lock_guard lock(world().mutex);
  *out = world().alive;
}

uint64_t calls(const char* function) {
  const auto* found = std::ranges::find(kFunctionNames, std::string_view(function));
  if (found == kFunctionNames.end()) return 0;
  const std::lock_guard lock(world().mutex);
  return world().calls[size_t(found - kFunctionNames.begin())];
}

uint64_t misuses() {
  const std::lock_guard lock(world().mutex);
  return world().misuses;
}

uint64_t stalled() {
  const std::lock_guard lock(world().mutex);
  return world().stalled;
}

void release_stalled() {
  {
    const std::lock_guard lock(world().mutex);
    ++world().releases;
  }
  world().changed.notify_all();
}

const Control g_control = {
    sizeof(Control), name(), alive, calls, misuses, stalled, release_stalled,
};
const hrt_backend_api* g_backend = nullptr;

hrt_status* init(const hrt_host* host, const char* library_path) {
  reset_world();
  g_backend = &make_backend(name(), HRT_FAULT_MEMORY);
  return sdk::init_host(host, library_path, g_id, nullptr);
}

const void* get_interface(const char* id) {
  if (std::strcmp(id, "hrt.backend/1") == 0) return g_backend;
  return std::strcmp(id, "test.fault/1") == 0 ? &g_control : nullptr;
}

// The name of this library's file, without what the build puts around it.
bool find_name() {
  Dl_info info;
  if (!dladdr(g_id, &info) || !info.dli_fname) return false;
  std::string_view file = info.dli_fname;
  file.remove_prefix(std::min(file.rfind('/') + 1, file.size()));
  if (file.ends_with(".so")) file.remove_suffix(3);
  if (file.starts_with("hrt_test_")) file.remove_prefix(9);
  std::snprintf(g_id, sizeof g_id, "test.%.*s", int(file.size()), file.data());
  return true;
}

}  // namespace
}  // namespace hrt::fault

const hrt_plugin_manifest* hrt_plugin_query(uint32_t host_abi) {
  using namespace hrt::fault;
  static const hrt_plugin_manifest manifest = {
      sizeof(hrt_plugin_manifest),      HRT_ABI, g_id,         "0.1.0",
      "devices that fail when told to", init,    report_leaks, get_interface};
  return host_abi >= HRT_ABI && find_name() ? &manifest : nullptr;
}
