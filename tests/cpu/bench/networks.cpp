// SPDX-License-Identifier: Apache-2.0
#include "tests/cpu/bench/networks.h"

#include <cmath>

namespace hrt::test {
namespace {

struct Builder {
  Model& m;
  unsigned seed = 1;
  struct Tensor {
    uint32_t id;
    int64_t channels, size;
  };

  Data weights(Dims dims) {
    Data d = random(dims, ++seed);
    const int64_t inputs = count(dims) / dims[0];  // of a channel
    const float scale = std::sqrt(3.0f / float(inputs));
    for (int64_t i = 0; i < count(dims); ++i) d.as<float>()[i] *= scale;
    return d;
  }

  Tensor conv(Tensor x, int64_t oc, int64_t k, int64_t stride, int64_t group, std::vector<Attr> activation,
              uint32_t residual = HRT_NONE) {
    const int64_t pad = k / 2, out = (x.size + 2 * pad - k) / stride + 1;
    std::vector<uint32_t> inputs = {x.id, m.constant(weights({oc, x.channels / group, k, k})),
                                    m.constant(weights({oc}))};
    if (residual != HRT_NONE) inputs.push_back(residual);
    std::vector<Attr> attrs = {{"pads", std::vector<int64_t>{pad, pad, pad, pad}},
                               {"strides", std::vector<int64_t>{stride, stride}},
                               {"group", group}};
    attrs.insert(attrs.end(), activation.begin(), activation.end());
    return {m.node("hrt:FusedConv", inputs, {1, oc, out, out}, attrs), oc, out};
  }

  void classifier(Tensor x) {
    const uint32_t pooled = m.node("GlobalAveragePool", {x.id}, {1, x.channels, 1, 1});
    const uint32_t flat = m.node("Flatten", {pooled}, {1, x.channels});
    m.output(m.node("Gemm", {flat, m.constant(weights({1000, x.channels})), m.constant(weights({1000}))},
                    {1, 1000}, {{"transB", 1}}));
  }
};

}  // namespace

void resnet50(Model& m) {
  Builder b{m};
  const std::vector<Attr> relu = {{"activation", "Relu"}};
  Builder::Tensor x = b.conv({m.input({1, 3, 224, 224}), 3, 224}, 64, 7, 2, 1, relu);
  x = {m.node("MaxPool", {x.id}, {1, 64, 56, 56},
              {{"kernel_shape", std::vector<int64_t>{3, 3}},
               {"strides", std::vector<int64_t>{2, 2}},
               {"pads", std::vector<int64_t>{1, 1, 1, 1}}}),
       64, 56};
  const int64_t blocks[] = {3, 4, 6, 3};
  for (int64_t stage = 0; stage < 4; ++stage)
    for (int64_t i = 0; i < blocks[stage]; ++i) {
      const int64_t width = 64 << stage, stride = i == 0 && stage > 0 ? 2 : 1;
      const Builder::Tensor shortcut = i == 0 ? b.conv(x, width * 4, 1, stride, 1, {}) : x;
      const Builder::Tensor y = b.conv(b.conv(x, width, 1, 1, 1, relu), width, 3, stride, 1, relu);
      x = b.conv(y, width * 4, 1, 1, 1, relu, shortcut.id);
    }
  b.classifier(x);
}

void mobilenet_v2(Model& m) {
  Builder b{m};
  const std::vector<Attr> relu6 = {{"activation", "Clip"}, {"activation_params", std::vector<float>{0, 6}}};
  Builder::Tensor x = b.conv({m.input({1, 3, 224, 224}), 3, 224}, 32, 3, 2, 1, relu6);
  const int64_t rows[][4] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                             {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  for (const auto& [expand, channels, repeat, first_stride] : rows)
    for (int64_t i = 0; i < repeat; ++i) {
      const int64_t stride = i == 0 ? first_stride : 1, width = x.channels * expand;
      Builder::Tensor y = expand == 1 ? x : b.conv(x, width, 1, 1, 1, relu6);
      y = b.conv(y, width, 3, stride, width, relu6);
      x = b.conv(y, channels, 1, 1, 1, {}, stride == 1 && x.channels == channels ? x.id : HRT_NONE);
    }
  b.classifier(b.conv(x, 1280, 1, 1, 1, relu6));
}

}  // namespace hrt::test
