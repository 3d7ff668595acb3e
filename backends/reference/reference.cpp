// SPDX-License-Identifier: Apache-2.0
// The reference backend: one device that runs whatever has a reference kernel, node by node, on the
// thread that calls. It is the fallback for every other device and the oracle of their tests.
//
// It is also the smallest complete backend, to be read from top to bottom as a tutorial:
//
//   device       what is there; which nodes it takes, and at what cost
//   executable   a compiled subgraph: whatever does not depend on shapes. Packed weights would be here.
//   prepared     an executable for one set of shapes: the steps, and where every tensor lies
//   context      one run in flight: whatever a run writes to, so that several runs share the rest
//   run          binds the caller's memory and goes through the steps; allocates nothing
//
// The host does the rest: it infers shapes, cuts the graph into subgraphs, copies between devices, owns
// the threads and the memory that tensors between nodes lie in.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>

#include <hrt/plugin.hpp>

using namespace hrt::sdk;

// -------------------------------------------------------------------------------- the objects

struct hrt_device {};  // nothing to open

struct hrt_executable {
  explicit hrt_executable(const hrt_graph* g) { check(g_host.run->graph_retain(g, &graph)); }
  ~hrt_executable() { g_host.run->graph_release(graph); }
  hrt_executable(const hrt_executable&) = delete;

  // An interpreter reads the graph at every run, so it keeps it, constants included. A compiler would
  // translate the graph here and keep only its own code and weights.
  const hrt_graph* graph = nullptr;
};

namespace {

// Where the bytes of a value are found when the run begins.
enum class Place { kUnused, kFixed, kInput, kOutput, kWorkspace };

struct Slot {
  Place place = Place::kUnused;
  uint64_t at = 0;                          // index of the graph's input or output; offset in the workspace
  hrt_tensor tensor = sized<hrt_tensor>();  // data is set here only when the place is kFixed
};

struct Step {
  uint32_t node;
  std::vector<uint32_t> inputs;  // value ids, HRT_NONE where absent
  std::vector<uint32_t> outputs;
};

struct Copy {  // of a value into an output of the graph
  uint32_t value;
  size_t output;
};

}  // namespace

struct hrt_prepared {
  const hrt_executable* executable;
  std::vector<Slot> slots;  // by value id
  std::vector<Step> steps;
  std::vector<Copy> copies;
  std::deque<Dims> dims;                     // what the slots' tensors point to
  std::deque<std::vector<std::byte>> known;  // data of values that the host computed in advance
};

struct hrt_context {
  explicit hrt_context(const hrt_prepared& p);
  const hrt_prepared& prepared;
  std::vector<hrt_tensor> tensors;           // by value id, with this run's addresses
  std::vector<const hrt_tensor*> arguments;  // of all steps, one after the other: inputs, then outputs
};

