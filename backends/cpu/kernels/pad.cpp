// SPDX-License-Identifier: Apache-2.0
// Pad, all modes. Each padded axis has a table that says for every position of the output which one of the
// input it shows, or none (the constant). Behind the last padded axis slices are contiguous; along it,
// the middle is one copy and only the borders go by the table.
#include <array>
#include <cstring>

#include "backends/cpu/kernels/movement.h"

namespace hrt::cpu {
namespace {

enum class Mode { kConstant, kReflect, kEdge, kWrap };

struct Axis {
  int64_t in, out;    // lengths
  int64_t in_stride;  // of the input, in slices
  int64_t table;      // where its table begins
};

struct Plan {
  Mode mode;
  int axes = 0;  // up to the last padded one; at least one
  Axis axis[HRT_MAX_RANK + 1];
  int64_t begin[HRT_MAX_RANK + 1];  // elements padded in front; negative: cut off
  int64_t rows = 1;                 // output positions of all axes but the last
  size_t width = 0, slice = 0;      // bytes of an element and of what lies behind the last axis
  int64_t middle = 0, middle_count = 0, middle_from = 0;  // positions along the last axis that are one copy
};

int64_t source(Mode mode, int64_t at, int64_t n) {
  if (at >= 0 && at < n) return at;
  switch (mode) {
    case Mode::kConstant: return -1;
    case Mode::kEdge: return at < 0 ? 0 : n - 1;
    case Mode::kWrap: return (at % n + n) % n;
    case Mode::kReflect: {
      if (n == 1) return 0;
      const int64_t period = 2 * (n - 1), r = (at % period + period) % period;
      return r < n ? r : period - r;
    }
  }
  return -1;
}

// begin, for all axes, from the inputs pads and axes.
void read_pads(const Dims& in, const Dims& out, Mode mode, const IntList& pads, const IntList& axes,
               bool has_axes, int64_t* begin) {
  const int64_t rank = int64_t(in.size()), n = has_axes ? axes.count : rank;
  require(pads.count == 2 * n, "Pad: ", pads.count, " pads for ", n, " axes");
  std::fill(begin, begin + rank, 0);
  int64_t total[HRT_MAX_RANK] = {};
  for (int64_t i = 0; i < n; ++i) {
    const int64_t d = has_axes ? checked_axis(axes.v[i], rank) : i;
    begin[d] = pads.v[i];
    require(!__builtin_add_overflow(pads.v[i], pads.v[i + n], &total[d]), "Pad: pads overflow");
  }
  for (size_t d = 0; d < in.size(); ++d) {
    int64_t length = 0;
    require(!__builtin_add_overflow(in[d], total[d], &length) && length == out[d], "Pad: axis ", int64_t(d),
            " of ", in[d], " padded by ", total[d], " where shape ", out, " was expected");
    require(mode == Mode::kConstant || in[d] > 0 || out[d] == 0, "Pad: an empty axis has nothing to show");
  }
}

Plan make_plan(const Dims& in, const Dims& out, Mode mode, const int64_t* begin, size_t width) {
  Plan p;
  p.mode = mode;
  int last = 0;
  for (int d = 0; d < int(in.size()); ++d)
    if (begin[d] || in[size_t(d)] != out[size_t(d)]) last = d;
  p.axes = last + 1;
  p.width = p.slice = width;
  for (size_t d = in.size(); d-- > size_t(p.axes);) p.slice *= size_t(in[d]);
  int64_t stride = 1, table = 0;
  for (int d = last; d >= 0; --d) {
    const int64_t n_in = in.empty() ? 1 : in[size_t(d)], n_out = in.empty() ? 1 : out[size_t(d)];
    p.axis[d] = {n_in, n_out, stride, table};
    p.begin[d] = in.empty() ? 0 : begin[d];
    stride *= n_in;
    table += n_out;
    if (d < last) p.rows *= n_out;
  }
  const Axis& a = p.axis[last];
  const int64_t b = p.begin[last];
  p.middle = std::clamp<int64_t>(b, 0, a.out);
  p.middle_from = std::max<int64_t>(0, -b);
  p.middle_count = std::max<int64_t>(0, std::min(a.in - p.middle_from, a.out - p.middle));
  return p;
}

void fill(std::byte* y, size_t bytes, const std::byte* value, size_t width) {
  const auto typed = [&]<class T>(T v) {
    std::memcpy(&v, value, sizeof v);
    for (size_t i = 0; i < bytes; i += sizeof v) std::memcpy(y + i, &v, sizeof v);
  };
  switch (width) {
    case 1: return typed(uint8_t{});
    case 2: return typed(uint16_t{});
    case 4: return typed(uint32_t{});
    case 8: return typed(uint64_t{});
    default:
      for (size_t i = 0; i < bytes; i += width) std::memcpy(y + i, value, width);
  }
}

// One row of the output, x at the row of the input that it shows.
void pad_row(const Plan& p, const int64_t* table, const std::byte* x, std::byte* y, const std::byte* value) {
  const auto border = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      std::byte* to = y + size_t(i) * p.slice;
      if (table[i] < 0)
        fill(to, p.slice, value, p.width);
      else
        std::memcpy(to, x + size_t(table[i]) * p.slice, p.slice);
    }
  };
  border(0, p.middle);
  std::memcpy(y + size_t(p.middle) * p.slice, x + size_t(p.middle_from) * p.slice,
              size_t(p.middle_count) * p.slice);
  border(p.middle + p.middle_count, p.axis[p.axes - 1].out);
}

