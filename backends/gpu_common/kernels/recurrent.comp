// SPDX-License-Identifier: Apache-2.0
// variants: f32 f16
// Steps `first` to `last` of RNN, GRU or LSTM (ops/rnn.cpp, gru.cpp, lstm.cpp), whose products with the inputs
// are there. An invocation computes UNITS neighbouring units of a cell, or LANES of them share the sums over the
// states of one. One step a dispatch, units may be spread over groups; several, and one group goes through all
// units of a sequence.
//
// states, n of each: h before even steps, h before odd ones, c, the update gate and the reset h of a GRU.
#include "types.h"
#include "chain_math.h"
#include "recurrent_ops.h"
#define MOST_LANES 64
CONSTANT(3, LANES, 1)
CONSTANT(4, GATES, 4)  // 1: RNN, 3: GRU, 4: LSTM
// A GRU that resets h before the product needs the gates (stage 1) of all units before the candidates (2).
CONSTANT(5, STAGE, 0)
CONSTANT(6, LAST_STAGE, 0)
CONSTANT(7, MANY, 0)  // several steps
CONSTANT(8, BIAS, 1)
CONSTANT(9, PEEPHOLES, 0)
CONSTANT(10, LENGTHS, 0)
CONSTANT(11, OUTPUT, 1)  // h of every step is wanted
CONSTANT(12, COUPLED, 0)  // forget = 1 - input
CONSTANT(13, F0, GATE_SIGMOID)
CONSTANT(14, F1, GATE_TANH)
CONSTANT(15, F2, GATE_TANH)
CONSTANT(16, UNITS, 1)  // a divisor of hidden
// Strides: r_unit, r_state of r; x_* of the products; y_* of y; s_* of the states. Bit d of reverse: direction d
// goes backwards.
PARAMS(int hidden; int batch; int sequences; int direction; int steps; int first; int last; int n; int r_unit;
       int r_state; int x_step; int x_batch; int x_direction; int y_step; int y_batch; int y_direction;
       int s_batch; int s_direction; int reverse; float bound; float a[3]; float b[3];)

float gate_of(int f, float x, float a, float b) {
  if (f == GATE_RELU) return x < 0.0f ? 0.0f : x;
  if (f == GATE_TANH) return tanh_of(x);
  if (f == GATE_SIGMOID) return sigmoid_of(x);
  if (f == GATE_AFFINE) return a * x + b;
  if (f == GATE_LEAKY_RELU) return x < 0.0f ? a * x : x;
  if (f == GATE_THRESHOLDED_RELU) return x >= a ? x : 0.0f;
  if (f == GATE_SCALED_TANH) return a * tanh_of(b * x);
  if (f == GATE_HARD_SIGMOID) return clip_of(a * x + b, 0.0f, 1.0f);
  if (f == GATE_ELU) return x < 0.0f ? a * expm1_of(x) : x;
  if (f == GATE_SOFTSIGN) return x / (1.0f + FABS(x));
  return softplus_of(x);
}

#define GATE0(x) gate_of(F0, clip_of(x, -p.bound, p.bound), p.a[0], p.b[0])
#define GATE1(x) gate_of(F1, clip_of(x, -p.bound, p.bound), p.a[1], p.b[1])
#define WEIGHT_BIAS(g) (BIAS != 0 ? LD(bias, (2 * d * GATES + g) * p.hidden + u) : 0.0f)
#define STATE_BIAS(g) (BIAS != 0 ? LD(bias, ((2 * d + 1) * GATES + g) * p.hidden + u) : 0.0f)
#define INPUT_SUM(g) (LD(x, at_x + g * p.hidden) + WEIGHT_BIAS(g))
#define SUM(g) (INPUT_SUM(g) + STATE_BIAS(g) + sum[(g) * UNITS + j])
#define PEEP(g, c) (PEEPHOLES != 0 ? LD(peepholes, (d * 3 + g) * p.hidden + u) * (c) : 0.0f)
#define FOLD(v)                                            \
  if (LANES > 1) {                                         \
    folded[lane] = v;                                      \
    BARRIER();                                             \
    for (int half_ = LANES / 2; half_ > 0; half_ /= 2) {   \
      if (lane < half_) folded[lane] += folded[lane + half_]; \
      BARRIER();                                           \
    }                                                      \
    v = folded[0];                                         \
    BARRIER();                                             \
  }

