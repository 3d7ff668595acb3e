// SPDX-License-Identifier: Apache-2.0
// Every shared model is imported, and every shared tensor read.
#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "host.h"

namespace hrt::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files(const fs::path& directory, std::string_view extension) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (entry.path().extension() == extension) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Shared : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(root())) GTEST_SKIP() << root() << " is not here (CMake variable HRT_SHARED_DIR)";
  }
  static fs::path root() { return HRT_SHARED_DIR; }
};

TEST_F(Shared, EveryModelIsImported) {
  size_t count = 0;
  for (const char* folder : {"onnx-conformance", "models"})
    for (const fs::path& path : files(root() / folder, ".onnx")) {
      ++count;
      try {
        import_file(path);
      } catch (const Error& e) {
        ADD_FAILURE() << e.message();
      }
    }
  EXPECT_GT(count, 1000u);
}

TEST_F(Shared, EveryTestTensorIsReadAsItsModelDeclares) {
  for (const fs::path& path : files(root() / "onnx-conformance", ".onnx")) {
    const auto graph = import_file(path);
    for (const fs::path& pb : files(path.parent_path(), ".pb")) {
      const std::string stem = pb.stem();
      const bool input = stem.starts_with("input_");
      const auto index = size_t(std::stoul(stem.substr(stem.find('_') + 1)));
      const auto& ids = input ? graph->inputs() : graph->outputs();
      ASSERT_LT(index, ids.size()) << pb;
      try {
        const Type& type = graph->value(ids[index]).type;
        EXPECT_TRUE(import_value(read(pb), type == Type() ? nullptr : &type)) << pb;
      } catch (const Error& e) {
        ADD_FAILURE() << pb << ": " << e.message();
      }
    }
  }
}

TEST_F(Shared, EveryTruncationIsRefusedOrSound) {
  const fs::path models[] = {root() / "onnx-conformance/node/test_loop13_seq/model.onnx",
                             root() / "onnx-conformance/node/test_scan9_sum/model.onnx",
                             root() / "onnx-conformance/pytorch-converted/test_PReLU_2d/model.onnx",
                             root() / "onnx-conformance/simple/test_sequence_model1/model.onnx"};
  for (const fs::path& path : models) {
    const std::string whole = read(path);
    ASSERT_FALSE(whole.empty()) << path;
    for (size_t size = 0; size < whole.size(); ++size) {
      const std::string part = whole.substr(0, size);  // its own allocation: ASan sees reads beyond it
      const std::string error = import_error(part);
      EXPECT_TRUE(error.empty() || error.starts_with("test.onnx: ")) << error;
    }
  }
}

}  // namespace
}  // namespace hrt::test
