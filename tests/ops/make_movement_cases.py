#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Like make_cases.py, which it builds on, for the operators that move, pick, resample, quantize and
recur: writes those of cases/*.txt that are named here."""
import pathlib

import numpy as np

import make_cases
from make_cases import case, f32, integers, uniform

rng = np.random.default_rng(7)
make_cases.rng = rng


def i64(*v):
    return np.array(v, np.int64)


def strings(*v):
    return np.array(v, object)


def shapes():
    f = "shape"
    x = uniform(2, 3, 4)
    for name, attrs in {"all": {}, "from_back": {"start": -2}, "part": {"start": 1, "end": -1}, "none": {"start": 2, "end": 1},
                        "clamped": {"start": -9, "end": 9}}.items():
        case(f, name, "Shape", [x], attrs)
    case(f, "all", "Size", [x])
    case(f, "empty", "Size", [uniform(0, 3)])
    for name, s in {"plain": i64(4, 6), "rest": i64(3, -1), "kept": i64(0, 2, -1), "flat": i64(-1), "longer": i64(2, 1, 3, 4, 1)}.items():
        case(f, name, "Reshape", [x, s])
    case(f, "integers", "Reshape", [integers(6), i64(2, 3)])
    case(f, "scalar", "Reshape", [uniform(1), np.zeros(0, np.int64)])
    case(f, "zero_kept", "Reshape", [uniform(0, 3), i64(3, 0)], {"allowzero": 1})
    case(f, "strings", "Reshape", [strings("a", "b", "", "d"), i64(2, 2)])
    y = uniform(1, 3, 1, 2)
    case(f, "all", "Squeeze", [y])
    case(f, "axes", "Squeeze", [y, i64(-2)])
    case(f, "integers", "Squeeze", [integers(1, 3), i64(0)])
    case(f, "axes", "Unsqueeze", [uniform(2, 3), i64(4, 0, -3)])
    case(f, "scalar", "Unsqueeze", [np.array(5), i64(0)])
    for axis in [-3, -1, 0, 1, 2, 3]:
        case(f, f"axis_{axis}".replace("-", "m"), "Flatten", [x], {"axis": axis})
    case(f, "integers", "Identity", [integers(4)])
    case(f, "strings", "Identity", [strings("x", "yy")])
    case(f, "default", "ConstantOfShape", [i64(2, 3)])
    case(f, "scalar", "ConstantOfShape", [np.zeros(0, np.int64)])
    case(f, "empty", "ConstantOfShape", [i64(2, 0)])
    for name, v in {"up": (1, 10, 3), "down": (10, 1, -4), "empty": (5, 1, 1), "exact": (0, 6, 2)}.items():
        for dtype in [np.int64, np.int32, np.float32, np.float64, np.int16]:
            case(f, f"{name}_{np.dtype(dtype).name}", "Range", [np.array(a, dtype) for a in v])
    case(f, "fraction", "Range", [np.array(a, np.float32) for a in (0.5, 2.1, 0.25)])
    far = np.array(2**63 - 1)
    case(f, "far", "Range", [-far, far, np.array(2**62)], expected=[i64(-(2**63 - 1), 1 - 2**62, 1, 2**62 + 1)])
    for s in [(2, 3, 4), (1, 1), (2, 1, 3, 1), (4,)]:
        case(f, "to_" + "x".join(map(str, s)), "Expand", [uniform(3, 1), np.array(s)])
    case(f, "integers", "Expand", [integers(1), i64(5)])
    case(f, "floats", "Tile", [uniform(2, 3), i64(2, 3)])
    case(f, "none", "Tile", [uniform(2, 3), i64(0, 3)])
    case(f, "integers", "Tile", [integers(3), i64(3)])
    for k in [-2, 0, 1]:
        case(f, f"k_{k}".replace("-", "m"), "EyeLike", [uniform(3, 4)], {"k": k})
    case(f, "far", "EyeLike", [uniform(3, 4)], {"k": -2**63, "dtype": 7}, expected=[np.zeros((3, 4), np.int64)])
    case(f, "float_bits", "BitCast", [f32(1, -0.0)], {"to": 6}, expected=[np.array([0x3f800000, -2**31], np.int32)])


def casts():
    f = "cast"
    numbers = [f32(0, -0.0, 1.5, -2.5, 100.7, 3e9), np.array([-129, 0, 200, 70000, -1]), np.array([1, 0, 255], np.uint8),
               np.array([True, False])]
    codes = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
             "float64": 11, "uint32": 12, "uint64": 13}
    for x in numbers:
        for name, code in codes.items():
            if x.dtype == np.float32 and "int" in name:
                v = f32(0, 1.5, 100.7, 3.99)  # what is out of range is undefined
            else:
                v = x
            case(f, f"{v.dtype.name}_to_{name}", "Cast", [v], {"to": code}, expected=[v.astype(name)])
    case(f, "number_text", "Cast", [f32(0.47892547, 1e6, 1e-7, np.nan, np.inf, -np.inf, -0.5)], {"to": 8},
         expected=[strings("0.47892547", "1000000.0", "1e-07", "nan", "inf", "-inf", "-0.5")])
    case(f, "integer_text", "Cast", [i64(-5, 0, 2**63 - 1)], {"to": 8}, expected=[strings("-5", "0", str(2**63 - 1))])
    case(f, "text_to_float", "Cast", [strings("3.5", "1e-5", "-INF", "+inf", "NaN", " 7 ")], {"to": 1},
         expected=[f32(3.5, 1e-5, -np.inf, np.inf, np.nan, 7)])
    case(f, "text_to_int", "Cast", [strings("100.5", "-7", "9223372036854775807")], {"to": 7},
         expected=[i64(100, -7, 2**63 - 1)])
    case(f, "text_to_uint64", "Cast", [strings("18446744073709551615")], {"to": 13}, expected=[np.array([2**64 - 1], np.uint64)])
    case(f, "like", "CastLike", [f32(1.7, -1.7), np.zeros(0, np.int32)], expected=[np.array([1, -1], np.int32)])


def picking():
    f = "picking"
    x = uniform(3, 4, 2)
    case(f, "scalar", "Gather", [x, np.array(-1)])
    case(f, "axis_1", "Gather", [x, i64(0, 3, -4)], {"axis": 1})
    case(f, "matrix", "Gather", [x, integers(2, 2, low=0, high=2)], {"axis": -1})
    case(f, "integers", "Gather", [integers(5), np.array(2)])
    case(f, "strings", "Gather", [strings("a", "b", "c"), i64(2, 0)])
    case(f, "none", "Gather", [x, np.zeros((0,), np.int64)])
    case(f, "axis_1", "GatherElements", [x, integers(3, 2, 2, low=-4, high=4)], {"axis": 1})
    case(f, "axis_0", "GatherElements", [x, integers(5, 4, 2, low=-3, high=3, dtype=np.int32)])
    case(f, "elements", "GatherND", [x, np.stack([integers(4, low=0, high=3), integers(4, low=-4, high=4), integers(4, low=0, high=2)], 1)])
    case(f, "slices", "GatherND", [x, integers(2, 2, 1, low=-3, high=3)])
    case(f, "batches", "GatherND", [x, integers(3, 2, 1, low=-4, high=4)], {"batch_dims": 1})
    for i in range(24):
        rank = int(rng.integers(1, 4))
        v = integers(*rng.integers(1, 6, rank)) if i % 2 else uniform(*rng.integers(1, 6, rank))
        n = int(rng.integers(1, rank + 1))
        axes = rng.permutation(rank)[:n]
        steps = rng.choice([-3, -2, -1, 1, 2, 3], n)
        case(f, f"random_{i}", "Slice", [v, integers(n, low=-8, high=9), integers(n, low=-8, high=9),
                                         np.where(rng.random(n) < 0.5, axes, axes - rank), steps])
    case(f, "to_the_ends", "Slice", [x, i64(2**63 - 1, 1), i64(-2**63, 2**63 - 1), i64(0, 1), i64(-1, 2)])
    case(f, "by_the_most", "Slice", [x, i64(0, -1), i64(2**63 - 1, -2**63), i64(0, 1), i64(2**63 - 1, -2**63)])
    case(f, "int32", "Slice", [x, np.array([1], np.int32), np.array([3], np.int32)])
    case(f, "axis", "Concat", [uniform(2, 3), uniform(2, 1), uniform(2, 0)], {"axis": -1})
    case(f, "integers", "Concat", [integers(2), integers(1), integers(3)], {"axis": 0})
    case(f, "strings", "Concat", [strings("a"), strings("b", "c")], {"axis": 0})
    case(f, "sizes", "Split", [uniform(2, 6), i64(1, 5, 0)], {"axis": 1}, outputs=3)
    case(f, "even", "Split", [uniform(6, 2)], {"num_outputs": 3}, outputs=3)
    case(f, "uneven", "Split", [integers(7)], {"num_outputs": 3}, outputs=3)
    for perm in [None, [2, 0, 1], [0, 2, 1], [1, 0, 2]]:
        case(f, "perm" + "".join(map(str, perm or [])), "Transpose", [x], {"perm": perm} if perm else {})
    case(f, "strings", "Transpose", [strings("a", "b", "c", "d").reshape(2, 2)])
    for b in [False, True]:
        condition = np.array([True, False, True])
        case(f, f"axis_{int(b)}", "Compress", [x, condition[:2 + b]], {"axis": int(b)})
    case(f, "flat", "Compress", [x, rng.random(20) < 0.5])
    case(f, "floats", "NonZero", [np.where(rng.random((3, 4)) < 0.5, 0, uniform(3, 4)).astype(np.float32)])
    case(f, "bools", "NonZero", [np.array([True, False, True])])
    u = integers(12, high=-4)
    for s in [0, 1]:
        case(f, f"flat_sorted_{s}", "Unique", [u], {"sorted": s}, outputs=4)
        case(f, f"axis_sorted_{s}", "Unique", [integers(2, 6, 2, low=0, high=2)], {"sorted": s, "axis": 1}, outputs=4)
    case(f, "strings", "Unique", [strings("b", "a", "b", "")], outputs=4,
         expected=[strings("", "a", "b"), i64(3, 1, 0), i64(2, 1, 2, 0), i64(1, 1, 2)])
    case(f, "nan", "Unique", [f32(np.nan, 1, np.nan)], expected=[f32(1, np.nan), i64(1, 0), i64(1, 0, 1), i64(1, 2)])
    case(f, "last", "OneHot", [i64(0, -1, 5, -4), np.array(3), f32(0.5, 2)])
    case(f, "first", "OneHot", [integers(2, 2, low=0, high=3), i64(3), i64(0, 1)], {"axis": 0})
    case(f, "float_indices", "OneHot", [f32(1.9, 0), np.array(2, np.float32), f32(0, 1)],
         expected=[f32(0, 1, 1, 0).reshape(2, 2)])
    for largest in [0, 1]:
        t = integers(2, 7, 2, high=4).astype(np.float32)
        case(f, f"largest_{largest}", "TopK", [t, i64(3)], {"axis": 1, "largest": largest}, outputs=2)
    case(f, "all_int64", "TopK", [i64(2**62, 2**62 + 1, 5), i64(3)], outputs=2)
    case(f, "none", "TopK", [uniform(3), i64(0)], outputs=2, expected=[np.zeros(0, np.float32), np.zeros(0, np.int64)])
    case(f, "nan_is_largest", "TopK", [f32(1, np.nan, 2), i64(2)], outputs=2, expected=[f32(np.nan, 2), i64(1, 2)])
    case(f, "time_first", "ReverseSequence", [uniform(4, 3, 2), i64(4, 1, 0)])
    case(f, "batch_first", "ReverseSequence", [uniform(3, 4), i64(4, 1, 3)], {"time_axis": 1, "batch_axis": 0})
    for upper in [0, 1]:
        for k in [-2, 0, 1, 9]:
            case(f, f"upper_{upper}_k_{k}".replace("-", "m"), "Trilu", [uniform(2, 3, 4), np.array(k)], {"upper": upper})
    case(f, "default", "Trilu", [integers(3, 3)])


def scattering():
    f = "scatter"
    for reduction in ["none", "add", "mul", "max", "min"]:
        for dtype in [np.float32, np.int64]:
            x = (uniform(3, 4) * 10).astype(dtype)
            rows = np.stack([rng.permutation(3)[:2] for _ in range(4)], 1)
            case(f, f"{reduction}_{np.dtype(dtype).name}", "ScatterElements",
                 [x, rows if reduction == "none" else integers(2, 4, low=-3, high=3), (uniform(2, 4) * 10).astype(dtype)],
                 {"reduction": reduction})
            case(f, f"{reduction}_{np.dtype(dtype).name}", "ScatterND",
                 [x, i64(2, 0).reshape(2, 1) if reduction == "none" else i64(1, 1).reshape(2, 1), (uniform(2, 4) * 10).astype(dtype)],
                 {"reduction": reduction})
    case(f, "axis_1", "ScatterElements", [uniform(2, 5), i64(1, -1, 0, 4).reshape(2, 2), uniform(2, 2)], {"axis": 1})
    case(f, "elements", "ScatterND", [uniform(2, 3), i64(0, 0, 1, -1).reshape(2, 2), uniform(2)])
    case(f, "strings", "ScatterND", [strings("a", "b"), i64(1).reshape(1, 1), strings("z")], expected=[strings("a", "z")])


def padding():
    f = "pad"
    x = uniform(2, 4, 3)
    for mode in ["constant", "reflect", "edge", "wrap"]:
        case(f, mode, "Pad", [x, i64(0, 2, 1, 0, 1, 2)], {"mode": mode})
    case(f, "value", "Pad", [x, i64(1, 0, 0, 0, 2, 1), np.array(7, np.float32)])
    case(f, "crops", "Pad", [x, i64(0, -1, 1, 0, -2, -1)])
    case(f, "axes", "Pad", [x, i64(1, 0, 0, 2), None, i64(-1, 0)])
    case(f, "strings", "Pad", [strings("a"), i64(1, 1), strings("p").reshape(())], expected=[strings("p", "a", "p")])
    # numpy goes on reflecting where the standard says nothing
    r = f32(1, 2, 3)
    case(f, "reflects_again", "Pad", [r, i64(5, 4)], {"mode": "reflect"}, expected=[np.pad(r, (5, 4), "reflect")])
    case(f, "wraps_again", "Pad", [r, i64(5, 4)], {"mode": "wrap"}, expected=[np.pad(r, (5, 4), "wrap")])
    for target in [(5, 3), (2, 2), (3, 4)]:
        case(f, "to_" + "x".join(map(str, target)), "CenterCropPad", [uniform(3, 4), np.array(target)])
    case(f, "axes", "CenterCropPad", [uniform(3, 4, 2), i64(5, 1)], {"axes": [2, -2]})
    for mode in ["DCR", "CRD"]:
        case(f, mode, "DepthToSpace", [uniform(2, 8, 2, 3)], {"blocksize": 2, "mode": mode})
    case(f, "blocks", "SpaceToDepth", [uniform(2, 2, 4, 6)], {"blocksize": 2})


def resizing():
    f = "resize"
    x = uniform(1, 2, 5, 6)
    for transform in ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric"]:
        for mode in ["nearest", "linear", "cubic"]:
            for size in [(1, 2, 8, 9), (1, 2, 3, 4)]:
                case(f, f"{mode}_{transform}_{size[2]}", "Resize", [x, None, None, np.array(size)],
                     {"mode": mode, "coordinate_transformation_mode": transform})
    for rounding in ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]:
        case(f, rounding, "Resize", [x, None, f32(1, 1, 1.6, 0.5)],
             {"nearest_mode": rounding, "coordinate_transformation_mode": "asymmetric"})
    case(f, "scales", "Resize", [x, None, f32(1, 1, 2, 1.5)], {"mode": "linear"})
    for mode in ["linear", "cubic"]:
        case(f, f"antialias_{mode}", "Resize", [x, None, None, i64(1, 2, 3, 2)], {"mode": mode, "antialias": 1})
    case(f, "excludes_outside", "Resize", [x, None, None, i64(1, 2, 7, 9)],
         {"mode": "cubic", "exclude_outside": 1, "cubic_coeff_a": -0.5})
    case(f, "crop", "Resize", [x, f32(0, 0, 0.2, -0.1, 1, 1, 0.9, 1.2), None, i64(1, 2, 4, 5)],
         {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 10.0})
    for policy in ["not_larger", "not_smaller"]:
        case(f, policy, "Resize", [x, None, None, i64(7, 8)], {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy})
    u8 = rng.integers(0, 256, (1, 1, 3, 3)).astype(np.uint8)  # the standard's reference rounds, ONNX Runtime does not
    exact = make_cases.evaluate("Resize", [u8.astype(np.float32), None, None, i64(1, 1, 5, 7)], {"mode": "linear"}, 1)
    case(f, "uint8", "Resize", [u8, None, None, i64(1, 1, 5, 7)], {"mode": "linear"}, expected=[np.rint(exact[0]).astype(np.uint8)])
    case(f, "strings", "Resize", [strings("a", "b"), None, f32(2)], expected=[strings("a", "a", "b", "b")])


def boxes():
    f = "boxes"
    b = np.sort(rng.random((2, 8, 2, 2)), axis=2).reshape(2, 8, 4).astype(np.float32)
    s = rng.random((2, 3, 8)).astype(np.float32)
    case(f, "corners", "NonMaxSuppression", [b, s, i64(3), f32(0.3), f32(0.2)])
    case(f, "centers", "NonMaxSuppression", [b, s, i64(8), f32(0.1)], {"center_point_box": 1})
    case(f, "none", "NonMaxSuppression", [b, s])
    own = np.random.default_rng(5)  # what follows must not change the cases of other sections
    corners = own.uniform(0, 50, (1, 120, 2))
    many = np.concatenate([corners, corners + own.uniform(-9, 9, (1, 120, 2))], 2).round(1).astype(np.float32)
    many[0, ::17, 2:] = many[0, ::17, :2]  # no area
    ties = own.uniform(0, 1, (1, 2, 120)).round(1).astype(np.float32)
    case(f, "many_with_ties", "NonMaxSuppression", [many, ties, i64(100), f32(0.25), f32(0.15)])
    signed = np.where(own.random((1, 1, 120)) < 0.5, np.float32(-0.0), own.choice(f32(0, -1, 0.5, -0.5), (1, 1, 120)))
    case(f, "signed_zeros", "NonMaxSuppression", [many, signed.astype(np.float32), i64(50), f32(0), f32(-0.7)])


def quantizing():
    f = "quantize"
    x = uniform(2, 4, 3, low=-40, high=40)
    for dtype in [np.uint8, np.int8, np.uint16, np.int16]:
        zero = np.array(3, dtype)
        q = case(f, np.dtype(dtype).name, "QuantizeLinear", [x, np.array(0.21, np.float32), zero])[0]
        case(f, np.dtype(dtype).name, "DequantizeLinear", [q, np.array(0.21, np.float32), zero])
    scales, zeros = uniform(4, low=0.05, high=0.4), integers(4, dtype=np.int8)
    q = case(f, "axis", "QuantizeLinear", [x, scales, zeros])[0]
    case(f, "axis", "DequantizeLinear", [q, scales, zeros], {"axis": -2})
    scales, zeros = uniform(2, 2, 3, low=0.05, high=0.4), integers(2, 2, 3, dtype=np.int8)
    q = case(f, "blocks", "QuantizeLinear", [x, scales, zeros], {"axis": 1, "block_size": 2})[0]
    case(f, "blocks", "DequantizeLinear", [q, scales, zeros], {"axis": 1, "block_size": 2})
    case(f, "int32", "DequantizeLinear", [integers(5, dtype=np.int32), np.array(0.5, np.float32)])
    case(f, "default", "QuantizeLinear", [x, np.array(0.5, np.float32)])
    case(f, "halves", "QuantizeLinear", [f32(0.5, 1.5, 2.5, -0.5, np.inf, -np.inf), np.array(1, np.float32), np.array(0, np.int8)],
         expected=[np.array([0, 2, 2, 0, 127, -128], np.int8)])
    case(f, "range", "DynamicQuantizeLinear", [x], outputs=3)
    case(f, "positive", "DynamicQuantizeLinear", [np.abs(x)], outputs=3)
    case(f, "zeros", "DynamicQuantizeLinear", [np.zeros((2, 2), np.float32)], outputs=3,
         expected=[np.zeros((2, 2), np.uint8), np.array(0, np.float32), np.array(0, np.uint8)])
    one = np.array(0.02, np.float32)
    a, b = rng.integers(0, 256, (2, 3, 5)).astype(np.uint8), rng.integers(-128, 128, (2, 5, 4)).astype(np.int8)
    case(f, "one", "QLinearMatMul", [a, one, np.array(120, np.uint8), b, one, np.array(3, np.int8), np.array(0.1, np.float32), np.array(128, np.uint8)])
    case(f, "per_column", "QLinearMatMul", [a, one, np.array(120, np.uint8), b[0], uniform(4, low=0.01, high=0.05), integers(4, dtype=np.int8),
                                            np.array(0.2, np.float32), np.array(0, np.uint8)])
    x, w = rng.integers(0, 256, (2, 4, 6, 5)).astype(np.uint8), rng.integers(-128, 128, (6, 2, 3, 3)).astype(np.int8)
    case(f, "groups", "QLinearConv", [x, one, np.array(100, np.uint8), w, uniform(6, low=0.01, high=0.05), np.zeros(6, np.int8), np.array(0.5, np.float32),
                                      np.array(128, np.uint8), integers(6, low=-500, high=500, dtype=np.int32)],
         {"group": 2, "pads": [1, 0, 1, 2], "strides": [2, 1]})


def recurrent():
    f = "recurrent"
    seq, batch, inputs, hidden = 4, 3, 2, 3
    for op, gates in {"RNN": 1, "GRU": 3, "LSTM": 4}.items():
        outputs = 3 if op == "LSTM" else 2
        for direction in ["forward", "reverse", "bidirectional"]:
            d = 2 if direction == "bidirectional" else 1
            x, w, r = uniform(seq, batch, inputs), uniform(d, gates * hidden, inputs), uniform(d, gates * hidden, hidden)
            b, h = uniform(d, 2 * gates * hidden), uniform(d, batch, hidden)
            base = {"hidden_size": hidden, "direction": direction}
            case(f, direction, op, [x, w, r], base, outputs=outputs)
            full = [x, w, r, b, np.array([4, 2, 1], np.int32), h] + ([uniform(d, batch, hidden), uniform(d, 3 * hidden)] if op == "LSTM" else [])
            case(f, direction + "_full", op, full, dict(base, clip=1.5), outputs=outputs)
        x, w, r, b = uniform(seq, batch, inputs), uniform(1, gates * hidden, inputs), uniform(1, gates * hidden, hidden), uniform(1, 2 * gates * hidden)
        case(f, "half", op, [v.astype(np.float16) for v in (x, w, r, b)], {"hidden_size": hidden}, outputs=outputs)
        if op == "GRU":
            case(f, "linear_before_reset", op, [x, w, r, b], {"hidden_size": hidden, "linear_before_reset": 1}, outputs=outputs)
        if op == "LSTM":
            case(f, "coupled", op, [x, w, r, b], {"hidden_size": hidden, "input_forget": 1}, outputs=outputs)


SECTIONS = {"shape": shapes, "cast": casts, "picking": picking, "scatter": scattering, "pad": padding, "resize": resizing,
            "boxes": boxes, "quantize": quantizing, "recurrent": recurrent}


def main():
    folder = pathlib.Path(__file__).parent / "cases"
    for name, section in SECTIONS.items():
        section()
        (folder / f"{name}.txt").write_text(
            "# Written by make_movement_cases.py.\n\n" + "\n".join(make_cases.files[name]))


if __name__ == "__main__":
    main()