namespace {

// ---------------------------------------------------------------------------------- the device

hrt_status* device_count(uint32_t* count) {
  *count = 1;
  return nullptr;
}

hrt_status* device_info(uint32_t, hrt_device_info* out) {
  out->name = "reference";
  out->description = "portable kernels on one thread";
  out->kind = HRT_DEVICE_CPU;
  out->memory_bytes = 0;  // the host's memory
  return nullptr;
}

hrt_status* device_open(uint32_t, const hrt_options* options, hrt_device** out) {
  return guard([&] {
    if (options && options->count > 0)
      throw Error(HRT_ERROR_USAGE, cat("the reference backend has no option \"", options->keys[0], "\""));
    *out = new hrt_device;
  });
}

void device_close(hrt_device* device) { delete device; }

// Elements of the node's tensors. A dimension that is not known yet counts as one: the estimate only
// orders devices, and all of them see the same shapes.
double element_count_of(const Graph& graph, std::span<const uint32_t> values) {
  double sum = 0;
  for (uint32_t v : values) {
    if (v == HRT_NONE) continue;
    double n = 1;
    for (int64_t d : graph.value(v).dims()) n *= is_number(d) ? double(d) : 1;
    sum += n;
  }
  return sum;
}

// Nested bodies see values of the graph around them, which only the host can hand over.
bool has_body(const Node& node) {
  for (size_t i = 0; i < node.attr_count(); ++i)
    if (node.attr_at(i).c().type == HRT_ATTR_GRAPH) return true;
  return false;
}

void refuse(hrt_node_support& answer, const char* reason) {
  answer.supported = 0;
  std::snprintf(answer.reason, sizeof answer.reason, "%s", reason);
}

hrt_status* query_nodes(hrt_device*, const hrt_graph* c, hrt_node_support* out, size_t count, size_t stride) {
  return guard([&] {
    const Graph graph(c);
    const auto nodes = graph.nodes();
    for (size_t i = 0; i < std::min(count, nodes.size()); ++i) {
      // The host may know a longer hrt_node_support than this plugin: step by its stride.
      auto& answer = *reinterpret_cast<hrt_node_support*>(reinterpret_cast<std::byte*>(out) + i * stride);
      const Node node = graph.node(nodes[i]);
      if (has_body(node)) {
        refuse(answer, "has a nested body");
      } else if (!g_host.run->kernel_available(c, nodes[i])) {
        refuse(answer, "has no reference kernel");
      } else {
        answer.supported = 1;
        // 10 ns an element: slow enough that any real device comes first.
        answer.latency_us =
            0.01 * (element_count_of(graph, node.inputs()) + element_count_of(graph, node.outputs()));
      }
    }
  });
}

hrt_status* compile(hrt_device*, const hrt_graph* graph, hrt_executable** out) {
  return guard([&] { *out = new hrt_executable(graph); });
}

void executable_destroy(hrt_executable* executable) { delete executable; }

// -------------------------------------------------------------------- prepare: plan for these shapes

class Planner {
 public:
  Planner(const hrt_executable& executable, const hrt_shapes& shapes)
      : graph_(executable.graph), shapes_(shapes), plan_(std::make_unique<hrt_prepared>()) {
    plan_->executable = &executable;
    plan_->slots.resize(graph_.value_limit());
  }

  std::unique_ptr<hrt_prepared> plan(hrt_requirements& requirements) {
    place_inputs();
    make_steps();
    place_outputs();
    requirements.workspace_bytes = place_intermediates();
    return std::move(plan_);
  }

 private:
  Slot& slot(uint32_t value) { return plan_->slots[value]; }

  // Gives a value its shape and its place.
  Slot& place(uint32_t value, Place place, uint64_t at = 0) {
    const hrt_type* type = value < shapes_.value_limit ? shapes_.types[value] : nullptr;
    require(type && type->kind == HRT_KIND_TENSOR && type->rank >= 0, "value \"", graph_.value(value).name(),
            "\" has no shape");
    const Dims& dims = plan_->dims.emplace_back(type->dims, type->dims + type->rank);
    Slot& s = slot(value);
    s.place = place;
    s.at = at;
    s.tensor.dtype = type->dtype;
    s.tensor.rank = type->rank;
    s.tensor.dims = dims.data();
    s.tensor.bytes = (size_t(element_count(dims)) * hrt::dtype_bits(type->dtype) + 7) / 8;
    return s;
  }

  void place_inputs() {
    const auto inputs = graph_.inputs();
    for (size_t i = 0; i < inputs.size(); ++i) place(inputs[i], Place::kInput, i);
  }

  const hrt_tensor* known(uint32_t value) const {
    return value < shapes_.value_limit ? shapes_.known[value] : nullptr;
  }

  // A value that is known before the run: a constant lies in the retained graph; what the host computed
  // from shapes lives only until prepare returns, and is copied.
  void place_known(uint32_t value) {
    if (slot(value).place != Place::kUnused) return;
    Slot& s = place(value, Place::kFixed);
    if (const auto constant = graph_.value(value).constant()) {
      s.tensor.data = constant->raw();
      return;
    }
    const hrt_tensor* data = known(value);
    require(data, "value \"", graph_.value(value).name(), "\" is computed by no node");
    const auto* bytes = static_cast<const std::byte*>(data->data);
    s.tensor.data = plan_->known.emplace_back(bytes, bytes + data->bytes).data();
  }

