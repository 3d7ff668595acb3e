// SPDX-License-Identifier: Apache-2.0
// Gather: slices of data along one axis, by index. https://onnx.ai/onnx/operators/onnx__Gather.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

Dims gathered(std::span<const int64_t> data, std::span<const int64_t> indices, size_t axis) {
  Dims out(data.begin(), data.begin() + int64_t(axis));
  out.insert(out.end(), indices.begin(), indices.end());
  out.insert(out.end(), data.begin() + int64_t(axis) + 1, data.end());
  return out;
}

// copy(to, from, n) for every slice.
template <class Copy>
void gather(std::span<const int64_t> data, size_t axis, const Dims& indices, Copy&& copy) {
  const int64_t outer = element_count(data.first(axis)), n = data[axis];
  const int64_t inner = element_count(data.subspan(axis + 1));
  int64_t to = 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t k : indices) {
      require(k >= -n && k < n, "index ", k, " is outside the ", n, " elements of axis ", axis);
      copy(to, (o * n + (k < 0 ? k + n : k)) * inner, inner);
      to += inner;
    }
}

void infer(const Infer& c) {
  const auto data = c.dims(0), indices = c.dims(1);
  if (!data || !indices) return output_unranked(c);
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), int64_t(data->size())));
  const Dims out = gathered(*data, *indices, axis);
  c.output(0, TensorType(c.dtype(0), out));
  const auto which = tracked(c, 1);
  if (which && all_numbers(*which) && all_numbers(*data))
    track_moves(c, out, [&](auto&& copy) { gather(*data, axis, *which, copy); });
}

void compute(const Kernel& c) {
  const Tensor data = c.input(0), indices = c.input(1);
  const size_t axis = size_t(normalise_axis(c.node().i("axis"), data.rank()));
  const Tensor y = c.output(0, data.dtype(), gathered(data.dims(), indices.dims(), axis));
  gather(data.dims(), axis, to_int64s(indices), Mover(y, data));
}

const Register gather_op(Op{
    .name = "Gather",
    .since = 13,
    .doc = "slices of data along one axis, by index",
    .inputs = {{"data", "T"}, {"indices", "Tind"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"axis", HRT_ATTR_INT, "0"}},
    .types = {{"T", kAny}, {"Tind", kIndex}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
