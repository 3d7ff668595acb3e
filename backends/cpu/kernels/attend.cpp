// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/attend.h"

#include <cmath>
#include <cstring>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/tile.h"
#include "backends/cpu/kernels/transpose.h"
#include "backends/cpu/kernels/vec_math.h"

namespace hrt::cpu {
namespace {

constexpr int64_t kRows = 48, kKeys = 256;  // of a block of scores, which stays in L1 or close to it
constexpr int64_t kPanel = kMaxVectors * kLanes;
constexpr float kExcluded = -HUGE_VALF;
// Scores are kept in units of ln 2, which saves the exponential a reduction, or divided by the cap.
constexpr float kLog2E = 1.44269504f;
float key_scale(const AttendShape& s) { return s.cap > 0 ? s.scale / s.cap : s.scale * kLog2E; }

// Where things lie in the workspace, in floats.
struct Plan {
  bool dots;                          // few rows: scores are dot products with keys as they lie
  bool copy_v;                        // values cannot be read in place
  int64_t k_floats, v_row, v_floats;  // of one head

  explicit Plan(const AttendShape& s) {
    // To transpose a key costs as much as four dot products with it.
    constexpr int64_t kFewRows = 4;
    dots = s.queries * (s.heads / std::max<int64_t>(s.kv_heads, 1)) <= kFewRows;
    copy_v = s.past > 0 || s.value_size % kLanes != 0;
    k_floats = dots ? 0 : round_up(s.keys, kLanes) * s.size;
    v_row = round_up(s.value_size, kLanes);
    v_floats = copy_v ? s.keys * v_row : 0;
  }
};

// ------------------------------------------------------------------------------ keys and values

const float* row_of(const std::array<ConstRows, 2>& from, int64_t past, int64_t b, int64_t h, int64_t j) {
  return j < past ? from[0].at(b, h, j) : from[1].at(b, h, j - past);
}

// A panel of transposed keys, from key j0 on. Lanes past the last key repeat it: they are excluded later.
void pack_keys(const AttendShape& s, const AttendOperands& o, int64_t b, int64_t h, int64_t j0, float* to) {
  const int64_t width = std::min(kPanel, round_up(s.keys - j0, kLanes));
  const float scale = key_scale(s);
  for (int64_t j = 0; j < width; j += 4) {
    const float* rows[4];
    for (int64_t r = 0; r < 4; ++r) rows[r] = row_of(o.k, s.past, b, h, std::min(j0 + j + r, s.keys - 1));
    transpose4(rows, scale, s.size, width, to + j);
  }
}

void prepare_keys_and_values(const AttendShape& s, const AttendOperands& o, const Plan& plan, float* k,
                             float* v) {
  if (plan.dots && !plan.copy_v) return;
  const int64_t panels = ceil_div(s.keys, kPanel);
  parallel(s.batch * s.kv_heads * panels, double(kPanel * (s.size + s.value_size)) * 0.15,
           [&](int64_t begin, int64_t end) {
             for (int64_t i = begin; i < end; ++i) {
               const int64_t bh = i / panels, b = bh / s.kv_heads, h = bh % s.kv_heads,
                             j0 = i % panels * kPanel;
               if (!plan.dots) pack_keys(s, o, b, h, j0, k + bh * plan.k_floats + j0 * s.size);
               for (int64_t j = j0; plan.copy_v && j < std::min(j0 + kPanel, s.keys); ++j) {
                 float* to = v + bh * plan.v_floats + j * plan.v_row;
                 std::memcpy(to, row_of(o.v, s.past, b, h, j), size_t(s.value_size) * sizeof(float));
                 std::fill(to + s.value_size, to + plan.v_row, 0.0f);
               }
             }
           });
}

// ------------------------------------------------------------------------------------- a block

// Queries [i0, i0 + rows) of one head, with what is known of them so far.
struct Block {
  const AttendShape& s;
  const AttendOperands& o;
  const Plan& plan;
  Block(const AttendShape& shape, const AttendOperands& operands, const Plan& p, float* scratch)
      : s(shape), o(operands), plan(p), scores(scratch) {}
  float* scores;       // kRows rows of kKeys
  const float *k, *v;  // of the head: transposed panels; rows v_row apart
  int64_t v_row;
  int64_t b, h, i0, rows;
  int64_t lo[kRows], hi[kRows];  // keys that a query sees
  float most[kRows], sum[kRows];
  bool first = true;  // y holds nothing yet

