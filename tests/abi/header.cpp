// SPDX-License-Identifier: Apache-2.0
#include <hrt/plugin.h>
#include <hrt/plugin.hpp>

static void init() {}
static const hrt_ops_api g_ops = {sizeof(hrt_ops_api), nullptr, 0};
HRT_PLUGIN("test.header", "1.0.0", "compiles", init, nullptr, {"hrt.ops/1", &g_ops})
