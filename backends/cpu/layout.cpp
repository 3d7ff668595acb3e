// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/layout.h"

#include <cstring>

#include "backends/cpu/simd.h"

namespace hrt::cpu {

const int64_t kBlock = kLanes;

Dims Operand::physical() const {
  if (layout == Layout::kPlain) return dims;
  Dims d = dims;
  d[1] = ceil_div(d[1], kBlock);
  d.push_back(kBlock);
  return d;
}

Dims Operand::known_ints() const {
  if (!present()) return {};
  require(known != nullptr, "an input that decides shapes is not known before the run");
  auto t = sdk::sized<hrt_tensor>();
  t.dtype = dtype;
  t.rank = int32_t(dims.size());
  t.dims = dims.data();
  t.data = const_cast<void*>(known);
  return sdk::to_int64s(sdk::Tensor(t));
}

namespace {

bool can_block(const Operand& o) { return o.dtype == HRT_FLOAT32 && o.rank() >= 3; }

int64_t spatial(const Dims& dims) { return sdk::element_count(std::span(dims).subspan(2)); }

// One block of channels of one image: `lanes` rows of n floats, `stride` apart, to n rows of kLanes.
// Sixteen-line tiles keep both sides in cache lines that are used whole.
void block_channels(const float* x, int64_t stride, float* y, int64_t n, int lanes) {
  for (int64_t i0 = 0; i0 < n; i0 += 16) {
    const int64_t i1 = std::min(i0 + 16, n);
    for (int c = 0; c < lanes; ++c)
      for (int64_t i = i0; i < i1; ++i) y[i * kLanes + c] = x[c * stride + i];
    for (int c = lanes; c < kLanes; ++c)
      for (int64_t i = i0; i < i1; ++i) y[i * kLanes + c] = 0;
  }
}

void unblock_channels(const float* x, float* y, int64_t stride, int64_t n, int lanes) {
  for (int64_t i0 = 0; i0 < n; i0 += 16) {
    const int64_t i1 = std::min(i0 + 16, n);
    for (int c = 0; c < lanes; ++c)
      for (int64_t i = i0; i < i1; ++i) y[c * stride + i] = x[i * kLanes + c];
  }
}

}  // namespace

bool same_memory(const Dims& dims, Layout from, Layout to) {
  if (from == to) return true;
  if (dims.size() < 3 || spatial(dims) != 1) return false;
  return dims[1] % kBlock == 0 || (to == Layout::kPlain && dims[0] == 1);
}

void reorder(const float* x, float* y, const Dims& dims, Layout to) {
  const int64_t channels = dims[1], n = spatial(dims), blocks = ceil_div(channels, kLanes);
  const double ns = double(n) * kLanes * 0.1 + 5;
  parallel(dims[0] * blocks, ns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t c = i % blocks * kLanes;
      const int lanes = int(std::min<int64_t>(kLanes, channels - c));
      const int64_t plain = (i / blocks * channels + c) * n, blocked = i * n * kLanes;
      if (to == Layout::kBlocked)
        block_channels(x + plain, n, y + blocked, n, lanes);
      else
        unblock_channels(x + blocked, y + plain, n, n, lanes);
    }
  });
}

void arrange_elementwise(Signature& sig) {
  const Operand& out = sig.out[0];
  bool arrives_blocked = false;
  std::vector<Operand> in = sig.in;
  for (Operand& o : sig.in) o.layout = Layout::kPlain;  // unless everything can be blocked
  for (const Operand& o : sig.out)
    if (o.present() && (!can_block(o) || o.dims != out.dims)) return;
  for (Operand& o : in) {
    if (!o.present()) continue;
    const bool blocked = o.layout == Layout::kBlocked;
    if (o.count() == 1 && !blocked) continue;
    if (o.dtype != HRT_FLOAT32 || o.rank() > out.rank()) return;
    o.dims.insert(o.dims.begin(), size_t(out.rank() - o.rank()), 1);
    if (o.dims[1] != out.dims[1]) return;
    arrives_blocked |= blocked && o.dims == out.dims;
    o.layout = Layout::kBlocked;
  }
  if (!arrives_blocked) return;
  sig.in = std::move(in);
  for (Operand& o : sig.out)
    if (o.present()) o.layout = Layout::kBlocked;
}

}  // namespace hrt::cpu
