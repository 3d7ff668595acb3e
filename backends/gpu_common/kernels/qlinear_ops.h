// SPDX-License-Identifier: Apache-2.0
// The operations of qlinear.comp, for kernels and for C++.
#define QLINEAR_ADD 0
#define QLINEAR_MUL 1
#define QLINEAR_WHERE 2
#define QLINEAR_COPY 3
#define QLINEAR_SIGMOID 4
#define QLINEAR_LEAKY_RELU 5
