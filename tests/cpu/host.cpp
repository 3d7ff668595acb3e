// SPDX-License-Identifier: Apache-2.0
#include "tests/cpu/host.h"

#include <dlfcn.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include <hrt/plugin.hpp>

#include "core/base/handoff.h"

struct hrt_status {
  hrt_code code;
  std::string message;
};

struct hrt_graph {
  struct Value {
    std::string name;
    hrt::test::Dims dims;
    hrt_type type;
    std::unique_ptr<hrt::test::Data> data;  // constants and known values
    hrt_tensor tensor;
    bool constant = false, is_input = false, is_output = false;
    uint32_t producer = HRT_NONE;
    std::vector<uint32_t> consumers;
  };
  struct Node {
    std::string domain, op, name;
    std::vector<uint32_t> in, out;
    std::vector<hrt::test::Attr> attrs;
  };
  std::vector<std::unique_ptr<Value>> values;
  std::vector<Node> nodes;
  std::vector<uint32_t> order, inputs, outputs;
};

struct hrt_run {
  std::vector<double> ns;
  std::chrono::steady_clock::time_point begin;
};

namespace hrt::test {

int64_t count(const Dims& dims) {
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  return n;
}

Data::Data(hrt_dtype t, Dims d)
    : dtype(t), dims(std::move(d)), bytes(size_t(count(dims)) * dtype_bits(t) / 8) {}

Data random(Dims dims, unsigned seed) {
  std::mt19937 gen(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Data d(HRT_FLOAT32, std::move(dims));
  for (int64_t i = 0; i < count(d.dims); ++i) d.as<float>()[i] = uniform(gen);
  return d;
}

// ------------------------------------------------------------------------------------- graphs

Model::Model() : graph_(new hrt_graph) {}
Model::~Model() = default;

namespace {

uint32_t add_value(hrt_graph& g, Dims dims, hrt_dtype dtype) {
  auto v = std::make_unique<hrt_graph::Value>();
  v->name = "v" + std::to_string(g.values.size());
  v->dims = std::move(dims);
  v->type = sdk::sized<hrt_type>();
  v->type.kind = HRT_KIND_TENSOR;
  v->type.dtype = dtype;
  v->type.rank = int32_t(v->dims.size());
  v->type.dims = v->dims.data();
  g.values.push_back(std::move(v));
  return uint32_t(g.values.size() - 1);
}

uint32_t add_data(hrt_graph& g, Data data, bool constant) {
  const uint32_t id = add_value(g, data.dims, data.dtype);
  auto& v = *g.values[id];
  v.data = std::make_unique<Data>(std::move(data));
  v.tensor = sdk::sized<hrt_tensor>();
  v.tensor.dtype = v.type.dtype;
  v.tensor.rank = v.type.rank;
  v.tensor.dims = v.type.dims;
  v.tensor.data = v.data->bytes.data();
  v.tensor.bytes = v.data->bytes.size();
  v.constant = constant;
  return id;
}

}  // namespace

uint32_t Model::input(Dims dims, hrt_dtype dtype) {
  const uint32_t id = add_value(*graph_, std::move(dims), dtype);
  graph_->values[id]->is_input = true;
  graph_->inputs.push_back(id);
  return id;
}
uint32_t Model::constant(Data data) { return add_data(*graph_, std::move(data), true); }
uint32_t Model::known(Data data) { return add_data(*graph_, std::move(data), false); }

uint32_t Model::node(const std::string& op, std::vector<uint32_t> inputs, std::vector<Out> outputs,
                     std::vector<Attr> attrs) {
  const uint32_t id = uint32_t(graph_->nodes.size());
  const size_t colon = op.find(':');
  hrt_graph::Node n;
  n.domain = colon == std::string::npos ? "" : op.substr(0, colon);
  n.op = colon == std::string::npos ? op : op.substr(colon + 1);
  n.name = "n" + std::to_string(id);
  n.in = std::move(inputs);
  n.attrs = std::move(attrs);
  for (const uint32_t v : n.in)
    if (v != HRT_NONE) graph_->values[v]->consumers.push_back(id);
  for (Out& o : outputs) {
    const uint32_t v = add_value(*graph_, std::move(o.dims), o.dtype);
    graph_->values[v]->producer = id;
    n.out.push_back(v);
  }
  graph_->nodes.push_back(std::move(n));
  graph_->order.push_back(id);
  return graph_->nodes.back().out[0];
}

void Model::output(uint32_t value) {
  graph_->values[value]->is_output = true;
  graph_->outputs.push_back(value);
}

// ---------------------------------------------------------------------- what a backend may call

namespace {

using Graph = const hrt_graph*;

int g_concurrency = 1;

hrt_status* make_status(hrt_code code, const char* message, size_t size) {
  return new hrt_status{code, std::string(message, size)};
}

const hrt_graph_api kGraph = [] {
  auto t = sdk::sized<hrt_graph_api>();
  const auto list = [](const std::vector<uint32_t>& v, const uint32_t** ids, size_t* n) {
    *ids = v.data();
    *n = v.size();
  };
  static const auto give = list;
  t.name = [](Graph) { return "test"; };
  t.nodes = [](Graph g, const uint32_t** ids, size_t* n) { give(g->order, ids, n); };
  t.inputs = [](Graph g, const uint32_t** ids, size_t* n) { give(g->inputs, ids, n); };
  t.outputs = [](Graph g, const uint32_t** ids, size_t* n) { give(g->outputs, ids, n); };
  t.captures = [](Graph, const hrt_capture** c, size_t* n) {
    *c = nullptr;
    *n = 0;
  };
  t.value_limit = [](Graph g) { return uint32_t(g->values.size()); };
  t.node = [](Graph g, uint32_t id, hrt_node_info* out) -> hrt_status* {
    const auto& n = g->nodes.at(id);
    out->domain = n.domain.c_str();
    out->op_type = n.op.c_str();
    out->name = n.name.c_str();
    out->inputs = n.in.data();
    out->input_count = n.in.size();
    out->outputs = n.out.data();
    out->output_count = n.out.size();
    out->attr_count = n.attrs.size();
    return nullptr;
  };
  t.value = [](Graph g, uint32_t id, hrt_value_info* out) -> hrt_status* {
    const auto& v = *g->values.at(id);
    out->name = v.name.c_str();
    out->type = &v.type;
    out->producer = v.producer;
    out->consumers = v.consumers.data();
    out->consumer_count = v.consumers.size();
    out->constant = v.constant ? &v.tensor : nullptr;
    out->is_input = v.is_input;
    out->is_output = v.is_output;
    return nullptr;
  };
  t.attr = [](Graph g, uint32_t id, const char* name, hrt_attr* out) -> hrt_status* {
    out->type = HRT_ATTR_NONE;
    for (const Attr& a : g->nodes.at(id).attrs) {
      if (a.name != name) continue;
      out->name = a.name.c_str();
      out->type = a.type;
      out->i = a.i;
      out->f = a.f;
      out->s = {a.s.data(), a.s.size()};
      out->ints = a.ints.data();
      out->floats = a.floats.data();
      static thread_local std::vector<hrt_str> strings;  // until the next call
      strings.clear();
      for (const std::string& v : a.strings) strings.push_back({v.data(), v.size()});
      out->strings = strings.data();
      out->count = std::max({a.ints.size(), a.floats.size(), a.strings.size()});
    }
    return nullptr;
  };
  t.constant_retain = [](Graph, uint32_t, void** handle) -> hrt_status* {
    *handle = nullptr;
    return nullptr;
  };
  t.constant_release = [](void*) {};
  return t;
}();

// Greedy: large items first, each at the lowest offset that is free in its lifetime. An item that may
// overwrite another whose life ends where its own begins takes that one's place.
hrt_status* plan_arena(hrt_arena_item* items, size_t n, uint64_t alignment, uint64_t* total) {
  std::vector<uint32_t> root(n);
  std::vector<hrt_arena_item> merged(items, items + n);
  for (uint32_t i = 0; i < n; ++i) {
    const uint32_t s = items[i].share;
    root[i] = i;
    if (s == HRT_NONE || items[s].last != items[i].first || items[s].bytes < items[i].bytes) continue;
    root[i] = root[s];
    merged[root[i]].last = items[i].last;
  }
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < n; ++i)
    if (root[i] == i) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return merged[a].bytes != merged[b].bytes ? merged[a].bytes > merged[b].bytes : a < b;
  });
  std::vector<uint32_t> placed;
  *total = 0;
  for (const uint32_t i : order) {
    auto& item = merged[i];
    item.offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const uint32_t j : placed) {
        const auto& p = merged[j];
        if (p.last < item.first || item.last < p.first) continue;
        if (item.offset < p.offset + p.bytes && p.offset < item.offset + item.bytes) {
          item.offset = (p.offset + p.bytes + alignment - 1) / alignment * alignment;
          moved = true;
        }
      }
    }
    placed.push_back(i);
    *total = std::max(*total, item.offset + item.bytes);
  }
  for (uint32_t i = 0; i < n; ++i) items[i].offset = merged[root[i]].offset;
  return nullptr;
}

