// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <set>

#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

class Einsum : public CpuOp {
 protected:
  // By the definition: all indices, all operands. Terms without an ellipsis, and a result that is written
  // out.
  static std::pair<Dims, std::vector<double>> naive(const std::vector<std::string>& terms,
                                                    const std::string& out, const std::vector<Data>& in) {
    std::map<char, int64_t> size;
    for (size_t i = 0; i < terms.size(); ++i)
      for (size_t d = 0; d < terms[i].size(); ++d) {
        int64_t& s = size.try_emplace(terms[i][d], 1).first->second;
        if (in[i].dims[d] != 1) s = in[i].dims[d];
      }
    std::string all = out;
    for (const auto& [label, n] : size)
      if (all.find(label) == std::string::npos) all += label;
    Dims dims, result;
    for (const char label : all) dims.push_back(size.at(label));
    for (const char label : out) result.push_back(size.at(label));
    std::vector<double> y(size_t(count(result)), 0.0);
    for_each(dims, [&](const Dims& at) {
      double product = 1;
      for (size_t i = 0; i < terms.size(); ++i) {
        Dims index;
        for (const char label : terms[i]) index.push_back(at[all.find(label)]);
        product *= double(in[i].as<float>()[offset(in[i].dims, index)]);
      }
      y[size_t(offset(result, Dims(at.begin(), at.begin() + int64_t(out.size()))))] += product;
    });
    return {result, y};
  }

  void check(const std::vector<std::string>& terms, const std::string& out, const std::vector<Dims>& dims,
             std::string equation = {}) {
    std::vector<Data> in;
    for (size_t i = 0; i < dims.size(); ++i) in.push_back(random(dims[i], unsigned(gen())));
    if (equation.empty()) {
      for (size_t i = 0; i < terms.size(); ++i) equation += (i ? "," : "") + terms[i];
      equation += "->" + out;
    }
    const auto [result, want] = naive(terms, out, in);
    const Data one = run_op(isa(), "Einsum", in, result, {{"equation", equation}}, 0, 1);
    expect_near(one, want, 1e-5, 2e-5, equation);
    EXPECT_EQ(one.floats(), run_op(isa(), "Einsum", in, result, {{"equation", equation}}, 0, 3).floats())
        << equation;
  }
};

TEST_P(Einsum, Attention) {
  check({"bhid", "bhjd"}, "bhij", {{2, 3, 17, 20}, {2, 3, 33, 20}});
  check({"bhij", "bhjd"}, "bhid", {{2, 3, 17, 33}, {2, 3, 33, 64}});
  check({"bihd", "bjhd"}, "bhij", {{2, 17, 3, 20}, {2, 9, 3, 20}});
  check({"bhij", "bjhd"}, "bihd", {{1, 3, 8, 16}, {1, 16, 3, 32}});
}

TEST_P(Einsum, OneOperand) {
  check({"ij"}, "ji", {{5, 7}});
  check({"ij"}, "i", {{5, 70}});
  check({"ij"}, "j", {{5, 7}});
  check({"ij"}, "", {{5, 7}});
  check({"ii"}, "", {{6, 6}});
  check({"ii"}, "i", {{6, 6}});
  check({"iji"}, "ji", {{4, 3, 4}});
  check({"ijk"}, "kij", {{4, 3, 5}});
  check({""}, "", {{}});
}

TEST_P(Einsum, TwoOperands) {
  check({"ij", "jk"}, "ik", {{4, 30}, {30, 50}});
  check({"ij", "jk"}, "ki", {{4, 30}, {30, 50}});
  check({"ji", "kj"}, "ik", {{30, 4}, {50, 30}});
  check({"i", "i"}, "", {{37}, {37}});
  check({"i", "j"}, "ji", {{5}, {7}});
  check({"ij", "j"}, "i", {{9, 40}, {40}});
  check({"ij", "i"}, "j", {{9, 40}, {9}});
  check({"ij", "ij"}, "ij", {{9, 40}, {9, 40}});
  check({"ij", "ji"}, "ij", {{9, 4}, {4, 9}});
  check({"bi", "bi"}, "b", {{9, 40}, {9, 40}});
  check({"ijk", "jl"}, "kl", {{3, 4, 5}, {4, 6}});
  check({"iij", "jk"}, "ik", {{3, 3, 5}, {5, 6}});
}

