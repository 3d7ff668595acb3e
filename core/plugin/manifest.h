// SPDX-License-Identifier: Apache-2.0
// The manifest file beside a plugin's library (NAME.hrt.json), and what is checked before any of the
// library's code is mapped: an initialiser for the wrong instruction set kills the process.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace hrt {

struct Manifest {
  std::filesystem::path file;
  std::filesystem::path library;  // absolute; in the manifest's directory
  std::string id;
  std::string version;
  std::string description;
  std::vector<std::string> kinds;  // "backend", "ops", "pass", "importer"
  uint32_t abi = 0;
  std::string arch;
  std::string provides;  // several libraries may provide one thing; the highest rank that fits is taken
  int rank = 0;
  std::vector<std::string> cpu_features;
  std::string sha256;
};

// Throws HRT_ERROR_BAD_DATA with the reason. Unknown keys are allowed: newer manifests say more.
Manifest read_manifest(const std::filesystem::path& file);

// Throws when the file, or a directory it lies in directly, may be written by others than the user who
// runs this, or root. path must be canonical.
void check_trust(const std::filesystem::path& path);

// Everything that can be known of the library without mapping it: trust, ABI, architecture, CPU features,
// checksum, exported symbol. Throws with the reason.
void check_library(const Manifest& manifest);

// This machine's, as in /proc/cpuinfo's flags (Features on Arm).
const std::vector<std::string>& cpu_features();

}  // namespace hrt
