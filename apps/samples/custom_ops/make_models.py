#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models with the operators of this library, with inputs and expected outputs computed by NumPy.

    make_models.py FOLDER

Writes FOLDER/NAME/model.onnx and test_data_set_0/*.pb, as hrt-run verify reads them, and beside FOLDER a model
that has to be refused. Needs numpy and onnx.
"""

import math
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(sys.argv[1])


def rms_norm(x, scale, epsilon):
    x = x.astype(np.float64)
    return (x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * scale).astype(np.float32)


def gelu(x):
    return np.float32(x / 2 * (1 + np.vectorize(math.erf)(x.astype(np.float64) / math.sqrt(2))))


def quant_matmul(a, a_scale, a_zero, b, b_scale):
    exact = (a.astype(np.int64) - int(a_zero)) @ b.astype(np.int64)
    return (exact * float(a_scale) * b_scale.astype(np.float64)).astype(np.float32)


def node(op, inputs, output, domain="acme", **attributes):
    return helper.make_node(op, inputs, [output], name=op.lower(), domain=domain, **attributes)


def write(name, nodes, inputs, weights, expected):
    """Batch and rows are left open: the operators' inference has to find the shapes."""

    def declared(key, array, dims):
        return helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(array.dtype), dims)

    graph = helper.make_graph(
        nodes,
        name,
        [declared(key, array, ["batch", *array.shape[1:]]) for key, array in inputs.items()],
        [declared("y", expected, ["batch", *expected.shape[1:]])],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("acme", 1)]
    data = FOLDER / name / "test_data_set_0"
    data.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="")
    onnx.save(model, data.parent / "model.onnx")
    for i, (key, array) in enumerate(inputs.items()):
        (data / f"input_{i}.pb").write_bytes(numpy_helper.from_array(array, key).SerializeToString())
    (data / "output_0.pb").write_bytes(numpy_helper.from_array(expected, "y").SerializeToString())


def main():
    rng = np.random.default_rng(7)

    def normal(*shape):
        return rng.standard_normal(shape, np.float32)

    # 150 = 2 x 64 + 16 + 6: every part of the kernel's loop.
    x, scale = normal(3, 5, 150), normal(150)
    nodes = [node("RMSNorm", ["x", "scale"], "y", epsilon=1e-5)]
    write("rms_norm", nodes, {"x": x}, {"scale": scale}, rms_norm(x, scale, np.float32(1e-5)))

    x = normal(2, 6, 8)
    write("slice_gelu", [node("SliceGelu", ["x"], "y", start=2, end=5)], {"x": x}, {}, gelu(x[..., 2:5]))
    nodes = [node("SliceGelu", ["x"], "y", axis=1, start=0, end=4)]
    write("slice_gelu_axis", nodes, {"x": x}, {}, gelu(x[:, 0:4]))

    a = rng.integers(0, 256, (2, 4, 24), dtype=np.uint8)
    weights = {
        "a_scale": np.array(0.02, np.float32),
        "a_zero": np.array(131, np.uint8),
        "b": rng.integers(-127, 128, (24, 10), dtype=np.int8),
        "b_scale": rng.uniform(0.001, 0.01, 10).astype(np.float32),
    }
    nodes = [node("QuantMatMul", ["a", *weights], "y")]
    write("quant_matmul", nodes, {"a": a}, weights, quant_matmul(a, *weights.values()))

    # What a transformer's block has of them, between operators of the standard.
    x, scale, w = normal(2, 6, 32), normal(32), normal(32, 48) / 8
    nodes = [
        node("RMSNorm", ["x", "scale"], "normed"),
        node("MatMul", ["normed", "w"], "wide", domain=""),
        node("SliceGelu", ["wide"], "y", start=16, end=48),
    ]
    wide = rms_norm(x, scale, 1e-6).astype(np.float64) @ w
    write("block", nodes, {"x": x}, {"scale": scale, "w": w}, gelu(np.float32(wide)[..., 16:48]))

    x = normal(2, 8)
    write("../refused", [node("SliceGelu", ["x"], "y", start=2, end=9)], {"x": x}, {}, gelu(x))


main()