  void make_steps() {
    for (uint32_t id : graph_.nodes()) {
      const Node node = graph_.node(id);
      const auto needed = [&](uint32_t v) { return v != HRT_NONE && !known(v); };
      if (std::none_of(node.outputs().begin(), node.outputs().end(), needed)) continue;
      for (uint32_t v : node.outputs())
        if (v != HRT_NONE) place(v, Place::kWorkspace);
      for (uint32_t v : node.inputs())
        if (v != HRT_NONE) place_known_or_made(v);
      plan_->steps.push_back(
          {id, {node.inputs().begin(), node.inputs().end()}, {node.outputs().begin(), node.outputs().end()}});
    }
  }

  // Nodes come in order, so an input without a place is one that no step makes.
  void place_known_or_made(uint32_t value) {
    if (slot(value).place == Place::kUnused) place_known(value);
  }

  // A value that a step makes is written straight into the graph's output, the first time that it is
  // one. Everything else (an input or a constant that is an output, a value that is an output twice)
  // is copied at the end of the run.
  void place_outputs() {
    const auto outputs = graph_.outputs();
    for (size_t i = 0; i < outputs.size(); ++i) {
      place_known_or_made(outputs[i]);
      Slot& s = slot(outputs[i]);
      if (s.place == Place::kWorkspace) {
        s.place = Place::kOutput;
        s.at = i;
      } else {
        plan_->copies.push_back({outputs[i], i});
      }
    }
  }

  // Lays the values between nodes into one arena: each lives from the step that makes it to the last
  // that reads it. Returns the size of the arena.
  uint64_t place_intermediates() {
    std::vector<uint32_t> item_of(plan_->slots.size(), HRT_NONE);
    std::vector<uint32_t> values;
    std::vector<hrt_arena_item> items;
    for (uint32_t step = 0; step < plan_->steps.size(); ++step) {
      for (uint32_t v : plan_->steps[step].inputs)
        if (v != HRT_NONE && item_of[v] != HRT_NONE) items[item_of[v]].last = step;
      for (uint32_t v : plan_->steps[step].outputs) {
        if (v == HRT_NONE || slot(v).place != Place::kWorkspace) continue;
        item_of[v] = uint32_t(items.size());
        values.push_back(v);
        items.push_back({slot(v).tensor.bytes, step, step, HRT_NONE, 0});
      }
    }
    for (uint32_t step = 0; step < plan_->steps.size(); ++step) share_in_place(step, item_of, items);

    uint64_t total = 0;
    check(g_host.run->plan_arena(items.data(), items.size(), 64, &total));
    for (size_t i = 0; i < items.size(); ++i) slot(values[i]).at = items[i].offset;
    return total;
  }

  // Lets outputs overwrite inputs where the operator's kernel allows it, this step is the input's last,
  // and the node reads it only once.
  void share_in_place(uint32_t index, const std::vector<uint32_t>& item_of,
                      std::vector<hrt_arena_item>& items) {
    const Step& step = plan_->steps[index];
    std::vector<uint32_t> taken;
    for (uint32_t o = 0; o < step.outputs.size(); ++o) {
      if (step.outputs[o] == HRT_NONE || item_of[step.outputs[o]] == HRT_NONE) continue;
      hrt_arena_item& out = items[item_of[step.outputs[o]]];
      for (uint32_t i = 0; i < step.inputs.size() && out.share == HRT_NONE; ++i) {
        const uint32_t in = step.inputs[i] == HRT_NONE ? HRT_NONE : item_of[step.inputs[i]];
        if (in == HRT_NONE || items[in].last != index || !same_places(step.inputs[i], step.outputs[o]))
          continue;
        if (std::count(step.inputs.begin(), step.inputs.end(), step.inputs[i]) != 1) continue;
        if (std::count(taken.begin(), taken.end(), in) != 0) continue;
        if (!g_host.run->inplace(graph_.c(), step.node, i, o)) continue;
        out.share = in;
        taken.push_back(in);
      }
    }
  }

  // In place, an element is written where the same element was read.
  bool same_places(uint32_t a, uint32_t b) const {
    const hrt_type &x = *shapes_.types[a], &y = *shapes_.types[b];
    return hrt::dtype_bits(x.dtype) == hrt::dtype_bits(y.dtype) &&
           std::equal(x.dims, x.dims + x.rank, y.dims, y.dims + y.rank);
  }

