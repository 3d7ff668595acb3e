// SPDX-License-Identifier: Apache-2.0
// What it takes from the start of a process to its first answer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace hrt {

struct FirstRun {
  uint64_t total_ns = 0;  // from the start of the process to the end of the first run
  uint64_t plugins_ns = 0, load_ns = 0, compile_ns = 0, run_ns = 0;  // of that
};

struct FirstRuns {
  FirstRun cold;  // with an empty cache
  FirstRun warm;  // with what the cold one left in it
  uint64_t cache_files = 0, cache_bytes = 0;
  int failure = 0;  // the exit code of a process that failed, and has said why; there are no times then
};

// Starts this program with these arguments once to have its files in memory, and then with an empty cache and
// with a filled one, in a temporary directory. It must print what first_run_text makes.
FirstRuns measure_first_runs(const std::vector<std::string>& arguments);

// For a child: one line, with the time now as the end.
std::string first_run_text(const FirstRun& run);

// The arguments of this process, without its name.
std::vector<std::string> own_arguments();

}  // namespace hrt
