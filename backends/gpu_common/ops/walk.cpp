// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/walk.h"

#include <algorithm>

namespace hrt::gpu {

namespace {

constexpr size_t kMaxOperands = 5;
constexpr int64_t kGroup = 64;
// Elements that one invocation computes where there are many: threads of a CPU are few, and want long runs.
constexpr int64_t kPerThread = 4, kPerThreadOfCpu = 32;

}  // namespace

Grid grid(const Caps& caps, int64_t inner, int64_t rows) {
  int64_t wide = kGroup;
  while (wide > 8 && wide / 2 >= inner) wide /= 2;
  const int64_t tall = kGroup / wide, per = caps.is_cpu ? kPerThreadOfCpu : kPerThread;
  const int64_t across = std::min(ceil_div(inner, per) + wide - 1, inner);
  const int64_t per_row = std::max<int64_t>(per / ceil_div(inner, std::max<int64_t>(across, 1)), 1);
  return {{uint32_t(wide), uint32_t(tall), 1},
          {std::min(across, int64_t(caps.max_groups[0]) * wide),
           std::min(ceil_div(rows, per_row), int64_t(caps.max_groups[1]) * tall), 1}};
}

Walk walk(const Caps& caps, const Dims& out, std::span<const Dims> operands) {
  require(operands.size() <= kMaxOperands, "a kernel has too many operands");
  const Merged m = merge_dims(out, operands, HRT_MAX_RANK);
  Walk w;
  const size_t outer = m.dims.size() - 1;
  const int64_t inner = m.dims.back();
  const int64_t rows = sdk::element_count(std::span(m.dims).first(outer));
  push_int(sdk::element_count(out));  // the kernels index with 32 bits
  w.rank = int32_t(outer);
  w.push = {push_int(inner), push_int(rows)};
  for (size_t k = 0; k < kMaxOperands; ++k)
    w.push.push_back(k < m.strides.size() ? push_int(m.strides[k].back()) : 0);
  for (size_t d = 0; d < outer; ++d) w.table.push_back(int32_t(push_int(m.dims[d])));
  for (size_t k = 0; k < kMaxOperands && outer > 0; ++k)
    for (size_t d = 0; d < outer; ++d)
      w.table.push_back(k < m.strides.size() ? int32_t(push_int(m.strides[k][d])) : 0);
  w.grid = grid(caps, inner, rows);
  return w;
}

Ref walk_table(Emit& emit, const Walk& walk, Ref unused) {
  if (walk.table.empty()) return unused;
  return emit.data(walk.table.data(), walk.table.size() * sizeof(int32_t));
}

}  // namespace hrt::gpu
