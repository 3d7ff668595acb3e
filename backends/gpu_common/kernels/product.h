// SPDX-License-Identifier: Apache-2.0
// What kernels of strided, broadcast matrices share, y = act(alpha a b + beta c): their push words, where the
// matrices of a batch begin, what becomes of a sum. Such a kernel has the constants ACT and HAS_C.
#define PRODUCT_FIELDS                                                                                 \
  int m; int n; int k; int a_row; int a_col; int b_row; int b_col; int c_row; int c_col; int dims[3];  \
  int a_batch[3]; int b_batch[3]; int c_batch[3]; float alpha; float beta; float act_a; float act_b;   \
  int y_row;
#define PRODUCT_BATCH(batch)                                                                           \
  int rest = (batch);                                                                                  \
  const int y0 = rest * p.m * p.y_row;                                                                 \
  int a0 = 0;                                                                                          \
  int b0 = 0;                                                                                          \
  int c0 = 0;                                                                                          \
  UNROLL for (int d = 2; d >= 0; --d) {                                                                \
    const int at = rest % p.dims[d];                                                                   \
    rest /= p.dims[d];                                                                                 \
    a0 += at * p.a_batch[d];                                                                           \
    b0 += at * p.b_batch[d];                                                                           \
    c0 += at * p.c_batch[d];                                                                           \
  }
#define PRODUCT_RESULT(r, col, value)                                                                  \
  if ((r) < p.m && (col) < p.n) {                                                                      \
    float v = p.alpha * (value);                                                                       \
    if (HAS_C != 0) v += p.beta * LD(c, c0 + (r) * p.c_row + (col) * p.c_col);                         \
    ST(y, y0 + (r) * p.y_row + (col), activate(v, ACT, p.act_a, p.act_b));                             \
  }
