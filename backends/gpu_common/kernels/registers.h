// SPDX-License-Identifier: Apache-2.0
// Products in registers alone: ROWS x COLUMNS results an invocation, in steps of STEP. A kernel that includes
// this defines these; FETCH_LEFT(v, i, k), which sets v[u] to element k + u of row i, and FETCH_RIGHT(v, k),
// which sets v[u * COLUMNS + j] to element k + u of column j, u < STEP; and finds the sums in
// sum[i * COLUMNS + j].
#define REGISTER_PRODUCT(depth)                                                                       \
  float sum[ROWS * COLUMNS];                                                                          \
  UNROLL for (int i = 0; i < ROWS * COLUMNS; ++i) sum[i] = 0.0f;                                      \
  for (int k = 0; k < (depth); k += STEP) {                                                           \
    float right[STEP * COLUMNS];                                                                      \
    FETCH_RIGHT(right, k)                                                                             \
    UNROLL for (int i = 0; i < ROWS; ++i) {                                                           \
      float left[STEP];                                                                               \
      FETCH_LEFT(left, i, k)                                                                          \
      UNROLL for (int u = 0; u < STEP; ++u) {                                                         \
        UNROLL for (int j = 0; j < COLUMNS; ++j) sum[i * COLUMNS + j] += left[u] * right[u * COLUMNS + j]; \
      }                                                                                               \
    }                                                                                                 \
  }
