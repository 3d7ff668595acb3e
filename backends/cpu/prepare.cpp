// SPDX-License-Identifier: Apache-2.0
// From shapes to a plan: layouts node by node, reorders where a node wants another layout than a value
// exists in, lifetimes, one arena.
#include <array>
#include <cstring>

#include "backends/cpu/executable.h"
#include "backends/cpu/layout.h"

namespace hrt::cpu {
namespace {

using sdk::cat;
using sdk::check;
using sdk::g_host;

class Planner {
 public:
  Planner(const Executable& executable, const hrt_shapes& shapes)
      : executable_(executable), shapes_(shapes), values_(shapes.value_limit) {}

  Prepared plan() {
    for (size_t i = 0; i < executable_.inputs().size(); ++i) {
      const uint32_t id = executable_.inputs()[i];
      produced(id, kPlain, add_store({Place::kInput, i, nullptr}, 0));
    }
    for (const Executable::CompiledNode& node : executable_.nodes()) {
      try {
        if (!all_known(node)) add_node(node);
      } catch (const sdk::Error& e) {
        throw sdk::Error(e.code(), cat(node.name, ": ", e.what()));
      }
    }
    for (size_t i = 0; i < executable_.outputs().size(); ++i) give_output(executable_.outputs()[i], i);
    lay_out();
    return std::move(prepared_);
  }

 private:
  // A piece of memory. Views and layouts that coincide share one.
  struct Store {
    Place place;
    uint64_t bytes;
    uint32_t first, last;       // steps
    uint32_t share = HRT_NONE;  // the store that this one may be written over
  };
  // The forms in which a value can exist: as its type says, blocked, and as plain floats where its type is
  // of half precision (else that is kPlain itself).
  enum Form : uint8_t { kPlain, kBlocked, kWide };
  // The store of a value in each form, and the form that its producer gave it.
  struct Versions {
    std::array<uint32_t, 3> store = {HRT_NONE, HRT_NONE, HRT_NONE};
    Form native = kPlain;
  };
  struct Uses {  // stores of a step's operands, by position
    std::vector<uint32_t> in, out;
    uint32_t workspace = HRT_NONE;
  };

  uint32_t now() const { return uint32_t(prepared_.items.size()); }

  const hrt_type& type(uint32_t value) const {
    const hrt_type* t = value < shapes_.value_limit ? shapes_.types[value] : nullptr;
    require(t != nullptr, "no shape was given for value ", value);
    return *t;
  }
  const hrt_tensor* known(uint32_t value) const {
    return shapes_.known && value < shapes_.value_limit ? shapes_.known[value] : nullptr;
  }
  bool all_known(const Executable::CompiledNode& node) const {
    for (const uint32_t id : node.out)
      if (id != HRT_NONE && !known(id)) return false;
    return true;
  }

  Operand operand(uint32_t value) const {
    if (value == HRT_NONE) return {};
    const hrt_type& t = type(value);
    Operand o{t.dtype, Dims(t.dims, t.dims + t.rank), Layout::kPlain, nullptr};
    if (values_[value].native == kBlocked && t.dtype == HRT_FLOAT32) o.layout = Layout::kBlocked;
    require(sdk::all_numbers(o.dims), "shape ", o.dims, " is not known before the run");
    require(dtype_bytes(o.dtype) != 0, "dtype ", dtype_name(o.dtype));
    static constexpr std::byte kNothing{};  // what a known tensor without elements points to
    if (const hrt_tensor* k = known(value))
      o.known = k->data ? k->data : &kNothing;
    else
      o.known = executable_.constant(value);
    return o;
  }

  static uint64_t bytes_of(const Operand& o) {
    int64_t bytes = 0;
    if (__builtin_mul_overflow(o.stored(), int64_t(dtype_bytes(o.dtype)), &bytes))
      fail("shape ", o.dims, " is too large");
    return uint64_t(bytes);
  }

  uint32_t add_store(Place place, uint64_t bytes) {
    stores_.push_back({place, bytes, now(), now()});
    return uint32_t(stores_.size() - 1);
  }
  uint32_t add_buffer(uint64_t bytes) {
    return add_store({Place::kWorkspace, 0, nullptr}, std::max<uint64_t>(bytes, 1));
  }

  // The form of a value that an operand asks for.
  Form form(uint32_t value, const Operand& o) const {
    if (o.layout == Layout::kBlocked) return kBlocked;
    return o.dtype == type(value).dtype ? kPlain : kWide;
  }

  void produced(uint32_t value, Form form, uint32_t store) {
    values_[value].store[form] = store;
    values_[value].native = form;
  }

  uint32_t use(uint32_t store) {
    stores_[store].last = now();
    return store;
  }

  std::byte* own(uint64_t bytes) {
    prepared_.owned.push_back(make_floats((bytes + 3) / 4));
    return reinterpret_cast<std::byte*>(prepared_.owned.back().get());
  }

