// SPDX-License-Identifier: Apache-2.0
// variants: i32 u8 f32 f16
// qgemm.h without instructions for products of bytes: columns are taken apart once for all rows.
int byte_of(uint word, int i) { return TO_INT(word << (24 - 8 * i)) >> 24; }
#define BYTES(word) INT4(byte_of(word, 0), byte_of(word, 1), byte_of(word, 2), byte_of(word, 3))
#define RIGHT(right)                                                                                  \
  const int4 b0 = INT4(byte_of(right.x, 0), byte_of(right.y, 0), byte_of(right.z, 0), byte_of(right.w, 0)); \
  const int4 b1 = INT4(byte_of(right.x, 1), byte_of(right.y, 1), byte_of(right.z, 1), byte_of(right.w, 1)); \
  const int4 b2 = INT4(byte_of(right.x, 2), byte_of(right.y, 2), byte_of(right.z, 2), byte_of(right.w, 2)); \
  const int4 b3 = INT4(byte_of(right.x, 3), byte_of(right.y, 3), byte_of(right.z, 3), byte_of(right.w, 3));
#define ADD_RIGHT(sums_, ones) sums_ += b0 + b1 + b2 + b3;
#define ADD_ROW(sums_, sum_, word)                                            \
  {                                                                           \
    const int4 l = BYTES(word);                                               \
    sums_ += l.x * b0 + l.y * b1 + l.z * b2 + l.w * b3;                       \
    if (B_ZERO != 0) sum_ += l.x + l.y + l.z + l.w;                           \
  }
#include "qgemm.h"