  float* y(int64_t r) const { return o.y.at(b, h, i0 + r); }
  void ranges();
  void score_tiles(int64_t j0, int64_t n);
  void score_dots(int64_t j0, int64_t n);
  float add_and_max(int64_t r, int64_t j0, int64_t n);
  void softmax(int64_t j0, int64_t n);
  void weigh_values(int64_t j0, int64_t n);
  void finish();
  void run();
};

void Block::ranges() {
  const int64_t keys = o.keys ? o.keys[b] : s.keys, position = o.position ? o.position[b] : s.past;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t p = position + i0 + r;
    hi[r] = s.causal ? std::min(keys, p + 1) : keys;
    if (s.right >= 0) hi[r] = std::min(hi[r], p + s.right + 1);
    hi[r] = std::max<int64_t>(hi[r], 0);
    lo[r] = s.left >= 0 ? std::clamp<int64_t>(p - s.left, 0, hi[r]) : 0;
    most[r] = o.sink ? o.sink[h] * kLog2E : kExcluded;
    sum[r] = most[r] == kExcluded ? 0.0f : 1.0f;
  }
}

// Scores of keys [j0, j0 + n), in whole vectors.
void Block::score_tiles(int64_t j0, int64_t n) {
  const Segment segment{0, s.size};
  Tile t{};
  t.a_row = o.q.row;
  t.segments = &segment;
  t.segment_count = 1;
  t.c_row = kKeys;
  t.c_vec = kLanes;
  t.lo = -HUGE_VALF;
  t.hi = HUGE_VALF;
  for (int64_t j = 0; j < n; j += kPanel) {
    t.b_row = std::min(kPanel, round_up(s.keys - j0 - j, kLanes));
    t.b = k + (j0 + j) * s.size;
    const int vectors = int(t.b_row / kLanes);
    const int64_t tiles = ceil_div(rows, best_rows(vectors, t.a_row));
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t r0 = rows * i / tiles, r1 = rows * (i + 1) / tiles;
      t.a = o.q.at(b, h, i0 + r0);
      t.c = scores + r0 * kKeys + j;
      t.ahead = next_panel(t.b, t.b_row, s.size, i);
      tile_fn(vectors, int(r1 - r0), t.a_row)(t);
    }
  }
}

void Block::score_dots(int64_t j0, int64_t n) {
  const int64_t kv = h / (s.heads / s.kv_heads), whole = s.size / kLanes * kLanes, rest = s.size - whole;
  const float scale = key_scale(s);
  for (int64_t r = 0; r < rows; ++r) {
    const float* q = o.q.at(b, h, i0 + r);
    for (int64_t j = 0; j < n; j += 4) {
      const float* rows4[4];
      for (int64_t x = 0; x < 4; ++x) rows4[x] = row_of(o.k, s.past, b, kv, j0 + std::min(j + x, n - 1));
      Vec acc[4];
      unroll<4>([&](auto x) { acc[x] = hn::Zero(f32); });
      for (int64_t d = 0; d < whole; d += kLanes) {
        const Vec v = hn::LoadU(f32, q + d);
        unroll<4>([&](auto x) { acc[x] = hn::MulAdd(v, hn::LoadU(f32, rows4[x] + d), acc[x]); });
      }
      if (rest) {
        const Vec v = load_n(q + whole, rest);
        unroll<4>([&](auto x) { acc[x] = hn::MulAdd(v, load_n(rows4[x] + whole, rest), acc[x]); });
      }
      unroll<4>([&](auto x) {
        scores[r * kKeys + j + int64_t(x)] = scale * hn::GetLane(hn::SumOfLanes(f32, acc[x]));
      });
    }
  }
}

float largest(const float* x, int64_t n) {  // n in whole vectors
  Vec m0 = hn::LoadU(f32, x), m1 = m0;
  int64_t j = kLanes;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) {
    m0 = hn::Max(m0, hn::LoadU(f32, x + j));
    m1 = hn::Max(m1, hn::LoadU(f32, x + j + kLanes));
  }
  if (j < n) m0 = hn::Max(m0, hn::LoadU(f32, x + j));
  return hn::GetLane(hn::MaxOfLanes(f32, hn::Max(m0, m1)));
}

