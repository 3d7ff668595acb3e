// SPDX-License-Identifier: Apache-2.0
#include "core/plan/plan.h"

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "core/base/checked.h"
#include "core/plan/arena.h"
#include "core/plugin/registry.h"

namespace hrt {
namespace {

constexpr uint64_t kAlign = 64;

class Planner {
 public:
  Planner(const Graph& graph, const Partition& partition, uint32_t stage, Facts& facts,
          const PlanDevices& devices)
      : graph_(graph), partition_(partition), stage_(stage), facts_(facts), devices_(devices) {}

  StagePlan make(const Workspace& workspace) {
    infer_stage();
    keep_steps();
    for (uint32_t i = 0; i < runs_; ++i) find_ends(i);
    add_copies();
    connect();
    for (uint32_t i = 0; i < runs_; ++i) place_step(i);
    place_known();
    place_slots();
    lay_out(workspace);
    order_shared_memory();
    return std::move(plan_);
  }

 private:
  void infer_stage() {
    for (uint32_t s = 0; s < partition_.steps.size(); ++s) {
      if (partition_.steps[s].stage != stage_) continue;
      for (const NodeId id : partition_.steps[s].nodes) {
        infer_node(graph_, id, facts_);
        check_compiled_for(id);
      }
    }
  }

  // Devices were asked and compiled for what the graph says, the model's own declarations included: shapes
  // that turn out otherwise must not reach them.
  void check_compiled_for(NodeId id) const {
    for (const ValueId v : graph_.node(id).outputs)
      if (v != HRT_NONE)
        with_context([&] { return fmt::format("\"{}\"", graph_.value(v).name); },
                     [&] { merge(graph_.value(v).type, facts_.at(v).type); });
  }

  bool all_known(const Step& step) const {
    for (const NodeId id : step.nodes)
      for (const ValueId v : graph_.node(id).outputs)
        if (v != HRT_NONE && !facts_.at(v).constant) return false;
    return true;
  }

  void keep_steps() {
    for (uint32_t s = 0; s < partition_.steps.size(); ++s) {
      if (partition_.steps[s].stage != stage_ || all_known(partition_.steps[s])) continue;
      StepPlan& kept = plan_.steps.emplace_back();
      kept.step = s;
      if (space(partition_.steps[s].device).memory != HRT_MEMORY_HOST)
        kept.queue = partition_.steps[s].device;
    }
    runs_ = uint32_t(plan_.steps.size());
    for (uint32_t i = 0; i < runs_; ++i)
      for (const NodeId id : step(i).nodes)
        for (const ValueId v : graph_.node(id).outputs)
          if (v != HRT_NONE) made_by_[v] = i;
  }

  const Step& step(uint32_t i) const { return partition_.steps[plan_.steps[i].step]; }

  Space space(int device) const {
    return device >= 0 && size_t(device) < devices_.spaces.size() ? devices_.spaces[size_t(device)] : Space{};
  }
  bool own_memory(int device) const { return space(device).memory == HRT_MEMORY_DEVICE; }

  // ---------------------------------------------------------------- who reads and writes which copy

  // A value's copy: kHost, or a device's.
  using Copy = std::pair<ValueId, int>;

  bool made_here(ValueId v) const { return made_by_.contains(v) && !facts_.at(v).constant; }

  Copy copy_read(ValueId v, int device) const {
    if (own_memory(device)) return {v, device};
    const bool imported = made_here(v) || space(device).memory == HRT_MEMORY_HOST;
    return {v, imported ? kHost : device};
  }
  Copy copy_written(ValueId v, int device) const { return {v, own_memory(device) ? device : kHost}; }

  void reads(uint32_t i, Copy copy) {
    reads_.resize(std::max(reads_.size(), size_t(i) + 1));
    reads_[i].insert(copy);
    readers_[copy].insert(i);
  }

  void find_ends(uint32_t i) {
    const Step& s = step(i);
    for (const NodeId id : s.nodes) {
      for_each_read(graph_, id, [&](ValueId v) {
        if (const auto it = made_by_.find(v); it != made_by_.end() && it->second == i) return;
        if (plan_.steps[i].queue < 0 && !facts_.at(v).constant) reads(i, {v, kHost});
      });
      for (const ValueId v : graph_.node(id).outputs)
        if (v != HRT_NONE) maker_[copy_written(v, s.device)] = i;
    }
    if (plan_.steps[i].queue < 0) return;
    for (const ValueId v : devices_.inputs(plan_.steps[i].step)) reads(i, copy_read(v, s.device));
  }

