// SPDX-License-Identifier: Apache-2.0
#include "recurrent.h"

#include <algorithm>
#include <cmath>

#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

// alpha and beta when none are given are those of the operator with the function's name.
struct Defaults {
  const char* name;
  double alpha, beta;
};
constexpr Defaults kFunctions[] = {
    {"Relu", 0, 0},         {"Tanh", 0, 0},
    {"Sigmoid", 0, 0},      {"Affine", 1, 0},
    {"LeakyRelu", 0.01, 0}, {"ThresholdedRelu", 1, 0},
    {"ScaledTanh", 1, 1},   {"HardSigmoid", 0.2, 0.5},
    {"Elu", 1, 0},          {"Softsign", 0, 0},
    {"Softplus", 0, 0},
};

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return std::tolower(x) == std::tolower(y); });
}

bool takes_alpha(std::string_view name) {
  return name != "Relu" && name != "Tanh" && name != "Sigmoid" && name != "Softsign" && name != "Softplus";
}
bool takes_beta(std::string_view name) {
  return name == "Affine" || name == "ScaledTanh" || name == "HardSigmoid";
}

// The lists activation_alpha and activation_beta hold entries only for functions that take them.
std::vector<GateFunction> functions_of(const Node& node, std::initializer_list<const char*> defaults,
                                       int directions) {
  std::vector<std::string> names = node.strings("activations");
  if (names.empty())
    for (int d = 0; d < directions; ++d) names.insert(names.end(), defaults.begin(), defaults.end());
  require(names.size() == defaults.size() * size_t(directions), names.size(), " activations, not ",
          defaults.size() * size_t(directions));
  const auto alphas = node.floats("activation_alpha"), betas = node.floats("activation_beta");
  size_t alpha = 0, beta = 0;
  std::vector<GateFunction> out;
  for (const std::string& name : names) {
    const auto* f = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                 [&](const Defaults& d) { return same_name(d.name, name); });
    require(f != std::end(kFunctions), "there is no activation ", name);
    out.push_back({f->name, f->alpha, f->beta});
    if (takes_alpha(f->name) && alpha < alphas.size()) out.back().alpha = alphas[alpha++];
    if (takes_beta(f->name) && beta < betas.size()) out.back().beta = betas[beta++];
  }
  return out;
}

struct Layout {
  int directions;
  bool reverse;      // the first (or only) direction
  bool batch_first;  // layout 1
  explicit Layout(const Node& node) {
    const std::string direction = node.s("direction", "forward");
    require(direction == "forward" || direction == "reverse" || direction == "bidirectional",
            "there is no direction ", direction);
    directions = direction == "bidirectional" ? 2 : 1;
    reverse = direction == "reverse";
    const int64_t layout = node.i("layout");
    require(layout == 0 || layout == 1, "layout is ", layout);
    batch_first = layout == 1;
  }
  Dims sequence(int64_t steps, int64_t batch, int64_t hidden) const {
    return batch_first ? Dims{batch, steps, directions, hidden} : Dims{steps, directions, batch, hidden};
  }
  Dims state(int64_t batch, int64_t hidden) const {
    return batch_first ? Dims{batch, directions, hidden} : Dims{directions, batch, hidden};
  }
};

std::vector<double> doubles(const Tensor& t, int64_t begin, int64_t n) {
  std::vector<double> out;
  out.reserve(size_t(n));
  const Reader read(t);
  for (int64_t i = 0; i < n; ++i) out.push_back(read(begin + i));
  return out;
}

void require_shape(const Tensor& t, const char* name, const Dims& dims) {
  require(std::ranges::equal(t.dims(), dims), name, " must have shape ", dims, ", has ", t.dims());
}

// W and R of DynamicQuantizeLSTM are of bytes, and lie columns first: input or hidden x gates * hidden.
bool quantised(hrt_dtype weights) { return weights == HRT_INT8 || weights == HRT_UINT8; }

// One direction of W (input 1) or R (input 2), rows x columns.
std::vector<double> matrix(const Kernel& c, uint32_t input, int64_t direction, int64_t rows,
                           int64_t columns) {
  const Tensor t = c.input(input);
  if (!quantised(t.dtype())) return doubles(t, direction * rows * columns, rows * columns);
  const Tensor scale = c.input(6 + 2 * input), zero = c.input(7 + 2 * input);
  const int64_t directions = t.dim(0);
  for (const Tensor& q : {scale, zero})
    require(q.size() == directions || (q.rank() == 2 && q.size() == directions * rows),
            "scale or zero point ", "of input ", input, " has shape ", q.dims());
  const Reader read(t), read_scale(scale), read_zero(zero);
  const auto at = [&](const Tensor& q, int64_t row) {
    return q.size() == directions ? direction : direction * rows + row;
  };
  std::vector<double> out;
  out.reserve(size_t(rows * columns));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t k = 0; k < columns; ++k)
      out.push_back((read((direction * columns + k) * rows + row) - read_zero(at(zero, row))) *
                    read_scale(at(scale, row)));
  return out;
}

