// SPDX-License-Identifier: Apache-2.0
// RotaryEmbedding of ONNX and of com.microsoft.
// https://onnx.ai/onnx/operators/onnx__RotaryEmbedding.html
#include "backends/gpu_common/ops/attention.h"

namespace hrt::gpu {
namespace {

struct Attributes {
  int64_t heads, rotated;
  bool interleaved, microsoft;
};

std::string supports(const Node& node, const Caps& caps) {
  const bool microsoft = node.is("RotaryEmbedding", "com.microsoft");
  if (node.i("is_packed_batching")) return "attribute is_packed_batching = 1";
  const std::array<size_t, 3> floats =
      microsoft ? std::array<size_t, 3>{0, 2, 3} : std::array<size_t, 3>{0, 1, 2};
  return one_float_type(node, caps, floats);
}

// x as (batch, heads, tokens, size); cache: elements that the tables turn, or 0.
HeadRows rows_of(Emit& emit, const Attributes& at, int64_t cache) {
  const Operand& x = emit.in()[0];
  const bool by_head = x.rank() == 4;
  require(by_head || x.rank() == 3, "x has rank ", x.rank(), ", not 3 or 4");
  HeadRows r{.dtype = x.dtype, .batch = x.dims[0], .packed = !by_head};
  r.tokens = r.rows = x.dims[by_head ? 2 : 1];
  if (by_head) {
    r.heads = x.dims[1];
    r.size = x.dims[3];
    r.x = by_heads(emit.in_ref(0), r.heads, r.tokens, r.size);
    return r;
  }
  r.heads = at.heads;
  if (at.microsoft && at.rotated == 0) {  // heads are as large as the tables
    require(cache > 0, "a cache without columns");
    r.heads = x.dims[2] / cache;
  }
  require(r.heads > 0 && x.dims[2] % r.heads == 0, r.heads, " heads for a hidden size of ", x.dims[2]);
  r.size = x.dims[2] / r.heads;
  r.x = packed_heads(emit.in_ref(0), r.heads, r.tokens, r.size);
  return r;
}

void emit_rotary(Emit& emit, const Attributes& at) {
  const size_t tables = at.microsoft ? 2 : 1, ids = at.microsoft ? 1 : 3;
  const Operand& cosines = emit.in()[tables];
  require(cosines.rank() >= 2 && cosines.dims == emit.in()[tables + 1].dims, "cos_cache of shape ",
          cosines.dims, " and sin_cache of ", emit.in()[tables + 1].dims);
  Rotation turn{.cosines = emit.in_ref(tables),
                .sines = emit.in_ref(tables + 1),
                .pairs = cosines.dims.back(),
                .limit = sdk::element_count(std::span(cosines.dims).first(cosines.dims.size() - 1)),
                .interleaved = at.interleaved};
  HeadRows r = rows_of(emit, at, 2 * turn.pairs);
  const int64_t rotated = at.rotated ? at.rotated : r.size;
  require(2 * turn.pairs == rotated && rotated <= r.size, "a cache of ", cosines.dims, " to turn ", rotated,
          " of ", r.size, " elements");
  if (emit.has_in(ids)) {
    const Dims& d = emit.in()[ids].dims;
    const bool each = d == Dims{r.batch, r.tokens};
    require(each || (at.microsoft && d == Dims{1}), "position_ids of shape ", d);
    turn.positions = each ? Rotation::kIds : Rotation::kFirstId;
    turn.ids = emit.in_ref(ids);
  } else {
    require(turn.limit == r.batch * r.tokens, "a cache of ", cosines.dims, " for ", r.batch * r.tokens,
            " tokens");
  }
  r.rotation = turn;
  emit_heads(emit, r, emit.out_ref(0));
}

Compiled compile(const Node& node, Uploads&) {
  const Attributes at{node.i("num_heads"), node.i("rotary_embedding_dim"), node.i("interleaved") != 0,
                      node.is("RotaryEmbedding", "com.microsoft")};
  Compiled c;
  c.emit = [at](Emit& emit) { emit_rotary(emit, at); };
  return c;
}

constexpr Op kOps[] = {{"", "RotaryEmbedding", supports, compile},
                       {"com.microsoft", "RotaryEmbedding", supports, compile}};

}  // namespace

std::span<const Op> rotary_ops() { return kOps; }

}  // namespace hrt::gpu
