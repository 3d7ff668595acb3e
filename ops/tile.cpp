// SPDX-License-Identifier: Apache-2.0
// Tile: the tensor, repeated along every axis. https://onnx.ai/onnx/operators/onnx__Tile.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

Dims tiled(const DimMath& m, std::span<const int64_t> in, const Dims& repeats) {
  require(repeats.size() == in.size(), repeats.size(), " repeats for rank ", in.size());
  Dims out;
  for (size_t i = 0; i < in.size(); ++i) {
    require(!is_number(repeats[i]) || repeats[i] >= 0, "repeats[", i, "] is ", repeats[i]);
    out.push_back(m.mul(in[i], repeats[i]));
  }
  return out;
}

template <class Copy>
void tile(std::span<const int64_t> in, const Dims& out, Copy&& copy) {
  const int64_t n = element_count(out);
  const Dims strides = strides_of(in);
  Counter at(out, {});
  for (int64_t i = 0; i < n; ++i, at.next()) {
    int64_t from = 0;
    for (size_t d = 0; d < in.size(); ++d) from += at.index()[d] % in[d] * strides[d];
    copy(i, from, 1);
  }
}

void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return output_unranked(c);
  const auto repeats = c.values(1);
  if (!repeats) return output_rank(c, in->size());
  const Dims out = tiled(DimMath(c), *in, *repeats);
  c.output(0, TensorType(c.dtype(0), out));
  if (all_numbers(*in)) track_moves(c, out, [&](auto&& copy) { tile(*in, out, copy); });
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  const Dims out = tiled(DimMath(), x.dims(), to_int64s(c.input(1)));
  tile(x.dims(), out, Mover(c.output(0, x.dtype(), out), x));
}

const Register tile_op(Op{
    .name = "Tile",
    .since = 13,
    .doc = "the tensor, repeated along every axis",
    .inputs = {{"input", "T"}, {"repeats", "T1", HRT_PARAM_SHAPE}},
    .outputs = {{"output", "T"}},
    .types = {{"T", kAny}, {"T1", bits(HRT_INT64)}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
