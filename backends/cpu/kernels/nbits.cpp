// SPDX-License-Identifier: Apache-2.0
// MatMulNBits of com.microsoft: Y = A W' + bias, W (N, K) in 4 or 8 bits with a scale, and perhaps a zero
// point, for every block of a row. Few rows of A: W is read once, at the speed of memory, and multiplied as
// it is unpacked; sum_k a (q - z) s = s (sum_k a q - z sum_k a) for each block, where the sums of a are made
// once. More rows: pieces of W become packed float panels in cache, on which the register tile works.
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulNBits
#include <cstring>
#include <memory>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/tile.h"
#include "backends/cpu/kernels/transpose.h"
#include "backends/cpu/kernels/vec_math.h"
#include "backends/cpu/packed.h"

namespace hrt::cpu {
namespace {

enum : size_t { kA, kB, kScales, kZeros, kGroups, kBias };

constexpr int64_t kFewRows = 4;
constexpr int64_t kDepth = 128;  // of a float panel; twice that, and its columns evict one another from L1

using U8 = hn::Rebind<uint8_t, F32>;
using I32 = hn::RebindToSigned<F32>;

struct Weights {
  int64_t n = 0, k = 0, bits = 4, block = 32;
  // Rows of blocks. Of 4 bits, a vector's width of bytes holds twice as many elements: the first half in the
  // low bits, the second in the high bits, so that both unpack to neighbours.
  std::shared_ptr<uint8_t[]> q;
  Floats scales, shifts;  // (n, blocks): s, and -z s

  int64_t blocks() const { return ceil_div(k, block); }
  int64_t block_bytes() const { return block * bits / 8; }
  int64_t step() const { return bits == 4 ? 2 * kLanes : kLanes; }  // elements that unpack at once
  const uint8_t* row(int64_t j) const { return q.get() + j * blocks() * block_bytes(); }
};

uint8_t nibble(const uint8_t* p, int64_t i) { return uint8_t(p[i / 2] >> (i % 2 * 4) & 15); }

void pack_block(const Weights& w, const uint8_t* from, uint8_t* to) {
  if (w.bits == 8) return void(std::memcpy(to, from, size_t(w.block)));
  for (int64_t i = 0; i < w.block; i += 2 * kLanes)
    for (int64_t x = 0; x < kLanes; ++x)
      *to++ = uint8_t(nibble(from, i + x) | nibble(from, i + kLanes + x) << 4);
}

// Calls f(i, v) for the vectors of a block, i the first element.
template <int Bits, class F>
HWY_INLINE void unpack(const uint8_t* q, int64_t block, F&& f) {
  const U8 u8;
  const I32 i32;
  for (int64_t i = 0; i < block; i += Bits == 4 ? 2 * kLanes : kLanes, q += kLanes) {
    const auto bytes = hn::PromoteTo(i32, hn::LoadU(u8, q));
    if constexpr (Bits == 4) {
      f(i, hn::ConvertTo(f32, hn::And(bytes, hn::Set(i32, 15))));
      f(i + kLanes, hn::ConvertTo(f32, hn::ShiftRight<4>(bytes)));
    } else {
      f(i, hn::ConvertTo(f32, bytes));
    }
  }
}

// ------------------------------------------------------------------------------------- few rows

// y[r] = row j of W times row r of A, whose rows are whole blocks; sums: of A by row and block. Neighbouring
// blocks add to sums of their own, or the latency of one addition a block would be the time of all.
template <int Bits, size_t R>
void dot_row(const Weights& w, int64_t j, const float* a, const float* sums, float* y, int64_t y_row) {
  const int64_t blocks = w.blocks(), bytes = w.block_bytes(), width = blocks * w.block;
  const uint8_t* q = w.row(j);
  const float *scale = w.scales.get() + j * blocks, *shift = w.shifts.get() + j * blocks;
  Vec total[2][R];
  unroll<R>([&](auto r) { total[0][r] = total[1][r] = hn::Zero(f32); });
  const auto add_block = [&](int64_t b, auto odd) HWY_ATTR {
    Vec dot[R];
    unroll<R>([&](auto r) { dot[r] = hn::Zero(f32); });
    unpack<Bits>(q + b * bytes, w.block, [&](int64_t i, Vec v) HWY_ATTR {
      unroll<R>([&](auto r) {
        dot[r] = hn::MulAdd(v, hn::LoadU(f32, a + int64_t(r) * width + b * w.block + i), dot[r]);
      });
    });
    const Vec s = vec::set(scale[b]);
    unroll<R>([&](auto r) { total[odd][r] = hn::MulAdd(s, dot[r], total[odd][r]); });
  };
  int64_t b = 0;
  for (; b + 2 <= blocks; b += 2) {
    add_block(b, std::integral_constant<int, 0>{});
    add_block(b + 1, std::integral_constant<int, 1>{});
  }
  if (b < blocks) add_block(b, std::integral_constant<int, 0>{});
  for (b = 0; b < blocks; b += kLanes) {
    const int64_t lanes = std::min<int64_t>(kLanes, blocks - b);
    const Vec t = load_n(shift + b, lanes);
    unroll<R>([&](auto r) {
      total[0][r] = hn::MulAdd(t, load_n(sums + int64_t(r) * blocks + b, lanes), total[0][r]);
    });
  }
  unroll<R>([&](auto r) {
    y[int64_t(r) * y_row] = hn::GetLane(hn::SumOfLanes(f32, hn::Add(total[0][r], total[1][r])));
  });
}

template <int Bits>
void dot_rows(const Weights& w, int64_t rows, const float* a, const float* sums, const float* bias,
              float* y) {
  using Dot = void (*)(const Weights&, int64_t, const float*, const float*, float*, int64_t);
  static constexpr Dot kDots[kFewRows] = {dot_row<Bits, 1>, dot_row<Bits, 2>, dot_row<Bits, 3>,
                                          dot_row<Bits, 4>};
  const Dot dot = kDots[rows - 1];
  parallel(w.n, double(w.blocks() * w.block_bytes()) * 0.06, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) {
      dot(w, j, a, sums, y + j, w.n);
      for (int64_t r = 0; bias && r < rows; ++r) y[r * w.n + j] += bias[j];
    }
  });
}