const hrt_run_api kRun = [] {
  auto t = sdk::sized<hrt_run_api>();
  t.concurrency = [] { return uint32_t(g_concurrency); };
  t.parallel_for = [](int64_t n, int64_t grain, void (*body)(void*, int64_t, int64_t, uint32_t), void* user) {
    if (g_concurrency == 1 || n <= grain) return body(user, 0, n, 0);
    Handoff handoff;
    handoff.give();
    tbb::parallel_for(
        tbb::blocked_range<int64_t>(0, n, size_t(grain)),
        [&](const tbb::blocked_range<int64_t>& r) {
          const Handoff::Work work(handoff);
          body(user, r.begin(), r.end(), uint32_t(tbb::this_task_arena::current_thread_index()));
        },
        tbb::simple_partitioner());
  };
  t.plan_arena = plan_arena;
  t.cancelled = [](const hrt_run*) { return 0; };
  t.trace_begin = [](hrt_run* run, uint32_t) { run->begin = std::chrono::steady_clock::now(); };
  t.trace_end = [](hrt_run* run, uint32_t node) {
    const std::chrono::duration<double, std::nano> d = std::chrono::steady_clock::now() - run->begin;
    if (node < run->ns.size()) run->ns[node] += d.count();
  };
  t.inplace = [](Graph, uint32_t, uint32_t, uint32_t) { return 0; };
  return t;
}();

