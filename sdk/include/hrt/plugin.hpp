// SPDX-License-Identifier: Apache-2.0
// C++20 wrapper of the plugin ABI (plugin.h): views, guards that turn exceptions into statuses, and
// HRT_PLUGIN, which defines the exported symbol. Header-only, standard library alone. Everything here
// is a thin view of what plugin.h says; lifetimes, threads and errors are as documented there.
//
// Inside a plugin, throw hrt::sdk::Error (or use fail and require); guard() at the border turns it
// into a status. check() does the reverse for calls into the host.
#pragma once

#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <hrt/plugin.h>
#include <hrt/dtype.hpp>

// Hidden: every plugin has its own g_host, however it was compiled.
namespace hrt {
namespace [[gnu::visibility("hidden")]] sdk {

using Dims = std::vector<int64_t>;

// ------------------------------------------------------------------------------- text and errors

inline void append(std::string& s, std::string_view v) { s.append(v); }
inline void append(std::string& s, const char* v) { s.append(v ? v : ""); }
inline void append(std::string& s, char v) { s.push_back(v); }
template <class T>
  requires std::is_arithmetic_v<T>
void append(std::string& s, T v) {
  s += std::to_string(v);
}
// A shape: "1x3x224x224", "scalar"; "?" for a dimension that is not a number.
inline void append(std::string& s, std::span<const int64_t> dims) {
  if (dims.empty()) s += "scalar";
  for (size_t i = 0; i < dims.size(); ++i) {
    if (i) s += 'x';
    s += HRT_DIM_IS_NUMBER(dims[i]) ? std::to_string(dims[i]) : "?";
  }
}
inline void append(std::string& s, const Dims& dims) { append(s, std::span<const int64_t>(dims)); }

// Concatenates text, numbers and shapes.
template <class... A>
std::string cat(const A&... a) {
  std::string s;
  (append(s, a), ...);
  return s;
}

class Error : public std::exception {
 public:
  Error(hrt_code code, std::string message) : code_(code), message_(std::move(message)) {}
  hrt_code code() const noexcept { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  hrt_code code_;
  std::string message_;
};

template <class... A>
[[noreturn]] void fail(const A&... a) {
  throw Error(HRT_ERROR_BAD_DATA, cat(a...));
}
template <class... A>
[[noreturn]] void unsupported(const A&... a) {
  throw Error(HRT_ERROR_UNSUPPORTED, cat(a...));
}
template <class... A>
void require(bool ok, const A&... a) {
  if (!ok) [[unlikely]]
    fail(a...);
}

// ---------------------------------------------------------------------------------------- the host

// The host's tables, filled by HRT_PLUGIN's init before the plugin's own. A table that this host does
// not have is NULL; HRT_PLUGIN refuses to load when one of these is missing.
struct Host {
  const hrt_host* host = nullptr;
  const hrt_graph_api* graph = nullptr;
  const hrt_edit_api* edit = nullptr;
  const hrt_infer_api* infer = nullptr;
  const hrt_kernel_api* kernel = nullptr;
  const hrt_run_api* run = nullptr;
  const hrt_pass_host_api* pass = nullptr;
  const char* plugin_id = "";
  std::string library_path;
};
inline Host g_host;

inline void log(hrt_log_level level, std::string_view message) {
  g_host.host->log(level, g_host.plugin_id, message.data(), message.size());
}

inline hrt_status* make_status(hrt_code code, std::string_view message) {
  return g_host.host->status_create(code, message.data(), message.size());
}

// Throws what a host function answered. The prefix tells where.
inline void check(hrt_status* status, std::string_view where = {}) {
  if (!status) [[likely]]
    return;
  std::string message(where);
  if (!message.empty()) message += ": ";
  message += g_host.host->status_message(status);
  const hrt_code code = g_host.host->status_code(status);
  g_host.host->status_destroy(status);
  throw Error(code, std::move(message));
}

// Runs f at the border to C: nothing thrown gets out.
template <class F>
hrt_status* guard(F&& f) noexcept {
  try {
    f();
    return nullptr;
  } catch (const Error& e) {
    return make_status(e.code(), e.what());
  } catch (const std::bad_alloc&) {
    return make_status(HRT_ERROR_MEMORY, "out of memory");
  } catch (const std::exception& e) {
    return make_status(HRT_ERROR_INTERNAL, e.what());
  } catch (...) {
    return make_status(HRT_ERROR_INTERNAL, "unknown exception");
  }
}

template <class T>
T sized() {  // an empty structure with struct_size set
  T t{};
  t.struct_size = sizeof(T);
  return t;
}

// Calls f(begin, end, worker) over 0 ... count-1 on the host's threads. f must not throw.
template <class F>
void parallel_for(int64_t count, int64_t grain, F&& f) {
  using Fn = std::remove_reference_t<F>;
  g_host.run->parallel_for(
      count, grain,
      [](void* user, int64_t begin, int64_t end, uint32_t worker) {
        (*static_cast<Fn*>(user))(begin, end, worker);
      },
      const_cast<void*>(static_cast<const void*>(&f)));
}

// ------------------------------------------------------------------------------ types and tensors

inline bool is_number(int64_t d) { return HRT_DIM_IS_NUMBER(d); }
inline bool all_numbers(std::span<const int64_t> d) {
  for (int64_t v : d)
    if (!is_number(v)) return false;
  return true;
}

// A tensor type with dims of its own; converts to what the ABI wants.
struct TensorType {
  hrt_dtype dtype = HRT_UNDEFINED;
  bool ranked = false;
  Dims dims;

