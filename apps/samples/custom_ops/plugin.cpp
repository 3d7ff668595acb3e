// SPDX-License-Identifier: Apache-2.0
#include "ops.h"

namespace acme {
namespace {

constexpr const hrt_op* kOps[] = {&kRmsNorm, &kSliceGelu, &kQuantMatMul};
constexpr hrt_ops_api kOpsApi = {sizeof(hrt_ops_api), kOps, std::size(kOps)};

constexpr const hrt_cpu_kernel* kKernels[] = {&kRmsNormOnCpu};
constexpr hrt_cpu_kernel_api kCpuApi = {sizeof(hrt_cpu_kernel_api), kKernels, std::size(kKernels)};

}  // namespace
}  // namespace acme

HRT_PLUGIN("acme.ops", "1.0.0", "RMSNorm, SliceGelu and QuantMatMul of the domain acme", nullptr, nullptr,
           {"hrt.ops/1", &acme::kOpsApi}, {"hrt.cpu.kernel/1", &acme::kCpuApi})