  // The plain store of a value that is known before the run.
  uint32_t known_store(uint32_t value, const Operand& o) {
    require(o.known != nullptr, "value ", value, " is used before it is made");
    const void* data = executable_.constant(value);
    if (!data) {
      std::byte* copy = own(bytes_of(o));
      std::memcpy(copy, o.known, bytes_of(o));
      data = copy;
    }
    return add_store({Place::kFixed, 0, data}, 0);
  }

  // The operand of a value in another form, with the dims that a node gives it.
  Operand in_form(uint32_t value, Form form, const Dims& dims) const {
    Operand o = operand(value);
    o.dims = dims;
    o.layout = form == kBlocked ? Layout::kBlocked : Layout::kPlain;
    if (form != kPlain) o.dtype = widened(o.dtype);
    return o;
  }

  // The store of a value in this form; where there is none, it is made from another, at once when the value
  // is known, else in a step before the node.
  uint32_t version(uint32_t value, Form want, const Dims& dims, const Executable::CompiledNode* node) {
    uint32_t& store = values_[value].store[want];
    if (store != HRT_NONE) return store;
    const Form native = values_[value].native;
    if (want == kPlain && values_[value].store[native] == HRT_NONE)
      return store = known_store(value, operand(value));
    const bool half = is_half(type(value).dtype);
    const Form plain_float = half ? kWide : kPlain;
    const Form source = want == kPlain && half ? kWide : want == kBlocked ? plain_float : native;
    const uint32_t from = version(value, source, dims, node);
    const Operand x = in_form(value, source, dims), y = in_form(value, want, dims);
    if (x.dtype == y.dtype && same_memory(y.dims, x.layout, y.layout)) return store = from;
    if (stores_[from].place.kind == Place::kFixed) {
      std::byte* made = own(bytes_of(y));
      convert(x, y, stores_[from].place.fixed, made);
      return store = add_store({Place::kFixed, 0, made}, 0);
    }
    const uint32_t to = add_buffer(bytes_of(y));
    add_convert(node, x, y, use(from), to);
    return store = to;
  }

  // Copies a value from one form to another.
  static void convert(const Operand& x, const Operand& y, const void* from, void* to) {
    if (x.layout != y.layout)
      return reorder(static_cast<const float*>(from), static_cast<float*>(to), y.dims, y.layout);
    if (is_half(x.dtype)) return widen(x.dtype, from, static_cast<float*>(to), x.count());
    narrow(y.dtype, static_cast<const float*>(from), to, x.count());
  }

  void add_convert(const Executable::CompiledNode* node, Operand x, Operand y, uint32_t from, uint32_t to) {
    const char* name = x.layout != y.layout ? "layout reorder" : "conversion";
    x.known = y.known = nullptr;
    Step step{[x = std::move(x), y = std::move(y)](const Buffers& b) { convert(x, y, b.in[0], b.out[0]); }};
    add_item(node->id, name, std::move(step), {{from}, {to}});
  }

  void add_copy(const Executable::CompiledNode* node, uint64_t bytes, uint32_t x, uint32_t y) {
    Step step{[bytes](const Buffers& b) { std::memcpy(b.out[0], b.in[0], bytes); }};
    add_item(node ? node->id : HRT_NONE, "copy", std::move(step), {{x}, {y}});
  }

  void add_item(uint32_t node, const char* name, Step step, Uses uses) {
    if (step.workspace) uses.workspace = add_buffer(step.workspace);
    for (const uint32_t s : uses.in)
      if (s != HRT_NONE) use(s);
    prepared_.items.push_back({node, name, std::move(step), {}, {}, {}});
    uses_.push_back(std::move(uses));
  }

  // An operand of a node that computes half precision in float.
  Operand widened_operand(uint32_t value, bool dropped, const Executable::CompiledNode* node) {
    Operand o = operand(value);
    if (!is_half(o.dtype)) return o;
    if (o.known) o.known = dropped ? nullptr : stores_[version(value, kWide, o.dims, node)].place.fixed;
    o.dtype = HRT_FLOAT32;
    if (values_[value].native == kBlocked) o.layout = Layout::kBlocked;
    return o;
  }

