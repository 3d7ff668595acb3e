// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU and RNN. What the inputs give to the gates is one product over all time steps, X W'; then
// each step adds H R' for the whole batch and runs over the gates. W and R are packed, at compile time
// where they are constant, one matrix a gate, so that gate g of all rows is a plane of its own and a
// product with chosen gates alone needs no other packing.
// https://onnx.ai/onnx/operators/onnx__LSTM.html, onnx__GRU.html, onnx__RNN.html
#include <cctype>
#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/product.h"
#include "backends/cpu/packed.h"

namespace hrt::cpu {
namespace {

enum Input : size_t { kX, kW, kR, kBias, kLengths, kInitialH, kInitialC, kPeephole };
enum LstmGate : int64_t { kIn, kOut, kForget, kNew };
enum GruGate : int64_t { kUpdate, kReset, kCandidate };

struct Shape {
  int64_t gates, directions, steps, batch, input, hidden;
  bool batch_first;
  // Rows of X; the first float of a row of Y, and of a state.
  int64_t x_row(int64_t t, int64_t b) const { return batch_first ? b * steps + t : t * batch + b; }
  int64_t y(int64_t t, int64_t d, int64_t b) const {
    return (batch_first ? (b * steps + t) * directions + d : (t * directions + d) * batch + b) * hidden;
  }
  int64_t state(int64_t d, int64_t b) const {
    return (batch_first ? b * directions + d : d * batch + b) * hidden;
  }
};

// What a node says, apart from shapes.
struct Layer {
  enum Cell { kLstm, kGru, kRnn } cell;
  int64_t gates, directions = 1;
  int64_t hidden_size = -1;  // attribute; -1: not there
  bool reverse = false, batch_first = false, coupled = false, linear_before_reset = false;
  float clip = INFINITY;
  std::vector<Activation> functions;  // those of the second direction last
  Floats w, r;                        // packed, when constant

  const Activation* functions_of(int64_t d) const {
    return functions.data() + d * int64_t(functions.size()) / directions;
  }
  Step prepare(const Signature& sig) const;
};

HWY_INLINE Vec load(const float* p, int64_t i, int64_t n) {
  return n - i >= kLanes ? hn::LoadU(f32, p + i) : load_n(p + i, n - i);
}
HWY_INLINE void store(Vec v, float* p, int64_t i, int64_t n) {
  if (n - i >= kLanes)
    hn::StoreU(v, f32, p + i);
  else
    store_n(v, p + i, n - i);
}

// What goes into one gate of one row; NULL: not there.
struct Sum {
  const float *x, *wb;  // W x and its bias
  const float *h, *rb;  // R h and its bias
  float clip;
  const float* scale = nullptr;                   // of the latter two
  const float *peephole = nullptr, *c = nullptr;  // weights, and the cell state that they look at
};

// y = f(clip(x + wb + scale * (h + rb) + peephole * c)). y may be h.
void gate(const Activation& f, const Sum& s, float* y, int64_t n) {
  visit_activation(f, [&](auto act) {
    const Vec hi = hn::Set(f32, s.clip), lo = hn::Neg(hi);
    for (int64_t i = 0; i < n; i += kLanes) {
      Vec x = load(s.x, i, n), h = load(s.h, i, n);
      if (s.wb) x = hn::Add(x, load(s.wb, i, n));
      if (s.rb) h = hn::Add(h, load(s.rb, i, n));
      Vec sum = s.scale ? hn::MulAdd(h, load(s.scale, i, n), x) : hn::Add(x, h);
      if (s.peephole) sum = hn::MulAdd(load(s.peephole, i, n), load(s.c, i, n), sum);
      store(act(vec::at_most(vec::at_least(sum, lo), hi)), y, i, n);
    }
  });
}

// out = a x + b y, where NULL for b stands for 1 - a. out may be any of the others.
void mix(const float* a, const float* x, const float* b, const float* y, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const Vec va = load(a, i, n), vb = b ? load(b, i, n) : hn::Sub(hn::Set(f32, 1.0f), va);
    store(hn::MulAdd(va, load(x, i, n), hn::Mul(vb, load(y, i, n))), out, i, n);
  }
}

// One direction of one run.
struct Direction {
  const Layer& layer;
  const Shape& shape;
  const Activation* f;
  const float *bias, *peephole;  // or NULL
  float *xw, *hr;                // planes of gates x rows x hidden: the products with W and R
  float *h, *c;                  // batch x hidden; c: of a GRU, the state that the reset gate lets through
  int64_t together;              // gates of the product with R, which odd steps take in the other order
  bool odd = false;

