#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Like make_cases.py, which it builds on, for the operators of domain com.microsoft that quantizers emit: writes
cases/microsoft_quantized.txt with what ONNX Runtime makes of random inputs."""
import pathlib

import numpy as np
import onnxruntime
from onnx import helper

import make_cases

FILE = "microsoft_quantized"
DOMAIN = "com.microsoft"
rng = np.random.default_rng(5)
make_cases.rng = rng


def evaluate(op, inputs, attrs):
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    node = helper.make_node(op, names, ["y"], domain=DOMAIN, **attrs)
    feeds = {n: x for n, x in zip(names, inputs) if n}
    ports = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in feeds.items()]
    result = helper.make_empty_tensor_value_info("y")
    model = helper.make_model(helper.make_graph([node], op, ports, [result]), ir_version=10,
                              opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(DOMAIN, 1)])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds)


def case(name, op, inputs, attrs=None, tolerance=None):
    inputs = [None if x is None else np.asarray(x) for x in inputs]
    make_cases.case(FILE, f"microsoft_{name}", op, inputs, attrs, expected=evaluate(op, inputs, attrs or {}), domain=DOMAIN,
                    tolerance=tolerance)


def bytes_(dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)


def scalar(v, dtype=np.float32):
    return np.array(v, dtype)


def scales(*shape):
    return np.round(rng.uniform(0.01, 0.05, shape), 3).astype(np.float32)


# Where float arithmetic of another order may round to the other side.
STEP = "0 1"


def elementwise():
    for dtype in [np.uint8, np.int8]:
        t, zero = np.dtype(dtype).name, scalar(3, dtype)
        for op in ["QLinearAdd", "QLinearMul"]:
            a, b = bytes_(dtype, 2, 3, 5), bytes_(dtype, 3, 1)
            quantization = [scalar(0.11), zero], [scalar(0.07), scalar(100, dtype)], [scalar(0.2), scalar(9, dtype)]
            case(f"broadcast_{t}", op, [a, *quantization[0], b, *quantization[1], *quantization[2]], tolerance=STEP)
            case(f"no_zero_point_{t}", op, [a, scalar(0.11), zero, a, scalar(0.07), zero, scalar(0.3)], tolerance=STEP)
        x = bytes_(dtype, 4, 17)
        case(t, "QLinearSigmoid", [x, scalar(0.05), zero, scalar(1 / 256), scalar(0, dtype)], tolerance=STEP)
        case(t, "QLinearLeakyRelu", [x, scalar(0.05), zero, scalar(0.04), scalar(7, dtype)], {"alpha": 0.2}, tolerance=STEP)
        case(f"default_{t}", "QLinearLeakyRelu", [x, scalar(0.05), zero, scalar(0.04), zero], tolerance=STEP)
        case(t, "QLinearWhere", [rng.random((4, 1)) < 0.5, x, scalar(0.05), zero, bytes_(dtype, 17), scalar(0.08),
                                 scalar(50, dtype), scalar(0.1), scalar(2, dtype)], tolerance=STEP)
        parts = [scalar(0.1), scalar(5, dtype), x, scalar(0.05), zero, bytes_(dtype, 4, 3), scalar(0.2), scalar(20, dtype)]
        case(t, "QLinearConcat", parts, {"axis": 1}, tolerance=STEP)
        case(f"first_axis_{t}", "QLinearConcat", parts[:5] + [bytes_(dtype, 2, 17), scalar(0.2), zero], {"axis": -2},
             tolerance=STEP)


def softmax():
    for dtype in [np.uint8, np.int8]:
        t = np.dtype(dtype).name
        low = scalar(np.iinfo(dtype).min, dtype)
        for axis in [-1, 1]:
            for opset in [12, 13]:
                case(f"{t}_axis_{axis}_opset_{opset}".replace("-", "m"), "QLinearSoftmax",
                     [bytes_(dtype, 2, 5, 3), scalar(0.03), scalar(3, dtype), scalar(1 / 256), low],
                     {"axis": axis, "opset": opset}, tolerance=STEP)


def pools():
    for dtype in [np.uint8, np.int8]:
        t = np.dtype(dtype).name
        for last in [0, 1]:
            x = bytes_(dtype, 2, 6, 7, 5)
            q = [scalar(0.05), scalar(3, dtype), scalar(0.03), scalar(8, dtype)]
            case(f"{t}_{last}", "QLinearGlobalAveragePool", [x, *q], {"channels_last": last}, tolerance=STEP)
            for name, attrs in {"plain": {}, "pads": {"pads": [1, 0, 1, 1], "strides": [2, 1]},
                                "counted": {"pads": [1, 1, 1, 1], "count_include_pad": 1},
                                "ceil": {"strides": [2, 2], "ceil_mode": 1}, "same": {"auto_pad": "SAME_UPPER"}}.items():
                case(f"{name}_{t}_{last}", "QLinearAveragePool", [x, *q],
                     {"kernel_shape": [3, 2], "channels_last": last, **attrs}, tolerance=STEP)
        line = bytes_(dtype, 1, 2, 9)
        case(f"line_{t}", "QLinearAveragePool", [line, scalar(0.05), scalar(1, dtype), scalar(0.05), scalar(2, dtype)], {"kernel_shape": [4]}, tolerance=STEP)


def products():
    a = bytes_(np.uint8, 2, 3, 6)
    for dtype in [np.uint8, np.int8]:
        t, b = np.dtype(dtype).name, bytes_(dtype, 6, 4)
        bias = np.round(rng.uniform(-2, 2, 4), 2).astype(np.float32)
        case(t, "MatMulIntegerToFloat", [a, b, scalar(0.03), scalar(0.02), scalar(100, np.uint8), scalar(4, dtype), bias])
        case(f"columns_{t}", "MatMulIntegerToFloat", [a, b, scalar(0.03), scales(4), scalar(7, np.uint8), bytes_(dtype, 4)])
        case(f"plain_{t}", "MatMulIntegerToFloat", [a, b, scalar(0.03), scalar(0.02)])
        x = np.round(rng.uniform(-2, 3, (2, 3, 6)), 3).astype(np.float32)
        case(t, "DynamicQuantizeMatMul", [x, b, scalar(0.02), scalar(4, dtype), bias], tolerance="1e-4 1e-4")
        case(f"columns_{t}", "DynamicQuantizeMatMul", [x, b, scales(4), bytes_(dtype, 4)], tolerance="1e-4 1e-4")
        case(f"plain_{t}", "DynamicQuantizeMatMul", [x, b, scalar(0.02)], tolerance="1e-4 1e-4")
        c = rng.integers(-900, 900, 4).astype(np.int32)
        for ta in [0, 1]:
            for tb in [0, 1]:
                m = bytes_(np.uint8, *((6, 3) if ta else (3, 6)))
                w = bytes_(dtype, *((4, 6) if tb else (6, 4)))
                front = [m, scalar(0.03), scalar(100, np.uint8), w, scalar(0.02), scalar(4, dtype)]
                attrs = {"transA": ta, "transB": tb, "alpha": 0.5}
                case(f"{t}_{ta}{tb}", "QGemm", front + [c, scalar(0.2), scalar(90, np.uint8)], attrs, tolerance=STEP)
                case(f"float_{t}_{ta}{tb}", "QGemm", front + [c], attrs)
        front = [bytes_(np.uint8, 3, 6), scalar(0.03), scalar(100, np.uint8), b, scales(4), np.zeros(4, dtype)]
        case(f"columns_{t}", "QGemm", front + [c.reshape(1, 4), scalar(0.2), scalar(90, np.uint8)], tolerance=STEP)


def quantize():
    x = np.round(rng.uniform(-90, 90, (3, 4)), 2).astype(np.float32)
    for dtype in [np.uint8, np.int8, np.uint16, np.int16]:
        t, zero = np.dtype(dtype).name, bytes_(dtype, 4) // 2
        case(t, "QuantizeLinear", [x, scalar(0.3), scalar(5, dtype)])
        case(f"axis_{t}", "QuantizeLinear", [x, scales(4), zero], {"axis": 1})
        case(t, "DequantizeLinear", [bytes_(dtype, 3, 4), scalar(0.3), scalar(5, dtype)])
        case(f"axis_{t}", "DequantizeLinear", [bytes_(dtype, 4, 3), scales(4), zero], {"axis": 0})
    case("int32", "DequantizeLinear", [rng.integers(-900, 900, 6).astype(np.int32), scalar(0.3)])


def convolutions():
    x, w, b = [np.round(rng.uniform(-1, 1, s), 2).astype(np.float32) for s in [(1, 4, 5, 6), (6, 2, 3, 3), (6,)]]
    z = np.round(rng.uniform(-1, 1, (1, 6, 5, 6)), 2).astype(np.float32)
    common = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "group": 2}
    for name, params in {"Relu": None, "Tanh": None, "Sigmoid": None, "LeakyRelu": [0.25], "Clip": [-0.5, 0.75],
                         "HardSigmoid": [0.25, 0.5]}.items():
        attrs = {**common, "activation": name, **({"activation_params": params} if params else {})}
        case(name, "FusedConv", [x, w, b], attrs)
    case("sum", "FusedConv", [x, w, b, z], {**common, "activation": "Relu"})
    case("no_activation", "FusedConv", [x, w], common)


def main():
    for write in [elementwise, softmax, pools, products, quantize, convolutions]:
        write()
    path = pathlib.Path(__file__).parent / "cases" / f"{FILE}.txt"
    path.write_text("# Made by make_quantized_cases.py.\n\n" + "\n".join(make_cases.files[FILE]))


if __name__ == "__main__":
    main()
