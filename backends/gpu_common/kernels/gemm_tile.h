// SPDX-License-Identifier: Apache-2.0
// Products by tiles in memory of the group, for GPUs: BM x BN results a group, 4 x 4 an invocation, in steps of
// 16. A kernel that includes this defines FETCH_LEFT(v, r, k) and FETCH_RIGHT(v, k, c), which set v to an
// element of the factors or leave it, r and c counted from the tile's first; declares TILE_MEMORY, and finds
// the sums of rows TILE_ROW(i) and columns TILE_COLUMN(j) in sum[i * 4 + j].
CONSTANT(3, BM, 64)
CONSTANT(4, BN, 64)
#define TILE_STEP 16
#define TILE_MEMORY                        \
  SHARED(float, tile_left, TILE_STEP * BM) \
  SHARED(float, tile_right, TILE_STEP * BN)
#define TILE_THREADS (BM / 4 * (BN / 4))
#define TILE_ROW(i) (LOCAL_ID(1) * 4 + (i))
#define TILE_COLUMN(j) (LOCAL_ID(0) + (j) * (BN / 4))
#define TILE_PRODUCT(depth)                                                           \
  float sum[16];                                                                      \
  UNROLL for (int i = 0; i < 16; ++i) sum[i] = 0.0f;                                  \
  const int local_at = LOCAL_ID(1) * (BN / 4) + LOCAL_ID(0);                          \
  for (int k0 = 0; k0 < (depth); k0 += TILE_STEP) {                                   \
    for (int t = local_at; t < BM * TILE_STEP; t += TILE_THREADS) {                   \
      float v = 0.0f;                                                                 \
      FETCH_LEFT(v, t / TILE_STEP, k0 + t % TILE_STEP)                                \
      tile_left[t % TILE_STEP * BM + t / TILE_STEP] = v;                              \
    }                                                                                 \
    for (int t = local_at; t < BN * TILE_STEP; t += TILE_THREADS) {                   \
      float v = 0.0f;                                                                 \
      FETCH_RIGHT(v, k0 + t / BN, t % BN)                                             \
      tile_right[t] = v;                                                              \
    }                                                                                 \
    BARRIER();                                                                        \
    for (int k = 0; k < TILE_STEP; ++k) {                                             \
      float left[4];                                                                  \
      UNROLL for (int i = 0; i < 4; ++i) left[i] = tile_left[k * BM + TILE_ROW(i)];   \
      UNROLL for (int j = 0; j < 4; ++j) {                                            \
        const float right = tile_right[k * BN + TILE_COLUMN(j)];                      \
        UNROLL for (int i = 0; i < 4; ++i) sum[i * 4 + j] += left[i] * right;         \
      }                                                                               \
    }                                                                                 \
    BARRIER();                                                                        \
  }
