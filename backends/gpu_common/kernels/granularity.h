// SPDX-License-Identifier: Apache-2.0
// Which scale and zero point belongs to element i: one for all (0), one for each index of an axis (1), one for
// each block of indices (2).
CONSTANT(3, GRANULARITY, 0)
#define GRANULARITY_PARAMS int inner; int axis; int block; int blocks;
#define SCALE_OF(i)                                                                                       \
  (GRANULARITY == 0 ? 0                                                                                   \
   : GRANULARITY == 1                                                                                     \
       ? (i) / p.inner % p.axis                                                                         \
       : ((i) / p.inner / p.axis * p.blocks + (i) / p.inner % p.axis / p.block) * p.inner + (i) % p.inner)