  uint32_t add_copy_step(StepKind kind, int device, Copy from, Copy to) {
    const auto i = uint32_t(plan_.steps.size());
    StepPlan& s = plan_.steps.emplace_back();
    s.kind = kind;
    if (own_memory(device)) s.queue = device;
    reads(i, from);
    maker_[to] = i;
    copied_[i] = kind == StepKind::kUpload ? to : from;
    return i;
  }

  // What a device reads from elsewhere goes up into its copy; what others need of a device's own comes down.
  void add_copies() {
    const auto found = readers_;
    for (const auto& [copy, who] : found) {
      const auto [v, device] = copy;
      if (device == kHost || maker_.contains(copy) || facts_.at(v).constant) continue;
      add_copy_step(StepKind::kUpload, device, {v, kHost}, copy);
    }
    for (const auto& [v, maker] : made_by_) {
      const int device = plan_.steps[maker].queue;
      if (!own_memory(device) || facts_.at(v).constant) continue;
      if (readers_.contains({v, kHost}) || leaves(v))
        add_copy_step(StepKind::kDownload, device, {v, device}, {v, kHost});
    }
    reads_.resize(plan_.steps.size());
  }

  void add_edge(uint32_t from, uint32_t to) {
    if (from == to || !edges_.insert({from, to}).second) return;
    plan_.steps[from].successors.push_back(to);
    ++plan_.steps[to].wait_for;
  }

  void connect() {
    for (uint32_t i = 0; i < plan_.steps.size(); ++i)
      for (const Copy& copy : reads_[i])
        if (const auto it = maker_.find(copy); it != maker_.end() && !facts_.at(copy.first).constant)
          add_edge(it->second, i);
    std::vector<uint32_t> missing, ready;
    for (uint32_t i = 0; i < plan_.steps.size(); ++i) {
      missing.push_back(plan_.steps[i].wait_for);
      if (missing[i] == 0) ready.push_back(i);
    }
    for (size_t k = 0; k < ready.size(); ++k) {
      for (const uint32_t s : plan_.steps[ready[k]].successors) {
        plan_.steps[s].level = std::max(plan_.steps[s].level, plan_.steps[ready[k]].level + 1);
        if (--missing[s] == 0) ready.push_back(s);
      }
    }
    if (ready.size() != plan_.steps.size()) fail(HRT_ERROR_INTERNAL, "the steps of a stage form a cycle");
    for (uint32_t i = 0; i < plan_.steps.size(); ++i) plan_.order.push_back(i);
    std::ranges::stable_sort(plan_.order, {}, [&](uint32_t i) { return plan_.steps[i].level; });
  }

  // Read outside of this stage's steps?
  bool leaves(ValueId v) const {
    const ValueDef& def = graph_.value(v);
    if (def.output_uses > 0) return true;
    return std::ranges::any_of(def.consumers, [&](NodeId n) { return stage_of(n) != stage_; });
  }

  uint32_t stage_of(NodeId n) const {
    if (stage_by_node_.empty()) {
      stage_by_node_.assign(graph_.node_limit(), 0);
      for (const Step& s : partition_.steps)
        for (const NodeId id : s.nodes) stage_by_node_[id] = s.stage;
    }
    return stage_by_node_[n];
  }

  void add_value(ValuePlan value) {
    plan_.value_index[value.value] = uint32_t(plan_.values.size());
    plan_.values.push_back(std::move(value));
  }

  // Where the values that cross between steps lie.
  void place_value(ValueId v) {
    if (plan_.value_index.contains(v)) return;
    const Fact& fact = facts_.at(v);
    ValuePlan p{v, Home::kOutside, 0, 0, fact.type, nullptr};
    if (fact.constant) {
      p.home = Home::kConstant;
      p.constant = fact.constant;
    } else if (const auto maker = made_by_.find(v); maker != made_by_.end()) {
      const bool fixed =
          fact.type.is_static() && fact.type.dtype() != HRT_UNDEFINED && fact.type.dtype() != HRT_STRING;
      if (!fixed && step(maker->second).device >= 0)
        fail(HRT_ERROR_INTERNAL, "the shape of \"{}\" is not known when its stage is planned",
             graph_.value(v).name);
      p.home = !maker_.contains({v, kHost}) ? Home::kDevice
               : !fixed                     ? Home::kDynamic
               : leaves(v)                  ? Home::kKept
                                            : Home::kArena;
      if (fixed) p.bytes = tensor_bytes(fact.type.dtype(), fact.type.dims());
      if (p.home != Home::kDevice) std::tie(p.first, p.last) = lifetime({v, kHost});
    }
    add_value(std::move(p));
  }