  Graph graph_;
  const hrt_shapes& shapes_;
  std::unique_ptr<hrt_prepared> plan_;
};

hrt_status* prepare(hrt_executable* executable, const hrt_shapes* shapes, hrt_prepared** out,
                    hrt_requirements* requirements) {
  return guard([&] { *out = Planner(*executable, *shapes).plan(*requirements).release(); });
}

void prepared_destroy(hrt_prepared* prepared) { delete prepared; }

// ------------------------------------------------------------------------------------- context, run

hrt_status* context_create(hrt_prepared* prepared, hrt_context** out) {
  return guard([&] { *out = new hrt_context(*prepared); });
}

void context_destroy(hrt_context* context) { delete context; }

// Points every tensor at the memory of this run.
void bind(hrt_context& context, const hrt_run_args& args) {
  const auto& slots = context.prepared.slots;
  for (size_t v = 0; v < slots.size(); ++v) {
    void*& data = context.tensors[v].data;
    switch (slots[v].place) {
      case Place::kInput: data = const_cast<void*>(args.inputs[slots[v].at]); break;
      case Place::kOutput: data = args.outputs[slots[v].at]; break;
      case Place::kWorkspace: data = static_cast<std::byte*>(args.workspace) + slots[v].at; break;
      case Place::kFixed:
      case Place::kUnused: break;
    }
  }
}

void run_steps(hrt_context& context, const hrt_run_args& args) {
  const hrt_run_api& host = *g_host.run;
  const hrt_graph* graph = context.prepared.executable->graph;
  const bool profile = args.flags & HRT_RUN_PROFILE;
  const hrt_tensor* const* argument = context.arguments.data();
  for (const Step& step : context.prepared.steps) {
    if (host.cancelled(args.run)) throw Error(HRT_ERROR_DEADLINE, "cancelled");
    const hrt_tensor* const* inputs = argument;
    const hrt_tensor* const* outputs = inputs + step.inputs.size();
    argument = outputs + step.outputs.size();
    if (profile) host.trace_begin(args.run, step.node);
    hrt_status* status =
        host.kernel_run(args.run, graph, step.node, inputs, step.inputs.size(), outputs, step.outputs.size());
    if (profile) host.trace_end(args.run, step.node);  // after a failure too: begin and end come in pairs
    check(status);
  }
}

hrt_status* run(hrt_context* context, const hrt_run_args* args) {
  return guard([&] {
    bind(*context, *args);
    run_steps(*context, *args);
    for (const Copy& copy : context->prepared.copies) {
      const hrt_tensor& from = context->tensors[copy.value];
      if (from.bytes > 0) std::memcpy(args->outputs[copy.output], from.data, from.bytes);
    }
  });
}

const hrt_backend_api g_api = {
    .struct_size = sizeof(hrt_backend_api),
    .name = "reference",
    .device_count = device_count,
    .device_info = device_info,
    .device_open = device_open,
    .device_close = device_close,
    .query_nodes = query_nodes,
    .compile = compile,
    .executable_destroy = executable_destroy,
    .prepare = prepare,
    .prepared_destroy = prepared_destroy,
    .context_create = context_create,
    .context_destroy = context_destroy,
    .run = run,
    // No queue.
    .buffer_allocate = nullptr,
    .buffer_import = nullptr,
    .buffer_release = nullptr,
    .fence_create = nullptr,
    .fence_destroy = nullptr,
    .fence_wait = nullptr,
    .bind = nullptr,
    .submit = nullptr,
    .copy = nullptr,
    .collect = nullptr,
};

}  // namespace

hrt_context::hrt_context(const hrt_prepared& p) : prepared(p) {
  for (const Slot& s : p.slots) tensors.push_back(s.tensor);
  const auto add = [this](const std::vector<uint32_t>& values) {
    for (uint32_t v : values) arguments.push_back(v == HRT_NONE ? nullptr : &tensors[v]);
  };
  for (const Step& step : p.steps) {
    add(step.inputs);
    add(step.outputs);
  }
}

HRT_PLUGIN("hrt.reference", "0.1.0", "Runs every operator through its reference kernel", nullptr, nullptr,
           {"hrt.backend/1", &g_api})
