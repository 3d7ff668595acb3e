// SPDX-License-Identifier: Apache-2.0
// QLinearAveragePool and QLinearGlobalAveragePool of com.microsoft: means of real numbers, with channels
// behind the batch or last. https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include <algorithm>

#include "backends/gpu_common/ops/pool.h"
#include "backends/gpu_common/ops/quantize.h"
#include "backends/gpu_common/ops/reduce.h"
#include "backends/gpu_common/ops/strided.h"

namespace hrt::gpu {
namespace {

std::string supports(const Node& node, const Caps& caps) {
  const Value x = Graph(node.graph()).value(node.input(0));
  if (!x.ranked()) return "rank of the input is not known";
  if (x.rank() < 3 || x.rank() > 5) return sdk::cat(x.rank() - 2, " spatial dims");
  for (const int64_t p : node.ints("pads"))
    if (p < 0) return "negative pads";
  constexpr size_t kTensor[] = {0};
  return bytes_only(node, caps, kTensor);
}

// Dims of a tensor with channels last, with channels behind the batch.
Dims channels_first(Dims dims) {
  std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
  return dims;
}

// From channels last (dims: as they are with channels first), or back.
void reorder(Emit& emit, Ref x, Ref y, hrt_dtype dtype, const Dims& dims, bool back) {
  const Dims first = strides_of(dims);
  const int64_t plane = first[1];
  Dims last(dims.size(), dims[1]);
  for (size_t d = 2; d < dims.size(); ++d) last[d] = first[d] * dims[1];
  last[0] = dims[1] * plane;
  last[1] = 1;
  copy_box(emit, x, y, dtype, back ? Box{dims, first, last} : Box{dims, last, first});
}

// x as real numbers with channels first, f of that and the dims of y, y as bytes.
template <class F>
void on_planes(Emit& emit, bool last, F f) {
  const Operand &x = emit.in()[0], &y = emit.out()[0];
  const Dims x_dims = last ? channels_first(x.dims) : x.dims, y_dims = last ? channels_first(y.dims) : y.dims;
  if (y.count() == 0) return;
  Ref bytes = emit.in_ref(0);
  if (last) {
    bytes = emit.scratch(uint64_t(x.count()));
    reorder(emit, emit.in_ref(0), bytes, x.dtype, x_dims, false);
  }
  const Ref from = emit.scratch(uint64_t(x.count()) * sizeof(float)),
            to = emit.scratch(uint64_t(y.count()) * sizeof(float)),
            result = last ? emit.scratch(uint64_t(y.count())) : emit.out_ref(0);
  emit_dequantize(emit, {bytes, x.dtype}, {from, HRT_FLOAT32}, x.count(), one_scale(emit, 1));
  f(Planes{from, x_dims}, Planes{to, y_dims});
  emit_quantize(emit, {to, HRT_FLOAT32}, {result, y.dtype}, y.count(), one_scale(emit, 3));
  if (last) reorder(emit, result, emit.out_ref(0), y.dtype, y_dims, true);
}

Compiled average_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [a = PoolAttributes(node), last = node.i("channels_last") != 0](Emit& emit) {
    on_planes(emit, last, [&](const Planes& x, const Planes& y) { emit_pool(emit, a, HRT_FLOAT32, x, y); });
  };
  return c;
}

Compiled global_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [last = node.i("channels_last") != 0](Emit& emit) {
    on_planes(emit, last, [&](const Planes& x, const Planes& y) {
      std::vector<bool> reduced(x.dims.size(), true);
      reduced[0] = reduced[1] = false;
      emit_reduction(emit, Reduction::kMean, {x.ref, HRT_FLOAT32, x.dims}, reduced, y.ref);
    });
  };
  return c;
}

constexpr Op kOps[] = {{"com.microsoft", "QLinearAveragePool", supports, average_compile},
                       {"com.microsoft", "QLinearGlobalAveragePool", supports, global_compile}};

}  // namespace

std::span<const Op> qpool_ops() { return kOps; }

}  // namespace hrt::gpu
