// SPDX-License-Identifier: Apache-2.0
// Gelu, BiasGelu, FastGelu and QuickGelu of com.microsoft: activations, some of the input plus a bias along
// the last axis. https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
#include "backends/cpu/kernels/activation.h"
#include "backends/cpu/kernels/loops.h"

namespace hrt::cpu {
namespace {

Activation activation_of(const Node& node) {
  if (node.op() == "QuickGelu") return {Activation::kSwish, node.f("alpha", 1.702f)};
  return {node.op() == "FastGelu" ? Activation::kGeluTanh : Activation::kGelu};
}

Compiled compile(const Node& node) {
  Compiled c;
  c.inplace = 1;
  c.prepare = [act = activation_of(node)](const Signature& sig) -> Step {
    const int64_t count = sig.in[0].count(), n = sig.in[0].dims.empty() ? 1 : sig.in[0].dims.back();
    const bool bias = sig.has_in(1);
    require(!bias || sig.in[1].dims == Dims{n}, "a bias of shape ", bias ? sig.in[1].dims : Dims(),
            " for rows of ", n);
    return {[=](const Buffers& b) {
      const float *x = b.input<float>(0), *add = bias ? b.input<float>(1) : nullptr;
      float* y = b.output<float>(0);
      visit_activation(act, [&](auto f) {
        if (!add)
          return for_elements(count, 0.2,
                              [&](int64_t begin, int64_t end) { map(x + begin, y + begin, end - begin, f); });
        parallel(count / std::max<int64_t>(n, 1), double(n) * 0.25, [&](int64_t begin, int64_t end) {
          for (int64_t r = begin; r < end; ++r)
            map2<1, 1>(x + r * n, add, y + r * n, n, [&](Vec v, Vec w) { return f(hn::Add(v, w)); });
        });
      });
    }};
  };
  return c;
}

}  // namespace

std::span<const Op> bias_activation_ops() {
  static const Op ops[] = {{"com.microsoft", "Gelu", float32_only, compile},
                           {"com.microsoft", "BiasGelu", float32_only, compile},
                           {"com.microsoft", "FastGelu", float32_only, compile},
                           {"com.microsoft", "QuickGelu", float32_only, compile}};
  return ops;
}

}  // namespace hrt::cpu