  // Of a copy that a step makes: the levels of its maker and of its last reader.
  std::pair<uint32_t, uint32_t> lifetime(Copy copy) const {
    const uint32_t first = plan_.steps[maker_.at(copy)].level;
    uint32_t last = first;
    if (const auto it = readers_.find(copy); it != readers_.end())
      for (const uint32_t r : it->second) last = std::max(last, plan_.steps[r].level);
    return {first, last};
  }

  uint32_t add_slot(SlotPlan slot) {
    const Fact& fact = facts_.at(slot.value);
    slot.bytes = tensor_bytes(fact.type.dtype(), fact.type.dims());
    plan_.slots.push_back(std::move(slot));
    return uint32_t(plan_.slots.size() - 1);
  }

  // The slot of a device's copy, which is made when it is first asked for.
  uint32_t slot_of(Copy copy) {
    const auto [it, fresh] = slots_.emplace(copy, HRT_NONE);
    if (!fresh) return it->second;
    SlotPlan slot{copy.first, copy.second, 0, 0, 0, 0, nullptr};
    if (const Fact& fact = facts_.at(copy.first); fact.constant) {
      slot.constant = fact.constant;
      slot.last = plan_.steps[plan_.order.back()].level;
    } else {
      std::tie(slot.first, slot.last) = lifetime(copy);
    }
    return it->second = add_slot(std::move(slot));
  }

  // Where steps on queues, and copies, read and write.
  void place_slots() {
    for (uint32_t i = 0; i < plan_.steps.size(); ++i) {
      StepPlan& s = plan_.steps[i];
      if (s.kind != StepKind::kRun) {
        s.slot = slot_of(copied_.at(i));
        continue;
      }
      if (s.queue < 0) continue;
      for (const ValueId v : devices_.inputs(s.step)) {
        const Copy copy = copy_read(v, s.queue);
        s.inputs.push_back(copy.second == kHost ? HRT_NONE : slot_of(copy));
      }
      for (const ValueId v : devices_.outputs(s.step)) {
        const Copy copy = copy_written(v, s.queue);
        if (facts_.at(v).constant)  // the device may write it, nobody reads it
          s.outputs.push_back(add_slot({v, s.queue, 0, 0, s.level, s.level, nullptr}));
        else
          s.outputs.push_back(copy.second == kHost ? HRT_NONE : slot_of(copy));
      }
    }
  }

  // What a step reads from and writes to the world outside of it.
  void place_step(uint32_t i) {
    const Step& s = step(i);
    const std::set<NodeId> inside(s.nodes.begin(), s.nodes.end());
    for (const NodeId id : s.nodes) {
      for_each_read(graph_, id, [&](ValueId v) {
        const NodeId producer = graph_.value(v).producer;
        if (producer == HRT_NONE || !inside.contains(producer)) place_value(v);
      });
      for (const ValueId v : graph_.node(id).outputs) {
        if (v == HRT_NONE) continue;
        const ValueDef& def = graph_.value(v);
        const bool crosses =
            def.output_uses > 0 || s.device < 0 ||
            std::ranges::any_of(def.consumers, [&](NodeId n) { return !inside.contains(n); });
        if (crosses) place_value(v);
      }
    }
  }

  // What the steps that were left out would have handed on: outputs of the graph, input of later stages.
  void place_known() {
    for (const Step& s : partition_.steps) {
      if (s.stage != stage_ || !all_known(s)) continue;
      for (const NodeId id : s.nodes)
        for (const ValueId v : graph_.node(id).outputs)
          if (v != HRT_NONE && leaves(v)) place_value(v);
    }
  }

