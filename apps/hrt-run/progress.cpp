// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/profile/trace.h"

namespace hrt {

Progress::Progress(std::string label)
    : label_(std::move(label)), terminal_(::isatty(STDERR_FILENO) == 1), next_ns_(now_ns() + 1'000'000'000) {}

void Progress::update(double fraction) {
  if (!terminal_) return;
  const uint64_t now = now_ns();
  if (now < next_ns_) return;
  next_ns_ = now + 100'000'000;
  visible_ = true;
  constexpr int kWidth = 40;
  fraction = std::clamp(fraction, 0.0, 1.0);
  std::string bar(size_t(fraction * kWidth), '#');
  bar.resize(kWidth, '.');
  std::fprintf(stderr, "\r%s [%s] %3d %%", label_.c_str(), bar.c_str(), int(fraction * 100));
}

void Progress::hide() {
  if (!visible_) return;
  std::fputs("\r\033[K", stderr);
  visible_ = false;
}

}  // namespace hrt
