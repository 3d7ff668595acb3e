// SPDX-License-Identifier: Apache-2.0
// The machine and the build, as far as a measurement depends on them. [any-thread]
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace hrt {

struct Environment {
  std::string version;  // of HRT
  std::string compiler;
  std::string build;     // "Release"
  std::string kernel;    // of the operating system
  std::string cpu;       // model name
  unsigned cores = 0;    // that this process may use
  std::string governor;  // of the first core; "" when there is none to read
  uint64_t memory_bytes = 0;
};

// root: where proc/ and sys/ lie.
Environment read_environment(const std::filesystem::path& root = "/");

// The most memory that this process has held resident; 0 when the system does not say.
uint64_t peak_resident_bytes();

}  // namespace hrt
