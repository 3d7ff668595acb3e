// SPDX-License-Identifier: Apache-2.0
// The functions of recurrent cells, by number. Read by GLSL, OpenCL C and C++.
#define GATE_RELU 0
#define GATE_TANH 1
#define GATE_SIGMOID 2
#define GATE_AFFINE 3  // a x + b
#define GATE_LEAKY_RELU 4
#define GATE_THRESHOLDED_RELU 5
#define GATE_SCALED_TANH 6  // a tanh(b x)
#define GATE_HARD_SIGMOID 7
#define GATE_ELU 8
#define GATE_SOFTSIGN 9
#define GATE_SOFTPLUS 10
