// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/executable.h"

#include <algorithm>
#include <limits>

namespace hrt::gpu {

using sdk::cat;

namespace {

// Constants up to this size come with the shapes, and are uploaded only where a kernel reads them.
constexpr uint64_t kSmallBytes = 4096;

class NodeUploads : public Uploads {
 public:
  NodeUploads(Driver& driver, std::vector<std::unique_ptr<Buffer>>& buffers, std::vector<Span>& spans)
      : driver_(driver), buffers_(buffers), spans_(spans) {}
  const Caps& caps() const override { return driver_.caps(); }
  size_t weight(const void* data, uint64_t bytes) override {
    buffers_.push_back(driver_.allocate(bytes));
    spans_.push_back({buffers_.back().get(), 0, bytes});
    driver_.write(spans_.back(), data);
    return spans_.size() - 1;
  }

 private:
  Driver& driver_;
  std::vector<std::unique_ptr<Buffer>>& buffers_;
  std::vector<Span>& spans_;
};

}  // namespace

Executable::Executable(Device& device, const Graph& graph) : device_(device) {
  const auto in = graph.inputs(), out = graph.outputs();
  inputs_.assign(in.begin(), in.end());
  outputs_.assign(out.begin(), out.end());
  for (const uint32_t id : graph.nodes()) compile_node(graph, id);
  upload_constants(graph);
  nodes_ = join_chains(graph, std::move(nodes_));
}

void Executable::compile_node(const Graph& graph, uint32_t id) {
  const Node node = graph.node(id);
  CompiledNode n;
  n.id = id;
  n.name = cat(node.op(), " \"", node.name(), "\"");
  n.in.assign(node.inputs().begin(), node.inputs().end());
  n.out.assign(node.outputs().begin(), node.outputs().end());
  for (const uint32_t v : n.in)
    if (v != HRT_NONE && graph.value(v).is_constant()) graph_constants_.insert(v);
  const Op* op = find_op(node);
  if (!op) unsupported(n.name, ": this backend has no such operator");
  NodeUploads uploads(*device_.driver, weights_, n.weights);
  try {
    n.compiled = op->compile(node, uploads);
  } catch (const sdk::Error& e) {
    throw sdk::Error(e.code(), cat(n.name, ": ", e.what()));
  }
  nodes_.push_back(std::move(n));
}

// Large constants in their plain form, of nodes that did not take them in another.
void Executable::upload_constants(const Graph& graph) {
  for (const CompiledNode& n : nodes_) {
    for (size_t i = 0; i < n.in.size(); ++i) {
      if (n.in[i] == HRT_NONE || (i < 32 && (n.compiled.packed >> i & 1))) continue;
      const auto c = graph.value(n.in[i]).constant();
      if (c && c->bytes() > kSmallBytes) constant(n.in[i], c->raw(), c->bytes());
    }
  }
  for (const uint32_t id : outputs_)
    if (const auto c = graph.value(id).constant(); c && c->bytes() > 0) constant(id, c->raw(), c->bytes());
}

Span Executable::uploaded(uint32_t value) const {
  const std::lock_guard lock(mutex_);
  const auto it = constants_.find(value);
  return it == constants_.end() ? Span{} : Span{it->second.get(), 0, it->second->bytes()};
}

Span Executable::constant(uint32_t value, const void* data, uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  auto& buffer = constants_[value];
  if (!buffer) {
    auto made = device_.driver->allocate(bytes);
    device_.driver->write({made.get(), 0, bytes}, data);
    buffer = std::move(made);
  }
  return {buffer.get(), 0, bytes};
}

namespace {

bool same_type(const Value& a, const Value& b) {
  return a.ranked() && b.ranked() && a.dtype() == b.dtype() && std::ranges::equal(a.dims(), b.dims()) &&
         std::ranges::find(a.dims(), HRT_DIM_UNKNOWN) == a.dims().end();
}

size_t operand_count(std::span<const ChainOp> ops) {
  return size_t(std::ranges::count_if(ops, [](const ChainOp& op) { return op.operand >= 0; }));
}

// The chain of a node that computes the operations of two nodes, one after the other. Inputs of the result:
// what the first chain starts from, then the side operands.
Executable::CompiledNode joined(const Executable::CompiledNode& first, const Executable::CompiledNode& then) {
  Executable::CompiledNode n;
  n.id = then.id;
  n.name = then.name;
  n.out = then.out;
  n.in.push_back(first.in[size_t(first.compiled.chain.front().chained)]);
  std::vector<ChainOp> ops;
  for (const Executable::CompiledNode* part : {&first, &then}) {
    for (ChainOp op : part->compiled.chain) {
      if (op.operand >= 0) {
        n.in.push_back(part->in[size_t(op.operand)]);
        op.operand = int(n.in.size() - 1);
      }
      op.chained = 0;
      ops.push_back(op);
    }
  }
  n.compiled.chain = ops;
  n.compiled.emit = [ops](Emit& e) { emit_chain(e, ops); };
  n.compiled.inplace = 1;
  return n;
}

}  // namespace

std::vector<Executable::CompiledNode> join_chains(const Graph& graph,
                                                  std::vector<Executable::CompiledNode> nodes) {
  std::vector<Executable::CompiledNode> out;
  std::unordered_map<uint32_t, size_t> made_by;  // value: index into out
  std::vector<char> gone;
  for (Executable::CompiledNode& node : nodes) {
    const auto& chain = node.compiled.chain;
    if (!chain.empty()) {
      const uint32_t link = node.in[size_t(chain.front().chained)];
      const auto it = made_by.find(link);
      const Value value = graph.value(link);
      if (it != made_by.end() && !out[it->second].compiled.chain.empty() && value.consumers().size() == 1 &&
          !value.is_output() && same_type(value, graph.value(node.out[0]))) {
        const auto& before = out[it->second].compiled.chain;
        // The first operation may broadcast its start: what is in the middle of a chain may not.
        if (before.size() + chain.size() <= kChainOps &&
            operand_count(before) + operand_count(chain) <= kChainOperands) {
          gone[it->second] = 1;
          node = joined(out[it->second], node);
        }
      }
    }
    for (const uint32_t v : node.out)
      if (v != HRT_NONE) made_by[v] = out.size();
    out.push_back(std::move(node));
    gone.push_back(0);
  }
  std::vector<Executable::CompiledNode> left;
  for (size_t i = 0; i < out.size(); ++i)
    if (!gone[i]) left.push_back(std::move(out[i]));
  return left;
}

// ------------------------------------------------------------------------------------------ one run

namespace {

bool overlap(const Span& a, const Span& b) {
  return a.buffer == b.buffer && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
}

// Which dispatches must wait for earlier ones: those that touch what was written, or write what was touched,
// since the last that waited.
void set_waits(std::vector<Dispatch>& dispatches, std::span<const Prepared::Item> items) {
  std::vector<Span> read, written;
  for (size_t i = 0; i < dispatches.size(); ++i) {
    Dispatch& d = dispatches[i];
    const auto writes = [&](size_t k) { return (items[i].writes >> k & 1) != 0; };
    const auto meets = [&](const std::vector<Span>& list, const Span& s) {
      return std::ranges::any_of(list, [&](const Span& other) { return overlap(other, s); });
    };
    d.waits = false;
    for (size_t k = 0; k < d.buffers.size() && !d.waits; ++k)
      d.waits = meets(written, d.buffers[k]) || (writes(k) && meets(read, d.buffers[k]));
    if (d.waits) {
      read.clear();
      written.clear();
    }
    for (size_t k = 0; k < d.buffers.size(); ++k) (writes(k) ? written : read).push_back(d.buffers[k]);
  }
}

}  // namespace

Context::Context(const Prepared& prepared) : prepared_(prepared) {
  if (prepared.workspace_bytes > 0) workspace_ = prepared.device->driver->allocate(prepared.workspace_bytes);
  if (prepared.faults.empty()) return;
  faults_ = prepared.device->driver->allocate(prepared.faults.size() * prepared.fault_bytes);
  clear_faults();
}

constexpr int32_t kNoFault = std::numeric_limits<int32_t>::max();

void Context::clear_faults() {
  const std::vector<int32_t> none(faults_->bytes() / sizeof(int32_t), kNoFault);
  prepared_.device->driver->write({faults_.get(), 0, none.size() * sizeof(int32_t)}, none.data());
}

void Context::check_faults() {
  if (!faults_) return;
  std::vector<int32_t> words(faults_->bytes() / sizeof(int32_t));
  prepared_.device->driver->read({faults_.get(), 0, words.size() * sizeof(int32_t)}, words.data());
  for (size_t i = 0; i < prepared_.faults.size(); ++i) {
    const int32_t place = words[i * prepared_.fault_bytes / sizeof(int32_t)];
    if (place == kNoFault) continue;
    clear_faults();
    fail(prepared_.faults[i].what, ": element ", place, " of ", prepared_.faults[i].of);
  }
}

void Context::bind(std::span<const Span> inputs, std::span<const Span> outputs) {
  const auto whole = [&](const Place& p) -> Span {
    switch (p.kind) {
      case Place::kInput: return inputs[p.at];
      case Place::kOutput: return outputs[p.at];
      case Place::kWorkspace: return {workspace_.get(), p.at, p.bytes};
      case Place::kFault: return {faults_.get(), p.at, p.bytes};
      case Place::kFixed: break;
    }
    return p.fixed;
  };
  const auto span = [&](const Place& p) -> Span {
    const Span s = whole(p);
    return p.part ? Span{s.buffer, s.offset + p.from, p.bytes} : s;
  };
  dispatches_.clear();
  for (const Prepared::Item& item : prepared_.items) {
    Dispatch& d = dispatches_.emplace_back();
    d.pipeline = item.pipeline;
    for (const Place& p : item.buffers) d.buffers.push_back(span(p));
    d.push = item.push;
    d.groups = item.groups;
    d.node = item.node;
  }
  set_waits(dispatches_, prepared_.items);
  plain_ = prepared_.device->driver->record(dispatches_, false);
}

void Context::submit(std::span<const Point> wait, const Point& signal, bool profile) {
  Driver& driver = *prepared_.device->driver;
  if (profile && !profiled_) profiled_ = driver.record(dispatches_, true);
  times_kept_ = profile;
  driver.submit(profile ? *profiled_ : *plain_, wait, signal);
}

std::vector<Time> Context::times() {
  return times_kept_ ? prepared_.device->driver->times(*profiled_) : std::vector<Time>{};
}

}  // namespace hrt::gpu
