// SPDX-License-Identifier: Apache-2.0
// What an operator of this backend is: a row in a table, and the values it makes on the way from a
// node of a graph to a call.
//
//     Op (table row) --compile(node)--> Compiled --prepare(shapes)--> Step --run(pointers)--> outputs
//
// Everything is a value or a function; there are no classes to derive from. backend.cpp owns the rest:
// memory, aliasing, views, reorders between layouts, threads, tracing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <hrt/plugin.hpp>

namespace hrt::cpu {

using sdk::Dims;
using sdk::fail;
using sdk::Graph;
using sdk::Node;
using sdk::require;
using sdk::unsupported;
using sdk::Value;

// ------------------------------------------------------------------------------------- layouts

// How a tensor of dims {N, C, spatial...} lies in memory.
//   plain    row-major, as the dims say
//   blocked  row-major {N, ceil(C / kBlock), spatial..., kBlock}: channels in blocks of one SIMD
//            vector. float32 and rank >= 3 only. The lanes past C of the last block hold arbitrary
//            values: they may be computed with, but must never reach a lane below C.
enum class Layout : uint8_t { kPlain, kBlocked };

// Lanes of a float vector of the instruction set that this library is compiled for; see simd.h.
extern const int64_t kBlock;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

// One input or output of a node, for one set of shapes.
struct Operand {
  hrt_dtype dtype = HRT_UNDEFINED;  // HRT_UNDEFINED: an absent optional input, an unwanted output
  Dims dims;                        // logical, all numbers, whatever the layout
  Layout layout = Layout::kPlain;
  const void* known = nullptr;  // the data, plain, when it is known before the run (constants, results
                                // of shape arithmetic); valid during prepare only

  bool present() const { return dtype != HRT_UNDEFINED; }
  int rank() const { return int(dims.size()); }
  int64_t count() const { return sdk::element_count(dims); }  // logical elements
  // The dims of the memory: dims, or {N, ceil(C / kBlock), spatial..., kBlock}. Element-wise
  // operators compute on these and so need not know about layouts.
  Dims physical() const;
  int64_t stored() const { return sdk::element_count(physical()); }  // elements in memory
  // The elements of a known int32 or int64 tensor; empty when it is absent. Throws when not known.
  Dims known_ints() const;
};

// All operands of a node, by position.
struct Signature {
  std::vector<Operand> in;
  std::vector<Operand> out;
  bool has_in(size_t i) const { return i < in.size() && in[i].present(); }
};

// ---------------------------------------------------------------------------------- a node, compiled

// What a Step gets for one run. Pointers are NULL for absent operands. Graph inputs may be aligned to
// no more than their element; everything else, workspace too, is aligned to 64 bytes. in[i] is valid for
// known operands too.
struct Buffers {
  const void* const* in;
  void* const* out;
  std::byte* workspace;
  template <class T>
  const T* input(size_t i) const {
    return static_cast<const T*>(in[i]);
  }
  template <class T>
  T* output(size_t i) const {
    return static_cast<T*>(out[i]);
  }
};

// The work of one node for one set of shapes. run is called on any thread, several calls at a time
// with different buffers; it allocates nothing and uses threads by parallel() alone. It throws
// sdk::Error only for bad data (an index out of range), never inside a parallel body.
struct Step {
  std::function<void(const Buffers&)> run;
  size_t workspace = 0;  // bytes of scratch, shared by the threads of the call
};

struct Compiled {
  // Required unless view. May be called on any thread, several times. sig has the layouts that
  // arrange settled on.
  std::function<Step(const Signature& sig)> prepare;

  // Settles layouts. sig comes with the layout that each input exists in now, and outputs plain; the
  // function overwrites what it wants: for an input a reorder is then inserted. It may also pad dims
  // of an input with leading 1s to make ranks equal. Absent: everything plain.
  std::function<void(Signature& sig)> arrange;

  // Bit i: output 0 may be written over input i: run reads element k of the input before it writes
  // element k of the output, in any partition into threads. Used only when both have the same bytes.
  uint32_t inplace = 0;
  // In place only where no other operand lies in that memory: run reads others in another order.
  bool inplace_alone = false;

  // Output 0 is input 0 with other dims: no run at all, plain layout.
  bool view = false;

  // Half precision is computed in float: operands of float16 and bfloat16 come to arrange and prepare as
  // float32. Between two such nodes a value stays float; it is rounded where it leaves them.
  bool widens = false;

