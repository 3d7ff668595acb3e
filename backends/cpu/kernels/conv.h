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

// Where the outputs of a convolution go: output o of a dim to element begin + o * stride of y, which has
// these dims. All of y for a convolution, every stride-th element for a part of a transposed one.
struct ConvScatter {
  Dims3 dims, begin = {0, 0, 0}, stride = {1, 1, 1};
  int64_t at(int64_t d, int64_t h, int64_t w) const {
    return ((begin[0] + d * stride[0]) * dims[1] + begin[1] + h * stride[1]) * dims[2] + begin[2] +
           w * stride[2];
  }
};

struct ConvShape {
  int64_t batch;
  Dims3 in, out;
  Window window;  // kConvDirect: where nothing is padded, negative pads leave out that much of the input
  ConvScatter to = {out};
};

// A copy of x with its padding, planes being blocks of channels (or channels) of all images. padded: the dims
// of the copy.
void copy_padded(const float* x, float* to, int64_t planes, const Dims3& in, const Window& w,
                 const Dims3& padded, int64_t lanes);

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
