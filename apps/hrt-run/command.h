// SPDX-License-Identifier: Apache-2.0
// A command of hrt-run: its options, one call into the library, its output.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/variables_map.hpp>

#include "core/base/error.h"
#include "core/execute/config.h"

namespace hrt {

namespace po = boost::program_options;

// What the command line said, with the configuration that follows from it.
class Arguments {
 public:
  Arguments(po::variables_map values, std::vector<std::string> operands);

  bool has(const char* name) const { return values_.count(name) > 0; }
  bool flag(const char* name) const { return has(name) && values_[name].as<bool>(); }
  template <class T>
  T get(const char* name) const {
    return values_[name].as<T>();
  }
  template <class T>
  T get(const char* name, const T& otherwise) const {
    return has(name) ? values_[name].as<T>() : otherwise;
  }
  // Every value of an option that may be there several times.
  std::vector<std::string> all(const char* name) const;

  const std::vector<std::string>& operands() const { return operands_; }
  const std::string& model() const { return operands_.front(); }
  bool json() const { return flag("json"); }
  const Config& config() const { return config_; }
  Runtime& runtime();  // made when first asked for
  SessionOptions session_options() { return hrt::session_options(config_, runtime()); }

 private:
  po::variables_map values_;
  std::vector<std::string> operands_;
  Config config_;
  std::unique_ptr<Runtime> runtime_;
};

struct Command {
  const char* name;
  const char* operands;  // for people: "MODEL", "DIR..."
  size_t least_operands, most_operands;
  const char* summary;
  const char* details;  // with examples
  bool runs_models;     // takes --profile and --trace
  void (*options)(po::options_description& description);
  int (*run)(Arguments& arguments);  // the exit code; errors are thrown
};

// "1.5", "-2": throws HRT_ERROR_USAGE naming the option.
double parse_number(const std::string& text, const char* option);
std::vector<double> parse_numbers(const std::string& text, const char* option);  // separated by commas
uint64_t parse_whole(const std::string& text, const char* option, uint64_t least = 0,
                     uint64_t most = UINT32_MAX);

extern const Command kRun, kBench, kVerify, kCompare, kInspect, kDevices, kPlugins, kPasses, kOps, kConfig;

}  // namespace hrt
