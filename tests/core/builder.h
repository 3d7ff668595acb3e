// SPDX-License-Identifier: Apache-2.0
// Small graphs for tests, and a runtime with the plugins of this build.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/execute/session.h"
#include "core/graph/transaction.h"

namespace hrt::test {

Runtime& runtime();  // with the plugins of the build that the test belongs to

ValuePtr floats(Dims dims, const std::vector<float>& data);
ValuePtr ints(Dims dims, const std::vector<int64_t>& data);
ValuePtr bools(Dims dims, const std::vector<char>& data);
std::vector<float> floats_of(const ValuePtr& value);
std::vector<int64_t> ints_of(const ValuePtr& value);

// Builds a graph node by node; finish() infers and verifies it. A body is built through the transaction that
// add_body returned.
class Builder {
 public:
  Builder() : graph_(std::make_unique<Graph>()), t_(std::make_unique<Transaction>(*graph_)) {}
  explicit Builder(Transaction& body) : body_(&body) {}

  Transaction& transaction() { return body_ ? *body_ : *t_; }
  ValueId input(const std::string& name, Type type) { return transaction().add_input(name, std::move(type)); }
  ValueId constant(const ValuePtr& value) {
    return transaction().add_constant("", std::make_shared<Tensor>(value->tensor));
  }
  NodeId node_id(const std::string& op, std::vector<ValueId> inputs, std::vector<Attribute> attributes = {},
                 size_t outputs = 1, const std::string& name = "");
  ValueId node(const std::string& op, std::vector<ValueId> inputs, std::vector<Attribute> attributes = {});
  void outputs(std::vector<ValueId> values) { transaction().set_outputs(std::move(values)); }
  std::unique_ptr<Graph> finish() { return finish_in(runtime()); }
  std::unique_ptr<Graph> finish_in(Runtime& runtime);

 private:
  std::unique_ptr<Graph> graph_;
  std::unique_ptr<Transaction> t_;
  Transaction* body_ = nullptr;
};

SessionOptions on_reference(unsigned threads = 1);

// Compiles and runs once; the results are copies.
std::vector<ValuePtr> run_once(std::unique_ptr<Graph> graph, const std::vector<ValuePtr>& inputs,
                               SessionOptions options = on_reference());

// The code of the error that f ends with (HRT_OK: none), and its message.
struct Failure {
  hrt_code code = HRT_OK;
  std::string message;
};
template <class F>
Failure failure_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return {e.code(), e.message()};
  }
  return {};
}

}  // namespace hrt::test
