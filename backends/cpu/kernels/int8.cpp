// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/int8.h"

#include <cstring>

#include "backends/cpu/kernels/bytes.h"

namespace hrt::cpu {
namespace {

using namespace bytes;

#if defined(__x86_64__) && HWY_CAP_GE256
#define HRT_QUADS 1
#endif

// sum + the products of the groups of a and b.
struct Pairs {
  HWY_INLINE static VecI dot(VecI sum, VecI a, VecI b) {
#if HWY_ARCH_X86
    const hn::Repartition<int16_t, I32> i16;
    VecI unused = hn::Zero(i32);
    return hn::ReorderWidenMulAccumulate(i32, hn::BitCast(i16, a), hn::BitCast(i16, b), sum, unused);
#else
    const auto low = [](VecI v) { return hn::ShiftRight<16>(hn::ShiftLeft<16>(v)); };
    sum = hn::Add(sum, hn::Mul(low(a), low(b)));
    return hn::Add(sum, hn::Mul(hn::ShiftRight<16>(a), hn::ShiftRight<16>(b)));
#endif
  }
};

struct Quads {
  HWY_INLINE static VecI dot(VecI sum, VecI bytes, VecI weights) {
#if HWY_CAP_GE512 && HRT_QUADS
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(bytes.raw), "v"(weights.raw));
#elif HRT_QUADS
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.raw) : "x"(bytes.raw), "x"(weights.raw));
#else
    (void)bytes, (void)weights;
#endif
    return sum;
  }
};

using TileKernel = void (*)(const uint32_t* rows, const uint32_t* lanes, const int64_t* offsets,
                            int64_t depth, int32_t* sums);

template <class Form, bool kWeightsInLanes, int kRows, int kVectors>
void tile(const uint32_t* rows, const uint32_t* lanes, const int64_t* offsets, int64_t depth, int32_t* sums) {
  VecI sum[kRows][kVectors];
  unroll<kRows>([&](auto r) { unroll<kVectors>([&](auto v) { sum[r][v] = hn::Zero(i32); }); });
  for (int64_t k = 0; k < depth; ++k, rows += kRows) {
    VecI lane[kVectors];
    const int32_t* const at = reinterpret_cast<const int32_t*>(lanes + offsets[k]);
    unroll<kVectors>([&](auto v) { lane[v] = hn::LoadU(i32, at + v * kLanes); });
    unroll<kRows>([&](auto r) {
      const VecI row = hn::Set(i32, int32_t(rows[r]));
      unroll<kVectors>([&](auto v) {
        sum[r][v] = kWeightsInLanes ? Form::dot(sum[r][v], row, lane[v]) : Form::dot(sum[r][v], lane[v], row);
      });
    });
  }
  unroll<kRows>([&](auto r) {
    unroll<kVectors>([&](auto v) { hn::Store(sum[r][v], i32, sums + r * kTileColumns + v * kLanes); });
  });
}

template <class Form, bool kWeightsInLanes, int kRows>
TileKernel of_vectors(int vectors) {
  static constexpr TileKernel kTable[] = {tile<Form, kWeightsInLanes, kRows, 1>,
                                          tile<Form, kWeightsInLanes, kRows, 2>,
                                          tile<Form, kWeightsInLanes, kRows, kTileVectors>};
  return kTable[vectors - 1];
}
template <class Form, bool kWeightsInLanes>
TileKernel of_rows(int64_t rows, int vectors) {
  switch (rows) {
    case 1: return of_vectors<Form, kWeightsInLanes, 1>(vectors);
    case 2: return of_vectors<Form, kWeightsInLanes, 2>(vectors);
    case 4: return of_vectors<Form, kWeightsInLanes, 4>(vectors);
    default: return of_vectors<Form, kWeightsInLanes, kTileRows>(vectors);
  }
}
TileKernel choose(const Int8Product& p, int64_t rows, int vectors) {
  if (p.form == Int8Form::kPairs) return of_rows<Pairs, true>(rows, vectors);  // the sides are alike
  return p.weights_in_lanes ? of_rows<Quads, true>(rows, vectors) : of_rows<Quads, false>(rows, vectors);
}

