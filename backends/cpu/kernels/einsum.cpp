// SPDX-License-Identifier: Apache-2.0
// Einsum. A term of the equation is a strided view of its operand: a diagonal adds strides, a transposition
// reorders them, an axis of size 1, which broadcasts, is dropped. What only one term has and the result lacks
// is summed; then terms are contracted two at a time, the cheapest pair first, as matrix products for each
// index that both have and something later needs. Views are copied only where a product cannot read them.
// https://onnx.ai/onnx/operators/onnx__Einsum.html
#include <map>
#include <set>

#include "backends/cpu/kernels/broadcast.h"
#include "backends/cpu/kernels/copy.h"
#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/product.h"
#include "backends/cpu/kernels/tile.h"

namespace hrt::cpu {
namespace {

// ------------------------------------------------------------------------------------ the equation

using Labels = std::vector<int>;  // a letter, or kEllipsis + the distance of a dim from the last under it
constexpr int kEllipsis = 256;

struct Equation {
  std::vector<std::string> in;
  std::string out;
  bool explicit_out = false;
};

Equation parse(std::string text) {
  std::erase(text, ' ');
  Equation e;
  const size_t arrow = text.find("->");
  e.explicit_out = arrow != std::string::npos;
  if (e.explicit_out) e.out = text.substr(arrow + 2);
  text.resize(std::min(arrow, text.size()));
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    e.in.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return e;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The labels of a term with this many dims under its ellipsis.
Labels labels_of(const std::string& term, int64_t ellipsis) {
  Labels out;
  bool seen = false;
  for (size_t i = 0; i < term.size(); ++i) {
    if (is_letter(term[i])) {
      out.push_back(term[i]);
      continue;
    }
    require(term.compare(i, 3, "...") == 0 && !seen, "the equation has the term '", term, "'");
    seen = true;
    i += 2;
    for (int64_t k = ellipsis; k-- > 0;) out.push_back(kEllipsis + int(k));
  }
  return out;
}

bool has(const Labels& labels, int label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

// ---------------------------------------------------------------------------------------- the plan

struct Place {
  enum Kind : uint8_t { kInput, kScratch, kOutput };
  Kind kind = kScratch;
  size_t at = 0;  // input; float of the workspace

  float* in(const Buffers& b) const {
    if (kind == kInput) return const_cast<float*>(b.input<float>(at));
    return kind == kOutput ? b.output<float>(0) : reinterpret_cast<float*>(b.workspace) + at;
  }
};

struct Term {
  Labels labels;
  Dims strides;
  Place place;

  int64_t stride(int label) const {
    const auto it = std::find(labels.begin(), labels.end(), label);
    return it == labels.end() ? 0 : strides[size_t(it - labels.begin())];
  }
};

class Plan {
 public:
  Plan(const Equation& e, const Signature& sig);
  Step step();

 private:
  using Run = std::function<void(const Buffers&)>;

  Dims sizes(const Labels& labels) const {
    Dims d;
    for (const int label : labels) d.push_back(size_.at(label));
    return d;
  }
  int64_t count(const Labels& labels) const { return sdk::element_count(sizes(labels)); }
  size_t scratch(int64_t floats) {
    const size_t at = floats_;
    floats_ += size_t(round_up(floats, 16));
    return at;
  }
  // Those of `from` that pass, in the order of the result, the others after them.
  template <class F>
  Labels select(const Labels& from, F&& pass) const {
    Labels out;
    for (const int l : out_)
      if (has(from, l) && pass(l)) out.push_back(l);
    for (const int l : from)
      if (!has(out_, l) && pass(l)) out.push_back(l);
    return out;
  }
  bool needed(int label) const;  // by the result or a term that is still to come
  bool lies_as(const Term& t, const Labels& order) const;
  Term dense(const Labels& order, Place place) const;
  Term target(const Labels& order);
  Term copied(const Term& t, const Labels& order, Place place);
  Term laid_out(const Term& t, const Labels& order);
  Term sum_unneeded(const Term& t);
  Term scale(const Term& a, const Term& b);
  Term contract(const Term& a, const Term& b);
  void add_product(const Term& a, const Term& b, bool transposed, int64_t batch, int64_t m, int64_t n,
                   int64_t k, Place y);

  std::map<int, int64_t> size_;
  Labels out_;
  std::vector<Term> terms_;  // to be contracted
  std::vector<Run> runs_;
  size_t floats_ = 0;
};

Plan::Plan(const Equation& e, const Signature& sig) {
  require(e.in.size() == sig.in.size(), "the equation has ", e.in.size(), " terms for ", sig.in.size(),
          " operands");
  std::vector<Labels> labels;
  int64_t widest = 0;
  std::map<int, int> uses;
  for (size_t i = 0; i < e.in.size(); ++i) {
    const int64_t letters = std::count_if(e.in[i].begin(), e.in[i].end(), is_letter);
    const int64_t under = e.in[i].find('.') == std::string::npos ? 0 : sig.in[i].rank() - letters;
    require(under >= 0 && under + letters == sig.in[i].rank(), "the term '", e.in[i],
            "' does not fit a tensor of rank ", sig.in[i].rank());
    widest = std::max(widest, under);
    labels.push_back(labels_of(e.in[i], under));
    for (size_t d = 0; d < labels[i].size(); ++d) {
      int64_t& size = size_.try_emplace(labels[i][d], 1).first->second;
      const int64_t dim = sig.in[i].dims[d];
      require(size == 1 || dim == 1 || size == dim, "dims ", size, " and ", dim, " under one index");
      if (dim != 1) size = dim;
      ++uses[labels[i][d]];
    }
  }
  if (e.explicit_out) {
    out_ = labels_of(e.out, widest);
  } else {
    for (int64_t k = widest; k-- > 0;) out_.push_back(kEllipsis + int(k));
    for (const auto& [label, n] : uses)
      if (label < kEllipsis && n == 1) out_.push_back(label);
  }
  for (const int label : out_) require(size_.contains(label), "the result has an index that no operand has");
  require(std::set<int>(out_.begin(), out_.end()).size() == out_.size(), "the result has an index twice");
  require(sizes(out_) == sig.out[0].dims, "the result has shape ", sizes(out_));
  std::erase_if(out_, [&](int label) { return size_.at(label) == 1; });
  for (size_t i = 0; i < labels.size(); ++i) {
    Term t{{}, {}, {Place::kInput, i}};
    const Dims strides = strides_of(sig.in[i].dims);
    for (size_t d = 0; d < labels[i].size(); ++d) {
      if (sig.in[i].dims[d] == 1) continue;
      const auto at = std::find(t.labels.begin(), t.labels.end(), labels[i][d]);
      if (at != t.labels.end()) {
        t.strides[size_t(at - t.labels.begin())] += strides[d];
      } else {
        t.labels.push_back(labels[i][d]);
        t.strides.push_back(strides[d]);
      }
    }
    terms_.push_back(std::move(t));
  }
}

bool Plan::needed(int label) const {
  return has(out_, label) ||
         std::any_of(terms_.begin(), terms_.end(), [&](const Term& t) { return has(t.labels, label); });
}

bool Plan::lies_as(const Term& t, const Labels& order) const {
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0; stride *= size_.at(order[i]))
    if (t.stride(order[i]) != stride) return false;
  return order.size() == t.labels.size();
}

Term Plan::dense(const Labels& order, Place place) const { return {order, strides_of(sizes(order)), place}; }

// Where a step is to write a tensor: the output itself when it is the last one.
Term Plan::target(const Labels& order) {
  if (terms_.empty() && order == out_) return dense(order, {Place::kOutput, 0});
  return dense(order, {Place::kScratch, scratch(count(order))});
}

Term Plan::copied(const Term& t, const Labels& order, Place place) {
  require(order.size() <= HRT_MAX_RANK, "a product of ", order.size(), " indices");
  const Dims size = sizes(order);
  Dims from;
  for (const int label : order) from.push_back(t.stride(label));
  runs_.emplace_back([c = make_copy(size, from, strides_of(size), sizeof(float)), x = t.place,
                      y = place](const Buffers& b) { run_copy(c, x.in(b), y.in(b)); });
  return dense(order, place);
}

Term Plan::laid_out(const Term& t, const Labels& order) {
  return lies_as(t, order) ? t : copied(t, order, {Place::kScratch, scratch(count(order))});
}

// Sums over what neither the result nor another term has.
Term Plan::sum_unneeded(const Term& t) {
  const Labels kept = select(t.labels, [&](int l) { return needed(l); });
  if (kept.size() == t.labels.size()) return t;
  Labels order = kept;
  for (const int l : t.labels)
    if (!has(kept, l)) order.push_back(l);
  const Term x = laid_out(t, order), y = target(kept);
  const int64_t rows = count(kept), n = sdk::element_count(sizes(order)) / std::max<int64_t>(rows, 1);
  runs_.emplace_back([=, from = x.place, to = y.place](const Buffers& b) {
    const float* p = from.in(b);
    float* q = to.in(b);
    parallel(rows, double(n) * 0.1 + 2, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) q[i] = sum_of(p + i * n, n, [](Vec v) { return v; });
    });
  });
  return y;
}

// A product without a sum: outer, element by element, or both.
Term Plan::scale(const Term& a, const Term& b) {
  Labels all = a.labels;
  for (const int l : b.labels)
    if (!has(all, l)) all.push_back(l);
  const auto any = [](int) { return true; };
  const Labels order = select(all, any);
  require(order.size() <= HRT_MAX_RANK, "a product of ", order.size(), " indices");
  const auto aligned = [&](const Term& t) {  // dims of 1 where t lacks an index
    Dims d;
    for (const int l : order) d.push_back(has(t.labels, l) ? size_.at(l) : 1);
    return d;
  };
  const Dims in[] = {aligned(a), aligned(b)};
  const Term x = laid_out(a, select(a.labels, any)), z = laid_out(b, select(b.labels, any)),
             y = target(order);
  runs_.emplace_back([plan = make_broadcast(sizes(order), in), x = x.place, z = z.place,
                      y = y.place](const Buffers& buffers) {
    const float *pa = x.in(buffers), *pb = z.in(buffers);
    float* out = y.in(buffers);
    const bool sa = plan.row_stride(0) != 0, sb = plan.row_stride(1) != 0;
    for_rows(plan, 0.15, [&](const RowRun& r) {
      const auto rows = [&](auto row) {
        for (int64_t j = 0; j < r.m; ++j)
          row(pa + r.offset[0] + j * r.step[0], pb + r.offset[1] + j * r.step[1], out + r.out + j * r.n);
      };
      const auto mul = [](Vec u, Vec v) { return hn::Mul(u, v); };
      if (sa && sb) return rows([&](auto* u, auto* v, auto* w) { map2<1, 1>(u, v, w, r.n, mul); });
      if (sa) return rows([&](auto* u, auto* v, auto* w) { map2<1, 0>(u, v, w, r.n, mul); });
      if (sb) return rows([&](auto* u, auto* v, auto* w) { map2<0, 1>(u, v, w, r.n, mul); });
      rows([&](auto* u, auto* v, auto* w) { map2<0, 0>(u, v, w, r.n, mul); });
    });
  });
  return y;
}

float dot(const float* a, const float* b, int64_t n) {
  Vec s0 = hn::Zero(f32), s1 = s0;
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    s0 = hn::MulAdd(hn::LoadU(f32, a + i), hn::LoadU(f32, b + i), s0);
    s1 = hn::MulAdd(hn::LoadU(f32, a + i + kLanes), hn::LoadU(f32, b + i + kLanes), s1);
  }
  for (; i < n; i += kLanes) {
    const int64_t lanes = std::min<int64_t>(kLanes, n - i);
    s0 = hn::MulAdd(load_n(a + i, lanes), load_n(b + i, lanes), s0);
  }
  return hn::GetLane(hn::SumOfLanes(f32, hn::Add(s0, s1)));
}

