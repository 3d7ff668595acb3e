// SPDX-License-Identifier: Apache-2.0
// Indices that are data: checked before they are used, negative ones counted from the back. Parallel
// bodies must not throw, so they look with in_range, and check_indices afterwards says what is wrong.
#pragma once

#include <array>
#include <cstdint>

#include "backends/cpu/op.h"

namespace hrt::cpu {

template <class I>
bool in_range(const I* index, int64_t n, int64_t axis) {
  bool bad = false;
  for (int64_t i = 0; i < n; ++i) bad |= (int64_t(index[i]) < -axis) | (int64_t(index[i]) >= axis);
  return !bad;
}

template <class I>
void check_indices(const I* index, int64_t n, int64_t axis, const char* op) {
  for (int64_t i = 0; i < n; ++i)
    require(index[i] >= -axis && index[i] < axis, op, ": index ", int64_t(index[i]), " at position ", i,
            " is outside of an axis of ", axis);
}

template <class I>
constexpr int64_t from_front(I index, int64_t axis) {
  return index < 0 ? int64_t(index) + axis : int64_t(index);
}

// The place that a tuple of indices names in a tensor of dims[0] x ... x dims[depth-1] slices; -1: none.
inline int64_t tuple_place(const int64_t* tuple, const int64_t* dims, int64_t depth) {
  int64_t at = 0;
  for (int64_t d = 0; d < depth; ++d) {
    if (tuple[d] < -dims[d] || tuple[d] >= dims[d]) return -1;
    at = at * dims[d] + from_front(tuple[d], dims[d]);
  }
  return at;
}
inline void refuse_tuple(const int64_t* tuple, const int64_t* dims, int64_t depth, const char* op) {
  for (int64_t d = 0; d < depth; ++d) check_indices(tuple + d, 1, dims[d], op);
}

// Why a tensor of indices cannot be taken, or "".
inline std::string index_refusal(const Node& node, size_t input) {
  const hrt_dtype t = Graph(node.graph()).value(node.input(input)).dtype();
  return t == HRT_INT32 || t == HRT_INT64 ? "" : sdk::cat("indices of dtype ", dtype_name(t));
}

// Calls f.template operator()<T>() with a type of that many bytes, for kernels that move elements.
template <class F>
void with_width(size_t bytes, F&& f) {
  switch (bytes) {
    case 1: return f.template operator()<uint8_t>();
    case 2: return f.template operator()<uint16_t>();
    case 4: return f.template operator()<uint32_t>();
    case 8: return f.template operator()<uint64_t>();
    case 16: return f.template operator()<std::array<uint64_t, 2>>();
    default: unsupported("elements of ", bytes, " bytes");
  }
}
// The same with the type of the indices as a second one.
template <class F>
void with_width(size_t bytes, hrt_dtype index, F&& f) {
  with_width(bytes, [&]<class T>() {
    if (index == HRT_INT64)
      f.template operator()<T, int64_t>();
    else
      f.template operator()<T, int32_t>();
  });
}

// Copies a slice; known sizes need no call.
template <class F>
void with_slice_bytes(size_t bytes, F&& f) {
  switch (bytes) {
    case 1: return f(std::integral_constant<size_t, 1>());
    case 2: return f(std::integral_constant<size_t, 2>());
    case 4: return f(std::integral_constant<size_t, 4>());
    case 8: return f(std::integral_constant<size_t, 8>());
    default: return f(bytes);
  }
}

// Some axes of a tensor, counted through in row-major order, and their strides in another one. Neighbours
// that run on in the other tensor are merged.
struct Walk {
  int rank = 0;
  int64_t size[HRT_MAX_RANK], stride[HRT_MAX_RANK];
  int64_t count = 1;

  void add(int64_t n, int64_t step) {
    count *= n;
    if (n == 1) return;
    if (rank > 0 && stride[rank - 1] == n * step) {
      size[rank - 1] *= n;
      stride[rank - 1] = step;
    } else {
      size[rank] = n;
      stride[rank++] = step;
    }
  }
  int64_t offset(int64_t i) const {
    int64_t at = 0;
    for (int d = rank; d-- > 0; i /= size[d]) at += i % size[d] * stride[d];
    return at;
  }
};

}  // namespace hrt::cpu
