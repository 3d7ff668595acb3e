// SPDX-License-Identifier: Apache-2.0
// The files in data/ were written by numpy; what they hold is in make_data.py.
#include "apps/hrt-run/lib/npy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include "files.h"

namespace hrt {
namespace {

using namespace test;

Tensor read(const std::string& name, hrt_dtype expected = HRT_UNDEFINED) {
  return read_npy(data_file(name), expected);
}

template <class T>
std::vector<T> elements(const Tensor& tensor) {
  return {tensor.data_as<T>(), tensor.data_as<T>() + tensor.size()};
}

// A file of version 1 with this header text.
std::vector<std::byte> file_with(const std::string& header, const std::string& data) {
  std::string text = "\x93NUMPY";
  text += {'\1', '\0', char(header.size() & 0xff), char(header.size() >> 8)};
  return bytes_of(text + header + data);
}

TEST(Npy, ReadsFloats) {
  const Tensor t = read("float32.npy");
  EXPECT_EQ(t.dtype(), HRT_FLOAT32);
  EXPECT_EQ(t.dims(), (Dims{2, 3}));
  EXPECT_EQ(elements<float>(t), (std::vector<float>{0, 0.25f, 0.5f, 0.75f, 1, 1.25f}));
}

TEST(Npy, ReordersFortranArrays) {
  const Tensor t = read("float64_fortran.npy");
  EXPECT_EQ(t.dims(), (Dims{2, 3, 4}));
  for (size_t i = 0; i < 24; ++i) EXPECT_EQ(t.data_as<double>()[i], double(i));
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  const Tensor scalar = read("int64_scalar.npy");
  EXPECT_TRUE(scalar.dims().empty());
  EXPECT_EQ(elements<int64_t>(scalar), (std::vector<int64_t>{-(int64_t(1) << 60)}));
  EXPECT_EQ(read("uint8_empty.npy").dims(), (Dims{0, 3}));
}

TEST(Npy, ReadsVersions2And3) {
  for (const char* name : {"version2.npy", "version3.npy"})
    EXPECT_EQ(elements<int32_t>(read(name)), (std::vector<int32_t>{0, 1, 2, 3, 4, 5})) << name;
}

TEST(Npy, ReadsHalvesComplexNumbersAndBooleans) {
  const Tensor half = read("float16.npy");
  EXPECT_EQ(float(half.data_as<float16>()[1]), -2);
  EXPECT_EQ(float(half.data_as<float16>()[2]), 65504);
  EXPECT_TRUE(std::isinf(float(half.data_as<float16>()[3])));
  using Complex = std::complex<float>;
  EXPECT_EQ(elements<Complex>(read("complex64.npy")), (std::vector<Complex>{{1, 2}, {0, -3}}));
  EXPECT_EQ(elements<uint8_t>(read("bool.npy")), (std::vector<uint8_t>{1, 0, 1}));
}

TEST(Npy, ReadsStringsAsUtf8) {
  const Tensor t = read("unicode.npy");
  EXPECT_EQ(t.dims(), (Dims{2, 2}));
  EXPECT_EQ(t.string(0), "a");
  EXPECT_EQ(t.string(1), "\xc3\xa4\xc3\x9f\xe2\x82\xac");
  EXPECT_EQ(t.string(2), "");
  EXPECT_EQ(t.string(3), "\xf0\x9d\x84\x9e!");
  EXPECT_EQ(read("bytes.npy").string(1), "c");
}

TEST(Npy, ReadsTypesThatNumpyLacksWhenTold) {
  const Tensor t = read("bfloat16.npy", HRT_BFLOAT16);
  EXPECT_EQ(float(t.data_as<bfloat16>()[1]), -2.5f);
  EXPECT_EQ(float(read("float8e5m2.npy", HRT_FLOAT8E5M2).data_as<float8e5m2>()[1]), -2.5f);
  EXPECT_NE(error_of([] { read("bfloat16.npy"); }), "");
  EXPECT_NE(error_of([] { read("bfloat16.npy", HRT_FLOAT8E5M2); }), "");
}

TEST(Npy, PacksSmallIntegersAndRefusesWhatDoesNotFit) {
  const Tensor t = read("int8.npy", HRT_INT4);
  EXPECT_EQ(t.dtype(), HRT_INT4);
  ASSERT_EQ(t.bytes(), 2u);
  EXPECT_EQ(t.data_as<uint8_t>()[0], 0x78);  // -8 in the low bits, 7 in the high ones
  EXPECT_EQ(t.data_as<uint8_t>()[1], 0x03);
  EXPECT_EQ(read("int8.npy").dtype(), HRT_INT8);
  const std::string error = error_of([] { read("int8.npy", HRT_INT2); });
  EXPECT_NE(error.find("element 0 is -8"), std::string::npos) << error;
}

TEST(Npy, NamesTheFileAndTheReason) {
  for (const auto& [name, reason] :
       {std::pair("big_endian.npy", "big-endian"), std::pair("objects.npy", "pickled"),
        std::pair("structured.npy", "structured"), std::pair("rgb.png", "not a NumPy array")}) {
    const std::string error = error_of([&, name = name] { read(name); });
    EXPECT_NE(error.find(name), std::string::npos) << error;
    EXPECT_NE(error.find(reason), std::string::npos) << error;
  }
}

TEST(Npy, RefusesHeadersThatLie) {
  const std::string type = "{'descr': '<f4', 'fortran_order': False, ";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {type + "'shape': (2,)}", "12345678901"},                          // more data than elements
      {type + "'shape': (3,)}", "12345678"},                             // less
      {type + "'shape': (4611686018427387904, 8)}", ""},                 // overflows
      {type + "'shape': (99999999999999999999,)}", ""},                  // no 64-bit number
      {type + "'shape': (-1,)}", ""},                                    // negative
      {type + "'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}", "1234"},  // rank 17
      {type + "'shape': (2,), 'shape': (2,)}", "12345678"},              // twice
      {type + "'shape': (2,), 'more': 1}", "12345678"},
      {type + "'shape': (2,)} x", "12345678"},
      {type + "'shape': (2,)", "12345678"},
      {type + "}", ""},
      {"{'descr': '<U0', 'fortran_order': False, 'shape': (4000000000,)}", ""},  // 4e9 strings for nothing
      {"{'descr': '<U999999999', 'fortran_order': False, 'shape': (1,)}", ""},
      {"{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}", "123"},
      {"{'descr': '', 'fortran_order': False, 'shape': ()}", ""},
      {"[]", ""},
      {"", ""},
  };
  for (const auto& [header, data] : cases) EXPECT_THROW(parse_npy(file_with(header, data)), Error) << header;
  const std::string surrogate("\0\xd8\0\0", 4);
  EXPECT_THROW(parse_npy(file_with("{'descr': '<U1', 'fortran_order': False, 'shape': ()}", surrogate)),
               Error);
}

TEST(Npy, SurvivesDamage) {
  for (const char* name : {"float64_fortran.npy", "unicode.npy", "version3.npy"})
    EXPECT_EQ(survive_damage(read_bytes(data_file(name)), [](const auto& bytes) { parse_npy(bytes); }), 0u)
        << name;
}

TEST(Npy, WritesWhatNumpyWrites) {
  const TemporaryDirectory directory;
  for (const char* name : {"float32.npy", "int64_scalar.npy", "uint8_empty.npy", "bool.npy", "float16.npy",
                           "complex64.npy", "unicode.npy"}) {
    write_npy(directory / name, read(name));
    EXPECT_EQ(read_bytes(directory / name), read_bytes(data_file(name))) << name;
  }
}

TEST(Npy, RoundTripsTypesThatNumpyLacks) {
  const TemporaryDirectory directory;
  for (const hrt_dtype dtype : {HRT_BFLOAT16, HRT_FLOAT8E4M3FN, HRT_FLOAT8E8M0, HRT_INT4, HRT_UINT4, HRT_INT2,
                                HRT_UINT2, HRT_FLOAT4E2M1}) {
    const Tensor t = Tensor::allocate(dtype, {3, 5});
    const size_t whole = t.size() * dtype_bits(dtype) / 8;  // the bits behind the last element stay zero
    for (size_t i = 0; i < whole; ++i) t.data_as<uint8_t>()[i] = uint8_t(37 * i + 1);
    write_npy(directory / "t.npy", t);
    EXPECT_TRUE(identical(read_npy(directory / "t.npy", dtype), t)) << dtype_name(dtype);
  }
}

TEST(Npy, WritesStringsThatAreNoUtf8AsBytes) {
  const TemporaryDirectory directory;
  Tensor t = Tensor::allocate(HRT_STRING, {2});
  t.set_string(0, "\xff\xfe");
  t.set_string(1, "abc");
  write_npy(directory / "t.npy", t);
  EXPECT_TRUE(identical(read_npy(directory / "t.npy"), t));
}

TEST(Npy, LeavesNothingBehindWhenItCannotWrite) {
  const TemporaryDirectory directory;
  EXPECT_THROW(write_npy(directory / "absent/t.npy", Tensor::allocate(HRT_FLOAT32, {2})), Error);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

}  // namespace
}  // namespace hrt
