// SPDX-License-Identifier: Apache-2.0
#include "core/execute/run.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "core/base/handoff.h"
#include "core/plan/arena.h"
#include "core/plugin/host.h"
#include "core/plugin/registry.h"
#include "core/plugin/status.h"

namespace hrt {

std::string node_label(const Node& node) {
  return node.name.empty() ? fmt::format("{}_{}", node.op, node.id) : node.name;
}
std::string op_label(const Node& node) { return node.domain.empty() ? node.op : node.domain + "." + node.op; }

namespace {

const hrt_op* op_of(const hrt_graph* graph, uint32_t id) {
  const Graph& g = graph_of(graph);
  if (!g.has_node(id)) return nullptr;
  return Registry::current().find_op(g.node(id).domain, g.node(id).op);
}

// A tensor of the backend's as a value that kernels can read or write; the backend keeps the memory.
ValuePtr wrap(const hrt_tensor* t) {
  if (!t) return nullptr;
  auto v = std::make_shared<hrt_value>();
  v->tensor = Tensor::view(t->dtype, Dims(t->dims, t->dims + t->rank), t->data, nullptr);
  v->type = v->tensor.type();
  v->borrowed = true;
  return v;
}

void run_reference(hrt_run* run, const hrt_graph* graph, uint32_t node, const hrt_tensor* const* inputs,
                   size_t input_count, const hrt_tensor* const* outputs, size_t output_count) {
  hrt_kernel call;
  call.graph = &graph_of(graph);
  call.node = node;
  call.cancel = run ? run->cancel : nullptr;
  std::vector<ValuePtr> keep;
  for (size_t i = 0; i < input_count; ++i) {
    keep.push_back(wrap(inputs[i]));
    call.inputs.push_back(keep.back().get());
  }
  for (size_t i = 0; i < output_count; ++i)
    call.outputs.push_back({outputs[i] != nullptr, wrap(outputs[i]), nullptr});
  run_kernel(call);
}

// References to graphs that backends hold.
class Retained {
 public:
  // Never destroyed: a runtime with static lifetime may still release graphs as the process ends.
  static Retained& all() {
    static auto& instance = *new Retained;
    return instance;
  }
  void add(std::shared_ptr<const Graph> graph) {
    const std::lock_guard lock(mutex_);
    graphs_.emplace(graph.get(), std::move(graph));
  }
  void remove(const Graph& graph) {
    const std::lock_guard lock(mutex_);
    if (const auto it = graphs_.find(&graph); it != graphs_.end()) graphs_.erase(it);
  }

 private:
  std::mutex mutex_;
  std::multimap<const Graph*, std::shared_ptr<const Graph>> graphs_;
};

void parallel_for(int64_t count, int64_t grain, void (*body)(void*, int64_t, int64_t, uint32_t), void* user) {
  if (count <= 0) return;
  auto run = [&](int64_t begin, int64_t end) {
    body(user, begin, end, uint32_t(std::max(0, tbb::this_task_arena::current_thread_index())));
  };
  const int64_t ranges = count / std::max<int64_t>(grain, 1);  // each of at least grain
  if (ranges <= 1 || tbb::this_task_arena::max_concurrency() == 1) return run(0, count);
  const int64_t size = count / ranges, longer = count % ranges;  // the first ones take one more
  auto start_of = [&](int64_t i) { return i * size + std::min(i, longer); };
  Handoff handoff;
  handoff.give();
  // Isolated: a thread that waits for the last ranges must not begin another step meanwhile, which would come
  // upon whatever this one keeps for its thread, and grow the stack.
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(
        tbb::blocked_range<int64_t>(0, ranges),
        [&](const auto& r) {
          const Handoff::Work work(handoff);
          run(start_of(r.begin()), start_of(r.end()));
        },
        tbb::simple_partitioner());
  });
}

void trace_add(hrt_run* run, uint32_t node, uint64_t begin_ns, uint64_t end_ns) {
  if (!run || !run->trace || !run->graph->has_node(node)) return;
  const Node& n = run->graph->node(node);
  // A device's clock is brought to the host's with an error that may be larger than a short node.
  end_ns = std::max(begin_ns, end_ns);
  try {
    run->trace->add(node_label(n), op_label(n), *run->device, run->request, begin_ns, end_ns);
  } catch (const std::bad_alloc&) {
    run->trace->drop();
  }
}

const hrt_run_api g_run_api = {
    sizeof(hrt_run_api),
    /*parallel_for=*/parallel_for,
    /*concurrency=*/[] { return uint32_t(std::max(1, tbb::this_task_arena::max_concurrency())); },
    /*plan_arena=*/
    [](hrt_arena_item* items, size_t count, uint64_t alignment, uint64_t* total) {
      return guard([&] { *total = plan_arena({items, count}, alignment); });
    },
    /*cancelled=*/[](const hrt_run* run) -> int { return run && run->cancel && run->cancel->cancelled(); },
    /*trace_begin=*/
    [](hrt_run* run, uint32_t) {
      if (run) run->begin_ns = now_ns();
    },
    /*trace_end=*/
    [](hrt_run* run, uint32_t node) {
      if (run) trace_add(run, node, run->begin_ns, now_ns());
    },
    /*kernel_available=*/
    [](const hrt_graph* graph, uint32_t node) -> int {
      const hrt_op* op = op_of(graph, node);
      return op && op->compute && !(op->flags & (HRT_OP_CONTROL | HRT_OP_DATA_SHAPE));
    },
    /*kernel_run=*/
    [](hrt_run* run, const hrt_graph* graph, uint32_t node, const hrt_tensor* const* inputs,
       size_t input_count, const hrt_tensor* const* outputs, size_t output_count) {
      return guard([&] { run_reference(run, graph, node, inputs, input_count, outputs, output_count); });
    },
    /*inplace=*/
    [](const hrt_graph* graph, uint32_t node, uint32_t input, uint32_t output) -> int {
      const hrt_op* op = op_of(graph, node);
      for (size_t i = 0; op && i < op->inplace_count; ++i)
        if (op->inplace[i].input == input && op->inplace[i].output == output) return 1;
      return 0;
    },
    /*graph_retain=*/
    [](const hrt_graph* graph, const hrt_graph** out) {
      return guard([&] {
        Retained::all().add(graph_of(graph).shared_from_this());
        *out = graph;
      });
    },
    /*graph_release=*/[](const hrt_graph* graph) { Retained::all().remove(graph_of(graph)); },
    /*trace_add=*/trace_add,
};

}  // namespace

void provide_run_interface() { provide_host_interface("hrt.host.run/1", &g_run_api); }

}  // namespace hrt
