// SPDX-License-Identifier: Apache-2.0
// From shapes to dispatches: node by node, lifetimes, one workspace.
#include <algorithm>
#include <chrono>
#include <map>

#include "backends/gpu_common/executable.h"
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/tune.h"

namespace hrt::gpu {
namespace {

using sdk::cat;
using sdk::check;
using sdk::g_host;

class Planner : public Emit {
 public:
  Planner(const Executable& executable, const hrt_shapes& shapes)
      : executable_(executable),
        driver_(*executable.device().driver),
        shapes_(shapes),
        store_of_(shapes.value_limit, HRT_NONE) {
    prepared_.device = &executable.device();
    prepared_.fault_bytes = std::max<uint64_t>(caps().alignment, sizeof(int32_t));
  }

  Prepared plan() {
    for (size_t i = 0; i < executable_.inputs().size(); ++i) {
      const uint32_t id = executable_.inputs()[i];
      const uint64_t bytes = operand(id).bytes();
      // Kernels that read nothing are bound to something all the same.
      store_of_[id] = bytes > 0 ? add_store({Place::kInput, i, {}, bytes}) : add_workspace(1);
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

  // ------------------------------------------------------------------------------ what emit sees

  const Caps& caps() const override { return driver_.caps(); }
  const std::vector<Operand>& in() const override { return in_; }
  const std::vector<Operand>& out() const override { return out_; }
  Ref in_ref(size_t i) override { return store(node_->in[i]); }
  Ref out_ref(size_t i) override { return store_of_[node_->out[i]]; }
  uint64_t bytes(Ref r) const override { return stores_[r].place.bytes; }
  Ref part(Ref r, uint64_t offset, uint64_t bytes) override {
    const Place& p = stores_[r].place;
    require(offset % caps().alignment == 0 && offset <= p.bytes && bytes <= p.bytes - offset, "no part of ",
            p.bytes, " bytes: ", bytes, " at ", offset);
    Place place;
    place.bytes = bytes;
    place.from = p.from + offset;
    const Ref whole = whole_of(r), made = add_store(place);
    stores_[made].whole = whole;
    return made;
  }
  Ref scratch(uint64_t bytes) override { return add_workspace(bytes); }
  Ref weight(size_t i) override { return add_fixed(node_->weights[i]); }

  Ref data(const void* data, uint64_t bytes) override {
    prepared_.tables.push_back(driver_.allocate(bytes));
    const Span span{prepared_.tables.back().get(), 0, bytes};
    driver_.write(span, data);
    return add_fixed(span);
  }

  Ref fault(std::string reason, std::string of) override {
    const uint64_t at = prepared_.faults.size() * prepared_.fault_bytes;
    prepared_.faults.push_back({cat(node_->name, ": ", reason), std::move(of)});
    return add_store({Place::kFault, at, {}, sizeof(int32_t)});
  }

  void dispatch(Call call) override {
    if (call.threads[0] <= 0 || call.threads[1] <= 0 || call.threads[2] <= 0) return;
    if (call.writes == 0) fail("kernel ", call.kernel, " writes nothing");
    add_item(std::move(call));
  }

  void fastest(const std::string& key, std::span<const Way> ways) override {
    require(!ways.empty(), "no way to compute this");
    const size_t chosen =
        executable_.device().tuner->choose(cat(node_->name.substr(0, node_->name.find(' ')), " ", key),
                                           ways.size(), [&](size_t i) { return measure(ways[i]); });
    for (size_t i = 0; i < ways.size(); ++i) {
      // The one that was chosen, then the others in their order.
      const size_t way = i == 0 ? chosen : (i <= chosen ? i - 1 : i);
      const Mark before = mark();
      try {
        return ways[way](*this);
      } catch (const sdk::Error& e) {
        if (e.code() != HRT_ERROR_UNSUPPORTED || i + 1 == ways.size()) throw;
        forget(before);
      }
    }
  }

 private:
  struct Store {
    Place place;
    uint32_t first, last;       // nodes
    uint32_t share = HRT_NONE;  // the store that this one may be written over
    uint32_t whole = HRT_NONE;  // the store that this one is a part of
  };
  Ref whole_of(Ref r) const { return stores_[r].whole == HRT_NONE ? r : stores_[r].whole; }
  Place place_of(Ref r) const {
    const Store& s = stores_[r];
    if (s.whole == HRT_NONE) return s.place;
    Place p = stores_[s.whole].place;
    p.part = true;
    p.from = s.place.from;
    p.bytes = s.place.bytes;
    return p;
  }

  const hrt_type& type(uint32_t value) const {
    const hrt_type* t = value < shapes_.value_limit ? shapes_.types[value] : nullptr;
    require(t != nullptr, "no shape was given for value ", value);
    return *t;
  }
  const hrt_tensor* known(uint32_t value) const {
    return shapes_.known && value < shapes_.value_limit ? shapes_.known[value] : nullptr;
  }
  bool all_known(const Executable::CompiledNode& node) const {
    return std::ranges::all_of(node.out, [&](uint32_t id) { return id == HRT_NONE || known(id); });
  }

  Operand operand(uint32_t value) const {
    if (value == HRT_NONE) return {};
    const hrt_type& t = type(value);
    Operand o{t.dtype, Dims(t.dims, t.dims + t.rank), nullptr};
    require(sdk::all_numbers(o.dims), "shape ", o.dims, " is not known before the run");
    require(dtype_bytes(o.dtype) != 0, "dtype ", dtype_name(o.dtype));
    static constexpr std::byte kNothing{};  // what a known tensor without elements points to
    if (const hrt_tensor* k = known(value)) o.known = k->data ? k->data : &kNothing;
    return o;
  }

  uint32_t add_store(const Place& place) {
    stores_.push_back({place, step_, step_});
    return uint32_t(stores_.size() - 1);
  }
  uint32_t add_workspace(uint64_t bytes) {
    return add_store({Place::kWorkspace, 0, {}, std::max<uint64_t>(bytes, 1)});
  }
  uint32_t add_fixed(const Span& span) { return add_store({Place::kFixed, 0, span, span.bytes}); }
  void use(uint32_t s) { stores_[whole_of(s)].last = step_; }

  // The store of a value; one that no node makes is uploaded.
  uint32_t store(uint32_t value) {
    uint32_t& s = store_of_[value];
    if (s != HRT_NONE) return s;
    if (const Span there = executable_.uploaded(value); there.buffer) return s = add_fixed(there);
    const hrt_tensor* k = known(value);
    require(k != nullptr, "value ", value, " is used before it is made");
    if (k->bytes == 0) return s = add_workspace(1);
    if (is_constant(value)) return s = add_fixed(executable_.constant(value, k->data, k->bytes));
    return s = data(k->data, k->bytes);
  }

  // Constants are the same for all shapes; what the host computed from shapes is not.
  bool is_constant(uint32_t value) const { return executable_.is_constant(value); }

  void add_node(const Executable::CompiledNode& node) {
    ++step_;
    node_ = &node;
    in_.clear();
    out_.clear();
    for (const uint32_t v : node.in) in_.push_back(operand(v));
    for (const uint32_t v : node.out) out_.push_back(operand(v));
    if (node.compiled.view) {
      store_of_[node.out[0]] = store(node.in[0]);
      return;
    }
    bool empty = true;
    for (size_t i = 0; i < node.out.size(); ++i) {
      if (!out_[i].present()) continue;
      store_of_[node.out[i]] = add_workspace(out_[i].bytes());
      empty = empty && out_[i].count() == 0;
    }
    if (empty) return;
    const size_t before = prepared_.items.size();
    node.compiled.emit(*this);
    if (prepared_.items.size() == before + 1) share(node);
  }

  // Lets output 0 be written over an input whose memory nobody reads later. Only for nodes of one dispatch,
  // and where the input's memory is read by that binding alone.
  void share(const Executable::CompiledNode& node) {
    if (node.out[0] == HRT_NONE) return;
    Store& out = stores_[store_of_[node.out[0]]];
    for (size_t i = 0; i < std::min<size_t>(node.in.size(), 32); ++i) {
      if (!(node.compiled.inplace >> i & 1) || !in_[i].present() || store_of_[node.in[i]] == HRT_NONE)
        continue;
      if (in_[i].dims != out_[0].dims || dtype_bytes(in_[i].dtype) != dtype_bytes(out_[0].dtype)) continue;
      const uint32_t s = store_of_[node.in[i]];
      if (std::ranges::count(refs_.back(), s) != 1) continue;
      out.share = s;
      return;
    }
  }

  // Makes graph output i hold a value: written there directly where that can be, else copied at the end.
  void give_output(uint32_t value, size_t i) {
    const Operand o = operand(value);
    if (o.count() == 0) return;
    const Place place{Place::kOutput, i, {}, o.bytes()};
    const uint32_t s = store(value);
    if (stores_[s].place.kind == Place::kWorkspace && !shared(s)) {
      stores_[s].place = place;
      return;
    }
    ++step_;
    const int64_t n = o.count();
    copy_box(*this, s, add_store(place), o.dtype, {{n}, {1}, {1}});
  }

  // Memory that another store takes over or came from: it must stay in the workspace.
  bool shared(uint32_t s) const {
    return std::ranges::any_of(stores_, [&](const Store& other) { return other.share == s; });
  }

  void add_item(Call call) {
    require(call.push.size() <= kPushWords, "kernel ", call.kernel, " wants ", call.push.size(),
            " push words");
    for (const Ref r : call.buffers) {
      if (bytes(r) > caps().max_span_bytes)
        unsupported(described(r), " of ", bytes(r), " bytes: kernels of ", caps().name, " reach ",
                    caps().max_span_bytes, " at once");
      use(r);
    }
    Prepared::Item item{pipeline_of(call),           {}, call.writes, call.push, groups_of(call),
                        node_ ? node_->id : HRT_NONE};
    prepared_.items.push_back(std::move(item));
    refs_.push_back(std::move(call.buffers));
  }

  std::string described(Ref r) const {
    const auto place = [&](const std::vector<uint32_t>& values) {
      return size_t(std::ranges::find_if(
                        values, [&](uint32_t v) { return v != HRT_NONE && store_of_[v] == whole_of(r); }) -
                    values.begin());
    };
    if (!node_) return "a tensor";
    if (const size_t i = place(node_->in); i < node_->in.size()) return cat("input ", i);
    if (const size_t i = place(node_->out); i < node_->out.size()) return cat("output ", i);
    return "an intermediate tensor";
  }

  const Pipeline* pipeline_of(const Call& call) const {
    std::vector<int32_t> constants(call.group.begin(), call.group.end());
    constants.insert(constants.end(), call.constants.begin(), call.constants.end());
    const Pipeline* p = driver_.pipeline(call.kernel, call.variant, constants);
    if (!p) unsupported("there is no kernel ", call.kernel, " for ", call.variant);
    return p;
  }

  std::array<uint32_t, 3> groups_of(const Call& call) const {
    std::array<int64_t, 3> groups{};
    for (size_t d = 0; d < 3; ++d) groups[d] = ceil_div(call.threads[d], call.group[d]);
    const auto& max = caps().max_groups;
    if (call.linear && groups[0] > max[0]) {
      groups[1] = ceil_div(groups[0], max[0]);
      groups[0] = ceil_div(groups[0], groups[1]);
    }
    for (size_t d = 0; d < 3; ++d)
      if (groups[d] > max[d])
        unsupported("kernel ", call.kernel, " needs ", groups[d], " groups, the device has ", max[d]);
    return {uint32_t(groups[0]), uint32_t(groups[1]), uint32_t(groups[2])};
  }

  // How far the plan has come, and the way back.
  struct Mark {
    size_t items, stores, tables, faults;
  };
  Mark mark() const {
    return {prepared_.items.size(), stores_.size(), prepared_.tables.size(), prepared_.faults.size()};
  }
  void forget(const Mark& since) {
    prepared_.items.resize(since.items);
    refs_.resize(since.items);
    stores_.erase(stores_.begin() + ptrdiff_t(since.stores), stores_.end());
    prepared_.tables.resize(since.tables);
    prepared_.faults.resize(since.faults);
    for (uint32_t& s : store_of_)
      if (s != HRT_NONE && s >= since.stores) s = HRT_NONE;
  }

  // The time of one way, on memory of its own; nothing of it stays in the plan.
  uint64_t measure(const Way& way) {
    const Mark before = mark();
    try {
      way(*this);
      const uint64_t ns = time_of(before.items);
      forget(before);
      return ns;
    } catch (...) {
      forget(before);
      throw;
    }
  }

  uint64_t time_of(size_t from) const {
    std::map<uint32_t, std::unique_ptr<Buffer>> memory;
    std::vector<Dispatch> dispatches;
    for (size_t i = from; i < prepared_.items.size(); ++i) {
      const Prepared::Item& item = prepared_.items[i];
      Dispatch& d = dispatches.emplace_back();
      d.pipeline = item.pipeline;
      d.push = item.push;
      d.groups = item.groups;
      for (const Ref r : refs_[i]) {
        const Place p = place_of(r);
        if (p.kind == Place::kFixed) {
          d.buffers.push_back({p.fixed.buffer, p.fixed.offset + p.from, p.bytes});
          continue;
        }
        auto& buffer = memory[whole_of(r)];
        if (!buffer) buffer = driver_.allocate(std::max<uint64_t>(bytes(whole_of(r)), 1));
        d.buffers.push_back({buffer.get(), p.from, std::max<uint64_t>(p.bytes, 1)});
      }
    }
    const auto recording = driver_.record(dispatches, false);
    const auto fence = driver_.fence();
    uint64_t best = UINT64_MAX;
    constexpr uint64_t kRuns = 4, kTimeoutNs = 10'000'000'000;
    for (uint64_t run = 1; run <= kRuns; ++run) {
      const auto begin = std::chrono::steady_clock::now();
      driver_.submit(*recording, {}, {fence.get(), run});
      if (!fence->wait(run, kTimeoutNs)) throw sdk::Error(HRT_ERROR_DEVICE_LOST, "no answer while tuning");
      const auto end = std::chrono::steady_clock::now();
      best = std::min(best, uint64_t(std::chrono::nanoseconds(end - begin).count()));
    }
    return best;
  }

  void lay_out() {
    std::vector<hrt_arena_item> items;
    std::vector<uint32_t> item_of(stores_.size(), HRT_NONE);
    for (size_t s = 0; s < stores_.size(); ++s) {
      const Store& store = stores_[s];
      if (store.place.kind != Place::kWorkspace || store.whole != HRT_NONE) continue;
      item_of[s] = uint32_t(items.size());
      uint32_t share = store.share == HRT_NONE ? HRT_NONE : item_of[store.share];
      items.push_back({store.place.bytes, store.first, store.last, share, 0});
    }
    const uint64_t alignment = std::max<uint64_t>(caps().alignment, 16);
    check(g_host.run->plan_arena(items.data(), items.size(), alignment, &prepared_.workspace_bytes));
    for (size_t s = 0; s < stores_.size(); ++s)
      if (item_of[s] != HRT_NONE) stores_[s].place.at = items[item_of[s]].offset;
    for (size_t i = 0; i < refs_.size(); ++i) {
      for (const Ref r : refs_[i]) prepared_.items[i].buffers.push_back(place_of(r));
    }
    if (caps().max_buffer_bytes > 0 && prepared_.workspace_bytes > caps().max_buffer_bytes)
      throw sdk::Error(HRT_ERROR_MEMORY,
                       cat("a workspace of ", prepared_.workspace_bytes,
                           " bytes: buffers of this device hold ", caps().max_buffer_bytes));
  }

  const Executable& executable_;
  Driver& driver_;
  const hrt_shapes& shapes_;
  Prepared prepared_;
  std::vector<uint32_t> store_of_;  // by value
  std::vector<Store> stores_;
  std::vector<std::vector<Ref>> refs_;  // by item
  uint32_t step_ = 0;
  const Executable::CompiledNode* node_ = nullptr;
  std::vector<Operand> in_, out_;
};

}  // namespace

Prepared prepare(const Executable& executable, const hrt_shapes& shapes) {
  return Planner(executable, shapes).plan();
}

}  // namespace hrt::gpu
