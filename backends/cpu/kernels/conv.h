// SPDX-License-Identifier: Apache-2.0
// What the convolution algorithms share. Each is a row of function pointers; conv.cpp chooses among them.
// All write channel-blocked outputs; all but one read channel-blocked inputs.
#pragma once

#include <functional>

#include "backends/cpu/kernels/epilogue.h"
#include "backends/cpu/kernels/window.h"
#include "backends/cpu/op.h"
#include "backends/cpu/simd.h"

namespace hrt::cpu {

// W: oc x (channels of a group) x kernel.
struct ConvWeights {
  int64_t oc, group_ic, group;
  Dims3 kernel;
  int64_t ic() const { return group_ic * group; }
  int64_t group_oc() const { return oc / group; }
  int64_t out_blocks() const { return ceil_div(oc, kLanes); }
};

struct ConvShape {
  int64_t batch;
  Dims3 in, out;
  Window window;
};

struct ConvOperands {
  const float* x;
  const float* w;     // packed
  const float* bias;  // out_blocks * kLanes floats, or NULL
  const float* z;     // added before the activation, blocked like y; or NULL. May be y.
  float* y;
  std::byte* workspace;
};

struct ConvStep {
  std::function<void(const ConvOperands&)> run;
  size_t workspace = 0;
};

struct ConvAlgorithm {
  const char* name;
  Layout input;
  size_t (*packed_floats)(const ConvWeights& w);
  void (*pack)(const ConvWeights& w, const float* from, float* to);  // `to` holds zeros
  ConvStep (*prepare)(const ConvWeights& w, const ConvShape& s, const Epilogue& e);
};

extern const ConvAlgorithm kConvDirect;     // any convolution
extern const ConvAlgorithm kConvFew;        // group 1, few input channels, plain input
extern const ConvAlgorithm kConvWinograd2;  // 3x3, stride 1, two dims, group 1
extern const ConvAlgorithm kConvWinograd4;
extern const ConvAlgorithm kConvWinograd6;
extern const ConvAlgorithm kConvDepthwise;  // one input channel and one output channel a group

}  // namespace hrt::cpu
