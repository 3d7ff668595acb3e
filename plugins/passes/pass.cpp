// SPDX-License-Identifier: Apache-2.0
// The passes as a plugin: collects what the pass files registered and hands it over; and what all of
// them share.
#include "pass.h"

#include <algorithm>
#include <cmath>
#include <deque>

namespace hrt::passes {
namespace {

struct Entry {
  Pass pass;
  hrt_pass c;
};

std::deque<Entry>& entries() {
  static std::deque<Entry> all;
  return all;
}

hrt_status* rewrite(const hrt_pass* c, hrt_pass_run* run, hrt_edit* edit, uint32_t node, uint32_t* changed) {
  return guard([&] {
    Rewriter r(run, edit);
    *changed = static_cast<const Entry*>(c->user)->pass.rewrite(r, r.node(node));
  });
}

}  // namespace

Register::Register(const Pass& pass) {
  Entry& e = entries().emplace_back(Entry{pass, sized<hrt_pass>()});
  e.c.name = pass.name;
  e.c.doc = pass.doc;
  e.c.phase = pass.phase;
  e.c.rewrite = rewrite;
  e.c.user = &e;
}

// ------------------------------------------------------------------------------------- looking

std::optional<Node> Rewriter::producer(uint32_t v) const {
  if (v == HRT_NONE) return std::nullopt;
  const uint32_t id = value(v).producer();
  if (id == HRT_NONE) return std::nullopt;
  return node(id);
}

std::optional<Node> Rewriter::producer(uint32_t v, std::string_view op, std::string_view domain) const {
  auto n = producer(v);
  return n && n->is(op, domain) ? n : std::nullopt;
}

bool Rewriter::single_use(uint32_t v) const {
  const Value x = value(v);
  return x.consumers().size() == 1 && !x.is_output();
}

std::optional<Node> Rewriter::sole_producer(uint32_t v) const {
  return v != HRT_NONE && single_use(v) ? producer(v) : std::nullopt;
}

std::optional<Node> Rewriter::sole_producer(uint32_t v, std::string_view op, std::string_view domain) const {
  return v != HRT_NONE && single_use(v) ? producer(v, op, domain) : std::nullopt;
}

bool Rewriter::unused(uint32_t v) const {
  if (v == HRT_NONE) return true;
  const Value x = value(v);
  const auto consumers = x.consumers();
  return !x.is_output() &&
         std::all_of(consumers.begin(), consumers.end(), [&](uint32_t n) { return removed_.contains(n); });
}

std::optional<double> Rewriter::scalar(uint32_t v) const {
  if (v == HRT_NONE) return std::nullopt;
  const auto t = value(v).constant();
  if (!t || t->size() != 1) return std::nullopt;
  const auto elements = to_doubles(*t);
  return elements.empty() ? std::nullopt : std::optional(elements[0]);
}

bool Rewriter::is_scalar(uint32_t v, double expected) const {
  const auto x = scalar(v);
  if (!x) return false;
  const hrt_dtype dtype = value(v).dtype();
  const double ulp = dtype == HRT_FLOAT64    ? 0x1p-52
                     : dtype == HRT_FLOAT32  ? 0x1p-23
                     : dtype == HRT_FLOAT16  ? 0x1p-10
                     : dtype == HRT_BFLOAT16 ? 0x1p-7
                                             : 0;
  return std::abs(*x - expected) <= ulp * std::abs(expected);
}

bool Rewriter::keeps_shape(uint32_t constant, uint32_t x) const {
  const auto t = value(constant).constant();
  return t && t->size() == 1 && t->rank() <= std::max(value(x).rank(), 0);
}

std::optional<uint32_t> Rewriter::operand_beside(const Node& node, double expected) const {
  for (const auto& [x, c] : both_orders(node))
    if (is_scalar(c, expected) && keeps_shape(c, x)) return x;
  return std::nullopt;
}

std::optional<Dims> Rewriter::integers(uint32_t v) const {
  if (v == HRT_NONE) return std::nullopt;
  const auto t = value(v).constant();
  if (!t || (t->dtype() != HRT_INT64 && t->dtype() != HRT_INT32)) return std::nullopt;
  return to_int64s(*t);
}

// ------------------------------------------------------------------------------------- editing

uint32_t Rewriter::add(const NewNode& n) {
  const char* const made_up = nullptr;
  return edit_.add_node(n.domain, n.op, n.inputs, {&made_up, 1}, n.attrs, n.name).outputs[0];
}

void Rewriter::replace(uint32_t id, NewNode with) {
  const std::string name = node(id).name();  // a copy: the node is removed before the new one is done
  if (!with.name) with.name = name.c_str();
  replace(id, add(with));
}

void Rewriter::replace(uint32_t id, uint32_t v) {
  edit_.replace_uses(node(id).output(0), v);
  remove(id);
}

void Rewriter::remove(uint32_t first) {
  std::vector<uint32_t> pending = {first};
  while (!pending.empty()) {
    const uint32_t id = pending.back();
    pending.pop_back();
    if (removed_.contains(id)) continue;
    const Node n = node(id);
    if (!std::all_of(n.outputs().begin(), n.outputs().end(), [&](uint32_t v) { return unused(v); })) continue;
    for (uint32_t v : n.inputs())
      if (const auto p = producer(v)) pending.push_back(p->id());
    edit_.remove_node(id);
    removed_.insert(id);
  }
}

std::optional<std::vector<uint32_t>> Rewriter::evaluate(const Node& n) {
  std::vector<uint32_t> values(n.outputs().size(), HRT_NONE);
  hrt_status* status = g_host.pass->evaluate(run_, edit_.c(), n.id(), values.data());
  if (!status) return values;
  const hrt_code code = g_host.host->status_code(status);
  // Bad data too is left for the run: the node may be one that never runs.
  if (code != HRT_ERROR_UNSUPPORTED && code != HRT_ERROR_BAD_DATA) check(status);
  g_host.host->status_destroy(status);
  return std::nullopt;
}

uint32_t Rewriter::add_floats(hrt_dtype dtype, const Dims& dims, std::span<const double> data) {
  const auto as = [&]<class T>(T) {
    std::vector<T> out(data.size());
    for (size_t i = 0; i < data.size(); ++i) {
      if constexpr (std::is_floating_point_v<T>)
        out[i] = T(data[i]);
      else
        out[i] = T(float(data[i]));
    }
    return edit_.add_constant(nullptr, dims, std::span<const T>(out));
  };
  switch (dtype) {
    case HRT_FLOAT32: return as(float());
    case HRT_FLOAT64: return as(double());
    case HRT_FLOAT16: return as(float16());
    case HRT_BFLOAT16: return as(bfloat16());
    default: unsupported("no floating-point constant of type ", dtype_name(dtype));
  }
}

// ----------------------------------------------------------------------------- common questions

bool same_shape(std::span<const int64_t> a, std::span<const int64_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](int64_t x, int64_t y) { return x == y && x != HRT_DIM_UNKNOWN; });
}