  TensorType() = default;
  explicit TensorType(hrt_dtype t) : dtype(t) {}
  TensorType(hrt_dtype t, Dims d) : dtype(t), ranked(true), dims(std::move(d)) {}
  hrt_type c() const {
    auto t = sized<hrt_type>();
    t.kind = HRT_KIND_TENSOR;
    t.dtype = dtype;
    t.rank = ranked ? int32_t(dims.size()) : -1;
    t.dims = dims.data();
    return t;
  }
};

// Product of dims; throws when it does not fit. dims must be numbers.
inline int64_t element_count(std::span<const int64_t> dims) {
  int64_t n = 1;
  for (int64_t d : dims)
    if (__builtin_mul_overflow(n, d, &n)) fail("shape ", dims, " has too many elements");
  return n;
}

// A view of hrt_tensor with typed access.
class Tensor {
 public:
  Tensor() : t_(sized<hrt_tensor>()) {}
  explicit Tensor(const hrt_tensor& t) : t_(t) {}
  hrt_dtype dtype() const { return t_.dtype; }
  int rank() const { return t_.rank; }
  std::span<const int64_t> dims() const { return {t_.dims, size_t(t_.rank)}; }
  int64_t dim(int i) const { return t_.dims[i]; }
  int64_t size() const {  // elements; the host has checked that the product fits
    int64_t n = 1;
    for (int64_t d : dims()) n *= d;
    return n;
  }
  size_t bytes() const { return t_.bytes; }
  void* raw() const { return t_.data; }
  // The elements as T, which must be the tensor's type (or has its width, for moving bits about).
  template <class T>
  T* data() const {
    return static_cast<T*>(t_.data);
  }
  template <class T>
  std::span<T> span() const {
    return {data<T>(), size_t(size())};
  }
  std::string_view string(int64_t i) const {
    const hrt_str& s = static_cast<const hrt_str*>(t_.data)[i];
    return {s.data, s.size};
  }
  void set_string(int64_t i, std::string_view s) const {
    check(g_host.kernel->string_set(t_.value, size_t(i), s.data(), s.size()));
  }
  const hrt_tensor& c() const { return t_; }

 private:
  hrt_tensor t_;
};

// The elements of an integer tensor (int32 or int64) as int64.
inline Dims to_int64s(const Tensor& t) {
  Dims out(size_t(t.size()));
  if (t.dtype() == HRT_INT64) {
    if (!out.empty()) std::memcpy(out.data(), t.raw(), out.size() * 8);
  } else if (t.dtype() == HRT_INT32) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = t.data<int32_t>()[i];
  } else {
    fail("expected an integer tensor, got ", dtype_name(t.dtype()));
  }
  return out;
}

// ----------------------------------------------------------------------------- graphs and nodes

class Attr {
 public:
  Attr() : a_(sized<hrt_attr>()) {}
  explicit Attr(const hrt_attr& a) : a_(a) {}
  explicit operator bool() const { return a_.type != HRT_ATTR_NONE; }
  const hrt_attr& c() const { return a_; }