  // Bit i: constant input i was packed by compile; the original is dropped.
  uint32_t packed = 0;
};

// Element-wise operators set this as Compiled::arrange: when an input of the output's shape arrives
// blocked and all others can follow (same rank and same C after padding with leading 1s, or a single
// element), everything becomes blocked; numpy broadcasting over Operand::physical() is then right.
void arrange_elementwise(Signature& sig);

// -------------------------------------------------------------------------------------- the table

struct Op {
  const char* domain;  // "" is ONNX's own
  const char* name;
  // Why this node cannot be taken ("dtype int64"), or "". Shapes may be symbolic or unknown here.
  std::string (*supports)(const Node& node);
  // Throws when supports answered with a reason. Constant inputs can be read here:
  // Graph(node.graph()).value(node.input(i)).constant().
  Compiled (*compile)(const Node& node);
  // Estimated floating-point operations for an output of one element; NULL: memory-bound.
  double (*flops_per_output)(const Node& node) = nullptr;
};

// The rows, by file of kernels/.
std::span<const Op> conv_ops();         // Conv, hrt.FusedConv
std::span<const Op> gemm_ops();         // Gemm, MatMul, hrt.FusedGemm, hrt.FusedMatMul
std::span<const Op> pool_ops();         // MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool
std::span<const Op> view_ops();         // Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout
std::span<const Op> elementwise_ops();  // unary, binary, activations, comparisons, Cast, Where, Clip ...
std::span<const Op> softmax_ops();      // Softmax, LogSoftmax, Hardmax
std::span<const Op> norm_ops();         // BatchNormalization, LayerNormalization, ...
std::span<const Op> reduce_ops();       // Reduce*, ArgMax, ArgMin
std::span<const Op> movement_ops();     // Transpose, Concat, Split, Slice, Pad, Gather, Expand, Tile ...
std::span<const Op> resize_ops();       // Resize
std::span<const Op> einsum_ops();       // Einsum
std::span<const Op> conv_transpose_ops();
std::span<const Op> deform_conv_ops();
std::span<const Op> unpool_ops();     // Col2Im, MaxUnpool
std::span<const Op> fill_ops();       // Shape, Size, ConstantOfShape, EyeLike
std::span<const Op> attention_ops();  // Attention, com.microsoft's Attention, MultiHeadAttention ...
std::span<const Op> rotary_ops();     // RotaryEmbedding, of both domains
std::span<const Op> skip_norm_ops();  // com.microsoft's SkipLayerNormalization, EmbedLayerNormalization ...
std::span<const Op> bias_activation_ops();  // com.microsoft's Gelu, BiasGelu, FastGelu, QuickGelu
std::span<const Op> nbits_ops();            // com.microsoft's MatMulNBits
std::span<const Op> qconv_ops();            // QLinearConv, ConvInteger
std::span<const Op> qgemm_ops();            // QLinearMatMul, MatMulInteger, com.microsoft: QGemm ...
std::span<const Op> quantize_ops();         // QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear
std::span<const Op> qlinear_ops();     // com.microsoft: QLinearAdd, QLinearConcat, QLinearAveragePool ...
std::span<const Op> top_k_ops();       // TopK
std::span<const Op> scatter_ops();     // ScatterElements, ScatterND, TensorScatter
std::span<const Op> cumulative_ops();  // CumSum, CumProd
std::span<const Op> arrange_ops();     // OneHot, Trilu, ReverseSequence, CenterCropPad, Range
std::span<const Op> sample_ops();      // GridSample, RoiAlign
std::span<const Op> recurrent_ops();   // LSTM, GRU, RNN
std::span<const Op> fourier_ops();     // DFT, STFT

// The row for a node, or NULL.
const Op* find_op(const Node& node);

// ------------------------------------------------------------------------- common to all operators

// supports() for an operator whose listed tensor inputs (and output 0) must all be float32.
std::string float32_only(const Node& node);

// The same, where float16 and bfloat16 will do too: for operators whose Compiled::widens is set.
std::string floats_only(const Node& node);

// float32 for the types that Compiled::widens widens, any other as it is.
constexpr bool is_half(hrt_dtype t) { return t == HRT_FLOAT16 || t == HRT_BFLOAT16; }
constexpr hrt_dtype widened(hrt_dtype t) { return is_half(t) ? HRT_FLOAT32 : t; }

// The elements of a constant as float32, when the value is one.
struct FloatConstant {
  Dims dims;
  const float* given;       // NULL when the constant is of half precision:
  std::vector<float> copy;  // converted

  const float* data() const { return given ? given : copy.data(); }
  int64_t size() const { return sdk::element_count(dims); }
};
std::optional<FloatConstant> float_constant(const Value& value);

// The width of a dtype in bytes, or 0 for strings and packed sub-byte types.
constexpr size_t dtype_bytes(hrt_dtype t) { return dtype_bits(t) / 8; }

// Calls f(begin, end) over 0 ... count-1 on the host's threads, ns_each being the estimated time for one
// item: serial below about 4 µs altogether, else about three chunks a thread. f must not throw, and
// what it computes for an item must not depend on the range that the item came in.
template <class F>
void parallel(int64_t count, double ns_each, F&& f) {
  constexpr double kSerialNs = 4000, kChunkNs = 2000;
  if (count <= 0) return;
  const double total = double(count) * ns_each;
  const int64_t threads = total < kSerialNs || count == 1 ? 1 : int64_t(sdk::g_host.run->concurrency());
  if (threads <= 1) return f(int64_t(0), count);
  const int64_t grain = std::max(ceil_div(count, threads * 3), int64_t(kChunkNs / std::max(ns_each, 1e-3)));
  sdk::parallel_for(count, std::max<int64_t>(grain, 1),
                    [&f](int64_t begin, int64_t end, uint32_t) { f(begin, end); });
}

}  // namespace hrt::cpu
