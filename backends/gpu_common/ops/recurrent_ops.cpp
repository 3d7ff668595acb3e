// SPDX-License-Identifier: Apache-2.0
// RNN, GRU, LSTM: the products of all inputs at once, then the cells step by step (kernels/recurrent.comp).
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "backends/gpu_common/kernels/recurrent_ops.h"
#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/ops/turns.h"

namespace hrt::gpu {
namespace {

// ------------------------------------------------------------------------------------ attributes

struct Function {
  int32_t op = 0;
  float a = 0, b = 0;
  bool operator==(const Function&) const = default;
};
struct FunctionRow {
  const char* name;
  Function f;
  bool takes_a, takes_b;  // from activation_alpha and activation_beta
};
constexpr FunctionRow kFunctions[] = {
    {"relu", {GATE_RELU}, false, false},
    {"tanh", {GATE_TANH}, false, false},
    {"sigmoid", {GATE_SIGMOID}, false, false},
    {"affine", {GATE_AFFINE, 1, 0}, true, true},
    {"leakyrelu", {GATE_LEAKY_RELU, 0.01f}, true, false},
    {"thresholdedrelu", {GATE_THRESHOLDED_RELU, 1}, true, false},
    {"scaledtanh", {GATE_SCALED_TANH, 1, 1}, true, true},
    {"hardsigmoid", {GATE_HARD_SIGMOID, 0.2f, 0.5f}, true, true},
    {"elu", {GATE_ELU, 1}, true, false},
    {"softsign", {GATE_SOFTSIGN}, false, false},
    {"softplus", {GATE_SOFTPLUS}, false, false},
};

int gates_of(const Node& node) { return node.op() == "RNN" ? 1 : node.op() == "GRU" ? 3 : 4; }

// Of all directions, one after the other.
std::vector<Function> functions_of(const Node& node, int directions) {
  const int gates = gates_of(node);
  const size_t each = gates == 1 ? 1 : gates == 3 ? 2 : 3;
  std::vector<std::string> names = node.strings("activations");
  if (names.empty())
    for (size_t i = 0; i < each * size_t(directions); ++i)
      names.emplace_back(gates > 1 && i % each == 0 ? "Sigmoid" : "Tanh");
  require(names.size() == each * size_t(directions), names.size(), " activations, not ",
          each * size_t(directions));
  const auto alphas = node.floats("activation_alpha"), betas = node.floats("activation_beta");
  size_t alpha = 0, beta = 0;
  std::vector<Function> out;
  for (std::string& name : names) {
    for (char& c : name) c = char(std::tolower(static_cast<unsigned char>(c)));
    const auto* row = std::ranges::find(kFunctions, name, &FunctionRow::name);
    require(row != std::end(kFunctions), "there is no activation ", name);
    out.push_back(row->f);
    if (row->takes_a && alpha < alphas.size()) out.back().a = alphas[alpha++];
    if (row->takes_b && beta < betas.size()) out.back().b = betas[beta++];
  }
  return out;
}

struct Attributes {
  int32_t gates = 4, directions = 1;
  bool reverse = false;      // the first direction
  bool batch_first = false;  // layout 1
  bool coupled = false;      // input_forget
  bool late_reset = false;   // linear_before_reset
  float bound = std::numeric_limits<float>::infinity();
  std::vector<Function> functions;
  std::optional<size_t> w, r;  // weights in the layouts that kernels want

  explicit Attributes(const Node& node) : gates(gates_of(node)) {
    const std::string direction = node.s("direction", "forward");
    require(direction == "forward" || direction == "reverse" || direction == "bidirectional",
            "there is no direction ", direction);
    directions = direction == "bidirectional" ? 2 : 1;
    reverse = direction == "reverse";
    batch_first = node.i("layout") == 1;
    coupled = node.i("input_forget") != 0;
    late_reset = node.i("linear_before_reset") != 0;
    if (node.has("clip")) bound = std::fabs(node.f("clip"));
    functions = functions_of(node, directions);
  }
  size_t each() const { return functions.size() / size_t(directions); }
  bool same_functions() const {
    return directions == 1 || std::equal(functions.begin(), functions.begin() + ptrdiff_t(each()),
                                         functions.begin() + ptrdiff_t(each()));
  }
};

std::string supports(const Node& node, const Caps& caps) {
  const Graph graph(node.graph());
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    if (!node.has_input(i) || i == 4) continue;
    const hrt_dtype t = graph.value(node.input(i)).dtype();
    if (t != HRT_FLOAT32 && t != HRT_FLOAT16) return sdk::cat("dtype ", dtype_name(t), " of an input");
    if (std::string reason = storable(t, caps); !reason.empty()) return reason;
  }
  return "";
}

// ---------------------------------------------------------------------------------------- weights

// W, directions x rows x columns, as columns x rows for each direction: right operands of products.
HostMatrices columns_of(const sdk::Tensor& t) {
  const int64_t rows = t.dim(1), columns = t.dim(2);
  return {t.raw(), t.dtype(), t.dim(0), columns, rows, rows * columns, 1, columns};
}

// R with the rows of all gates side by side, so that neighbouring units read neighbouring numbers.
std::vector<char> transposed(const sdk::Tensor& t) {
  const int64_t rows = t.dim(1), columns = t.dim(2);
  const size_t width = dtype_bytes(t.dtype());
  std::vector<char> out(t.bytes());
  const auto* from = static_cast<const char*>(t.raw());
  for (int64_t d = 0; d < t.dim(0); ++d)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t k = 0; k < columns; ++k)
        std::memcpy(out.data() + size_t((d * columns + k) * rows + row) * width,
                    from + size_t((d * rows + row) * columns + k) * width, width);
  return out;
}

