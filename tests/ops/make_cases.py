#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes cases/*.txt (format: op_test.h): random inputs, and what ONNX Runtime, or where it lacks the
operator ONNX's reference evaluator, makes of them. Needs numpy, onnx, onnxruntime; the tests do not."""
import argparse
import pathlib
import urllib.parse

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

OPSET = 21  # the newest that ONNX Runtime has everything for
rng = np.random.default_rng(1)
files = {}


def spell(a):
    """A tensor in the format of the cases."""
    if a is None:
        return "- :"
    a = np.asarray(a)
    name = "string" if a.dtype.kind in "OU" else a.dtype.name
    dims = "x".join(map(str, a.shape)) or "scalar"
    if name == "string":
        values = [urllib.parse.quote(v, safe="") or "%00" for v in a.flatten()]
    elif a.dtype.kind == "f":
        values = [np.format_float_positional(v, unique=True, trim="-") if np.isfinite(v) and 1e-4 < abs(float(v)) < 1e6
                  else repr(float(v)) for v in a.flatten()]
    else:
        values = [str(int(v)) for v in a.flatten()]
    return f"{name} {dims} : " + " ".join(values)


def spell_attr(name, v):
    if isinstance(v, str):
        return f"attr {name} string {urllib.parse.quote(v, safe='') or '%00'}"
    if isinstance(v, (list, tuple)):
        kind = "floats" if any(isinstance(x, float) for x in v) else "ints"
        return f"attr {name} {kind} " + " ".join(map(str, v))
    return f"attr {name} {'float' if isinstance(v, float) else 'int'} {v}"


