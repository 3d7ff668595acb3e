// SPDX-License-Identifier: Apache-2.0
#include "tests/core/builder.h"

#include <algorithm>
#include <cstring>

#include "core/plugin/infer.h"

namespace hrt::test {

Runtime& runtime() {
  static Runtime instance(RuntimeOptions{default_plugin_directories(), {}});
  return instance;
}

namespace {
template <class T>
ValuePtr tensor(hrt_dtype dtype, Dims dims, const std::vector<T>& data) {
  Tensor t = Tensor::allocate(dtype, std::move(dims));
  if (t.bytes() != data.size() * sizeof(T)) throw std::logic_error("test data has the wrong size");
  if (!data.empty()) std::memcpy(t.data(), data.data(), t.bytes());
  return make_value(std::move(t));
}
}  // namespace

ValuePtr floats(Dims dims, const std::vector<float>& data) {
  return tensor(HRT_FLOAT32, std::move(dims), data);
}
ValuePtr ints(Dims dims, const std::vector<int64_t>& data) {
  return tensor(HRT_INT64, std::move(dims), data);
}
ValuePtr bools(Dims dims, const std::vector<char>& data) { return tensor(HRT_BOOL, std::move(dims), data); }
std::vector<float> floats_of(const ValuePtr& value) {
  const auto* p = value->tensor.data_as<float>();
  return {p, p + value->tensor.size()};
}
std::vector<int64_t> ints_of(const ValuePtr& value) {
  const auto* p = value->tensor.data_as<int64_t>();
  return {p, p + value->tensor.size()};
}

NodeId Builder::node_id(const std::string& op, std::vector<ValueId> inputs, std::vector<Attribute> attributes,
                        size_t outputs, const std::string& name) {
  return transaction().add_node("", op, name, std::move(inputs), std::vector<Transaction::Output>(outputs),
                                std::move(attributes));
}
ValueId Builder::node(const std::string& op, std::vector<ValueId> inputs, std::vector<Attribute> attributes) {
  const NodeId id = node_id(op, std::move(inputs), std::move(attributes));
  return transaction().graph().node(id).outputs[0];
}

std::unique_ptr<Graph> Builder::finish_in(Runtime& runtime) {
  t_->commit();
  t_.reset();
  t_.reset();                // a transaction must not outlive its graph
  runtime.registry().ops();  // there from here on
  annotate(*graph_);
  verify_structure(*graph_);
  return std::move(graph_);
}

SessionOptions on_reference(unsigned threads) {
  SessionOptions options;
  options.devices = {"reference"};
  options.threads = threads;
  options.optimise = false;
  return options;
}

std::vector<ValuePtr> run_once(std::unique_ptr<Graph> graph, const std::vector<ValuePtr>& inputs,
                               SessionOptions options) {
  Session session(runtime(), std::move(graph), std::move(options));
  const auto request = session.make_request();
  for (size_t i = 0; i < inputs.size(); ++i) request->set_input(i, inputs[i]);
  request->run();
  std::vector<ValuePtr> out;
  for (size_t i = 0; i < session.outputs().size(); ++i) out.push_back(own(request->output(i)));
  return out;
}

}  // namespace hrt::test