void pack_weights(const Node& node, Attributes& at, Uploads& uploads, uint32_t& packed) {
  const Graph graph(node.graph());
  const auto w = graph.value(node.input(1)).constant(), r = graph.value(node.input(2)).constant();
  if (w && w->rank() == 3 && w->size() > 0 && has_panels(uploads.caps())) {
    const std::vector<float> columns = pack_columns(columns_of(*w), panel_columns(uploads.caps(), w->dim(1)));
    at.w = uploads.weight(columns.data(), columns.size() * sizeof(float));
    packed |= 1U << 1;
  }
  if (r && r->rank() == 3 && r->size() > 0 && uploads.caps().is_cpu) {
    const std::vector<char> rows = transposed(*r);
    at.r = uploads.weight(rows.data(), rows.size());
    packed |= 1U << 2;
  }
}

// ------------------------------------------------------------------------------------------- emit

struct Sizes {
  int64_t steps, batch, input, hidden, gates, directions;
  int64_t states() const { return directions * batch * hidden; }
  int64_t rows() const { return gates * hidden; }
};

void require_shape(const Operand& o, const char* name, const Dims& dims) {
  require(!o.present() || o.dims == dims, name, " must have shape ", dims, ", has ", o.dims);
}

Sizes sizes_of(const Emit& e, const Attributes& at) {
  const auto& in = e.in();
  require(in[0].rank() == 3 && in[1].rank() == 3 && in[2].rank() == 3, "X, W and R must have rank 3");
  const Dims& x = in[0].dims;
  const Sizes s{x[at.batch_first], x[!at.batch_first], x[2], in[2].dims[2], at.gates, at.directions};
  require_shape(in[1], "W", {s.directions, s.rows(), s.input});
  require_shape(in[2], "R", {s.directions, s.rows(), s.hidden});
  const Dims state =
      at.batch_first ? Dims{s.batch, s.directions, s.hidden} : Dims{s.directions, s.batch, s.hidden};
  const std::array<std::pair<const char*, Dims>, 5> rest{{{"B", {s.directions, 2 * s.rows()}},
                                                          {"sequence_lens", {s.batch}},
                                                          {"initial_h", state},
                                                          {"initial_c", state},
                                                          {"P", {s.directions, 3 * s.hidden}}}};
  for (size_t i = 0; i < rest.size() && i + 3 < in.size(); ++i)
    require_shape(in[i + 3], rest[i].first, rest[i].second);
  push_int(s.steps * s.batch * s.directions * s.rows());
  push_int(5 * s.states());
  push_int(in[2].count());
  return s;
}

// The products of W with all inputs: directions x (rows of X) x (gates of units).
Ref input_products(Emit& e, const Attributes& at, const Sizes& s) {
  Product p;
  p.m = s.steps * s.batch;
  p.n = s.rows();
  p.k = s.input;
  p.dims = {1, 1, s.directions};
  p.a = {e.in_ref(0), s.input, 1, {}};
  p.b = {0, 1, s.input, {0, 0, at.w ? 1 : s.rows() * s.input}};
  if (at.w) {
    p.packed_b = e.weight(*at.w);
    p.columns_packed = panel_columns(e.caps(), p.n);
  } else {
    p.b.ref = e.in_ref(1);
  }
  p.dtype = e.in()[0].dtype;
  p.y = e.scratch(uint64_t(s.directions * p.m * p.n) * dtype_bytes(p.dtype));
  emit_product(e, p);
  return p.y;
}