// A in whole blocks, zeros past K, and the sum of every block.
void pad_rows(const Weights& w, const float* x, int64_t rows, float* a, float* sums) {
  const int64_t blocks = w.blocks(), width = blocks * w.block;
  for (int64_t r = 0; r < rows; ++r) {
    std::memcpy(a + r * width, x + r * w.k, size_t(w.k) * sizeof(float));
    std::fill(a + r * width + w.k, a + (r + 1) * width, 0.0f);
    for (int64_t b = 0; b < blocks; ++b)
      sums[r * blocks + b] = sum_of(a + r * width + b * w.block, w.block, [](Vec v) { return v; });
  }
}

// ------------------------------------------------------------------------------------ more rows

// Elements [k0, k0 + depth) of row j as floats; k0 and kDepth are whole steps of unpacking.
template <int Bits>
void dequantise(const Weights& w, int64_t j, int64_t k0, int64_t depth, float* to) {
  const int64_t piece = std::min(w.block, kDepth);  // both are powers of two
  int64_t b = k0 / w.block, in = k0 % w.block;
  const uint8_t* q = w.row(j) + b * w.block_bytes() + in * Bits / 8;
  const float *scale = w.scales.get() + j * w.blocks(), *shift = w.shifts.get() + j * w.blocks();
  for (int64_t k = 0; k < depth; k += piece, q += piece * Bits / 8) {
    const Vec s = vec::set(scale[b]), t = vec::set(shift[b]);
    unpack<Bits>(q, piece,
                 [&](int64_t i, Vec v) HWY_ATTR { hn::StoreU(hn::MulAdd(v, s, t), f32, to + k + i); });
    in += piece;
    if (in == w.block) ++b, in = 0;
  }
}