  // A host step's output may take the place of an input that dies there, where its operator allows it, the
  // node reads it once, and nobody else may still be reading it at the same time.
  uint32_t in_place(ValueId v, const std::map<ValueId, uint32_t>& item_of) const {
    const uint32_t maker = made_by_.at(v);
    if (step(maker).device >= 0) return HRT_NONE;
    const Node& n = graph_.node(step(maker).nodes.front());
    const hrt_op& op = Registry::current().op(n.domain, n.op);
    for (size_t k = 0; k < op.inplace_count; ++k) {
      const auto [in, out] = op.inplace[k];
      if (out >= n.outputs.size() || n.outputs[out] != v || in >= n.inputs.size()) continue;
      const ValueId old = n.inputs[in];
      if (item_of.contains(old) && std::ranges::count(n.inputs, old) == 1 && last_reader(old, maker) &&
          same_places(facts_.at(v).type, facts_.at(old).type))
        return item_of.at(old);
    }
    return HRT_NONE;
  }

  // In place, an element is written where the same element was read.
  static bool same_places(const Type& a, const Type& b) {
    return dtype_bits(a.dtype()) == dtype_bits(b.dtype()) && std::ranges::equal(a.dims(), b.dims());
  }

  bool last_reader(ValueId v, uint32_t reader) const {
    return std::ranges::all_of(readers_.at({v, kHost}), [&](uint32_t r) {
      return r == reader || plan_.steps[r].level < plan_.steps[reader].level;
    });
  }

  // Everything that lies in some arena: values, slots, workspaces.
  void lay_out(const Workspace& workspace) {
    std::map<ValueId, uint32_t> item_of;
    for (const ValuePlan& p : plan_.values) {
      if (p.home == Home::kKept) plan_.kept_bytes = checked_add(plan_.kept_bytes, p.bytes);
      if (p.home != Home::kArena) continue;
      item_of[p.value] = uint32_t(items_.size());
      add_item({p.bytes, p.first, p.last, HRT_NONE, 0}, kHost, users_of({p.value, kHost}));
    }
    for (const auto& [v, item] : item_of) items_[item].share = in_place(v, item_of);
    const size_t slots = items_.size();
    for (uint32_t k = 0; k < plan_.slots.size(); ++k) {
      const SlotPlan& p = plan_.slots[k];
      add_item({p.bytes, p.first, p.last, HRT_NONE, 0}, own_memory(p.device) ? p.device : kHost,
               slot_users(k));
    }
    const size_t workspaces = items_.size();
    for (uint32_t i = 0; i < plan_.steps.size(); ++i) {
      StepPlan& s = plan_.steps[i];
      const bool asked = s.kind == StepKind::kRun && step(i).device >= 0;
      const uint64_t bytes = asked ? workspace(s.step, facts_) : 0;
      s.workspace_bytes = s.queue < 0 ? bytes : 0;  // a device with a queue has its own
      add_item({s.workspace_bytes, s.level, s.level, HRT_NONE, 0}, kHost, {i});
    }
    for (const Space& s : devices_.spaces)
      if (s.memory == HRT_MEMORY_SHARED) plan_.arena_alignment = std::max(plan_.arena_alignment, s.alignment);
    plan_.arena_bytes = lay_out_arena(kHost, plan_.arena_alignment);
    for (const SlotPlan& p : plan_.slots)
      if (own_memory(p.device) && !plan_.device_bytes.contains(p.device))
        plan_.device_bytes[p.device] = lay_out_arena(p.device, space(p.device).alignment);
    for (const auto& item : items_)
      plan_.unshared_bytes = checked_add(plan_.unshared_bytes, align_up(item.bytes, kAlign));
    for (ValuePlan& p : plan_.values)
      if (p.home == Home::kArena) p.offset = items_[item_of.at(p.value)].offset;
    for (uint32_t k = 0; k < plan_.slots.size(); ++k) plan_.slots[k].offset = items_[slots + k].offset;
    for (uint32_t i = 0; i < plan_.steps.size(); ++i)
      plan_.steps[i].workspace_offset = items_[workspaces + i].offset;
  }

  void add_item(const hrt_arena_item& item, int arena, std::vector<uint32_t> users) {
    items_.push_back(item);
    arena_of_.push_back(arena);
    users_.push_back(std::move(users));
  }

  // The step that writes a copy, then its readers.
  std::vector<uint32_t> users_of(Copy copy) const {
    std::vector<uint32_t> users{maker_.at(copy)};
    if (const auto it = readers_.find(copy); it != readers_.end())
      users.insert(users.end(), it->second.begin(), it->second.end());
    return users;
  }

