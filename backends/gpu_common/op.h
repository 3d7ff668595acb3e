// SPDX-License-Identifier: Apache-2.0
// What an operator of a GPU backend is: a row in a table, and the values it makes on the way from a node of
// a graph to dispatches.
//
//     Op (table row) --compile(node)--> Compiled --emit(shapes)--> dispatches, recorded once per context
//
// The same for every driver. executable.h owns the rest: memory, aliasing, barriers, fused chains.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/gpu_common/driver.h"

namespace hrt::gpu {

using sdk::Dims;
using sdk::fail;
using sdk::Graph;
using sdk::Node;
using sdk::require;
using sdk::unsupported;
using sdk::Value;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
constexpr size_t dtype_bytes(hrt_dtype t) { return dtype_bits(t) / 8; }

// One input or output of a node, for one set of shapes. Row-major.
struct Operand {
  hrt_dtype dtype = HRT_UNDEFINED;  // HRT_UNDEFINED: an absent optional input, an unwanted output
  Dims dims;
  const void* known = nullptr;  // the data when it is known before the run; valid during emit only

  bool present() const { return dtype != HRT_UNDEFINED; }
  int rank() const { return int(dims.size()); }
  int64_t count() const { return sdk::element_count(dims); }
  uint64_t bytes() const;       // checked
  Dims known_ints() const;      // of a known int32 or int64 tensor; empty when absent; throws when not known
  double known_number() const;  // of a known tensor of one element of any numeric type
};

// A piece of device memory that dispatches read or write. Where it lies is decided after emit.
using Ref = uint32_t;

// One dispatch. Local sizes and constants become the kernel's specialisation constants: 0, 1, 2 are group,
// constants start at 3.
struct Call {
  std::string kernel, variant;
  std::vector<int32_t> constants;
  std::array<uint32_t, 3> group{64, 1, 1};
  std::vector<Ref> buffers;  // by binding; those that the kernel writes are named in writes
  uint32_t writes = 0;       // bit i: binding i is written
  std::vector<uint32_t> push;
  std::array<int64_t, 3> threads{1, 1, 1};  // wanted; rounded up to whole groups: kernels test for the end
  bool linear = false;  // a one-dimensional kernel that asks for LINEAR_ID(): may be folded into two
};

// What emit gets: the operands of its node, and where to put dispatches.
class Emit {
 public:
  virtual ~Emit() = default;
  virtual const Caps& caps() const = 0;
  virtual const std::vector<Operand>& in() const = 0;
  virtual const std::vector<Operand>& out() const = 0;
  virtual Ref in_ref(size_t i) = 0;  // uploads what is known and was not there yet
  virtual Ref out_ref(size_t i) = 0;
  virtual uint64_t bytes(Ref r) const = 0;
  // So many bytes of r from offset on, a multiple of Caps::alignment: what kernels are bound to where they
  // cannot reach all of it (ops/pieces.h).
  virtual Ref part(Ref r, uint64_t offset, uint64_t bytes) = 0;
  virtual Ref scratch(uint64_t bytes) = 0;                 // lives during this node
  virtual Ref data(const void* data, uint64_t bytes) = 0;  // a table for this node and these shapes
  virtual Ref weight(size_t i) = 0;                        // i-th that Uploads::weight was given
  // A word for a kernel that may meet data that it cannot take: there it puts ATOMIC_MIN(word, 0, place), and
  // the run ends with an error of this node, "REASON: element PLACE of OF". It is never named in
  // Call::writes: dispatches need not wait for one another because of it.
  virtual Ref fault(std::string reason, std::string of) = 0;
  virtual void dispatch(Call call) = 0;
  // Which of several ways to compute this node is fastest here: measured once per device and key, and kept
  // (tune.h). Without tuning, and without a kept result, the first. Each candidate emits all its dispatches.
  // One that the device refuses for these shapes (HRT_ERROR_UNSUPPORTED) leaves the others.
  using Way = std::function<void(Emit&)>;
  virtual void fastest(const std::string& key, std::span<const Way> ways) = 0;