  float* row(float* p, int64_t i) const { return p + i * shape.hidden; }
  float* plane(int64_t g, int64_t b) const {
    return row(hr, (odd && g < together ? together - 1 - g : g) * shape.batch + b);
  }

  void run_gate(int64_t g, int64_t x_row, int64_t b, const Activation& act, const float* scale = nullptr,
                const float* peep = nullptr) const {
    const int64_t n = shape.hidden;
    const float *wb = bias ? bias + g * n : nullptr, *rb = bias ? wb + shape.gates * n : nullptr;
    const Sum sum{row(xw, g * shape.steps * shape.batch + x_row),
                  wb,
                  plane(g, b),
                  rb,
                  layer.clip,
                  scale,
                  peep,
                  row(c, b)};
    gate(act, sum, plane(g, b), n);
  }

  void lstm(int64_t x_row, int64_t b) const {
    const int64_t n = shape.hidden;
    const auto peep = [&](int64_t i) { return peephole ? peephole + i * n : nullptr; };
    float *const in = plane(kIn, b), *const forget = plane(kForget, b), *const state = row(c, b);
    run_gate(kIn, x_row, b, f[0], nullptr, peep(0));
    if (!layer.coupled) run_gate(kForget, x_row, b, f[0], nullptr, peep(2));
    run_gate(kNew, x_row, b, f[1]);
    mix(in, plane(kNew, b), layer.coupled ? nullptr : forget, state, state, n);
    run_gate(kOut, x_row, b, f[0], nullptr, peep(1));
    visit_activation(f[2], [&](auto act) {
      map2<1, 1>(plane(kOut, b), state, row(h, b), n, [&](Vec o, Vec x) { return hn::Mul(o, act(x)); });
    });
  }
  void gru_gates(int64_t x_row, int64_t b) const {
    run_gate(kUpdate, x_row, b, f[0]);
    run_gate(kReset, x_row, b, f[0]);
    if (!layer.linear_before_reset)
      map2<1, 1>(plane(kReset, b), row(h, b), row(c, b), shape.hidden,
                 [](Vec x, Vec y) { return hn::Mul(x, y); });
  }
  void gru(int64_t x_row, int64_t b) const {
    float* const candidate = plane(kCandidate, b);
    run_gate(kCandidate, x_row, b, f[1], layer.linear_before_reset ? plane(kReset, b) : nullptr);
    mix(plane(kUpdate, b), row(h, b), nullptr, candidate, row(h, b), shape.hidden);
  }
  void rnn(int64_t x_row, int64_t b) const {
    run_gate(0, x_row, b, f[0]);
    std::memcpy(row(h, b), plane(0, b), size_t(shape.hidden) * sizeof(float));
  }
  void advance(int64_t x_row, int64_t b) const {
    switch (layer.cell) {
      case Layer::kLstm: return lstm(x_row, b);
      case Layer::kGru: return gru(x_row, b);
      case Layer::kRnn: return rnn(x_row, b);
    }
  }
};

// Y = A B' for gates [first, last) of one direction.
Product gates_product(int64_t m, int64_t k, int64_t n, int64_t first, int64_t last) {
  Product p{m, n, k, true, {}, {}};
  for (int64_t g = first; g < last; ++g) p.pairs.push_back({0, g});
  return p;
}

void check_shapes(const Signature& sig, const Shape& s) {
  const auto check = [&](size_t i, const char* name, const Dims& dims) {
    if (sig.has_in(i))
      require(sig.in[i].dims == dims, name, " must have shape ", dims, ", has ", sig.in[i].dims);
  };
  const Dims state =
      s.batch_first ? Dims{s.batch, s.directions, s.hidden} : Dims{s.directions, s.batch, s.hidden};
  check(kW, "W", {s.directions, s.gates * s.hidden, s.input});
  check(kR, "R", {s.directions, s.gates * s.hidden, s.hidden});
  check(kBias, "B", {s.directions, 2 * s.gates * s.hidden});
  check(kLengths, "sequence_lens", {s.batch});
  check(kInitialH, "initial_h", state);
  check(kInitialC, "initial_c", state);
  check(kPeephole, "P", {s.directions, 3 * s.hidden});
}

// All of a call: how it is cut, and where its parts lie in the workspace, in floats.
struct Plan {
  Layer layer;
  Shape shape;
  Product input;
  // Of even steps and of odd ones. What a step used last the next one uses first, while it is in cache:
  // in an LSTM of 256 units, whose R fills L2, 8 % faster.
  Product state[2];
  Product candidate;   // of a GRU that resets the state before the product
  int64_t w_at, r_at;  // packed weights that are not constant
  int64_t direction_at, of_direction, xw, hr, states;
  uint32_t inputs, outputs;  // bit i: operand i is there

