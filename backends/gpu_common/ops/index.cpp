// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/index.h"

#include "backends/gpu_common/ops/rows.h"

namespace hrt::gpu {

IndexCheck check_indices(Emit& e, size_t input, int64_t n, int64_t axis) {
  const Operand& indices = e.in()[input];
  if (!indices.known)
    return {true,
            e.fault(sdk::cat("an index is outside the ", n, " elements of axis ", axis), "the indices")};
  for (const int64_t k : indices.known_ints())
    require(k >= -n && k < n, "index ", k, " is outside the ", n, " elements of axis ", axis);
  return {false, e.out_ref(0)};
}

Ref slice_numbers(Emit& e, size_t input, std::span<const int64_t> dims, int64_t each) {
  const Operand& indices = e.in()[input];
  const int64_t depth = indices.dims.back();
  const int64_t tuples =
      sdk::element_count(std::span<const int64_t>(indices.dims).first(indices.dims.size() - 1));
  push_int(indices.count());
  push_int(sdk::element_count(dims));
  const Ref numbers = e.scratch(uint64_t(tuples) * sizeof(int32_t));
  Call call = element_call("index_tuples", "", tuples);
  call.constants = {index_words(indices.dtype)};
  call.buffers = {
      e.in_ref(input), numbers,
      e.fault(sdk::cat("an index is outside the data, of shape ", e.in()[0].dims), "the indices")};
  call.writes = 2;
  call.push = {push_int(tuples), push_int(depth), push_int(each),
               push_int(sdk::element_count(dims.first(size_t(depth))))};
  for (size_t d = 0; d < HRT_MAX_RANK; ++d) call.push.push_back(d < size_t(depth) ? push_int(dims[d]) : 0);
  e.dispatch(std::move(call));
  return numbers;
}

}  // namespace hrt::gpu