  bool has_in(size_t i) const { return i < in().size() && in()[i].present(); }
};

// Takes weights in the layout that kernels want, while a node is compiled.
class Uploads {
 public:
  virtual ~Uploads() = default;
  virtual const Caps& caps() const = 0;
  virtual size_t weight(const void* data, uint64_t bytes) = 0;  // returns the index for Emit::weight
};

// One operation of a fused chain of element-wise ones (ops/chain.cpp): r = op(r, argument).
struct ChainOp {
  int32_t op = 0;        // of kernels/chain_ops.h
  int operand = -1;      // input of the node that is the argument, -1: none
  int chained = 0;       // input of the node that r is, when it is in the middle of a chain
  bool swapped = false;  // op(argument, r)
  float a = 0, b = 0;    // immediates: alpha, low and high bounds
};

struct Compiled {
  // Emits the dispatches for these shapes. Any thread, several times at once. Not for views.
  std::function<void(Emit&)> emit;
  // Output 0 is input 0 with other dims: nothing is dispatched.
  bool view = false;
  // Bit i: constant input i was uploaded by compile in a layout of its own; its plain form is not needed.
  uint32_t packed = 0;
  // Bit i: output 0 may lie over input i: element k is read, by the thread that writes it, before.
  uint32_t inplace = 0;
  // Set: this node can be part of a chain; emit then computes it alone.
  std::vector<ChainOp> chain;
};

// What an operator does with a tensor over Caps::max_span_bytes.
enum class Split : uint8_t {
  kNot,       // kernels must reach all of it
  kBound,     // it dispatches in parts of it
  kUploaded,  // a constant: compile uploads parts of it, each in a buffer of its own
};

struct Op {
  const char* domain;
  const char* name;
  // Why this node cannot be taken ("dtype int64 of an input"), or "". Shapes may be symbolic or unknown.
  std::string (*supports)(const Node& node, const Caps& caps);
  // Constants can be read here: Graph(node.graph()).value(node.input(i)).constant().
  Compiled (*compile)(const Node& node, Uploads& uploads);
  // Estimated floating-point operations for an output of one element; NULL: memory-bound.
  double (*flops_per_output)(const Node& node) = nullptr;
  // For this input, or the outputs; NULL: kNot. Asked when shapes are known.
  Split (*splits)(const Node& node, const Caps& caps, std::optional<size_t> input) = nullptr;
};
Split splits_all(const Node& node, const Caps& caps, std::optional<size_t> input);

// The rows, by file of ops/.
std::span<const Op> chain_ops();      // unary and binary arithmetic, activations, Clip
std::span<const Op> compare_ops();    // comparisons, logic, Where, Cast, integer arithmetic
std::span<const Op> view_ops();       // Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout
std::span<const Op> movement_ops();   // Transpose, Concat, Split, Slice, Pad, Expand, Tile, DepthToSpace ...
std::span<const Op> gather_ops();     // Gather, GatherElements, GatherND
std::span<const Op> scatter_ops();    // ScatterElements, ScatterND
std::span<const Op> select_ops();     // OneHot, Trilu, EyeLike, Range, ReverseSequence, Shape
std::span<const Op> sort_ops();       // TopK
std::span<const Op> reduce_ops();     // Reduce*, ArgMax, ArgMin, CumSum
std::span<const Op> softmax_ops();    // Softmax, LogSoftmax
std::span<const Op> norm_ops();       // BatchNormalization, LayerNormalization, InstanceNormalization ...
std::span<const Op> gemm_ops();       // Gemm, MatMul, hrt.FusedGemm, hrt.FusedMatMul
std::span<const Op> conv_ops();       // Conv, hrt.FusedConv, ConvTranspose
std::span<const Op> pool_ops();       // MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool, LpPool
std::span<const Op> resize_ops();     // Resize
std::span<const Op> sample_ops();     // GridSample
std::span<const Op> attention_ops();  // Attention, com.microsoft's kin
std::span<const Op> quantize_ops();   // QuantizeLinear, DequantizeLinear, QLinearConv, QLinearMatMul ...
std::span<const Op> recurrent_ops();  // LSTM, GRU, RNN
std::span<const Op> einsum_ops();     // Einsum

// The row for a node, or NULL.
const Op* find_op(const Node& node);
// Why this backend cannot take a node, or "": operator, types, tensors that kernels cannot reach.
std::string refusal(const Node& node, const Caps& caps);

// Emits a chain of element-wise operations: r begins as in()[ops[0].chained], operands are indices into in(),
// the last r is out()[0]. At most kChainOps operations and kChainOperands operands.
constexpr size_t kChainOps = 8, kChainOperands = 4;
void emit_chain(Emit& emit, std::span<const ChainOp> ops);

// ------------------------------------------------------------------------- common to all operators

// The variant of kernels for a type ("f32", "f16", "i32", "i64", "u8", "i8", "u32", "u64", "f64"), or NULL.
// bool is u8.
const char* type_variant(hrt_dtype t);
// The variant for moving elements of this type about, by size: "b1", "b2", "b4", "b8", or NULL.
const char* size_variant(hrt_dtype t);
// Why kernels cannot read and write this type on this device, or "".
std::string storable(hrt_dtype t, const Caps& caps);
// supports() for an operator whose present inputs and output 0 must all be float32 or float16.
std::string floats_only(const Node& node, const Caps& caps);
// The same for a list of types.
std::string types_only(const Node& node, const Caps& caps, std::span<const hrt_dtype> types);

// Floats as push words, and integers with a check that they fit 32 bits.
uint32_t push_float(float v);
uint32_t push_int(int64_t v);

// Dims of several operands over one iteration space, merged where all of them run on: row-major, at most
// max dims. strides[k] are of operand k, 0 where it is broadcast. Throws UNSUPPORTED when more dims are left.
struct Merged {
  Dims dims;
  std::vector<Dims> strides;
  bool linear = false;  // one dim, and every operand has stride 1: element i is element i
};
Merged merge_dims(const Dims& out, std::span<const Dims> operands, size_t max);

}  // namespace hrt::gpu