// y (batch, m, n) = a (batch, m, k) times b, which is (batch, k, n), or (batch, n, k) when transposed.
void Plan::add_product(const Term& a, const Term& b, bool transposed, int64_t batch, int64_t m, int64_t n,
                       int64_t k, Place y) {
  if (m == 1 && transposed) {  // nothing would be used twice
    runs_.emplace_back([=, pa = a.place, pb = b.place](const Buffers& buffers) {
      const float *x = pa.in(buffers), *z = pb.in(buffers);
      float* to = y.in(buffers);
      parallel(batch * n, double(k) * 0.1 + 5, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) to[i] = dot(x + i / n * k, z + i * k, k);
      });
    });
    return;
  }
  Product p{m, n, k, true, {}, {}};
  for (int64_t i = 0; i < batch; ++i) p.pairs.push_back({i, i});
  // Rows of one panel are packed as they lie; few rows of A would use a packed B hardly twice.
  const bool one_panel = n % kLanes == 0 && Panels{n / kLanes}.count() == 1;
  p.packed = transposed || (!one_panel && (m >= 8 || n < kLanes));
  const size_t packed = packed_floats(k, n);
  const size_t b_at = p.packed ? scratch(batch * int64_t(packed)) : 0;
  const size_t tail_packed = packed_floats(k, p.tail());
  const size_t tail_at = p.tail() ? scratch(batch * int64_t(tail_packed)) : 0;
  runs_.emplace_back([=, p = std::move(p), pa = a.place, pb = b.place](const Buffers& buffers) {
    float* const ws = reinterpret_cast<float*>(buffers.workspace);
    ProductOperands o{pa.in(buffers), pb.in(buffers), nullptr, nullptr, false, y.in(buffers)};
    const float* const from = o.b;
    if (p.packed) {
      pack_matrices(from, transposed ? Strides{1, k} : Strides{n, 1}, batch, k, n, 1, ws + b_at);
      o.b = ws + b_at;
    }
    if (p.tail()) {
      for (int64_t i = 0; i < batch; ++i)
        pack_matrices(from + i * k * n + n - p.tail(), {n, 1}, 1, k, p.tail(), 1,
                      ws + tail_at + size_t(i) * tail_packed);
      o.b_tail = ws + tail_at;
    }
    multiply(p, o);
  });
}

