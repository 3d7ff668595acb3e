// SPDX-License-Identifier: Apache-2.0
// The operators that need image libraries as a plugin.
#include <hrt/plugin.hpp>

#include "../registered.h"

namespace {

hrt_ops_api g_api;

void init() { g_api = hrt::ops::registered(); }

}  // namespace

HRT_PLUGIN("hrt.ops.image", "0.1.0", "ONNX operators that decode pictures", init, nullptr,
           {"hrt.ops/1", &g_api})
