// SPDX-License-Identifier: Apache-2.0
// acme.RMSNorm for HRT's CPU backend: rows on the host's threads, each with vectors of 16 floats, which the
// compiler turns into what the instruction set has. Which that is the loader chooses, once.
#include <cmath>
#include <cstring>

#include "ops.h"

#if defined(__x86_64__)
#define ACME_CLONES [[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
#else
#define ACME_CLONES
#endif

struct hrt_cpu_compiled {
  float epsilon;
};
struct hrt_cpu_prepared {
  int64_t rows, width;
  float epsilon;
};

namespace acme {
namespace {

typedef float Vector __attribute__((vector_size(64)));
constexpr int64_t kLanes = 16;

ACME_CLONES void norm_row(const float* x, const float* scale, float* y, int64_t n, float epsilon) {
  Vector squares[4] = {};  // four sums hide the latency of the additions
  Vector a, b;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int k = 0; k < 4; ++k) {
      std::memcpy(&a, x + i + k * kLanes, sizeof a);
      squares[k] += a * a;
    }
  }
  for (; i + kLanes <= n; i += kLanes) {
    std::memcpy(&a, x + i, sizeof a);
    squares[0] += a * a;
  }
  const Vector lanes = (squares[0] + squares[1]) + (squares[2] + squares[3]);
  float sum = 0;
  for (int64_t k = 0; k < kLanes; ++k) sum += lanes[k];
  for (; i < n; ++i) sum += x[i] * x[i];

  const float factor = 1 / std::sqrt(sum / float(n) + epsilon);
  for (i = 0; i + kLanes <= n; i += kLanes) {
    std::memcpy(&a, x + i, sizeof a);
    std::memcpy(&b, scale + i, sizeof b);
    a = a * factor * b;
    std::memcpy(y + i, &a, sizeof a);
  }
  for (; i < n; ++i) y[i] = x[i] * factor * scale[i];
}

hrt_status* supports(const hrt_cpu_kernel*, const hrt_graph*, uint32_t, hrt_node_support* answer) {
  answer->supported = 1;  // the schema leaves float32 alone
  return nullptr;
}

hrt_status* compile(const hrt_cpu_kernel*, const hrt_graph* graph, uint32_t node, hrt_cpu_compiled** out,
                    uint32_t*) {
  return guard([&] { *out = new hrt_cpu_compiled{Node(graph, node).f("epsilon", kDefaultEpsilon)}; });
}

hrt_status* prepare(hrt_cpu_compiled* compiled, const hrt_tensor* const* inputs, size_t,
                    const hrt_tensor* const*, size_t, hrt_cpu_prepared** out, uint64_t*) {
  return guard([&] {
    const Tensor x(*inputs[0]);
    const int64_t width = x.dim(x.rank() - 1);
    *out = new hrt_cpu_prepared{width ? x.size() / width : 0, width, compiled->epsilon};
  });
}

hrt_status* run(hrt_cpu_prepared* p, const hrt_cpu_run_args* args) {
  const auto* x = static_cast<const float*>(args->inputs[0]);
  const auto* scale = static_cast<const float*>(args->inputs[1]);
  auto* y = static_cast<float*>(args->outputs[0]);
  const int64_t n = p->width, grain = 1 + 65536 / (n + 1);  // enough work for a thread to be worth it
  parallel_for(p->rows, grain, [&](int64_t begin, int64_t end, uint32_t) {
    for (int64_t r = begin; r < end; ++r) norm_row(x + r * n, scale, y + r * n, n, p->epsilon);
  });
  return nullptr;
}

}  // namespace

const hrt_cpu_kernel kRmsNormOnCpu = {
    sizeof(hrt_cpu_kernel),
    "acme",
    "RMSNorm",
    /*inplace=*/1,  // a row is read whole before it is written, and no other row looks at it
    supports,
    compile,
    [](hrt_cpu_compiled* compiled) { delete compiled; },
    prepare,
    [](hrt_cpu_prepared* prepared) { delete prepared; },
    run,
    nullptr,
};

}  // namespace acme
