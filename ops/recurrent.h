// SPDX-License-Identifier: Apache-2.0
// What RNN, GRU and LSTM share: shapes and layouts, directions, sequence lengths and activations.
#pragma once

#include "op.h"

namespace hrt::ops {

// One of the standard's activation functions with its parameters.
struct GateFunction {
  std::string name;
  double alpha, beta;
  double operator()(double x) const;
};

// A cell works on one sequence element: inputs and states are vectors of doubles.
struct CellWeights {  // of one direction; all row-major
  int64_t input_size, hidden_size;
  std::vector<double> w;         // gates * hidden x input
  std::vector<double> r;         // gates * hidden x hidden
  std::vector<double> wb, rb;    // gates * hidden each
  std::vector<double> peephole;  // LSTM: 3 * hidden; empty when absent
  std::vector<GateFunction> functions;
  double clip;  // infinite: none

  // Row `row` of W times x plus its bias, and the same of R and h.
  double input_sum(int64_t row, const double* x) const;
  double state_sum(int64_t row, const double* h) const;
  double clipped(double v) const;
};

// Advances h (and c, the cell state of an LSTM) by one step for the input vector x.
using Cell = void (*)(const Node& node, const CellWeights& weights, const double* x, double* h, double* c);

// The inference function and the kernel of a recurrent operator with this many gates.
void infer_recurrent(const Infer& c, int64_t gates);
void compute_recurrent(const Kernel& c, int64_t gates, std::initializer_list<const char*> default_functions,
                       Cell cell);

// The schema with what all three have.
Op recurrent_op(const char* name, const char* doc);

}  // namespace hrt::ops
