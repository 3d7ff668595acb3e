// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/walk.h"

#include <algorithm>

#include "backends/gpu_common/ops/pieces.h"
#include "backends/gpu_common/ops/strided.h"

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

namespace {

// walked: the operands, then the output.
Walk walk_of(Emit& emit, const Piece& p, std::span<const Walked> walked) {
  const size_t operands = walked.size() - 1;
  size_t skipped = 0;  // dims that cuts left without extent
  while (skipped + 1 < p.dims.size() && p.dims[skipped] == 1) ++skipped;
  const auto outer = std::span(p.dims).subspan(skipped, p.dims.size() - 1 - skipped);
  Walk w;
  w.rank = int32_t(outer.size());
  w.push = {push_int(p.dims.back()), push_int(sdk::element_count(outer))};
  for (size_t k = 0; k < kMaxOperands; ++k)
    w.push.push_back(k < operands ? push_int(walked[k].strides.back()) : 0);
  for (size_t k = 0; k < kMaxOperands; ++k)
    w.push.push_back(k < operands ? push_int(first_element(p, walked[k]) - p.windows[k].first) : 0);
  w.first = first_element(p, walked.back());
  w.push.push_back(push_int(w.first - p.windows.back().first));
  for (size_t k = 0; k < operands; ++k) w.operands.push_back(p.windows[k].ref);
  w.out = w.table = p.windows.back().ref;  // of rank 0 no table is read
  w.grid = grid(emit.caps(), p.dims.back(), sdk::element_count(outer));
  if (outer.empty()) return w;
  std::vector<int32_t> table;
  for (const int64_t n : outer) table.push_back(int32_t(push_int(n)));
  for (size_t k = 0; k < kMaxOperands; ++k)
    for (size_t d = 0; d < outer.size(); ++d)
      table.push_back(k < operands ? int32_t(push_int(walked[k].strides[skipped + d])) : 0);
  w.table = emit.data(table.data(), table.size() * sizeof(int32_t));
  return w;
}

}  // namespace

std::vector<Walk> walks(Emit& emit, const WalkOperand& out, std::span<const WalkOperand> operands) {
  require(operands.size() <= kMaxOperands, "a kernel has too many operands");
  std::vector<Dims> shapes;
  for (const WalkOperand& o : operands) shapes.push_back(o.dims);
  const Merged m = merge_dims(out.dims, shapes, HRT_MAX_RANK);
  push_int(sdk::element_count(out.dims));  // the kernels index with 32 bits
  std::vector<Walked> walked;
  for (size_t k = 0; k < operands.size(); ++k)
    walked.push_back({operands[k].ref, dtype_bytes(operands[k].dtype), m.strides[k]});
  walked.push_back({out.ref, dtype_bytes(out.dtype), strides_of(m.dims)});
  std::vector<Walk> list;
  for (const Piece& p : pieces_of(emit, m.dims, walked, true)) list.push_back(walk_of(emit, p, walked));
  return list;
}

}  // namespace hrt::gpu