Term Plan::contract(const Term& a, const Term& b) {
  const auto both = [&](int l) { return has(a.labels, l) && has(b.labels, l); };
  const Labels batch = select(a.labels, [&](int l) { return both(l) && needed(l); });
  const Labels k_a = select(a.labels, [&](int l) { return both(l) && !needed(l); });
  if (k_a.empty()) return scale(a, b);
  const Labels k_b = select(b.labels, [&](int l) { return has(k_a, l); });
  const auto join = [](Labels x, const Labels& y, const Labels& z) {
    x.insert(x.end(), y.begin(), y.end());
    x.insert(x.end(), z.begin(), z.end());
    return x;
  };
  // Which operand is the left one, in which order the sum runs, whether the right one is transposed: what
  // needs the fewest elements copied. The result is one of them when it is the last and in another order.
  struct Choice {
    const Term *left, *right;
    Labels m, n, left_order, right_order, result;
    bool transposed;
    int64_t copied;
  };
  std::optional<Choice> best;
  for (const bool swap : {false, true})
    for (const Labels& k : {k_a, k_b})
      for (const bool transposed : {false, true}) {
        Choice c{swap ? &b : &a, swap ? &a : &b, {}, {}, {}, {}, {}, transposed, 0};
        c.m = select(c.left->labels, [&](int l) { return !both(l); });
        c.n = select(c.right->labels, [&](int l) { return !both(l); });
        c.left_order = join(batch, c.m, k);
        c.right_order = transposed ? join(batch, c.n, k) : join(batch, k, c.n);
        c.result = join(batch, c.m, c.n);
        if (!lies_as(*c.left, c.left_order)) c.copied += count(c.left_order);
        if (!lies_as(*c.right, c.right_order)) c.copied += count(c.right_order);
        if (terms_.empty() && c.result != out_) c.copied += count(c.result);
        // A vector is the left operand: the columns of a vector on the right would be mostly empty.
        if (c.n.empty() && !c.m.empty()) c.copied += count(c.result) * kLanes;
        if (!best || c.copied < best->copied) best = std::move(c);
      }
  const Term left = laid_out(*best->left, best->left_order),
             right = laid_out(*best->right, best->right_order);
  const Term y = target(best->result);
  add_product(left, right, best->transposed, count(batch), count(best->m), count(best->n), count(k_a),
              y.place);
  return y;
}