  static Attr of(const char* name, int64_t v) {
    Attr a = named(name, HRT_ATTR_INT);
    a.a_.i = v;
    return a;
  }
  static Attr of(const char* name, float v) {
    Attr a = named(name, HRT_ATTR_FLOAT);
    a.a_.f = v;
    return a;
  }
  static Attr of(const char* name, std::string_view v) {
    Attr a = named(name, HRT_ATTR_STRING);
    a.a_.s = {v.data(), v.size()};
    return a;
  }
  static Attr of(const char* name, std::span<const int64_t> v) {
    Attr a = named(name, HRT_ATTR_INTS);
    a.a_.ints = v.data();
    a.a_.count = v.size();
    return a;
  }
  static Attr of(const char* name, std::span<const float> v) {
    Attr a = named(name, HRT_ATTR_FLOATS);
    a.a_.floats = v.data();
    a.a_.count = v.size();
    return a;
  }
  static Attr of(const char* name, const hrt_tensor* v) {
    Attr a = named(name, HRT_ATTR_TENSOR);
    a.a_.tensor = v;
    return a;
  }
  static Attr named(const char* name, hrt_attr_type type) {
    Attr a;
    a.a_.name = name;
    a.a_.type = type;
    return a;
  }

 private:
  hrt_attr a_;
};

// A node of a graph, with typed attribute access; a missing attribute gives the default passed. The
// host has checked types against the operator's schema.
class Node {
 public:
  Node(const hrt_graph* graph, uint32_t id) : graph_(graph), id_(id), info_(sized<hrt_node_info>()) {
    check(g_host.graph->node(graph, id, &info_));
  }
  const hrt_graph* graph() const { return graph_; }
  uint32_t id() const { return id_; }
  std::string_view domain() const { return info_.domain; }
  std::string_view op() const { return info_.op_type; }
  const char* name() const { return info_.name; }
  bool is(std::string_view op, std::string_view domain = "") const {
    return op == info_.op_type && domain == info_.domain;
  }
  std::span<const uint32_t> inputs() const { return {info_.inputs, info_.input_count}; }
  std::span<const uint32_t> outputs() const { return {info_.outputs, info_.output_count}; }
  uint32_t input(size_t i) const { return i < info_.input_count ? info_.inputs[i] : HRT_NONE; }
  uint32_t output(size_t i) const { return i < info_.output_count ? info_.outputs[i] : HRT_NONE; }
  bool has_input(size_t i) const { return input(i) != HRT_NONE; }

  size_t attr_count() const { return info_.attr_count; }
  Attr attr_at(size_t i) const {
    auto a = sized<hrt_attr>();
    check(g_host.graph->attr_at(graph_, id_, i, &a));
    return Attr(a);
  }
  Attr attr(const char* name) const {
    auto a = sized<hrt_attr>();
    check(g_host.graph->attr(graph_, id_, name, &a));
    return Attr(a);
  }
  bool has(const char* name) const { return bool(attr(name)); }
  int64_t i(const char* name, int64_t def = 0) const {
    auto a = attr(name);
    return a ? a.c().i : def;
  }
  float f(const char* name, float def = 0) const {
    auto a = attr(name);
    return a ? a.c().f : def;
  }
  std::string s(const char* name, std::string_view def = "") const {
    auto a = attr(name);
    return a ? std::string(a.c().s.data, a.c().s.size) : std::string(def);
  }
  Dims ints(const char* name, Dims def = {}) const {
    auto a = attr(name);
    return a ? Dims(a.c().ints, a.c().ints + a.c().count) : std::move(def);
  }
  std::vector<float> floats(const char* name, std::vector<float> def = {}) const {
    auto a = attr(name);
    return a ? std::vector<float>(a.c().floats, a.c().floats + a.c().count) : std::move(def);
  }
  std::vector<std::string> strings(const char* name) const {
    auto a = attr(name);
    std::vector<std::string> out;
    for (size_t k = 0; a && k < a.c().count; ++k)
      out.emplace_back(a.c().strings[k].data, a.c().strings[k].size);
    return out;
  }
  std::optional<Tensor> tensor(const char* name) const {
    auto a = attr(name);
    if (!a) return std::nullopt;
    return Tensor(*a.c().tensor);
  }

