// SPDX-License-Identifier: Apache-2.0
// ai.onnx.preview.training.Gradient: what it is refused for. What it computes: tests/integration/cases.
#include <gtest/gtest.h>

#include "host.h"

namespace hrt::test {
namespace {

// y = op(x), and its gradient by x.
struct Differentiated {
  explicit Differentiated(const char* op) : model(simple_model(21)) {
    auto& import = *model.add_opset_import();
    import.set_domain("ai.onnx.preview.training");
    import.set_version(1);
    auto& graph = *model.mutable_graph();
    add_node(graph, op, {"x"}, {"y"});
    node = &add_node(graph, "Gradient", {"x"}, {"dy_dx"});
    node->set_domain("ai.onnx.preview.training");
    strings("xs", {"x"});
    set(*node, "y", "y");
  }
  void strings(const char* name, const std::vector<std::string>& values) {
    auto& a = *node->add_attribute();
    a.set_name(name);
    a.set_type(onnx::AttributeProto::STRINGS);
    for (const auto& v : values) a.add_strings(v);
  }
  void expect_error(const char* text) const {
    const std::string error = import_error(model);
    EXPECT_NE(error.find(text), std::string::npos) << error;
  }
  onnx::ModelProto model;
  onnx::NodeProto* node;
};

TEST(Gradient, IsExpandedIntoOperators) {
  const auto graph = import_model(Differentiated("Tanh").model);
  EXPECT_FALSE(has_op(*graph, "Gradient"));
  EXPECT_TRUE(has_op(*graph, "Mul"));
}

TEST(Gradient, NamesTheOperatorThatItCannotDifferentiate) {
  Differentiated d("Hardmax");
  d.expect_error("node that makes 'y' (Hardmax, opset 21), of which no gradient is known");
}

TEST(Gradient, OfWhatDoesNotDependOnXIsZero) {
  Differentiated d("Shape");
  EXPECT_EQ(node_of(*import_model(d.model), "Sub").inputs.size(), 2u);
}

TEST(Gradient, NeedsTheNodesThatMakeY) {
  Differentiated d("Tanh");
  set(*d.node, "y", "nothing");
  d.node->mutable_attribute()->DeleteSubrange(1, 1);
  d.expect_error("no node before it makes 'nothing'");
}

TEST(Gradient, NeedsAValueForEachVariable) {
  Differentiated d("Tanh");
  d.strings("zs", {"z"});
  d.expect_error("it has 1 inputs and 1 outputs for 1 xs and 1 zs");
}

}  // namespace
}  // namespace hrt::test
