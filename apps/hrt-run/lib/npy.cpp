// SPDX-License-Identifier: Apache-2.0
#include "apps/hrt-run/lib/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/hrt-run/lib/numbers.h"
#include "apps/hrt-run/lib/utf8.h"
#include "core/base/checked.h"
#include "core/base/mapped_file.h"

namespace hrt {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kHeaderLimit = 64 << 10;
constexpr size_t kStringLimit = 1 << 20;  // characters of one element

struct Header {
  std::string descr;
  bool fortran_order = false;
  Dims dims;
};

// The header is the literal of a Python dictionary with exactly the keys descr, fortran_order and shape.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  Header parse() {
    Header header;
    bool seen[3] = {};
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      const int which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (which < 0) fail(HRT_ERROR_BAD_DATA, "unknown key \"{}\" in the header", key);
      if (std::exchange(seen[which], true)) fail(HRT_ERROR_BAD_DATA, "the header has {} twice", key);
      if (which == 0) header.descr = descr();
      if (which == 1) header.fortran_order = boolean();
      if (which == 2) header.dims = shape();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) fail(HRT_ERROR_BAD_DATA, "there is more than a dictionary in the header");
    if (!seen[0] || !seen[1] || !seen[2])
      fail(HRT_ERROR_BAD_DATA, "the header lacks one of descr, fortran_order and shape");
    return header;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(HRT_ERROR_BAD_DATA, "the header is no dictionary: '{}' is missing at {}", c, at_);
  }
  std::string string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"')
      fail(HRT_ERROR_BAD_DATA, "the header is no dictionary: a string is missing at {}", at_);
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail(HRT_ERROR_BAD_DATA, "a string in the header does not end");
    const std::string_view text = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return std::string(text);
  }
  std::string descr() {
    skip_space();
    if (at_ < text_.size() && (text_[at_] == '[' || text_[at_] == '('))
      fail(HRT_ERROR_UNSUPPORTED, "structured arrays are not supported");
    return string();
  }
  bool boolean() {
    skip_space();
    for (const auto& [word, value] : {std::pair("True", true), std::pair("False", false)}) {
      if (text_.substr(at_).starts_with(word)) {
        at_ += std::strlen(word);
        return value;
      }
    }
    fail(HRT_ERROR_BAD_DATA, "fortran_order is neither True nor False");
  }
  Dims shape() {
    Dims dims;
    expect('(');
    while (!accept(')')) {
      skip_space();
      int64_t dim = 0;
      const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), dim);
      if (error != std::errc() || dim < 0)
        fail(HRT_ERROR_BAD_DATA, "a dimension in the header is no number that fits");
      at_ = size_t(end - text_.data());
      accept('L');  // Python 2 wrote long integers so
      dims.push_back(dim);
      if (dims.size() > HRT_MAX_RANK) fail(HRT_ERROR_BAD_DATA, "rank is over the limit of {}", HRT_MAX_RANK);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return dims;
  }

  std::string_view text_;
  size_t at_ = 0;
};

uint32_t little_endian(std::span<const std::byte> bytes) {
  uint32_t n = 0;
  for (size_t i = bytes.size(); i-- > 0;) n = n << 8 | uint32_t(bytes[i]);
  return n;
}

// Splits a file into its header and its data.
Header read_header(std::span<const std::byte> file, std::span<const std::byte>& data) {
  if (file.size() < 10 || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0)
    fail(HRT_ERROR_BAD_DATA, "not a NumPy array file");
  const auto version = int(file[6]);
  if (version < 1 || version > 3) fail(HRT_ERROR_UNSUPPORTED, "format version {} is not known", version);
  const size_t length_bytes = version == 1 ? 2 : 4;
  if (file.size() < 8 + length_bytes) fail(HRT_ERROR_BAD_DATA, "the header is cut off");
  const size_t length = little_endian(file.subspan(8, length_bytes));
  const auto rest = file.subspan(8 + length_bytes);
  if (length > kHeaderLimit) fail(HRT_ERROR_BAD_DATA, "a header of {} bytes is over the limit", length);
  if (length > rest.size()) fail(HRT_ERROR_BAD_DATA, "the header is cut off");
  data = rest.subspan(length);
  return HeaderParser({reinterpret_cast<const char*>(rest.data()), length}).parse();
}