const hrt_host kHost = [] {
  auto h = sdk::sized<hrt_host>();
  h.abi = HRT_ABI;
  h.get_interface = [](const char* id) -> const void* {
    static const std::map<std::string, const void*> unused = [] {
      static const char nothing[1024] = {};  // tables that a backend must find but does not call
      std::map<std::string, const void*> m;
      for (const char* name : {"edit", "infer", "kernel", "pass"})
        m[std::string("hrt.host.") + name + "/1"] = nothing;
      return m;
    }();
    if (!std::strcmp(id, "hrt.host.graph/1")) return &kGraph;
    if (!std::strcmp(id, "hrt.host.run/1")) return &kRun;
    const auto it = unused.find(id);
    return it == unused.end() ? nullptr : it->second;
  };
  h.status_create = make_status;
  h.status_code = [](const hrt_status* s) { return s->code; };
  h.status_message = [](const hrt_status* s) { return s->message.c_str(); };
  h.status_destroy = [](hrt_status* s) { delete s; };
  h.log = [](hrt_log_level, const char*, const char*, size_t) {};
  return h;
}();

void check(hrt_status* status) {
  if (!status) return;
  Failure f{status->code, status->message};
  delete status;
  throw f;
}

}  // namespace

// ------------------------------------------------------------------------------------- backends

