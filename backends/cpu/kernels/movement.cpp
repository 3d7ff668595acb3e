// SPDX-License-Identifier: Apache-2.0
// Operators that are one strided copy (copy.h) for each input or output: all there is to do here is to
// work out sizes, strides and origins.
#include "backends/cpu/kernels/movement.h"

#include <cstring>

#include "backends/cpu/kernels/copy.h"

namespace hrt::cpu {

std::string fixed_size_only(const Node& node) {
  const hrt_dtype t = Graph(node.graph()).value(node.input(0)).dtype();
  return dtype_bytes(t) ? "" : sdk::cat("dtype ", dtype_name(t));
}

int64_t checked_axis(int64_t axis, int64_t rank) {
  require(axis >= -rank && axis < rank, "axis ", axis, " of a tensor of rank ", rank);
  return axis < 0 ? axis + rank : axis;
}

IntList read_ints(hrt_dtype dtype, int64_t count, const void* data, const char* what) {
  IntList list;
  if (!data) return list;
  require(count <= IntList::kMax, what, " has ", count, " elements, more than any rank allows");
  list.count = count;
  for (int64_t i = 0; i < count; ++i)
    list.v[i] =
        dtype == HRT_INT64 ? static_cast<const int64_t*>(data)[i] : static_cast<const int32_t*>(data)[i];
  return list;
}

namespace {

// A copy between two tensors that need not begin at their first elements.
struct Part {
  Copy copy;
  int64_t from = 0, to = 0;  // bytes
  void run(const void* x, void* y) const {
    run_copy(copy, static_cast<const std::byte*>(x) + from, static_cast<std::byte*>(y) + to);
  }
};

Step step_of(const Part& part) {
  return {[part](const Buffers& b) { part.run(b.in[0], b.out[0]); }};
}

// ------------------------------------------------------------------------------------ Transpose

Compiled transpose_compile(const Node& node) {
  Compiled c;
  c.prepare = [perm = node.ints("perm")](const Signature& sig) {
    const Dims& in = sig.in[0].dims;
    const Dims strides = strides_of(in);
    Dims from(in.size());
    require(perm.empty() || perm.size() == in.size(), "perm of ", int64_t(perm.size()), " axes for shape ",
            in);
    const Dims& out = sig.out[0].dims;
    uint32_t seen = 0;
    for (size_t d = 0; d < in.size(); ++d) {
      const int64_t axis = perm.empty() ? int64_t(in.size() - 1 - d) : perm[d];
      const size_t at = size_t(checked_axis(axis, int64_t(in.size())));
      require(!(seen >> at & 1) && out[d] == in[at], "perm ", perm, " does not take shape ", in, " to ", out);
      seen |= 1u << at;
      from[d] = strides[at];
    }
    return step_of({make_copy(out, from, strides_of(out), dtype_bytes(sig.in[0].dtype))});
  };
  return c;
}

// ------------------------------------------------------------------------------- Concat and Split

// Channel blocks can be put together, and taken apart, where nothing is cut inside a block.
bool cuts_between_blocks(const std::vector<Operand>& parts, const Operand& whole, int64_t axis) {
  if (whole.dtype != HRT_FLOAT32 || whole.rank() < 3) return false;
  if (axis < 0) axis += whole.rank();
  for (const Operand& p : parts)
    if (!p.present() || (axis == 1 && p.dims[1] % kBlock)) return false;
  return true;
}

void block_all(Signature& sig) {
  for (Operand& o : sig.out) o.layout = Layout::kBlocked;
  for (Operand& o : sig.in) o.layout = Layout::kBlocked;
}

// One part of a tensor that is cut along an axis, `begin` elements of the axis from its start.
Part cut_part(const Dims& whole, const Dims& part, int64_t axis, int64_t begin, size_t width, bool out) {
  const Dims w = strides_of(whole), p = strides_of(part);
  for (size_t d = 0; d < whole.size(); ++d)
    require(part.size() == whole.size() && (int64_t(d) == axis || part[d] == whole[d]), "shapes ", part,
            " and ", whole, " differ in more than axis ", axis);
  const int64_t origin = begin * w[size_t(axis)] * int64_t(width);
  if (out) return {make_copy(part, p, w, width), 0, origin};
  return {make_copy(part, w, p, width), origin, 0};
}

Compiled concat_compile(const Node& node) {
  const int64_t axis = node.i("axis");
  Compiled c;
  c.arrange = [axis](Signature& sig) {
    const bool arrives = std::any_of(sig.in.begin(), sig.in.end(),
                                     [](const Operand& o) { return o.layout == Layout::kBlocked; });
    if (arrives && cuts_between_blocks(sig.in, sig.out[0], axis)) return block_all(sig);
    for (Operand& o : sig.in) o.layout = Layout::kPlain;
  };
  c.prepare = [axis](const Signature& sig) -> Step {
    const Dims whole = sig.out[0].physical();
    const int64_t at = checked_axis(axis, sig.out[0].rank());
    std::vector<Part> parts;
    int64_t begin = 0;
    for (const Operand& o : sig.in) {
      const Dims dims = o.physical();
      parts.push_back(cut_part(whole, dims, at, begin, dtype_bytes(o.dtype), true));
      begin += dims[size_t(at)];
    }
    require(begin == whole[size_t(at)], "parts of ", begin, " elements for an axis of ", whole[size_t(at)]);
    return {[parts = std::move(parts)](const Buffers& b) {
      for (size_t i = 0; i < parts.size(); ++i) parts[i].run(b.in[i], b.out[0]);
    }};
  };
  return c;
}

// The lengths of the parts of a Split; outputs that are not wanted have no shape to read them from.
Dims split_lengths(const Signature& sig, int64_t length) {
  if (sig.has_in(1)) return sig.in[1].known_ints();
  const int64_t count = int64_t(sig.out.size()), each = ceil_div(length, count);
  Dims lengths(sig.out.size(), each);
  lengths.back() = length - each * (count - 1);
  return lengths;
}

Compiled split_compile(const Node& node) {
  const int64_t axis = node.i("axis");
  Compiled c;
  c.arrange = [axis](Signature& sig) {
    if (sig.in[0].layout == Layout::kBlocked && cuts_between_blocks(sig.out, sig.in[0], axis)) {
      sig.in[0].layout = Layout::kBlocked;
      for (Operand& o : sig.out) o.layout = Layout::kBlocked;
    } else {
      sig.in[0].layout = Layout::kPlain;
    }
  };
  c.prepare = [axis](const Signature& sig) -> Step {
    const Dims whole = sig.in[0].physical();
    const int64_t at = checked_axis(axis, sig.in[0].rank());
    const bool blocks = sig.in[0].layout == Layout::kBlocked && at == 1;
    Dims lengths = split_lengths(sig, sig.in[0].dims[size_t(at)]);
    require(lengths.size() == sig.out.size(), int64_t(lengths.size()), " lengths for ",
            int64_t(sig.out.size()), " outputs");
    std::vector<std::pair<size_t, Part>> parts;
    int64_t begin = 0;
    for (size_t i = 0; i < sig.out.size(); ++i) {
      const int64_t length = blocks ? lengths[i] / kBlock : lengths[i];
      require(length >= 0 && length <= whole[size_t(at)] - begin, "split lengths ", lengths,
              " exceed the axis");
      if (sig.out[i].present()) {
        const Dims dims = sig.out[i].physical();
        require(dims[size_t(at)] == length, "split length ", length, " for an output of shape ", dims);
        parts.emplace_back(i, cut_part(whole, dims, at, begin, dtype_bytes(sig.in[0].dtype), false));
      }
      begin += length;
    }
    return {[parts = std::move(parts)](const Buffers& b) {
      for (const auto& [i, part] : parts) part.run(b.in[0], b.out[i]);
    }};
  };
  return c;
}

// ---------------------------------------------------------------------------------------- Slice

struct SliceInputs {
  IntList starts, ends, axes, steps;
};

// One axis of a slice: where it begins and how many elements it takes. Going backwards, the standard puts a
// start in front of the first element on it, where numpy takes nothing.
struct Range {
  int64_t start, count;
};
Range range_of(int64_t dim, int64_t start, int64_t end, int64_t step) {
  require(step != 0, "Slice: step 0");
  if (dim == 0) return {0, 0};
  if (start < 0) start += dim;
  if (end < 0) end += dim;
  if (step > 0) {
    start = std::clamp<int64_t>(start, 0, dim);
    end = std::clamp<int64_t>(end, 0, dim);
    return {start, end > start ? (end - start - 1) / step + 1 : 0};
  }
  start = std::clamp<int64_t>(start, 0, dim - 1);
  end = std::clamp<int64_t>(end, -1, dim - 1);
  const uint64_t back = 0 - uint64_t(step);
  return {start, start > end ? int64_t(uint64_t(start - end - 1) / back) + 1 : 0};
}

Part slice_part(const Dims& in, const Dims& out, const SliceInputs& s, size_t width) {
  const int64_t rank = int64_t(in.size()), n = s.starts.count;
  require(s.ends.count == n && (s.axes.count == 0 || s.axes.count == n) &&
              (s.steps.count == 0 || s.steps.count == n),
          "Slice: starts, ends, axes and steps differ in length");
  require(n <= rank, "Slice: ", n, " starts for a tensor of rank ", rank);
  int64_t from[HRT_MAX_RANK], to[HRT_MAX_RANK], size[HRT_MAX_RANK];
  int64_t stride = 1, out_stride = 1;
  for (size_t d = in.size(); d-- > 0;) {
    size[d] = in[d];
    from[d] = stride;
    to[d] = out_stride;
    stride *= in[d];
    out_stride *= out[d];
  }
  int64_t origin = 0;
  for (int64_t i = 0; i < n; ++i) {
    const size_t d = size_t(checked_axis(s.axes.count ? s.axes.v[i] : i, rank));
    const int64_t step = s.steps.count ? s.steps.v[i] : 1;
    const Range r = range_of(in[d], s.starts.v[i], s.ends.v[i], step);
    size[d] = r.count;
    if (r.count) origin += r.start * from[d];
    from[d] = r.count > 1 ? from[d] * step : 0;
  }
  for (size_t d = 0; d < in.size(); ++d)
    require(size[d] == out[d], "Slice: takes ", size[d], " elements of axis ", int64_t(d), " where shape ",
            out, " was expected");
  const size_t r = in.size();
  return {make_copy({size, r}, {from, r}, {to, r}, width), origin * int64_t(width), 0};
}

Compiled slice_compile(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) -> Step {
    const auto read = [](const Signature& s, auto&& data) {
      const auto list = [&](size_t i, const char* what) {
        return s.has_in(i) ? read_ints(s.in[i].dtype, s.in[i].count(), data(i), what) : IntList();
      };
      return SliceInputs{list(1, "starts"), list(2, "ends"), list(3, "axes"), list(4, "steps")};
    };
    const size_t width = dtype_bytes(sig.in[0].dtype);
    bool known = true;
    for (size_t i = 1; i < sig.in.size(); ++i) known &= !sig.in[i].present() || sig.in[i].known;
    if (known)
      return step_of(slice_part(sig.in[0].dims, sig.out[0].dims,
                                read(sig, [&](size_t i) { return sig.in[i].known; }), width));
    return {[sig, read, width](const Buffers& b) {
      slice_part(sig.in[0].dims, sig.out[0].dims, read(sig, [&](size_t i) { return b.in[i]; }), width)
          .run(b.in[0], b.out[0]);
    }};
  };
  return c;
}

// ------------------------------------------------------------------------------- Expand and Tile

Compiled expand_compile(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) {
    const Dims &in = sig.in[0].dims, &out = sig.out[0].dims;
    require(in.size() <= out.size(), "shape ", in, " does not broadcast to ", out);
    const size_t lead = out.size() - in.size();
    const Dims strides = strides_of(in);
    Dims from(out.size(), 0);
    for (size_t d = 0; d < in.size(); ++d) {
      require(in[d] == out[lead + d] || in[d] == 1, "shape ", in, " does not broadcast to ", out);
      if (in[d] != 1) from[lead + d] = strides[d];
    }
    return step_of({make_copy(out, from, strides_of(out), dtype_bytes(sig.in[0].dtype))});
  };
  return c;
}