CellWeights weights_of(const Kernel& c, int64_t gates, int64_t direction, int64_t input, int64_t hidden) {
  const int64_t rows = gates * hidden;
  CellWeights out{
      input, hidden,  matrix(c, 1, direction, rows, input), matrix(c, 2, direction, rows, hidden), {}, {}, {},
      {},    INFINITY};
  out.wb.assign(size_t(rows), 0);
  out.rb.assign(size_t(rows), 0);
  if (const auto b = c.optional(3)) {
    out.wb = doubles(*b, direction * 2 * rows, rows);
    out.rb = doubles(*b, direction * 2 * rows + rows, rows);
  }
  if (const auto p = gates == 4 ? c.optional(7) : std::nullopt)
    out.peephole = doubles(*p, direction * 3 * hidden, 3 * hidden);
  if (c.node().has("clip")) out.clip = std::fabs(c.node().f("clip"));
  return out;
}

void check_shapes(const Kernel& c, const Layout& l, int64_t gates, int64_t batch, int64_t hidden) {
  const Tensor w = c.input(1), r = c.input(2);
  const int64_t rows = checked_mul(gates, hidden), input = c.input(0).dim(2);
  if (quantised(w.dtype())) {
    require_shape(w, "W", {l.directions, input, rows});
    require_shape(r, "R", {l.directions, hidden, rows});
  } else {
    require_shape(w, "W", {l.directions, rows, input});
    require_shape(r, "R", {l.directions, rows, hidden});
  }
  if (c.has(3)) require_shape(c.input(3), "B", {l.directions, 2 * rows});
  if (c.has(4)) require_shape(c.input(4), "sequence_lens", {batch});
  if (c.has(5)) require_shape(c.input(5), "initial_h", l.state(batch, hidden));
  if (gates != 4) return;
  if (c.has(6)) require_shape(c.input(6), "initial_c", l.state(batch, hidden));
  if (c.has(7)) require_shape(c.input(7), "P", {l.directions, 3 * hidden});
}

}  // namespace

double GateFunction::operator()(double x) const {
  if (name == "Relu") return x < 0 ? 0 : x;
  if (name == "Tanh") return std::tanh(x);
  if (name == "Sigmoid") return 1 / (1 + std::exp(-x));
  if (name == "Affine") return alpha * x + beta;
  if (name == "LeakyRelu") return x < 0 ? alpha * x : x;
  if (name == "ThresholdedRelu") return x >= alpha ? x : 0;
  if (name == "ScaledTanh") return alpha * std::tanh(beta * x);
  if (name == "HardSigmoid") return std::min(std::max(alpha * x + beta, 0.0), 1.0);
  if (name == "Elu") return x < 0 ? alpha * std::expm1(x) : x;
  if (name == "Softsign") return x / (1 + std::fabs(x));
  return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));  // Softplus
}

double CellWeights::input_sum(int64_t row, const double* x) const {
  double sum = wb[size_t(row)];
  for (int64_t k = 0; k < input_size; ++k) sum += w[size_t(row * input_size + k)] * x[k];
  return sum;
}
double CellWeights::state_sum(int64_t row, const double* h) const {
  double sum = rb[size_t(row)];
  for (int64_t k = 0; k < hidden_size; ++k) sum += r[size_t(row * hidden_size + k)] * h[k];
  return sum;
}
double CellWeights::clipped(double v) const { return v > clip ? clip : v < -clip ? -clip : v; }

void infer_recurrent(const Infer& c, int64_t gates) {
  const Layout l(c.node());
  const auto x = c.dims(0), r = c.dims(2);
  const hrt_dtype dtype = c.dtype(0);
  require(!x || x->size() == 3, "X must have rank 3");
  require(!r || r->size() == 3, "R must have rank 3");
  const int64_t hidden = c.node().i("hidden_size", r ? (*r)[quantised(c.dtype(2)) ? 1 : 2] : HRT_DIM_UNKNOWN);
  const int64_t steps = x ? (*x)[l.batch_first] : HRT_DIM_UNKNOWN,
                batch = x ? (*x)[!l.batch_first] : HRT_DIM_UNKNOWN;
  const uint32_t outputs = c.output_count();
  if (outputs > 0) c.output(0, TensorType(dtype, l.sequence(steps, batch, hidden)));
  if (outputs > 1) c.output(1, TensorType(dtype, l.state(batch, hidden)));
  if (outputs > 2 && gates == 4) c.output(2, TensorType(dtype, l.state(batch, hidden)));
}