// R as the kernel reads it on this device: on processors as transposed() makes it.
Ref state_weights(Emit& e, const Attributes& at, const Sizes& s) {
  if (at.r) return e.weight(*at.r);
  if (!e.caps().is_cpu) return e.in_ref(2);
  const Ref r = e.scratch(e.in()[2].bytes());
  const int64_t matrix = s.rows() * s.hidden;
  copy_box(e, e.in_ref(2), r, e.in()[2].dtype,
           {{s.directions, s.hidden, s.rows()}, {matrix, 1, s.hidden}, {matrix, s.rows(), 1}});
  return r;
}

enum StateMode : int32_t { kZero, kRead, kWrite };  // MODE of kernels/recurrent_state.comp

void move_states(Emit& e, StateMode mode, std::optional<Ref> tensor, Ref states, int64_t n, int64_t at) {
  Call call = element_call("recurrent_state", type_variant(e.in()[0].dtype), n);
  call.constants = {mode};
  call.buffers = {tensor.value_or(states), states};
  call.writes = mode == kWrite ? 1 : 2;
  call.push = {push_int(n), push_int(at)};
  e.dispatch(std::move(call));
}

struct Buffers {
  Ref x, r, states, fault;
};

// How the units of a cell are dealt out: `units` to an invocation or `lanes` invocations to a unit, in
// groups.
struct Deal {
  int64_t lanes = 1, units = 1, group = 32;
};
Deal deal(const Caps& caps, int64_t hidden) {
  if (!caps.is_cpu) return {32, 1, 32};
  // Invocations are SIMD lanes, or else each has SIMD of its own.
  int64_t units = caps.subgroup_size > 1 ? 1 : 16;
  while (hidden % units != 0) units /= 2;
  return {1, units, std::clamp<int64_t>(round_up(hidden / units, 8), 8, caps.subgroup_size > 1 ? 64 : 8)};
}

// Steps first to last of so many directions from one on; stages: of a GRU that resets early. many: by one
// group for each sequence.
struct Part {
  int64_t first, last;
  int32_t direction, directions;
  bool many = false;
  std::array<int32_t, 2> stages{0, 0};
};

Call recurrent_call(Emit& e, const Attributes& at, const Sizes& s, const Buffers& b, const Part& part) {
  const bool cpu = e.caps().is_cpu;
  const Deal dealt = deal(e.caps(), s.hidden);
  const bool wants_y = e.out()[0].present();
  Call call;
  call.kernel = "recurrent";
  call.variant = type_variant(e.in()[0].dtype);
  call.constants = {int32_t(dealt.lanes), at.gates,    part.stages[0], part.stages[1], part.many,
                    e.has_in(3),          e.has_in(7), e.has_in(4),    wants_y,        at.coupled};
  const auto functions = std::span(at.functions).subspan(size_t(part.direction) * at.each(), at.each());
  for (size_t i = 0; i < 3; ++i) call.constants.push_back(i < functions.size() ? functions[i].op : 0);
  call.constants.push_back(int32_t(dealt.units));
  const auto input = [&](size_t i) { return e.has_in(i) ? e.in_ref(i) : b.r; };
  call.buffers = {b.x,    b.r, input(3), input(7), input(4), b.states, wants_y ? e.out_ref(0) : b.states,
                  b.fault};
  call.writes = wants_y ? 0b1100000 : 0b0100000;
  const int64_t step = at.batch_first ? 1 : s.batch, sequence = at.batch_first ? s.steps : 1;
  const int64_t unit = s.directions * s.hidden;
  for (const int64_t v :
       {s.hidden, s.batch, part.directions * s.batch, int64_t(part.direction), s.steps, part.first, part.last,
        s.states(), cpu ? int64_t(1) : s.hidden, cpu ? s.rows() : int64_t(1), step * s.rows(),
        sequence * s.rows(), s.steps * s.batch * s.rows(), at.batch_first ? unit : s.batch * unit,
        at.batch_first ? s.steps * unit : s.hidden, at.batch_first ? s.hidden : s.batch * s.hidden,
        at.batch_first ? unit : s.hidden, at.batch_first ? s.hidden : s.batch * s.hidden,
        int64_t(at.reverse           ? 1
                : at.directions == 2 ? 2
                                     : 0)})
    call.push.push_back(push_int(v));
  call.push.push_back(push_float(at.bound));
  for (float Function::* p : {&Function::a, &Function::b})
    for (size_t i = 0; i < 3; ++i)
      call.push.push_back(push_float(i < functions.size() ? functions[i].*p : 0));
  call.group = {uint32_t(dealt.group), 1, 1};
  call.threads = {part.many ? dealt.group : s.hidden / dealt.units * dealt.lanes, part.directions * s.batch,
                  1};
  return call;
}