template <int Bits>
void multiply_panels(const Weights& w, int64_t m, const float* x, const float* bias, float* y) {
  const Panels panels{ceil_div(w.n, kLanes)};
  parallel(
      panels.count(), double(m * w.k) * kMaxVectors * kLanes * kNsPerFma, [&](int64_t begin, int64_t end) {
        alignas(64) float b[kDepth * kMaxVectors * kLanes];
        alignas(64) float rows[4][kDepth];
        for (int64_t p = begin; p < end; ++p) {
          const int64_t c0 = panels.first(p) * kLanes;
          const int vectors = panels.width(p);
          const int64_t width = vectors * kLanes, columns = std::min(width, w.n - c0);
          for (int64_t k0 = 0; k0 < w.k; k0 += kDepth) {
            const int64_t depth = std::min(kDepth, w.k - k0);
            for (int64_t j = 0; j < width; j += 4) {  // columns past N repeat the last: they are not stored
              const float* from[4];
              for (int64_t i = 0; i < 4; ++i) {
                dequantise<Bits>(w, std::min(c0 + j + i, w.n - 1), k0, depth, rows[i]);
                from[i] = rows[i];
              }
              transpose4(from, 1, depth, width, b + j);
            }
            const Segment segment{k0, depth};
            Tile t{};
            t.a_row = w.k;
            t.segments = &segment;
            t.segment_count = 1;
            t.b = t.ahead = b;
            t.b_row = width;
            t.bias = k0 == 0 && bias ? bias + c0 : nullptr;
            t.lo = -HUGE_VALF;
            t.hi = HUGE_VALF;
            const int64_t tiles = ceil_div(m, best_rows(vectors, w.k));
            for (int64_t i = 0; i < tiles; ++i) {
              const int64_t r0 = m * i / tiles, r1 = m * (i + 1) / tiles;
              t.a = x + r0 * w.k;
              run_tile(t, tile_fn(vectors, int(r1 - r0), t.a_row), vectors, int(r1 - r0), columns, k0 > 0,
                       y + r0 * w.n + c0, w.n);
            }
          }
        }
      });
}

// -------------------------------------------------------------------------------------- the node

std::string supports(const Node& node) {
  const int64_t bits = node.i("bits", 4), block = node.i("block_size");
  if (bits != 4 && bits != 8) return sdk::cat("bits = ", bits);
  if (block < (bits == 4 ? 2 * kLanes : kLanes) || (block & (block - 1)))
    return sdk::cat("block_size = ", block);
  if (node.i("weight_prepacked")) return "weights packed for another device";
  if (node.has_input(kGroups)) return "g_idx";
  const Graph graph(node.graph());
  for (const size_t i : {kB, kScales, kZeros, kBias})
    if (node.has_input(i) && !graph.value(node.input(i)).is_constant())
      return "weights that are not constant";
  for (const size_t i : {kA, kScales, kBias})
    if (node.has_input(i) && graph.value(node.input(i)).dtype() != HRT_FLOAT32)
      return sdk::cat("dtype ", dtype_name(graph.value(node.input(i)).dtype()), " of input ", int64_t(i));
  if (node.has_input(kZeros)) {
    const hrt_dtype t = graph.value(node.input(kZeros)).dtype();
    if (t != HRT_FLOAT32 && t != HRT_UINT8) return sdk::cat("zero_points of dtype ", dtype_name(t));
  }
  return graph.value(node.input(kB)).constant()->size() == 0 ? "weights without elements" : "";
}