// Each axis becomes two: the repetition, which stays where it is in the source, and the axis itself.
Compiled tile_compile(const Node&) {
  Compiled c;
  c.prepare = [](const Signature& sig) {
    const Dims &in = sig.in[0].dims, &out = sig.out[0].dims;
    require(in.size() == out.size(), "shape ", in, " does not tile to ", out);
    const Dims from_in = strides_of(in), to_out = strides_of(out);
    Dims size, from, to;
    for (size_t d = 0; d < in.size(); ++d) {
      require(in[d] ? out[d] % in[d] == 0 : out[d] == 0, "shape ", in, " does not tile to ", out);
      size.insert(size.end(), {in[d] ? out[d] / in[d] : 0, in[d]});
      from.insert(from.end(), {0, from_in[d]});
      to.insert(to.end(), {to_out[d] * in[d], to_out[d]});
    }
    return step_of({make_copy(size, from, to, dtype_bytes(sig.in[0].dtype))});
  };
  return c;
}

// ------------------------------------------------------------------- DepthToSpace, SpaceToDepth

// Depth is {N, b, b, C', H, W} (DCR) or {N, C', b, b, H, W} (CRD); space is {N, C', H, b, W, b}.
Compiled depth_space_compile(const Node& node) {
  const bool to_space = node.op() == "DepthToSpace";
  const int64_t block = node.i("blocksize");
  require(block > 0, node.op(), ": blocksize ", block);
  Compiled c;
  c.prepare = [to_space, block, crd = node.s("mode", "DCR") == "CRD"](const Signature& sig) {
    const Dims &depth = (to_space ? sig.in : sig.out)[0].dims, &space = (to_space ? sig.out : sig.in)[0].dims;
    require(depth.size() == 4 && space.size() == 4, "a tensor of rank 4 is needed");
    const int64_t n = depth[0], channels = space[1], h = depth[2], w = depth[3];
    require(Dims({n, channels, h * block, w * block}) == space && channels * block * block == depth[1],
            "shapes ", depth, " and ", space, " do not fit blocksize ", block);
    // Axes in the order of space: N, C', H, row in block, W, column in block.
    const Dims size = {n, channels, h, block, w, block};
    const Dims in_space = strides_of(size);
    const int64_t plane = h * w;
    const int64_t channel = crd ? block * block * plane : plane, column = crd ? plane : channels * plane;
    const Dims in_depth = {depth[1] * plane, channel, w, column * block, 1, column};
    const Dims &from = to_space ? in_depth : in_space, &to = to_space ? in_space : in_depth;
    return step_of({make_copy(size, from, to, dtype_bytes(sig.in[0].dtype))});
  };
  return c;
}

}  // namespace

std::span<const Op> movement_ops() {
  static const std::vector<Op> ops = [] {
    std::vector<Op> rows = {
        {"", "Transpose", fixed_size_only, transpose_compile},
        {"", "Concat", fixed_size_only, concat_compile},
        {"", "Split", fixed_size_only, split_compile},
        {"", "Slice", fixed_size_only, slice_compile},
        {"", "Expand", fixed_size_only, expand_compile},
        {"", "Tile", fixed_size_only, tile_compile},
        {"", "DepthToSpace", fixed_size_only, depth_space_compile},
        {"", "SpaceToDepth", fixed_size_only, depth_space_compile},
    };
    for (const auto part : {pad_ops(), gather_ops()}) rows.insert(rows.end(), part.begin(), part.end());
    return rows;
  }();
  return ops;
}

}  // namespace hrt::cpu
