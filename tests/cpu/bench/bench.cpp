// SPDX-License-Identifier: Apache-2.0
// Speed of single convolutions and matrix products, and of two whole networks as the optimisation passes
// leave them, with random weights. HRT_BENCH_ISA chooses the library (default: the best that runs).
// Nothing here is asserted: figures are for people.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdlib>

#include "tests/cpu/bench/networks.h"
#include "tests/cpu/host.h"

namespace hrt::test {
namespace {

const Backend& library() {
  const char* isa = std::getenv("HRT_BENCH_ISA");
  return backend(isa ? isa : isas().front());
}

// Times one node of a model by the trace events around it.
void time_node(benchmark::State& state, const Model& model, const std::vector<Data>& inputs, size_t node,
               double flops) {
  Runner runner(library(), model, inputs, 1);
  runner.profile();
  double total = 0;
  for (auto _ : state) {
    const double ns = runner.profile()[node];
    total += ns;
    state.SetIterationTime(ns * 1e-9);
  }
  state.counters["GFLOP/s"] = flops * double(state.iterations()) / total;
}

// Arguments: channels in, channels out, height = width, kernel, stride, groups.
void conv(benchmark::State& state) {
  const int64_t ic = state.range(0), oc = state.range(1), in = state.range(2), k = state.range(3),
                stride = state.range(4), group = state.range(5), pad = k / 2,
                out = (in + 2 * pad - k) / stride + 1;
  Model m;
  uint32_t x = m.input({1, ic, in, in});
  if (ic > 4) x = m.node("MaxPool", {x}, {1, ic, in, in}, {{"kernel_shape", std::vector<int64_t>{1, 1}}});
  const uint32_t w = m.constant(random({oc, ic / group, k, k}, 1)), b = m.constant(random({oc}, 2));
  uint32_t y = m.node("hrt:FusedConv", {x, w, b}, {1, oc, out, out},
                      {{"pads", std::vector<int64_t>{pad, pad, pad, pad}},
                       {"strides", std::vector<int64_t>{stride, stride}},
                       {"group", group},
                       {"activation", "Relu"}});
  y = m.node("GlobalMaxPool", {y}, {1, oc, 1, 1});
  m.output(y);
  const double flops = 2.0 * double(oc * out * out * k * k) * double(ic) / double(group);
  time_node(state, m, {random({1, ic, in, in}, 3)}, ic > 4 ? 1 : 0, flops);
}
BENCHMARK(conv)
    ->UseManualTime()
    ->ArgNames({"ic", "oc", "hw", "k", "s", "g"})
    // ResNet-50
    ->Args({3, 64, 224, 7, 2, 1})
    ->Args({64, 64, 56, 1, 1, 1})
    ->Args({64, 64, 56, 3, 1, 1})
    ->Args({64, 256, 56, 1, 1, 1})
    ->Args({256, 64, 56, 1, 1, 1})
    ->Args({128, 128, 56, 3, 2, 1})
    ->Args({256, 512, 56, 1, 2, 1})
    ->Args({128, 128, 28, 3, 1, 1})
    ->Args({512, 128, 28, 1, 1, 1})
    ->Args({256, 256, 28, 3, 2, 1})
    ->Args({256, 256, 14, 3, 1, 1})
    ->Args({1024, 256, 14, 1, 1, 1})
    ->Args({512, 512, 14, 3, 2, 1})
    ->Args({512, 512, 7, 3, 1, 1})
    ->Args({2048, 512, 7, 1, 1, 1})
    ->Args({512, 2048, 7, 1, 1, 1})
    // MobileNetV2
    ->Args({3, 32, 224, 3, 2, 1})
    ->Args({32, 32, 112, 3, 1, 32})
    ->Args({32, 16, 112, 1, 1, 1})
    ->Args({16, 96, 112, 1, 1, 1})
    ->Args({96, 96, 112, 3, 2, 96})
    ->Args({96, 24, 56, 1, 1, 1})
    ->Args({24, 144, 56, 1, 1, 1})
    ->Args({144, 144, 56, 3, 1, 144})
    ->Args({192, 192, 28, 3, 1, 192})
    ->Args({384, 384, 14, 3, 1, 384})
    ->Args({576, 160, 7, 1, 1, 1})
    ->Args({960, 960, 7, 3, 1, 960})
    ->Args({320, 1280, 7, 1, 1, 1})
    // YOLO-like and odd
    ->Args({32, 64, 320, 3, 2, 1})
    ->Args({64, 64, 80, 3, 1, 1})
    ->Args({48, 80, 33, 3, 1, 1})
    ->Args({128, 128, 28, 3, 1, 32})
    ->Args({64, 64, 28, 5, 1, 1});

// Arguments: rows, columns, depth; is B constant.
void matmul(benchmark::State& state) {
  const int64_t rows = state.range(0), cols = state.range(1), depth = state.range(2);
  Model m;
  const uint32_t a = m.input({rows, depth});
  std::vector<Data> inputs = {random({rows, depth}, 1)};
  uint32_t b;
  if (state.range(3)) {
    b = m.constant(random({depth, cols}, 2));
  } else {
    b = m.input({depth, cols});
    inputs.push_back(random({depth, cols}, 2));
  }
  m.output(m.node("MatMul", {a, b}, {rows, cols}));
  time_node(state, m, inputs, 0, 2.0 * double(rows * cols * depth));
}
BENCHMARK(matmul)
    ->UseManualTime()
    ->ArgNames({"m", "n", "k", "const"})
    ->Args({1, 1000, 2048, 1})
    ->Args({1, 1000, 2048, 0})
    ->Args({128, 768, 768, 1})
    ->Args({128, 3072, 768, 1})
    ->Args({128, 128, 64, 0})
    ->Args({512, 512, 512, 1})
    ->Args({512, 512, 512, 0})
    ->Args({197, 1000, 771, 1})
    ->Args({1024, 1024, 1024, 1});

void network(benchmark::State& state, void (*build)(Model&)) {
  Model m;
  build(m);
  Runner runner(library(), m, {random({1, 3, 224, 224}, 1)}, int(state.range(0)));
  runner.run();
  for (auto _ : state) runner.run();
  state.counters["MiB"] = double(runner.workspace_bytes()) / 1048576;
}
BENCHMARK_CAPTURE(network, resnet50, resnet50)->Unit(benchmark::kMillisecond)->UseRealTime()->Arg(1)->Arg(2);
BENCHMARK_CAPTURE(network, mobilenet_v2, mobilenet_v2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Arg(1)
    ->Arg(2);

}  // namespace
}  // namespace hrt::test

BENCHMARK_MAIN();
