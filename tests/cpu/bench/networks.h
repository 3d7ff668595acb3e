// SPDX-License-Identifier: Apache-2.0
// Two networks as graphs of fused operators, with random weights, for timing.
#pragma once

#include "tests/cpu/host.h"

namespace hrt::test {

void resnet50(Model& m);      // input 1x3x224x224
void mobilenet_v2(Model& m);  // input 1x3x224x224

}  // namespace hrt::test
