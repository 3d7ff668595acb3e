// SPDX-License-Identifier: Apache-2.0
// LinearAttention: a recurrent state per head, S += k (x) v with optional decay and delta rule, read by
// o = scale * q S, token by token. https://onnx.ai/onnx/operators/onnx__LinearAttention.html
#include "norm.h"

namespace hrt::ops {
namespace {

struct Sizes {
  int64_t q_heads, kv_heads;
};
Sizes heads_of(const Node& node) {
  const Sizes s{node.i("q_num_heads"), node.i("kv_num_heads")};
  require(s.q_heads > 0 && s.kv_heads > 0 && s.q_heads % s.kv_heads == 0, s.q_heads, " query heads for ",
          s.kv_heads, " key and value heads");
  return s;
}

// A dimension divided by a number of heads.
int64_t per_head(const Infer& c, int64_t d, int64_t heads) {
  return c.dim(d, heads, [](int64_t x, int64_t n) {
    require(x % n == 0, "a hidden size of ", x, " for ", n, " heads");
    return x / n;
  });
}

void infer(const Infer& c) {
  const Sizes h = heads_of(c.node());
  const auto q = c.dims(0), v = c.dims(2);
  require((!q || q->size() == 3) && (!v || v->size() == 3), "query and value do not have rank 3");
  const hrt_dtype state = c.has(3) ? c.dtype(3) : c.dtype(0);
  if (!q || !v) {
    c.output(0, TensorType(c.dtype(0)));
    if (c.output_count() > 1) c.output(1, TensorType(state));
    return;
  }
  const int64_t d_k = per_head(c, (*q)[2], h.q_heads), d_v = per_head(c, (*v)[2], h.kv_heads);
  c.output(0, TensorType(c.dtype(0), {(*q)[0], (*q)[1], c.mul(d_v, h.q_heads)}));
  if (c.output_count() > 1) c.output(1, TensorType(state, {(*q)[0], h.kv_heads, d_k, d_v}));
}

void compute(const Kernel& c) {
  const Tensor query = c.input(0), key = c.input(1), value = c.input(2);
  const auto past = c.optional(3), decay_input = c.optional(4), beta_input = c.optional(5);
  const Sizes h = heads_of(c.node());
  const std::string rule = c.node().s("update_rule", "gated_delta");
  const bool gated = rule == "gated" || rule == "gated_delta",
             delta = rule == "delta" || rule == "gated_delta";
  require(gated || delta || rule == "linear", "update_rule is '", rule, "'");
  require(gated == decay_input.has_value() && delta == beta_input.has_value(),
          "decay and beta do not go with update_rule '", rule, "'");
  for (const Tensor& t : {query, key, value})
    require(t.rank() == 3 && t.dim(0) == query.dim(0) && t.dim(1) == query.dim(1), "an input of shape ",
            t.dims(), " beside a query of ", query.dims());
  const int64_t batch = query.dim(0), tokens = query.dim(1);
  const int64_t d_k = query.dim(2) / h.q_heads, d_v = value.dim(2) / h.kv_heads;
  require(
      query.dim(2) == d_k * h.q_heads && key.dim(2) == d_k * h.kv_heads && value.dim(2) == d_v * h.kv_heads,
      "query, key and value of shapes ", query.dims(), ", ", key.dims(), " and ", value.dims());
  auto gate_width = [&](const std::optional<Tensor>& t, int64_t a, int64_t b) -> int64_t {
    if (!t) return 1;
    require(t->rank() == 3 && t->dim(0) == batch && t->dim(1) == tokens && (t->dim(2) == a || t->dim(2) == b),
            "a gate has shape ", t->dims());
    return t->dim(2);
  };
  const int64_t decay_width = gate_width(decay_input, h.kv_heads, h.kv_heads * d_k);
  const int64_t beta_width = gate_width(beta_input, h.kv_heads, 1);
  const Dims state_dims{batch, h.kv_heads, d_k, d_v};
  require(!past || std::ranges::equal(past->dims(), state_dims), "past_state does not have shape ",
          state_dims);

  const auto q = to_doubles(query), k = to_doubles(key), v = to_doubles(value);
  const auto decay = decay_input ? to_doubles(*decay_input) : std::vector<double>{};
  const auto beta = beta_input ? to_doubles(*beta_input) : std::vector<double>{};
  std::vector<double> state =
      past ? to_doubles(*past) : std::vector<double>(size_t(element_count(state_dims)));
  const double given = c.node().f("scale", 0), scale = given != 0 ? given : 1 / std::sqrt(double(d_k));
  const Tensor y = c.output(0, query.dtype(), Dims{batch, tokens, h.q_heads * d_v});
  std::vector<double> change(static_cast<size_t>(d_v));

  // One token of one key and value head: decays the state, then adds k (x) change to it.
  auto update = [&](double* s, int64_t token, int64_t head) {
    const double *kt = &k[size_t((token * h.kv_heads + head) * d_k)],
                 *vt = &v[size_t((token * h.kv_heads + head) * d_v)];
    for (int64_t i = 0; gated && i < d_k; ++i) {
      const int64_t g = decay_width == h.kv_heads ? head : head * d_k + i;
      const double factor = std::exp(decay[size_t(token * decay_width + g)]);
      for (int64_t j = 0; j < d_v; ++j) s[i * d_v + j] *= factor;
    }
    for (int64_t j = 0; j < d_v; ++j) {
      change[size_t(j)] = vt[j];
      if (!delta) continue;
      double known = 0;
      for (int64_t i = 0; i < d_k; ++i) known += s[i * d_v + j] * kt[i];
      change[size_t(j)] = beta[size_t(token * beta_width + (beta_width == 1 ? 0 : head))] * (vt[j] - known);
    }
    for (int64_t i = 0; i < d_k; ++i)
      for (int64_t j = 0; j < d_v; ++j) s[i * d_v + j] += kt[i] * change[size_t(j)];
  };
  dispatch(TypeList<float, float16, bfloat16>{}, query.dtype(), [&]<class T>() {
    for (int64_t token = 0; token < batch * tokens; ++token) {
      double* states = state.data() + token / tokens * h.kv_heads * d_k * d_v;
      for (int64_t head = 0; head < h.kv_heads; ++head) update(states + head * d_k * d_v, token, head);
      for (int64_t head = 0; head < h.q_heads; ++head) {
        const double* s = states + head / (h.q_heads / h.kv_heads) * d_k * d_v;
        const double* qt = q.data() + (token * h.q_heads + head) * d_k;
        for (int64_t j = 0; j < d_v; ++j) {
          double sum = 0;
          for (int64_t i = 0; i < d_k; ++i) sum += qt[i] * s[i * d_v + j];
          y.data<T>()[(token * h.q_heads + head) * d_v + j] = T(float(scale * sum));
        }
      }
    }
  });
  if (!c.wanted(1)) return;
  const Tensor present = c.output(1, past ? past->dtype() : query.dtype(), state_dims);
  dispatch(TypeList<float, float16, bfloat16>{}, present.dtype(), [&]<class T>() {
    for (size_t i = 0; i < state.size(); ++i) present.data<T>()[i] = T(float(state[i]));
  });
}

constexpr uint64_t kTypes = bits(HRT_FLOAT32, HRT_FLOAT16, HRT_BFLOAT16);

const Register linear_attention(Op{
    .name = "LinearAttention",
    .since = 27,
    .doc = "attention with a recurrent state instead of a softmax",
    .inputs = {{"query", "T"},
               {"key", "T"},
               {"value", "T"},
               {"past_state", "S", HRT_PARAM_OPTIONAL},
               {"decay", "T", HRT_PARAM_OPTIONAL},
               {"beta", "T", HRT_PARAM_OPTIONAL}},
    .outputs = {{"output", "T"}, {"present_state", "S", HRT_PARAM_OPTIONAL}},
    .attrs = {{"chunk_size", HRT_ATTR_INT, "64"},
              {"kv_num_heads", HRT_ATTR_INT, "", true},
              {"q_num_heads", HRT_ATTR_INT, "", true},
              {"scale", HRT_ATTR_FLOAT, "0"},
              {"update_rule", HRT_ATTR_STRING, "gated_delta"}},
    .types = {{"T", kTypes}, {"S", kTypes}},
    .infer = infer,
    .compute = compute,
});

}  // namespace
}  // namespace hrt::ops
