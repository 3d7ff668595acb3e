// SPDX-License-Identifier: Apache-2.0
// Bringing operators of older opsets up to kOpset.
//
// An operator is adapted only where a newer version says something else by the same node: an attribute
// became an input, a default or a meaning changed. Versions that only allow more types, inputs or
// attributes need nothing. adapt.cpp holds the table; each family has a small file in adapt/.
#pragma once

#include <functional>

#include "node.hpp"

namespace hrt::importer {

// What is known of a value while the graph is being built.
struct Fact {
  hrt_dtype dtype = HRT_UNDEFINED;
  std::optional<int64_t> rank;
  std::optional<sdk::Tensor> constant;
};

struct ModelFacts {
  std::function<Fact(const std::string& value)> fact;
  bool only_float32 = false;  // no value of the model is of another floating-point type
};

// One node being rewritten, and the nodes that are put around it. What is put around is in kOpset.
class Rewrite {
 public:
  Rewrite(Node n, const ModelFacts& facts) : node(std::move(n)), facts_(facts) {}

  Node node;

  Fact fact(const std::string& value) const;
  // Puts a node in front; returns its output.
  std::string emit(const char* op, std::vector<std::string> inputs, std::vector<Attribute> attributes = {});
  // Puts a node in front as it is, with one new output unless it has outputs; returns the first.
  std::string put(Node n);
  std::string fresh(std::string_view hint);  // a name that no other value has
  // Sends an output of the node through another one, as its first input.
  void send_through(size_t output, const char* op, std::vector<std::string> more_inputs = {},
                    std::vector<Attribute> attributes = {});
  std::string ints(const std::vector<int64_t>& values);  // constant, int64, 1-D
  std::string scalar(int64_t value);                     // constant, int64, 0-D
  std::string floats(const std::vector<float>& values);  // constant, float32, 1-D
  // A constant scalar of the floating-point type that another value has.
  std::string scalar_like(float value, const std::string& like);

  std::vector<Node> finish() &&;  // everything, in order

 private:
  Node around(const char* op, std::vector<std::string> inputs, std::vector<Attribute> attributes);
  std::string constant(Attribute value);

  const ModelFacts& facts_;
  std::vector<Node> before_;
  std::vector<Node> after_;
  int made_ = 0;
};

// Brings a node up; the result is in order, and its outputs have the names of the node's.
std::vector<Node> adapt(Node node, const ModelFacts& facts);

// Puts value's dimensions against those of like, starting at axis, by appending dimensions of 1.
std::string align(Rewrite& r, const std::string& like, const std::string& value, int64_t axis);

// The families. Each brings r.node from a version of its range in the table to the end of that range.
void axes_to_input(Rewrite& r);
void batch_norm_is_test(Rewrite& r);
void batch_norm_outputs(Rewrite& r);
void batch_norm_spatial(Rewrite& r);
void broadcast(Rewrite& r);
void cast_type_name(Rewrite& r);
void clip(Rewrite& r);
void concat_axis(Rewrite& r);
void consumed_inputs(Rewrite& r);
void dft_axis(Rewrite& r);
void dropout_mask(Rewrite& r);
void dropout_mode(Rewrite& r);
void flat_softmax(Rewrite& r);
void grid_sample_modes(Rewrite& r);
void group_norm_per_channel(Rewrite& r);
void label_encoder(Rewrite& r);
void norm_order(Rewrite& r);
void one_hot_negative(Rewrite& r);
void output_sequence(Rewrite& r);
void pad_amounts(Rewrite& r);
void pad_inputs(Rewrite& r);
void prelu(Rewrite& r);
void reshape(Rewrite& r);
void resize_10(Rewrite& r);
void resize_optional_inputs(Rewrite& r);
void roi_align_offset(Rewrite& r);
void scan_batch(Rewrite& r);
void scatter(Rewrite& r);
void selu_constants(Rewrite& r);
void slice(Rewrite& r);
void split_1(Rewrite& r);
void split_count(Rewrite& r);
void split_sizes(Rewrite& r);
void squeeze(Rewrite& r);
void tile(Rewrite& r);
void top_k(Rewrite& r);
void unsqueeze(Rewrite& r);
void upsample_1(Rewrite& r);
void upsample_7(Rewrite& r);
void upsample_9(Rewrite& r);

}  // namespace hrt::importer
