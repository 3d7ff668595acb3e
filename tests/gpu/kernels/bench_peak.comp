// SPDX-License-Identifier: Apache-2.0
// Multiply-adds in registers and nothing else: what a device can do at most (peak_bench.cpp).
CONSTANT(3, CHAINS, 16)
PARAMS(int n; float step;)
#ifdef VULKAN
#define WIDE float
#define SUM(v) (v)
#else
#define WIDE float16
#define SUM(v) ((v).s0 + (v).s7 + (v).sf)
#endif
KERNEL(bench_peak)
OUT(float, 0, y)
ARGS_END
BODY
  const int i = GLOBAL_ID(0);
  const float factor = 1.0f + p.step * TO_FLOAT(i);
  WIDE v[CHAINS];
  UNROLL for (int c = 0; c < CHAINS; ++c) v[c] = TO_FLOAT(i + c);
  for (int k = 0; k < p.n; ++k) {
    UNROLL for (int c = 0; c < CHAINS; ++c) v[c] = v[c] * factor + p.step;
  }
  WIDE sum = v[0];
  UNROLL for (int c = 1; c < CHAINS; ++c) sum += v[c];
  y[i] = SUM(sum);
}
