// SPDX-License-Identifier: Apache-2.0
#include "core/plugin/manifest.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/library_info.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/mapped_file.h"

namespace hrt {
namespace {

using nlohmann::json;

template <class T>
T field(const json& j, const char* key) {
  const auto it = j.find(key);
  if (it == j.end()) fail(HRT_ERROR_BAD_DATA, "manifest lacks \"{}\"", key);
  try {
    if constexpr (std::is_integral_v<T>) {  // get<>() would round, wrap or take a boolean
      const bool fits = it->is_number_unsigned()  ? std::in_range<T>(it->get<uint64_t>())
                        : it->is_number_integer() ? std::in_range<T>(it->get<int64_t>())
                                                  : false;
      if (!fits) fail(HRT_ERROR_BAD_DATA, "manifest: \"{}\" is no whole number that fits", key);
    }
    return it->get<T>();
  } catch (const json::exception&) {
    fail(HRT_ERROR_BAD_DATA, "manifest: \"{}\" has the wrong type", key);
  }
}

template <class T>
T field(const json& j, const char* key, T otherwise) {
  return j.contains(key) ? field<T>(j, key) : std::move(otherwise);
}

}  // namespace

Manifest read_manifest(const std::filesystem::path& file) {
  const auto mapped = MappedFile::open(file);
  const auto bytes = mapped->bytes();
  if (bytes.size() > 64 * 1024) fail(HRT_ERROR_BAD_DATA, "manifest is larger than 64 KiB");
  const auto* text = reinterpret_cast<const char*>(bytes.data());
  const json j = json::parse(text, text + bytes.size(), nullptr, /*allow_exceptions=*/false);
  if (!j.is_object()) fail(HRT_ERROR_BAD_DATA, "manifest is not a JSON object");
  Manifest m;
  m.file = file;
  m.id = field<std::string>(j, "id");
  m.version = field<std::string>(j, "version", "");
  m.description = field<std::string>(j, "description", "");
  m.kinds = field<std::vector<std::string>>(j, "kinds");
  m.abi = field<uint32_t>(j, "abi");
  m.arch = field<std::string>(j, "arch");
  m.provides = field<std::string>(j, "provides", "");
  m.rank = field<int>(j, "rank", 0);
  m.cpu_features = field<std::vector<std::string>>(j, "cpu_features", {});
  m.sha256 = field<std::string>(j, "sha256");
  const std::filesystem::path library = field<std::string>(j, "library");
  if (library.empty() || library != library.filename() || library == "." || library == "..")
    fail(HRT_ERROR_BAD_DATA, "manifest: \"library\" must be a file name without directories");
  if (m.id.empty()) fail(HRT_ERROR_BAD_DATA, "manifest: \"id\" is empty");
  m.library = file.parent_path() / library;
  return m;
}

void check_trust(const std::filesystem::path& path) {
  for (const auto& p : {path, path.parent_path()}) {
    struct stat info{};
    if (::stat(p.c_str(), &info) != 0) fail(HRT_ERROR_BAD_DATA, "{} does not exist", p.string());
    if (info.st_uid != 0 && info.st_uid != ::geteuid())
      fail(HRT_ERROR_BAD_DATA, "{} belongs to another user", p.string());
    if (info.st_mode & (S_IWGRP | S_IWOTH))
      fail(HRT_ERROR_BAD_DATA, "{} may be written by others", p.string());
  }
}

const std::vector<std::string>& cpu_features() {
  static const std::vector<std::string> features = [] {
    std::vector<std::string> found;
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
      std::istringstream words(line.substr(line.find(':') + 1));
      for (std::string word; words >> word;) found.push_back(word);
      break;
    }
    return found;
  }();
  return features;
}

void check_library(const Manifest& m) {
  if (m.abi != HRT_ABI)
    fail(HRT_ERROR_UNSUPPORTED, "made for plugin ABI {}, this host has {}", m.abi, HRT_ABI);
  utsname machine{};
  ::uname(&machine);
  if (m.arch != machine.machine)
    fail(HRT_ERROR_UNSUPPORTED, "made for {}, this machine is {}", m.arch, machine.machine);
  for (const std::string& feature : m.cpu_features)
    if (std::ranges::find(cpu_features(), feature) == cpu_features().end())
      fail(HRT_ERROR_UNSUPPORTED, "needs the CPU feature {}, which this machine lacks", feature);
  std::error_code ignored;
  const auto canonical = std::filesystem::canonical(m.library, ignored);
  if (canonical.empty()) fail(HRT_ERROR_BAD_DATA, "the library {} is missing", m.library.string());
  check_trust(canonical);
  const std::string actual = sha256_hex(MappedFile::open(canonical)->bytes());
  if (actual != m.sha256) fail(HRT_ERROR_BAD_DATA, "the library's sha256 is not the manifest's");
  std::vector<std::string> symbols;
  try {
    symbols = boost::dll::library_info(canonical.string(), /*throw_if_not_native_format=*/true).symbols();
  } catch (const std::exception& e) {
    fail(HRT_ERROR_BAD_DATA, "not a shared library of this machine ({})", e.what());
  }
  if (std::ranges::find(symbols, "hrt_plugin_query") == symbols.end())
    fail(HRT_ERROR_BAD_DATA, "the library does not export hrt_plugin_query");
}

}  // namespace hrt
