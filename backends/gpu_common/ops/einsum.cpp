// SPDX-License-Identifier: Apache-2.0
// Einsum: as a product of matrices where it is one, up to copies that put operands or the result in order;
// else term by term (kernels/einsum.comp). https://onnx.ai/onnx/operators/onnx__Einsum.html
#include <algorithm>
#include <cctype>
#include <map>

#include "backends/gpu_common/ops/product.h"
#include "backends/gpu_common/ops/reduce.h"
#include "backends/gpu_common/ops/rows.h"
#include "backends/gpu_common/ops/strided.h"
#include "backends/gpu_common/ops/turns.h"

namespace hrt::gpu {
namespace {

using sdk::cat;

// An index is a letter, or a dim under the ellipsis: kEllipsis + its distance from the last one.
using Indices = std::vector<int>;
constexpr int kEllipsis = 256;
constexpr size_t kMostOperands = 4;

struct Equation {
  std::vector<std::string> terms;
  std::optional<std::string> result;

  explicit Equation(std::string text) : terms(1) {
    std::erase(text, ' ');
    const size_t arrow = text.find("->");
    if (arrow != std::string::npos) result = text.substr(arrow + 2);
    for (const char ch : text.substr(0, arrow)) {
      if (ch == ',')
        terms.emplace_back();
      else
        terms.back() += ch;
    }
  }
};

bool is_letter(char ch) { return std::isalpha(static_cast<unsigned char>(ch)) != 0; }

// How many dims the ellipsis of a term stands for.
size_t under_ellipsis(const std::string& term, size_t rank) {
  const auto letters = size_t(std::ranges::count_if(term, is_letter));
  require(term.find('.') == std::string::npos ? rank == letters : rank >= letters, "the term '", term,
          "' does not fit a tensor of rank ", rank);
  return rank - letters;
}

Indices parse(const std::string& term, size_t ellipsis) {
  Indices out;
  for (size_t i = 0; i < term.size(); ++i) {
    if (is_letter(term[i])) {
      out.push_back(term[i]);
      continue;
    }
    require(term.compare(i, 3, "...") == 0, "the equation has the term '", term, "'");
    i += 2;
    for (size_t k = ellipsis; k-- > 0;) out.push_back(kEllipsis + int(k));
  }
  return out;
}

// Where an operand has its indices; those along which it has one element are not in there.
using Strides = std::map<int, int64_t>;

struct Sum {
  std::map<int, int64_t> sizes;
  std::vector<Strides> operands;
  Indices out, summed;  // of more than one element

