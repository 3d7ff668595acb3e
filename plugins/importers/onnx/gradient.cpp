// SPDX-License-Identifier: Apache-2.0
#include "gradient.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <ranges>
#include <set>

namespace hrt::importer {

using namespace sdk;

namespace {

using Names = std::vector<std::string>;

// What rules have in hand: the node, and the gradients of y by the node's outputs ("" where y does not
// depend on one). They answer with the gradients by its inputs: "" where there is none.
class Step {
 public:
  Step(Rewrite& r, const Node& n, Names by_outputs) : r(r), n(n), dys(std::move(by_outputs)) {}

  Rewrite& r;
  const Node& n;
  const Names dys;

  const std::string& dy() const { return dys[0]; }
  const std::string& x(size_t i = 0) const { return n.input(i); }
  const std::string& y() const { return n.outputs[0]; }
  std::string op(const char* name, Names inputs, std::vector<Attribute> attributes = {}) const {
    return r.emit(name, std::move(inputs), std::move(attributes));
  }
  std::string add(const std::string& a, const std::string& b) const { return op("Add", {a, b}); }
  std::string sub(const std::string& a, const std::string& b) const { return op("Sub", {a, b}); }
  std::string mul(const std::string& a, const std::string& b) const { return op("Mul", {a, b}); }
  std::string div(const std::string& a, const std::string& b) const { return op("Div", {a, b}); }
  std::string neg(const std::string& a) const { return op("Neg", {a}); }
  std::string number(double v) const { return r.scalar_like(float(v), x()); }
  // Back to the shape from which it was broadcast.
  std::string sum_to(const std::string& g, const std::string& like) const {
    Node sum;
    sum.domain = "hrt";
    sum.op = "SumTo";
    sum.inputs = {g, like};
    return r.put(std::move(sum));
  }
  int64_t i(const char* name, int64_t otherwise) const {
    const auto* a = n.find(name);
    return a ? a->i() : otherwise;
  }
  double f(const char* name, float otherwise) const {
    const auto* a = n.find(name);
    return double(a ? a->f() : otherwise);
  }
};

using Rule = Names (*)(const Step&);

Names same(const Step& s) { return {s.dy()}; }
Names cast(const Step& s) { return {s.op("CastLike", {s.dy(), s.x()})}; }

Names add(const Step& s) { return {s.sum_to(s.dy(), s.x(0)), s.sum_to(s.dy(), s.x(1))}; }
Names sub(const Step& s) { return {s.sum_to(s.dy(), s.x(0)), s.sum_to(s.neg(s.dy()), s.x(1))}; }
Names mul(const Step& s) {
  return {s.sum_to(s.mul(s.dy(), s.x(1)), s.x(0)), s.sum_to(s.mul(s.dy(), s.x(0)), s.x(1))};
}
Names div(const Step& s) {
  const std::string a = s.div(s.dy(), s.x(1));
  return {s.sum_to(a, s.x(0)), s.sum_to(s.neg(s.mul(a, s.y())), s.x(1))};
}
Names pow(const Step& s) {
  const std::string b = s.op("CastLike", {s.x(1), s.x(0)});
  const std::string slope = s.mul(b, s.op("Pow", {s.x(0), s.sub(b, s.number(1))}));
  const std::string by_b = s.mul(s.mul(s.dy(), s.y()), s.op("Log", {s.x(0)}));
  return {s.sum_to(s.mul(s.dy(), slope), s.x(0)), s.sum_to(s.op("CastLike", {by_b, s.x(1)}), s.x(1))};
}
Names sum(const Step& s) {
  Names out;
  for (const auto& x : s.n.inputs) out.push_back(s.sum_to(s.dy(), x));
  return out;
}
Names mean(const Step& s) {
  Names out;
  const std::string share = s.div(s.dy(), s.number(double(s.n.inputs.size())));
  for (const auto& x : s.n.inputs) out.push_back(s.sum_to(share, x));
  return out;
}
Names where(const Step& s) {
  const std::string zero = s.r.scalar_like(0, s.x(1));
  return {"", s.sum_to(s.op("Where", {s.x(0), s.dy(), zero}), s.x(1)),
          s.sum_to(s.op("Where", {s.x(0), zero, s.dy()}), s.x(2))};
}

// Functions of one number: slope gives the derivative.
template <std::string (*slope)(const Step&)>
Names chain(const Step& s) {
  return {s.mul(s.dy(), slope(s))};
}
std::string minus_one(const Step& s) { return s.number(-1); }
std::string of_exp(const Step& s) { return s.y(); }
std::string of_log(const Step& s) { return s.op("Reciprocal", {s.x()}); }
std::string of_sqrt(const Step& s) { return s.div(s.number(0.5), s.y()); }
std::string of_reciprocal(const Step& s) { return s.neg(s.mul(s.y(), s.y())); }
std::string of_abs(const Step& s) { return s.op("Sign", {s.x()}); }
std::string of_sin(const Step& s) { return s.op("Cos", {s.x()}); }
std::string of_cos(const Step& s) { return s.neg(s.op("Sin", {s.x()})); }
std::string of_tan(const Step& s) { return s.add(s.number(1), s.mul(s.y(), s.y())); }
std::string of_sinh(const Step& s) { return s.op("Cosh", {s.x()}); }
std::string of_cosh(const Step& s) { return s.op("Sinh", {s.x()}); }
std::string of_tanh(const Step& s) { return s.sub(s.number(1), s.mul(s.y(), s.y())); }
std::string of_sigmoid(const Step& s) { return s.mul(s.y(), s.sub(s.number(1), s.y())); }
std::string of_softplus(const Step& s) { return s.op("Sigmoid", {s.x()}); }
std::string of_softsign(const Step& s) {
  const std::string d = s.add(s.number(1), s.op("Abs", {s.x()}));
  return s.op("Reciprocal", {s.mul(d, d)});
}
std::string of_erf(const Step& s) {
  return s.mul(s.number(2 * std::numbers::inv_sqrtpi), s.op("Exp", {s.neg(s.mul(s.x(), s.x()))}));
}
// positive where x > 0, else negative.
std::string by_sign(const Step& s, const std::string& positive, const std::string& negative) {
  return s.op("Where", {s.op("Greater", {s.x(), s.number(0)}), positive, negative});
}
std::string of_relu(const Step& s) { return by_sign(s, s.number(1), s.number(0)); }
std::string of_leaky_relu(const Step& s) { return by_sign(s, s.number(1), s.number(s.f("alpha", 0.01f))); }
std::string of_elu(const Step& s) { return by_sign(s, s.number(1), s.add(s.y(), s.number(s.f("alpha", 1)))); }

std::string sum_along(const Step& s, const std::string& v) {
  return s.op("ReduceSum", {v, s.r.ints({s.i("axis", -1)})});
}
Names softmax(const Step& s) { return {s.mul(s.y(), s.sub(s.dy(), sum_along(s, s.mul(s.dy(), s.y()))))}; }
Names log_softmax(const Step& s) {
  return {s.sub(s.dy(), s.mul(s.op("Exp", {s.y()}), sum_along(s, s.dy())))};
}

Names matmul(const Step& s) {
  for (size_t k = 0; k < 2; ++k)
    if (s.r.fact(s.x(k)).rank == 1) unsupported("the gradient of MatMul with vectors is not supported");
  const auto swapped = [&](const std::string& v) {
    return s.op("Einsum", {v}, {attribute("equation", std::string("...ij->...ji"))});
  };
  return {s.sum_to(s.op("MatMul", {s.dy(), swapped(s.x(1))}), s.x(0)),
          s.sum_to(s.op("MatMul", {swapped(s.x(0)), s.dy()}), s.x(1))};
}
Names gemm(const Step& s) {
  const int64_t a_turned = s.i("transA", 0) != 0, b_turned = s.i("transB", 0) != 0;
  const auto product = [&](const std::string& a, int64_t turn_a, const std::string& b, int64_t turn_b) {
    return s.op("Gemm", {a, b},
                {attribute("alpha", float(s.f("alpha", 1))), attribute("transA", turn_a),
                 attribute("transB", turn_b)});
  };
  Names out{a_turned ? product(s.x(1), b_turned, s.dy(), 1) : product(s.dy(), 0, s.x(1), !b_turned),
            b_turned ? product(s.dy(), 1, s.x(0), a_turned) : product(s.x(0), !a_turned, s.dy(), 0)};
  if (s.n.has_input(2)) out.push_back(s.sum_to(s.mul(s.dy(), s.number(s.f("beta", 1))), s.x(2)));
  return out;
}

Names transpose(const Step& s) {
  const auto* perm = s.n.find("perm");
  if (!perm) return {s.op("Transpose", {s.dy()})};
  std::vector<int64_t> back(size_t(perm->ints_size()), -1);
  for (int k = 0; k < perm->ints_size(); ++k) {
    require(perm->ints(k) >= 0 && perm->ints(k) < perm->ints_size(), "perm has the entry ", perm->ints(k));
    back[size_t(perm->ints(k))] = k;
  }
  return {s.op("Transpose", {s.dy()}, {attribute("perm", back)})};
}
Names reshape(const Step& s) {
  return {s.op("Reshape", {s.dy(), s.op("Shape", {s.x()})}, {attribute("allowzero", int64_t(1))})};
}
Names expand(const Step& s) { return {s.sum_to(s.dy(), s.x())}; }
Names sum_to(const Step& s) { return {s.op("Expand", {s.dy(), s.op("Shape", {s.x()})})}; }

Names concat(const Step& s) {
  const int64_t axis = s.i("axis", 0);
  Names sizes;
  for (const auto& x : s.n.inputs) sizes.push_back(s.op("Gather", {s.op("Shape", {x}), s.r.ints({axis})}));
  Node split;
  split.op = "Split";
  split.inputs = {s.dy(), s.op("Concat", sizes, {attribute("axis", int64_t(0))})};
  split.attributes = {attribute("axis", axis)};
  for (size_t k = 0; k < s.n.inputs.size(); ++k) split.outputs.push_back(s.r.fresh("split"));
  const Names out = split.outputs;
  s.r.put(std::move(split));
  return out;
}
Names split(const Step& s) {
  Names parts;
  for (size_t k = 0; k < s.dys.size(); ++k) {
    require(!s.n.outputs[k].empty(), "the gradient of Split needs all its outputs");
    parts.push_back(s.dys[k].empty() ? s.sub(s.n.outputs[k], s.n.outputs[k]) : s.dys[k]);
  }
  return {s.op("Concat", parts, {attribute("axis", s.i("axis", 0))})};
}

// dy in the shape of x, from which axes were reduced.
std::string spread(const Step& s) {
  std::string g = s.dy();
  if (!s.i("keepdims", 1) && s.n.has_input(1)) g = s.op("Unsqueeze", {g, s.x(1)});
  return s.op("Expand", {g, s.op("Shape", {s.x()})});
}
Names reduce_sum(const Step& s) { return {spread(s)}; }
Names reduce_mean(const Step& s) {
  const auto size = [&](const std::string& v) { return s.op("CastLike", {s.op("Size", {v}), s.x()}); };
  return {s.mul(spread(s), s.div(size(s.y()), size(s.x())))};
}

const std::map<std::string_view, Rule> kRules = {
    {"Abs", chain<of_abs>},
    {"Add", add},
    {"Cast", cast},
    {"CastLike", cast},
    {"Concat", concat},
    {"Cos", chain<of_cos>},
    {"Cosh", chain<of_cosh>},
    {"Div", div},
    {"Elu", chain<of_elu>},
    {"Erf", chain<of_erf>},
    {"Exp", chain<of_exp>},
    {"Expand", expand},
    {"Flatten", reshape},
    {"Gemm", gemm},
    {"Identity", same},
    {"LeakyRelu", chain<of_leaky_relu>},
    {"Log", chain<of_log>},
    {"LogSoftmax", log_softmax},
    {"MatMul", matmul},
    {"Mean", mean},
    {"Mul", mul},
    {"Neg", chain<minus_one>},
    {"Pow", pow},
    {"Reciprocal", chain<of_reciprocal>},
    {"ReduceMean", reduce_mean},
    {"ReduceSum", reduce_sum},
    {"Relu", chain<of_relu>},
    {"Reshape", reshape},
    {"Sigmoid", chain<of_sigmoid>},
    {"Sin", chain<of_sin>},
    {"Sinh", chain<of_sinh>},
    {"Softmax", softmax},
    {"Softplus", chain<of_softplus>},
    {"Softsign", chain<of_softsign>},
    {"Split", split},
    {"Sqrt", chain<of_sqrt>},
    {"Squeeze", reshape},
    {"Sub", sub},
    {"Sum", sum},
    {"SumTo", sum_to},
    {"Tan", chain<of_tan>},
    {"Tanh", chain<of_tanh>},
    {"Transpose", transpose},
    {"Unsqueeze", reshape},
    {"Where", where},
};

bool is_sum_to(const Node& n) { return n.domain == "hrt" && n.op == "SumTo"; }

// Operators whose output does not change with their inputs, as far as it changes continuously: y depends on
// nothing through them.
bool is_constant(const Node& n) {
  static const std::set<std::string_view> kOps = {
      "Shape",   "Size",   "Equal",  "Greater", "Less",  "GreaterOrEqual", "LessOrEqual",
      "Not",     "And",    "Or",     "Xor",     "Sign",  "Floor",          "Ceil",
      "Round",   "ArgMax", "ArgMin", "IsNaN",   "IsInf", "NonZero",        "ConstantOfShape",
      "EyeLike", "Range"};
  return n.domain.empty() && kOps.contains(n.op);
}

Names strings_of(const Node& n, std::string_view name) {
  const auto* a = n.find(name);
  return a ? Names(a->strings().begin(), a->strings().end()) : Names();
}

bool any_in(const Names& names, const std::set<std::string>& set) {
  return std::ranges::any_of(names, [&](const auto& v) { return set.contains(v); });
}

// The nodes through which y depends on the variables, in order. cuts: values that are taken as they are,
// whatever makes them.
std::vector<Node> between(std::span<const Node> graph, const std::set<std::string>& variables,
                          const std::set<std::string>& cuts, const std::string& y, bool through_constants) {
  std::set<std::string> reached = variables;
  std::vector<const Node*> forward;
  for (const Node& n : graph) {
    const bool cut = any_in(n.outputs, cuts) || (!through_constants && is_constant(n));
    if (cut || !any_in(n.inputs, reached)) continue;
    for (const auto& o : n.outputs)
      if (!o.empty()) reached.insert(o);
    forward.push_back(&n);
  }
  std::set<std::string> wanted{y};
  std::vector<Node> out;
  for (const Node* n : forward | std::views::reverse) {
    if (!any_in(n->outputs, wanted)) continue;
    for (const auto& i : n->inputs)
      if (!i.empty()) wanted.insert(i);
    out.push_back(*n);
  }
  std::ranges::reverse(out);
  return out;
}

// The forward nodes once more, on the values that the Gradient node is given instead of those in the graph.
std::string recompute(Rewrite& r, std::vector<Node>& nodes, std::map<std::string, std::string> replaced,
                      const std::string& y) {
  const auto name = [&](const std::string& v) {
    const auto it = replaced.find(v);
    return it == replaced.end() ? v : it->second;
  };
  for (Node& n : nodes) {
    for (auto& i : n.inputs) i = name(i);
    for (auto& o : n.outputs)
      if (!o.empty()) o = replaced[o] = r.fresh("again");
    r.put(n);
  }
  return name(y);
}

}  // namespace

bool is_gradient(std::string_view domain, std::string_view op) {
  return domain == "ai.onnx.preview.training" && op == "Gradient";
}

std::vector<Node> expand_gradient(Node gradient, std::span<const Node> graph, const ModelFacts& facts) {
  const Names xs = strings_of(gradient, "xs"), zs = strings_of(gradient, "zs");
  const auto* target = gradient.find("y");
  require(target && !xs.empty(), "attributes 'xs' and 'y' are missing");
  std::string y = target->s();
  require(gradient.inputs.size() == xs.size() + zs.size() && gradient.outputs.size() <= xs.size(), "it has ",
          gradient.inputs.size(), " inputs and ", gradient.outputs.size(), " outputs for ", xs.size(),
          " xs and ", zs.size(), " zs");
  const bool made = std::ranges::find(xs, y) != xs.end() || std::ranges::any_of(graph, [&](const Node& n) {
                      return std::ranges::find(n.outputs, y) != n.outputs.end();
                    });
  require(made, "no node before it makes '", y, "'");

  std::set<std::string> independent;
  std::map<std::string, std::string> given;
  for (size_t k = 0; k < gradient.inputs.size(); ++k) {
    const std::string& name = k < xs.size() ? xs[k] : zs[k - xs.size()];
    require(!name.empty() && independent.insert(name).second, "'", name, "' stands in xs and zs twice");
    if (gradient.inputs[k] != name) given[name] = gradient.inputs[k];
  }
  const Names variables(gradient.inputs.begin(), gradient.inputs.begin() + int64_t(xs.size()));
  const Names wanted = gradient.outputs;
  Rewrite r(std::move(gradient), facts);

  std::vector<Node> nodes(graph.begin(), graph.end());
  if (!given.empty()) {
    nodes = between(graph, independent, independent, y, true);
    y = recompute(r, nodes, given, y);
  }
  const std::set<std::string> from(variables.begin(), variables.end());
  const std::vector<Node> path = between(nodes, from, given.empty() ? independent : from, y, false);

  std::map<std::string, std::string> by;  // the gradient of y by each value
  by[y] = r.emit("Expand", {r.scalar_like(1, y), r.emit("Shape", {y})});
  for (const Node& n : path | std::views::reverse) {
    Names dys;
    for (const auto& o : n.outputs) dys.push_back(by.contains(o) ? by[o] : "");
    if (std::ranges::all_of(dys, &std::string::empty)) continue;
    const auto rule = n.domain.empty() || is_sum_to(n) ? kRules.find(n.op) : kRules.end();
    if (rule == kRules.end())
      unsupported("'", y, "' depends on the variables through ", describe(n),
                  ", of which no gradient is known");
    const Names dxs = rule->second(Step(r, n, dys));
    for (size_t k = 0; k < dxs.size() && k < n.inputs.size(); ++k) {
      if (dxs[k].empty() || n.inputs[k].empty()) continue;
      std::string& sum = by[n.inputs[k]];
      sum = sum.empty() ? dxs[k] : r.emit("Add", {sum, dxs[k]});
    }
  }

  std::vector<Node> out = std::move(r).finish();
  out.pop_back();  // the Gradient node itself
  for (size_t k = 0; k < wanted.size(); ++k) {
    if (wanted[k].empty()) continue;
    const bool depends = by.contains(variables[k]);
    Node last;
    last.op = depends ? "Identity" : "Sub";  // zero where y does not depend on it
    last.inputs = depends ? Names{by[variables[k]]} : Names{variables[k], variables[k]};
    last.outputs = {wanted[k]};
    out.push_back(std::move(last));
  }
  return out;
}

}  // namespace hrt::importer