Step Plan::step() {
  Term result;
  if (terms_.size() == 1) {
    const Term t = std::move(terms_[0]);
    terms_.clear();
    result = sum_unneeded(t);
  } else {
    for (size_t i = 0; i < terms_.size(); ++i) {
      Term t = std::move(terms_[i]);
      terms_[i] = {};
      terms_[i] = sum_unneeded(t);
    }
  }
  while (terms_.size() > 1) {
    size_t first = 0, second = 1;
    double least = HUGE_VAL;
    for (size_t i = 0; i < terms_.size(); ++i)
      for (size_t j = i + 1; j < terms_.size(); ++j) {
        double work = double(count(terms_[i].labels));
        for (const int l : terms_[j].labels)
          if (!has(terms_[i].labels, l)) work *= double(size_.at(l));
        if (work >= least) continue;
        least = work;
        first = i;
        second = j;
      }
    const Term a = terms_[first], b = terms_[second];
    terms_.erase(terms_.begin() + std::ptrdiff_t(second));
    terms_.erase(terms_.begin() + std::ptrdiff_t(first));
    result = contract(a, b);
    if (!terms_.empty()) terms_.push_back(result);
  }
  if (result.place.kind != Place::kOutput) copied(result, out_, {Place::kOutput, 0});
  Step step;
  require(floats_ < SIZE_MAX / sizeof(float), "too much to compute");
  step.workspace = floats_ * sizeof(float);
  step.run = [runs = std::move(runs_)](const Buffers& b) {
    for (const Run& run : runs) run(b);
  };
  return step;
}

// ------------------------------------------------------------------------------------------ the row

Compiled compile(const Node& node) {
  Compiled c;
  c.widens = true;
  c.prepare = [e = parse(node.s("equation"))](const Signature& sig) { return Plan(e, sig).step(); };
  return c;
}

}  // namespace

std::span<const Op> einsum_ops() {
  static const Op ops[] = {{"", "Einsum", floats_only, compile}};
  return ops;
}

}  // namespace hrt::cpu
