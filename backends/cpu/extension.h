// SPDX-License-Identifier: Apache-2.0
// Kernels that other plugins bring for this backend (hrt/cpu_kernel.h).
#pragma once

#include <vector>

#include <hrt/cpu_kernel.h>

#include "backends/cpu/op.h"

namespace hrt::cpu {

class Extensions {
 public:
  Extensions();  // asks the host for all there are; incomplete ones are left out, with a warning
  // The first kernel that takes the node, with its answer; NULL when there is none, and then the answer has
  // the reason of the last that was asked, or "".
  const hrt_cpu_kernel* find(const Node& node, hrt_node_support& answer) const;

 private:
  std::vector<const hrt_cpu_kernel*> kernels_;
};

// What a row of the backend's own table makes of a node.
Compiled compile(const hrt_cpu_kernel& kernel, const Node& node);

}  // namespace hrt::cpu