template <class T>
HWY_INLINE void store_words(T v, int32_t* y, int64_t n) {
  const VecI bits = hn::BitCast(i32, v);
  if (HWY_LIKELY(n >= kLanes)) return hn::StoreU(bits, i32, y);
  alignas(64) int32_t buffer[kLanes];
  hn::Store(bits, i32, buffer);
  for (int64_t i = 0; i < n; ++i) y[i] = buffer[i];
}

template <Int8Finish::Kind kKind, bool kByColumn>
void finish(const Int8Finish& f, const Int8Sums& s, int64_t from, int64_t n, uint8_t* y, int64_t step) {
  using Out = std::conditional_t<kKind == Int8Finish::kBytes, uint8_t, int32_t>;
  const ToBytes to_bytes(f.low, f.high, f.zero);
  for (int64_t r = 0; r < s.rows; ++r, y += step * int64_t(sizeof(Out))) {
    const int32_t* const sums = s.at + r * kTileColumns + from;
    const int64_t at = kByColumn ? s.column + from : s.row + r;
    const auto parameter = [&](const auto tag, const auto* p, int64_t i) {
      return kByColumn ? hn::LoadU(tag, p + at + i) : hn::Set(tag, p[at]);
    };
    for (int64_t i = 0; i < n; i += kLanes) {
      Out* const to = reinterpret_cast<Out*>(y) + i;
      const VecI sum = hn::Add(hn::LoadU(i32, sums + i), parameter(i32, f.init, i));
      if constexpr (kKind == Int8Finish::kInts) {
        store_words(sum, to, n - i);
      } else {
        const Vec v = hn::ConvertTo(f32, sum), scale = parameter(f32, f.scale, i);
        if constexpr (kKind == Int8Finish::kBytes)
          store_bytes(to_bytes(v, scale), to, n - i);
        else
          store_words(f.bias ? hn::MulAdd(v, scale, parameter(f32, f.bias, i)) : hn::Mul(v, scale), to,
                      n - i);
      }
    }
  }
}

template <Int8Finish::Kind kKind>
void finish_as(const Int8Finish& f, const Int8Sums& s, int64_t from, int64_t n, uint8_t* y, int64_t step) {
  f.by_column ? finish<kKind, true>(f, s, from, n, y, step) : finish<kKind, false>(f, s, from, n, y, step);
}

}  // namespace

bool has_quads() {
#if HWY_CAP_GE512 && HRT_QUADS
  static const bool has = __builtin_cpu_supports("avx512vnni");
#elif HRT_QUADS
  static const bool has = __builtin_cpu_supports("avxvnni");
#else
  static const bool has = false;
#endif
  return has;
}

void int8_tile(const Int8Product& p, int64_t block, int64_t t, Int8Sums& out) {
  out.row = block * kTileRows;
  out.rows = std::min<int64_t>(kTileRows, p.rows - out.row);
  out.column = t * p.tile_columns();
  out.columns = std::min(p.tile_columns(), p.columns - out.column);
  const int64_t width = block_width(p.rows, out.row);
  for (int64_t c = 0; c < out.columns; c += kTileColumns) {
    const int64_t n = std::min<int64_t>(kTileColumns, out.columns - c);
    choose(p, width, int(ceil_div(n, kLanes)))(p.broadcast + out.row * p.depth,
                                               p.lanes + (out.column + c) / kTileColumns * p.step, p.offsets,
                                               p.depth, out.at + c);
  }
}

void int8_finish(const Int8Finish& f, const Int8Sums& s, int64_t from, int64_t n, uint8_t* y, int64_t step) {
  switch (f.kind) {
    case Int8Finish::kBytes: return finish_as<Int8Finish::kBytes>(f, s, from, n, y, step);
    case Int8Finish::kInts: return finish_as<Int8Finish::kInts>(f, s, from, n, y, step);
    case Int8Finish::kFloats: return finish_as<Int8Finish::kFloats>(f, s, from, n, y, step);
  }
}

