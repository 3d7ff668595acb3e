// SPDX-License-Identifier: Apache-2.0
// Fault devices (fault.h) for a test: any number, each under a name and with options of its own, in a runtime
// that has the other plugins of the build too.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "core/execute/session.h"
#include "tests/abi/plugins.h"
#include "tests/fault/fault.h"

namespace hrt::test {

class FaultDevices {
 public:
  using Options = std::map<std::string, std::string>;
  // memory: "host", "shared", "device". Before the first call of runtime().
  void add(const std::string& name, const std::string& memory, Options options = {});
  void set_timeout(std::chrono::milliseconds timeout) { options_.device_timeout = timeout; }  // likewise
  Runtime& runtime();
  // Ends the runtime, which closes the devices and shuts the plugins down.
  void end() { runtime_.reset(); }

  const hrt_backend_api& api(const std::string& name);
  const fault::Control& control(const std::string& name);
  fault::Alive alive(const std::string& name);

 private:
  PluginFolder folder_;
  RuntimeOptions options_;
  std::unique_ptr<Runtime> runtime_;
};

}  // namespace hrt::test