TEST_P(Einsum, MoreOperands) {
  check({"ij", "jk", "kl"}, "il", {{4, 9}, {9, 20}, {20, 3}});
  check({"i", "ij", "j"}, "", {{5}, {5, 6}, {6}});
  check({"bi", "bj", "bk", "ijk"}, "b", {{2, 3}, {2, 4}, {2, 5}, {3, 4, 5}});
  check({"ij", "ij", "ij"}, "ij", {{3, 4}, {3, 4}, {3, 4}});
}

TEST_P(Einsum, AxesOfOneBroadcast) {
  check({"ij", "jk"}, "ik", {{4, 1}, {30, 5}});
  check({"bij", "bjk"}, "bik", {{1, 4, 6}, {3, 6, 5}});
  check({"bij", "bij"}, "bij", {{2, 1, 6}, {1, 4, 1}});
}

TEST_P(Einsum, EllipsisAndImplicitResult) {
  check({"xyij", "xyjk"}, "xyik", {{2, 3, 4, 5}, {2, 3, 5, 6}}, "...ij,...jk->...ik");
  check({"xyij", "jk"}, "xyik", {{2, 3, 4, 5}, {5, 6}}, " ... i j , ... j k -> ... i k ");
  check({"xyij", "yjk"}, "xyik", {{2, 3, 4, 5}, {3, 5, 6}}, "...ij,...jk");
  check({"ba"}, "ab", {{4, 5}}, "ba");
  check({"ij", "jk"}, "ik", {{4, 5}, {5, 6}}, "ij,jk");
  check({"xi"}, "xi", {{4, 5}}, "...i->...i");
}

TEST_P(Einsum, EmptyAxes) {
  check({"ij", "jk"}, "ik", {{4, 0}, {0, 5}});
  check({"ij"}, "i", {{4, 0}});
  check({"ij", "jk"}, "ik", {{0, 3}, {3, 5}});
  check({"i", "i"}, "", {{0}, {0}});
}

TEST_P(Einsum, RandomEquations) {
  for (int round = 0; round < 150; ++round) {
    const std::string letters = "abcdef";
    std::map<char, int64_t> size;
    for (const char c : letters) size[c] = pick(1, 7);
    std::vector<std::string> terms;
    std::vector<Dims> dims;
    std::set<char> seen;
    for (int64_t n = pick(1, 4); n > 0; --n) {
      std::string term;
      Dims d;
      for (int64_t k = pick(0, 4); k > 0; --k) {
        term += letters[size_t(pick(0, 5))];
        seen.insert(term.back());
        d.push_back(pick(0, 9) == 0 ? 1 : size[term.back()]);
      }
      terms.push_back(term);
      dims.push_back(d);
    }
    std::string out;
    for (const char c : seen)
      if (pick(0, 1)) out += c;
    std::shuffle(out.begin(), out.end(), gen);
    check(terms, out, dims);
  }
}

TEST_P(Einsum, RefusesWhatDoesNotFit) {
  const auto why = [&](const char* equation, const std::vector<Dims>& dims, const Dims& out) {
    std::vector<Data> in;
    for (const Dims& d : dims) in.push_back(random(d, 1));
    return refusal(isa(), "Einsum", in, out, {{"equation", equation}});
  };
  EXPECT_NE(why("ij,jk->ik", {{2, 3}}, {2, 3}), "");
  EXPECT_NE(why("ij->i", {{2, 3, 4}}, {2}), "");
  EXPECT_NE(why("ij,jk->ik", {{2, 3}, {4, 5}}, {2, 5}), "");
  EXPECT_NE(why("ij->iz", {{2, 3}}, {2, 3}), "");
  EXPECT_NE(why("ij->ii", {{2, 2}}, {2, 2}), "");
  EXPECT_NE(why("i.j->ij", {{2, 2}}, {2, 2}), "");
  EXPECT_NE(why("i......->i", {{2, 2}}, {2}), "");
  EXPECT_NE(why("i1->i", {{2, 2}}, {2}), "");
}

HRT_FOR_EACH_ISA(Einsum);

}  // namespace
}  // namespace hrt::test