  std::vector<uint32_t> slot_users(uint32_t k) const {
    const SlotPlan& slot = plan_.slots[k];
    const Copy copy{slot.value, slot.device};
    if (const auto it = slots_.find(copy); it != slots_.end() && it->second == k)
      return slot.constant ? std::vector<uint32_t>{} : users_of(copy);
    return {made_by_.at(slot.value)};  // written, never read
  }

  // Lays out the items of one arena, whose shares are among them, and returns its size.
  uint64_t lay_out_arena(int arena, uint64_t alignment) {
    std::vector<uint32_t> members, place(items_.size(), HRT_NONE);
    std::vector<hrt_arena_item> items;
    for (uint32_t i = 0; i < items_.size(); ++i) {
      if (arena_of_[i] != arena) continue;
      place[i] = uint32_t(items.size());
      members.push_back(i);
      items.push_back(items_[i]);
    }
    for (hrt_arena_item& item : items)
      if (item.share != HRT_NONE) item.share = place[item.share];
    const uint64_t bytes = plan_arena(items, alignment);
    for (size_t k = 0; k < members.size(); ++k) items_[members[k]].offset = items[k].offset;
    return align_up(bytes, alignment);
  }

  // Steps run as soon as what they read is there, not level by level: whoever takes over memory must also
  // wait for those who used it before. Only for the last who did: those waited for the ones before them.
  void order_shared_memory() {
    std::set<int> arenas(arena_of_.begin(), arena_of_.end());
    for (const int arena : arenas) order_arena(arena);
  }

  void order_arena(int arena) {
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < items_.size(); ++i)
      if (arena_of_[i] == arena && !users_[i].empty()) order.push_back(i);
    std::ranges::stable_sort(order, {}, [&](uint32_t i) { return items_[i].first; });
    struct Occupant {
      uint64_t end;
      uint32_t item;
    };
    std::map<uint64_t, Occupant> memory;  // by offset: who had these bytes last
    for (const uint32_t i : order) {
      const uint64_t begin = items_[i].offset, end = begin + items_[i].bytes;
      if (begin == end) continue;
      auto it = memory.upper_bound(begin);
      if (it != memory.begin()) --it;
      while (it != memory.end() && it->first < end) {
        const auto [from, old] = *it;
        if (old.end <= begin) {
          ++it;
          continue;
        }
        take_over(old.item, i);
        it = memory.erase(it);
        if (from < begin) memory[from] = {begin, old.item};
        if (old.end > end) memory[end] = {old.end, old.item};
      }
      memory[begin] = {end, i};
    }
  }

  void take_over(uint32_t old_item, uint32_t new_item) {
    const uint32_t after = users_[new_item].front();
    for (const uint32_t u : users_[old_item]) {
      if (u == after) continue;
      if (plan_.steps[u].level >= plan_.steps[after].level)
        fail(HRT_ERROR_INTERNAL, "two steps of level {} share memory", plan_.steps[u].level);
      add_edge(u, after);
    }
  }

  const Graph& graph_;
  const Partition& partition_;
  const uint32_t stage_;
  Facts& facts_;
  const PlanDevices& devices_;
  StagePlan plan_;
  uint32_t runs_ = 0;                           // so many steps are of the partition; copies are behind them
  std::map<ValueId, uint32_t> made_by_;         // the step of this stage that computes it
  std::map<Copy, uint32_t> maker_;              // the step that writes this copy
  std::map<Copy, std::set<uint32_t>> readers_;  // the steps that read it
  std::vector<std::set<Copy>> reads_;           // by step
  std::map<uint32_t, Copy> copied_;             // by step that copies: the device's copy
  std::map<Copy, uint32_t> slots_;
  std::set<std::pair<uint32_t, uint32_t>> edges_;
  std::vector<hrt_arena_item> items_;
  std::vector<int> arena_of_;                 // by item: kHost, or a device
  std::vector<std::vector<uint32_t>> users_;  // by item: the step that writes it, then its readers
  mutable std::vector<uint32_t> stage_by_node_;
};

}  // namespace

StagePlan plan_stage(const Graph& graph, const Partition& partition, uint32_t stage, Facts& facts,
                     const Workspace& workspace, const PlanDevices& devices) {
  return Planner(graph, partition, stage, facts, devices).make(workspace);
}

}  // namespace hrt
