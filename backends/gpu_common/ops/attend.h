// SPDX-License-Identifier: Apache-2.0
// What the operators of attention share on the device: rows of heads (kernels/heads.comp), and
// softmax(cap(scale Q K') + mask) V over them. The reference: ops/attend.h.
#pragma once

#include <optional>

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

// Where the rows (batch, head, token) of a tensor lie; the elements of a row are neighbours.
struct Heads {
  Ref ref = 0;
  int64_t at = 0, batch = 0, head = 0, token = 0;
};
Heads by_heads(Ref ref, int64_t heads, int64_t tokens, int64_t size);      // (batch, heads, tokens, size)
Heads packed_heads(Ref ref, int64_t heads, int64_t tokens, int64_t size);  // (batch, tokens, heads * size)

// How far the sequences of a batch reach: kernels/lengths.h.
struct Lengths {
  enum Kind : int32_t { kAll, kKeys, kLastKey } kind = kAll;
  Ref keys = HRT_NONE, counts = HRT_NONE;
  Ref total = HRT_NONE;  // one number that keys may not exceed
};

// Those that do not fit a cache of so many keys, `old` of them from before, end the run with an error.
void check_lengths(Emit& emit, const Lengths& lengths, std::string what, int64_t batch, int64_t keys,
                   int64_t tokens, int64_t old);

struct Rotation {
  enum Positions : int32_t { kRows, kIds, kFirstId, kBehindCache } positions = kRows;
  Ref cosines = HRT_NONE, sines = HRT_NONE, ids = HRT_NONE;
  int64_t pairs = 0, limit = 0;  // of elements that turn; rows of the tables
  bool interleaved = false;
};

// Rows that are written by heads, or packed: cache, then tokens with a bias and turned, then zeros.
struct HeadRows {
  hrt_dtype dtype = HRT_FLOAT32;
  int64_t batch = 0, heads = 0, tokens = 0, size = 0;
  Heads x = {};
  int64_t rows = 0;  // of y
  Ref past = HRT_NONE;
  int64_t past_at = 0, old = 0;  // old: rows of the cache
  Ref bias = HRT_NONE;
  int64_t bias_at = 0;
  std::optional<Rotation> rotation = {};
  Lengths lengths = {};
  int64_t keys = 0;     // that lengths may say, at most
  bool cached = false;  // y begins with the cache, even if that is empty
  bool packed = false;
};
void emit_heads(Emit& emit, const HeadRows& rows, Ref y);
// Into memory of its own, by heads.
Heads emit_heads(Emit& emit, const HeadRows& rows);

struct Attend {
  hrt_dtype dtype = HRT_FLOAT32;
  int64_t batch = 0, heads = 0, kv_heads = 0, queries = 0, keys = 0, size = 0, value_size = 0;
  Heads q = {}, k = {}, v = {};
  Ref y = 0;
  bool packed = false;  // y is (batch, queries, heads * value_size), else by heads
  float scale = 1, cap = 0;
  int64_t past = 0;  // place of the first query among the keys
  bool causal = false;
  int64_t left = -1, right = -1;  // keys that are seen beside the query's own; -1: all
  Lengths lengths = {};

  struct Mask {
    Ref ref = HRT_NONE;  // floats
    bool keeps = false;  // it tells by numbers that are not zero which keys are seen; else it is added
    int64_t batch = 0, head = 0, query = 0, keys = 0;  // strides; how many keys it knows
  } mask = {};
  struct Padding {
    Ref ref = HRT_NONE;  // int32
    enum Kind : int32_t { kNone, kEnds, kEndsAndStarts, kKeys } kind = kNone;
    int64_t batch = 0, query = 0;  // strides
    float filter = 0;              // added where a key is masked
  } padding = {};
  enum Sink : int32_t { kNoSink, kOfHead, kZero } sink_kind = kNoSink;
  Ref sink = HRT_NONE;  // floats, by head

  // The scores at a stage: those of the first shown_keys keys.
  enum Stage : int32_t { kNothing, kScaled, kCapped, kMasked, kSoftmax } show = kNothing;
  Ref shown = HRT_NONE;
  int64_t shown_keys = 0;
};
void emit_attend(Emit& emit, const Attend& attend);

// Input i as float32.
Ref floats_in(Emit& emit, size_t i);
// A mask that broadcasts to (batch, heads, queries), of any type; its last dim: keys that it knows.
Attend::Mask mask_in(Emit& emit, size_t i, const Attend& attend);

// supports(): the inputs named are all of one float type that the device stores, and output 0 is.
std::string one_float_type(const Node& node, const Caps& caps, std::span<const size_t> inputs);

inline bool wants(const Emit& emit, size_t output) {
  return output < emit.out().size() && emit.out()[output].present();
}

}  // namespace hrt::gpu