Compiled compile(const Node& node) {
  const Graph graph(node.graph());
  const auto constant = [&](size_t i) {
    return node.has_input(i) ? graph.value(node.input(i)).constant() : std::nullopt;
  };
  Weights w{node.i("N"), node.i("K"), node.i("bits", 4), node.i("block_size"), {}, {}, {}};
  require(w.n > 0 && w.k > 0 && w.block >= 16 && w.n <= INT32_MAX && w.k <= INT32_MAX && w.block <= INT32_MAX,
          "weights of ", w.n, " x ", w.k, " in blocks of ", w.block);
  const int64_t blocks = w.blocks(), bytes = w.block_bytes(), zero_bytes = ceil_div(blocks * w.bits, 8);
  const auto b = *constant(kB), scales = *constant(kScales);
  const auto zeros = constant(kZeros), bias = constant(kBias);
  const bool packed_zeros = zeros && zeros->dtype() == HRT_UINT8;
  require(b.size() == w.n * blocks * bytes, "B has shape ", b.dims());
  require(scales.size() == w.n * blocks, "scales has shape ", scales.dims());
  require(!zeros || zeros->size() == w.n * (packed_zeros ? zero_bytes : blocks), "zero_points has shape ",
          zeros ? zeros->dims() : b.dims());
  require(!bias || (bias->rank() == 1 && bias->dim(0) == w.n), "the bias does not have ", w.n, " elements");

  const Floats memory = make_floats(size_t(ceil_div(b.size(), 4)));
  w.q = std::shared_ptr<uint8_t[]>(memory, reinterpret_cast<uint8_t*>(memory.get()));
  for (int64_t i = 0; i < w.n * blocks; ++i)
    pack_block(w, b.data<uint8_t>() + i * bytes, w.q.get() + i * bytes);
  w.scales = make_floats(size_t(w.n * blocks));
  w.shifts = make_floats(size_t(w.n * blocks));
  for (int64_t j = 0; j < w.n; ++j)
    for (int64_t g = 0; g < blocks; ++g) {
      const int64_t at = j * blocks + g;
      const uint8_t* z = packed_zeros ? zeros->data<uint8_t>() + j * zero_bytes : nullptr;
      const float zero = z       ? float(w.bits == 4 ? nibble(z, g) : z[g])
                         : zeros ? zeros->data<float>()[at]
                                 : float(1 << (w.bits - 1));
      w.scales[at] = scales.data<float>()[at];
      w.shifts[at] = -zero * w.scales[at];
    }
  Floats add;
  if (bias) {
    add = make_floats(size_t(round_up(w.n, kLanes)));
    std::memcpy(add.get(), bias->data<float>(), size_t(w.n) * sizeof(float));
  }
  Compiled c;
  for (const size_t i : {kB, kScales, kZeros, kBias})
    if (node.has_input(i)) c.packed |= 1u << i;
  c.prepare = [w, add](const Signature& sig) -> Step {
    const Dims& d = sig.in[kA].dims;
    require(!d.empty() && d.back() == w.k, "A of shape ", d, " for K = ", w.k);
    const int64_t m = sig.in[kA].count() / w.k, width = w.blocks() * w.block;
    if (m > kFewRows) {
      const auto run = w.bits == 4 ? multiply_panels<4> : multiply_panels<8>;
      return {[=](const Buffers& b) { run(w, m, b.input<float>(kA), add.get(), b.output<float>(0)); }};
    }
    const auto run = w.bits == 4 ? dot_rows<4> : dot_rows<8>;
    return {[=](const Buffers& b) {
              float *a = reinterpret_cast<float*>(b.workspace), *sums = a + m * width;
              pad_rows(w, b.input<float>(kA), m, a, sums);
              run(w, m, a, sums, add.get(), b.output<float>(0));
            },
            size_t(m * (width + w.blocks())) * sizeof(float)};
  };
  return c;
}

double flops(const Node& node) { return 2.0 * double(node.i("K")); }

}  // namespace

std::span<const Op> nbits_ops() {
  static const Op ops[] = {{"com.microsoft", "MatMulNBits", supports, compile, flops}};
  return ops;
}

}  // namespace hrt::cpu
