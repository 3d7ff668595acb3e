// SPDX-License-Identifier: Apache-2.0
// libFuzzer target for the ONNX importer: models and tensors. The first byte chooses which.
//
//     fuzz_onnx CORPUS_DIR                     fuzz; start it from the seeds
//     HRT_WRITE_SEEDS=DIR fuzz_onnx -runs=0    write the seeds as files and end
#include <cstdlib>
#include <fstream>

#include "host.h"

namespace {

using namespace hrt::test;

void attempt(uint8_t kind, std::string_view bytes) {
  try {
    if (kind % 4 == 0) {
      import_bytes(bytes);
      return;
    }
    const hrt::Type tensor = hrt::Type::tensor(HRT_UNDEFINED);
    const hrt::Type sequence = hrt::Type::sequence(tensor);
    const hrt::Type types[] = {tensor, sequence, hrt::Type::optional(sequence)};
    import_value(bytes, &types[kind % 4 - 1]);
  } catch (const hrt::Error& e) {
    if (e.code() == HRT_ERROR_INTERNAL) {  // a file must never bring out a bug
      fprintf(stderr, "%s\n", e.what());
      std::abort();
    }
  }
}

// One small model for each part of the importer.
std::vector<onnx::ModelProto> seeds() {
  std::vector<onnx::ModelProto> all;
  const char* reductions[] = {"ReduceSum", "Unsqueeze", "Squeeze", "Softmax",
                              "Split",     "Upsample",  "Pad",     "Slice"};
  for (const char* op : reductions)
    for (const int64_t opset : {1, 6, 9, 12}) {
      auto& model = all.emplace_back(simple_model(opset));
      auto& node = add_node(*model.mutable_graph(), op, {"x"}, {"y"});
      for (const char* name : {"axes", "starts", "ends", "split", "pads"})
        set(node, name, std::vector<int64_t>{1, 2});
      set(node, "scales", std::vector<float>{1, 2, 2});
    }
  auto& binary = all.emplace_back(simple_model(6));
  auto& w = add_initializer(*binary.mutable_graph(), "w", onnx::TensorProto::FLOAT, {3});
  w.set_raw_data("123456789012");
  auto& add = add_node(*binary.mutable_graph(), "Add", {"x", "w"}, {"y"});
  set(add, "broadcast", int64_t(1));
  set(add, "axis", int64_t(1));

  auto& nested = all.emplace_back(simple_model(13));
  onnx::GraphProto body;
  set(add_node(body, "Constant", {}, {"c"}), "value_floats", std::vector<float>{1, 2});
  add_node(body, "Mul", {"x", "c"}, {"r"});
  body.add_output()->set_name("r");
  auto& conditional = add_node(*nested.mutable_graph(), "If", {"x"}, {"y"});
  set(conditional, "then_branch", body);
  set(conditional, "else_branch", body);

  auto& scan = all.emplace_back(simple_model(8));
  for (const char* name : {"s", "e"}) body.add_input()->set_name(name);
  auto& node = add_node(*scan.mutable_graph(), "Scan", {"", "x", "x"}, {"y"});
  set(node, "body", body);
  set(node, "num_scan_inputs", int64_t(1));

  auto& calling = all.emplace_back(simple_model(18));
  auto& f = *calling.add_functions();
  f.set_name("f");
  f.set_domain("local");
  f.add_opset_import()->set_version(11);
  f.add_input("a");
  f.add_output("b");
  f.add_attribute("axis");
  *f.add_node() = add_node(body, "Softmax", {"a"}, {"b"});
  auto& reference = *f.mutable_node(0)->add_attribute();
  reference.set_name("axis");
  reference.set_ref_attr_name("axis");
  auto& call = add_node(*calling.mutable_graph(), "f", {"x"}, {"y"});
  call.set_domain("local");
  set(call, "axis", int64_t(1));
  return all;
}

void write_seeds(const std::filesystem::path& directory) {
  std::filesystem::create_directories(directory);
  int count = 0;
  for (const auto& model : seeds())
    std::ofstream(directory / ("seed_" + std::to_string(count++)), std::ios::binary)
        << '\0' << model.SerializeAsString();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  if (const char* directory = std::getenv("HRT_WRITE_SEEDS")) {
    write_seeds(directory);
    std::exit(0);
  }
  for (const auto& model : seeds()) attempt(0, model.SerializeAsString());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  attempt(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
