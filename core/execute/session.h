// SPDX-License-Identifier: Apache-2.0
// A session is a model compiled for devices; a request is one run of it in flight.
//
// Compiling: passes, partition, backend compilation, once. Planning: per set of input shapes, cached.
// Several requests may run at the same time, each with memory of its own.
//
// A device that fails, or is silent for too long, is taken out: the model is read and compiled again for the
// others, once, and the requests that it failed run again there. Their callers get their answers; the log and
// the trace say what happened. A model that was not loaded from a file is kept for that, weights included.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/execute/runtime.h"
#include "core/profile/trace.h"

namespace hrt {

enum class Fallback { kAllow, kWarn, kDeny };

// How several devices share a model.
enum class Sharing {
  kOrder,   // in order of preference: each node goes to the first that takes it
  kCost,    // split to where the whole costs least
  kRanked,  // the one that would run the whole model cheapest comes first, the others behind it
};

struct SessionOptions {
  // By name, in order of preference; empty: all that are no fallback, in the order in which they were found.
  // Nodes that a device does not take go to the next; after the last come the fallback devices of the
  // runtime, as fallback says.
  std::vector<std::string> devices;
  Sharing sharing = Sharing::kOrder;
  Policy policy = Policy::kLatency;  // what "cheap" means to kCost and kRanked
  Fallback fallback = Fallback::kAllow;
  unsigned threads = 0;             // 0: one per core
  bool optimise = true;             // run the passes
  std::vector<std::string> passes;  // by name, in this order; empty: all that are there
  bool all_values = false;          // every tensor is an output too, under its name; switches optimise off
  uint64_t memory_limit = 0;        // bytes of planned memory per request; 0: none
  unsigned plan_cache = 8;          // plans kept, by input shapes
};

struct Port {  // an input or output of the model
  std::string name;
  Type type;
};

// Where a node runs, and why.
struct Placement {
  std::string node;    // name, or a made-up one
  std::string op;      // "Conv", "hrt.FusedConv"
  std::string device;  // "cpu", "reference", "host" (control flow and values that are no tensors)
  int cluster = -1;    // the subgraph that it was compiled into
  std::string why;     // "first choice", "cpu: dtype int64", ...
  struct Refusal {
    std::string device;
    std::string reason;
  };
  std::vector<Refusal> refusals;
};

// What the whole model was estimated to cost with a device as first choice (Sharing::kRanked).
struct Ranking {
  std::string device;
  std::string cost;  // "812.0 us"
  size_t takes, refuses;
};

// The memory plan for one set of shapes.
struct MemoryReport {
  uint64_t arena_bytes = 0;     // shared by values and workspaces over their lifetimes
  uint64_t unshared_bytes = 0;  // what they would take one beside the other
  uint64_t output_bytes = 0;
  uint64_t constant_bytes = 0;  // weights that the core still holds after compilation
  struct Item {
    std::string name;
    uint64_t offset, bytes;
    uint32_t first_step, last_step;
  };
  std::vector<Item> items;
  std::map<std::string, uint64_t> device_bytes;  // of arenas in devices' own memory, by device
  struct Transfer {
    std::string name, from, to;  // a value; devices, or "host"
    uint64_t bytes;
    uint32_t step;
  };
  std::vector<Transfer> transfers;  // in the order in which they can be made
};

class Request;

class Session {
 public:
  // Takes the graph and optimises it in place.
  Session(Runtime& runtime, std::unique_ptr<Graph> graph, SessionOptions options);
  ~Session();
  Session(const Session&) = delete;

  const std::vector<Port>& inputs() const;
  const std::vector<Port>& outputs() const;
  const SessionOptions& options() const;
  // As compiled now: another, once a device was taken out.
  std::shared_ptr<const Graph> graph() const;  // constants that were packed are empty
  std::vector<Placement> placement() const;
  std::vector<Ranking> ranking() const;       // cheapest first; empty unless devices were ranked
  std::vector<std::string> rewrites() const;  // how passes changed the graph, a line a rewrite
  // Plans for these input types (all numeric), without running.
  MemoryReport memory(std::span<const Type> inputs);

  std::unique_ptr<Request> make_request();

 private:
  friend class Request;
  struct Compiled;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct RunOptions {
  std::optional<std::chrono::steady_clock::time_point> deadline;
  Trace* trace = nullptr;  // where to record, node by node
};

// [object], except cancel. Must not outlive its session.
class Request {
 public:
  ~Request();
  Request(const Request&) = delete;

  // Shared, not copied. Must match the port's type; HRT_ERROR_BAD_DATA names the input and both types.
  void set_input(size_t index, ValuePtr value);
  // Runs to the end. All inputs must be set. Throws HRT_ERROR_DEADLINE when cancelled or too late.
  void run(const RunOptions& options = {});
  // Valid until the next run of this request; its bytes are overwritten then.
  const ValuePtr& output(size_t index) const;
  // [any-thread] The run in flight ends soon, the next one is not affected.
  void cancel();

 private:
  friend class Session;
  explicit Request(Session& session);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hrt