// Directions with the same functions go together.
template <class F>
void each_part(const Attributes& at, F&& f) {
  if (at.same_functions()) return f(0, at.directions);
  for (int32_t d = 0; d < at.directions; ++d) f(d, 1);
}

bool two_stages(const Attributes& at) { return at.gates == 3 && !at.late_reset; }

void emit_steps(Emit& e, const Attributes& at, const Sizes& s, const Buffers& b) {
  for (int64_t k = 0; k < s.steps; ++k)
    each_part(at, [&](int32_t direction, int32_t directions) {
      Part part{k, k + 1, direction, directions};
      if (!two_stages(at)) return e.dispatch(recurrent_call(e, at, s, b, part));
      for (const int32_t stage : {1, 2}) {
        part.stages = {stage, stage};
        e.dispatch(recurrent_call(e, at, s, b, part));
      }
    });
}

// As many steps in one dispatch as kMostTurns allows, by one group for each sequence.
void emit_sequences(Emit& e, const Attributes& at, const Sizes& s, const Buffers& b) {
  const Deal dealt = deal(e.caps(), s.hidden);
  const int64_t turns =
      ceil_div(s.hidden, dealt.units * dealt.group) * (s.hidden + dealt.units + 4) * (two_stages(at) ? 2 : 1);
  const int64_t many = kMostTurns / std::max<int64_t>(turns, 1);
  if (many < 2) return emit_steps(e, at, s, b);
  for (int64_t k = 0; k < s.steps; k += many)
    each_part(at, [&](int32_t direction, int32_t directions) {
      Part part{k, std::min(k + many, s.steps), direction, directions, true};
      if (two_stages(at)) part.stages = {1, 2};
      e.dispatch(recurrent_call(e, at, s, b, part));
    });
}

void emit_cells(Emit& e, const Attributes& at, const Sizes& s, const Buffers& b) {
  const auto steps = [&](Emit& to) { emit_steps(to, at, s, b); };
  const auto sequences = [&](Emit& to) { emit_sequences(to, at, s, b); };
  if (!e.caps().is_cpu || s.steps < 2) return steps(e);
  // A step of small cells costs less than a dispatch; large ones want all units of the device.
  constexpr int64_t kSmall = 1 << 16;
  const bool small = s.rows() * s.hidden <= kSmall;
  const std::array<Emit::Way, 2> ways{small ? Emit::Way(sequences) : Emit::Way(steps),
                                      small ? Emit::Way(steps) : Emit::Way(sequences)};
  e.fastest(sdk::cat(s.steps, " ", s.batch, " ", s.hidden, " ", s.directions), ways);
}

void emit(Emit& e, const Attributes& at) {
  const Sizes s = sizes_of(e, at);
  Buffers b{};
  b.states = e.scratch(uint64_t(5 * s.states()) * sizeof(float));
  const auto start = [&](size_t input, int64_t from) {
    const bool given = e.has_in(input);
    move_states(e, given ? kRead : kZero, given ? std::optional(e.in_ref(input)) : std::nullopt, b.states,
                s.states(), from);
  };
  start(5, 0);
  if (at.gates == 4) start(6, 2 * s.states());
  if (s.steps > 0) {
    b.x = input_products(e, at, s);
    b.r = state_weights(e, at, s);
    b.fault = e.has_in(4) ? e.fault(sdk::cat("a sequence has not 0 to ", s.steps, " steps"), "sequence_lens")
                          : b.states;
    emit_cells(e, at, s, b);
  }
  const auto finish = [&](size_t output, int64_t from) {
    if (output < e.out().size() && e.out()[output].present())
      move_states(e, kWrite, e.out_ref(output), b.states, s.states(), from);
  };
  finish(1, s.steps % 2 * s.states());
  finish(2, 2 * s.states());
}

Compiled compile(const Node& node, Uploads& uploads) {
  Compiled c;
  Attributes at(node);
  pack_weights(node, at, uploads, c.packed);
  c.emit = [at](Emit& e) { emit(e, at); };
  return c;
}

double flops(const Node& node) {
  const Graph graph(node.graph());
  const auto w = graph.value(node.input(1)).dims(), r = graph.value(node.input(2)).dims();
  if (w.size() != 3 || r.size() != 3 || !sdk::is_number(w[2]) || !sdk::is_number(r[2])) return 0;
  return 2.0 * gates_of(node) * double(w[2] + r[2]);
}

constexpr Op kOps[] = {
    {"", "RNN", supports, compile, flops},
    {"", "GRU", supports, compile, flops},
    {"", "LSTM", supports, compile, flops},
};

}  // namespace

std::span<const Op> recurrent_ops() { return kOps; }

}  // namespace hrt::gpu