KERNEL(recurrent)
IN(STORE, 0, x)
IN(STORE, 1, r)
IN(STORE, 2, bias)
IN(STORE, 3, peepholes)
IN(int, 4, lengths)
OUT(float, 5, states)
OUT(STORE, 6, y)
OUT(int, 7, fault)
ARGS_END
SHARED(float, folded, MOST_LANES)
BODY
  const int sequence = GLOBAL_ID(1);
  const int d = p.direction + sequence / p.batch;
  const int batch = sequence % p.batch;
  const int lane = LOCAL_ID(0) % LANES;
  const int state = batch * p.s_batch + d * p.s_direction;
  int length = p.steps;
  if (LENGTHS != 0) {
    length = lengths[batch];
    if (length < 0 || length > p.steps) ATOMIC_MIN(fault, 0, batch);
    length = min(max(length, 0), p.steps);
  }
  for (int k = p.first; k < p.last; ++k) {
    const int now = k % 2 * p.n + state;
    const int next = (1 - k % 2) * p.n + state;
    const int t = k < length && (p.reverse >> d & 1) != 0 ? length - 1 - k : k;
    for (int stage = STAGE; stage <= LAST_STAGE; ++stage) {
      const int from = stage == 2 ? 4 * p.n + state : now;
      for (int first = GLOBAL_ID(0) / LANES * UNITS; first < p.hidden;
           first += GROUPS(0) * GROUP_SIZE(0) / LANES * UNITS) {
        float sum[GATES * UNITS];
        UNROLL for (int j = 0; j < GATES * UNITS; ++j) sum[j] = 0.0f;
        const int terms = k < length ? p.hidden : 0;
        for (int i = lane; i < terms; i += LANES) {
          const float h = states[from + i];
          const int at = d * GATES * p.hidden * p.hidden + first * p.r_unit + i * p.r_state;
          UNROLL for (int g = 0; g < GATES; ++g) {
            if (stage == 0 || (stage == 2) == (g == 2)) {
              const int gate = at + g * p.hidden * p.r_unit;
              UNROLL for (int j = 0; j < UNITS; ++j) sum[g * UNITS + j] += h * LD(r, gate + j * p.r_unit);
            }
          }
        }
        if (LANES > 1) {
          UNROLL for (int g = 0; g < GATES; ++g) { FOLD(sum[g]) }
        }
        for (int j = 0; j < UNITS && lane == 0; ++j) {
          const int u = first + j;
          const int at_x = t * p.x_step + batch * p.x_batch + d * p.x_direction + u;
          const float before = states[now + u];
          float h = before;
          if (k < length && GATES == 1) h = GATE0(SUM(0));
          if (k < length && GATES == 3) {
            if (stage == 1) {
              states[3 * p.n + state + u] = GATE0(SUM(0));
              states[4 * p.n + state + u] = GATE0(SUM(1)) * before;
            } else {
              const float z = stage == 2 ? states[3 * p.n + state + u] : GATE0(SUM(0));
              const float reset = stage == 2 ? 1.0f : GATE0(SUM(1));
              h = (1.0f - z) * GATE1(INPUT_SUM(2) + reset * (sum[2 * UNITS + j] + STATE_BIAS(2))) + z * before;
            }
          }
          if (k < length && GATES == 4) {
            const float c = states[2 * p.n + state + u];
            const float entry = GATE0(SUM(0) + PEEP(0, c));
            const float keep = COUPLED != 0 ? 1.0f - entry : GATE0(SUM(2) + PEEP(2, c));
            const float cell = keep * c + entry * GATE1(SUM(3));
            states[2 * p.n + state + u] = cell;
            h = GATE0(SUM(1) + PEEP(1, cell)) * gate_of(F2, cell, p.a[2], p.b[2]);
          }
          if (stage != 1) {
            states[next + u] = h;
            if (OUTPUT != 0)
              ST(y, t * p.y_step + batch * p.y_batch + d * p.y_direction + u, k < length ? h : 0.0f);
          }
        }
      }
      if (MANY != 0) BARRIER_BUFFERS();
    }
  }
}