 private:
  const hrt_graph* graph_;
  uint32_t id_;
  hrt_node_info info_;
};

class Value {
 public:
  Value(const hrt_graph* graph, uint32_t id) : id_(id), info_(sized<hrt_value_info>()) {
    check(g_host.graph->value(graph, id, &info_));
  }
  uint32_t id() const { return id_; }
  const char* name() const { return info_.name; }
  const hrt_type& type() const { return *info_.type; }
  hrt_dtype dtype() const { return info_.type->kind == HRT_KIND_TENSOR ? info_.type->dtype : HRT_UNDEFINED; }
  bool is_tensor() const { return info_.type->kind == HRT_KIND_TENSOR; }
  bool ranked() const { return is_tensor() && info_.type->rank >= 0; }
  int rank() const { return ranked() ? info_.type->rank : -1; }
  std::span<const int64_t> dims() const {
    return ranked() ? std::span(info_.type->dims, size_t(info_.type->rank)) : std::span<const int64_t>();
  }
  uint32_t producer() const { return info_.producer; }
  std::span<const uint32_t> consumers() const { return {info_.consumers, info_.consumer_count}; }
  std::optional<Tensor> constant() const {
    if (!info_.constant) return std::nullopt;
    return Tensor(*info_.constant);
  }
  bool is_constant() const { return info_.constant != nullptr; }
  bool is_input() const { return info_.is_input != 0; }
  bool is_output() const { return info_.is_output != 0; }

 private:
  uint32_t id_;
  hrt_value_info info_;
};

class Graph {
 public:
  explicit Graph(const hrt_graph* graph) : graph_(graph) {}
  const hrt_graph* c() const { return graph_; }
  const char* name() const { return g_host.graph->name(graph_); }
  std::span<const uint32_t> nodes() const { return list(g_host.graph->nodes); }
  std::span<const uint32_t> inputs() const { return list(g_host.graph->inputs); }
  std::span<const uint32_t> outputs() const { return list(g_host.graph->outputs); }
  std::span<const hrt_capture> captures() const {
    const hrt_capture* p = nullptr;
    size_t n = 0;
    g_host.graph->captures(graph_, &p, &n);
    return {p, n};
  }
  uint32_t value_limit() const { return g_host.graph->value_limit(graph_); }
  Node node(uint32_t id) const { return {graph_, id}; }
  Value value(uint32_t id) const { return {graph_, id}; }

 private:
  std::span<const uint32_t> list(void (*fn)(const hrt_graph*, const uint32_t**, size_t*)) const {
    const uint32_t* p = nullptr;
    size_t n = 0;
    fn(graph_, &p, &n);
    return {p, n};
  }
  const hrt_graph* graph_;
};

// The open transaction. Throws when the host refuses an edit.
class Edit {
 public:
  explicit Edit(hrt_edit* edit) : edit_(edit) {}
  hrt_edit* c() const { return edit_; }
  Graph graph() const { return Graph(g_host.edit->graph(edit_)); }

