// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU and RNN against the standard's equations, written out for one unit at a time in doubles.
#include "tests/cpu/one_op.h"

namespace hrt::test {
namespace {

using Function = std::function<double(double)>;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// One call: operands as the operator has them, absent() for those that are not there.
struct Case {
  std::string op;
  int64_t steps, batch, input, hidden;
  std::string direction = "forward";
  int64_t layout = 0;
  bool bias = false, lengths = false, initial = false, peephole = false;
  bool linear_before_reset = false, coupled = false;
  float clip = 0;  // 0: none
  std::vector<std::string> names = {};
  std::vector<Function> functions = {};  // of one direction

  int64_t gates() const { return op == "LSTM" ? 4 : op == "GRU" ? 3 : 1; }
  int64_t directions() const { return direction == "bidirectional" ? 2 : 1; }
  Dims x_dims() const { return layout ? Dims{batch, steps, input} : Dims{steps, batch, input}; }
  Dims y_dims() const {
    return layout ? Dims{batch, steps, directions(), hidden} : Dims{steps, directions(), batch, hidden};
  }
  Dims state_dims() const {
    return layout ? Dims{batch, directions(), hidden} : Dims{directions(), batch, hidden};
  }
  std::string text() const {
    return op + " " + direction + " steps " + std::to_string(steps) + " batch " + std::to_string(batch) +
           " input " + std::to_string(input) + " hidden " + std::to_string(hidden) + " layout " +
           std::to_string(layout) + (lengths ? " lengths" : "") + (linear_before_reset ? " linear" : "");
  }

  std::vector<Attr> attrs() const {
    std::vector<Attr> a = {{"hidden_size", hidden}, {"direction", direction}, {"layout", layout}};
    if (op == "GRU") a.emplace_back("linear_before_reset", int(linear_before_reset));
    if (op == "LSTM") a.emplace_back("input_forget", int(coupled));
    if (clip != 0) a.emplace_back("clip", clip);
    if (!names.empty()) {
      std::vector<std::string> all;
      for (int64_t d = 0; d < directions(); ++d) all.insert(all.end(), names.begin(), names.end());
      a.emplace_back("activations", all);
    }
    return a;
  }

  std::vector<Data> inputs(unsigned seed) const {
    const auto part = [&](bool there, Dims dims) {
      return there ? random(std::move(dims), ++seed) : absent();
    };
    const int64_t d = directions(), rows = gates() * hidden;
    std::vector<Data> in = {part(true, x_dims()), part(true, {d, rows, input}), part(true, {d, rows, hidden}),
                            part(bias, {d, 2 * rows})};
    for (int64_t i = 0; i < count(in[2].dims); ++i)  // else the layer amplifies every rounding error
      in[2].as<float>()[i] /= std::sqrt(float(hidden));
    std::vector<int32_t> n;
    for (int64_t b = 0; b < batch; ++b) n.push_back(int32_t((seed + unsigned(b) * 7) % unsigned(steps + 1)));
    in.push_back(lengths ? Data({batch}, n) : absent());
    in.push_back(part(initial, state_dims()));
    if (op == "LSTM") {
      in.push_back(part(initial, state_dims()));
      in.push_back(part(peephole, {d, 3 * hidden}));
    }
    return in;
  }

  // Y, Y_h and Y_c.
  std::vector<std::vector<double>> expected(const std::vector<Data>& in) const {
    std::vector<std::vector<double>> out = {std::vector<double>(size_t(count(y_dims()))),
                                            std::vector<double>(size_t(count(state_dims()))),
                                            std::vector<double>(size_t(count(state_dims())))};
    for (int64_t d = 0; d < directions(); ++d)
      for (int64_t b = 0; b < batch; ++b) sequence(in, d, b, out);
    return out;
  }

