// SPDX-License-Identifier: Apache-2.0
#include <hrt/plugin.h>
#include <hrt/plugin.hpp>

static void init() {}
HRT_PLUGIN("test.header", "1.0.0", "compiles", init, nullptr)