  struct Added {
    uint32_t node;
    std::vector<uint32_t> outputs;
  };
  // outputs: names; nullptr makes one up, "" is an output that is not wanted.
  Added add_node(const char* domain, const char* op, std::span<const uint32_t> inputs,
                 std::span<const char* const> outputs, std::span<const Attr> attrs = {},
                 const char* name = nullptr) {
    auto d = sized<hrt_node_desc>();
    d.domain = domain;
    d.op_type = op;
    d.name = name;
    d.inputs = inputs.data();
    d.input_count = inputs.size();
    d.output_names = outputs.data();
    d.output_count = outputs.size();
    static_assert(sizeof(Attr) == sizeof(hrt_attr));
    d.attrs = reinterpret_cast<const hrt_attr*>(attrs.data());
    d.attr_count = attrs.size();
    d.attr_stride = sizeof(Attr);
    Added added{HRT_NONE, std::vector<uint32_t>(outputs.size(), HRT_NONE)};
    check(g_host.edit->add_node(edit_, &d, &added.node, added.outputs.data()));
    return added;
  }
  void remove_node(uint32_t node) { check(g_host.edit->remove_node(edit_, node)); }
  void set_input(uint32_t node, uint32_t index, uint32_t value) {
    check(g_host.edit->set_input(edit_, node, index, value));
  }
  void set_attr(uint32_t node, const Attr& a) { check(g_host.edit->set_attr(edit_, node, &a.c())); }
  void replace_uses(uint32_t from, uint32_t to) { check(g_host.edit->replace_uses(edit_, from, to)); }
  uint32_t add_input(const char* name, const hrt_type& type) {
    uint32_t id = HRT_NONE;
    check(g_host.edit->add_input(edit_, name, &type, &id));
    return id;
  }
  void set_outputs(std::span<const uint32_t> values) {
    check(g_host.edit->set_outputs(edit_, values.data(), values.size()));
  }
  void set_type(uint32_t value, const hrt_type& type) { check(g_host.edit->set_type(edit_, value, &type)); }
  uint32_t add_constant(const char* name, const hrt_tensor& data) {
    uint32_t id = HRT_NONE;
    check(g_host.edit->add_constant(edit_, name, &data, &id));
    return id;
  }
  // A constant from dense elements, copied.
  template <class T>
  uint32_t add_constant(const char* name, const Dims& dims, std::span<const T> data) {
    auto t = sized<hrt_tensor>();
    t.dtype = dtype_of<std::remove_const_t<T>>;
    t.rank = int32_t(dims.size());
    t.dims = dims.data();
    t.data = const_cast<std::remove_const_t<T>*>(data.data());
    t.bytes = data.size_bytes();
    return add_constant(name, t);
  }
  uint32_t add_capture(uint32_t outer) {
    uint32_t id = HRT_NONE;
    check(g_host.edit->add_capture(edit_, outer, &id));
    return id;
  }
  Edit add_body(uint32_t node, const char* attr, const char* graph_name) {
    hrt_edit* body = nullptr;
    check(g_host.edit->add_body(edit_, node, attr, graph_name, &body));
    return Edit(body);
  }
  int64_t symbol(const char* name) {
    int64_t dim = HRT_DIM_UNKNOWN;
    check(g_host.edit->symbol(edit_, name, &dim));
    return dim;
  }

 private:
  hrt_edit* edit_;
};

// ----------------------------------------------------------------------- inference and kernels

class Infer {
 public:
  explicit Infer(hrt_infer* c) : c_(c), node_(node_of(c)) {}
  hrt_infer* c() const { return c_; }
  const Node& node() const { return node_; }
  uint32_t input_count() const { return g_host.infer->input_count(c_); }
  uint32_t output_count() const { return g_host.infer->output_count(c_); }
  // NULL: absent or unknown.
  const hrt_type* type(uint32_t i) const {
    return i < input_count() ? g_host.infer->input_type(c_, i) : nullptr;
  }
  bool has(uint32_t i) const { return node_.has_input(i); }
  hrt_dtype dtype(uint32_t i) const {
    const hrt_type* t = type(i);
    return t && t->kind == HRT_KIND_TENSOR ? t->dtype : HRT_UNDEFINED;
  }
  // The dims of a tensor input whose rank is known.
  std::optional<Dims> dims(uint32_t i) const {
    const hrt_type* t = type(i);
    if (!t || t->kind != HRT_KIND_TENSOR || t->rank < 0) return std::nullopt;
    return Dims(t->dims, t->dims + t->rank);
  }
  std::optional<Tensor> constant(uint32_t i) const {
    const hrt_tensor* t = i < input_count() ? g_host.infer->input_constant(c_, i) : nullptr;
    if (!t) return std::nullopt;
    return Tensor(*t);
  }
  // Elements of an integer input; entries may be symbols or unknown.
  std::optional<Dims> values(uint32_t i) const {
    const int64_t* p = nullptr;
    size_t n = 0;
    if (i >= input_count() || !g_host.infer->input_values(c_, i, &p, &n)) return std::nullopt;
    return Dims(p, p + n);
  }
  int64_t symbol() const { return g_host.infer->new_symbol(c_); }
  void output(uint32_t i, const TensorType& t) const {
    const hrt_type c = t.c();
    check(g_host.infer->set_output_type(c_, i, &c));
  }
  void output(uint32_t i, const hrt_type& t) const { check(g_host.infer->set_output_type(c_, i, &t)); }
  void output_values(uint32_t i, std::span<const int64_t> v) const {
    check(g_host.infer->set_output_values(c_, i, v.data(), v.size()));
  }