void run(const Plan& p, const std::byte* x, std::byte* y, const std::byte* value, int64_t* tables) {
  const int last = p.axes - 1;
  const int64_t row_slices = p.axis[last].out;
  if (p.rows * row_slices == 0 || p.slice == 0) return;
  for (int d = 0; d <= last; ++d)
    for (int64_t i = 0; i < p.axis[d].out; ++i)
      tables[p.axis[d].table + i] = source(p.mode, i - p.begin[d], p.axis[d].in);
  const size_t row_bytes = size_t(row_slices) * p.slice;
  parallel(p.rows, 10 + 0.06 * double(row_bytes), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      int64_t index = r, from = 0;
      bool outside = false;
      for (int d = last - 1; d >= 0; --d) {
        const int64_t at = tables[p.axis[d].table + index % p.axis[d].out];
        index /= p.axis[d].out;
        outside |= at < 0;
        from += at * p.axis[d].in_stride;
      }
      std::byte* to = y + size_t(r) * row_bytes;
      if (outside)
        fill(to, row_bytes, value, p.width);
      else
        pad_row(p, tables + p.axis[last].table, x + size_t(from) * p.slice, to, value);
    }
  });
}

std::optional<Mode> find_mode(const Node& node) {
  const std::string mode = node.s("mode", "constant");
  if (mode == "constant") return Mode::kConstant;
  if (mode == "reflect") return Mode::kReflect;
  if (mode == "edge") return Mode::kEdge;
  if (mode == "wrap") return Mode::kWrap;
  return std::nullopt;
}

std::string supports(const Node& node) {
  if (!find_mode(node)) return sdk::cat("mode ", node.s("mode"));
  return fixed_size_only(node);
}

IntList ints_of(const Signature& sig, size_t i, const void* data, const char* what) {
  return sig.has_in(i) ? read_ints(sig.in[i].dtype, sig.in[i].count(), data, what) : IntList();
}

// Blocked input stays blocked where pads are known to leave the channels alone.
void arrange(Signature& sig) {
  if (sig.in[0].layout != Layout::kBlocked) return;
  if (sig.in[0].dims[1] == sig.out[0].dims[1] && sig.in[1].known && (!sig.has_in(3) || sig.in[3].known)) {
    int64_t begin[HRT_MAX_RANK];
    read_pads(sig.in[0].dims, sig.out[0].dims, Mode::kConstant, ints_of(sig, 1, sig.in[1].known, "pads"),
              ints_of(sig, 3, sig.has_in(3) ? sig.in[3].known : nullptr, "axes"), sig.has_in(3), begin);
    if (begin[1] == 0) {
      sig.out[0].layout = Layout::kBlocked;
      return;
    }
  }
  sig.in[0].layout = Layout::kPlain;
}

Compiled compile(const Node& node) {
  Compiled c;
  c.arrange = arrange;
  c.prepare = [mode = *find_mode(node)](const Signature& sig) -> Step {
    const size_t width = dtype_bytes(sig.in[0].dtype);
    struct Shapes {
      Dims in, out, in_memory, out_memory;
    };
    const Shapes shapes{sig.in[0].dims, sig.out[0].dims, sig.in[0].physical(), sig.out[0].physical()};
    const bool has_axes = sig.has_in(3);
    const std::array<hrt_dtype, 2> types{sig.in[1].dtype, has_axes ? sig.in[3].dtype : HRT_UNDEFINED};
    const std::array<int64_t, 2> counts{sig.in[1].count(), has_axes ? sig.in[3].count() : 0};
    const bool has_value = sig.has_in(2);
    require(!has_value || sig.in[2].count() == 1, "Pad: constant value of shape ", sig.in[2].dims);
    Step step;
    for (const int64_t d : shapes.out_memory) step.workspace += size_t(d) * sizeof(int64_t);
    step.workspace += sizeof(int64_t);  // a scalar has a table of one
    step.run = [=](const Buffers& b) {
      static constexpr std::byte kZero[16] = {};
      int64_t begin[HRT_MAX_RANK + 1] = {};
      read_pads(shapes.in, shapes.out, mode, read_ints(types[0], counts[0], b.in[1], "pads"),
                has_axes ? read_ints(types[1], counts[1], b.in[3], "axes") : IntList(), has_axes, begin);
      const Plan plan = make_plan(shapes.in_memory, shapes.out_memory, mode, begin, width);
      run(plan, b.input<std::byte>(0), b.output<std::byte>(0), has_value ? b.input<std::byte>(2) : kZero,
          reinterpret_cast<int64_t*>(b.workspace));
    };
    return step;
  };
  return c;
}

}  // namespace

std::span<const Op> pad_ops() {
  static const Op ops[] = {{"", "Pad", supports, compile}};
  return ops;
}

}  // namespace hrt::cpu
