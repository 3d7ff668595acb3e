// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/extension.h"

#include <memory>

#include <hrt/find.h>

namespace hrt::cpu {

using sdk::check;
using sdk::g_host;

namespace {

bool is_complete(const hrt_cpu_kernel* k) {
  return k && HRT_HAS(k, run) && k->domain && k->op_type && k->supports && k->compile &&
         k->compiled_destroy && k->prepare && k->prepared_destroy && k->run;
}

// Operands as the ABI has them.
class Tensors {
 public:
  explicit Tensors(const std::vector<Operand>& operands) : tensors_(operands.size()) {
    for (size_t i = 0; i < operands.size(); ++i) {
      const Operand& o = operands[i];
      const size_t bytes = o.present() ? size_t(o.count()) * dtype_bytes(o.dtype) : 0;
      tensors_[i] = {sizeof(hrt_tensor),         o.dtype, o.rank(), o.dims.data(),
                     const_cast<void*>(o.known), bytes,   nullptr};
      pointers_.push_back(o.present() ? &tensors_[i] : nullptr);
    }
  }
  const hrt_tensor* const* data() const { return pointers_.data(); }
  size_t size() const { return pointers_.size(); }

 private:
  std::vector<hrt_tensor> tensors_;
  std::vector<const hrt_tensor*> pointers_;
};

Step prepare(const hrt_cpu_kernel& kernel, const std::shared_ptr<hrt_cpu_compiled>& compiled,
             const Signature& sig) {
  const Tensors in(sig.in), out(sig.out);
  hrt_cpu_prepared* made = nullptr;
  uint64_t workspace = 0;
  check(kernel.prepare(compiled.get(), in.data(), in.size(), out.data(), out.size(), &made, &workspace));
  // Destroyed before what it was prepared from.
  const std::shared_ptr<hrt_cpu_prepared> prepared(
      made, [&kernel, compiled](hrt_cpu_prepared* p) { kernel.prepared_destroy(p); });
  return {[&kernel, prepared, inputs = in.size(), outputs = out.size()](const Buffers& b) {
            const hrt_cpu_run_args args{sizeof(hrt_cpu_run_args), b.in, inputs, b.out, outputs, b.workspace};
            check(kernel.run(prepared.get(), &args));
          },
          size_t(workspace)};
}

}  // namespace

Extensions::Extensions() {
  const auto* find = static_cast<const hrt_find_api*>(g_host.host->get_interface("hrt.host.find/1"));
  if (!find || !HRT_HAS(find, find_interface)) return;
  for (size_t i = 0;; ++i) {
    const auto* api = static_cast<const hrt_cpu_kernel_api*>(find->find_interface("hrt.cpu.kernel/1", i));
    if (!api) return;
    if (!HRT_HAS(api, kernel_count)) continue;
    for (size_t k = 0; k < api->kernel_count; ++k) {
      if (is_complete(api->kernels[k]))
        kernels_.push_back(api->kernels[k]);
      else
        sdk::log(HRT_LOG_WARN, sdk::cat("kernel ", k, " of another plugin is incomplete; left out"));
    }
  }
}

const hrt_cpu_kernel* Extensions::find(const Node& node, hrt_node_support& answer) const {
  for (const hrt_cpu_kernel* kernel : kernels_) {
    if (!node.is(kernel->op_type, kernel->domain)) continue;
    const size_t size = answer.struct_size;
    answer = {};
    answer.struct_size = size;
    check(kernel->supports(kernel, node.graph(), node.id(), &answer));
    answer.reason[sizeof answer.reason - 1] = 0;
    if (answer.supported) return kernel;
  }
  return nullptr;
}

Compiled compile(const hrt_cpu_kernel& kernel, const Node& node) {
  Compiled c;
  hrt_cpu_compiled* made = nullptr;
  check(kernel.compile(&kernel, node.graph(), node.id(), &made, &c.packed),
        sdk::cat(node.op(), " \"", node.name(), "\""));
  const std::shared_ptr<hrt_cpu_compiled> compiled(made, kernel.compiled_destroy);
  c.inplace = kernel.inplace;
  c.prepare = [&kernel, compiled](const Signature& sig) { return prepare(kernel, compiled, sig); };
  return c;
}

}  // namespace hrt::cpu
