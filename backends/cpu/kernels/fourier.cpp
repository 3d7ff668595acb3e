// SPDX-License-Identifier: Apache-2.0
// DFT and STFT: as many lines as a vector has lanes are gathered side by side, transformed (fft.h) and
// scattered. A real line of even length goes as a complex one of half of it. Few lines, or long ones that
// would not stay in cache side by side, go one by one.
// https://onnx.ai/onnx/operators/onnx__DFT.html, onnx__STFT.html
#include <cmath>

#include "backends/cpu/kernels/fft.h"
#include "backends/cpu/kernels/movement.h"

namespace hrt::cpu {
namespace {

// Where lines lie: line l begins at l / inner * outer + l % inner * step.
struct Lines {
  int64_t inner, outer, step, element;
  int64_t begin(int64_t l) const { return l / inner * outer + l % inner * step; }
};

// What is to be done, apart from the element type.
struct Work {
  int64_t count, length;  // lines; elements of a transform
  Lines in, out;
  int64_t used, parts;      // elements that a line of the input has; numbers of an element
  int64_t bins, out_parts;  // the same of the output
  bool windowed;            // by input 2
  bool inverse, mirrored;   // mirrored: the input is the half of a line, whose other half mirrors it
};

template <class T>
class Transform {
 public:
  explicit Transform(const Work& w)
      : w_(w),
        halved_(w.parts == 1 && !w.inverse && w.length % 2 == 0),
        fft_(std::make_shared<const Fft<T>>(halved_ ? w.length / 2 : w.length, width_of(w))),
        rows_(std::max(fft_->rows(), w.length / 2 + 1)) {
    if (!halved_) return;
    for (int64_t k = 0; k <= w.length / 2; ++k) {
      const Root root = unit_root(k, w.length);
      c_.push_back(T(root.c));
      s_.push_back(T(root.s));
    }
  }

  Step step() && {
    const int64_t blocks = ceil_div(w_.count, fft_->width());
    const int64_t slots = std::min<int64_t>(blocks, 2 * int64_t(sdk::g_host.run->concurrency()));
    const int64_t bytes = sdk::element_count(Dims{slots, 4, rows_, fft_->width(), sizeof(T)});
    return {[t = std::move(*this), blocks, slots](const Buffers& b) { t.run(b, blocks, slots); },
            size_t(bytes)};
  }

 private:
  static constexpr int64_t kLanes = Fft<T>::kLanes;

  static int64_t width_of(const Work& w) {
    constexpr int64_t kLong = 8192;  // elements
    return w.length > kLong || (w.count <= kLanes / 4 && w.length > kLanes * kLanes) ? 1 : kLanes;
  }

  void run(const Buffers& b, int64_t blocks, int64_t slots) const {
    const double ns = double(w_.length) * double(fft_->width()) * std::log2(double(w_.length) + 1) * 0.3;
    const int64_t buffer = rows_ * fft_->width();
    parallel(slots, ns * double(blocks) / double(slots), [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) {
        T* const m = reinterpret_cast<T*>(b.workspace) + s * 4 * buffer;
        for (int64_t i = blocks * s / slots; i < blocks * (s + 1) / slots; ++i)
          run_block(b, i * fft_->width(), {m, m + buffer}, {m + 2 * buffer, m + 3 * buffer});
      }
    });
  }

  void run_block(const Buffers& b, int64_t first, Complex<T> x, Complex<T> spare) const {
    const int64_t n = std::min(fft_->width(), w_.count - first);
    gather(b.input<T>(0), w_.windowed ? b.input<T>(2) : nullptr, first, n, x);
    Complex<T> y{};
    if (w_.inverse) {
      y = fft_->run(x.swapped(), spare.swapped()).swapped();
    } else {
      y = fft_->run(x, spare);
    }
    if (halved_) {
      const Complex<T> halves = y;
      y = y == x ? spare : x;
      if (fft_->width() == 1)
        separate(hn::CappedTag<T, 1>(), halves, y);
      else
        separate(hn::ScalableTag<T>(), halves, y);
    }
    scatter(y, first, n, b.output<T>(0));
  }