// The type of the elements as they lie in the file.
struct Element {
  char kind;  // as in descr: b i u f c V U S
  size_t bytes;
};

Element parse_descr(const std::string& descr) {
  const std::string_view text(descr);
  size_t at = 0;
  char order = '|';
  if (!text.empty() && std::string_view("<>|=").find(text[0]) != std::string_view::npos) order = text[at++];
  if (at >= text.size()) fail(HRT_ERROR_BAD_DATA, "\"{}\" is no element type", descr);
  const char kind = text[at++];
  if (kind == 'O') fail(HRT_ERROR_UNSUPPORTED, "the file holds pickled Python objects");
  size_t n = 0;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size() || n > kStringLimit)
    fail(HRT_ERROR_BAD_DATA, "\"{}\" is no element type", descr);
  const size_t bytes = kind == 'U' ? n * 4 : n;
  if (order == '>' && (bytes > 1 || kind == 'U') && kind != 'S' && kind != 'V')
    fail(HRT_ERROR_UNSUPPORTED, "big-endian arrays are not supported");
  return {kind, bytes};
}

// What NumPy calls a type of ours; {} for one that it has no name for.
std::string numpy_name(hrt_dtype dtype) {
  switch (dtype) {
    case HRT_BOOL: return "|b1";
    case HRT_INT8: return "|i1";
    case HRT_UINT8: return "|u1";
    case HRT_INT16: return "<i2";
    case HRT_UINT16: return "<u2";
    case HRT_INT32: return "<i4";
    case HRT_UINT32: return "<u4";
    case HRT_INT64: return "<i8";
    case HRT_UINT64: return "<u8";
    case HRT_FLOAT16: return "<f2";
    case HRT_FLOAT32: return "<f4";
    case HRT_FLOAT64: return "<f8";
    case HRT_COMPLEX64: return "<c8";
    case HRT_COMPLEX128: return "<c16";
    default: return {};
  }
}

bool is_small_integer(hrt_dtype dtype) {
  return dtype == HRT_INT4 || dtype == HRT_UINT4 || dtype == HRT_INT2 || dtype == HRT_UINT2;
}

hrt_dtype byte_type_of(hrt_dtype small) {
  return small == HRT_INT4 || small == HRT_INT2 ? HRT_INT8 : HRT_UINT8;
}

hrt_dtype dtype_of_file(Element element, const std::string& descr, hrt_dtype expected) {
  for (hrt_dtype dtype = 1; dtype < HRT_DTYPE_COUNT; ++dtype) {
    const std::string name = numpy_name(dtype);
    if (!name.empty() && name[1] == element.kind && name.substr(2) == std::to_string(element.bytes))
      return dtype;
  }
  // ml_dtypes' float8_e5m2 calls itself f1.
  if (element.kind == 'V' || (element.kind == 'f' && element.bytes == 1)) {
    const unsigned bits = dtype_bits(expected);
    if (numpy_name(expected).empty() && bits > 0 && std::max(bits / 8, 1u) == element.bytes) return expected;
    fail(HRT_ERROR_BAD_DATA, "elements of type {} have no meaning here", descr);
  }
  fail(HRT_ERROR_UNSUPPORTED, "element type \"{}\" is not supported", descr);
}

