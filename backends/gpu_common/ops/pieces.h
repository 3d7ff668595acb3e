// SPDX-License-Identifier: Apache-2.0
// Tensors over Caps::max_span_bytes, the most that one binding of a kernel reaches: what is done to their
// elements is dispatched in pieces, each bound to the parts of the tensors that it touches.
#pragma once

#include "backends/gpu_common/op.h"

namespace hrt::gpu {

// Elements of a tensor as a kernel finds them: element i of the tensor is element i - first of ref.
struct Window {
  Ref ref;
  int64_t first;
};
// Binds count elements from `from` on: all of r where kernels reach that, else the part that has them.
Window window(Emit& emit, Ref r, size_t element_bytes, int64_t from, int64_t count);

// Multiples of so many elements of any type are where parts may begin.
int64_t part_unit(const Caps& caps);

// A tensor that a box of coordinates walks: coordinates c touch element from + c times strides.
struct Walked {
  Ref ref;
  size_t element_bytes;
  Dims strides;
  int64_t from = 0;
  size_t copied_bytes = 0;  // of an element in a copy that a kernel makes of what is touched; 0: none
};
struct Piece {
  Dims dims;
  Dims at;                      // of its first coordinates in the box
  std::vector<Window> windows;  // of each tensor, for these coordinates
};
// The element of a tensor that a piece's first coordinates touch.
int64_t first_element(const Piece& piece, const Walked& tensor);
// Cuts a box until each piece touches no more of any tensor than kernels reach; one piece where nothing is
// over the limit. in_order: pieces follow one another in row-major order, so that they are contiguous in a
// row-major tensor of the box's dims.
std::vector<Piece> pieces_of(Emit& emit, const Dims& dims, std::span<const Walked> tensors, bool in_order);

// Whether kernels cannot reach all of it.
bool too_long(const Emit& emit, Ref r);

// What this much of a tensor is bound to from an element on; that is a multiple of part_unit, or 0.
Ref from_element(Emit& emit, Ref r, size_t element_bytes, int64_t from);

}  // namespace hrt::gpu
