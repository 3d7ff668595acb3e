// SPDX-License-Identifier: Apache-2.0
#include "core/plan/plan.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

#include "core/base/checked.h"
#include "core/plan/arena.h"
#include "core/plugin/registry.h"

namespace hrt {
namespace {

constexpr uint64_t kAlign = 64;

class Planner {
 public:
  Planner(const Graph& graph, const Partition& partition, uint32_t stage, Facts& facts)
      : graph_(graph), partition_(partition), stage_(stage), facts_(facts) {}

  StagePlan make(const Workspace& workspace) {
    infer_stage();
    keep_steps();
    connect();
    place(workspace);
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
    for (uint32_t s = 0; s < partition_.steps.size(); ++s)
      if (partition_.steps[s].stage == stage_ && !all_known(partition_.steps[s]))
        plan_.steps.emplace_back().step = s;
    for (uint32_t i = 0; i < plan_.steps.size(); ++i)
      for (const NodeId id : step(i).nodes)
        for (const ValueId v : graph_.node(id).outputs)
          if (v != HRT_NONE) made_by_[v] = i;
  }

  const Step& step(uint32_t i) const { return partition_.steps[plan_.steps[i].step]; }

  void add_edge(uint32_t from, uint32_t to) {
    if (from == to || !edges_.insert({from, to}).second) return;
    plan_.steps[from].successors.push_back(to);
    ++plan_.steps[to].wait_for;
  }

  void connect() {
    for (uint32_t i = 0; i < plan_.steps.size(); ++i) {
      for (const NodeId id : step(i).nodes)
        for_each_read(graph_, id, [&](ValueId v) {
          const auto it = made_by_.find(v);
          if (it != made_by_.end() && !facts_.at(v).constant) {
            add_edge(it->second, i);
            readers_[v].insert(i);
          }
        });
    }
    for (uint32_t i = 0; i < plan_.steps.size(); ++i)
      for (const uint32_t s : plan_.steps[i].successors)
        plan_.steps[s].level = std::max(plan_.steps[s].level, plan_.steps[i].level + 1);
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
      p.home = !fixed ? Home::kDynamic : leaves(v) ? Home::kKept : Home::kArena;
      if (fixed) p.bytes = tensor_bytes(fact.type.dtype(), fact.type.dims());
      p.first = p.last = plan_.steps[maker->second].level;
      for (const uint32_t r : readers_[v]) p.last = std::max(p.last, plan_.steps[r].level);
    }
    add_value(std::move(p));
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
    return std::ranges::all_of(readers_.at(v), [&](uint32_t r) {
      return r == reader || plan_.steps[r].level < plan_.steps[reader].level;
    });
  }

  void place(const Workspace& workspace) {
    for (uint32_t i = 0; i < plan_.steps.size(); ++i) place_step(i);
    place_known();
    std::map<ValueId, uint32_t> item_of;
    for (const ValuePlan& p : plan_.values) {
      if (p.home == Home::kKept) plan_.kept_bytes = checked_add(plan_.kept_bytes, p.bytes);
      if (p.home != Home::kArena) continue;
      item_of[p.value] = uint32_t(items_.size());
      items_.push_back({p.bytes, p.first, p.last, HRT_NONE, 0});
      users_.push_back({made_by_.at(p.value)});
      for (const uint32_t r : readers_[p.value]) users_.back().push_back(r);
    }
    for (const auto& [v, item] : item_of) items_[item].share = in_place(v, item_of);
    const size_t values = items_.size();
    for (uint32_t i = 0; i < plan_.steps.size(); ++i) {
      StepPlan& s = plan_.steps[i];
      s.workspace_bytes = step(i).device >= 0 ? workspace(s.step, facts_) : 0;
      items_.push_back({s.workspace_bytes, s.level, s.level, HRT_NONE, 0});
      users_.push_back({i});
    }
    plan_.arena_bytes = plan_arena(items_, kAlign);
    for (const auto& item : items_)
      plan_.unshared_bytes = checked_add(plan_.unshared_bytes, align_up(item.bytes, kAlign));
    for (ValuePlan& p : plan_.values)
      if (p.home == Home::kArena) p.offset = items_[item_of.at(p.value)].offset;
    for (uint32_t i = 0; i < plan_.steps.size(); ++i)
      plan_.steps[i].workspace_offset = items_[values + i].offset;
  }

  // Steps run as soon as what they read is there, not level by level: whoever takes over memory must also
  // wait for those who used it before. Only for the last who did: those waited for the ones before them.
  void order_shared_memory() {
    std::vector<uint32_t> order(items_.size());
    std::iota(order.begin(), order.end(), 0u);
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
  StagePlan plan_;
  std::map<ValueId, uint32_t> made_by_;            // the step of this stage that writes it
  std::map<ValueId, std::set<uint32_t>> readers_;  // the steps of this stage that read it
  std::set<std::pair<uint32_t, uint32_t>> edges_;
  std::vector<hrt_arena_item> items_;
  std::vector<std::vector<uint32_t>> users_;  // by item: the step that writes it, then its readers
  mutable std::vector<uint32_t> stage_by_node_;
};

}  // namespace

StagePlan plan_stage(const Graph& graph, const Partition& partition, uint32_t stage, Facts& facts,
                     const Workspace& workspace) {
  return Planner(graph, partition, stage, facts).make(workspace);
}

}  // namespace hrt