// From Fortran order, first dimension fastest, to the row-major order of tensors.
std::vector<std::byte> to_row_major(std::span<const std::byte> data, const Dims& dims, size_t bytes) {
  std::vector<std::byte> result(data.size());
  std::vector<uint64_t> strides(dims.size());
  uint64_t stride = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    strides[i] = stride;
    stride *= uint64_t(dims[i]);
  }
  Dims index(dims.size());
  uint64_t from = 0;
  for (size_t to = 0; to < data.size(); to += bytes) {
    std::memcpy(&result[to], &data[from * bytes], bytes);
    for (size_t d = dims.size(); d-- > 0;) {
      from += strides[d];
      if (++index[d] < dims[d]) break;
      from -= strides[d] * uint64_t(dims[d]);
      index[d] = 0;
    }
  }
  return result;
}

Tensor parse_strings(std::span<const std::byte> data, Element element, Dims dims) {
  Tensor tensor = Tensor::allocate(HRT_STRING, std::move(dims));
  for (uint64_t i = 0, n = tensor.size(); i < n; ++i) {
    const auto bytes = data.subspan(i * element.bytes, element.bytes);
    std::string text;
    if (element.kind == 'S') {
      text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      text.erase(text.find_last_not_of('\0') + 1);
    } else {
      std::u32string points(bytes.size() / 4, U'\0');
      std::memcpy(points.data(), bytes.data(), bytes.size());
      points.erase(points.find_last_not_of(U'\0') + 1);
      for (const char32_t point : points)
        if (!append_utf8(text, point))
          fail(HRT_ERROR_BAD_DATA, "string {} holds {:#x}, which is no character", i, uint32_t(point));
    }
    tensor.set_string(i, text);
  }
  return tensor;
}

// One byte an element, by value or by its bits, to the packed form of tensors.
Tensor pack(std::span<const std::byte> data, hrt_dtype dtype, bool by_bits, Dims dims) {
  Tensor tensor = Tensor::allocate(dtype, std::move(dims));
  for (uint64_t i = 0; i < data.size(); ++i) {
    const bool is_signed = byte_type_of(dtype) == HRT_INT8;
    double value = is_signed ? double(int8_t(data[i])) : double(data[i]);
    if (by_bits) {
      const unsigned bits = dtype_bits(dtype);
      const unsigned per_byte = 8 / bits;
      const unsigned raw = unsigned(data[i]) & ((1u << bits) - 1);
      tensor.data_as<uint8_t>()[i / per_byte] |= uint8_t(raw << (i % per_byte * bits));
      continue;
    }
    write_numbers(tensor, i, {&value, 1});
    double kept = 0;
    read_numbers(tensor, i, {&kept, 1});
    if (kept != value) fail(HRT_ERROR_BAD_DATA, "element {} is {}: no {}", i, value, dtype_name(dtype));
  }
  return tensor;
}

std::vector<std::byte> unpack(const Tensor& tensor) {
  const unsigned bits = dtype_bits(tensor.dtype());
  const unsigned per_byte = 8 / bits;
  std::vector<std::byte> result(tensor.size());
  for (uint64_t i = 0; i < result.size(); ++i) {
    unsigned raw =
        unsigned(tensor.data_as<uint8_t>()[i / per_byte]) >> (i % per_byte * bits) & ((1u << bits) - 1);
    const bool negative = byte_type_of(tensor.dtype()) == HRT_INT8 && raw >> (bits - 1);
    if (is_small_integer(tensor.dtype()) && negative) raw |= 0xffu << bits;
    result[i] = std::byte(raw);
  }
  return result;
}

