// SPDX-License-Identifier: Apache-2.0
#include "core/execute/runtime.h"

#include <sys/auxv.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/mapped_file.h"
#include "core/execute/plugin_cache.h"
#include "core/execute/run.h"
#include "core/format/hrt_file.h"
#include "core/graph/transaction.h"
#include "core/pass/pipeline.h"
#include "core/plugin/host.h"
#include "core/plugin/infer.h"
#include "core/plugin/status.h"

namespace hrt {

std::vector<std::filesystem::path> default_plugin_directories() {
  std::vector<std::filesystem::path> list;
  const char* path = std::getenv("HRT_PLUGIN_PATH");
  if (path && ::getauxval(AT_SECURE) == 0) {
    std::string_view rest(path);
    while (!rest.empty()) {
      const size_t end = std::min(rest.find(':'), rest.size());
      if (end > 0) list.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  std::error_code error;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const auto prefix = executable.parent_path().parent_path();
    list.push_back(prefix / "lib");
    list.push_back(prefix / "lib" / "hrt");
  }
  return list;
}

Runtime::Runtime(RuntimeOptions options) : options_(std::move(options)) {
  provide_run_interface();
  provide_pass_interface();
  provide_cache_interface(std::make_shared<Cache>(options_.cache_directory, options_.cache_limit));
  registry_ = std::make_unique<Registry>(options_.plugin_directories);
}

Runtime::~Runtime() {
  queued_.devices.clear();
  host_.devices.clear();
}

namespace {

bool is_complete(const hrt_backend_api& api) {
  return HRT_HAS(&api, run) && api.name && *api.name && api.device_count && api.device_info &&
         api.device_open && api.device_close && api.query_nodes && api.compile && api.executable_destroy &&
         api.prepare && api.prepared_destroy && api.context_create && api.context_destroy;
}

bool has_queue(const hrt_backend_api& api) { return HRT_HAS(&api, submit) && api.submit; }

// What a device with this memory needs in the interface, or "".
const char* missing(const hrt_backend_api& api, hrt_memory memory) {
  if (memory == HRT_MEMORY_HOST) return api.run ? "" : "run";
  if (memory != HRT_MEMORY_SHARED && memory != HRT_MEMORY_DEVICE) return "a kind of memory that is known";
  if (!HRT_HAS(&api, copy) || !api.fence_create || !api.fence_destroy || !api.fence_wait || !api.bind ||
      !api.submit || !api.buffer_release)
    return "fences, bind and submit";
  if (memory == HRT_MEMORY_SHARED) return api.buffer_import ? "" : "buffer_import";
  return api.buffer_allocate && api.copy ? "" : "buffer_allocate and copy";
}

}  // namespace

const Runtime::Listed& Runtime::list(bool queued) {
  const std::lock_guard lock(mutex_);
  Listed& listed = queued ? queued_ : host_;
  if (listed.done) return listed;
  for (const auto& [api, plugin] : registry_->backends()) {
    if (!is_complete(*api)) {
      if (!queued)
        log_warn("devices", "{}: the backend interface is incomplete; left out", plugin->manifest.id);
      continue;
    }
    if (has_queue(*api) != queued) continue;
    try {
      uint32_t count = 0;
      check(api->device_count(&count), plugin->manifest.id);
      const auto found = options_.backend_options.find(api->name);
      for (uint32_t i = 0; i < count; ++i) {
        hrt_device_info info{};
        info.struct_size = sizeof(info);
        info.kind = HRT_DEVICE_OTHER;
        check(api->device_info(i, &info), plugin->manifest.id);
        if (const std::string what = missing(*api, info.memory); !what.empty())
          fail(HRT_ERROR_UNSUPPORTED, "{}: the backend lacks {}; left out", plugin->manifest.id, what);
        if ((info.alignment & (info.alignment - 1)) != 0)
          fail(HRT_ERROR_UNSUPPORTED, "{}: alignment {} is no power of two; left out", plugin->manifest.id,
               info.alignment);
        std::string name = info.name ? info.name : api->name;
        if (i > 0) name += fmt::format(":{}", i);
        listed.devices.push_back(std::make_unique<Device>(
            api, plugin, i, std::move(name), info,
            found == options_.backend_options.end() ? std::map<std::string, std::string>{} : found->second,
            options_.device_timeout));
      }
    } catch (const Error& e) {
      log_warn("devices", "{}", e.message());
    }
  }
  listed.done = true;
  return listed;
}

std::vector<Device*> Runtime::host_devices() {
  std::vector<Device*> out;
  for (const auto& d : list(false).devices) out.push_back(d.get());
  return out;
}

std::vector<Device*> Runtime::devices() {
  std::vector<Device*> out = host_devices();
  for (const auto& d : list(true).devices) out.push_back(d.get());
  return out;
}

Device& Runtime::device(std::string_view name) {
  for (Device* d : host_devices())
    if (d->name() == name) return *d;
  std::vector<std::string> names;
  for (Device* d : devices()) {
    if (d->name() == name) return *d;
    names.push_back(d->name());
  }
  std::string refused;
  for (const Plugin& p : registry_->load_all())
    if (p.state == PluginState::kRefused &&
        (p.manifest.provides == name || p.manifest.id.find(name) != std::string::npos))
      refused += fmt::format("; {} was refused: {}", p.manifest.file.filename().string(), p.reason);
  const std::string near = nearest(name, names);
  fail(HRT_ERROR_USAGE, "there is no device \"{}\"{}{}{}", name,
       near.empty() ? "" : ", did you mean " + near + "?",
       names.empty() ? "; no backend was found" : fmt::format("; there are {}", fmt::join(names, ", ")),
       refused);
}

namespace {

hrt_source source_of(const MappedFile& file, const std::string& path) {
  return {sizeof(hrt_source), path.c_str(), file.bytes().data(), file.bytes().size()};
}

// The importer that is surest of the file.
const hrt_importer_api& importer_for(Registry& registry, const hrt_source& source) {
  const hrt_importer_api* best = nullptr;
  int sure = 0;
  std::string names;
  for (const auto& [api, plugin] : registry.importers()) {
    if (!HRT_HAS(api, import_model)) continue;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", api->name);
    if (const int p = api->probe(&source); p > sure) {
      sure = p;
      best = api;
    }
  }
  if (!best)
    fail(HRT_ERROR_BAD_DATA, "{}: no importer recognises this file ({})", source.path,
         names.empty() ? "no importer plugin is loaded" : "there are: " + names);
  return *best;
}

}  // namespace

std::unique_ptr<Graph> Runtime::load_model(const std::filesystem::path& path) {
  auto graph = read_model(path);
  graph->set_reload([this, path = std::filesystem::absolute(path)] { return read_model(path); });
  return graph;
}

std::unique_ptr<Graph> Runtime::read_model(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  if (is_hrt_file(file->bytes())) return read_hrt_file(file);
  const std::string text = path.string();
  const hrt_source source = source_of(*file, text);
  const hrt_importer_api& importer = importer_for(*registry_, source);
  auto graph = std::make_unique<Graph>();
  Transaction t(*graph);
  const ModelDirectory directory(t, path.parent_path());
  check(importer.import_model(&source, &t), "");
  with_context(text, [&] {
    t.commit();
    annotate(*graph);
    verify_structure(*graph);
  });
  return graph;
}

ValuePtr Runtime::load_value(const std::filesystem::path& path, const Type& type) {
  const auto file = MappedFile::open(path);
  const std::string text = path.string();
  const hrt_source source = source_of(*file, text);
  std::string reasons;
  for (const auto& [api, plugin] : registry_->importers()) {
    if (!HRT_HAS(api, import_value) || !api->import_value) continue;
    hrt_kernel result;
    result.outputs.resize(1);
    try {
      check(api->import_value(&source, &type.c(), &result), "");
      if (!result.outputs[0].result)
        fail(HRT_ERROR_INTERNAL, "{}: importer {} made no value", text, api->name);
      return result.outputs[0].result;
    } catch (const Error& e) {
      reasons += fmt::format("{}{}", reasons.empty() ? "" : "; ", e.message());
    }
  }
  fail(HRT_ERROR_BAD_DATA, "{}",
       reasons.empty() ? text + ": no importer reads files that hold a value" : reasons);
}

void Runtime::save_value(const std::filesystem::path& path, const ValuePtr& value, const std::string& name) {
  const std::string extension = path.extension().string();
  const auto writes = [&](const hrt_exporter_api& api) {
    if (!HRT_HAS(&api, export_value) || !api.export_value || !api.extensions) return false;
    for (const char* const* known = api.extensions; *known; ++known)
      if (extension == *known) return true;
    return false;
  };
  for (const auto& [api, plugin] : registry_->exporters()) {
    if (!writes(*api)) continue;
    std::vector<std::byte> bytes;
    const auto append = [](void* user, const void* data, size_t size) {
      return guard([&] {
        const auto* begin = static_cast<const std::byte*>(data);
        auto& all = *static_cast<std::vector<std::byte>*>(user);
        all.insert(all.end(), begin, begin + size);
      });
    };
    check(api->export_value(value.get(), name.c_str(), append, &bytes), path.string());
    const std::span<const std::byte> parts[] = {bytes};
    return write_file_atomically(path, parts);
  }
  fail(HRT_ERROR_UNSUPPORTED, "{}: no importer writes values to files ending in \"{}\"", path.string(),
       extension);
}

}  // namespace hrt
