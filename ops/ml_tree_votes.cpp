// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml.TreeEnsembleClassifier and TreeEnsembleRegressor, which TreeEnsemble replaced: every row of
// features goes down every tree, and the leaf that it reaches has any number of votes.
// https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html and so on. Where the standard
// leaves the class and the scores of two open, they are those of ONNX Runtime; transformed ones those of the
// reference evaluator, which ONNX Runtime does not transform.
#include <algorithm>
#include <map>
#include <set>

#include "ml.h"
#include "ml_forest.h"
#include "norm.h"

namespace hrt::ops {
namespace {

struct Vote {
  int64_t target;
  double weight;
};

struct Votes : Forest {
  std::vector<std::vector<Vote>> of_node;
  std::vector<double> base;  // empty, or one for each target
  bool all_positive = true;
  std::set<int64_t> targets;  // that anyone votes for
};

// An attribute as floats, or as a tensor of doubles under another name.
std::vector<double> numbers(const Node& node, const std::string& name) {
  if (const auto t = node.tensor((name + "_as_tensor").c_str())) return to_doubles(*t);
  const auto v = node.floats(name.c_str());
  return {v.begin(), v.end()};
}

constexpr std::string_view kModes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                       "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};

using NodeIds = std::map<std::pair<int64_t, int64_t>, size_t>;  // tree and node: position in the lists

size_t find(const NodeIds& ids, int64_t tree, int64_t id) {
  const auto it = ids.find({tree, id});
  require(it != ids.end(), "tree ", tree, " has no node ", id);
  return it->second;
}

NodeIds read_questions(const Node& node, int64_t features, Forest& f) {
  const auto modes = node.strings("nodes_modes");
  const auto splits = numbers(node, "nodes_values");
  const Dims trees = node.ints("nodes_treeids"), ids = node.ints("nodes_nodeids");
  const Dims feature = node.ints("nodes_featureids"), missing = node.ints("nodes_missing_value_tracks_true");
  const Dims yes = node.ints("nodes_truenodeids"), no = node.ints("nodes_falsenodeids");
  const size_t n = ids.size();
  require(trees.size() == n && modes.size() == n && splits.size() == n && feature.size() == n &&
              yes.size() == n && no.size() == n && (missing.empty() || missing.size() == n),
          "the attributes of the nodes differ in length");
  NodeIds at;
  std::set<int64_t> begun;
  for (size_t i = 0; i < n; ++i) {
    require(at.emplace(std::pair(trees[i], ids[i]), i).second, "tree ", trees[i], " has two nodes ", ids[i]);
    if (begun.insert(trees[i]).second) f.roots.push_back(int64_t(i));
  }
  const auto branch = [&](size_t to) { return Branch{int64_t(to), modes[to] == "LEAF"}; };
  for (size_t i = 0; i < n; ++i) {
    Question q;
    if (modes[i] == "LEAF") {
      q.yes = q.no = branch(i);
    } else {
      const auto mode = std::ranges::find(kModes, modes[i]);
      require(mode != std::end(kModes), "node ", i, " has the mode ", modes[i]);
      require(feature[i] >= 0 && feature[i] < features, "node ", i, " asks for feature ", feature[i], " of ",
              features);
      q = {feature[i],
           Mode(mode - std::begin(kModes)),
           splits[i],
           {},
           !missing.empty() && missing[i] != 0,
           branch(find(at, trees[i], yes[i])),
           branch(find(at, trees[i], no[i]))};
    }
    f.questions.push_back(std::move(q));
  }
  return at;
}

// prefix: "class_" or "target_".
Votes read(const Node& node, const std::string& prefix, int64_t targets, int64_t features) {
  Votes f;
  const NodeIds at = read_questions(node, features, f);
  const auto attr = [&](const char* name) { return node.ints((prefix + name).c_str()); };
  const Dims trees = attr("treeids"), nodes = attr("nodeids"), ids = attr("ids");
  const auto weights = numbers(node, prefix + "weights");
  require(trees.size() == nodes.size() && ids.size() == nodes.size() && weights.size() == nodes.size(),
          "the attributes of the votes differ in length");
  f.of_node.resize(f.questions.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    require(ids[i] >= 0 && ids[i] < targets, "vote ", i, " is for ", ids[i], " of ", targets);
    f.of_node[find(at, trees[i], nodes[i])].push_back({ids[i], weights[i]});
    f.targets.insert(ids[i]);
    f.all_positive = f.all_positive && weights[i] >= 0;
  }
  f.base = numbers(node, "base_values");
  require(f.base.empty() || f.base.size() == 1 || int64_t(f.base.size()) == targets, "there are ",
          f.base.size(), " base_values for ", targets);
  return f;
}

// Calls vote for every vote of the leaves that row r ends in.
template <class F>
void each_vote(const Votes& f, const Reader& x, const Rows& shape, int64_t r, F&& vote) {
  for (const int64_t root : f.roots)
    for (const Vote& v : f.of_node[size_t(f.leaf(root, [&](int64_t i) { return x(r * shape.columns + i); }))])
      vote(v);
}

// ------------------------------------------------------------------------------------- regression

int64_t targets_of(const Node& node) {
  const int64_t n = node.i("n_targets", 1);
  require(n >= 1 && n <= INT32_MAX, "n_targets is ", n);
  return n;
}

void regressor(const Kernel& c) {
  const Rows shape(c.input(0));
  const int64_t n = targets_of(c.node());
  const Votes f = read(c.node(), "target_", n, shape.columns);
  const std::string kind = c.node().s("aggregate_function", "SUM");
  require(kind == "SUM" || kind == "AVERAGE" || kind == "MIN" || kind == "MAX", "aggregate_function is ",
          kind);
  const PostTransform transform = post_transform_of(c.node().s("post_transform", "NONE"));
  const Reader x(c.input(0));
  const Tensor y = c.output(0, HRT_FLOAT32, Dims{shape.rows, n});
  for (int64_t r = 0; r < shape.rows; ++r) {
    c.check_cancelled();
    std::vector<std::optional<double>> sums(static_cast<size_t>(n));
    each_vote(f, x, shape, r, [&](const Vote& v) {
      auto& sum = sums[size_t(v.target)];
      sum = !sum            ? v.weight
            : kind == "MIN" ? std::min(*sum, v.weight)
            : kind == "MAX" ? std::max(*sum, v.weight)
                            : *sum + v.weight;
    });
    std::vector<double> scores;
    for (size_t t = 0; t < sums.size(); ++t) {
      const double base = f.base.empty() ? 0 : f.base[std::min(t, f.base.size() - 1)];
      scores.push_back(sums[t].value_or(0) / (kind == "AVERAGE" ? double(f.roots.size()) : 1) + base);
    }
    apply(transform, std::span(scores));
    std::copy(scores.begin(), scores.end(), y.data<float>() + r * n);
  }
}

// --------------------------------------------------------------------------------- classification

// Two classes whose votes are all for one: its score decides, and the other's follows from it.
std::pair<double, double> both_scores(double score, bool all_positive, PostTransform transform) {
  const bool share =
      all_positive && (transform == PostTransform::kNone || transform == PostTransform::kProbit);
  return {share ? 1 - score : -score, score};
}

void classifier(const Kernel& c) {
  const Rows shape(c.input(0));
  const Classes classes(c.node(), "classlabels_int64s");
  const auto n = size_t(classes.count());
  const Votes f = read(c.node(), "class_", int64_t(n), shape.columns);
  const bool binary = n == 2 && f.targets.size() == 1;
  const PostTransform transform = post_transform_of(c.node().s("post_transform", "NONE"));
  const Reader x(c.input(0));
  const Tensor labels = c.output(0, classes.dtype(), Dims{shape.rows}),
               z = c.output(1, HRT_FLOAT32, Dims{shape.rows, int64_t(n)});
  for (int64_t r = 0; r < shape.rows; ++r) {
    c.check_cancelled();
    std::vector<double> scores(n, 0.0);
    for (size_t k = 0; k < n; ++k)
      if (!f.base.empty()) scores[k] = f.base[std::min(k, f.base.size() - 1)];
    each_vote(f, x, shape, r, [&](const Vote& v) { scores[binary ? 1 : size_t(v.target)] += v.weight; });
    size_t best = size_t(std::max_element(scores.begin(), scores.end()) - scores.begin());
    if (binary) {
      best = scores[1] > (f.all_positive ? 0.5 : 0);
      std::tie(scores[0], scores[1]) = both_scores(scores[1], f.all_positive, transform);
    }
    classes.write(labels, r, best);
    apply(transform, std::span(scores));
    std::copy(scores.begin(), scores.end(), z.data<float>() + r * int64_t(n));
  }
}

std::vector<AttrSpec> with_tree_attributes(std::vector<AttrSpec> attrs) {
  attrs.insert(attrs.end(), {{"base_values", HRT_ATTR_FLOATS},
                             {"base_values_as_tensor", HRT_ATTR_TENSOR},
                             {"nodes_falsenodeids", HRT_ATTR_INTS},
                             {"nodes_featureids", HRT_ATTR_INTS},
                             {"nodes_hitrates", HRT_ATTR_FLOATS},
                             {"nodes_hitrates_as_tensor", HRT_ATTR_TENSOR},
                             {"nodes_missing_value_tracks_true", HRT_ATTR_INTS},
                             {"nodes_modes", HRT_ATTR_STRINGS},
                             {"nodes_nodeids", HRT_ATTR_INTS},
                             {"nodes_treeids", HRT_ATTR_INTS},
                             {"nodes_truenodeids", HRT_ATTR_INTS},
                             {"nodes_values", HRT_ATTR_FLOATS},
                             {"nodes_values_as_tensor", HRT_ATTR_TENSOR},
                             {"post_transform", HRT_ATTR_STRING, "NONE"}});
  return attrs;
}

const Register regressor_op(Op{
    .domain = "ai.onnx.ml",
    .name = "TreeEnsembleRegressor",
    .since = 3,
    .doc = "sum over the votes of the leaves that decision trees lead to",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "float32"}},
    .attrs = with_tree_attributes({{"aggregate_function", HRT_ATTR_STRING, "SUM"},
                                   {"n_targets", HRT_ATTR_INT},
                                   {"target_ids", HRT_ATTR_INTS},
                                   {"target_nodeids", HRT_ATTR_INTS},
                                   {"target_treeids", HRT_ATTR_INTS},
                                   {"target_weights", HRT_ATTR_FLOATS},
                                   {"target_weights_as_tensor", HRT_ATTR_TENSOR}}),
    .types = {{"T", kMlNumbers}},
    .infer =
        [](const Infer& c) { c.output(0, TensorType(HRT_FLOAT32, Dims{rows_of(c), targets_of(c.node())})); },
    .compute = regressor,
});

const Register classifier_op(Op{
    .domain = "ai.onnx.ml",
    .name = "TreeEnsembleClassifier",
    .since = 3,
    .doc = "the class that the leaves of decision trees vote for, and all scores",
    .inputs = {{"X", "T1"}},
    .outputs = {{"Y", "T2"}, {"Z", "float32"}},
    .attrs = with_tree_attributes({{"class_ids", HRT_ATTR_INTS},
                                   {"class_nodeids", HRT_ATTR_INTS},
                                   {"class_treeids", HRT_ATTR_INTS},
                                   {"class_weights", HRT_ATTR_FLOATS},
                                   {"class_weights_as_tensor", HRT_ATTR_TENSOR},
                                   {"classlabels_int64s", HRT_ATTR_INTS},
                                   {"classlabels_strings", HRT_ATTR_STRINGS}}),
    .types = {{"T1", kMlNumbers}, {"T2", bits(HRT_STRING, HRT_INT64)}},
    .infer = [](const Infer& c) { infer_classifier(c, "classlabels_int64s"); },
    .compute = classifier,
});

}  // namespace
}  // namespace hrt::ops
