// SPDX-License-Identifier: Apache-2.0
// Calls of operators' reference kernels: the host's side of hrt.host.kernel/1.
#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "core/graph/graph.h"
#include "core/tensor/value.h"

#include <hrt/plugin.h>

namespace hrt {

// Runs nested bodies for a kernel; core/execute does it.
class BodyRunner {
 public:
  virtual ~BodyRunner() = default;
  // Runs a body of the node once. captured values are the runner's business.
  virtual std::vector<ValuePtr> run_body(std::string_view attribute, std::span<const ValuePtr> inputs) = 0;
};

// Something that may ask a run to end early. [any-thread]
class CancelToken {
 public:
  virtual ~CancelToken() = default;
  virtual bool cancelled() const noexcept = 0;
};

}  // namespace hrt

// One call of a kernel; reusable, so that calls in the steady state allocate nothing of their own.
struct hrt_kernel {
  const hrt::Graph* graph = nullptr;
  hrt::NodeId node = HRT_NONE;
  std::vector<const hrt_value*> inputs;  // NULL: absent
  struct Output {
    bool wanted = true;
    hrt::ValuePtr planned;  // memory with the shape that inference gave; empty: the kernel decides
    hrt::ValuePtr result;
  };
  std::vector<Output> outputs;
  std::vector<hrt::ValuePtr> temporaries;
  hrt::BodyRunner* bodies = nullptr;
  const hrt::CancelToken* cancel = nullptr;
};

namespace hrt {

// Calls the node's kernel; every wanted output has its result afterwards. Throws what the kernel
// answered, with the node in front; HRT_ERROR_UNSUPPORTED when there is no kernel.
void run_kernel(hrt_kernel& call);

// Evaluates a node whose inputs are given (NULL: absent): one result per output, NULL where not wanted.
std::vector<ValuePtr> evaluate(const Graph& graph, NodeId node, std::vector<const hrt_value*> inputs);

}  // namespace hrt
