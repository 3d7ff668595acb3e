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
      produced(id, Layout::kPlain, add_store({Place::kInput, i, nullptr}, 0));
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
  // The store of a value in each layout, and the layout that its producer gave it.
  struct Versions {
    std::array<uint32_t, 2> store = {HRT_NONE, HRT_NONE};
    Layout native = Layout::kPlain;
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
    Operand o{t.dtype, Dims(t.dims, t.dims + t.rank), values_[value].native, nullptr};
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

  void produced(uint32_t value, Layout layout, uint32_t store) {
    values_[value].store[size_t(layout)] = store;
    values_[value].native = layout;
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
    const void* data = executable_.constant(value);
    if (!data) {
      std::byte* copy = own(bytes_of(o));
      std::memcpy(copy, o.known, bytes_of(o));
      data = copy;
    }
    return add_store({Place::kFixed, 0, data}, 0);
  }

  // The store of a value in the layout that o asks for; reorders when there is none.
  uint32_t version(uint32_t value, const Operand& o, const Executable::CompiledNode* node) {
    Versions& v = values_[value];
    const size_t want = size_t(o.layout), other = 1 - want;
    if (v.store[want] != HRT_NONE) return v.store[want];
    Operand plain = o;
    plain.layout = Layout::kPlain;
    if (v.store[other] == HRT_NONE) {
      require(o.known != nullptr, "value ", value, " is used before it is made");
      v.store[size_t(Layout::kPlain)] = known_store(value, plain);
      if (o.layout == Layout::kPlain) return v.store[want];
    }
    if (same_memory(o.dims, Layout(other), o.layout)) return v.store[want] = v.store[other];
    if (o.known) {
      float* blocked = reinterpret_cast<float*>(own(bytes_of(o)));
      reorder(static_cast<const float*>(o.known), blocked, o.dims, o.layout);
      return v.store[want] = add_store({Place::kFixed, 0, blocked}, 0);
    }
    const uint32_t from = use(v.store[other]), to = add_buffer(bytes_of(o));
    add_reorder(node, o.dims, o.layout, from, to);
    return v.store[want] = to;
  }

  void add_reorder(const Executable::CompiledNode* node, const Dims& dims, Layout to, uint32_t x,
                   uint32_t y) {
    Step step{[dims, to](const Buffers& b) { reorder(b.input<float>(0), b.output<float>(0), dims, to); }};
    add_item(node->id, "layout reorder", std::move(step), {{x}, {y}});
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

  void add_node(const Executable::CompiledNode& node) {
    Signature sig;
    for (const uint32_t id : node.in) sig.in.push_back(operand(id));
    for (const uint32_t id : node.out) {
      sig.out.push_back(operand(id));
      sig.out.back().layout = Layout::kPlain;
    }
    if (node.compiled.view) return add_view(node, sig);
    if (node.compiled.arrange) {
      node.compiled.arrange(sig);
    } else {
      for (Operand& o : sig.in) o.layout = Layout::kPlain;
    }

    Uses uses;
    for (size_t i = 0; i < node.in.size(); ++i) {
      const bool dropped = i < 32 && (node.compiled.packed >> i & 1);
      uses.in.push_back(sig.in[i].present() && !dropped ? version(node.in[i], sig.in[i], &node) : HRT_NONE);
    }
    bool empty = true;
    for (size_t i = 0; i < node.out.size(); ++i) {
      const Operand& o = sig.out[i];
      uses.out.push_back(o.present() ? add_buffer(bytes_of(o)) : HRT_NONE);
      if (!o.present()) continue;
      produced(node.out[i], o.layout, uses.out.back());
      empty = empty && o.count() == 0;
    }
    if (empty) return;
    if (uses.out[0] != HRT_NONE) share(node.compiled.inplace, sig, uses);
    add_item(node.id, node.name.c_str(), node.compiled.prepare(sig), std::move(uses));
  }

  void add_view(const Executable::CompiledNode& node, Signature& sig) {
    sig.in[0].layout = Layout::kPlain;
    produced(node.out[0], Layout::kPlain, version(node.in[0], sig.in[0], &node));
  }

  // Lets output 0 overwrite an input with elements at the same places whose memory no other operand looks
  // at. (Equal bytes are not enough: 16 booleans broadcast from 2 int64 would overwrite what is still read.)
  void share(uint32_t inplace, const Signature& sig, const Uses& uses) {
    Store& out = stores_[uses.out[0]];
    for (size_t i = 0; i < std::min<size_t>(uses.in.size(), 32); ++i) {
      if (!(inplace >> i & 1) || uses.in[i] == HRT_NONE || stores_[uses.in[i]].bytes != out.bytes) continue;
      if (sig.in[i].dims != sig.out[0].dims || dtype_bytes(sig.in[i].dtype) != dtype_bytes(sig.out[0].dtype))
        continue;
      bool alone = true;
      for (size_t j = 0; j < uses.in.size(); ++j)
        alone = alone && (uses.in[j] != uses.in[i] || sig.in[j].dims == sig.in[i].dims);
      if (!alone) continue;
      out.share = uses.in[i];
      return;
    }
  }

  // Makes graph output i hold a value: its producer writes there directly if it can.
  void give_output(uint32_t value, size_t i) {
    Operand o = operand(value);
    const Place place{Place::kOutput, i, nullptr};
    const Executable::CompiledNode* last =
        executable_.nodes().empty() ? nullptr : &executable_.nodes().back();
    Versions& v = values_[value];
    const uint32_t plain = v.store[size_t(Layout::kPlain)], blocked = v.store[size_t(Layout::kBlocked)];
    if (o.count() == 0) return;
    o.layout = Layout::kPlain;
    const uint64_t bytes = bytes_of(o);
    if (plain != HRT_NONE && stores_[plain].place.kind == Place::kWorkspace &&
        stores_[plain].bytes <= bytes) {
      stores_[plain].place = place;
      return;
    }
    if (plain == HRT_NONE && blocked != HRT_NONE) {
      const uint32_t to = add_store(place, bytes);
      return add_reorder(last, o.dims, Layout::kPlain, use(blocked), to);
    }
    const uint32_t from = use(version(value, o, last));
    add_copy(last, bytes, from, add_store(place, bytes));
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