void compute_recurrent(const Kernel& c, int64_t gates, std::initializer_list<const char*> default_functions,
                       Cell cell) {
  const Layout l(c.node());
  const Tensor x = c.input(0);
  require(x.rank() == 3 && c.input(1).rank() == 3 && c.input(2).rank() == 3, "X, W and R must have rank 3");
  const int64_t steps = x.dim(l.batch_first), batch = x.dim(!l.batch_first), input = x.dim(2),
                hidden = c.input(2).dim(quantised(c.input(2).dtype()) ? 1 : 2);
  require(c.node().i("hidden_size", hidden) == hidden, "hidden_size is ", c.node().i("hidden_size"),
          ", R has ", hidden);
  check_shapes(c, l, gates, batch, hidden);
  const Dims lens = c.has(4) ? to_int64s(c.input(4)) : Dims(size_t(batch), steps);
  for (int64_t n : lens) require(n >= 0 && n <= steps, "a sequence of ", n, " steps in ", steps);

  const auto functions = functions_of(c.node(), default_functions, l.directions);
  const Dims state_dims = l.state(batch, hidden);
  std::optional<Tensor> y, y_h, y_c;
  if (c.wanted(0)) y = c.output(0, x.dtype(), l.sequence(steps, batch, hidden));
  if (c.wanted(1)) y_h = c.output(1, x.dtype(), state_dims);
  if (c.wanted(2)) y_c = c.output(2, x.dtype(), state_dims);
  if (y) std::memset(y->raw(), 0, y->bytes());  // steps beyond a sequence's end

  const Reader read(x);
  for (int64_t d = 0; d < l.directions; ++d) {
    CellWeights weights = weights_of(c, gates, d, input, hidden);
    weights.functions.assign(functions.begin() + d * int64_t(default_functions.size()),
                             functions.begin() + (d + 1) * int64_t(default_functions.size()));
    const bool reverse = l.reverse || d == 1;
    for (int64_t b = 0; b < batch; ++b) {
      c.check_cancelled();
      const int64_t state_at = (l.batch_first ? b * l.directions + d : d * batch + b) * hidden;
      std::vector<double> h(size_t(hidden), 0), cell_state(size_t(hidden), 0), in(static_cast<size_t>(input));
      if (c.has(5)) h = doubles(c.input(5), state_at, hidden);
      if (gates == 4 && c.has(6)) cell_state = doubles(c.input(6), state_at, hidden);
      const int64_t len = lens[size_t(b)];
      for (int64_t k = 0; k < len; ++k) {
        const int64_t t = reverse ? len - 1 - k : k;
        const int64_t row = l.batch_first ? b * steps + t : t * batch + b;
        for (int64_t i = 0; i < input; ++i) in[size_t(i)] = read(row * input + i);
        cell(c.node(), weights, in.data(), h.data(), cell_state.data());
        const int64_t to =
            (l.batch_first ? row * l.directions + d : (t * l.directions + d) * batch + b) * hidden;
        if (y)
          for (int64_t i = 0; i < hidden; ++i) Writer{*y}(to + i, h[size_t(i)]);
      }
      for (int64_t i = 0; i < hidden; ++i) {
        if (y_h) Writer{*y_h}(state_at + i, h[size_t(i)]);
        if (y_c) Writer{*y_c}(state_at + i, cell_state[size_t(i)]);
      }
    }
  }
}

Op recurrent_op(const char* name, const char* doc) {
  const uint32_t optional = HRT_PARAM_OPTIONAL;
  return {
      .name = name,
      .since = 22,
      .doc = doc,
      .inputs = {{"X", "T"},
                 {"W", "T"},
                 {"R", "T"},
                 {"B", "T", optional},
                 {"sequence_lens", "T1", optional},
                 {"initial_h", "T", optional}},
      .outputs = {{"Y", "T", optional}, {"Y_h", "T", optional}},
      .attrs = {{"activation_alpha", HRT_ATTR_FLOATS},
                {"activation_beta", HRT_ATTR_FLOATS},
                {"activations", HRT_ATTR_STRINGS},
                {"clip", HRT_ATTR_FLOAT},
                {"direction", HRT_ATTR_STRING, "forward"},
                {"hidden_size", HRT_ATTR_INT},
                {"layout", HRT_ATTR_INT, "0"}},
      .types = {{"T", kFloat}, {"T1", bits(HRT_INT32)}},
  };
}

}  // namespace hrt::ops