  // Lines [first, first + n), zeros where there is nothing; of a real line the even elements as real
  // parts, the odd ones as imaginary.
  void gather(const T* x, const T* window, int64_t first, int64_t n, Complex<T> to) const {
    const int64_t width = fft_->width(), rows = halved_ ? w_.length / 2 : w_.length;
    for (T* p : {to.re, to.im}) std::fill(p, p + rows * width, T(0));
    for (int64_t i = 0; i < std::min(w_.used, w_.length); ++i) {
      const int64_t row = (halved_ ? i / 2 : i) * width;
      T* const re = (halved_ && i % 2 ? to.im : to.re) + row;
      const T weight = window ? window[i] : T(1);
      for (int64_t l = 0; l < n; ++l) {
        const T* const from = x + w_.in.begin(first + l) + i * w_.in.element;
        re[l] = from[0] * weight;
        if (w_.parts == 2) to.im[row + l] = from[1] * weight;
      }
    }
    if (!w_.mirrored) return;
    for (int64_t i = w_.length / 2 + 1; i < w_.length; ++i)
      for (int64_t l = 0; l < width; ++l) {
        to.re[i * width + l] = to.re[(w_.length - i) * width + l];
        to.im[i * width + l] = -to.im[(w_.length - i) * width + l];
      }
  }

  // The lower half of a real line's transform X from that of its halves, Z = E + i O with E and O those of
  // the even and of the odd elements: X[k] = E[k] + w^k O[k].
  template <class D>
  void separate(D d, Complex<T> z, Complex<T> x) const {
    const int64_t half = w_.length / 2, width = fft_->width();
    const auto one_half = hn::Set(d, T(0.5));
    for (int64_t k = 0; k <= half; ++k) {
      const auto c = hn::Set(d, c_[size_t(k)]), s = hn::Set(d, s_[size_t(k)]);
      for (int64_t l = 0; l < width; l += int64_t(hn::MaxLanes(d))) {
        const int64_t a = k % half * width + l, b = (half - k) % half * width + l;
        const auto ar = hn::LoadU(d, z.re + a), ai = hn::LoadU(d, z.im + a);
        const auto br = hn::LoadU(d, z.re + b), bi = hn::LoadU(d, z.im + b);
        const auto er = hn::Add(ar, br), ei = hn::Sub(ai, bi), odd_r = hn::Add(ai, bi),
                   odd_i = hn::Sub(br, ar);
        const auto re = hn::Add(er, hn::Add(hn::Mul(odd_r, c), hn::Mul(odd_i, s)));
        const auto im = hn::Add(ei, hn::Sub(hn::Mul(odd_i, c), hn::Mul(odd_r, s)));
        hn::StoreU(hn::Mul(re, one_half), d, x.re + k * width + l);
        hn::StoreU(hn::Mul(im, one_half), d, x.im + k * width + l);
      }
    }
  }

  void scatter(Complex<T> y, int64_t first, int64_t n, T* out) const {
    const T scale = w_.inverse ? T(1.0 / double(w_.length)) : T(1);
    for (int64_t k = 0; k < w_.bins; ++k) {
      const bool upper = halved_ && k > w_.length / 2;  // the mirrored conjugate
      const int64_t row = (upper ? w_.length - k : k) * fft_->width();
      for (int64_t l = 0; l < n; ++l) {
        T* const to = out + w_.out.begin(first + l) + k * w_.out.element;
        to[0] = y.re[row + l] * scale;
        if (w_.out_parts == 2) to[1] = y.im[row + l] * (upper ? -scale : scale);
      }
    }
  }

