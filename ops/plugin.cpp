// SPDX-License-Identifier: Apache-2.0
// The operator library as a plugin.
#include <hrt/plugin.hpp>

#include "registered.h"

namespace {

hrt_ops_api g_api;

void init() { g_api = hrt::ops::registered(); }

}  // namespace

HRT_PLUGIN("hrt.ops", "0.1.0", "ONNX operators: schemas, inference, reference kernels", init, nullptr,
           {"hrt.ops/1", &g_api})