// Cap, additions and exclusions on row r; the largest score of its n keys.
float Block::add_and_max(int64_t r, int64_t j0, int64_t n) {
  float* row = scores + r * kKeys;
  const int64_t low = lo[r] - j0, high = std::min(n, hi[r] - j0);
  if (s.cap <= 0 && !o.add[0].rows.p && !o.add[1].rows.p && low <= 0 && high == n && n % kLanes == 0)
    return largest(row, n);
  const Vec excluded = vec::set(kExcluded), unit = vec::set(kLog2E), cap = vec::set(s.cap * kLog2E);
  const float* add[2] = {};
  int64_t width[2] = {};
  for (size_t a = 0; a < 2; ++a)
    if (o.add[a].rows.p) {
      add[a] = o.add[a].rows.at(b, h, i0 + r) + j0;
      width[a] = std::max<int64_t>(0, o.add[a].width - j0);
    }
  Vec m = excluded;
  for (int64_t j = 0; j < n; j += kLanes) {
    Vec x = hn::LoadU(f32, row + j);
    if (s.cap > 0) x = hn::Mul(cap, vec::tanh(x));
    for (size_t a = 0; a < 2; ++a) {
      if (!add[a]) continue;
      const int64_t lanes = width[a] - j;
      Vec more = excluded;
      if (lanes >= kLanes)
        more = hn::LoadU(f32, add[a] + j);
      else if (lanes > 0)
        more = hn::IfThenElse(hn::FirstN(f32, size_t(lanes)), load_n(add[a] + j, lanes), excluded);
      x = hn::IfThenElse(hn::Eq(more, excluded), excluded, hn::MulAdd(more, unit, x));
    }
    if (j < low) x = hn::IfThenElse(hn::FirstN(f32, size_t(std::min<int64_t>(low - j, kLanes))), excluded, x);
    if (j + kLanes > high)
      x = hn::IfThenElse(hn::FirstN(f32, size_t(std::clamp<int64_t>(high - j, 0, kLanes))), x, excluded);
    hn::StoreU(x, f32, row + j);
    m = hn::Max(m, x);
  }
  return hn::GetLane(hn::MaxOfLanes(f32, m));
}

// 2^x for x <= 0, 2 ulp: a third fewer steps than exp, for scores that come in units of ln 2.
HWY_INLINE Vec exp2(Vec x) {
  const Vec magic = vec::set(0x1.8p23f), bounded = vec::at_least(x, vec::set(-150.0f));
  const Vec t = hn::Add(bounded, magic), n = hn::Sub(t, magic);
  const Vec y =
      vec::poly(hn::Sub(bounded, n), 1.0f, 6.931471825e-01f, 2.402264774e-01f, 5.550359562e-02f,
                9.618499316e-03f, 1.339097042e-03f, 1.532931055e-04f);  // 2^r on [-1/2, 1/2], 2^-28;
#if HWY_TARGET == HWY_AVX3
  return Vec{_mm512_scalef_ps(y.raw, n.raw)};
#else
  const auto bits = hn::BitCast(vec::i32, t), half = hn::ShiftRight<1>(bits);
  return hn::Mul(hn::Mul(y, vec::pow2(half)), vec::pow2(hn::Sub(bits, half)));
#endif
}

// x = 2^(x - m) for n elements in whole vectors, and their sum.
float exponentials(float* x, int64_t n, float most) {
  const Vec m = vec::set(most);
  Vec s0 = hn::Zero(f32), s1 = s0;
  int64_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) {
    const Vec e0 = exp2(hn::Sub(hn::LoadU(f32, x + j), m)),
              e1 = exp2(hn::Sub(hn::LoadU(f32, x + j + kLanes), m));
    hn::StoreU(e0, f32, x + j);
    hn::StoreU(e1, f32, x + j + kLanes);
    s0 = hn::Add(s0, e0);
    s1 = hn::Add(s1, e1);
  }
  for (; j < n; j += kLanes) {
    const Vec e = exp2(hn::Sub(hn::LoadU(f32, x + j), m));
    hn::StoreU(e, f32, x + j);
    s0 = hn::Add(s0, e);
  }
  return hn::GetLane(hn::SumOfLanes(f32, hn::Add(s0, s1)));
}

// Scores become weights, relative to the largest score so far; what was summed before follows it.
void Block::softmax(int64_t j0, int64_t n) {
  for (int64_t r = 0; r < rows; ++r) {
    const float now = std::max(most[r], add_and_max(r, j0, n)), base = now == kExcluded ? 0.0f : now;
    const float kept = most[r] == base ? 1.0f : std::exp2(most[r] - base);
    sum[r] = sum[r] * kept + exponentials(scores + r * kKeys, round_up(n, kLanes), base);
    most[r] = now;
    if (!first && kept != 1)
      map(y(r), y(r), s.value_size, [factor = vec::set(kept)](Vec x) { return hn::Mul(x, factor); });
  }
}