  Work w_;
  bool halved_;
  std::shared_ptr<const Fft<T>> fft_;
  int64_t rows_;          // of each buffer
  std::vector<T> c_, s_;  // roots of unity, when halved
};

Step step_of(const Work& w, hrt_dtype dtype) {
  return dtype == HRT_FLOAT32 ? Transform<float>(w).step() : Transform<double>(w).step();
}

void check_length(int64_t length) {
  constexpr int64_t kLongest = 1 << 24;
  require(length > 0 && length <= kLongest, "the transform has length ", length);
}

int64_t only(const Operand& o, const char* name) {
  const Dims v = o.known_ints();
  require(v.size() == 1, name, " has shape ", o.dims, ", not scalar");
  return v[0];
}

Step prepare_dft(bool inverse, bool onesided, const Signature& sig) {
  const Dims &x = sig.in[0].dims, &y = sig.out[0].dims;
  const int64_t rank = int64_t(x.size());
  require(rank >= 2, "the input has rank ", rank);
  const int64_t axis = checked_axis(sig.has_in(2) ? only(sig.in[2], "axis") : -2, rank), parts = x.back();
  require(axis != rank - 1, "the last axis holds real and imaginary parts");
  require(parts == 1 || parts == 2, "the last axis has ", parts, " elements, not 1 or 2");
  require(!onesided || inverse || parts == 1, "a one-sided transform needs a real input");

  Work w{};
  w.inverse = inverse;
  w.mirrored = inverse && onesided;
  w.used = x[size_t(axis)];
  w.parts = parts;
  w.length = sig.has_in(1) ? only(sig.in[1], "dft_length") : w.mirrored ? 2 * (w.used - 1) : w.used;
  check_length(w.length);
  w.bins = onesided && !inverse ? w.length / 2 + 1 : w.length;
  w.out_parts = w.mirrored ? 1 : 2;
  Dims out = x;
  out[size_t(axis)] = w.bins;
  out.back() = w.out_parts;
  require(y == out, "the output has shape ", y, ", not ", out);

  const int64_t inner = sdk::element_count(std::span(x).subspan(size_t(axis) + 1)) / parts;
  w.count = sdk::element_count(std::span(x).first(size_t(axis))) * inner;
  w.in = {inner, w.used * inner * parts, parts, inner * parts};
  w.out = {inner, w.bins * inner * w.out_parts, w.out_parts, inner * w.out_parts};
  return step_of(w, sig.in[0].dtype);
}

Step prepare_stft(bool onesided, const Signature& sig) {
  const Dims &x = sig.in[0].dims, &y = sig.out[0].dims;
  require(x.size() == 3 && (x[2] == 1 || x[2] == 2), "the signal has shape ", x);
  const bool windowed = sig.has_in(2);
  require(!windowed || sig.in[2].rank() == 1, "the window does not have rank 1");
  const int64_t signal = x[1], parts = x[2], step = only(sig.in[1], "frame_step");
  const int64_t length = sig.has_in(3) ? only(sig.in[3], "frame_length")
                         : windowed    ? sig.in[2].dims[0]
                                       : signal;
  require(step > 0, "frame_step is ", step);
  require(length <= signal, "frames of ", length, " in a signal of ", signal);
  check_length(length);
  if (windowed)
    require(sig.in[2].dims[0] == length, "a window of ", sig.in[2].dims[0], " for frames of ", length);
  require(!onesided || parts == 1, "a one-sided transform needs a real signal");

  Work w{};
  const int64_t frames = (signal - length) / step + 1;
  w.length = w.used = length;
  w.parts = parts;
  w.bins = onesided ? length / 2 + 1 : length;
  w.out_parts = 2;
  w.windowed = windowed;
  require(y == Dims({x[0], frames, w.bins, 2}), "the output has shape ", y);
  w.count = x[0] * frames;
  w.in = {frames, signal * parts, step * parts, parts};
  w.out = {frames, frames * w.bins * 2, w.bins * 2, 2};
  return step_of(w, sig.in[0].dtype);
}

std::string supports(const Node& node) {
  const hrt_dtype t = Graph(node.graph()).value(node.input(0)).dtype();
  return t == HRT_FLOAT32 || t == HRT_FLOAT64 ? "" : sdk::cat("dtype ", dtype_name(t));
}

Compiled compile_dft(const Node& node) {
  Compiled c;
  c.prepare = [inverse = node.i("inverse") != 0, onesided = node.i("onesided") != 0](const Signature& sig) {
    return prepare_dft(inverse, onesided, sig);
  };
  return c;
}

Compiled compile_stft(const Node& node) {
  Compiled c;
  c.prepare = [onesided = node.i("onesided", 1) != 0](const Signature& sig) {
    return prepare_stft(onesided, sig);
  };
  return c;
}

// As if every transform had 512 elements.
double flops(const Node&) { return 2.5 * 9; }

constexpr Op kOps[] = {{"", "DFT", supports, compile_dft, flops},
                       {"", "STFT", supports, compile_stft, flops}};

}  // namespace

std::span<const Op> fourier_ops() { return kOps; }

}  // namespace hrt::cpu