  template <class T>
  const T* in(const Buffers& b, size_t i) const {
    return inputs >> i & 1 ? b.input<T>(i) : nullptr;
  }
  float* out(const Buffers& b, size_t i) const { return outputs >> i & 1 ? b.output<float>(i) : nullptr; }

  void run(const Buffers& b) const;
  Direction direction(const Buffers& b, int64_t d) const;
  // States of a direction: an operand's (NULL: zeros) to the workspace, and back to an operand, if it is
  // there.
  void start(const Direction& cell, int64_t d, const float* from, float* to) const;
  void finish(const Direction& cell, int64_t d, float* from, float* to) const;
  // w, r: packed weights of the direction.
  void run_direction(const Buffers& b, int64_t d, const float* w, const float* r) const;
};

void Plan::run(const Buffers& b) const {
  const auto* lengths = in<int32_t>(b, kLengths);
  for (int64_t i = 0; lengths && i < shape.batch; ++i)
    require(lengths[i] >= 0 && lengths[i] <= shape.steps, "a sequence of ", lengths[i], " steps in ",
            shape.steps);
  const auto pack = [&](const Floats& constant, int64_t at, Input input, int64_t k) -> const float* {
    if (constant) return constant.get();
    float* const to = reinterpret_cast<float*>(b.workspace) + at;
    pack_matrices(b.input<float>(input), {1, k}, shape.directions * shape.gates, k, shape.hidden, 1, to);
    return to;
  };
  const float *const w = pack(layer.w, w_at, kW, shape.input), *const r =
                                                                   pack(layer.r, r_at, kR, shape.hidden);
  const double fmas = double(shape.steps * shape.batch * shape.gates) * double(shape.hidden * shape.hidden);
  parallel(shape.directions, fmas * kNsPerFma, [&](int64_t begin, int64_t end) {
    for (int64_t d = begin; d < end; ++d)
      run_direction(b, d, w + d * shape.gates * int64_t(packed_floats(shape.input, shape.hidden)),
                    r + d * shape.gates * int64_t(packed_floats(shape.hidden, shape.hidden)));
  });
}

Direction Plan::direction(const Buffers& b, int64_t d) const {
  const int64_t n = shape.hidden;
  const float *const bias = in<float>(b, kBias), *const peephole = in<float>(b, kPeephole);
  float* const ws = reinterpret_cast<float*>(b.workspace) + direction_at + d * of_direction;
  return {layer,
          shape,
          layer.functions_of(d),
          bias ? bias + d * 2 * shape.gates * n : nullptr,
          peephole ? peephole + d * 3 * n : nullptr,
          ws,
          ws + xw,
          ws + xw + hr,
          ws + xw + hr + states,
          int64_t(state[0].pairs.size())};
}

void Plan::start(const Direction& cell, int64_t d, const float* from, float* to) const {
  const size_t bytes = size_t(shape.hidden) * sizeof(float);
  for (int64_t i = 0; i < shape.batch; ++i)
    if (from)
      std::memcpy(cell.row(to, i), from + shape.state(d, i), bytes);
    else
      std::memset(cell.row(to, i), 0, bytes);
}

void Plan::finish(const Direction& cell, int64_t d, float* from, float* to) const {
  const size_t bytes = size_t(shape.hidden) * sizeof(float);
  for (int64_t i = 0; to && i < shape.batch; ++i)
    std::memcpy(to + shape.state(d, i), cell.row(from, i), bytes);
}

void Plan::run_direction(const Buffers& b, int64_t d, const float* w, const float* r) const {
  const size_t bytes = size_t(shape.hidden) * sizeof(float);
  const auto* lengths = in<int32_t>(b, kLengths);
  const auto length = [&](int64_t i) { return lengths ? lengths[i] : shape.steps; };
  float* const y = out(b, 0);
  int64_t longest = 0;
  for (int64_t i = 0; i < shape.batch; ++i) {
    longest = std::max(longest, length(i));
    for (int64_t t = length(i); y && t < shape.steps; ++t) std::memset(y + shape.y(t, d, i), 0, bytes);
  }

  // Calls f(t, i) for every sequence i that has a step s, t being where that lies in time.
  const bool reverse = layer.reverse || d == 1;
  const double ns = 40.0 * double(shape.gates * shape.hidden) * kNsPerFma;  // 40 operations for each gate
  const auto each = [&](int64_t s, auto f) {
    parallel(shape.batch, ns, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        if (s < length(i)) f(reverse ? length(i) - 1 - s : s, i);
    });
  };

