// SPDX-License-Identifier: Apache-2.0
// DepthToSpace: channels to blocks of pixels. https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
// SpaceToDepth: the way back. https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html
#include "dims.h"
#include "elements.h"

namespace hrt::ops {
namespace {

int64_t block_of(const Node& node) {
  const int64_t b = node.i("blocksize");
  require(b > 0 && b < 1 << 20, "blocksize is ", b);
  return b;
}

int64_t divided(const DimMath& m, int64_t n, int64_t by) {
  return m(
      [](int64_t a, int64_t b) {
        require(a % b == 0, a, " does not divide by ", b);
        return a / b;
      },
      n, by);
}

Dims to_space(const DimMath& m, std::span<const int64_t> in, int64_t b) {
  require(in.size() == 4, "the input must have rank 4, has shape ", in);
  return {in[0], divided(m, in[1], b * b), m.mul(in[2], b), m.mul(in[3], b)};
}
Dims to_depth(const DimMath& m, std::span<const int64_t> in, int64_t b) {
  require(in.size() == 4, "the input must have rank 4, has shape ", in);
  return {in[0], m.mul(in[1], b * b), divided(m, in[2], b), divided(m, in[3], b)};
}

using Shape = Dims (*)(const DimMath&, std::span<const int64_t>, int64_t);
template <Shape shape>
void infer(const Infer& c) {
  const auto in = c.dims(0);
  if (!in) return output_rank(c, 4);
  c.output(0, TensorType(c.dtype(0), shape(DimMath(c), *in, block_of(c.node()))));
}

// Calls pair(deep, spread) with the offsets of the same element in both forms; `crd`: where the block's
// row and column stand in the channel number: after (crd) or before (DCR) the channel of the spread form.
template <class Pair>
void rearrange(std::span<const int64_t> deep, int64_t channels, int64_t b, bool crd, Pair&& pair) {
  const int64_t height = deep[2], width = deep[3];
  int64_t from = 0;
  for (int64_t n = 0; n < deep[0]; ++n)
    for (int64_t k = 0; k < deep[1]; ++k) {
      const int64_t channel = crd ? k / (b * b) : k % channels, in_block = crd ? k % (b * b) : k / channels;
      for (int64_t h = 0; h < height; ++h)
        for (int64_t w = 0; w < width; ++w, ++from) {
          const int64_t row = h * b + in_block / b, column = w * b + in_block % b;
          pair(from, ((n * channels + channel) * height * b + row) * width * b + column);
        }
    }
}

bool is_crd(const Node& node) {
  const std::string mode = node.s("mode", "DCR");
  require(mode == "DCR" || mode == "CRD", "there is no mode ", mode);
  return mode == "CRD";
}

void depth_to_space(const Kernel& c) {
  const Tensor x = c.input(0);
  const int64_t b = block_of(c.node());
  const Tensor y = c.output(0, x.dtype(), to_space(DimMath(), x.dims(), b));
  const Mover move(y, x);
  rearrange(x.dims(), y.dim(1), b, is_crd(c.node()),
            [&](int64_t deep, int64_t spread) { move(spread, deep); });
}

void space_to_depth(const Kernel& c) {
  const Tensor x = c.input(0);
  const int64_t b = block_of(c.node());
  const Tensor y = c.output(0, x.dtype(), to_depth(DimMath(), x.dims(), b));
  const Mover move(y, x);
  rearrange(y.dims(), x.dim(1), b, is_crd(c.node()),
            [&](int64_t deep, int64_t spread) { move(deep, spread); });
}

const Register depth_to_space_op(Op{
    .name = "DepthToSpace",
    .since = 13,
    .doc = "moves channels into blocks of height and width",
    .inputs = {{"input", "T"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"blocksize", HRT_ATTR_INT, "", true}, {"mode", HRT_ATTR_STRING, "DCR"}},
    .types = {{"T", kAny}},
    .infer = infer<to_space>,
    .compute = depth_to_space,
});

const Register space_to_depth_op(Op{
    .name = "SpaceToDepth",
    .since = 28,
    .doc = "moves blocks of height and width into channels",
    .inputs = {{"input", "T"}},
    .outputs = {{"output", "T"}},
    .attrs = {{"blocksize", HRT_ATTR_INT, "", true}, {"mode", HRT_ATTR_STRING, "DCR"}},
    .types = {{"T", kAny}},
    .infer = infer<to_depth>,
    .compute = space_to_depth,
});

}  // namespace
}  // namespace hrt::ops