def evaluate(op, inputs, attrs, outputs):
    """The outputs that another implementation computes."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    node = helper.make_node(op, names, [f"y{i}" for i in range(outputs)], **attrs)
    feeds = {n: np.asarray(x) for n, x in zip(names, inputs) if n}
    ports = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
             for n, x in feeds.items()]
    results = [helper.make_tensor_value_info(f"y{i}", TensorProto.UNDEFINED, None) for i in range(outputs)]
    model = helper.make_model(helper.make_graph([node], op, ports, results), ir_version=10,
                              opset_imports=[helper.make_opsetid("", OPSET)])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        model = onnx.shape_inference.infer_shapes(model)
        return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, feeds)
    except Exception:  # not there, or not for this type
        return ReferenceEvaluator(model).run(None, feeds)


def case(file, name, op, inputs, attrs=None, expected=None, outputs=1, domain="", tolerance=None):
    attrs = attrs or {}
    inputs = [None if x is None else np.asarray(x) for x in inputs]
    if expected is None:
        expected = evaluate(op, inputs, attrs, outputs)
    lines = [f"case {name}", f"op {op} {domain}".rstrip()]
    lines += [spell_attr(k, v) for k, v in attrs.items()]
    lines += ["in " + spell(x) for x in inputs]
    lines += ["out " + spell(y) for y in expected]
    half = any(x is not None and x.dtype == np.float16 for x in inputs)
    tolerance = tolerance or ("5e-3 1e-3" if half else "1e-4 1e-5")
    lines.append(f"tolerance {tolerance}")
    files.setdefault(file, []).append("\n".join(lines) + "\n")
    return expected


def uniform(*shape, low=-2.0, high=2.0, dtype=np.float32):
    return np.round(rng.uniform(low, high, shape), 3).astype(dtype)


def integers(*shape, low=-9, high=10, dtype=np.int64):
    return rng.integers(low, high, shape).astype(dtype)


def f32(*v):
    return np.array(v, np.float32)


# ------------------------------------------------------------------------------------- element-wise

def elementwise():
    f = "elementwise"
    for op in ["Add", "Sub", "Mul", "Div"]:
        case(f, "broadcast", op, [uniform(2, 1, 3), uniform(4, 1)])
        case(f, "int32", op, [integers(3, 2, dtype=np.int32), integers(2, low=1, dtype=np.int32)])
    i8 = np.array([-128, 127, -1], np.int8)
    case(f, "wraps_int8", "Add", [i8, np.array([-1, 1, 1], np.int8)], expected=[np.array([127, -128, 0], np.int8)])
    big = np.array([2**63 - 1, -2**63], np.int64)
    case(f, "wraps_int64", "Mul", [big, np.array([2, 2])], expected=[np.array([-2, 0])])
    u16 = np.array([65535, 65535], np.uint16)
    case(f, "wraps_uint16", "Mul", [u16, u16], expected=[np.array([1, 1], np.uint16)])
    case(f, "truncates", "Div", [np.array([-7, 7, -7]), np.array([2, -2, -2])], expected=[np.array([-3, -3, 3])])
    case(f, "lowest_by_minus_one", "Div", [np.array([-2**31], np.int32), np.array([-1], np.int32)],
         expected=[np.array([-2**31], np.int32)])
    case(f, "by_zero", "Div", [f32(1, -1, 0), f32(0, 0, 0)], expected=[f32(np.inf, -np.inf, np.nan)])
    case(f, "float_to_float", "Pow", [uniform(2, 3, low=0.1), uniform(3)])
    case(f, "int_to_float", "Pow", [integers(4, low=1, dtype=np.int32), uniform(4, low=0)])
    case(f, "float_to_int", "Pow", [uniform(4), integers(4, low=-3, high=4, dtype=np.int32)])
    case(f, "int_to_int", "Pow", [np.array([-3, 2, 0, -1]), np.array([3, 62, 0, 7])])
    case(f, "wraps", "Pow", [np.array([3], np.int32), np.array([2**63 + 1], np.uint64)],
         expected=[np.array([pow(3, 2**63 + 1, 2**32)], np.uint32).astype(np.int32)])
    case(f, "negative_exponent", "Pow", [np.array([2, -1, 1, -1]), np.array([-1, -3, -5, -2])],
         expected=[np.array([0, -1, 1, 1])])
    a, b = np.array([-7, 7, -7, 7, -2**31], np.int32), np.array([3, -3, -3, 3, -1], np.int32)
    case(f, "sign_of_divisor", "Mod", [a, b], expected=[np.array([2, -2, -1, 1, 0], np.int32)])
    case(f, "sign_of_dividend", "Mod", [a, b], {"fmod": 1}, expected=[np.array([-1, 1, -1, 1, 0], np.int32)])
    case(f, "float", "Mod", [f32(-4.3, 7.2, 5), f32(2.1, -3.4, 8)], {"fmod": 1})
    x, y = f32(-4.3, 7.2, 5, -0.0, np.inf), f32(2.1, -3.4, 8, 2, 3)
    case(f, "float_floor", "Mod", [x, y], expected=[np.mod(x, y)])
    for direction, z in (("LEFT", [0, 0, -4, 0]), ("RIGHT", [-1, 0, -1, -1])):
        case(f, "signed" if direction == "LEFT" else "signed_right", "BitShift", [np.array([-8, 4, -1, -1], np.int8), np.array([8, 9, 2, -1], np.int8)],
             {"direction": direction}, expected=[np.array(z, np.int8)])
    case(f, "out", "BitShift", [np.array([255, 1, 3], np.uint8), np.array([4, 8, 1], np.uint8)],
         {"direction": "LEFT"}, expected=[np.array([240, 0, 6], np.uint8)])
    for op in ["BitwiseAnd", "BitwiseOr", "BitwiseXor"]:
        case(f, "broadcast", op, [integers(2, 3, dtype=np.int16), integers(3, dtype=np.int16)])
    case(f, "int8", "BitwiseNot", [np.array([-128, 0, 5], np.int8)])
    for op in ["And", "Or", "Xor"]:
        case(f, "broadcast", op, [rng.random((2, 1, 3)) < 0.5, rng.random((4, 1)) < 0.5])
    case(f, "bool", "Not", [np.array([True, False])])
    for op in ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]:
        case(f, "int64", op, [integers(3, 4, low=0, high=3), integers(4, low=0, high=3)])
        case(f, "nan", op, [f32(np.nan, 1, -0.0), f32(np.nan, np.nan, 0)])
    case(f, "strings", "Equal", [np.array(["a", "", "bc"], object), np.array(["a", "b", "bc"], object)],
         expected=[np.array([True, False, True])])
    case(f, "channels", "PRelu", [uniform(1, 3, 2, 2), uniform(3, 1, 1)])
    for op in ["Sum", "Mean", "Max", "Min"]:
        case(f, "three", op, [uniform(2, 1), uniform(3), uniform(1, 1, 3)])
    case(f, "nan", "Max", [f32(np.nan, 1, 3), f32(0, np.nan, 4)], expected=[f32(np.nan, np.nan, 4)])
    case(f, "nan", "Min", [f32(np.nan, 1, 3), f32(0, np.nan, 4)], expected=[f32(np.nan, np.nan, 3)])
    case(f, "broadcast", "Where", [rng.random((2, 1)) < 0.5, uniform(3), uniform(2, 1, 1)])
    case(f, "strings", "Where", [np.array([True, False]), np.array(["x"], object), np.array(["y", "z"], object)],
         expected=[np.array(["x", "z"], object)])
    case(f, "empty", "Add", [uniform(0, 3), uniform(1)])
    case(f, "scalar", "Mul", [np.float32(3), np.float32(-2)])


def unary():
    f = "unary"
    x = np.concatenate([uniform(5), f32(0, -0.0, 1, -1)])
    for op in ["Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Tanh", "Exp", "Erf", "Floor", "Ceil", "Neg", "Abs",
               "Sign", "Sigmoid", "HardSwish", "Mish", "Softplus", "Softsign", "Relu", "Gelu", "Elu", "Selu", "Celu",
               "LeakyRelu", "HardSigmoid", "ThresholdedRelu", "Shrink"]:
        case(f, "float32", op, [x])
        if op not in ["Celu", "Shrink"]:
            case(f, "float16", op, [x.astype(np.float16)], expected=[evaluate(op, [x], {}, 1)[0].astype(np.float16)])
    for op in ["Asin", "Acos", "Atanh"]:
        case(f, "float32", op, [uniform(5, low=-0.95, high=0.95)])
    case(f, "float32", "Acosh", [uniform(5, low=1)])
    for op in ["Log", "Sqrt", "Reciprocal"]:
        case(f, "float32", op, [uniform(5, low=0.01)])
    case(f, "halves_to_even", "Round", [f32(0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6)], expected=[f32(0, 2, 2, 0, -2, 2, 3)])
    case(f, "large", "Softplus", [f32(-200, 200, 90)], expected=[f32(0, 200, 90)])
    case(f, "large", "Sigmoid", [f32(-200, 200)], expected=[f32(0, 1)])
    case(f, "tanh", "Gelu", [x], {"approximate": "tanh"})
    case(f, "alpha", "Elu", [x], {"alpha": 0.5})
    case(f, "alpha", "Celu", [x], {"alpha": 2.0})
    case(f, "alpha_beta", "HardSigmoid", [x], {"alpha": 0.4, "beta": 0.3})
    case(f, "alpha", "Swish", [x], {"alpha": 0.5}, expected=[(x / (1 + np.exp(-0.5 * x))).astype(np.float32)])
    case(f, "bias", "Shrink", [x], {"lambd": 1.0, "bias": 0.5})
    case(f, "int8", "Shrink", [np.array([-128, -1, 0, 1, 100], np.int8)], {"lambd": 1.0, "bias": 200.0},
         expected=[np.array([72, 0, 0, 0, -100], np.int8)])
    case(f, "lowest", "Neg", [np.array([-128, 127], np.int8)], expected=[np.array([-128, -127], np.int8)])
    case(f, "lowest", "Abs", [np.array([-2**63, -5])], expected=[np.array([-2**63, 5])])
    case(f, "nan", "Sign", [f32(np.nan, -np.inf)], expected=[f32(np.nan, -1)])
    case(f, "both", "Clip", [x, np.float32(-0.5), np.float32(0.7)])
    case(f, "max_only", "Clip", [x, None, np.float32(0.7)])
    case(f, "int8", "Clip", [np.array([-5, 0, 5], np.int8), np.int8(-1)])
    case(f, "nan", "Clip", [f32(np.nan, -9), np.float32(-1), np.float32(1)], expected=[f32(np.nan, -1)])
    special = f32(np.nan, np.inf, -np.inf, 0)
    case(f, "special", "IsNaN", [special])
    case(f, "special", "IsInf", [special])
    case(f, "positive", "IsInf", [special], {"detect_negative": 0})
    case(f, "alpha", "SwiGLU", [x, x[::-1].copy()], {"alpha": 2.0},
         expected=[(x / (1 + np.exp(-2 * x)) * x[::-1]).astype(np.float32)])


# ----------------------------------------------------------------- convolutions, pools, products

def convolutions():
    f = "conv"
    case(f, "1d", "Conv", [uniform(2, 3, 7), uniform(4, 3, 3), uniform(4)], {"pads": [1, 2], "strides": [2]})
    case(f, "2d_dilated_groups", "Conv", [uniform(1, 4, 6, 7), uniform(6, 2, 2, 3)],
         {"group": 2, "dilations": [2, 1], "pads": [1, 0, 2, 1]})
    case(f, "depthwise", "Conv", [uniform(1, 3, 5, 5), uniform(3, 1, 3, 3), uniform(3)], {"group": 3, "pads": [1] * 4})
    case(f, "3d", "Conv", [uniform(1, 2, 3, 4, 4), uniform(2, 2, 2, 2, 2)], {"strides": [1, 2, 1]})
    case(f, "float16", "Conv", [uniform(1, 2, 4, 4).astype(np.float16), uniform(2, 2, 3, 3).astype(np.float16)])
    for pad in ["SAME_UPPER", "SAME_LOWER", "VALID"]:
        case(f, pad, "Conv", [uniform(1, 1, 5, 6), uniform(1, 1, 3, 2)], {"auto_pad": pad, "strides": [2, 2]})
    case(f, "two_blocks_of_positions", "Conv", [uniform(1, 1, 9, 9), uniform(2, 1, 3, 3)], {"pads": [1] * 4})
    for name, attrs in [("plain", {}), ("strides", {"strides": [2, 3]}), ("dilations", {"dilations": [2, 1]}),
                        ("pads", {"pads": [1, 0, 0, 1], "strides": [2, 2], "output_padding": [1, 0]}),
                        ("output_shape", {"output_shape": [7, 8], "strides": [2, 2]}),
                        ("same_upper", {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
                        ("same_lower", {"auto_pad": "SAME_LOWER", "strides": [2, 2]})]:
        case(f, name, "ConvTranspose", [uniform(1, 2, 3, 3), uniform(2, 3, 3, 3), uniform(3)], attrs)
    case(f, "groups", "ConvTranspose", [uniform(1, 4, 3), uniform(4, 2, 3)], {"group": 2, "strides": [2]})
    u8 = lambda *s: integers(*s, low=0, high=255, dtype=np.uint8)
    case(f, "zero_points", "ConvInteger", [u8(1, 2, 4, 4), u8(3, 2, 2, 2), np.uint8(7), np.uint8(3)], {"pads": [1] * 4})

    x, w, b = uniform(1, 2, 4, 5), uniform(3, 2, 3, 3), uniform(3)
    z = uniform(1, 3, 4, 5)
    y = evaluate("Conv", [x, w, b], {"pads": [1] * 4}, 1)[0]
    for name, params, act in [("Relu", [], lambda v: np.maximum(v, 0)), ("LeakyRelu", [0.1], lambda v: np.where(v < 0, 0.1 * v, v)),
                              ("Clip", [-0.5, 0.5], lambda v: np.clip(v, -0.5, 0.5)),
                              ("Sigmoid", [], lambda v: 1 / (1 + np.exp(-v))), ("Tanh", [], np.tanh),
                              ("HardSigmoid", [0.2, 0.4], lambda v: np.clip(0.2 * v + 0.4, 0, 1)),
                              ("HardSwish", [], lambda v: v * np.clip(v / 6 + 0.5, 0, 1)),
                              ("Swish", [1.5], lambda v: v / (1 + np.exp(-1.5 * v)))]:
        attrs = {"pads": [1] * 4, "activation": name}
        if params:
            attrs["activation_params"] = params
        case(f, name, "FusedConv", [x, w, b, z], attrs, expected=[act(y + z).astype(np.float32)], domain="hrt")
    case(f, "no_activation", "FusedConv", [x, w, None, z], {"pads": [1] * 4},
         expected=[evaluate("Conv", [x, w], {"pads": [1] * 4}, 1)[0] + z], domain="hrt")

    offset, mask = uniform(1, 8, 3, 3), uniform(1, 4, 3, 3, low=0, high=1)
    case(f, "masked", "DeformConv", [uniform(1, 2, 4, 4), uniform(2, 2, 2, 2), offset, uniform(2), mask])
    case(f, "zero_offset_is_conv", "DeformConv", [x, w, np.zeros((1, 18, 4, 5), np.float32), b], {"pads": [1] * 4}, expected=[y])
    s, k = uniform(1, 2, 5), uniform(2, 1, 3)
    past = uniform(1, 2, 2)
    line = np.concatenate([past, s], 2)
    y = sum(line[:, :, i:i + 5] * k[None, :, 0, i:i + 1] for i in range(3))
    case(f, "past", "CausalConvWithState", [s, k, None, past], {"activation": "silu"},
         expected=[(y / (1 + np.exp(-y))).astype(np.float32), line[:, :, -2:]])
    case(f, "blocks", "Col2Im", [uniform(1, 8, 12), np.array([5, 4]), np.array([2, 2])])


def pools():
    f = "pool"
    x = uniform(1, 2, 5, 6)
    for op in ["MaxPool", "AveragePool", "LpPool"]:
        case(f, "plain", op, [x], {"kernel_shape": [2, 3]})
        case(f, "pads_strides", op, [x], {"kernel_shape": [3, 3], "pads": [1, 0, 1, 2], "strides": [2, 2]})
        case(f, "ceil", op, [x], {"kernel_shape": [2, 2], "strides": [2, 4], "ceil_mode": 1})
        case(f, "same_lower", op, [x], {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"})
        case(f, "dilated", op, [x], {"kernel_shape": [2, 2], "dilations": [2, 3]})
        case(f, "1d", op, [uniform(2, 1, 6)], {"kernel_shape": [3]})
    case(f, "with_padding", "AveragePool", [x], {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1})
    case(f, "with_padding_ceil", "AveragePool", [x],
         {"kernel_shape": [3, 3], "pads": [1] * 4, "strides": [2, 2], "count_include_pad": 1, "ceil_mode": 1})
    case(f, "indices", "MaxPool", [x], {"kernel_shape": [2, 2], "strides": [2, 2]}, outputs=2)
    case(f, "column_major", "MaxPool", [x], {"kernel_shape": [2, 2], "strides": [2, 2], "storage_order": 1}, outputs=2)
    case(f, "int8", "MaxPool", [integers(1, 1, 4, 4, dtype=np.int8)], {"kernel_shape": [2, 2], "pads": [1] * 4})
    case(f, "p3", "LpPool", [x], {"kernel_shape": [2, 2], "p": 3})
    for op in ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"]:
        case(f, "3d", op, [uniform(2, 3, 2, 2, 3)])
    y = np.zeros((1, 1, 4, 4), np.float32)
    y[0, 0, [0, 1, 2, 3], [1, 2, 0, 3]] = [5, 6, 7, 8]
    case(f, "back", "MaxUnpool", [f32(5, 6, 7, 8).reshape(1, 1, 2, 2), np.array([1, 6, 8, 15]).reshape(1, 1, 2, 2)],
         {"kernel_shape": [2, 2], "strides": [2, 2]}, expected=[y])
    rois = f32(0, 0, 0, 3, 3, 0, 1, 1, 5, 4).reshape(2, 5)
    case(f, "two", "MaxRoiPool", [x, rois], {"pooled_shape": [2, 2]})
    boxes = f32(0, 0, 3.5, 2.5, 1, 1, 4, 4).reshape(2, 4)
    for mode in ["half_pixel", "output_half_pixel"]:
        case(f, mode, "RoiAlign", [x, boxes, np.array([0, 0])],
             {"output_height": 2, "output_width": 3, "sampling_ratio": 2, "coordinate_transformation_mode": mode})


def products():
    f = "product"
    for a, b in [((2, 3), (3, 4)), ((3,), (3, 2)), ((2, 3), (3,)), ((3,), (3,)), ((2, 1, 2, 3), (4, 3, 2)), ((2, 0), (0, 3))]:
        case(f, "x".join(map(str, a)) + "_" + "x".join(map(str, b)), "MatMul", [uniform(*a), uniform(*b)])
    case(f, "int32", "MatMul", [integers(2, 3, dtype=np.int32), integers(3, 2, dtype=np.int32)])
    for name, m, k, n in [("rows", 130, 2, 1), ("columns", 1, 2, 70), ("depth", 5, 150, 3)]:
        case(f, f"blocks_of_{name}", "MatMul", [integers(m, k, dtype=np.int32), integers(k, n, dtype=np.int32)])
    u8 = lambda *s: integers(*s, low=0, high=255, dtype=np.uint8)
    i8 = lambda *s: integers(*s, low=-100, high=100, dtype=np.int8)
    a, b, za, zb = u8(2, 3), i8(3, 4), u8(2), i8(4)
    case(f, "scalar_zero", "MatMulInteger", [a, b, np.uint8(9), np.int8(-3)])
    product = (a.astype(np.int32) - za[:, None]) @ (b.astype(np.int32) - zb)
    case(f, "vector_zero", "MatMulInteger", [a, b, za, zb], expected=[product.astype(np.int32)])
    for name, attrs, shapes in [("plain", {}, [(2, 3), (3, 4), (4,)]), ("trans", {"transA": 1, "transB": 1}, [(3, 2), (4, 3), (2, 1)]),
                                ("scaled", {"alpha": 0.5, "beta": 2.0}, [(2, 3), (3, 4), ()]), ("no_c", {"alpha": -1.5}, [(2, 3), (3, 4)])]:
        case(f, name, "Gemm", [uniform(*s) for s in shapes], attrs)
    x, w, c = uniform(2, 3), uniform(4, 3), uniform(4)
    y = np.tanh(0.5 * x @ w.T + 2 * c)
    case(f, "tanh", "FusedGemm", [x, w, c], {"alpha": 0.5, "beta": 2.0, "transB": 1, "activation": "Tanh"},
         expected=[y.astype(np.float32)], domain="hrt")
    x, w, c = uniform(2, 2, 3), uniform(3, 4), uniform(4)
    case(f, "relu", "FusedMatMul", [x, w, c], {"activation": "Relu"}, expected=[np.maximum(x @ w + c, 0)], domain="hrt")
    case(f, "no_bias", "FusedMatMul", [x, w], {"activation": "LeakyRelu", "activation_params": [0.2]},
         expected=[np.where(x @ w < 0, np.float32(0.2) * (x @ w), x @ w)], domain="hrt")
    for name, equation, shapes in [("matmul", "ij,jk->ik", [(2, 3), (3, 4)]), ("implicit", "ij,jk", [(2, 3), (3, 4)]),
                                   ("trace", "ii->", [(3, 3)]), ("diagonal", "bii->bi", [(2, 3, 3)]),
                                   ("ellipsis", "...ij,...jk->...ik", [(2, 2, 3), (2, 3, 2)]),
                                   ("three", "a,ab,b->", [(2,), (2, 3), (3,)]), ("transpose", "ij->ji", [(2, 3)])]:
        shapes = [uniform(*s) for s in shapes]
        case(f, name, "Einsum", shapes, {"equation": equation}, expected=[np.einsum(equation, *shapes)])
    m = uniform(2, 4, 4)
    case(f, "batch", "Det", [m], expected=[np.linalg.det(m).astype(np.float32)])
    x = uniform(2, 3, 4)
    for name, attrs in [("plain", {}), ("exclusive", {"exclusive": 1}), ("reverse", {"reverse": 1}),
                        ("both", {"exclusive": 1, "reverse": 1})]:
        case(f, name, "CumSum", [x, np.int64(1)], attrs)
    case(f, "last", "CumProd", [x, np.int64(-1)], expected=[np.cumprod(x, 2)])


# ---------------------------------------------------------------------- normalisations, reductions

def normalisations():
    f = "norm"
    x = uniform(2, 4, 3, 2)
    c = [uniform(4), uniform(4), uniform(4), uniform(4, low=0.2)]
    case(f, "inference", "BatchNormalization", [x, *c])
    case(f, "epsilon", "BatchNormalization", [x, *c], {"epsilon": 0.1})
    shaped = [v.reshape(1, 4, 1, 1) for v in c]
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    y = (x - mean.reshape(shaped[0].shape)) / np.sqrt(var.reshape(shaped[0].shape) + 1e-5) * shaped[0] + shaped[1]
    case(f, "training", "BatchNormalization", [x, *c], {"training_mode": 1, "momentum": 0.7},
         expected=[y.astype(np.float32), c[2] * np.float32(0.7) + mean * np.float32(0.3), c[3] * np.float32(0.7) + var * np.float32(0.3)])
    case(f, "4d", "InstanceNormalization", [x, *c[:2]])
    grouped = x.reshape(2, 2, -1)
    y = ((grouped - grouped.mean(2, keepdims=True)) / np.sqrt(grouped.var(2, keepdims=True) + 1e-5)).reshape(x.shape)
    case(f, "two_groups", "GroupNormalization", [x, *c[:2]], {"num_groups": 2},
         expected=[(y * shaped[0] + shaped[1]).astype(np.float32)])
    case(f, "axis", "LayerNormalization", [x, uniform(3, 2), uniform(3, 2)], {"axis": 2}, outputs=3)
    case(f, "float16", "LayerNormalization", [x.astype(np.float16), uniform(2).astype(np.float16)])
    scale = uniform(2)
    y = x / np.sqrt((x * x).mean(3, keepdims=True) + 1e-5) * scale
    case(f, "last", "RMSNormalization", [x, scale], expected=[y.astype(np.float32)])
    squares = np.concatenate([x * x, np.zeros_like(x[:, :1])], 1)  # an even size reaches further up than down
    y = x / (1.5 + 0.25 * (squares[:, :-1] + squares[:, 1:])) ** 0.6
    case(f, "even_size", "LRN", [x], {"size": 2, "alpha": 0.5, "beta": 0.6, "bias": 1.5}, expected=[y.astype(np.float32)])
    case(f, "odd_size", "LRN", [x], {"size": 3})
    for p in [1, 2]:
        norm = np.linalg.norm(x, p, axis=1, keepdims=True)
        case(f, f"p{p}", "LpNormalization", [x], {"p": p, "axis": 1}, expected=[x / norm])
    case(f, "zero", "LpNormalization", [np.zeros((2, 2), np.float32)], expected=[np.zeros((2, 2), np.float32)])
    case(f, "axes", "MeanVarianceNormalization", [x], {"axes": [0, 1]})
    for op in ["Softmax", "LogSoftmax", "Hardmax"]:
        for axis in [0, 1, -1]:
            case(f, f"axis{axis}", op, [x], {"axis": axis})
    case(f, "large", "Softmax", [f32(1e4, 1e4 + 1)])
    np.random.seed(5)
    mask = np.random.uniform(0, 1, x.shape) >= 0.25
    case(f, "training", "Dropout", [x, np.float32(0.25), np.bool_(True)], {"seed": 5},
         expected=[(x * mask / 0.75).astype(np.float32), mask])
    case(f, "inference", "Dropout", [x, np.float32(0.25)], expected=[x, np.ones(x.shape, bool)])


def reductions():
    f = "reduce"
    x, i = uniform(2, 3, 4, low=0.1), integers(2, 3, 4, dtype=np.int32)
    for op in ["Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"]:
        for name, axes, attrs in [("all", None, {}), ("outer", [0], {"keepdims": 0}), ("both", [0, -1], {}),
                                  ("middle", [1], {"keepdims": 0}), ("noop", None, {"noop_with_empty_axes": 1})]:
            inputs = [x] if axes is None else [x, np.array(axes)]
            case(f, name, f"Reduce{op}", inputs, attrs)
        if op not in ["LogSum", "LogSumExp", "L2"]:
            expected = {"Sum": i.sum(1), "Mean": (i.sum(1) / 3).astype(np.int32), "Max": i.max(1), "Min": i.min(1),
                        "Prod": i.prod(1), "L1": abs(i).sum(1), "SumSquare": (i * i).sum(1)}[op].astype(np.int32)
            case(f, "int32", f"Reduce{op}", [i, np.array([1])], {"keepdims": 0}, expected=[expected])
    empty = np.zeros((2, 0, 3), np.float32)
    for op, v in [("Sum", 0), ("Prod", 1), ("Max", -np.inf), ("Min", np.inf), ("LogSumExp", -np.inf), ("L1", 0)]:
        case(f, "empty", f"Reduce{op}", [empty, np.array([1])], expected=[np.full((2, 1, 3), v, np.float32)])
    case(f, "bool", "ReduceMax", [np.array([[True, False], [False, False]]), np.array([1])])
    case(f, "shape", "ReduceProd", [np.array([2, 3, 4])], {"keepdims": 0})
    case(f, "huge", "ReduceLogSumExp", [f32(1000, 1000)], expected=[f32(1000 + np.log(2))])
    for op in ["ArgMax", "ArgMin"]:
        for last in [0, 1]:
            case(f, f"ties_last{last}", op, [integers(3, 4, low=0, high=2, dtype=np.int32)],
                 {"axis": 1, "select_last_index": last, "keepdims": last})
    logits, target, weight = uniform(3, 4, 2), np.array([[0, 3], [1, 1], [2, 0]]), uniform(4, low=0.1)
    for reduction in ["none", "sum", "mean"]:
        case(f, reduction, "NegativeLogLikelihoodLoss", [logits, target, weight], {"reduction": reduction, "ignore_index": 1})
        case(f, reduction, "SoftmaxCrossEntropyLoss", [logits, target, weight], {"reduction": reduction}, outputs=2)


# ------------------------------------------------------------------------- attention, signals, grids

def attention():
    f = "attention"
    q, k, v = uniform(2, 4, 3, 4), uniform(2, 2, 5, 4), uniform(2, 2, 5, 6)

    def softmax(s):
        e = np.exp(s - np.where(np.isinf(s.max(-1, keepdims=True)), 0, s.max(-1, keepdims=True)))
        total = e.sum(-1, keepdims=True)
        return e / np.where(total == 0, 1, total)

    def attend(bias, k=k, v=v, cap=0.0):
        s = np.einsum("bhid,bhjd->bhij", q, np.repeat(k, 2, 1)) / 2
        s = cap * np.tanh(s / cap) if cap else s
        return np.einsum("bhij,bhjd->bhid", softmax(s + bias), np.repeat(v, 2, 1)).astype(np.float32)

    i, j = np.arange(3)[:, None], np.arange(5)[None]
    hide = lambda keep: np.where(keep, 0, -np.inf)
    case(f, "grouped_heads", "Attention", [q, k, v], expected=[attend(0)])
    case(f, "causal", "Attention", [q, k, v], {"is_causal": 1}, expected=[attend(hide(j <= i))])
    case(f, "window", "Attention", [q, k, v], {"left_window_size": 1, "right_window_size": 1},
         expected=[attend(hide(abs(i - j) <= 1))])
    mask = uniform(3, 5)
    case(f, "mask_and_cap", "Attention", [q, k, v, mask], {"softcap": 0.7}, expected=[attend(mask, cap=0.7)])
    keep = rng.random((2, 1, 3, 5)) < 0.5
    keep[0, 0, 1] = False  # a row that sees nothing
    case(f, "bool_mask", "Attention", [q, k, v, keep], expected=[attend(hide(keep))])
    case(f, "short_mask", "Attention", [q, k, v, mask[:, :4]],
         expected=[attend(np.concatenate([mask[:, :4], np.full((3, 1), -np.inf)], 1))])
    lengths = np.array([2, 5])
    case(f, "padding", "Attention", [q, k, v, None, None, None, lengths], {"is_causal": 1},
         expected=[attend(hide((j[None] <= i[None] + lengths[:, None, None] - 3) & (j[None] < lengths[:, None, None]))[:, None])])
    pk, pv = uniform(2, 2, 2, 4), uniform(2, 2, 2, 6)
    kk, vv = np.concatenate([pk, k], 2), np.concatenate([pv, v], 2)
    seen = np.arange(7)[None] <= i + 2
    case(f, "past", "Attention", [q, k, v, None, pk, pv], {"is_causal": 1}, expected=[attend(hide(seen), kk, vv), kk, vv])
    x = uniform(1, 2, 3, 4)
    cos, sin = uniform(5, 2), uniform(5, 2)
    ids = np.array([[4, 0, 2]])
    c, s = cos[ids][:, None], sin[ids][:, None]
    y = np.concatenate([x[..., :2] * c - x[..., 2:] * s, x[..., :2] * s + x[..., 2:] * c], -1)
    case(f, "positions", "RotaryEmbedding", [x, cos, sin, ids], expected=[y])


def signals():
    f = "signal"
    x = uniform(1, 6, 1)
    spectrum = np.fft.fft(x[..., 0])
    parts = lambda v: np.stack([v.real, v.imag], -1).astype(np.float32)
    case(f, "real", "DFT", [x, None, np.int64(1)], expected=[parts(spectrum)])
    case(f, "onesided", "DFT", [x, None, np.int64(1)], {"onesided": 1}, expected=[parts(spectrum[:, :4])])
    case(f, "padded", "DFT", [x, np.int64(8)], expected=[parts(np.fft.fft(x[..., 0], 8))])
    case(f, "inverse", "DFT", [parts(spectrum), None, np.int64(-2)], {"inverse": 1}, expected=[parts(x[..., 0] + 0j)])
    case(f, "irfft", "DFT", [parts(np.fft.rfft(x[..., 0])), None, np.int64(1)], {"inverse": 1, "onesided": 1}, expected=[x])
    signal, window = uniform(1, 8, 1), uniform(4, low=0.1)
    frames = np.stack([signal[0, s:s + 4, 0] * window for s in [0, 2, 4]])
    case(f, "window", "STFT", [signal, np.int64(2), window], expected=[parts(np.fft.rfft(frames))[None]])
    for n in [1, 2, 7, 12, 30, 32, 49]:
        line = np.sin(np.arange(2 * n, dtype=np.float32) ** 2).reshape(1, n, 2)
        double = line[..., 0].astype(np.float64) + 1j * line[..., 1]
        case(f, f"length{n}", "DFT", [line], expected=[parts(np.fft.fft(double))])
        case(f, f"length{n}_real", "DFT", [line[..., :1]], expected=[parts(np.fft.fft(double.real))])
    # Zeros that come out as the rounding of what cancels: numpy computes in single precision.
    x = np.arange(100, dtype=np.complex64).reshape(1, 10, 10)
    case(f, "rounding", "DFT", [parts(x), None, np.int64(1)], {"inverse": 1}, expected=[parts(np.fft.ifft(x, axis=1))],
         tolerance="1e-3 1e-7")
    for op in ["HannWindow", "HammingWindow", "BlackmanWindow"]:
        for periodic in [0, 1]:
            case(f, f"periodic{periodic}", op, [np.int64(6)], {"periodic": periodic})
    case(f, "eight_bands", "MelWeightMatrix", [np.int64(8), np.int64(16), np.int64(8192), np.float32(0), np.float32(4096)])


def grids():
    f = "grid"
    x, grid = uniform(1, 2, 4, 5), uniform(1, 3, 3, 2, low=-1.3, high=1.3)
    for mode in ["linear", "nearest", "cubic"]:
        for padding in ["zeros", "border", "reflection"]:
            for corners in [0, 1]:
                case(f, f"{mode}_{padding}_{corners}", "GridSample", [x, grid],
                     {"mode": mode, "padding_mode": padding, "align_corners": corners})
    case(f, "volume", "GridSample", [uniform(1, 1, 3, 3, 3), uniform(1, 2, 2, 2, 3, low=-1, high=1)])
    for corners in [0, 1]:
        case(f, f"corners{corners}", "AffineGrid", [uniform(1, 2, 3), np.array([1, 1, 2, 3])], {"align_corners": corners})


def quantised_recurrent():
    """Against the LSTM of the weights that the bytes stand for: ONNX Runtime also rounds inputs and states."""
    f = "quantised_recurrent"
    steps, batch, size, hidden = 4, 2, 3, 5
    for name, directions, per_channel, kind in [("forward", 1, False, np.uint8), ("bidirectional", 2, False, np.int8),
                                                ("per_channel", 2, True, np.int8)]:
        low, high = (-128, 128) if kind == np.int8 else (0, 256)
        scales = (directions, 4 * hidden) if per_channel else (directions,)
        w, r = (integers(directions, n, 4 * hidden, low=low, high=high, dtype=kind) for n in (size, hidden))
        ws, rs = (np.round(rng.uniform(0.002, 0.01, scales), 4).astype(np.float32) for _ in range(2))
        wz, rz = (integers(*scales, low=low + 110, high=high - 110, dtype=kind) for _ in range(2))
        b, x = uniform(directions, 8 * hidden), uniform(steps, batch, size)
        state = [uniform(directions, batch, hidden) for _ in range(2)]
        whole = lambda q, s, z: ((q.astype(np.float32) - z.reshape(directions, 1, -1)) *
                                 s.reshape(directions, 1, -1)).transpose(0, 2, 1).astype(np.float32)
        attrs = {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"}
        lens = np.array([4, 3], np.int32)
        expected = evaluate("LSTM", [x, whole(w, ws, wz), whole(r, rs, rz), b, lens, *state], attrs, 3)
        case(f, name, "DynamicQuantizeLSTM", [x, w, r, b, lens, *state, None, ws, wz, rs, rz], attrs,
             expected=expected, domain="com.microsoft")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default=pathlib.Path(__file__).parent / "cases", type=pathlib.Path)
    folder = parser.parse_args().folder
    for write in [elementwise, unary, convolutions, pools, products, normalisations, reductions, attention, signals, grids,
                  quantised_recurrent]:
        write()
    for name, cases in files.items():
        (folder / f"{name}.txt").write_text(f"# Made by make_cases.py.\n\n" + "\n".join(cases))


if __name__ == "__main__":
    main()