  // Dimension arithmetic: numbers compute; anything with an unknown is unknown; the rest is a fresh
  // symbol (known once the input shapes are).
  template <class F>
  int64_t dim(int64_t a, int64_t b, F&& f) const {
    if (is_number(a) && is_number(b)) return f(a, b);
    return a == HRT_DIM_UNKNOWN || b == HRT_DIM_UNKNOWN ? HRT_DIM_UNKNOWN : symbol();
  }
  int64_t add(int64_t a, int64_t b) const {
    if (b == 0) return a;
    if (a == 0) return b;
    return dim(a, b, [](int64_t x, int64_t y) {
      int64_t r;
      require(!__builtin_add_overflow(x, y, &r), "dimension overflows");
      return r;
    });
  }
  int64_t mul(int64_t a, int64_t b) const {
    if (b == 1) return a;
    if (a == 1) return b;
    if (a == 0 || b == 0) return 0;
    return dim(a, b, [](int64_t x, int64_t y) {
      int64_t r;
      require(!__builtin_mul_overflow(x, y, &r), "dimension overflows");
      return r;
    });
  }

 private:
  static Node node_of(hrt_infer* c) {
    const hrt_graph* g = nullptr;
    uint32_t id = 0;
    g_host.infer->node(c, &g, &id);
    return {g, id};
  }
  hrt_infer* c_;
  Node node_;
};

class Kernel {
 public:
  explicit Kernel(hrt_kernel* c) : c_(c), node_(node_of(c)) {}
  hrt_kernel* c() const { return c_; }
  const Node& node() const { return node_; }
  uint32_t input_count() const { return g_host.kernel->input_count(c_); }
  uint32_t output_count() const { return g_host.kernel->output_count(c_); }
  const hrt_value* value(uint32_t i) const {
    return i < input_count() ? g_host.kernel->input(c_, i) : nullptr;
  }
  bool has(uint32_t i) const { return value(i) != nullptr; }
  bool wanted(uint32_t i) const { return i < output_count() && g_host.kernel->output_wanted(c_, i); }
  // A tensor input that must be there.
  Tensor input(uint32_t i) const {
    const hrt_value* v = value(i);
    require(v != nullptr, "input ", i, " is missing");
    return tensor_of(v);
  }
  std::optional<Tensor> optional(uint32_t i) const {
    const hrt_value* v = value(i);
    if (!v) return std::nullopt;
    return tensor_of(v);
  }
  Tensor output(uint32_t i, hrt_dtype dtype, std::span<const int64_t> dims) const {
    auto t = sized<hrt_tensor>();
    check(g_host.kernel->output_tensor(c_, i, dtype, int32_t(dims.size()), dims.data(), &t));
    return Tensor(t);
  }
  void output_value(uint32_t i, const hrt_value* v) const { check(g_host.kernel->output_value(c_, i, v)); }
  // Temporaries.
  Tensor make(hrt_dtype dtype, std::span<const int64_t> dims) const {
    hrt_value* v = nullptr;
    check(g_host.kernel->make_tensor(c_, dtype, int32_t(dims.size()), dims.data(), &v));
    return tensor_of(v);
  }
  const hrt_value* make_sequence(const hrt_type& element, std::span<const hrt_value* const> values) const {
    hrt_value* v = nullptr;
    check(g_host.kernel->make_sequence(c_, &element, values.data(), values.size(), &v));
    return v;
  }
  const hrt_value* make_optional(const hrt_type& element, const hrt_value* inside) const {
    hrt_value* v = nullptr;
    check(g_host.kernel->make_optional(c_, &element, inside, &v));
    return v;
  }
  void release(const hrt_value* v) const { g_host.kernel->release(c_, v); }
  std::vector<const hrt_value*> run_body(const char* attr, std::span<const hrt_value* const> inputs,
                                         size_t outputs) const {
    std::vector<const hrt_value*> out(outputs, nullptr);
    check(g_host.kernel->run_body(c_, attr, inputs.data(), inputs.size(), out.data(), out.size()));
    return out;
  }
  void check_cancelled() const {
    if (g_host.kernel->cancelled(c_)) throw Error(HRT_ERROR_DEADLINE, "cancelled");
  }

