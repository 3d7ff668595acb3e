// SPDX-License-Identifier: Apache-2.0
// Scan-8 had a batch axis: every batch entry was scanned by itself, over its own length. That is a scan
// over the batch, whose body is the scan over the sequence:
//
//     for each entry:  states, sequences ── Slice to its length ── Scan ── Pad to the longest ── stacked
//
// The body of the outer scan is made as messages, like one that came with the file.
#include "adapt.hpp"

namespace hrt::importer {

using namespace sdk;

namespace {

// Adds nodes of kOpset to a graph message; see kCanonicalDomain.
class Body {
 public:
  explicit Body(onnx::GraphProto& graph) : graph_(graph) {}

  std::string input(const std::string& name) {
    graph_.add_input()->set_name(name);
    return name;
  }
  void output(const std::string& name) { graph_.add_output()->set_name(name); }

  onnx::NodeProto& node(const char* op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs) {
    onnx::NodeProto& n = *graph_.add_node();
    n.set_domain(kCanonicalDomain);
    n.set_op_type(op);
    for (const auto& i : inputs) n.add_input(i);
    for (const auto& o : outputs) n.add_output(o);
    return n;
  }

  std::string add(const char* op, const std::vector<std::string>& inputs,
                  const std::vector<Attribute>& attributes = {}) {
    const std::string out = cat("scan/", op, graph_.node_size());
    onnx::NodeProto& n = node(op, inputs, {out});
    for (const Attribute& a : attributes) *n.add_attribute() = *a.proto;
    return out;
  }

  std::string ints(const std::vector<int64_t>& v) {
    return add("Constant", {}, {attribute("value_ints", v)});
  }

 private:
  onnx::GraphProto& graph_;
};

// The first size entries of value along axis 0.
std::string head(Body& b, const std::string& value, const std::string& size) {
  return b.add("Slice", {value, b.ints({0}), size, b.ints({0})});
}

// value, continued with zeros along axis 0 from size to whole entries.
std::string pad(Body& b, const std::string& value, const std::string& size, const std::string& whole) {
  const std::string missing = b.add("Sub", {whole, size});
  const std::string pads = b.add("Concat", {b.ints({0}), missing}, {attribute("axis", int64_t(0))});
  return b.add("Pad", {value, pads, "", b.ints({0})});
}

}  // namespace

void scan_batch(Rewrite& r) {
  const int64_t scans = r.node.take_int("num_scan_inputs").value_or(0);
  const auto directions = r.node.take_ints("directions");
  const auto inner_body = r.node.take("body");
  require(scans > 0 && scans < int64_t(r.node.inputs.size()), "num_scan_inputs is ", scans);
  const int64_t states = int64_t(r.node.inputs.size()) - 1 - scans;
  require(inner_body && int64_t(r.node.outputs.size()) >= states,
          "body, num_scan_inputs or inputs are missing");
  const bool lengths = r.node.has_input(0);
  if (!lengths) r.node.inputs.erase(r.node.inputs.begin());

  Attribute body = attribute("body", int64_t(0));
  body.proto->set_type(onnx::AttributeProto::GRAPH);
  Body b(*body.proto->mutable_g());
  std::string length, whole;
  if (lengths) length = b.add("Reshape", {b.input("scan/length"), b.ints({1})});
  std::vector<std::string> inputs, outputs;
  for (int64_t i = 0; i < states + scans; ++i) inputs.push_back(b.input(cat("scan/in", i)));
  if (lengths) {
    const auto shape_end = attribute("end", int64_t(1));
    whole = b.add("Shape", {inputs[size_t(states)]}, {shape_end});
    for (size_t i = size_t(states); i < inputs.size(); ++i) inputs[i] = head(b, inputs[i], length);
  }
  for (size_t i = 0; i < r.node.outputs.size(); ++i) outputs.push_back(cat("scan/out", i));
  onnx::NodeProto& inner = b.node("Scan", inputs, outputs);
  *inner.add_attribute() = *inner_body;
  *inner.add_attribute() = *attribute("num_scan_inputs", scans).proto;
  if (directions) *inner.add_attribute() = *attribute("scan_input_directions", *directions).proto;
  for (size_t i = 0; i < outputs.size(); ++i)
    b.output(lengths && int64_t(i) >= states ? pad(b, outputs[i], length, whole) : outputs[i]);

  r.node.set(attribute("num_scan_inputs", int64_t(r.node.inputs.size())));
  r.node.set(std::move(body));
}

}  // namespace hrt::importer