bool same_shape(const Value& a, const Value& b) {
  return a.ranked() && b.ranked() && same_shape(a.dims(), b.dims());
}

std::vector<double> to_doubles(const Tensor& t) {
  const auto as = [&]<class T>(T) {
    const auto elements = t.span<T>();
    return std::vector<double>(elements.begin(), elements.end());
  };
  switch (t.dtype()) {
    case HRT_FLOAT32: return as(float());
    case HRT_FLOAT64: return as(double());
    case HRT_FLOAT16: return as(float16());
    case HRT_BFLOAT16: return as(bfloat16());
    case HRT_INT8: return as(int8_t());
    case HRT_INT16: return as(int16_t());
    case HRT_INT32: return as(int32_t());
    case HRT_INT64: return as(int64_t());
    case HRT_UINT8: return as(uint8_t());
    case HRT_UINT16: return as(uint16_t());
    case HRT_UINT32: return as(uint32_t());
    case HRT_UINT64: return as(uint64_t());
    default: return {};
  }
}

bool all_equal(const Tensor& t, double expected) {
  const auto elements = to_doubles(t);
  return !elements.empty() && std::all_of(elements.begin(), elements.end(), [&](double x) {
    return x == expected && std::signbit(x) == std::signbit(expected);
  });
}

bool is_float(hrt_dtype dtype) {
  return dtype == HRT_FLOAT32 || dtype == HRT_FLOAT64 || dtype == HRT_FLOAT16 || dtype == HRT_BFLOAT16;
}

std::optional<Dims> normalise_axes(Dims axes, int64_t rank) {
  for (int64_t& a : axes) {
    if (a < -rank || a >= rank) return std::nullopt;
    if (a < 0) a += rank;
  }
  return axes;
}

std::array<std::pair<uint32_t, uint32_t>, 2> both_orders(const Node& node) {
  const uint32_t a = node.input(0), b = node.input(1);
  return {{{a, b}, {b, a}}};
}

std::vector<Attr> attributes_of(const Node& node) {
  std::vector<Attr> attrs;
  for (size_t i = 0; i < node.attr_count(); ++i) attrs.push_back(node.attr_at(i));
  return attrs;
}

}  // namespace hrt::passes

namespace {
std::vector<const hrt_pass*> g_passes;
hrt_pass_api g_api;

// Sorted, so that the order does not hang on that of the files in the library.
void init() {
  g_passes.clear();
  for (auto& e : hrt::passes::entries()) g_passes.push_back(&e.c);
  std::sort(g_passes.begin(), g_passes.end(), [](const hrt_pass* a, const hrt_pass* b) {
    return std::make_pair(a->phase, std::string_view(a->name)) <
           std::make_pair(b->phase, std::string_view(b->name));
  });
  g_api = {sizeof(hrt_pass_api), g_passes.data(), g_passes.size()};
}
}  // namespace

HRT_PLUGIN("hrt.passes", "0.1.0", "Graph optimisation: clean-up, fusion, layout", init, nullptr,
           {"hrt.pass/1", &g_api})
