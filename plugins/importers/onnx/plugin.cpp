// SPDX-License-Identifier: Apache-2.0
// The ONNX importer, its front page.
//
//     bytes ──parse──▶ ModelProto ──for each node──▶ Node ──adapt──▶ nodes of opset 28 ──▶ hrt_edit
//              proto                  graph                adapt, adapt/*                   graph
//
// type, tensor, attribute: the messages' parts as the ABI wants them. constant: initialisers and Constant
// nodes. function: model-local functions. scope, order: names, and the order of nodes. facts: what adapters
// may know. value: files with one value, read and written.
#include <hrt/plugin.hpp>

#include "graph.hpp"
#include "probe.hpp"
#include "value.hpp"

namespace {

using namespace hrt;
using namespace hrt::sdk;

// Puts the file's name in front of what went wrong.
template <class F>
hrt_status* with_file(const hrt_source* source, F&& f) noexcept {
  return guard([&] {
    const std::string path = source->path && *source->path ? source->path : "ONNX model in memory";
    try {
      f();
    } catch (const Error& e) {
      throw Error(e.code(), cat(path, ": ", e.what()));
    }
  });
}

hrt_status* import_model(const hrt_source* source, hrt_edit* edit) {
  return with_file(source, [&] {
    auto model = std::make_shared<onnx::ModelProto>();
    importer::parse(*model, source->data, source->size, "ONNX model");
    importer::Importer(std::move(model), edit).run();
  });
}

hrt_status* import_value(const hrt_source* source, const hrt_type* type, hrt_kernel* result) {
  return with_file(source, [&] { importer::import_value(source->data, source->size, type, result); });
}

hrt_status* export_value(const hrt_value* value, const char* name, hrt_write_fn write, void* user) {
  return guard([&] { importer::export_value(value, name, write, user); });
}

int probe(const hrt_source* source) { return importer::probe(source->data, source->size); }

constexpr const char* kExtensions[] = {".onnx", ".pb", nullptr};

constexpr hrt_importer_api kImporter = {
    sizeof(hrt_importer_api), "onnx", kExtensions, probe, import_model, import_value};

constexpr const char* kValueExtensions[] = {".pb", nullptr};

constexpr hrt_exporter_api kExporter = {sizeof(hrt_exporter_api), kValueExtensions, export_value};

}  // namespace

HRT_PLUGIN("hrt.onnx", "0.1.0", "ONNX models, opsets 1 to 28", nullptr, nullptr,
           {"hrt.importer/1", &kImporter}, {"hrt.exporter/1", &kExporter})