Backend::Backend(const std::string& isa) {
  const std::string path = std::string(HRT_PLUGIN_DIR) + "/hrt_cpu_" + isa + ".so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto query =
      library ? reinterpret_cast<hrt_plugin_query_fn>(dlsym(library, "hrt_plugin_query")) : nullptr;
  const hrt_plugin_manifest* manifest = query ? query(HRT_ABI) : nullptr;
  if (!manifest) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), library ? "no manifest" : dlerror());
    std::exit(1);
  }
  check(manifest->init(&kHost, path.c_str()));
  api_ = static_cast<const hrt_backend_api*>(manifest->get_interface("hrt.backend/1"));
}

std::vector<std::string> Backend::query(const Model& model) const {
  std::vector<hrt_node_support> support(model.graph()->nodes.size(), sdk::sized<hrt_node_support>());
  hrt_device* device = nullptr;
  check(api_->device_open(0, nullptr, &device));
  hrt_status* const status =
      api_->query_nodes(device, model.graph(), support.data(), support.size(), sizeof(hrt_node_support));
  api_->device_close(device);
  check(status);
  std::vector<std::string> reasons;
  for (const auto& s : support) reasons.push_back(s.supported ? "" : std::string("refused: ") + s.reason);
  return reasons;
}

std::string message_of(hrt_status* status) {
  std::string message = status->message;
  delete status;
  return message;
}

struct Runner::State {
  State(const hrt_backend_api* a, hrt_graph* g, int n) : api(a), graph(g), threads(n) {}
  ~State() {
    if (context) api->context_destroy(context);
    if (prepared) api->prepared_destroy(prepared);
    if (executable) api->executable_destroy(executable);
    if (device) api->device_close(device);
  }

  const hrt_backend_api* api;
  hrt_graph* graph;
  int threads;
  hrt_device* device = nullptr;
  hrt_executable* executable = nullptr;
  hrt_prepared* prepared = nullptr;
  hrt_context* context = nullptr;
  uint64_t workspace_bytes = 0;
  hrt_run run;
  std::unique_ptr<tbb::global_control> control;

  // Memory with the pattern 0xff around (as floats: NaN), at this offset from 64-byte alignment.
  struct Memory {
    static constexpr size_t kGuard = 256;
    std::vector<unsigned char> bytes;
    size_t begin = 0, size = 0;
    Memory(size_t n, size_t offset) : bytes(n + 2 * kGuard + 64 + offset, 0xff), size(n) {
      const size_t at = reinterpret_cast<size_t>(bytes.data());
      begin = (at + kGuard + 63) / 64 * 64 - at + offset;
    }
    void* data() { return bytes.data() + begin; }
    bool intact() const {
      for (size_t i = 0; i < bytes.size(); ++i)
        if ((i < begin || i >= begin + size) && bytes[i] != 0xff) return false;
      return true;
    }
  };
  std::vector<Memory> in, out, workspace;
  std::vector<const void*> in_pointers;
  std::vector<void*> out_pointers;
};

Runner::Runner(const Backend& backend, const Model& model, const std::vector<Data>& inputs, int threads)
    : s_(new State(&backend.api(), model.graph(), threads)) {
  State& s = *s_;
  g_concurrency = threads;
  s.control =
      std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism, size_t(threads));
  auto options = sdk::sized<hrt_options>();
  check(s.api->device_open(0, &options, &s.device));
  check(s.api->compile(s.device, s.graph, &s.executable));

  auto shapes = sdk::sized<hrt_shapes>();
  std::vector<const hrt_type*> types;
  std::vector<const hrt_tensor*> known;
  for (const auto& v : s.graph->values) {
    types.push_back(&v->type);
    known.push_back(v->data ? &v->tensor : nullptr);
  }
  shapes.types = types.data();
  shapes.known = known.data();
  shapes.value_limit = uint32_t(types.size());
  auto requirements = sdk::sized<hrt_requirements>();
  check(s.api->prepare(s.executable, &shapes, &s.prepared, &requirements));
  s.workspace_bytes = requirements.workspace_bytes;
  check(s.api->context_create(s.prepared, &s.context));

  for (const Data& d : inputs) {
    s.in.emplace_back(d.bytes.size(), std::max<size_t>(dtype_bits(d.dtype) / 8, 1));
    std::copy(d.bytes.begin(), d.bytes.end(), static_cast<std::byte*>(s.in.back().data()));
  }
  for (const uint32_t id : s.graph->outputs) {
    const auto& v = *s.graph->values[id];
    s.out.emplace_back(size_t(count(v.dims)) * dtype_bits(v.type.dtype) / 8, 0);
  }
  s.workspace.emplace_back(s.workspace_bytes, 0);
  for (auto& m : s.in) s.in_pointers.push_back(m.data());
  for (auto& m : s.out) s.out_pointers.push_back(m.data());
  s.run.ns.resize(s.graph->nodes.size());
}

