// SPDX-License-Identifier: Apache-2.0
// Files that hold one value, as ONNX's test data does: TensorProto, SequenceProto, OptionalProto.
#pragma once

#include <hrt/exporter.h>
#include <hrt/plugin.hpp>

namespace hrt::importer {

// The messages do not say which of them they are: type does. NULL: a tensor. The result is output 0.
void import_value(const void* data, uint64_t size, const hrt_type* type, hrt_kernel* result);

// The message that holds the value, in one piece. Throws for maps, which the test data does not use.
void export_value(const hrt_value* value, const char* name, hrt_write_fn write, void* user);

}  // namespace hrt::importer