 private:
  void sequence(const std::vector<Data>& in, int64_t d, int64_t b,
                std::vector<std::vector<double>>& out) const {
    const auto at = [&](size_t i, const Dims& index) {
      return i < in.size() && in[i].dtype != HRT_UNDEFINED
                 ? double(in[i].as<float>()[offset(in[i].dims, index)])
                 : 0.0;
    };
    const Dims state = layout ? Dims{b, d} : Dims{d, b};
    const auto unit = [&](int64_t i) { return Dims{state[0], state[1], i}; };
    std::vector<double> h, c;
    for (int64_t i = 0; i < hidden; ++i) {
      h.push_back(at(5, unit(i)));
      c.push_back(op == "LSTM" ? at(6, unit(i)) : 0);
    }
    const int64_t length = lengths ? in[4].as<int32_t>()[b] : steps;
    const auto clipped = [&](double v) {
      return clip == 0 ? v : std::min<double>(std::max<double>(v, -clip), clip);
    };
    for (int64_t s = 0; s < length; ++s) {
      const int64_t t = direction == "reverse" || d == 1 ? length - 1 - s : s;
      const auto x_sum = [&](int64_t row) {
        double v = at(3, {d, row});
        for (int64_t k = 0; k < input; ++k)
          v += at(0, layout ? Dims{b, t, k} : Dims{t, b, k}) * at(1, {d, row, k});
        return v;
      };
      const auto h_sum = [&](int64_t row, const std::vector<double>& from) {
        double v = at(3, {d, gates() * hidden + row});
        for (int64_t k = 0; k < hidden; ++k) v += from[size_t(k)] * at(2, {d, row, k});
        return v;
      };
      const auto sum = [&](int64_t g, int64_t i) { return x_sum(g * hidden + i) + h_sum(g * hidden + i, h); };
      std::vector<double> next = h, reset = h;
      if (op == "GRU")
        for (int64_t i = 0; i < hidden; ++i) reset[size_t(i)] *= functions[0](clipped(sum(1, i)));
      for (int64_t i = 0; i < hidden; ++i) {
        const size_t u = size_t(i);
        if (op == "RNN") {
          next[u] = functions[0](clipped(sum(0, i)));
        } else if (op == "GRU") {
          const int64_t row = 2 * hidden + i;
          const double inner =
              linear_before_reset ? functions[0](clipped(sum(1, i))) * h_sum(row, h) : h_sum(row, reset);
          const double z = functions[0](clipped(sum(0, i)));
          next[u] = (1 - z) * functions[1](clipped(x_sum(row) + inner)) + z * h[u];
        } else {
          const auto peep = [&](int64_t g, double v) { return at(7, {d, g * hidden + i}) * v; };
          const double enter = functions[0](clipped(sum(0, i) + peep(0, c[u])));
          const double forget = coupled ? 1 - enter : functions[0](clipped(sum(2, i) + peep(2, c[u])));
          c[u] = forget * c[u] + enter * functions[1](clipped(sum(3, i)));
          next[u] = functions[0](clipped(sum(1, i) + peep(1, c[u]))) * functions[2](c[u]);
        }
      }
      h = next;
      for (int64_t i = 0; i < hidden; ++i)
        out[0][size_t(offset(y_dims(), layout ? Dims{b, t, d, i} : Dims{t, d, b, i}))] = h[size_t(i)];
    }
    for (int64_t i = 0; i < hidden; ++i) {
      out[1][size_t(offset(state_dims(), unit(i)))] = h[size_t(i)];
      out[2][size_t(offset(state_dims(), unit(i)))] = c[size_t(i)];
    }
  }
};

std::vector<Function> default_functions(const std::string& op) {
  const Function f = sigmoid, g = [](double x) { return std::tanh(x); };
  if (op == "RNN") return {g};
  if (op == "GRU") return {f, g};
  return {f, g, g};
}

class CpuRecurrent : public CpuOp {
 protected:
  std::vector<Out> outs(const Case& c) const {
    std::vector<Out> out = {Out(c.y_dims()), Out(c.state_dims())};
    if (c.op == "LSTM") out.emplace_back(c.state_dims());
    return out;
  }
  void check(Case c, uint32_t constants, int threads) {
    if (c.functions.empty()) c.functions = default_functions(c.op);
    const std::vector<Data> in = c.inputs(unsigned(pick(1, 1 << 20)));
    const auto got = run_ops(isa(), c.op, in, outs(c), c.attrs(), constants, threads);
    const auto want = c.expected(in);
    for (size_t i = 0; i < got.size(); ++i)
      expect_near(got[i], want[i], 2e-5, 2e-5, c.text() + " output " + std::to_string(i));
  }
};

TEST_P(CpuRecurrent, SequenceIsWrong) {
  for (const char* op : {"LSTM", "GRU", "RNN"})
    for (const char* direction : {"forward", "reverse", "bidirectional"})
      for (int round = 0; round < 24; ++round) {
        Case c{op, pick(1, 7), pick(1, 5), pick(1, 20), pick(1, 40), direction, pick(0, 1)};
        c.bias = pick(0, 1);
        c.lengths = pick(0, 1);
        c.initial = pick(0, 1);
        c.peephole = pick(0, 1);
        c.linear_before_reset = pick(0, 1);
        c.coupled = pick(0, 3) == 0;
        c.clip = pick(0, 2) == 0 ? 0.5f : 0.0f;
        check(c, pick(0, 1) ? 0b110u : pick(0, 1) ? 0b1110u : 0u, 1 + round % 2);
        if (HasFailure()) return;
      }
  for (const char* op : {"LSTM", "GRU", "RNN"}) {
    Case c{op, 9, 2, 70, 130, "bidirectional"};
    c.bias = true;
    check(c, 0b1110u, 2);
  }
}

TEST_P(CpuRecurrent, ActivationIsWrong) {
  const std::vector<std::pair<std::string, Function>> kAll = {
      {"Relu", [](double x) { return std::max(x, 0.0); }},
      {"tanh", [](double x) { return std::tanh(x); }},
      {"SIGMOID", sigmoid},
      {"Softsign", [](double x) { return x / (1 + std::fabs(x)); }},
      {"Softplus", [](double x) { return std::log1p(std::exp(x)); }},
      {"LeakyRelu", [](double x) { return x < 0 ? 0.01 * x : x; }},
      {"Elu", [](double x) { return x < 0 ? std::expm1(x) : x; }},
      {"HardSigmoid", [](double x) { return std::min(std::max(0.2 * x + 0.5, 0.0), 1.0); }}};
  for (const auto& [name, f] : kAll)
    for (const char* op : {"LSTM", "GRU", "RNN"}) {
      Case c{op, 3, 2, 5, 19, "bidirectional"};
      for (size_t i = 0; i < default_functions(op).size(); ++i) {
        c.names.push_back(name);
        c.functions.push_back(f);
      }
      c.clip = 2;
      check(c, 0b110u, 1);
    }
}

TEST_P(CpuRecurrent, AlphasGoToOtherFunctions) {
  Case c{"LSTM", 3, 2, 5, 19};
  c.names = {"Sigmoid", "LeakyRelu", "HardSigmoid"};
  c.functions = {sigmoid, [](double x) { return x < 0 ? double(0.3f) * x : x; },
                 [](double x) { return std::min(std::max(double(0.1f) * x + double(0.7f), 0.0), 1.0); }};
  const std::vector<Data> in = c.inputs(5);
  std::vector<Attr> attrs = c.attrs();
  attrs.emplace_back("activation_alpha", std::vector<float>{0.3f, 0.1f});
  attrs.emplace_back("activation_beta", std::vector<float>{0.7f});
  const auto got = run_ops(isa(), c.op, in, outs(c), attrs);
  expect_near(got[0], c.expected(in)[0], 2e-5, 2e-5, "Y");
}

TEST_P(CpuRecurrent, ResultDependsOnThreads) {
  Case c{"GRU", 5, 2, 300, 200, "bidirectional"};
  const std::vector<Data> in = c.inputs(3);
  EXPECT_EQ(run_ops(isa(), c.op, in, outs(c), c.attrs(), 0, 1)[0].bytes,
            run_ops(isa(), c.op, in, outs(c), c.attrs(), 0, 2)[0].bytes);
}

TEST_P(CpuRecurrent, NanOrInfinityIsLost) {
  Case c{"LSTM", 2, 1, 3, 20};
  std::vector<Data> in = c.inputs(3);
  in[0].as<float>()[0] = NAN;
  for (const float y : run_ops(isa(), c.op, in, outs(c), c.attrs())[0].floats()) EXPECT_TRUE(std::isnan(y));
  in[0].as<float>()[0] = INFINITY;  // gates saturate; nothing else happens
  c.functions = default_functions(c.op);
  const auto got = run_ops(isa(), c.op, in, outs(c), c.attrs());
  expect_near(got[0], c.expected(in)[0], 2e-5, 2e-5, "infinite input");
}

TEST_P(CpuRecurrent, EmptySequenceIsWrong) {
  for (const char* op : {"LSTM", "GRU", "RNN"}) {
    Case c{op, 0, 2, 3, 5};
    c.initial = true;
    check(c, 0, 1);  // the states are the initial ones
    check({op, 3, 2, 0, 5}, 0, 1);
    check({op, 3, 0, 2, 5}, 0, 1);
    check({op, 3, 2, 2, 0}, 0, 1);
  }
}

TEST_P(CpuRecurrent, HostileInputIsAccepted) {
  Case c{"LSTM", 3, 2, 4, 5};
  c.lengths = true;
  std::vector<Data> in = c.inputs(1);
  for (const int32_t n : {-1, 4}) {
    in[4] = Data({2}, std::vector<int32_t>{1, n});
    EXPECT_NE(refusal(isa(), "LSTM", in, Out(c.y_dims()), c.attrs()).find("steps"), std::string::npos);
  }
  const auto refused = [&](size_t i, Dims dims) {
    std::vector<Data> bad = c.inputs(1);
    bad[i] = random(std::move(dims), 1);
    EXPECT_NE(refusal(isa(), "LSTM", bad, Out(c.y_dims()), c.attrs()), "") << "input " << i;
  };
  refused(1, {1, 20, 3});
  refused(1, {2, 20, 4});
  refused(2, {1, 19, 5});
  refused(2, {20, 5});
  refused(3, {1, 20});
  refused(5, {2, 2, 5});
  refused(6, {1, 2, 4});
  refused(7, {1, 5});
  EXPECT_NE(refusal(isa(), "LSTM", c.inputs(1), Out(c.y_dims()), {{"hidden_size", 6}}), "");
  EXPECT_NE(refusal(isa(), "LSTM", c.inputs(1), Out(c.y_dims()), {{"direction", "sideways"}}), "");
  EXPECT_NE(refusal(isa(), "LSTM", c.inputs(1), Out(c.y_dims()), {{"layout", 2}}), "");
  EXPECT_NE(refusal(isa(), "LSTM", c.inputs(1), Out(c.y_dims()),
                    {{"activations", std::vector<std::string>{"Affine", "Tanh", "Tanh"}}}),
            "");
}

HRT_FOR_EACH_ISA(CpuRecurrent);

}  // namespace
}  // namespace hrt::test
