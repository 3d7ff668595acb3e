// SPDX-License-Identifier: Apache-2.0
// Tests in the form of ONNX's backend tests: a directory with model.onnx, any number of test_data_set_*
// (data_set.h), and perhaps data.json with a "rtol" and an "atol" of its own. [any-thread]
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/hrt-run/lib/comparison.h"
#include "core/execute/session.h"

namespace hrt {

struct TestCase {
  std::string name;  // the directory, seen from the one around the directory that was searched
  std::filesystem::path directory;
};

// All tests in these directories, at any depth, by name; each once. Links to directories are not followed.
// Throws HRT_ERROR_BAD_DATA for a directory that cannot be read.
std::vector<TestCase> find_test_cases(std::span<const std::filesystem::path> directories);

enum class Outcome { kPass, kFail, kSkip };
const char* outcome_name(Outcome outcome);  // "PASS"

struct TestResult {
  Outcome outcome = Outcome::kPass;
  std::string reason;  // one line: why it failed or was skipped, or what of a passed one was not compared
  double seconds = 0;
  std::map<std::string, size_t> operators = {};  // of the model as it was loaded; empty when it was not
  std::vector<Placement> placement = {};         // of the model as compiled; empty when it was not
};

struct TestOptions {
  Tolerance tolerance;
  double timeout_s = 60;   // of one run
  Trace* trace = nullptr;  // where to record the runs
};

// Loads, compiles and runs the model on each of its data sets. Never throws what is the model's fault:
// that is a failure.
TestResult run_test_case(Runtime& runtime, const TestCase& test, const SessionOptions& session,
                         const TestOptions& options);

// The results as JUnit's XML.
std::string junit_xml(std::string_view suite, std::span<const TestCase> tests,
                      std::span<const TestResult> results);

}  // namespace hrt
