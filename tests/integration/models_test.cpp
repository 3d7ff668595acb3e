// SPDX-License-Identifier: Apache-2.0
// Real pretrained models against the answers that ONNX Runtime recorded for them (io.json beside each).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/hrt-run/lib/comparison.h"
#include "apps/hrt-run/lib/npy.h"
#include "core/base/error.h"
#include "core/execute/config.h"
#include "core/execute/session.h"

namespace hrt {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kModels = fs::path(HRT_SHARED_DIR) / "models";

struct Case {
  std::string model;      // folder
  std::string reference;  // folder in ref
  double tolerance;
  std::string device;
};

constexpr const char* kDevices[] = {"cpu",    "reference",         "vulkan",
                                    "opencl", "hetero:vulkan,cpu", "hetero:vulkan,opencl,cpu"};

Runtime& runtime() {
  static Runtime instance(RuntimeOptions{default_plugin_directories(), {}});
  return instance;
}

// Devices as -d takes them. Those that are not here make the list empty.
SessionOptions on(const std::string& devices) {
  Config config;
  set_config(config, "devices.order", parse_devices(devices), "the test");
  std::vector<std::string> here;
  for (const Device* d : runtime().devices()) here.push_back(d->name());
  const auto absent = [&](const std::string& name) { return std::ranges::find(here, name) == here.end(); };
  if (std::ranges::any_of(config.devices, absent)) return {};
  return session_options(config, runtime());
}

std::vector<Case> cases(const std::vector<Case>& base) {
  std::vector<Case> all;
  for (const char* device : kDevices)
    for (Case c : base) {
      c.device = device;
      all.push_back(std::move(c));
    }
  return all;
}

std::string name_of(const ::testing::TestParamInfo<Case>& info) {
  std::string name = info.param.reference + "_" + info.param.device;
  std::ranges::replace_if(name, [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

class ModelTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!fs::is_directory(kModels)) GTEST_SKIP() << "the real models are not at " << kModels;
    directory_ = kModels / GetParam().model / "ref" / GetParam().reference;
    std::ifstream in(directory_ / "io.json");
    io_ = json::parse(in);
    const SessionOptions options = on(GetParam().device);
    if (options.devices.empty()) GTEST_SKIP() << "not all of " << GetParam().device << " is here";
    session_ = std::make_unique<Session>(runtime(), runtime().load_model(find_model(io_["model"])), options);
    request_ = session_->make_request();
  }

  fs::path find_model(const std::string& relative) const { return kModels / GetParam().model / relative; }

  ValuePtr load(const std::string& file) const { return make_value(read_npy(directory_ / file)); }

  size_t input_index(const std::string& name) const { return index_of(session_->inputs(), name); }
  size_t output_index(const std::string& name) const { return index_of(session_->outputs(), name); }
  static size_t index_of(const std::vector<Port>& ports, const std::string& name) {
    const auto it = std::ranges::find(ports, name, &Port::name);
    if (it == ports.end()) throw std::runtime_error("the model has no \"" + name + "\"");
    return size_t(it - ports.begin());
  }

  // The tolerance is absolute, on outputs of about 1; larger ones are measured by their largest element.
  void expect_close(const Tensor& actual, const Tensor& expected, const std::string& what) const {
    double largest = 1;
    for (uint64_t i = 0; i < expected.size(); ++i)
      if (expected.dtype() == HRT_FLOAT32)
        largest = std::max(largest, double(std::abs(expected.data_as<float>()[i])));
    const Comparison c = compare(actual, expected, Tolerance{0, GetParam().tolerance * largest});
    EXPECT_TRUE(c.equal()) << what << ": " << c.difference << ", max abs error " << c.max_abs;
  }

  fs::path directory_;
  json io_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Request> request_;
};

class OneShot : public ModelTest {};

TEST_P(OneShot, GivesTheRecordedOutputs) {
  for (const json& in : io_["inputs"]) request_->set_input(input_index(in["name"]), load(in["file"]));
  request_->run();
  for (const json& out : io_["outputs"])
    expect_close(request_->output(output_index(out["name"]))->tensor,
                 read_npy(directory_ / std::string(out["file"])), out["name"]);
}

std::vector<Case> one_shot_cases() {
  std::vector<Case> list = {{"ultraface-rfb320", "face", 1e-4, ""},
                            {"yolox-nano", "cats_and_dogs", 1e-3, ""},
                            {"super-resolution", "y224", 1e-4, ""}};
  for (const char* word : {"activationist", "convolutional", "onnx", "zyntrix"})
    list.push_back({"g2p-en", std::string("enc_") + word, 1e-4, ""});
  for (const char* model : {"mnist_cntk", "mnist_torch_dynamo", "mnist-external_mnist"})
    for (const char* digit : {"0", "3", "5", "7", "tflm_0", "tflm_4", "tflm_9"})
      list.push_back({"mnist", std::string(model) + "/" + digit, 1e-4, ""});
  return cases(list);
}
INSTANTIATE_TEST_SUITE_P(Models, OneShot, ::testing::ValuesIn(one_shot_cases()), name_of);

// Frame after frame, with the state that one step gives fed into the next.
class Streaming : public ModelTest {};

TEST_P(Streaming, GivesTheRecordedOutputsStepByStep) {
  const Tensor frames = read_npy(directory_ / std::string(io_["frames"]));
  std::map<std::string, std::vector<float>> recorded;
  for (const json& state : io_["states"]) {
    Dims dims = state["shape"];
    request_->set_input(input_index(state["input"]), make_value(Tensor::allocate(HRT_FLOAT32, dims)));
  }
  for (const json& constant : io_.value("consts", json::array())) {
    const std::string name = constant;
    request_->set_input(input_index(name), load("const_" + name + ".npy"));
  }
  const uint64_t step_elements = frames.size() / uint64_t(frames.dims()[0]);
  for (int64_t step = 0; step < int64_t(io_["steps"]); ++step) {
    Dims dims(frames.dims().begin() + 1, frames.dims().end());
    Tensor frame = Tensor::allocate(HRT_FLOAT32, dims);
    std::memcpy(frame.data(), frames.data_as<float>() + uint64_t(step) * step_elements, frame.bytes());
    request_->set_input(input_index(io_["frame_input"]), make_value(frame));
    request_->run();
    for (const json& out : io_["outputs"]) {
      if (out.contains("final_state_of")) continue;
      const Tensor& t = request_->output(output_index(out["name"]))->tensor;
      auto& all = recorded[out["name"]];
      all.insert(all.end(), t.data_as<float>(), t.data_as<float>() + t.size());
    }
    for (const json& state : io_["states"]) {
      const Tensor& t = request_->output(output_index(state["output"]))->tensor;
      request_->set_input(input_index(state["input"]), make_value(Tensor::copy_of(t.c())));
    }
  }
  for (const json& out : io_["outputs"]) {
    const Tensor expected = read_npy(directory_ / std::string(out["file"]));
    if (out.contains("final_state_of")) {
      expect_close(request_->output(output_index(out["name"]))->tensor, expected, out["name"]);
    } else {
      auto& all = recorded[out["name"]];
      ASSERT_EQ(all.size(), expected.size());
      expect_close(Tensor::view(HRT_FLOAT32, expected.dims(), all.data(), nullptr), expected, out["name"]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(SileroVad, Streaming,
                         ::testing::ValuesIn(cases({{"silero-vad", "silero_vad", 1e-5, ""},
                                                    {"silero-vad", "silero_vad_8k", 1e-5, ""},
                                                    {"silero-vad", "silero_vad_16k_op15", 1e-5, ""},
                                                    {"silero-vad", "silero_vad_op18_ifless", 1e-5, ""}})),
                         name_of);

// Letters to phonemes: the encoder once, then the decoder until it says stop.
class Phonemes : public ::testing::TestWithParam<const char*> {};

TEST_P(Phonemes, AreThoseOfTheRepository) {
  if (!fs::is_directory(kModels)) GTEST_SKIP() << "the real models are not at " << kModels;
  const fs::path directory = kModels / "g2p-en";
  std::ifstream in(directory / "meta.json");
  const json meta = json::parse(in);
  const SessionOptions options = on(GetParam());
  if (options.devices.empty()) GTEST_SKIP() << "not all of " << GetParam() << " is here";
  Session encoder(runtime(), runtime().load_model(directory / "g2p_encoder.onnx"), options);
  Session decoder(runtime(), runtime().load_model(directory / "g2p_decoder_step.onnx"), options);
  const std::string word = "activationist";
  Tensor letters = Tensor::allocate(HRT_INT64, {1, int64_t(word.size()) + 1});
  for (size_t i = 0; i < word.size(); ++i) letters.data_as<int64_t>()[i] = word[i] - 'a' + 3;
  letters.data_as<int64_t>()[word.size()] = 2;
  auto encode = encoder.make_request();
  encode->set_input(0, make_value(letters));
  encode->run();
  ValuePtr hidden = make_value(Tensor::copy_of(encode->output(0)->tensor.c()));

  auto decode = decoder.make_request();
  std::string text;
  int64_t token = 2;
  for (int step = 0; step < 40 && token != 3; ++step) {
    Tensor id = Tensor::allocate(HRT_INT64, {1});
    id.data_as<int64_t>()[0] = token;
    decode->set_input(0, make_value(id));
    decode->set_input(1, hidden);
    decode->run();
    hidden = make_value(Tensor::copy_of(decode->output(0)->tensor.c()));
    const Tensor& logits = decode->output(1)->tensor;
    const auto* p = logits.data_as<float>();
    token = std::max_element(p, p + logits.size()) - p;
    if (token != 3) text += (text.empty() ? "" : " ") + std::string(meta["phonemes"][size_t(token)]);
  }
  EXPECT_EQ(text, "AE2 K T IH0 V EY1 SH AH0 N IH0 S T");
}
INSTANTIATE_TEST_SUITE_P(G2p, Phonemes, ::testing::ValuesIn(kDevices), [](const auto& info) {
  std::string name = info.param;
  std::ranges::replace_if(name, [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
});

}  // namespace
}  // namespace hrt
