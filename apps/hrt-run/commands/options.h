// SPDX-License-Identifier: Apache-2.0
// Options that several commands share.
#pragma once

#include "apps/hrt-run/command.h"
#include "apps/hrt-run/lib/comparison.h"
#include "apps/hrt-run/lib/inputs.h"

namespace hrt {

// --input, --shape, --data-dir, and those of pictures.
void add_input_options(po::options_description& description);
InputOptions input_options(const Arguments& arguments);

// --rtol, --atol.
void add_tolerance_options(po::options_description& description, const Tolerance& defaults);
Tolerance tolerance_options(const Arguments& arguments, const Tolerance& defaults);

}  // namespace hrt
