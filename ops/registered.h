// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hrt/plugin.h>

namespace hrt::ops {

// What this library's operator files registered, in the ABI's form: for its plugin.cpp. [load-thread]
const hrt_ops_api& registered();

}  // namespace hrt::ops