// The elements of a string tensor at one width, with the name of their type.
std::pair<std::string, std::vector<std::byte>> string_elements(const Tensor& tensor) {
  std::vector<std::u32string> texts;
  size_t width = 1;
  size_t byte_width = 1;
  bool unicode = true;
  for (uint64_t i = 0; i < tensor.size(); ++i) {
    std::optional<std::u32string> points = decode_utf8(tensor.string(i));
    unicode = unicode && points;
    byte_width = std::max(byte_width, tensor.string(i).size());
    texts.push_back(std::move(points).value_or(U""));
    width = std::max(width, texts.back().size());
  }
  const size_t bytes = unicode ? checked_mul(width, size_t(4)) : byte_width;
  std::vector<std::byte> data(checked_mul(bytes, texts.size()));
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string_view raw = tensor.string(i);
    if (unicode && !texts[i].empty()) std::memcpy(&data[i * bytes], texts[i].data(), texts[i].size() * 4);
    if (!unicode && !raw.empty()) std::memcpy(&data[i * bytes], raw.data(), raw.size());
  }
  return {unicode ? fmt::format("<U{}", width) : fmt::format("|S{}", byte_width), std::move(data)};
}

std::string make_header(const std::string& descr, const Dims& dims) {
  std::string shape;
  for (const int64_t dim : dims) shape += fmt::format("{}, ", dim);
  if (dims.size() > 1) shape.resize(shape.size() - 2);
  if (dims.size() == 1) shape.pop_back();
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
  const size_t before = kMagic.size() + 4;
  text.append(align_up(before + text.size() + 1, 64) - before - text.size() - 1, ' ');
  text += '\n';
  std::string header(kMagic);
  header += {'\1', '\0', char(text.size() & 0xff), char(text.size() >> 8)};
  return header + text;
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> file, hrt_dtype expected) {
  std::span<const std::byte> data;
  Header header = read_header(file, data);
  const Element element = parse_descr(header.descr);
  const uint64_t count = element_count(header.dims);
  if (element.bytes == 0 && count > 0) fail(HRT_ERROR_BAD_DATA, "elements without size");
  const uint64_t needed = checked_mul(count, uint64_t(element.bytes));
  if (data.size() != needed)
    fail(HRT_ERROR_BAD_DATA, "{} bytes of data, where shape {} of \"{}\" has {}", data.size(),
         dims_to_string(header.dims), header.descr, needed);

  std::vector<std::byte> reordered;
  if (header.fortran_order && header.dims.size() > 1) {
    reordered = to_row_major(data, header.dims, element.bytes);
    data = reordered;
  }
  if (element.kind == 'U' || element.kind == 'S') return parse_strings(data, element, std::move(header.dims));
  const hrt_dtype dtype = dtype_of_file(element, header.descr, expected);
  if (is_small_integer(expected) && dtype == byte_type_of(expected))
    return pack(data, expected, false, std::move(header.dims));
  if (dtype_bits(dtype) < 8) return pack(data, dtype, true, std::move(header.dims));
  Tensor tensor = Tensor::allocate(dtype, std::move(header.dims));
  if (!data.empty()) std::memcpy(tensor.data(), data.data(), data.size());
  if (dtype == HRT_BOOL)
    for (uint64_t i = 0; i < data.size(); ++i) tensor.data_as<uint8_t>()[i] = data[i] != std::byte{0};
  return tensor;
}

Tensor read_npy(const std::filesystem::path& path, hrt_dtype expected) {
  const auto file = MappedFile::open(path);
  return with_context(path.string(), [&] { return parse_npy(file->bytes(), expected); });
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const hrt_dtype dtype = tensor.dtype();
  std::string descr = numpy_name(dtype);
  std::vector<std::byte> converted;
  std::span<const std::byte> data = tensor.as_bytes();
  if (dtype == HRT_STRING) {
    std::tie(descr, converted) = string_elements(tensor);
    data = converted;
  } else if (dtype_bits(dtype) < 8) {
    descr = is_small_integer(dtype) ? numpy_name(byte_type_of(dtype)) : "|V1";
    converted = unpack(tensor);
    data = converted;
  } else if (descr.empty()) {
    descr = fmt::format("|V{}", dtype_bits(dtype) / 8);
  }
  const std::string header = make_header(descr, tensor.dims());
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(header)), data};
  write_file_atomically(path, parts);
}

}  // namespace hrt
