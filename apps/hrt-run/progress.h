// SPDX-License-Identifier: Apache-2.0
// A progress bar on standard error, for what takes over a second, when that is a terminal.
#pragma once

#include <cstdint>
#include <string>

namespace hrt {

class Progress {
 public:
  explicit Progress(std::string label);
  ~Progress() { hide(); }
  Progress(const Progress&) = delete;

  void update(double fraction);  // 0 to 1; draws ten times a second at most
  void hide();                   // before something else is written to the terminal

 private:
  std::string label_;
  bool terminal_;
  bool visible_ = false;
  uint64_t next_ns_;
};

}  // namespace hrt
