// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/broadcast.h"

namespace hrt::cpu {

Broadcast make_broadcast(std::span<const int64_t> out, std::span<const Dims> in) {
  Broadcast b;
  b.inputs = int(in.size());
  const int rank = int(out.size());
  int64_t stride[Broadcast::kMaxIn] = {1, 1, 1};
  // From the innermost dim outwards; filled from the end of the arrays.
  int top = HRT_MAX_RANK + 1;
  for (int d = rank - 1; d >= 0; --d) {
    int64_t step[Broadcast::kMaxIn] = {};
    for (int i = 0; i < b.inputs; ++i) {
      const int at = d - (rank - int(in[i].size()));
      const int64_t dim = at < 0 ? 1 : in[i][at];
      require(dim == out[d] || dim == 1, "shape ", in[i], " does not broadcast to ", out);
      step[i] = dim == 1 ? 0 : stride[i];
      stride[i] *= dim;
    }
    if (out[d] == 1) continue;
    bool merges = top <= HRT_MAX_RANK;
    for (int i = 0; merges && i < b.inputs; ++i) merges = step[i] == b.stride[i][top] * b.size[top];
    if (!merges) {
      --top;
      b.size[top] = 1;
      for (int i = 0; i < b.inputs; ++i) b.stride[i][top] = step[i];
    }
    b.size[top] *= out[d];
  }
  for (int i = 0; i < b.inputs; ++i)
    require(int(in[i].size()) <= rank, "shape ", in[i], " does not broadcast to ", out);
  b.rank = std::max(1, HRT_MAX_RANK + 1 - top);
  if (top > HRT_MAX_RANK) {  // one element
    b.size[0] = 1;
    return b;
  }
  for (int d = 0; d < b.rank; ++d) {
    b.size[d] = b.size[top + d];
    for (int i = 0; i < b.inputs; ++i) b.stride[i][d] = b.stride[i][top + d];
    if (d + 1 < b.rank) b.rows *= b.size[d];
  }
  return b;
}

RowRun locate(const Broadcast& b, int64_t r, int64_t most) {
  RowRun run{};
  run.n = b.row();
  run.out = r * run.n;
  run.m = 1;
  for (int d = b.rank - 2; d >= 0; --d) {
    const int64_t at = r % b.size[d];
    r /= b.size[d];
    for (int i = 0; i < b.inputs; ++i) run.offset[i] += at * b.stride[i][d];
    if (d == b.rank - 2) {
      run.m = std::min(most, b.size[d] - at);
      for (int i = 0; i < b.inputs; ++i) run.step[i] = b.stride[i][d];
    }
  }
  return run;
}

}  // namespace hrt::cpu
