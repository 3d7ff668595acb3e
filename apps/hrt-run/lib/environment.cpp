// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/environment.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <sched.h>
#include <fstream>

namespace hrt {
namespace {

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The value of the first of these keys that a file of "key : value" lines has.
std::string lookup(const std::filesystem::path& path, std::initializer_list<std::string_view> keys) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    for (const std::string_view key : keys) {
      const size_t colon = line.find(':');
      if (!line.starts_with(key) || colon == std::string::npos) continue;
      const size_t value = line.find_first_not_of(" \t", colon + 1);
      return value == std::string::npos ? "" : line.substr(value);
    }
  }
  return {};
}

unsigned usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return unsigned(CPU_COUNT(&set));
  return unsigned(::sysconf(_SC_NPROCESSORS_ONLN));
}

}  // namespace

Environment read_environment(const std::filesystem::path& root) {
  Environment e;
  e.version = HRT_VERSION;
  e.build = HRT_BUILD_TYPE;
#if defined(__clang__)
  e.compiler = "clang " __clang_version__;
#else
  e.compiler = "gcc " __VERSION__;
#endif
  utsname system{};
  if (::uname(&system) == 0) e.kernel = std::string(system.sysname) + " " + system.release;
  e.cpu = lookup(root / "proc/cpuinfo", {"model name", "Hardware", "uarch"});
  e.cores = usable_cores();
  e.governor = first_line(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  e.memory_bytes = uint64_t(::sysconf(_SC_PHYS_PAGES)) * uint64_t(::sysconf(_SC_PAGE_SIZE));
  return e;
}

uint64_t peak_resident_bytes() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return uint64_t(usage.ru_maxrss) * 1024;
}

}  // namespace hrt
