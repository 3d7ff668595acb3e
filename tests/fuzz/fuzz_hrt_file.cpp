// SPDX-License-Identifier: Apache-2.0
// The .hrt reader: whatever the bytes, an error or a sound graph. Checksums are put right before each
// attempt, or nothing would get past them. Starts from a file with a bit of everything.
#include <cstdio>
#include <cstring>
#include <vector>

#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/format/hrt_file.h"
#include "core/format/layout.h"
#include "core/graph/transaction.h"
#include "tests/fuzz/memory_file.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max);

namespace {

using namespace hrt;

std::vector<uint8_t> seed() {
  Graph g;
  Transaction t(g);
  t.set_name("seed");
  t.set_opset("", 21);
  t.set_metadata("key", "value");
  const ValueId x = t.add_input("x", Type::tensor(HRT_FLOAT32, {t.symbol("batch"), 3}));
  const ValueId s = t.add_input("s", Type::sequence(Type::optional(Type::tensor(HRT_STRING))));
  const ValueId w = t.add_constant("w", std::make_shared<Tensor>(Tensor::allocate(HRT_FLOAT32, {3, 5})));
  const ValueId text = t.add_constant("text", std::make_shared<Tensor>(Tensor::allocate(HRT_STRING, {2})));
  const Attribute attributes[] = {
      {"i", int64_t(1)},
      {"f", 2.0f},
      {"s", std::string("text")},
      {"is", std::vector<int64_t>{1, 2}},
      {"fs", std::vector<float>{1, 2}},
      {"ss", std::make_shared<const StringList>(std::vector<std::string>{"a", "b"})},
      {"ty", Type::tensor(HRT_INT4, {2})},
      {"t", std::make_shared<const TensorView>(Tensor::allocate(HRT_INT64, {2}))}};
  const NodeId n = t.add_node("d", "Op", "n", {x, HRT_NONE, w, s, text}, {{"y"}, {"", false}},
                              {std::begin(attributes), std::end(attributes)});
  const NodeId loop = t.add_node("", "Loop", "l", {g.node(n).outputs[0]}, {{"z"}}, {});
  Transaction& body = t.add_body(loop, "body", "b");
  const NodeId inner =
      body.add_node("", "Op", "m", {body.add_capture(x), body.add_input("k", Type())}, {{"o"}}, {});
  body.set_outputs({body.graph().node(inner).outputs[0]});
  t.set_outputs({g.node(loop).outputs[0], x});
  t.commit();
  const auto path = std::filesystem::temp_directory_path() / ("hrt_seed_" + std::to_string(::getpid()));
  write_hrt_file(g, path);
  const auto mapped = MappedFile::open(path);
  const auto bytes = mapped->bytes();
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  std::vector<uint8_t> out(data, data + bytes.size());
  std::filesystem::remove(path);
  return out;
}

// Makes header and checksums agree with the file, as far as the header makes sense.
void forge(std::vector<uint8_t>& file) {
  if (file.size() < sizeof(FileHeader)) return;
  FileHeader h;
  std::memcpy(&h, file.data(), sizeof(h));
  const auto bytes = std::as_bytes(std::span(file));
  if (h.model_offset <= file.size() && h.model_size <= file.size() - h.model_offset)
    h.model_checksum = xxh3(bytes.subspan(h.model_offset, h.model_size));
  h.checksum = xxh3(std::as_bytes(std::span(&h, 1)).first(offsetof(FileHeader, checksum)));
  std::memcpy(file.data(), &h, sizeof(h));
}

}  // namespace

// Mostly inside the model's description: the rest is zeros and plain numbers.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max, unsigned int) {
  static const std::vector<uint8_t> first = seed();
  if (size < sizeof(FileHeader)) {
    if (max < first.size()) return LLVMFuzzerMutate(data, size, max);
    std::memcpy(data, first.data(), first.size());
    return first.size();
  }
  FileHeader h;
  std::memcpy(&h, data, sizeof(h));
  if (h.model_offset >= size || h.model_size > size - h.model_offset || h.model_size == 0)
    return LLVMFuzzerMutate(data, size, max);
  LLVMFuzzerMutate(data + h.model_offset, h.model_size, h.model_size);  // in place: offsets stay
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const test::MemoryFile memory;
  std::vector<uint8_t> bytes(data, data + size);
  forge(bytes);
  memory.write(bytes);
  try {
    verify_structure(*read_hrt_file(MappedFile::open(memory.path())));
  } catch (const Error& e) {
    if (e.code() == HRT_ERROR_INTERNAL) {  // a file must never bring out a bug
      std::fprintf(stderr, "%s\n", e.what());
      std::abort();
    }
  }
  return 0;
}
