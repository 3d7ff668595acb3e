// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml.SVMRegressor, SVMClassifier: sums of kernels between a row and support vectors; of more than
// one class, every pair is decided, and the class that wins most pairs is the answer.
// https://onnx.ai/onnx/operators/onnx_aionnxml_SVMClassifier.html and _SVMRegressor.html; what they leave
// open is as in LIBSVM (Chang and Lin) and ONNX Runtime.
#include <algorithm>
#include <cmath>

#include "dims.h"
#include "ml.h"

namespace hrt::ops {
namespace {

using Row = std::span<const double>;

double dot(Row a, Row b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

class KernelFunction {
 public:
  explicit KernelFunction(const Node& node) : type_(node.s("kernel_type", "LINEAR")) {
    const auto p = node.floats("kernel_params");
    require(p.empty() || p.size() == 3, "kernel_params has ", p.size(), " entries, not 3");
    if (!p.empty()) gamma_ = p[0], offset_ = p[1], degree_ = p[2];
    require(type_ == "LINEAR" || type_ == "POLY" || type_ == "RBF" || type_ == "SIGMOID",
            "there is no kernel_type ", type_);
  }
  double operator()(Row a, Row b) const {
    if (type_ == "POLY") return std::pow(gamma_ * dot(a, b) + offset_, degree_);
    if (type_ == "SIGMOID") return std::tanh(gamma_ * dot(a, b) + offset_);
    if (type_ == "LINEAR") return dot(a, b);
    double square = 0;
    for (size_t i = 0; i < a.size(); ++i) square += (a[i] - b[i]) * (a[i] - b[i]);
    return std::exp(-gamma_ * square);
  }

 private:
  std::string type_;
  double gamma_ = 0, offset_ = 0, degree_ = 0;
};

std::vector<double> numbers(const Node& node, const char* name) {
  const auto v = node.floats(name);
  return {v.begin(), v.end()};
}

struct Supports {
  int64_t count, columns;
  std::vector<double> vectors;
  KernelFunction kernel;

  Supports(const Node& node, int64_t n, int64_t width)
      : count(n), columns(width), vectors(numbers(node, "support_vectors")), kernel(node) {
    require(n >= 0 && int64_t(vectors.size()) == checked_mul(n, width), "support_vectors has ",
            vectors.size(), " entries for ", n, " vectors of ", width);
  }
  // The kernel of a row with each support vector.
  std::vector<double> kernels(Row x) const {
    std::vector<double> out;
    for (int64_t i = 0; i < count; ++i)
      out.push_back(kernel(x, Row(vectors).subspan(size_t(i * columns), size_t(columns))));
    return out;
  }
};

std::vector<double> read_row(const Reader& x, int64_t row, int64_t columns) {
  std::vector<double> out;
  for (int64_t i = 0; i < columns; ++i) out.push_back(x(row * columns + i));
  return out;
}

std::vector<double> rho_of(const Node& node, size_t at_least) {
  auto rho = numbers(node, "rho");
  require(rho.size() >= at_least, "rho has ", rho.size(), " entries, ", at_least, " are needed");
  return rho;
}

// ------------------------------------------------------------------------------------- regression

void regressor(const Kernel& c) {
  const Node& node = c.node();
  const Rows shape(c.input(0));
  const int64_t n = node.i("n_supports");
  const bool one_class = node.i("one_class") != 0;
  const auto coefficients = numbers(node, "coefficients");
  const double rho = rho_of(node, 1)[0];
  require(int64_t(coefficients.size()) == (n > 0 ? n : shape.columns), "there are ", coefficients.size(),
          " coefficients");
  const Supports supports(node, n, n > 0 ? shape.columns : 0);
  const PostTransform transform = post_transform_of(node.s("post_transform", "NONE"));
  const Reader x(c.input(0));
  const Tensor y = c.output(0, HRT_FLOAT32, Dims{shape.rows, 1});
  for (int64_t r = 0; r < shape.rows; ++r) {
    c.check_cancelled();
    const auto row = read_row(x, r, shape.columns);
    double score = rho + dot(coefficients, n > 0 ? supports.kernels(row) : row);
    if (one_class) score = score > 0 ? 1 : -1;
    apply(transform, {&score, 1});
    y.data<float>()[r] = float(score);
  }
}

// --------------------------------------------------------------------------------- classification

// How many scores come out: with support vectors and without probabilities, one for each pair of more than
// two classes.
size_t score_count(size_t classes, bool supports, bool probable) {
  return supports && !probable && classes > 2 ? classes * (classes - 1) / 2 : classes;
}

struct Machine {
  size_t classes;
  Dims per_class, first;  // support vectors of each class: how many, and from where
  std::vector<double> coefficients, rho, prob_a, prob_b;
  std::optional<Supports> supports;  // none: one linear function a class

  Machine(const Node& node, size_t n, int64_t columns)
      : classes(n),
        per_class(node.ints("vectors_per_class")),
        coefficients(numbers(node, "coefficients")),
        prob_a(numbers(node, "prob_a")),
        prob_b(numbers(node, "prob_b")) {
    int64_t count = 0;
    for (const int64_t k : per_class) {
      require(k >= 0 && k <= INT32_MAX, "a class has ", k, " support vectors");
      first.push_back(count);
      count += k;
    }
    if (count > 0) {
      require(per_class.size() == classes, "vectors_per_class has ", per_class.size(), " entries for ",
              classes, " classes");
      supports.emplace(node, count, columns);
    }
    rho = rho_of(node, supports ? pairs() : 1);
    const int64_t expected =
        supports ? checked_mul(int64_t(classes) - 1, count) : checked_mul(int64_t(classes), columns);
    require(int64_t(coefficients.size()) == expected, "there are ", coefficients.size(), " coefficients, ",
            expected, " are needed");
    require(prob_a.size() == prob_b.size() && (prob_a.empty() || prob_a.size() >= pairs()), "there are ",
            prob_a.size(), " prob_a and ", prob_b.size(), " prob_b for ", pairs(), " pairs of classes");
  }
  size_t pairs() const { return classes * (classes - 1) / 2; }
  bool probabilities() const { return supports && !prob_a.empty(); }
  size_t scores() const { return score_count(classes, bool(supports), !prob_a.empty()); }
};

std::vector<double> linear_scores(const Machine& m, Row x) {
  std::vector<double> out;
  for (size_t k = 0; k < m.classes; ++k)
    out.push_back(m.rho[0] + dot(x, Row(m.coefficients).subspan(k * x.size(), x.size())));
  return out;
}

// A score for each pair of classes i < j, positive when i wins.
std::vector<double> pair_scores(const Machine& m, Row x, std::vector<int>& votes) {
  const auto kernels = m.supports->kernels(x);
  std::vector<double> out;
  const auto part = [&](size_t row, size_t k) {  // the support vectors of class k, weighted by this row
    const auto at = size_t(m.first[k]), n = size_t(m.per_class[k]);
    return dot(Row(m.coefficients).subspan(row * kernels.size() + at, n), Row(kernels).subspan(at, n));
  };
  for (size_t i = 0; i < m.classes; ++i)
    for (size_t j = i + 1; j < m.classes; ++j) {
      out.push_back(m.rho[out.size()] + part(j - 1, i) + part(i, j));
      ++votes[out.back() > 0 ? i : j];
    }
  return out;
}

// Probabilities of the classes from those of the pairs: LIBSVM's iteration (Wu, Lin and Weng, 2004).
std::vector<double> couple(size_t n, const std::vector<double>& pair) {
  const auto r = [&](size_t i, size_t j) { return pair[i * n + j]; };
  std::vector<double> q(n * n), p(n, 1.0 / double(n)), qp(n);
  for (size_t t = 0; t < n; ++t)
    for (size_t j = 0; j < n; ++j) {
      if (j == t) continue;
      q[t * n + t] += r(j, t) * r(j, t);
      q[t * n + j] = -r(j, t) * r(t, j);
    }
  for (size_t round = 0; round < std::max<size_t>(100, n); ++round) {
    double pqp = 0, worst = 0;
    for (size_t t = 0; t < n; ++t) pqp += p[t] * (qp[t] = dot(Row(q).subspan(t * n, n), p));
    for (size_t t = 0; t < n; ++t) worst = std::max(worst, std::fabs(qp[t] - pqp));
    if (worst < 0.005 / double(n)) break;
    for (size_t t = 0; t < n; ++t) {
      const double step = (pqp - qp[t]) / q[t * n + t];
      p[t] += step;
      pqp = (pqp + step * (step * q[t * n + t] + 2 * qp[t])) / ((1 + step) * (1 + step));
      for (size_t j = 0; j < n; ++j) {
        qp[j] = (qp[j] + step * q[t * n + j]) / (1 + step);
        p[j] /= 1 + step;
      }
    }
  }
  return p;
}

std::vector<double> probabilities(const Machine& m, const std::vector<double>& scores) {
  std::vector<double> pair(m.classes * m.classes);
  size_t k = 0;
  for (size_t i = 0; i < m.classes; ++i)
    for (size_t j = i + 1; j < m.classes; ++j, ++k) {
      const double p = 1 / (1 + std::exp(scores[k] * m.prob_a[k] + m.prob_b[k]));
      pair[i * m.classes + j] = std::clamp(p, 1e-7, 1 - 1e-7);
      pair[j * m.classes + i] = 1 - pair[i * m.classes + j];
    }
  return couple(m.classes, pair);
}

size_t best_of(const auto& v) { return size_t(std::max_element(v.begin(), v.end()) - v.begin()); }

void classifier(const Kernel& c) {
  const Rows shape(c.input(0));
  const Classes classes(c.node(), "classlabels_ints");
  const Machine m(c.node(), size_t(classes.count()), shape.columns);
  const PostTransform transform = post_transform_of(c.node().s("post_transform", "NONE"));
  const Reader x(c.input(0));
  const Tensor labels = c.output(0, classes.dtype(), Dims{shape.rows}),
               z = c.output(1, HRT_FLOAT32, Dims{shape.rows, int64_t(m.scores())});
  for (int64_t r = 0; r < shape.rows; ++r) {
    c.check_cancelled();
    const auto row = read_row(x, r, shape.columns);
    std::vector<int> votes(m.classes, 0);
    std::vector<double> scores = m.supports ? pair_scores(m, row, votes) : linear_scores(m, row);
    if (m.probabilities()) scores = probabilities(m, scores);
    classes.write(labels, r, m.supports ? best_of(votes) : best_of(scores));
    if (scores.empty()) scores.push_back(0);  // a single class
    if (scores.size() < m.scores()) scores = {-scores[0], scores[0]};
    apply(transform, std::span(scores));
    std::copy(scores.begin(), scores.end(), z.data<float>() + r * int64_t(m.scores()));
  }
}

void infer_classifier(const Infer& c) {
  const Classes classes(c.node(), "classlabels_ints");
  c.output(0, TensorType(classes.dtype(), Dims{rows_of(c)}));
  const bool supports =
      std::ranges::any_of(c.node().ints("vectors_per_class"), [](int64_t n) { return n > 0; });
  const size_t n = score_count(size_t(classes.count()), supports, !c.node().floats("prob_a").empty());
  c.output(1, TensorType(HRT_FLOAT32, Dims{rows_of(c), int64_t(n)}));
}

const Register regressor_op(Op{
    .domain = "ai.onnx.ml",
    .name = "SVMRegressor",
    .since = 1,
    .doc = "a weighted sum of kernels with support vectors",
    .inputs = {{"X", "T"}},
    .outputs = {{"Y", "float32"}},
    .attrs = {{"coefficients", HRT_ATTR_FLOATS},
              {"kernel_params", HRT_ATTR_FLOATS},
              {"kernel_type", HRT_ATTR_STRING, "LINEAR"},
              {"n_supports", HRT_ATTR_INT, "0"},
              {"one_class", HRT_ATTR_INT, "0"},
              {"post_transform", HRT_ATTR_STRING, "NONE"},
              {"rho", HRT_ATTR_FLOATS},
              {"support_vectors", HRT_ATTR_FLOATS}},
    .types = {{"T", kMlNumbers}},
    .infer = [](const Infer& c) { c.output(0, TensorType(HRT_FLOAT32, Dims{rows_of(c), 1})); },
    .compute = regressor,
});

const Register classifier_op(Op{
    .domain = "ai.onnx.ml",
    .name = "SVMClassifier",
    .since = 1,
    .doc = "the class that support vectors decide for, and the scores",
    .inputs = {{"X", "T1"}},
    .outputs = {{"Y", "T2"}, {"Z", "float32"}},
    .attrs = {{"classlabels_ints", HRT_ATTR_INTS},
              {"classlabels_strings", HRT_ATTR_STRINGS},
              {"coefficients", HRT_ATTR_FLOATS},
              {"kernel_params", HRT_ATTR_FLOATS},
              {"kernel_type", HRT_ATTR_STRING, "LINEAR"},
              {"post_transform", HRT_ATTR_STRING, "NONE"},
              {"prob_a", HRT_ATTR_FLOATS},
              {"prob_b", HRT_ATTR_FLOATS},
              {"rho", HRT_ATTR_FLOATS},
              {"support_vectors", HRT_ATTR_FLOATS},
              {"vectors_per_class", HRT_ATTR_INTS}},
    .types = {{"T1", kMlNumbers}, {"T2", bits(HRT_STRING, HRT_INT64)}},
    .infer = infer_classifier,
    .compute = classifier,
});

}  // namespace
}  // namespace hrt::ops
