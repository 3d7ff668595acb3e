// SPDX-License-Identifier: Apache-2.0
// MaxPool, AveragePool, LpPool over windows; the global pools, which are reductions.
#include "backends/gpu_common/ops/pool.h"
#include "backends/gpu_common/ops/reduce.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/window.h"

namespace hrt::gpu {
namespace {

Dims3 three(const Dims& d, int64_t otherwise) {
  Dims3 out = {otherwise, otherwise, otherwise};
  std::copy(d.begin(), d.end(), out.end() - int64_t(d.size()));
  return out;
}

std::string rank_refusal(const Node& node) {
  const Value x = Graph(node.graph()).value(node.input(0));
  if (!x.ranked()) return "rank of the input is not known";
  return x.rank() < 3 || x.rank() > 5 ? sdk::cat(x.rank() - 2, " spatial dims") : "";
}

// Padding behind the last elements. Where it is not given, no window reaches beyond it.
Dims3 end_padding(const PoolAttributes& a, const Window& w, const Dims3& in, const Dims3& out) {
  if (a.given && a.pads.empty()) return {0, 0, 0};
  if (a.given) return three(Dims(a.pads.begin() + int64_t(a.pads.size() / 2), a.pads.end()), 0);
  Dims3 end = {0, 0, 0};
  for (size_t i = 0; i < 3; ++i) {
    const int64_t reach = (out[i] - 1) * w.stride[i] + (w.kernel[i] - 1) * w.dilation[i] + 1;
    end[i] = std::max<int64_t>(0, reach - in[i] - w.pad[i]);
  }
  return end;
}

}  // namespace

PoolAttributes::PoolAttributes(const Node& node)
    : window(node),
      kernel(node.ints("kernel_shape")),
      pads(node.ints("pads")),
      given(node.s("auto_pad", "NOTSET") == "NOTSET"),
      op(node.op() == "MaxPool"  ? kMax
         : node.op() == "LpPool" ? kLp
                                 : kAverage),
      order(float(node.i("p", 2))),
      with_padding(node.i("count_include_pad") != 0),
      places(node.i("storage_order") != 0 ? 2 : 1) {
  require(!kernel.empty() && kernel.size() <= 3, "kernel_shape has ", kernel.size(), " entries");
  for (const int64_t k : kernel) require(k > 0 && k <= INT32_MAX, "kernel_shape has the entry ", k);
  require(order >= 1, "the norm of order ", order, " does not exist");
}

void emit_pool(Emit& e, const PoolAttributes& a, hrt_dtype dtype, const Planes& x, const Planes& y,
               std::optional<Ref> places) {
  require(x.dims.size() == a.kernel.size() + 2, "a window of ", a.kernel.size(), " axes for x of rank ",
          x.dims.size());
  const Dims3 in = spatial3(x.dims), out = spatial3(y.dims);
  const Window w = a.window.resolve(in, out, three(a.kernel, 1));
  const int64_t n = sdk::element_count(y.dims);
  push_int(sdk::element_count(x.dims));  // the kernel counts the input in 32 bits too
  Call call = element_call("pool", type_variant(dtype), n);
  call.constants = {a.op,           int32_t(w.kernel[0]), int32_t(w.kernel[1]), int32_t(w.kernel[2]),
                    a.with_padding, places ? a.places : 0};
  call.buffers = {x.ref, y.ref, places.value_or(y.ref)};
  call.writes = 0b110;
  call.push = {push_int(n), push_float(a.order)};
  for (const Dims3& d : {in, out, w.stride, w.dilation, w.pad, end_padding(a, w, in, out)})
    for (const int64_t v : d) call.push.push_back(push_int(v));
  e.dispatch(std::move(call));
}

namespace {

std::string pool_supports(const Node& node, const Caps& caps) {
  static constexpr hrt_dtype kTypes[] = {HRT_FLOAT32, HRT_FLOAT16, HRT_INT8, HRT_UINT8};
  if (std::string reason = rank_refusal(node); !reason.empty()) return reason;
  for (const int64_t p : node.ints("pads"))
    if (p < 0) return "negative pads";
  return types_only(node, caps, std::span(kTypes).first(node.op() == "MaxPool" ? 4 : 2));
}

Compiled pool_compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [a = PoolAttributes(node)](Emit& e) {
    const bool places = e.out().size() > 1 && e.out()[1].present();
    const Operand &x = e.in()[0], &y = e.out()[0];
    emit_pool(e, a, x.dtype, {e.in_ref(0), x.dims}, {e.out_ref(0), y.dims},
              places ? std::optional(e.out_ref(1)) : std::nullopt);
  };
  return c;
}

Compiled global_compile(const Node& node, Uploads&) {
  const int64_t p = node.i("p", 2);
  require(p >= 1, "the norm of order ", p, " does not exist");
  const Reduction op = node.op() == "GlobalAveragePool" ? Reduction::kMean
                       : node.op() == "GlobalMaxPool"   ? Reduction::kMax
                       : p == 1                         ? Reduction::kL1
                       : p == 2                         ? Reduction::kL2
                                                        : Reduction::kLp;
  Compiled c;
  c.emit = [op, p](Emit& e) {
    const Dims& dims = e.in()[0].dims;
    require(dims.size() >= 2, "x of shape ", dims, " has no batch and channels");
    std::vector<bool> reduced(dims.size(), true);
    reduced[0] = reduced[1] = false;
    emit_reduction(e, op, reduced, float(p));
  };
  return c;
}

}  // namespace

std::span<const Op> pool_ops() {
  static const Op ops[] = {
      {"", "MaxPool", pool_supports, pool_compile},
      {"", "AveragePool", pool_supports, pool_compile},
      {"", "LpPool", pool_supports, pool_compile},
      {"", "GlobalAveragePool", floats_only, global_compile},
      {"", "GlobalMaxPool", floats_only, global_compile},
      {"", "GlobalLpPool", floats_only, global_compile},
  };
  return ops;
}

}  // namespace hrt::gpu
