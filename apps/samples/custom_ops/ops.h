// SPDX-License-Identifier: Apache-2.0
// The operators of this library, one file each, and what is common to their schemas.
#pragma once

#include <hrt/cpu_kernel.h>
#include <hrt/plugin.hpp>

namespace acme {

using namespace hrt::sdk;

extern const hrt_op kRmsNorm, kSliceGelu, kQuantMatMul;
extern const hrt_cpu_kernel kRmsNormOnCpu;

constexpr float kDefaultEpsilon = 1e-6f;  // of RMSNorm

constexpr hrt_op_param param(const char* name, const char* type) {
  return {sizeof(hrt_op_param), name, type, 0};
}
constexpr hrt_op_attr attribute(const char* name, hrt_attr_type type, bool required, const char* otherwise) {
  return {sizeof(hrt_op_attr), name, type, required, otherwise};
}

// An operator of version 1 of the domain acme.
constexpr hrt_op make_op(const char* name, const char* doc, std::span<const hrt_op_param> inputs,
                         std::span<const hrt_op_param> outputs, std::span<const hrt_op_attr> attributes,
                         decltype(hrt_op::infer) infer, decltype(hrt_op::compute) compute) {
  hrt_op op{};
  op.struct_size = sizeof(hrt_op);
  op.domain = "acme";
  op.name = name;
  op.since_version = 1;
  op.doc = doc;
  op.inputs = inputs.data();
  op.input_count = inputs.size();
  op.outputs = outputs.data();
  op.output_count = outputs.size();
  op.param_stride = sizeof(hrt_op_param);
  op.attrs = attributes.data();
  op.attr_count = attributes.size();
  op.attr_stride = sizeof(hrt_op_attr);
  op.infer = infer;
  op.compute = compute;
  return op;
}

// Equal, as far as is known before the run.
inline bool may_be_equal(int64_t a, int64_t b) { return !is_number(a) || !is_number(b) || a == b; }

}  // namespace acme
