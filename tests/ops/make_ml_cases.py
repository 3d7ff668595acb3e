#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes cases/ml.txt (format: op_test.h): the operators of ai.onnx.ml on tensors, and what ONNX Runtime
makes of them. Needs numpy, onnx, onnxruntime; the tests do not."""
import itertools
import pathlib
import urllib.parse

import numpy as np
import onnxruntime
from onnx import helper
from onnx.reference import ReferenceEvaluator

import make_cases

rng = np.random.default_rng(7)
lines = ["# Written by make_ml_cases.py.\n"]


def spell_attr(name, v):
    if isinstance(v, (list, tuple)) and v and isinstance(v[0], str):
        return f"attr {name} strings " + " ".join(urllib.parse.quote(s, safe="") or "%00" for s in v)
    return make_cases.spell_attr(name, v)


def case(name, op, inputs, attrs, outputs=1, version=3, compute_in=None, reference=()):
    """compute_in: for types of the standard that ONNX Runtime lacks. reference: outputs that are ONNX's own
    evaluator's, since ONNX Runtime's are not what the standard says."""
    feeds = {f"x{i}": x.astype(compute_in or x.dtype) for i, x in enumerate(inputs)}
    ports = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
             for n, x in feeds.items()]
    names = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, list(feeds), names, domain="ai.onnx.ml", **attrs)
    results = [helper.make_empty_tensor_value_info(n) for n in names]
    model = helper.make_model(helper.make_graph([node], op, ports, results), ir_version=8,
                              opset_imports=[helper.make_opsetid("", 15), helper.make_opsetid("ai.onnx.ml", version)])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    expected = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds)
    if reference:
        expected = [b if k in reference else a
                    for k, (a, b) in enumerate(zip(expected, ReferenceEvaluator(model).run(None, feeds)))]
    text = [f"case {name}", f"op {op} ai.onnx.ml"]
    text += [spell_attr(k, v) for k, v in attrs.items()]
    text += ["in " + make_cases.spell(x) for x in inputs]
    text += ["out " + make_cases.spell(y) for y in expected]
    lines.append("\n".join(text + ["tolerance 1e-4 1e-5"]) + "\n")


def uniform(*shape, dtype=np.float32):
    return np.round(rng.uniform(-2, 2, shape), 3).astype(dtype)


def floats(n, low=-1.0, high=1.0):
    return [float(v) for v in np.round(rng.uniform(low, high, n), 3)]


def tree_nodes(trees, features, modes=("BRANCH_LEQ",)):
    """Complete trees of depth 2; their leaves are nodes 3 to 6."""
    nodes = {k: [] for k in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
                             "missing_value_tracks_true")}
    for t in range(trees):
        for n in range(7):
            leaf = n >= 3
            nodes["treeids"].append(t)
            nodes["nodeids"].append(n)
            nodes["featureids"].append(0 if leaf else int(rng.integers(features)))
            nodes["values"].append(0.0 if leaf else float(np.round(rng.uniform(-1, 1), 2)))
            nodes["modes"].append("LEAF" if leaf else str(rng.choice(list(modes))))
            nodes["truenodeids"].append(0 if leaf else 2 * n + 1)
            nodes["falsenodeids"].append(0 if leaf else 2 * n + 2)
            nodes["missing_value_tracks_true"].append(0 if leaf else int(rng.integers(2)))
    return {f"nodes_{k}": v for k, v in nodes.items()}


def votes(prefix, trees, targets, low, high, per_leaf=1):
    tree, node, ids = [], [], []
    for t, n, k in itertools.product(range(trees), range(3, 7), range(per_leaf)):
        tree.append(t)
        node.append(n)
        ids.append(int(targets[(t + n + k) % len(targets)]))
    return {f"{prefix}_treeids": tree, f"{prefix}_nodeids": node, f"{prefix}_ids": ids,
            f"{prefix}_weights": floats(len(ids), low, high)}


def trees():
    x = uniform(6, 4)
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        case(f"tree_{aggregate}", "TreeEnsembleRegressor", [x],
             {**tree_nodes(3, 4), **votes("target", 3, [0, 1], -1, 1, 2), "n_targets": 2,
              "aggregate_function": aggregate, "base_values": [0.5, -0.25]})
    x_nan = x.copy()
    x_nan[::2, 1] = np.nan
    modes = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ")
    case("tree_modes", "TreeEnsembleRegressor", [x_nan], {**tree_nodes(4, 4, modes), **votes("target", 4, [0], -1, 1),
                                                           "n_targets": 1})
    case("tree_double", "TreeEnsembleRegressor", [x.astype(np.float64)],
         {**tree_nodes(2, 4), **votes("target", 2, [0], -1, 1), "n_targets": 1}, compute_in=np.float32)
    case("tree_int64", "TreeEnsembleRegressor", [rng.integers(-2, 3, (5, 4))],
         {**tree_nodes(2, 4), **votes("target", 2, [0], -1, 1), "n_targets": 1}, compute_in=np.float32)
    for transform in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"):
        case(f"three_classes_{transform}", "TreeEnsembleClassifier", [x],
             {**tree_nodes(3, 4), **votes("class", 3, [0, 1, 2], -1, 1, 2), "classlabels_int64s": [4, 7, -1],
              "post_transform": transform}, 2)
        for sign, low in (("positive", 0.0), ("mixed", -1.0)):
            case(f"one_score_{sign}_{transform}", "TreeEnsembleClassifier", [x],
                 {**tree_nodes(2, 4), **votes("class", 2, [0], low, 0.5), "classlabels_strings": ["no", "yes"],
                  "post_transform": transform}, 2, reference=() if transform == "NONE" else (1,))
            case(f"two_scores_{sign}_{transform}", "TreeEnsembleClassifier", [x],
                 {**tree_nodes(2, 4), **votes("class", 2, [0, 1], low, 0.5, 2), "classlabels_int64s": [0, 1],
                  "post_transform": transform}, 2, reference=(0, 1))
    case("class_base", "TreeEnsembleClassifier", [x],
         {**tree_nodes(3, 4), **votes("class", 3, [0, 1, 2], -1, 1), "classlabels_int64s": [0, 1, 2],
          "base_values": [0.5, 0.0, -0.5]}, 2)


def machines():
    x = uniform(5, 3)
    linear = {"kernel_type": "LINEAR", "kernel_params": [0.0, 0.0, 0.0]}
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        params = {"kernel_type": kernel, "kernel_params": [0.5, 0.25, 2.0]}
        case(f"svm_{kernel}", "SVMRegressor", [x],
             {**params, "n_supports": 4, "support_vectors": floats(12), "coefficients": floats(4), "rho": [0.125]})
        case(f"svm_{kernel}_three", "SVMClassifier", [x],
             {**params, "vectors_per_class": [2, 1, 2], "support_vectors": floats(15), "coefficients": floats(10),
              "rho": floats(3), "classlabels_ints": [5, 6, 7]}, 2)
    case("svm_one_class", "SVMRegressor", [x], {"n_supports": 4, "support_vectors": floats(12), "kernel_type": "RBF",
                                               "kernel_params": [0.5, 0.0, 3.0], "coefficients": floats(4),
                                               "rho": [-0.1], "one_class": 1})
    case("svm_linear_regression", "SVMRegressor", [x], {**linear, "coefficients": floats(3), "rho": [0.5]})
    case("svm_int64", "SVMRegressor", [rng.integers(-3, 4, (4, 3))], {**linear, "coefficients": floats(3), "rho": [0.5]},
         compute_in=np.float32)
    for classes in (2, 3):
        pairs = classes * (classes - 1) // 2
        base = {"kernel_type": "RBF", "kernel_params": [0.5, 0.0, 3.0], "vectors_per_class": [2] * classes,
                "support_vectors": floats(6 * classes), "coefficients": floats(2 * classes * (classes - 1)),
                "rho": floats(pairs), "classlabels_ints": [3, 4, 5][:classes]}
        case(f"svm_probabilities_{classes}", "SVMClassifier", [x],
             {**base, "prob_a": floats(pairs, -2.0, -1.0), "prob_b": floats(pairs)}, 2)
        for transform in ("NONE", "LOGISTIC", "SOFTMAX"):
            case(f"svm_scores_{classes}_{transform}", "SVMClassifier", [x], {**base, "post_transform": transform}, 2,
                 reference=(1,) if transform == "SOFTMAX" else ())
    case("svm_linear_three", "SVMClassifier", [x], {**linear, "coefficients": floats(9), "rho": [0.25],
                                                   "classlabels_ints": [1, 2, 3]}, 2)


def the_rest():
    x = uniform(4, 3)
    case("to_ints", "CategoryMapper", [np.array([["a", "b"], ["zz", ""]], object)],
         {"cats_strings": ["a", "b", "c"], "cats_int64s": [3, -4, 5], "default_int64": 77}, version=1)
    case("to_strings", "CategoryMapper", [np.array([3, -4, 99])],
         {"cats_strings": ["a", "b", "c"], "cats_int64s": [3, -4, 5], "default_string": "none"}, version=1)
    case("threshold", "Binarizer", [x], {"threshold": 0.25})
    case("columns", "FeatureVectorizer", [x, uniform(4, 2)], {"inputdimensions": [3, 2]})
    case("floats", "Imputer", [np.array([[1, np.nan, 3]], np.float32)],
         {"imputed_value_floats": [7.0], "replaced_value_float": float("nan")})
    case("ints", "Imputer", [np.array([[1, -1, 3]])], {"imputed_value_int64s": [10, 20, 30], "replaced_value_int64": -1})
    for transform in ("NONE", "SOFTMAX", "LOGISTIC", "PROBIT"):
        case(f"linear_{transform}", "LinearRegressor", [np.abs(x) / 20],
             {"coefficients": floats(6, 0.1, 1.0), "intercepts": [0.25, 0.5], "targets": 2, "post_transform": transform})
    for transform in ("NONE", "SOFTMAX", "LOGISTIC"):
        case(f"linear_{transform}", "LinearClassifier", [x],
             {"coefficients": floats(9), "intercepts": floats(3), "classlabels_ints": [1, 2, 9],
              "post_transform": transform}, 2)
    for norm in ("MAX", "L1", "L2"):
        case(f"norm_{norm}", "Normalizer", [x], {"norm": norm})
    case("ints", "OneHotEncoder", [np.array([[1, 2], [5, 3]])], {"cats_int64s": [1, 2, 3], "zeros": 1})
    case("strings", "OneHotEncoder", [np.array(["b", "a"], object)], {"cats_strings": ["a", "b"]})
    case("each", "Scaler", [x], {"offset": [0.5, 1.0, 2.0], "scale": [2.0, 3.0, 0.5]})
    case("strings_to_ints", "LabelEncoder", [np.array(["b", "x"], object)],
         {"keys_strings": ["a", "b"], "values_int64s": [4, 5], "default_int64": -7})
    case("floats_to_strings", "LabelEncoder", [np.array([1.5, 2.0], np.float32)],
         {"keys_floats": [1.5], "values_strings": ["one"], "default_string": "?"})


trees()
machines()
the_rest()
(pathlib.Path(__file__).parent / "cases/ml.txt").write_text("\n".join(lines))