  Direction cell = direction(b, d);
  start(cell, d, in<float>(b, kInitialH), cell.h);
  start(cell, d, in<float>(b, kInitialC), cell.c);
  if (longest > 0) multiply(input, {b.input<float>(kX), w, nullptr, nullptr, false, cell.xw});
  for (int64_t s = 0; s < longest; ++s) {
    cell.odd = s % 2;
    multiply(state[s % 2], {cell.h, r, nullptr, nullptr, false, cell.hr});
    if (layer.cell == Layer::kGru) {
      each(s, [&](int64_t t, int64_t i) { cell.gru_gates(shape.x_row(t, i), i); });
      if (!layer.linear_before_reset)
        multiply(candidate, {cell.c, r, nullptr, nullptr, false, cell.plane(kCandidate, 0)});
    }
    each(s, [&](int64_t t, int64_t i) {
      cell.advance(shape.x_row(t, i), i);
      if (y) std::memcpy(y + shape.y(t, d, i), cell.row(cell.h, i), bytes);
    });
  }
  finish(cell, d, cell.h, out(b, 1));
  finish(cell, d, cell.c, out(b, 2));
}

Step Layer::prepare(const Signature& sig) const {
  for (const size_t i : {kX, kW, kR}) require(sig.in[i].rank() == 3, "X, W and R must have rank 3");
  const Dims &x = sig.in[kX].dims, &r_dims = sig.in[kR].dims;
  Plan p{};
  p.layer = *this;
  p.shape = {gates, directions, x[batch_first], x[!batch_first], x[2], r_dims[2], batch_first};
  const Shape& s = p.shape;
  require(hidden_size < 0 || hidden_size == s.hidden, "hidden_size is ", hidden_size, ", R has ", s.hidden);

  const auto floats = [](std::initializer_list<int64_t> dims) {  // throws when there are too many
    return round_up(sdk::element_count(dims), 16);
  };
  const int64_t columns = round_up(s.hidden, kBlock);
  p.xw = floats({gates, s.steps, s.batch, s.hidden});
  p.hr = floats({gates, s.batch, s.hidden});
  p.states = floats({s.batch, s.hidden});
  p.of_direction = p.xw + p.hr + 2 * p.states;
  p.r_at = w ? 0 : floats({directions, gates, s.input, columns});
  p.direction_at = p.r_at + (r ? 0 : floats({directions, gates, s.hidden, columns}));

  check_shapes(sig, s);
  const bool resets_first = cell == kGru && !linear_before_reset;
  p.input = gates_product(s.steps * s.batch, s.input, s.hidden, 0, gates);
  p.state[0] = gates_product(s.batch, s.hidden, s.hidden, 0, resets_first ? int64_t(kCandidate) : gates);
  p.state[1] = p.state[0];
  std::ranges::reverse(p.state[1].pairs);
  p.candidate = gates_product(s.batch, s.hidden, s.hidden, kCandidate, kCandidate + 1);
  for (size_t i = 0; i < sig.in.size(); ++i) p.inputs |= uint32_t(sig.in[i].present()) << i;
  for (size_t i = 0; i < sig.out.size(); ++i) p.outputs |= uint32_t(sig.out[i].present()) << i;

  const size_t bytes = size_t(floats({p.direction_at + directions * p.of_direction, sizeof(float)}));
  return {[p = std::move(p)](const Buffers& b) { p.run(b); }, bytes};
}

// ---------------------------------------------------------------------------------- from a node

// The standard's activation functions that this kernel has, with alpha and beta where none are given.
struct Function {
  std::string_view name;
  Activation default_;
  int parameters;
};
constexpr Function kFunctions[] = {
    {"relu", {Activation::kRelu}, 0},         {"tanh", {Activation::kTanh}, 0},
    {"sigmoid", {Activation::kSigmoid}, 0},   {"softsign", {Activation::kSoftsign}, 0},
    {"softplus", {Activation::kSoftplus}, 0}, {"leakyrelu", {Activation::kLeakyRelu, 0.01f}, 1},
    {"elu", {Activation::kElu, 1}, 1},        {"hardsigmoid", {Activation::kHardSigmoid, 0.2f, 0.5f}, 2}};

