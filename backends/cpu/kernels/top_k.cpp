// SPDX-License-Identifier: Apache-2.0
// TopK: the k largest or smallest elements along an axis, and where they were; of equal ones the first.
//
// Elements become signed integers (keys) whose order is that of the elements, NaN the largest. A line is
// read once; what is above the k-th best key so far is kept, and when there is twice as much of that as is
// wanted, the rest is dropped. For random data this keeps about k (1 + ln(n / k)) elements.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "backends/cpu/kernels/loops.h"
#include "backends/cpu/kernels/movement.h"

namespace hrt::cpu {
namespace {

// ------------------------------------------------------------------------------------------ keys

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;

template <class T>
HWY_INLINE KeyOf<T> key_of(T v) {
  using K = KeyOf<T>;
  if constexpr (std::is_unsigned_v<T>) {
    return sizeof(T) < sizeof(K) ? K(v) : K(v ^ T(std::numeric_limits<K>::min()));
  } else if constexpr (std::is_integral_v<T>) {
    return v;
  } else if constexpr (!std::is_arithmetic_v<T>) {
    return key_of(float(v));
  } else {
    const K bits = std::bit_cast<K>(v + T(0));  // no negative zero
    const K key = bits ^ (bits < 0 ? std::numeric_limits<K>::max() : K(0));
    return v != v ? std::numeric_limits<K>::max() : key;
  }
}

// A key and its place in one number: of equal keys, the first place is the largest.
__extension__ using Wide = unsigned __int128;
template <class K>
using Candidate = std::conditional_t<sizeof(K) == 4, uint64_t, Wide>;
template <class K>
HWY_INLINE Candidate<K> candidate(K key, K place) {
  using U = std::make_unsigned_t<K>;
  return Candidate<K>(U(key) ^ U(std::numeric_limits<K>::min())) << sizeof(K) * 8 | U(~place);
}
template <class K>
HWY_INLINE K place_of(Candidate<K> c) {
  return K(~c);
}

// ------------------------------------------------------------------------------------- selection

struct Shape {
  int64_t outer, n, inner, k;
  int64_t group;   // neighbouring lines that are read together
  int64_t pieces;  // of the work, each with scratch of its own
  int64_t room;    // candidates of a line that are kept at most
  size_t scratch;  // bytes of a piece
  bool largest;
};

// Scratch of one piece: the keys of a group of lines, then two arrays of candidates.
template <class K>
struct Scratch {
  K* keys;
  Candidate<K>*kept, *copy;
  Scratch(const Shape& s, std::byte* at)
      : keys(reinterpret_cast<K*>(at)),
        kept(reinterpret_cast<Candidate<K>*>(at + round_up(s.group * s.n * int64_t(sizeof(K)), 64))),
        copy(kept + s.room) {}
  static size_t bytes(const Shape& s) {
    return size_t(round_up(s.group * s.n * int64_t(sizeof(K)), 64) +
                  round_up(2 * s.room * int64_t(sizeof(Candidate<K>)), 64));
  }
};

// The k-th largest of different numbers, which are overwritten: by counting digits from the first on, and
// keeping those with the digit that it has. std::nth_element took three times as long.
template <class C>
C kth_largest(C* numbers, int64_t count, int64_t k) {
  for (int shift = int(sizeof(C)) * 8 - 8; count > 1; shift -= 8) {
    int32_t with[256] = {};
    for (int64_t i = 0; i < count; ++i) ++with[uint8_t(numbers[i] >> shift)];
    int digit = 255;
    for (; with[digit] < k; --digit) k -= with[digit];
    int64_t left = 0;
    for (int64_t i = 0; i < count; ++i) {
      const C number = numbers[left] = numbers[i];
      left += uint8_t(number >> shift) == digit;
    }
    count = left;
  }
  return *numbers;
}

// Drops all but the best k of count > k candidates; the others keep their order. Returns the worst.
template <class C>
C drop(C* kept, C* copy, int64_t count, int64_t k) {
  std::copy(kept, kept + count, copy);
  const C worst = kth_largest(copy, count, k);
  int64_t left = 0;
  for (int64_t i = 0; i < count; ++i) {
    const C candidate = kept[left] = kept[i];
    left += candidate >= worst;
  }
  return worst;
}

// Sorts candidates in order of place by their keys, a byte at a time, the best first: 6 µs for 1000 where
// std::sort takes 40. Returns the array that they are in then.
uint64_t* radix_sort(uint64_t* from, uint64_t* to, int64_t count) {
  for (int shift = 32; shift < 64; shift += 8) {
    uint32_t begin[257] = {};
    const auto digit = [&](uint64_t c) { return 255 - (c >> shift & 255); };
    for (int64_t i = 0; i < count; ++i) ++begin[digit(from[i]) + 1];
    for (int d = 1; d <= 256; ++d) begin[d] += begin[d - 1];
    for (int64_t i = 0; i < count; ++i) to[begin[digit(from[i])]++] = from[i];
    std::swap(from, to);
  }
  return from;
}

// The best k of a line of n keys, in order.
template <class K>
const Candidate<K>* select(const Shape& s, const K* keys, const Scratch<K>& scratch) {
  Candidate<K>* const kept = scratch.kept;
  const hn::ScalableTag<K> d;
  const int64_t lanes = int64_t(hn::Lanes(d));
  HWY_ALIGN K above[HWY_MAX_BYTES / sizeof(K)], places[HWY_MAX_BYTES / sizeof(K)];
  int64_t count = 0;
  const auto add = [&](K key, int64_t place) { kept[count++] = candidate<K>(key, K(place)); };
  int64_t i = 0;
  for (; i < std::min(s.n, s.room - lanes); ++i)
    add(keys[i], i);  // before there is something to compare with
  if (i < s.n) {
    K bound = K(0);
    const auto tighten = [&] {
      const Candidate<K> worst = drop(kept, scratch.copy, count, s.k);
      bound = keys[place_of<K>(worst)];
      count = s.k;
    };
    tighten();
    for (; i + lanes <= s.n; i += lanes) {
      const auto v = hn::LoadU(d, keys + i);
      const auto better = hn::Gt(v, hn::Set(d, bound));
      if (HWY_LIKELY(hn::AllFalse(d, better))) continue;
      hn::CompressStore(v, better, d, above);
      const size_t found = hn::CompressStore(hn::Iota(d, K(i)), better, d, places);
      for (size_t j = 0; j < found; ++j) add(above[j], places[j]);
      if (count > s.room - lanes) tighten();
    }
    for (; i < s.n; ++i)
      if (keys[i] > bound) add(keys[i], i);
  }
  if (count > s.k) drop(kept, scratch.copy, count, s.k);
  if constexpr (sizeof(K) == 4)
    if (s.k > 64) return radix_sort(kept, scratch.copy, s.k);
  std::sort(kept, kept + s.k, std::greater<>());
  return kept;
}

// Lines that are neighbours: element i of line c of them is at x[i * inner + c].
template <class T>
void run_group(const Shape& s, const T* x, int64_t lines, std::byte* memory, T* values, int64_t* where) {
  using K = KeyOf<T>;
  const Scratch<K> scratch(s, memory);
  const K flip = s.largest ? K(0) : K(-1);
  if (lines == 1)
    for (int64_t i = 0; i < s.n; ++i) scratch.keys[i] = key_of(x[i * s.inner]) ^ flip;
  else
    for (int64_t i = 0; i < s.n; ++i)
      for (int64_t c = 0; c < lines; ++c) scratch.keys[c * s.n + i] = key_of(x[i * s.inner + c]) ^ flip;
  for (int64_t c = 0; c < lines; ++c) {
    const Candidate<K>* best = select<K>(s, scratch.keys + c * s.n, scratch);
    for (int64_t j = 0; j < s.k; ++j) {
      const int64_t from = place_of<K>(best[j]);
      if (values) values[j * s.inner + c] = x[from * s.inner + c];
      if (where) where[j * s.inner + c] = from;
    }
  }
}

template <class T>
void run(const Shape& s, const Buffers& b) {
  const int64_t groups = ceil_div(s.inner, s.group), work = s.outer * groups, each = ceil_div(work, s.pieces);
  const T* x = b.input<T>(0);
  T* values = b.output<T>(0);
  int64_t* where = b.output<int64_t>(1);
  parallel(s.pieces, double(each * s.group * s.n), [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece)
      for (int64_t g = piece * each; g < std::min((piece + 1) * each, work); ++g) {
        const int64_t o = g / groups, column = g % groups * s.group, to = o * s.k * s.inner + column;
        run_group(s, x + o * s.n * s.inner + column, std::min(s.group, s.inner - column),
                  b.workspace + size_t(piece) * s.scratch, values ? values + to : nullptr,
                  where ? where + to : nullptr);
      }
  });
}

// ---------------------------------------------------------------------------------- the operator

struct Row {
  void (*run)(const Shape&, const Buffers&) = nullptr;
  size_t (*scratch)(const Shape&) = nullptr;
};
template <class T>
constexpr Row row() {
  return {run<T>, Scratch<KeyOf<T>>::bytes};
}
Row find_row(hrt_dtype dtype) {
  switch (dtype) {
    case HRT_FLOAT32: return row<float>();
    case HRT_FLOAT64: return row<double>();
    case HRT_FLOAT16: return row<float16>();
    case HRT_BFLOAT16: return row<bfloat16>();
    case HRT_INT8: return row<int8_t>();
    case HRT_UINT8: return row<uint8_t>();
    case HRT_INT16: return row<int16_t>();
    case HRT_UINT16: return row<uint16_t>();
    case HRT_INT32: return row<int32_t>();
    case HRT_UINT32: return row<uint32_t>();
    case HRT_INT64: return row<int64_t>();
    case HRT_UINT64: return row<uint64_t>();
    default: return {};
  }
}

std::string supports(const Node& node) {
  const hrt_dtype dtype = Graph(node.graph()).value(node.input(0)).dtype();
  return find_row(dtype).run ? "" : sdk::cat("dtype ", dtype_name(dtype));
}

Shape make_shape(const Signature& sig, int64_t axis, bool largest) {
  const std::span<const int64_t> dims = sig.in[0].dims;
  const size_t at = size_t(checked_axis(axis, int64_t(dims.size())));
  const Dims& out = sig.out[sig.out[0].present() ? 0 : 1].dims;
  require(out.size() == dims.size(), "an output of shape ", out, " for an input of shape ", sig.in[0].dims);
  Shape s{};
  s.outer = sdk::element_count(dims.first(at));
  s.n = dims[at];
  s.inner = sdk::element_count(dims.subspan(at + 1));
  s.k = out[at];
  s.largest = largest;
  require(s.k >= 0 && s.k <= s.n, "K is ", s.k, " of ", s.n, " elements");
  if (s.n > std::numeric_limits<int32_t>::max()) unsupported("an axis of ", s.n);
  // Lines across the axis share cache lines: read together, as long as their keys stay in the cache.
  constexpr int64_t kGroup = 16, kKeys = 64 * 1024;
  s.group = std::clamp<int64_t>(kKeys / std::max<int64_t>(s.n, 1), 1,
                                std::min(kGroup, std::max<int64_t>(s.inner, 1)));
  s.room = std::min(s.n, std::max<int64_t>(2 * s.k, 128)) + kLanes;
  s.pieces =
      std::clamp<int64_t>(s.outer * ceil_div(s.inner, s.group), 1, int64_t(sdk::g_host.run->concurrency()));
  return s;
}

Compiled compile(const Node& node) {
  Compiled c;
  c.prepare = [axis = node.i("axis", -1), largest = node.i("largest", 1) != 0](const Signature& sig) -> Step {
    const Row row = find_row(sig.in[0].dtype);
    Shape s = make_shape(sig, axis, largest);
    require(sig.in[1].count() == 1, "K has shape ", sig.in[1].dims);
    s.scratch = row.scratch(s);
    return {[s, run = row.run](const Buffers& b) {
              const int64_t k = *b.input<int64_t>(1);
              require(k == s.k, "K is ", k, " where ", s.k, " was expected");
              if (s.k > 0) run(s, b);
            },
            s.scratch * size_t(s.pieces)};
  };
  return c;
}

}  // namespace

std::span<const Op> top_k_ops() {
  static const Op ops[] = {{"", "TopK", supports, compile}};
  return ops;
}

}  // namespace hrt::cpu
