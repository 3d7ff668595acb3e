// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/test_case.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <tuple>

#include <nlohmann/json.hpp>

#include "apps/hrt-run/lib/census.h"
#include "apps/hrt-run/lib/data_set.h"
#include "apps/hrt-run/lib/randomness.h"
#include "apps/hrt-run/lib/utf8.h"
#include "core/base/error.h"
#include "core/base/mapped_file.h"

namespace hrt {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModel = "model.onnx";

bool is_test(const fs::path& directory) { return fs::is_regular_file(directory / kModel); }

std::vector<fs::path> data_sets(const fs::path& directory) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.is_directory() && entry.path().filename().string().starts_with("test_data_set_"))
      found.push_back(entry.path());
  // By length first: set 10 comes after set 9.
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(a.native().size(), a.native()) < std::pair(b.native().size(), b.native());
  });
  return found;
}

// As the suite's own runner has it: two units in the last place of bfloat16, and what data.json says.
Tolerance tolerance_of(const TestCase& test, Tolerance tolerance) {
  constexpr size_t kLimit = 1 << 20;
  tolerance.bfloat16_rtol = 0x1p-6;
  const fs::path path = test.directory / "data.json";
  if (!fs::exists(path)) return tolerance;
  const auto file = MappedFile::open(path);
  if (file->bytes().size() > kLimit) fail(HRT_ERROR_BAD_DATA, "data.json is over {} bytes", kLimit);
  const auto* text = reinterpret_cast<const char*>(file->bytes().data());
  const auto json = nlohmann::json::parse(text, text + file->bytes().size(), nullptr, false);
  if (!json.is_object()) fail(HRT_ERROR_BAD_DATA, "data.json is no JSON object");
  for (auto [key, value] : {std::pair("rtol", &tolerance.rtol), std::pair("atol", &tolerance.atol)}) {
    const auto it = json.find(key);
    if (it == json.end()) continue;
    if (!it->is_number()) fail(HRT_ERROR_BAD_DATA, "{} in data.json is no number", key);
    *value = it->get<double>();
  }
  return tolerance;
}

struct Verdict {
  std::string difference;  // empty: passed
  std::string note;        // what was not compared by value
};

// Outputs that hang on random numbers: the suite's own runner compares them like any others, so that
// backends have to exclude the cases of Bernoulli by name. Here they pass when all that can be known agrees,
// and the verdict says that it was no more than that.
void compare_output(const ValuePtr& actual, const ValuePtr& expected, bool random, const std::string& name,
                    const Tolerance& tolerance, Verdict& verdict) {
  const Comparison c = compare(actual, expected, tolerance);
  if (c.equal()) return;
  verdict.difference = c.difference;
  if (random) {
    verdict.difference = implausible(actual, expected);
    verdict.note =
        fmt::format("(output \"{}\" is random: type, shape and range agree, values were not compared)", name);
  }
  if (!verdict.difference.empty())
    verdict.difference = fmt::format("output \"{}\": {}", name, verdict.difference);
}

Verdict run_data_set(Runtime& runtime, Session& session, const fs::path& directory,
                     const Tolerance& tolerance, const TestOptions& options) {
  const auto inputs = read_data(runtime, directory, "input", session.inputs());
  const auto expected = read_data(runtime, directory, "output", session.outputs());
  if (inputs.size() != session.inputs().size())
    return {fmt::format("no input files for {} inputs", session.inputs().size()), {}};
  if (expected.empty()) return {"no output files", {}};
  auto request = session.make_request();
  for (size_t i = 0; i < inputs.size(); ++i) request->set_input(i, inputs[i]);
  RunOptions run;
  run.trace = options.trace;
  run.deadline =
      std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                             std::chrono::duration<double>(options.timeout_s));
  request->run(run);
  const std::vector<bool> random = random_outputs(*session.graph());
  Verdict verdict;
  for (size_t i = 0; i < expected.size() && verdict.difference.empty(); ++i)
    compare_output(request->output(i), expected[i], random[i], session.outputs()[i].name, tolerance, verdict);
  return verdict;
}