Runner::~Runner() = default;

namespace {
hrt_run_args args_of(hrt_run& run, const std::vector<const void*>& in, const std::vector<void*>& out,
                     void* workspace) {
  auto args = sdk::sized<hrt_run_args>();
  args.run = &run;
  args.inputs = in.data();
  args.input_count = in.size();
  args.outputs = out.data();
  args.output_count = out.size();
  args.workspace = workspace;
  return args;
}
}  // namespace

void Runner::run() {
  State& s = *s_;
  g_concurrency = s.threads;
  const auto args = args_of(s.run, s.in_pointers, s.out_pointers, s.workspace[0].data());
  check(s.api->run(s.context, &args));
}

std::vector<double> Runner::profile() {
  State& s = *s_;
  g_concurrency = s.threads;
  std::fill(s.run.ns.begin(), s.run.ns.end(), 0);
  auto args = args_of(s.run, s.in_pointers, s.out_pointers, s.workspace[0].data());
  args.flags = HRT_RUN_PROFILE;
  check(s.api->run(s.context, &args));
  return s.run.ns;
}

std::vector<Data> Runner::outputs() const {
  std::vector<Data> result;
  for (const auto* list : {&s_->in, &s_->out, &s_->workspace})
    for (const auto& m : *list)
      if (!m.intact()) throw Failure{HRT_ERROR_INTERNAL, "wrote outside of a buffer"};
  for (size_t i = 0; i < s_->out.size(); ++i) {
    const auto& v = *s_->graph->values[s_->graph->outputs[i]];
    Data d(v.type.dtype, v.dims);
    std::copy_n(static_cast<const std::byte*>(s_->out[i].data()), d.bytes.size(), d.bytes.data());
    result.push_back(std::move(d));
  }
  return result;
}

uint64_t Runner::workspace_bytes() const { return s_->workspace_bytes; }

std::vector<Data> Backend::run(const Model& model, const std::vector<Data>& inputs, int threads) const {
  for (const std::string& reason : query(model))
    if (!reason.empty()) throw Failure{HRT_ERROR_UNSUPPORTED, reason};
  Runner runner(*this, model, inputs, threads);
  runner.run();
  return runner.outputs();
}

const std::vector<std::string>& isas() {
  static const std::vector<std::string> list = [] {
    std::vector<std::string> l;
    const auto add = [&](const char* isa, bool runs) {
      if (runs && std::filesystem::exists(std::string(HRT_PLUGIN_DIR) + "/hrt_cpu_" + isa + ".so"))
        l.emplace_back(isa);
    };
#if defined(__x86_64__)
    add("avx512", __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"));
    add("avx2",
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"));
    add("baseline", __builtin_cpu_supports("sse4.2"));
#else
    add("baseline", true);
#endif
    return l;
  }();
  return list;
}

const Backend& backend(const std::string& isa) {
  static std::map<std::string, Backend> all;
  auto it = all.find(isa);
  if (it == all.end()) it = all.emplace(isa, Backend(isa)).first;
  return it->second;
}

}  // namespace hrt::test