  static Tensor tensor_of(const hrt_value* v) {
    auto t = sized<hrt_tensor>();
    check(g_host.kernel->value_tensor(v, &t));
    return Tensor(t);
  }
  static hrt_kind kind(const hrt_value* v) { return g_host.kernel->value_kind(v); }
  static const hrt_type& type(const hrt_value* v) { return *g_host.kernel->value_type(v); }
  static size_t count(const hrt_value* v) { return g_host.kernel->value_count(v); }
  static const hrt_value* at(const hrt_value* v, size_t i) { return g_host.kernel->value_at(v, i); }

 private:
  static Node node_of(hrt_kernel* c) {
    const hrt_graph* g = nullptr;
    uint32_t id = 0;
    g_host.kernel->node(c, &g, &id);
    return {g, id};
  }
  hrt_kernel* c_;
  Node node_;
};

// --------------------------------------------------------------------------------- the plugin itself

struct Interface {
  const char* id;
  const void* table;
};

// What HRT_PLUGIN runs: fills g_host, then calls the plugin's own init, if it has one.
inline hrt_status* init_host(const hrt_host* host, const char* library_path, const char* plugin_id,
                             void (*init)()) noexcept {
  g_host.host = host;
  return guard([&] {
    auto table = [&](auto*& p, const char* id) {
      p = static_cast<std::remove_reference_t<decltype(p)>>(host->get_interface(id));
      if (!p) throw Error(HRT_ERROR_UNSUPPORTED, cat("the host does not offer ", id));
    };
    g_host.plugin_id = plugin_id;
    g_host.library_path = library_path;
    table(g_host.graph, "hrt.host.graph/1");
    table(g_host.edit, "hrt.host.edit/1");
    table(g_host.infer, "hrt.host.infer/1");
    table(g_host.kernel, "hrt.host.kernel/1");
    table(g_host.run, "hrt.host.run/1");
    table(g_host.pass, "hrt.host.pass/1");
    if (init) init();
  });
}

}  // namespace sdk
}  // namespace hrt

// Defines the exported symbol. id, version, description: string literals. init: a void() function that
// may throw, or nullptr; run when the host's tables are there. shutdown: void() noexcept, or nullptr.
// The rest: pairs {"hrt.backend/1", &table}.
#define HRT_PLUGIN(id_, version_, description_, init_, shutdown_, ...)                   \
  extern "C" HRT_EXPORT const hrt_plugin_manifest* hrt_plugin_query(uint32_t host_abi) { \
    static const hrt_plugin_manifest manifest = {                                        \
        sizeof(hrt_plugin_manifest),                                                     \
        HRT_ABI,                                                                         \
        id_,                                                                             \
        version_,                                                                        \
        description_,                                                                    \
        [](const hrt_host* host, const char* path) -> hrt_status* {                      \
          return ::hrt::sdk::init_host(host, path, id_, init_);                          \
        },                                                                               \
        [] {                                                                             \
          void (*f)() = shutdown_;                                                       \
          if (f) f();                                                                    \
        },                                                                               \
        [](const char* wanted) -> const void* {                                          \
          static const ::hrt::sdk::Interface interfaces[] = {__VA_ARGS__};               \
          for (const auto& i : interfaces)                                               \
            if (std::strcmp(i.id, wanted) == 0) return i.table;                          \
          return nullptr;                                                                \
        }};                                                                              \
    return host_abi >= HRT_ABI ? &manifest : nullptr;                                    \
  }