// The same of all data sets; tells result about the model on the way.
Verdict run_all_data_sets(Runtime& runtime, const TestCase& test, const SessionOptions& options,
                          const TestOptions& tests, TestResult& result) {
  const Tolerance tolerance = tolerance_of(test, tests.tolerance);
  const std::vector<fs::path> sets = data_sets(test.directory);
  if (sets.empty()) return {"no test_data_set_*", {}};
  auto graph = runtime.load_model(test.directory / kModel);
  result.operators = take_census(*graph).operators;
  Session session(runtime, std::move(graph), options);
  result.placement = session.placement();
  Verdict verdict;
  for (const fs::path& set : sets) {
    verdict = run_data_set(runtime, session, set, tolerance, tests);
    if (verdict.difference.empty()) continue;
    if (sets.size() > 1)
      verdict.difference = fmt::format("{}: {}", set.filename().string(), verdict.difference);
    break;
  }
  return verdict;
}

std::string one_line(std::string text) {
  std::replace_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20; }, ' ');
  return text;
}

// Text for XML, without what XML cannot hold at all.
std::string escape(std::string_view text) {
  std::string result;
  const bool utf8 = decode_utf8(text).has_value();
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || (byte >= 0x80 && !utf8)) {
      result += '?';
    } else if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else if (c == '"') {
      result += "&quot;";
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

const char* outcome_name(Outcome outcome) {
  return outcome == Outcome::kPass ? "PASS" : outcome == Outcome::kFail ? "FAIL" : "SKIP";
}

std::vector<TestCase> find_test_cases(std::span<const fs::path> directories) {
  std::map<fs::path, std::string> found;
  for (const fs::path& given : directories) {
    try {
      const fs::path root = fs::canonical(given);
      if (!fs::is_directory(root)) fail(HRT_ERROR_BAD_DATA, "{}: not a directory", given.string());
      const auto add = [&](const fs::path& directory) {
        found.emplace(directory, directory.lexically_relative(root.parent_path()).string());
      };
      if (is_test(root)) {
        add(root);
        continue;
      }
      for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
        if (!it->is_directory() || it->is_symlink() || !is_test(it->path())) continue;
        add(it->path());
        it.disable_recursion_pending();
      }
    } catch (const fs::filesystem_error& e) {
      fail(HRT_ERROR_BAD_DATA, "{}: {}", given.string(), e.code().message());
    }
  }
  std::vector<TestCase> tests;
  for (const auto& [directory, name] : found) tests.push_back({name, directory});
  std::sort(tests.begin(), tests.end(), [](const TestCase& a, const TestCase& b) {
    return std::tie(a.name, a.directory) < std::tie(b.name, b.directory);
  });
  return tests;
}

TestResult run_test_case(Runtime& runtime, const TestCase& test, const SessionOptions& session,
                         const TestOptions& options) {
  TestResult result;
  const uint64_t begin = now_ns();
  try {
    const Verdict verdict = run_all_data_sets(runtime, test, session, options, result);
    result.reason = verdict.difference.empty() ? verdict.note : verdict.difference;
    if (!verdict.difference.empty()) result.outcome = Outcome::kFail;
  } catch (const std::exception& e) {
    result.reason = *e.what() ? e.what() : "failed without saying why";
    result.outcome = Outcome::kFail;
  }
  result.reason = one_line(result.reason);
  result.seconds = double(now_ns() - begin) * 1e-9;
  return result;
}

std::string junit_xml(std::string_view suite, std::span<const TestCase> tests,
                      std::span<const TestResult> results) {
  std::string body;
  double seconds = 0;
  size_t failed = 0, skipped = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    const TestResult& r = results[i];
    seconds += r.seconds;
    failed += r.outcome == Outcome::kFail;
    skipped += r.outcome == Outcome::kSkip;
    body += fmt::format("  <testcase classname=\"{}\" name=\"{}\" time=\"{:.6f}\"", escape(suite),
                        escape(tests[i].name), r.seconds);
    if (r.outcome == Outcome::kPass) {
      body += "/>\n";
    } else {
      body += fmt::format("><{0} message=\"{1}\"/></testcase>\n",
                          r.outcome == Outcome::kFail ? "failure" : "skipped", escape(r.reason));
    }
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{:.6f}\">\n"
      "{}</testsuite>\n",
      escape(suite), results.size(), failed, skipped, seconds, body);
}

}  // namespace hrt
