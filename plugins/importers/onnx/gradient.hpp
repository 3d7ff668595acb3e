// SPDX-License-Identifier: Apache-2.0
// ai.onnx.preview.training.Gradient, expanded into operators by reverse-mode differentiation.
// https://onnx.ai/onnx/operators/onnx_aionnxpreviewtraining_Gradient.html
#pragma once

#include <span>

#include "adapt.hpp"

namespace hrt::importer {

bool is_gradient(std::string_view domain, std::string_view op);

// What a Gradient node becomes. graph: the nodes before it in its graph, in order and in kOpset. Throws
// HRT_ERROR_UNSUPPORTED naming an operator between "xs" and "y" that it cannot differentiate.
std::vector<Node> expand_gradient(Node gradient, std::span<const Node> graph, const ModelFacts& facts);

}  // namespace hrt::importer
