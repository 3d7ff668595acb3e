// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <map>
#include <mutex>
#include <regex>
#include <thread>

#include "apps/hrt-run/commands/options.h"
#include "apps/hrt-run/lib/test_case.h"
#include "apps/hrt-run/progress.h"
#include "apps/hrt-run/report.h"

namespace hrt {
namespace {

// Tests whose names match one of these patterns are skipped.
class Exclusions {
 public:
  explicit Exclusions(const std::vector<std::string>& patterns) : patterns_(patterns) {
    for (const std::string& pattern : patterns) {
      try {
        compiled_.emplace_back(pattern, std::regex::ECMAScript | std::regex::optimize);
      } catch (const std::regex_error& e) {
        fail(HRT_ERROR_USAGE, "--exclude: \"{}\" is no regular expression: {}", pattern, e.what());
      }
    }
  }
  // The pattern, or NULL.
  const std::string* match(const std::string& name) const {
    for (size_t i = 0; i < compiled_.size(); ++i)
      if (std::regex_search(name, compiled_[i])) return &patterns_[i];
    return nullptr;
  }

 private:
  std::vector<std::string> patterns_;
  std::vector<std::regex> compiled_;
};

// Calls work(0) ... work(count - 1) on this many threads, and done(i) on the caller's, in order.
void in_order(size_t count, unsigned jobs, const std::function<void(size_t)>& work,
              const std::function<void(size_t)>& done) {
  if (jobs <= 1) {
    for (size_t i = 0; i < count; ++i) {
      work(i);
      done(i);
    }
    return;
  }
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<bool> finished(count);
  std::vector<std::jthread> threads;
  for (unsigned t = 0; t < jobs; ++t) {
    threads.emplace_back([&] {
      for (size_t i; (i = next++) < count;) {
        work(i);
        const std::lock_guard lock(mutex);
        finished[i] = true;
        changed.notify_one();
      }
    });
  }
  for (size_t i = 0; i < count; ++i) {
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return bool(finished[i]); });
    }
    done(i);
  }
}

// Nodes by device, and what devices refused: enough to say who can run what, without a row for each node.
Json test_json(const TestCase& test, const TestResult& result) {
  std::map<std::string, size_t> devices;
  Json refused = Json::array();
  for (const Placement& p : result.placement) {
    ++devices[p.device];
    for (const auto& r : p.refusals) {
      const Json row{{"operator", p.op}, {"device", r.device}, {"reason", r.reason}};
      if (std::find(refused.begin(), refused.end(), row) == refused.end()) refused.push_back(row);
    }
  }
  return {{"name", test.name},         {"outcome", outcome_name(result.outcome)}, {"reason", result.reason},
          {"seconds", result.seconds}, {"operators", result.operators},           {"devices", devices},
          {"refused", refused}};
}

int verify(Arguments& arguments) {
  const Exclusions exclusions(arguments.all("exclude"));
  TestOptions options;
  options.tolerance = tolerance_options(arguments, {});
  if (arguments.has("timeout"))
    options.timeout_s = parse_number(arguments.get<std::string>("timeout"), "timeout");
  if (options.timeout_s <= 0 || options.timeout_s > 1e6)
    fail(HRT_ERROR_USAGE, "--timeout: {} is out of range", options.timeout_s);
  const auto jobs = unsigned(parse_whole(arguments.get<std::string>("jobs", "1"), "jobs", 1, 1024));
  const std::vector<std::filesystem::path> directories(arguments.operands().begin(),
                                                       arguments.operands().end());
  const std::vector<TestCase> tests = find_test_cases(directories);
  if (tests.empty())
    fail(HRT_ERROR_BAD_DATA, "{}: no tests (directories with model.onnx) in there",
         fmt::join(arguments.operands(), ", "));
  Runtime& runtime = arguments.runtime();
  const SessionOptions session = arguments.session_options();

  Profiler profiler(arguments);
  options.trace = profiler.trace();
  std::vector<TestResult> results(tests.size());
  size_t counts[3] = {};
  Progress progress("verify");
  const auto work = [&](size_t i) {
    const std::string* pattern = exclusions.match(tests[i].name);
    results[i] = pattern ? TestResult{Outcome::kSkip, fmt::format("excluded by \"{}\"", *pattern), 0}
                         : run_test_case(runtime, tests[i], session, options);
  };
  const auto done = [&](size_t i) {
    ++counts[size_t(results[i].outcome)];
    if (!arguments.json()) {
      progress.hide();
      say("{} {}{}{}\n", outcome_name(results[i].outcome), tests[i].name,
          results[i].reason.empty() ? "" : " ", results[i].reason);
    }
    progress.update(double(i + 1) / double(tests.size()));
  };
  in_order(tests.size(), jobs, work, done);
  progress.hide();

  if (arguments.has("junit"))
    write_text(arguments.get<std::string>("junit"), junit_xml("hrt-run verify", tests, results));
  if (arguments.json()) {
    Json json{{"passed", counts[0]}, {"failed", counts[1]}, {"skipped", counts[2]}, {"tests", Json::array()}};
    for (size_t i = 0; i < tests.size(); ++i) json["tests"].push_back(test_json(tests[i], results[i]));
    profiler.finish(&json);
    print_json(json);
  } else {
    say("{} passed, {} failed, {} skipped\n", counts[0], counts[1], counts[2]);
    profiler.finish(nullptr);
  }
  return counts[1] > 0 ? HRT_ERROR_MISMATCH : HRT_OK;
}

void options(po::options_description& description) {
  auto add = description.add_options();
  add("exclude", po::value<std::vector<std::string>>()->composing()->value_name("REGEX"),
      "skip tests whose names match; may be repeated");
  add("junit", po::value<std::string>()->value_name("FILE"), "the results as JUnit's XML");
  add("jobs,j", po::value<std::string>()->value_name("N"), "tests at once (1)");
  add("timeout", po::value<std::string>()->value_name("S"), "seconds that one run may take (60)");
  add_tolerance_options(description, {});
}

}  // namespace

const Command kVerify = {
    "verify",
    "DIR...",
    1,
    SIZE_MAX,
    "runs ONNX test directories and compares the outputs",
    "A test is a directory with model.onnx and test_data_set_*/{input,output}_i.pb; a DIR may hold many, at "
    "any\n"
    "depth. The tolerances are those of ONNX's own test runner; a data.json beside the model may have its "
    "own\n"
    "\"rtol\" and \"atol\". What is unsupported has failed; only what --exclude names is skipped. Exit code "
    "4\n"
    "when a test failed. --json also has each model's operators, on which devices its nodes ran, and what "
    "was\n"
    "refused.\n\n"
    "  hrt-run verify node/\n"
    "  hrt-run verify -d reference node/ light/ --exclude bernoulli --junit results.xml\n",
    true,
    options,
    verify,
};

}  // namespace hrt