void Block::weigh_values(int64_t j0, int64_t n) {
  const Segment segment{0, n};
  const Panels panels{ceil_div(s.value_size, kLanes)};
  Tile t{};
  t.a_row = kKeys;
  t.segments = &segment;
  t.segment_count = 1;
  t.b_row = v_row;
  t.lo = -HUGE_VALF;
  t.hi = HUGE_VALF;
  for (int64_t panel = 0; panel < panels.count(); ++panel) {
    const int64_t c0 = panels.first(panel) * kLanes;
    const int vectors = panels.width(panel);
    const int64_t columns = std::min<int64_t>(vectors * kLanes, s.value_size - c0);
    const int64_t tiles = ceil_div(rows, best_rows(vectors, t.a_row));
    t.b = v + j0 * v_row + c0;
    t.ahead = t.b;
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t r0 = rows * i / tiles, r1 = rows * (i + 1) / tiles;
      t.a = scores + r0 * kKeys;
      run_tile(t, tile_fn(vectors, int(r1 - r0), t.a_row), vectors, int(r1 - r0), columns, !first, y(r0) + c0,
               o.y.row);
    }
  }
  first = false;
}

void Block::finish() {
  for (int64_t r = 0; r < rows; ++r) {
    if (first || sum[r] == 0)  // sees nothing
      std::fill_n(y(r), s.value_size, 0.0f);
    else
      map(y(r), y(r), s.value_size, [f = vec::set(1 / sum[r])](Vec x) { return hn::Mul(x, f); });
  }
}

void Block::run() {
  ranges();
  const int64_t begin = *std::min_element(lo, lo + rows) / kPanel * kPanel,
                end = *std::max_element(hi, hi + rows);
  for (int64_t j0 = begin; j0 < end; j0 += kKeys) {
    const int64_t n = std::min(kKeys, end - j0);
    plan.dots ? score_dots(j0, n) : score_tiles(j0, n);
    softmax(j0, n);
    weigh_values(j0, n);
  }
  finish();
}

}  // namespace

size_t AttendShape::workspace() const {
  const Plan plan(*this);
  return size_t(batch * kv_heads) * size_t(plan.k_floats + plan.v_floats) * sizeof(float);
}

void attend(const AttendShape& s, const AttendOperands& o, std::byte* workspace) {
  const Plan plan(s);
  float *const k = reinterpret_cast<float*>(workspace), *const v = k + s.batch * s.kv_heads * plan.k_floats;
  if (s.keys > 0) prepare_keys_and_values(s, o, plan, k, v);
  const int64_t blocks = ceil_div(s.queries, kRows), group = s.heads / std::max<int64_t>(s.kv_heads, 1);
  const double fmas = double(ceil_div(s.queries, std::max<int64_t>(blocks, 1))) * double(s.keys) *
                      double(s.size + s.value_size + 16);
  parallel(s.batch * s.heads * blocks, fmas * kNsPerFma, [&](int64_t begin, int64_t end) {
    alignas(64) float scores[kRows * kKeys];
    for (int64_t i = begin; i < end; ++i) {
      const int64_t bh = i / blocks, b = bh / s.heads, h = bh % s.heads, kv = h / group,
                    i0 = s.queries * (i % blocks) / blocks, i1 = s.queries * (i % blocks + 1) / blocks;
      const int64_t kv_index = b * s.kv_heads + kv;
      Block block(s, o, plan, scores);
      block.k = k + kv_index * plan.k_floats;
      block.v = plan.copy_v ? v + kv_index * plan.v_floats : o.v[1].at(b, kv, 0);
      block.v_row = plan.copy_v ? plan.v_row : o.v[1].row;
      block.b = b;
      block.h = h;
      block.i0 = i0;
      block.rows = i1 - i0;
      block.run();
    }
  });
}

void copy_rows(const std::array<ConstRows, 2>& from, int64_t past, int64_t total, int64_t batch,
               int64_t heads, int64_t size, const HeadRows<float>& to) {
  parallel(batch * heads, double(total * size) * 0.1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < total; ++j)
        std::memcpy(to.at(i / heads, i % heads, j), row_of(from, past, i / heads, i % heads, j),
                    size_t(size) * sizeof(float));
  });
}

}  // namespace hrt::cpu
