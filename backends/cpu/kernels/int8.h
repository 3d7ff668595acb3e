// SPDX-License-Identifier: Apache-2.0
// Products of matrices of 8-bit integers, summed in 32 bits, exactly.
//
// Both sides are packed into 32-bit groups along the depth. One side lies in vectors, a column per lane;
// the other is broadcast, a row at a time. A tile of kTileRows x kTileColumns sums stays in registers.
//
//   quads  four bytes, activations unsigned and weights signed: vpdpbusd, where the CPU has it. 4 products
//          a lane and instruction.
//   pairs  two int16: vpmaddwd, everywhere. Never vpmaddubsw, whose sums of 16 bits saturate.
//
// Signed activations become unsigned by 128 more, together with their zero point. Weights are packed
// minus their zero points: where a difference takes more than 8 bits, or weights are not known before the
// run, pairs are used. The zero point of activations goes into what is added to the sums: minus zero
// point times the sum of a row or column of weights.
//
// vpdpbusd is inline assembly behind a test of the CPU rather than one more library of the backend: it is
// one instruction of one kernel, and a library more would compile all of the others again.
#pragma once

#include <bit>
#include <functional>

#include "backends/cpu/op.h"
#include "backends/cpu/packed.h"
#include "backends/cpu/simd.h"

namespace hrt::cpu {

inline constexpr int kTileRows = kLanes >= 16 ? 8 : 4, kTileVectors = kLanes >= 16 ? 3 : 2;
inline constexpr int kTileColumns = kTileVectors * kLanes;

enum class Int8Form : uint8_t { kPairs, kQuads };
constexpr int64_t group_of(Int8Form f) { return f == Int8Form::kQuads ? 4 : 2; }

// The CPU has the instruction that quads need.
bool has_quads();

// A tensor of int8 or uint8.
struct Bytes {
  const uint8_t* data = nullptr;
  bool is_signed = false;
  int operator()(int64_t i) const { return is_signed ? int(int8_t(data[i])) : int(data[i]); }
  // What makes a byte unsigned.
  uint8_t flip() const { return is_signed ? 0x80 : 0; }
};
inline bool is_byte(hrt_dtype t) { return t == HRT_INT8 || t == HRT_UINT8; }
// An optional tensor of one zero point or several.
struct ZeroPoints {
  Bytes at;  // data NULL: zero
  bool many = false;
  int operator()(int64_t i) const { return at.data ? at(many ? i : 0) : 0; }
};

// A group of weights; value(t), t < group_of(form).
template <class F>
uint32_t weight_group(Int8Form form, F&& value) {
  uint32_t bits = 0;
  for (int t = 0; t < (form == Int8Form::kQuads ? 4 : 2); ++t)
    bits |= form == Int8Form::kQuads ? uint32_t(uint8_t(value(t))) << (8 * t)
                                     : uint32_t(uint16_t(value(t))) << (16 * t);
  return bits;
}

// to[i] = the group p[0][i], p[1][i], ... of activations, each exclusive-ored with flip.
void interleave(Int8Form form, const uint8_t* const* p, int64_t stride, int64_t n, uint8_t flip,
                uint32_t* to);
// A group of which every member is v.
constexpr uint32_t repeated(Int8Form form, uint8_t v) {
  return form == Int8Form::kQuads ? v * 0x01010101u : v * 0x00010001u;
}

// ------------------------------------------------------------------------------------ the product

// The broadcast side: blocks of kTileRows rows, {depth, block}; the last is as wide as a power of two.
constexpr int64_t block_width(int64_t rows, int64_t first) {
  return std::min<int64_t>(kTileRows, int64_t(std::bit_ceil(uint64_t(rows - first))));
}
constexpr int64_t packed_rows(int64_t rows) {
  const int64_t whole = rows / kTileRows * kTileRows;
  return whole + (whole < rows ? block_width(rows, whole) : 0);
}

struct Int8Product {
  Int8Form form = Int8Form::kPairs;
  bool weights_in_lanes = false;  // else the weights are broadcast
  int64_t rows = 0, columns = 0;
  int64_t depth = 0;  // in groups
  const uint32_t* broadcast = nullptr;
  const uint32_t* lanes = nullptr;  // group k of column c: lanes[offsets[k] + c / kTileColumns * step +
                                    // c % kTileColumns]
  const int64_t* offsets = nullptr;
  int64_t step = 0;

  int64_t blocks() const { return ceil_div(rows, kTileRows); }
  // The columns of a tile; a single row, of a depthwise convolution or a vector, has as many as there is
  // room for, since what a tile costs apart from its products would then be more than these.
  int64_t tile_columns() const { return rows == 1 ? kTileRows * kTileColumns : kTileColumns; }
  int64_t tiles() const { return ceil_div(columns, tile_columns()); }
  // ns of one tile.
  double ns() const { return double(depth) * kTileRows * kTileVectors * 0.3 + 20; }
};

// The sums of one tile: rows kTileColumns apart, with room for a vector more.
struct Int8Sums {
  int64_t row, rows, column, columns;  // where it lies in the product
  alignas(64) int32_t at[kTileRows * kTileColumns + kLanes];
};
void int8_tile(const Int8Product& p, int64_t block, int64_t tile, Int8Sums& out);

// ------------------------------------------------------------------------------- what becomes of sums

// y = sum + init, as int32; or that times scale, plus bias, as float; or that rounded to even, plus the
// zero point, saturated to bytes. Arrays by column have whole tiles.
struct Int8Finish {
  enum Kind : uint8_t { kBytes, kInts, kFloats };
  Kind kind = kInts;
  bool by_column = false;  // init, scale and bias belong to columns, else to rows
  const int32_t* init = nullptr;
  const float* scale = nullptr;
  const float* bias = nullptr;  // of kFloats, or NULL
  float low = 0, high = 0;      // bounds of the output type, minus the zero point
  int32_t zero = 0;

  void bounds(hrt_dtype t, int zero_point) {
    zero = zero_point;
    low = float((t == HRT_INT8 ? -128 : 0) - zero);
    high = float((t == HRT_INT8 ? 127 : 255) - zero);
  }
  size_t width() const { return kind == kBytes ? 1 : 4; }
};
// Columns from ... from + n - 1 of the tile, all rows; these are `step` elements apart in y.
void int8_finish(const Int8Finish& f, const Int8Sums& s, int64_t from, int64_t n, uint8_t* y, int64_t step);

}  // namespace hrt::cpu