  void add_node(const Executable::CompiledNode& node) {
    Signature sig;
    const auto dropped = [&](size_t i) { return i < 32 && (node.compiled.packed >> i & 1); };
    for (size_t i = 0; i < node.in.size(); ++i)
      sig.in.push_back(node.compiled.widens ? widened_operand(node.in[i], dropped(i), &node)
                                            : operand(node.in[i]));
    for (const uint32_t id : node.out) {
      sig.out.push_back(operand(id));
      sig.out.back().layout = Layout::kPlain;
      if (node.compiled.widens) sig.out.back().dtype = widened(sig.out.back().dtype);
    }
    if (node.compiled.view) return add_view(node);
    if (node.compiled.arrange) {
      node.compiled.arrange(sig);
    } else {
      for (Operand& o : sig.in) o.layout = Layout::kPlain;
    }

    Uses uses;
    for (size_t i = 0; i < node.in.size(); ++i) {
      const bool used = sig.in[i].present() && !dropped(i);
      uses.in.push_back(used ? version(node.in[i], form(node.in[i], sig.in[i]), sig.in[i].dims, &node)
                             : HRT_NONE);
    }
    bool empty = true;
    for (size_t i = 0; i < node.out.size(); ++i) {
      const Operand& o = sig.out[i];
      uses.out.push_back(o.present() ? add_buffer(bytes_of(o)) : HRT_NONE);
      if (!o.present()) continue;
      produced(node.out[i], form(node.out[i], o), uses.out.back());
      empty = empty && o.count() == 0;
    }
    if (empty) return;
    if (uses.out[0] != HRT_NONE) share(node.compiled, sig, uses);
    add_item(node.id, node.name.c_str(), node.compiled.prepare(sig), std::move(uses));
  }

  void add_view(const Executable::CompiledNode& node) {
    Form form = values_[node.in[0]].native;
    if (form == kBlocked) form = is_half(type(node.in[0]).dtype) ? kWide : kPlain;
    produced(node.out[0], form, version(node.in[0], form, operand(node.in[0]).dims, &node));
  }

  // Lets output 0 overwrite an input with elements at the same places whose memory no other operand looks
  // at. (Equal bytes are not enough: 16 booleans broadcast from 2 int64 would overwrite what is still read.)
  void share(const Compiled& compiled, const Signature& sig, const Uses& uses) {
    Store& out = stores_[uses.out[0]];
    for (size_t i = 0; i < std::min<size_t>(uses.in.size(), 32); ++i) {
      if (!(compiled.inplace >> i & 1) || uses.in[i] == HRT_NONE || stores_[uses.in[i]].bytes != out.bytes)
        continue;
      if (sig.in[i].dims != sig.out[0].dims || dtype_bytes(sig.in[i].dtype) != dtype_bytes(sig.out[0].dtype))
        continue;
      bool alone = true;
      for (size_t j = 0; j < uses.in.size(); ++j)
        alone = alone && (j == i || uses.in[j] != uses.in[i] ||
                          (!compiled.inplace_alone && sig.in[j].dims == sig.in[i].dims));
      if (!alone) continue;
      out.share = uses.in[i];
      return;
    }
  }

  // Makes graph output i hold a value: its producer writes there directly if it can.
  void give_output(uint32_t value, size_t i) {
    const Operand o = operand(value);
    const Place place{Place::kOutput, i, nullptr};
    const Executable::CompiledNode* last =
        executable_.nodes().empty() ? nullptr : &executable_.nodes().back();
    if (o.count() == 0) return;
    const uint64_t bytes = uint64_t(o.count()) * dtype_bytes(o.dtype);
    const uint32_t plain = version(value, kPlain, o.dims, last);
    Store& store = stores_[plain];
    if (store.place.kind == Place::kWorkspace && store.bytes <= bytes) {
      store.place = place;
      return;
    }
    add_copy(last, bytes, use(plain), add_store(place, bytes));
  }

  // Offsets for what lies in the workspace, then the places of every step.
  void lay_out() {
    std::vector<hrt_arena_item> items;
    std::vector<uint32_t> item_of(stores_.size(), HRT_NONE);
    for (size_t s = 0; s < stores_.size(); ++s) {
      const Store& store = stores_[s];
      if (store.place.kind != Place::kWorkspace) continue;
      item_of[s] = uint32_t(items.size());
      const uint32_t share = store.share == HRT_NONE ? HRT_NONE : item_of[store.share];
      items.push_back({store.bytes, store.first, store.last, share, 0});
    }
    check(g_host.run->plan_arena(items.data(), items.size(), 64, &prepared_.workspace_bytes));
    for (size_t s = 0; s < stores_.size(); ++s)
      if (item_of[s] != HRT_NONE) stores_[s].place.at = items[item_of[s]].offset;

    const auto place = [&](uint32_t s) { return s == HRT_NONE ? Place{} : stores_[s].place; };
    for (size_t i = 0; i < uses_.size(); ++i) {
      Prepared::Item& item = prepared_.items[i];
      for (const uint32_t s : uses_[i].in) item.in.push_back(place(s));
      for (const uint32_t s : uses_[i].out) item.out.push_back(place(s));
      item.workspace = place(uses_[i].workspace);
    }
  }

  const Executable& executable_;
  const hrt_shapes& shapes_;
  Prepared prepared_;
  std::vector<Versions> values_;
  std::vector<Store> stores_;
  std::vector<Uses> uses_;
};

}  // namespace

Prepared prepare(const Executable& executable, const hrt_shapes& shapes) {
  return Planner(executable, shapes).plan();
}

}  // namespace hrt::cpu
