// SPDX-License-Identifier: Apache-2.0
#include "core/format/hrt_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <random>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/format/layout.h"
#include "core/graph/transaction.h"

namespace hrt {
namespace {

class FormatTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / fmt::format("hrt_format_{}", ::getpid());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path path(const char* name) const { return directory_ / name; }

  static std::string slurp(const std::filesystem::path& p) {
    std::ifstream in(p, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void spill(const std::filesystem::path& p, const std::string& bytes) {
    std::ofstream(p, std::ios::binary | std::ios::trunc).write(bytes.data(), std::streamsize(bytes.size()));
  }

  std::filesystem::path directory_;
};

// A graph with everything that a file can hold.
std::unique_ptr<Graph> everything() {
  auto g = std::make_unique<Graph>();
  Transaction t(*g);
  t.set_name("everything");
  t.set_opset("", 28);
  t.set_metadata("author", std::string("a\0b", 3));
  const ValueId x = t.add_input("x", Type::tensor(HRT_FLOAT32, {t.symbol("batch"), HRT_DIM_UNKNOWN, 3}));
  const ValueId seq = t.add_input("seq", Type::sequence(Type::tensor(HRT_STRING)));
  Tensor weights = Tensor::allocate(HRT_FLOAT32, {100, 3});
  for (int i = 0; i < 300; ++i) weights.data_as<float>()[i] = float(i) / 7;
  const ValueId w = t.add_constant("w", std::make_shared<Tensor>(weights));
  Tensor words = Tensor::allocate(HRT_STRING, {2});
  words.set_string(0, "two words");
  t.add_constant("words", std::make_shared<Tensor>(words));
  std::vector<Attribute> attributes = {
      {"i", int64_t(-5)},
      {"f", 0.5f},
      {"s", std::string("te\0xt", 5)},
      {"t", std::make_shared<const TensorView>(weights)},
      {"is", std::vector<int64_t>{1, -2}},
      {"fs", std::vector<float>{1, 2}},
      {"ss", std::make_shared<const StringList>(std::vector<std::string>{"a", ""})},
      {"ty", Type::optional(Type::tensor(HRT_INT4, {2}))}};
  const NodeId n = t.add_node("custom", "Thing", "thing", {x, HRT_NONE, w}, {{"y"}, {"", false}, {"z"}},
                              std::move(attributes));
  const NodeId control = t.add_node("", "If", "choice", {g->node(n).outputs[2]}, {{"r"}}, {});
  Transaction& body = t.add_body(control, "then_branch", "then");
  const ValueId in = body.add_capture(x);
  const NodeId inner = body.add_node("", "Thing", "inner", {in}, {{"o"}}, {});
  body.set_outputs({body.graph().node(inner).outputs[0]});
  t.set_outputs({g->node(n).outputs[0], g->node(control).outputs[0], seq, x});
  t.commit();
  return g;
}

TEST_F(FormatTest, TheRoundTripIsExact) {
  const auto g = everything();
  write_hrt_file(*g, path("a.hrt"));
  const auto again = read_hrt_file(MappedFile::open(path("a.hrt")));
  EXPECT_EQ(to_text(*again).substr(0, 40), to_text(*g).substr(0, 40));
  write_hrt_file(*again, path("b.hrt"));
  EXPECT_EQ(slurp(path("a.hrt")), slurp(path("b.hrt")));
  const ValueDef& w = again->value(again->node(again->nodes()[0]).inputs[2]);
  EXPECT_TRUE(identical(*w.constant, *g->value(g->node(g->nodes()[0]).inputs[2]).constant));
  EXPECT_EQ(again->metadata().at("author"), std::string("a\0b", 3));
  EXPECT_EQ(again->symbol_name(again->value(again->inputs()[0]).type.dims()[0]), "batch");
}

TEST_F(FormatTest, WeightsAreNotCopied) {
  write_hrt_file(*everything(), path("a.hrt"));
  const auto file = MappedFile::open(path("a.hrt"));
  const auto g = read_hrt_file(file);
  const auto* data =
      static_cast<const std::byte*>(g->value(g->node(g->nodes()[0]).inputs[2]).constant->data());
  EXPECT_GE(data, file->bytes().data());
  EXPECT_LT(data, file->bytes().data() + file->bytes().size());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % kAlignment, 0u);
}

TEST_F(FormatTest, EveryTruncationIsRefused) {
  write_hrt_file(*everything(), path("a.hrt"));
  const std::string whole = slurp(path("a.hrt"));
  for (size_t n = 0; n < whole.size(); n += n < 200 ? 1 : 97) {
    spill(path("cut.hrt"), whole.substr(0, n));
    EXPECT_THROW(read_hrt_file(MappedFile::open(path("cut.hrt"))), Error) << n;
  }
}

TEST_F(FormatTest, EveryFlippedByteThatMattersIsRefused) {
  write_hrt_file(*everything(), path("a.hrt"));
  const std::string whole = slurp(path("a.hrt"));
  FileHeader h;
  std::memcpy(&h, whole.data(), sizeof(h));
  std::mt19937 random(3);
  for (int i = 0; i < 400; ++i) {
    // Anywhere but in the zeros between the parts.
    const uint64_t spans[3][2] = {{0, sizeof(h)}, {h.model_offset, h.model_size}, {h.data_offset, 1200}};
    const auto& span = spans[random() % 3];
    std::string bad = whole;
    bad[span[0] + random() % span[1]] ^= char(1 << random() % 8);
    spill(path("bad.hrt"), bad);
    EXPECT_THROW(read_hrt_file(MappedFile::open(path("bad.hrt"))), Error);
  }
}

// A liar who knows the checksums gets an error or a sound graph, never a crash.
TEST_F(FormatTest, LiesBehindValidChecksumsDoNoHarm) {
  write_hrt_file(*everything(), path("a.hrt"));
  const std::string whole = slurp(path("a.hrt"));
  FileHeader h;
  std::memcpy(&h, whole.data(), sizeof(h));
  std::mt19937 random(5);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string bad = whole;
    for (unsigned k = 0; k <= random() % 3; ++k)
      bad[h.model_offset + random() % h.model_size] = char(random());
    FileHeader forged = h;
    forged.model_checksum = xxh3(std::as_bytes(std::span(bad).subspan(h.model_offset, h.model_size)));
    forged.checksum = xxh3(std::as_bytes(std::span(&forged, 1)).first(offsetof(FileHeader, checksum)));
    std::memcpy(bad.data(), &forged, sizeof(forged));
    spill(path("lie.hrt"), bad);
    try {
      verify_structure(*read_hrt_file(MappedFile::open(path("lie.hrt"))));
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST_F(FormatTest, AFailedWriteLeavesTheOldFile) {
  spill(path("a.hrt"), "old");
  EXPECT_THROW(write_hrt_file(*everything(), path("no/such/directory.hrt")), Error);
  EXPECT_EQ(slurp(path("a.hrt")), "old");
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_)) ++files;
  EXPECT_EQ(files, 1u);
}

}  // namespace
}  // namespace hrt
