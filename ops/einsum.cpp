// SPDX-License-Identifier: Apache-2.0
// Einsum: the product of all operands, summed over the indices that the result does not have.
// https://onnx.ai/onnx/operators/onnx__Einsum.html
#include <algorithm>
#include <map>

#include "elementwise.h"

namespace hrt::ops {
namespace {

// An index is a letter, or a dimension under the ellipsis: kEllipsis + its distance from the last one.
using Indices = std::vector<int>;
constexpr int kEllipsis = 256;

struct Equation {
  std::vector<Indices> in;
  Indices out;
};

Indices parse_term(const std::string& term, std::optional<size_t> ellipsis_rank) {
  Indices out;
  bool seen = false;
  for (size_t i = 0; i < term.size(); ++i) {
    if (std::isalpha(static_cast<unsigned char>(term[i]))) {
      out.push_back(term[i]);
      continue;
    }
    require(term.compare(i, 3, "...") == 0 && !seen, "the equation has the term '", term, "'");
    seen = true;
    i += 2;
    for (size_t k = ellipsis_rank.value_or(0); k-- > 0;) out.push_back(kEllipsis + int(k));
  }
  return out;
}

// How many dimensions the ellipsis of a term stands for.
size_t under_ellipsis(const std::string& term, size_t rank) {
  const size_t letters =
      size_t(std::count_if(term.begin(), term.end(), [](unsigned char ch) { return std::isalpha(ch); }));
  const bool ellipsis = term.find('.') != std::string::npos;
  require(ellipsis ? rank >= letters : rank == letters, "the term '", term,
          "' does not fit a tensor of rank ", rank);
  return rank - letters;
}

Equation parse(const Node& node, const std::vector<Dims>& shapes) {
  std::string text = node.s("equation");
  std::erase(text, ' ');
  const size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  std::vector<std::string> terms(1);
  for (char ch : left)
    if (ch == ',')
      terms.emplace_back();
    else
      terms.back() += ch;
  require(terms.size() == shapes.size(), "the equation has ", terms.size(), " terms for ", shapes.size(),
          " operands");
  Equation e;
  size_t widest = 0;
  std::map<int, int> seen;
  for (size_t i = 0; i < terms.size(); ++i) {
    const size_t n = under_ellipsis(terms[i], shapes[i].size());
    widest = std::max(widest, n);
    e.in.push_back(parse_term(terms[i], n));
    for (int index : e.in.back()) ++seen[index];
  }
  if (arrow != std::string::npos) {
    e.out = parse_term(text.substr(arrow + 2), widest);
    for (int index : e.out)
      require(seen.contains(index) && std::count(e.out.begin(), e.out.end(), index) == 1,
              "the result of the equation '", text, "' names an index that no operand has, or one twice");
  } else {
    for (size_t k = widest; k-- > 0;) e.out.push_back(kEllipsis + int(k));
    for (const auto& [index, count] : seen)
      if (index < kEllipsis && count == 1) e.out.push_back(index);
  }
  return e;
}

// The size of each index; ones broadcast.
std::map<int, int64_t> sizes(const Equation& e, const std::vector<Dims>& shapes, const Infer* infer) {
  std::map<int, int64_t> size;
  for (size_t i = 0; i < shapes.size(); ++i)
    for (size_t k = 0; k < shapes[i].size(); ++k) {
      const Dims d{shapes[i][k]};
      auto [it, fresh] = size.try_emplace(e.in[i][k], d[0]);
      if (!fresh)
        it->second = (infer ? broadcast(*infer, Dims{it->second}, d) : broadcast(Dims{it->second}, d))[0];
    }
  return size;
}

void infer(const Infer& c) {
  std::vector<Dims> shapes;
  for (uint32_t i = 0; i < c.input_count(); ++i) {
    const auto d = c.dims(i);
    if (!d) return c.output(0, TensorType(c.dtype(0)));
    shapes.push_back(*d);
  }
  const Equation e = parse(c.node(), shapes);
  const auto size = sizes(e, shapes, &c);
  Dims out;
  for (int index : e.out) out.push_back(size.at(index));
  c.output(0, TensorType(c.dtype(0), out));
}

void compute(const Kernel& c) {
  std::vector<Tensor> x;
  std::vector<Dims> shapes;
  for (uint32_t i = 0; i < c.input_count(); ++i) {
    x.push_back(c.input(i));
    shapes.emplace_back(x.back().dims().begin(), x.back().dims().end());
  }
  const Equation e = parse(c.node(), shapes);
  const auto size = sizes(e, shapes, nullptr);
  Indices summed;
  for (const auto& [index, n] : size)
    if (std::find(e.out.begin(), e.out.end(), index) == e.out.end()) summed.push_back(index);
  // How each operand is read when one counts through the given indices.
  auto strides = [&](const Indices& indices) {
    std::vector<Dims> all;
    for (size_t i = 0; i < x.size(); ++i) {
      const Dims dense = strides_of(shapes[i]);
      Dims s(indices.size(), 0);
      for (size_t k = 0; k < shapes[i].size(); ++k)
        for (size_t p = 0; p < indices.size(); ++p)
          if (indices[p] == e.in[i][k] && shapes[i][k] != 1) s[p] += dense[k];
      all.push_back(std::move(s));
    }
    return all;
  };
  auto dims_of = [&](const Indices& indices) {
    Dims d;
    for (int index : indices) d.push_back(size.at(index));
    return d;
  };
  const Dims out = dims_of(e.out), inner = dims_of(summed);
  const int64_t terms = element_count(inner);
  const Tensor y = c.output(0, x[0].dtype(), out);
  dispatch(Numbers{}, x[0].dtype(), [&]<class T>() {
    using A = wrap_t<acc_t<T>>;
    Counter at(out, strides(e.out));
    const Counter first(inner, strides(summed));
    for (int64_t o = 0; o < y.size(); ++o, at.next()) {
      c.check_cancelled();
      A sum = 0;
      Counter k = first;
      for (int64_t t = 0; t < terms; ++t, k.next()) {
        A product = 1;
        for (size_t i = 0; i < x.size(); ++i) product *= A(x[i].data<T>()[at.offset(i) + k.offset(i)]);
        sum += product;
      }
      y.data<T>()[o] = T(sum);
    }
  });
}

const Register einsum(Op{
    .name = "Einsum",
    .since = 28,
    .doc = "sum of products over indices",
    .inputs = {{"Inputs", "T", HRT_PARAM_VARIADIC}},
    .outputs = {{"Output", "T"}},
    .attrs = {{"equation", HRT_ATTR_STRING, "", true}},
    .types = {{"T", kNumber}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