  int64_t stride(size_t operand, int index) const {
    const auto it = operands[operand].find(index);
    return it == operands[operand].end() ? 0 : it->second;
  }
  Dims dims(const Indices& indices) const {
    Dims d;
    for (const int i : indices) d.push_back(sizes.at(i));
    return d;
  }
};

// The result as it is written, or as it follows from the terms.
Indices result_of(const Equation& e, const std::vector<Indices>& in, size_t widest) {
  if (e.result) return parse(*e.result, widest);
  Indices out;
  for (size_t k = widest; k-- > 0;) out.push_back(kEllipsis + int(k));
  std::map<int, int> seen;
  for (const Indices& term : in)
    for (const int index : term) ++seen[index];
  for (const auto& [index, count] : seen)
    if (index < kEllipsis && count == 1) out.push_back(index);
  return out;
}

Sum sum_of(const Equation& e, const std::vector<Operand>& x) {
  require(e.terms.size() == x.size(), "the equation has ", e.terms.size(), " terms for ", x.size(),
          " operands");
  std::vector<Indices> in;
  size_t widest = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t n = under_ellipsis(e.terms[i], x[i].dims.size());
    widest = std::max(widest, n);
    in.push_back(parse(e.terms[i], n));
  }
  Sum s;
  for (size_t i = 0; i < x.size(); ++i) {
    const Dims dense = strides_of(x[i].dims);
    Strides& strides = s.operands.emplace_back();
    for (size_t d = 0; d < dense.size(); ++d) {
      int64_t& size = s.sizes.try_emplace(in[i][d], 1).first->second;
      const int64_t here = x[i].dims[d];
      require(size == here || size == 1 || here == 1, "an index has sizes ", size, " and ", here);
      if (here == 1) continue;
      size = here;
      strides[in[i][d]] += dense[d];  // twice in a term: a diagonal
    }
  }
  for (const int index : result_of(e, in, widest)) {
    require(s.sizes.contains(index), "the result has an index that no operand has");
    if (s.sizes.at(index) != 1) s.out.push_back(index);
  }
  for (const auto& [index, size] : s.sizes)
    if (size != 1 && std::ranges::find(s.out, index) == s.out.end()) s.summed.push_back(index);
  return s;
}

// -------------------------------------------------------------------------------- term by term

void emit_terms(Emit& emit, const Sum& s) {
  const int64_t n = emit.out()[0].count(), terms = sdk::element_count(s.dims(s.summed));
  push_int(terms);
  require_turns(emit.caps(), terms);
  for (const Operand& x : emit.in()) push_int(x.count());
  Indices all = s.out;
  all.insert(all.end(), s.summed.begin(), s.summed.end());
  std::vector<int32_t> table;
  for (const int i : all) table.push_back(int32_t(push_int(s.sizes.at(i))));
  for (size_t k = 0; k < s.operands.size(); ++k)
    for (const int i : all) table.push_back(int32_t(push_int(s.stride(k, i))));
  if (table.empty()) table.push_back(0);
  Call call = element_call("einsum", type_variant(emit.out()[0].dtype), n);
  call.constants = {int32_t(s.operands.size()), int32_t(s.out.size()), int32_t(s.summed.size())};
  call.push = {push_int(n), push_int(terms)};
  for (size_t k = 0; k < kMostOperands; ++k)
    call.buffers.push_back(emit.in_ref(k < emit.in().size() ? k : 0));
  call.buffers.push_back(emit.out_ref(0));
  call.buffers.push_back(emit.data(table.data(), table.size() * sizeof(int32_t)));
  call.writes = 1u << kMostOperands;
  emit.dispatch(std::move(call));
}

// ------------------------------------------------------------------------------- as a product

// Indices of two operands, by where they are: in both and the result, in the result and one of them, summed.
struct Roles {
  Indices batch, m, n, k;
};
std::optional<Roles> roles_of(const Sum& s, size_t a, size_t b) {
  Roles r;
  for (const int i : s.out) {
    const bool in_a = s.operands[a].contains(i), in_b = s.operands[b].contains(i);
    (in_a && in_b ? r.batch : in_a ? r.m : r.n).push_back(i);
  }
  for (const int i : s.summed) {
    if (!s.operands[a].contains(i) || !s.operands[b].contains(i)) return std::nullopt;
    r.k.push_back(i);
  }
  return r;
}

// Indices as dims that all the operands walk evenly.
struct Walked {
  Dims dims;
  std::vector<Dims> strides;  // by operand
};
Walked walked(const Indices& indices, const std::map<int, int64_t>& sizes,
              std::initializer_list<const Strides*> operands) {
  Walked w{{}, std::vector<Dims>(operands.size())};
  for (const int i : indices) {
    const int64_t n = sizes.at(i);
    bool runs_on = !w.dims.empty();
    size_t k = 0;
    for (const Strides* o : operands) runs_on = runs_on && w.strides[k++].back() == o->at(i) * n;
    k = 0;
    for (const Strides* o : operands) {
      if (runs_on)
        w.strides[k++].back() = o->at(i);
      else
        w.strides[k++].push_back(o->at(i));
    }
    if (runs_on)
      w.dims.back() *= n;
    else
      w.dims.push_back(n);
  }
  return w;
}

struct View {
  Ref ref;
  Strides strides;
};

// A copy in which these indices follow one another.
View in_order(Emit& emit, const Sum& s, const View& x, const Indices& indices) {
  const hrt_dtype dtype = emit.out()[0].dtype;
  const Dims dims = s.dims(indices), dense = strides_of(dims);
  View y{emit.scratch(uint64_t(sdk::element_count(dims)) * dtype_bytes(dtype)), {}};
  Box box{dims, {}, dense};
  for (size_t d = 0; d < indices.size(); ++d) {
    box.xs.push_back(x.strides.at(indices[d]));
    y.strides[indices[d]] = dense[d];
  }
  copy_box(emit, x.ref, y.ref, dtype, box);
  return y;
}

Indices joined(std::initializer_list<const Indices*> lists) {
  Indices out;
  for (const Indices* l : lists) out.insert(out.end(), l->begin(), l->end());
  return out;
}

Batch batch_of(const Dims& d, int64_t filler) {
  Batch out{filler, filler, filler};
  std::ranges::copy(d, out.end() - int64_t(d.size()));
  return out;
}

// The operands as strided matrices, or nothing when strides do not say where they lie.
std::optional<Product> matrices(const Sum& s, const Roles& r, const View& a, const View& b) {
  const Walked batch = walked(r.batch, s.sizes, {&a.strides, &b.strides}),
               k = walked(r.k, s.sizes, {&a.strides, &b.strides}), m = walked(r.m, s.sizes, {&a.strides}),
               n = walked(r.n, s.sizes, {&b.strides});
  if (batch.dims.size() > 3 || k.dims.size() > 1 || m.dims.size() > 1 || n.dims.size() > 1)
    return std::nullopt;
  const auto size = [](const Walked& w) { return w.dims.empty() ? 1 : w.dims[0]; };
  const auto stride = [](const Walked& w, size_t operand) {
    return w.dims.empty() ? 0 : w.strides[operand][0];
  };
  Product p;
  p.m = size(m);
  p.n = size(n);
  p.k = size(k);
  p.dims = batch_of(batch.dims, 1);
  p.a = {a.ref, stride(m, 0), stride(k, 0), batch_of(batch.strides[0], 0)};
  p.b = {b.ref, stride(k, 1), stride(n, 0), batch_of(batch.strides[1], 0)};
  return p;
}

void emit_as_product(Emit& emit, const Sum& s, const Roles& r, size_t left) {
  View a{emit.in_ref(left), s.operands[left]}, b{emit.in_ref(1 - left), s.operands[1 - left]};
  std::optional<Product> p = matrices(s, r, a, b);
  if (!p) {
    a = in_order(emit, s, a, joined({&r.batch, &r.m, &r.k}));
    p = matrices(s, r, a, b);
  }
  if (!p) {
    b = in_order(emit, s, b, joined({&r.batch, &r.k, &r.n}));
    p = matrices(s, r, a, b);
  }
  require(p.has_value(), "operands in order are matrices");
  const Operand& y = emit.out()[0];
  const Indices order = joined({&r.batch, &r.m, &r.n});
  const bool as_it_is = order == s.out;
  p->dtype = y.dtype;
  p->y = as_it_is ? emit.out_ref(0) : emit.scratch(y.bytes());
  emit_product(emit, *p);
  if (as_it_is) return;
  const Dims from = strides_of(s.dims(order)), to = strides_of(s.dims(s.out));
  Box box{s.dims(order), from, {}};
  for (const int i : order) box.ys.push_back(to[size_t(std::ranges::find(s.out, i) - s.out.begin())]);
  copy_box(emit, p->y, emit.out_ref(0), y.dtype, box);
}

void emit_einsum(Emit& emit, const Equation& e) {
  const Sum s = sum_of(e, emit.in());
  if (emit.out()[0].count() == 0) return;
  const bool floats = emit.out()[0].dtype == HRT_FLOAT32 || emit.out()[0].dtype == HRT_FLOAT16;
  if (s.operands.size() == 1 && !s.summed.empty() && emit.out()[0].dtype != HRT_FLOAT64) {
    const View x = in_order(emit, s, {emit.in_ref(0), s.operands[0]}, joined({&s.out, &s.summed}));
    const Dims rows{emit.out()[0].count(), sdk::element_count(s.dims(s.summed))};
    return emit_reduction(emit, Reduction::kSum, {x.ref, emit.out()[0].dtype, rows}, {false, true},
                          emit.out_ref(0));
  }
  if (s.operands.size() == 1 && s.summed.empty()) {
    const View x{emit.in_ref(0), s.operands[0]};
    Box box{s.dims(s.out), {}, strides_of(s.dims(s.out))};
    for (const int i : s.out) box.xs.push_back(x.strides.at(i));
    return copy_box(emit, x.ref, emit.out_ref(0), emit.out()[0].dtype, box);
  }
  if (s.operands.size() == 2 && floats && !s.summed.empty()) {
    // The operand that has the last index of the result is the right factor.
    const size_t left = s.out.empty() || s.operands[1].contains(s.out.back()) ? 0 : 1;
    if (const auto roles = roles_of(s, left, 1 - left)) return emit_as_product(emit, s, *roles, left);
  }
  emit_terms(emit, s);
}

std::string supports(const Node& node, const Caps& caps) {
  static constexpr hrt_dtype kTypes[] = {HRT_FLOAT32, HRT_FLOAT16, HRT_INT32, HRT_INT64, HRT_FLOAT64};
  if (node.inputs().size() > kMostOperands) return cat(node.inputs().size(), " operands");
  if (std::string reason = types_only(node, caps, kTypes); !reason.empty()) return reason;
  const hrt_dtype type = Graph(node.graph()).value(node.output(0)).dtype();
  if (type == HRT_INT64 && !caps.i64) return "this device has no 64-bit integers";
  return type == HRT_FLOAT64 && !caps.f64 ? "this device has no 64-bit floats" : "";
}

Compiled compile(const Node& node, Uploads&) {
  Compiled c;
  c.emit = [e = Equation(node.s("equation"))](Emit& emit) { emit_einsum(emit, e); };
  return c;
}

constexpr Op kOps[] = {{"", "Einsum", supports, compile}};

}  // namespace

std::span<const Op> einsum_ops() { return kOps; }

}  // namespace hrt::gpu