Layer layer_of(const Node& node) {
  Layer l{};
  l.cell = node.is("LSTM") ? Layer::kLstm : node.is("GRU") ? Layer::kGru : Layer::kRnn;
  l.gates = l.cell == Layer::kLstm ? 4 : l.cell == Layer::kGru ? 3 : 1;
  l.directions = node.s("direction") == "bidirectional" ? 2 : 1;
  l.hidden_size = node.i("hidden_size", -1);
  l.reverse = node.s("direction") == "reverse";
  l.batch_first = node.i("layout") == 1;
  l.coupled = node.i("input_forget") != 0;
  l.linear_before_reset = node.i("linear_before_reset") != 0;
  if (node.has("clip")) l.clip = std::fabs(node.f("clip"));
  return l;
}

// The functions of all directions into l, or why they cannot be taken. The lists of alphas and betas have
// entries only for functions that take them.
std::string read_functions(const Node& node, Layer& l) {
  std::vector<std::string> names = node.strings("activations");
  std::vector<std::string> defaults = {"tanh"};
  if (l.cell != Layer::kRnn) defaults.insert(defaults.begin(), "sigmoid");
  if (l.cell == Layer::kLstm) defaults.emplace_back("tanh");
  const size_t count = defaults.size() * size_t(l.directions);
  for (size_t i = 0; names.size() < count && node.strings("activations").empty(); ++i)
    names.push_back(defaults[i % defaults.size()]);
  if (names.size() != count) return sdk::cat(names.size(), " activations, not ", count);
  const std::vector<float> alphas = node.floats("activation_alpha"), betas = node.floats("activation_beta");
  size_t alpha = 0, beta = 0;
  for (std::string& name : names) {
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    const auto* f = std::ranges::find(kFunctions, name, &Function::name);
    if (f == std::end(kFunctions)) return "activation " + name;
    Activation& a = l.functions.emplace_back(f->default_);
    if (f->parameters > 0 && alpha < alphas.size()) a.a = alphas[alpha++];
    if (f->parameters > 1 && beta < betas.size()) a.b = betas[beta++];
  }
  return "";
}

std::string supports(const Node& node) {
  const Graph graph(node.graph());
  const auto check = [&](uint32_t id, hrt_dtype wanted) -> std::string {
    if (id == HRT_NONE || graph.value(id).dtype() == wanted) return "";
    return sdk::cat("dtype ", dtype_name(graph.value(id).dtype()));
  };
  for (size_t i = 0; i < node.inputs().size(); ++i)
    if (std::string reason = check(node.input(i), i == kLengths ? HRT_INT32 : HRT_FLOAT32); !reason.empty())
      return reason;
  for (const uint32_t id : node.outputs())
    if (std::string reason = check(id, HRT_FLOAT32); !reason.empty()) return reason;
  const std::string direction = node.s("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return "direction " + direction;
  if (const int64_t layout = node.i("layout"); layout != 0 && layout != 1) return sdk::cat("layout ", layout);
  Layer l = layer_of(node);
  return read_functions(node, l);
}

Compiled compile(const Node& node) {
  Layer l = layer_of(node);
  read_functions(node, l);
  Compiled c;
  const auto pack = [&](Input i, Floats& to) {
    const auto data = Graph(node.graph()).value(node.input(i)).constant();
    if (!data || data->rank() != 3) return;  // prepare refuses other ranks
    const int64_t n = data->dim(1) / l.gates, k = data->dim(2);
    const int64_t count = data->dim(0) * l.gates;
    to = make_floats(packed_floats(k, n) * size_t(count));
    pack_matrices(data->data<float>(), {1, k}, count, k, n, 1, to.get());
    c.packed |= 1u << i;
  };
  pack(kW, l.w);
  pack(kR, l.r);
  c.prepare = [l = std::move(l)](const Signature& sig) { return l.prepare(sig); };
  return c;
}

double flops(const Node& node) {
  const Graph graph(node.graph());
  const auto w = graph.value(node.input(kW)).dims(), r = graph.value(node.input(kR)).dims();
  if (w.size() != 3 || r.size() != 3 || !sdk::all_numbers(w) || !sdk::all_numbers(r)) return 0;
  return 2.0 * double(layer_of(node).gates) * double(w[2] + r[2]);
}

constexpr Op kOps[] = {{"", "LSTM", supports, compile, flops},
                       {"", "GRU", supports, compile, flops},
                       {"", "RNN", supports, compile, flops}};

}  // namespace

std::span<const Op> recurrent_ops() { return kOps; }

}  // namespace hrt::cpu
