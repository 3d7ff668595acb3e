// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml.TreeEnsemble: every row of features goes down every tree; the leaves that it reaches add up,
// by target. https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html
#include <algorithm>
#include <cmath>
#include <numbers>

#include "ml_forest.h"
#include "norm.h"

namespace hrt::ops {
namespace {

enum Aggregate { kAverage, kSum, kMin, kMax };

struct Ensemble : Forest {
  std::vector<double> weights;  // of the leaves
  Dims targets;
  int64_t target_count = 0;
};

int64_t targets_of(const Node& node) {
  const int64_t n = node.i("n_targets");
  require(n >= 1 && n <= INT32_MAX, "n_targets is ", n);
  return n;
}

// The sets of the nodes that test membership, one after the other, each ended by a NaN.
void read_members(const Node& node, Ensemble& f) {
  const auto t = node.tensor("membership_values");
  const auto values = t ? to_doubles(*t) : std::vector<double>{};
  size_t at = 0;
  for (Question& q : f.questions) {
    if (q.mode != kMember) continue;
    while (at < values.size() && !std::isnan(values[at])) q.members.push_back(values[at++]);
    require(at++ < values.size(), "membership_values has too few sets");
  }
}

Ensemble read(const Node& node, int64_t features) {
  Ensemble f;
  const auto modes = node.tensor("nodes_modes"), splits = node.tensor("nodes_splits"),
             leaves = node.tensor("leaf_weights");
  require(modes && splits && leaves && modes->dtype() == HRT_UINT8,
          "the attributes of the nodes are not complete");
  const auto at = to_doubles(*splits);
  const Dims feature = node.ints("nodes_featureids"), missing = node.ints("nodes_missing_value_tracks_true");
  const Dims yes = node.ints("nodes_truenodeids"), no = node.ints("nodes_falsenodeids");
  const Dims yes_leaf = node.ints("nodes_trueleafs"), no_leaf = node.ints("nodes_falseleafs");
  f.weights = to_doubles(*leaves);
  f.targets = node.ints("leaf_targetids");
  f.roots = node.ints("tree_roots");
  f.target_count = targets_of(node);
  const size_t n = feature.size();
  require(size_t(modes->size()) == n && at.size() == n && yes.size() == n && no.size() == n &&
              yes_leaf.size() == n && no_leaf.size() == n && (missing.empty() || missing.size() == n) &&
              f.weights.size() == f.targets.size(),
          "the attributes of nodes and leaves differ in length");
  auto branch = [&](int64_t to, int64_t leaf) {
    require(to >= 0 && size_t(to) < (leaf ? f.weights.size() : n), "a branch goes to ", to);
    return Branch{to, leaf != 0};
  };
  for (size_t i = 0; i < n; ++i) {
    const uint8_t mode = modes->data<uint8_t>()[i];
    require(mode <= kMember, "node ", i, " has the mode ", int(mode));
    require(feature[i] >= 0 && feature[i] < features, "node ", i, " asks for feature ", feature[i], " of ",
            features);
    f.questions.push_back({feature[i],
                           Mode(mode),
                           at[i],
                           {},
                           !missing.empty() && missing[i] != 0,
                           branch(yes[i], yes_leaf[i]),
                           branch(no[i], no_leaf[i])});
  }
  for (int64_t r : f.roots) require(r >= 0 && size_t(r) < n, "a tree begins at node ", r);
  for (int64_t t : f.targets) require(t >= 0 && t < f.target_count, "a leaf has the target ", t);
  read_members(node, f);
  return f;
}

// The quantile function of the normal distribution by bisection of its distribution function.
double probit(double p) {
  double low = -40, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double mid = (low + high) / 2;
    (std::erfc(-mid / std::numbers::sqrt2) / 2 < p ? low : high) = mid;
  }
  return low;
}

void transform(std::vector<double>& v, int64_t how) {
  require(how >= 0 && how <= 4, "post_transform is ", how);
  if (how == 1 || how == 3) {  // softmax; 3: zeros take no part and stay
    const auto takes_part = [&](double x) { return how == 1 || x != 0; };
    const double most = *std::ranges::max_element(v);
    double sum = 0;
    for (double& x : v)
      if (takes_part(x)) sum += x = std::exp(x - most);
    for (double& x : v)
      if (takes_part(x)) x /= sum;
  }
  if (how == 2)
    for (double& x : v) x = 1 / (1 + std::exp(-x));
  if (how == 4)
    for (double& x : v) x = probit(x);
}

void infer(const Infer& c) {
  const auto x = c.dims(0);
  require(!x || x->size() == 2, "x does not have rank 2");
  c.output(0, TensorType(c.dtype(0), {x ? (*x)[0] : HRT_DIM_UNKNOWN, targets_of(c.node())}));
}

void compute(const Kernel& c) {
  const Tensor x = c.input(0);
  require(x.rank() == 2, "x does not have rank 2");
  const int64_t features = x.dim(1), how = c.node().i("post_transform"),
                kind = c.node().i("aggregate_function", kSum);
  require(kind >= kAverage && kind <= kMax, "aggregate_function is ", kind);
  const Ensemble f = read(c.node(), features);
  const Tensor y = c.output(0, x.dtype(), Dims{x.dim(0), f.target_count});
  const double start = kind == kMin ? INFINITY : kind == kMax ? -INFINITY : 0;
  dispatch(TypeList<float, double, float16>{}, x.dtype(), [&]<class T>() {
    std::vector<double> sums;
    for (int64_t n = 0; n < x.dim(0); ++n) {
      c.check_cancelled();
      sums.assign(size_t(f.target_count), start);
      for (int64_t root : f.roots) {
        const auto leaf =
            size_t(f.leaf(root, [&](int64_t i) { return double(x.data<T>()[n * features + i]); }));
        double& sum = sums[size_t(f.targets[leaf])];
        const double w = f.weights[leaf];
        sum = kind == kMin ? std::min(sum, w) : kind == kMax ? std::max(sum, w) : sum + w;
      }
      if (kind == kAverage)
        for (double& s : sums) s /= double(f.roots.size());
      transform(sums, how);
      for (int64_t t = 0; t < f.target_count; ++t)
        y.data<T>()[n * f.target_count + t] = T(acc_t<T>(sums[size_t(t)]));
    }
  });
}

constexpr uint64_t kTypes = bits(HRT_FLOAT32, HRT_FLOAT64, HRT_FLOAT16);

const Register tree_ensemble(Op{
    .domain = "ai.onnx.ml",
    .name = "TreeEnsemble",
    .since = 5,
    .doc = "sum over the leaves that decision trees lead to",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "T"}},
    .attrs = {{"aggregate_function", HRT_ATTR_INT, "1"},
              {"leaf_targetids", HRT_ATTR_INTS, "", true},
              {"leaf_weights", HRT_ATTR_TENSOR, "", true},
              {"membership_values", HRT_ATTR_TENSOR},
              {"n_targets", HRT_ATTR_INT},
              {"nodes_falseleafs", HRT_ATTR_INTS, "", true},
              {"nodes_falsenodeids", HRT_ATTR_INTS, "", true},
              {"nodes_featureids", HRT_ATTR_INTS, "", true},
              {"nodes_hitrates", HRT_ATTR_TENSOR},
              {"nodes_missing_value_tracks_true", HRT_ATTR_INTS},
              {"nodes_modes", HRT_ATTR_TENSOR, "", true},
              {"nodes_splits", HRT_ATTR_TENSOR, "", true},
              {"nodes_trueleafs", HRT_ATTR_INTS, "", true},
              {"nodes_truenodeids", HRT_ATTR_INTS, "", true},
              {"post_transform", HRT_ATTR_INT, "0"},
              {"tree_roots", HRT_ATTR_INTS, "", true}},
    .types = {{"T", kTypes}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