namespace {
// The first `count` of kLanes groups, of every kStride-th byte from p[t] + at on. Behind the last byte
// nothing is read where vectors have masks; elsewhere count is at least kLanes, or more when kStride is 2.
// kBefore: of the bytes after one that is skipped.
template <Int8Form kForm, int kStride, bool kBefore = false>
HWY_INLINE void interleave_vector(const uint8_t* const* p, int64_t at, int64_t count, uint32_t flips,
                                  uint32_t* to) {
  constexpr int kGroup = int(group_of(kForm)), kShift = 32 / kGroup;
  const hn::Rebind<uint16_t, I32> u16;
  const hn::Repartition<uint8_t, decltype(u16)> pairs;
  const auto load = [](auto tag, const uint8_t* from, int64_t bytes) {
#if HWY_CAP_GE512
    if (HWY_UNLIKELY(bytes < int64_t(hn::Lanes(tag))))
      return hn::MaskedLoad(hn::FirstN(tag, size_t(bytes)), tag, from);
#endif
    (void)bytes;
    return hn::LoadU(tag, from);
  };
  auto v = hn::Set(u32, flips);
  unroll<kGroup>([&](auto t) {
    if constexpr (kStride == 1) {
      v = hn::Xor(v, hn::ShiftLeft<int(t) * kShift>(hn::PromoteTo(u32, load(u8, p[t] + at, count))));
    } else {
      const auto two = hn::PromoteTo(u32, hn::BitCast(u16, load(pairs, p[t] + at, count * 2 - 1)));
      const auto one = kBefore ? hn::ShiftRight<8>(two) : hn::And(two, hn::Set(u32, 255));
      v = hn::Xor(v, hn::ShiftLeft<int(t) * kShift>(one));
    }
  });
#if HWY_CAP_GE512
  if (HWY_UNLIKELY(count < kLanes)) return hn::BlendedStore(v, hn::FirstN(u32, size_t(count)), u32, to);
#endif
  hn::StoreU(v, u32, to);
}

template <Int8Form kForm>
void interleave_as(const uint8_t* const* p, int64_t stride, int64_t n, uint32_t flips, uint32_t* to) {
  constexpr int kGroup = int(group_of(kForm)), kShift = 32 / kGroup;
  int64_t i = 0;
#if HWY_CAP_GE512
  if (stride == 1)
    for (; i < n; i += kLanes) interleave_vector<kForm, 1>(p, i, n - i, flips, to + i);
  if (stride == 2)
    for (; i < n; i += kLanes) interleave_vector<kForm, 2>(p, i * 2, n - i, flips, to + i);
#else
  if (stride == 1 && n >= kLanes) {
    for (; i + kLanes <= n; i += kLanes) interleave_vector<kForm, 1>(p, i, kLanes, flips, to + i);
    if (i < n) interleave_vector<kForm, 1>(p, n - kLanes, kLanes, flips, to + n - kLanes);
    return;
  }
  if (stride == 2 && n > kLanes) {
    for (; i + kLanes < n; i += kLanes) interleave_vector<kForm, 2>(p, i * 2, n - i, flips, to + i);
    interleave_vector<kForm, 2, true>(p, (n - kLanes) * 2 - 1, kLanes, flips, to + n - kLanes);
    return;
  }
#endif
  for (; i < n; ++i) {
    uint32_t v = flips;
    for (int t = 0; t < kGroup; ++t) v ^= uint32_t(p[t][i * stride]) << (t * kShift);
    to[i] = v;
  }
}
}  // namespace

void interleave(Int8Form form, const uint8_t* const* p, int64_t stride, int64_t n, uint8_t flip,
                uint32_t* to) {
  if (form == Int8Form::kQuads)
    return interleave_as<Int8Form::kQuads>(p, stride, n, repeated(form, flip), to);
  interleave_as<Int8Form::kPairs>(p, stride, n, repeated(form, flip), to);
}

}  // namespace hrt::cpu
