// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/first_run.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/profile/trace.h"

namespace hrt {
namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = fs::temp_directory_path() / "hrt-cache-XXXXXX";
    if (!::mkdtemp(name.data()))
      fail(HRT_ERROR_USAGE, "{}: cannot make a directory: {}", name, std::strerror(errno));
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::string> environment_with(const std::string& cache) {
  const std::string name = "HRT_CACHE_DIR=";
  std::vector<std::string> variables{name + cache};
  for (char** v = environ; *v; ++v)
    if (!std::string_view(*v).starts_with(name)) variables.emplace_back(*v);
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(buffer, size_t(n));
  }
}

// Gives the exit code.
int run_child(const std::vector<std::string>& arguments, const std::string& cache, FirstRun& run) {
  std::vector<std::string> words{"hrt-run"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_with(cache);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail(HRT_ERROR_INTERNAL, "no pipe: {}", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t child = 0;
  const uint64_t begin = now_ns();
  const int error = ::posix_spawn(&child, "/proc/self/exe", &actions, nullptr, pointers(words).data(),
                                  pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  const std::string text = error == 0 ? read_all(ends[0]) : "";
  ::close(ends[0]);
  if (error != 0) fail(HRT_ERROR_INTERNAL, "cannot start another process: {}", std::strerror(error));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) fail(HRT_ERROR_INTERNAL, "the process that was measured died");
  if (WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) fail(HRT_ERROR_INTERNAL, "the process that was measured gave no times");
  run = {json.value("end_ns", begin) - begin, json.value("plugins_ns", uint64_t(0)),
         json.value("load_ns", uint64_t(0)), json.value("compile_ns", uint64_t(0)),
         json.value("run_ns", uint64_t(0))};
  return 0;
}

}  // namespace

FirstRuns measure_first_runs(const std::vector<std::string>& arguments) {
  const TemporaryDirectory directory;
  FirstRuns runs;
  runs.failure = run_child(arguments, "", runs.cold);
  if (runs.failure == 0) runs.failure = run_child(arguments, directory.path(), runs.cold);
  for (const auto& entry : fs::directory_iterator(directory.path())) {
    ++runs.cache_files;
    runs.cache_bytes += entry.file_size();
  }
  if (runs.failure == 0) runs.failure = run_child(arguments, directory.path(), runs.warm);
  return runs;
}

std::string first_run_text(const FirstRun& run) {
  return nlohmann::json{{"end_ns", now_ns()},
                        {"plugins_ns", run.plugins_ns},
                        {"load_ns", run.load_ns},
                        {"compile_ns", run.compile_ns},
                        {"run_ns", run.run_ns}}
             .dump() +
         "\n";
}

std::vector<std::string> own_arguments() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(in, word, '\0');) words.push_back(word);
  if (!words.empty()) words.erase(words.begin());
  return words;
}

}  // namespace hrt
