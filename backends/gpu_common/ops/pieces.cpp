// SPDX-License-Identifier: Apache-2.0
#include "backends/gpu_common/ops/pieces.h"

#include <algorithm>

namespace hrt::gpu {
namespace {

constexpr size_t kMostPieces = size_t{1} << 16;

// Of offsets of parts, in bytes: allowed by the device, and whole vectors of every type.
uint64_t unit_bytes(const Caps& caps) { return std::max<uint64_t>(caps.alignment, 16); }

// The elements that a piece touches.
struct Range {
  int64_t first, count;
};
Range touched(const Walked& t, const Dims& dims, const Dims& at) {
  Range r{t.from, 1};
  for (size_t d = 0; d < dims.size(); ++d) {
    const int64_t across = (dims[d] - 1) * t.strides[d];
    r.first += at[d] * t.strides[d] + std::min<int64_t>(across, 0);
    r.count += std::abs(across);
  }
  return r;
}

class Cutter {
 public:
  Cutter(Emit& emit, std::span<const Walked> tensors, bool in_order)
      : emit_(emit), tensors_(tensors), in_order_(in_order) {}

  void cut(Dims dims, const Dims& at) {
    const Walked* over = nullptr;
    for (const Walked& t : tensors_)
      if (!over && !reached(t, touched(t, dims, at).count)) over = &t;
    if (!over) return add(dims, at);
    const size_t d = dim_to_cut(*over, dims);
    const int64_t n = dims[d], half = first_part(n);
    dims[d] = half;
    cut(dims, at);
    Dims then = at;
    then[d] += half;
    dims[d] = n - half;
    cut(dims, then);
  }
  std::vector<Piece> pieces;

 private:
  // Parts begin at units: an element may lie behind what goes in front of it.
  bool reached(const Walked& t, int64_t count) const {
    const uint64_t most = emit_.caps().max_span_bytes,
                   lost = too_long(emit_, t.ref) ? unit_bytes(emit_.caps()) : 0;
    return uint64_t(count) <= (most - lost) / std::max(t.element_bytes, t.copied_bytes);
  }

  // The outermost that is left, or the one along which the tensor is longest.
  size_t dim_to_cut(const Walked& t, const Dims& dims) const {
    size_t best = 0;
    int64_t longest = 0;
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d] == 1) continue;
      if (in_order_) return d;
      const int64_t across = (dims[d] - 1) * std::abs(t.strides[d]);
      if (across <= longest) continue;
      longest = across;
      best = d;
    }
    return best;
  }

  // Pieces of long dims begin where parts can.
  int64_t first_part(int64_t n) const {
    const int64_t unit = part_unit(emit_.caps());
    return n > unit ? round_up(n / 2, unit) : n / 2;
  }

  void add(const Dims& dims, const Dims& at) {
    if (pieces.size() == kMostPieces)
      unsupported("tensors of which kernels reach ", emit_.caps().max_span_bytes,
                  " bytes at once: more than ", kMostPieces, " pieces");
    Piece& piece = pieces.emplace_back(dims, at);
    for (const Walked& t : tensors_) {
      const Range r = touched(t, dims, at);
      piece.windows.push_back(window(emit_, t.ref, t.element_bytes, r.first, r.count));
    }
  }

  Emit& emit_;
  std::span<const Walked> tensors_;
  bool in_order_;
};

}  // namespace

int64_t first_element(const Piece& piece, const Walked& tensor) {
  int64_t first = tensor.from;
  for (size_t d = 0; d < piece.at.size(); ++d) first += piece.at[d] * tensor.strides[d];
  return first;
}

bool too_long(const Emit& emit, Ref r) { return emit.bytes(r) > emit.caps().max_span_bytes; }

int64_t part_unit(const Caps& caps) { return int64_t(unit_bytes(caps)); }

Window window(Emit& emit, Ref r, size_t element_bytes, int64_t from, int64_t count) {
  if (!too_long(emit, r)) return {r, 0};
  const uint64_t begin = uint64_t(from) * element_bytes, offset = begin - begin % unit_bytes(emit.caps());
  const uint64_t end = begin + uint64_t(count) * element_bytes;
  return {emit.part(r, offset, end - offset), int64_t(offset / element_bytes)};
}

Ref from_element(Emit& emit, Ref r, size_t element_bytes, int64_t from) {
  if (from == 0) return r;
  const uint64_t offset = uint64_t(from) * element_bytes;
  if (offset % unit_bytes(emit.caps()))
    unsupported("a part of a tensor ", offset, " bytes from its begin: parts of ", emit.caps().name,
                " begin at multiples of ", unit_bytes(emit.caps()));
  return emit.part(r, offset, emit.bytes(r) - offset);
}

std::vector<Piece> pieces_of(Emit& emit, const Dims& dims, std::span<const Walked> tensors, bool in_order) {
  Cutter cutter(emit, tensors, in_order);
  if (sdk::element_count(dims) > 0) cutter.cut(dims, Dims(dims.size(), 0));
  return std::move(cutter.pieces);
}

}  // namespace hrt::gpu
