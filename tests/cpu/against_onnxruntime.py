#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random one-operator models, with ONNX Runtime's answers, for hrt-run verify. Run by hand:

    tests/cpu/against_onnxruntime.py build/release/bin/hrt-run [--count 10] [--seed 1] [--device cpu]

Needs the Python packages onnx, onnxruntime and numpy. A case that ONNX Runtime refuses is left out and
counted. Fails when hrt-run differs anywhere.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPSET = 22


class Case:
    def __init__(self, op, inputs, outputs=1, constants=(), domain="", **attrs):
        """inputs: arrays, None where absent; constants: positions that the model holds itself."""
        self.op, self.inputs, self.outputs, self.constants, self.attrs = op, inputs, outputs, constants, attrs
        self.domain = domain


def shape(rng, rank, most=9):
    return tuple(int(d) for d in rng.integers(1, most + 1, rank))


def floats(rng, dims, low=-3, high=3):
    return rng.uniform(low, high, dims).astype(np.float32)


def broadcast_pair(rng):
    """Two shapes that broadcast to one."""
    dims = list(shape(rng, rng.integers(1, 5), 20))
    other = [1 if rng.random() < 0.4 else d for d in dims]
    return tuple(dims), tuple(other[rng.integers(0, len(dims)):])


def elementwise(rng):
    unary = ["Relu", "Sigmoid", "HardSwish", "Tanh", "Softplus", "Softsign", "Mish", "Erf", "Exp", "Sqrt",
             "Reciprocal", "Neg", "Abs", "Floor", "Ceil", "Round", "Sign", "Sin", "Cos", "Log"]
    dims = shape(rng, rng.integers(0, 5), 20)
    for op in unary:
        low = 0.01 if op in ("Sqrt", "Log", "Reciprocal") else -6
        yield Case(op, [floats(rng, dims, low, 6)])
    for op, attrs in [("LeakyRelu", {"alpha": 0.2}), ("Elu", {"alpha": 1.3}), ("Selu", {}), ("Celu", {"alpha": 1.5}),
                      ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}), ("ThresholdedRelu", {"alpha": 0.7}),
                      ("Gelu", {}), ("Gelu", {"approximate": "tanh"})]:
        yield Case(op, [floats(rng, dims)], **attrs)
    yield Case("Clip", [floats(rng, dims), np.float32(-1), np.float32(1.5)], constants=(1, 2))

    for op in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Mod", "Pow", "Less", "Equal", "GreaterOrEqual"):
        a, b = broadcast_pair(rng)
        for kind in (np.float32, np.int32, np.int64):
            if op == "Pow" and kind != np.float32:
                continue
            x, y = floats(rng, a, 0.5, 9).astype(kind), floats(rng, b, 1, 4).astype(kind)
            yield Case(op, [x, y], **({"fmod": 1} if op == "Mod" and kind == np.float32 else {}))
    a, b = broadcast_pair(rng)
    yield Case("PRelu", [floats(rng, a), floats(rng, b)])
    yield Case("Where", [floats(rng, b) > 0, floats(rng, a), floats(rng, b)])
    for op in ("And", "Or", "Xor"):
        yield Case(op, [floats(rng, a) > 0, floats(rng, b) > 0])
    for op in ("Sum", "Mean", "Max", "Min"):
        yield Case(op, [floats(rng, a), floats(rng, b), floats(rng, a)])
    for to in (TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32, TensorProto.UINT8,
               TensorProto.INT8, TensorProto.BOOL):
        low = 0 if to == TensorProto.UINT8 else -99  # beyond the range the standard leaves the result open
        yield Case("Cast", [floats(rng, dims, low, 99)], to=to)
        yield Case("Cast", [rng.integers(low, 99, dims)], to=to)


def normalisation(rng):
    dims = shape(rng, rng.integers(1, 5), 20)
    axis = int(rng.integers(-len(dims), len(dims)))
    yield Case("Softmax", [floats(rng, dims, -20, 20)], axis=axis)
    yield Case("LogSoftmax", [floats(rng, dims)], axis=axis)
    yield Case("LpNormalization", [floats(rng, dims)], axis=axis, p=int(rng.integers(1, 3)))
    yield Case("LayerNormalization", [floats(rng, dims), floats(rng, dims[axis:]), floats(rng, dims[axis:])], axis=axis)
    image = (2, int(rng.integers(1, 5)) * 4) + shape(rng, rng.integers(1, 3), 12)
    parameters = [floats(rng, image[1:2]) for _ in range(3)]
    yield Case("InstanceNormalization", [floats(rng, image)] + parameters[:2])
    yield Case("GroupNormalization", [floats(rng, image)] + parameters[:2], num_groups=2)
    yield Case("BatchNormalization", [floats(rng, image)] + parameters + [np.abs(parameters[0]) + 0.1])
    yield Case("LRN", [floats(rng, (2, 7) + shape(rng, 2))], size=int(rng.integers(1, 4)) * 2 - 1, alpha=0.1, bias=1.5)

    axes = np.flatnonzero(rng.random(len(dims)) < 0.5)
    for op in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"):
        x = floats(rng, dims, 0.5, 1.5)
        yield Case("Reduce" + op, [x, axes], constants=(1,), keepdims=int(rng.integers(0, 2)))
    for op in ("ArgMax", "ArgMin"):
        yield Case(op, [floats(rng, dims).round()], axis=axis, keepdims=0, select_last_index=int(rng.integers(0, 2)))


def movement(rng):
    rank = int(rng.integers(1, 5))
    dims = shape(rng, rank, 12)
    axis = int(rng.integers(-rank, rank))
    for kind in (np.float32, np.int64, np.uint8):
        x = floats(rng, dims, 0, 99).astype(kind)
        yield Case("Transpose", [x], perm=[int(i) for i in rng.permutation(rank)])
        yield Case("Concat", [x, x[:1] if axis % rank == 0 else x, x], axis=axis)
        yield Case("Expand", [x, np.array((3,) + dims)], constants=(1,))
        yield Case("Tile", [x, rng.integers(1, 4, rank)], constants=(1,))
        yield Case("Gather", [x, rng.integers(-dims[axis], dims[axis], shape(rng, 2, 4))], axis=axis)
        length = dims[axis]
        yield Case("Split", [x, np.array([length // 2, length - length // 2])], 2, constants=(1,), axis=axis)
        starts, ends = rng.integers(-9, 9, rank), rng.integers(-9, 99, rank)
        steps = rng.choice([-2, -1, 1, 2, 3], rank)
        yield Case("Slice", [x, starts, ends, np.arange(rank), steps], constants=(1, 2, 3, 4))
        for mode in ("constant", "edge", "reflect", "wrap"):
            most = 4 if mode != "reflect" else min(dims)
            yield Case("Pad", [x, rng.integers(0, most, 2 * rank)], constants=(1,), mode=mode)
    x = floats(rng, (2, 8) + shape(rng, 2))
    yield Case("DepthToSpace", [x], blocksize=2, mode=str(rng.choice(["DCR", "CRD"])))
    yield Case("SpaceToDepth", [floats(rng, (2, 3, 4, 6))], blocksize=2)


def picking(rng):
    rank = int(rng.integers(1, 4))
    dims = shape(rng, rank, 40)
    axis = int(rng.integers(-rank, rank))
    length = dims[axis]
    x = floats(rng, dims).round(1)
    for kind in (np.float32, np.int64, np.float64, np.int32):
        yield Case("TopK", [x.astype(kind), np.array([rng.integers(1, length + 1)])], 2, constants=(1,), axis=axis,
                   largest=int(rng.integers(0, 2)))
    taken = tuple(int(rng.integers(1, d + 1)) for d in dims)
    index = rng.integers(-length, length, taken)
    yield Case("GatherElements", [x, index], axis=axis)
    for reduction in ("none", "add", "mul", "max", "min"):
        # "none" with an element twice is not defined
        which = np.argsort(rng.random(dims), axis=axis) if reduction == "none" else index
        yield Case("ScatterElements", [x, which, floats(rng, which.shape)], axis=axis, reduction=reduction)
    depth = int(rng.integers(1, rank + 1))
    tuples = np.stack([rng.integers(-d, d, 6) for d in dims[:depth]], axis=1)
    yield Case("GatherND", [x, tuples])
    for reduction in ("add", "mul", "max", "min"):
        yield Case("ScatterND", [x, tuples, floats(rng, (6,) + dims[depth:])], reduction=reduction)
    yield Case("CumSum", [x, np.array(axis)], constants=(1,), exclusive=int(rng.integers(0, 2)), reverse=int(rng.integers(0, 2)))
    yield Case("OneHot", [rng.integers(-9, 9, dims), np.array(9), np.array([2, 5], np.float32)], constants=(1,), axis=axis)
    yield Case("Trilu", [floats(rng, shape(rng, 3)), np.array(rng.integers(-5, 5))], upper=int(rng.integers(0, 2)))
    yield Case("ReverseSequence", [floats(rng, (5, 4, 3)), rng.integers(1, 6, 4)])
    yield Case("CenterCropPad", [x, rng.integers(1, 50, rank)], constants=(1,))
    yield Case("NonZero", [(x > 1).astype(np.float32)])
    yield Case("Unique", [x], 4)
    corners = rng.uniform(0, 9, (1, 60, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(-3, 3, (1, 60, 2))], 2).astype(np.float32)
    yield Case("NonMaxSuppression", [boxes, rng.random((1, 3, 60)).round(1).astype(np.float32), np.array([int(rng.integers(1, 50))]),
                                     np.array([0.4], np.float32), np.array([0.25], np.float32)])
    for mode in ("linear", "nearest", "cubic"):
        yield Case("GridSample", [floats(rng, (2, 3, 6, 7)), floats(rng, (2, 5, 9, 2), -1.2, 1.2)], mode=mode,
                   padding_mode=str(rng.choice(["zeros", "border", "reflection"])), align_corners=int(rng.integers(0, 2)))
    rois = floats(rng, (4, 2), 0, 8)
    yield Case("RoiAlign", [floats(rng, (2, 3, 9, 11)), np.concatenate([rois, rois + floats(rng, (4, 2), 0, 9)], 1), rng.integers(0, 2, 4)],
               output_height=3, output_width=5, sampling_ratio=int(rng.integers(0, 3)))


def resize(rng):
    """Leaves out what the standard and ONNX Runtime see differently: fractional lengths of the output, and
    ties of nearest that only rounding decides."""
    dims = (1, int(rng.integers(1, 20))) + shape(rng, 2, 12)
    scales = np.array([1, 1] + list(rng.choice([1, 2, 3, 4], 2)), np.float32)
    for mode in ("nearest", "linear", "cubic"):
        sizes = np.array(dims[:2] + tuple(rng.integers(1, 25, 2)))
        if mode == "nearest":
            sizes = (np.array(dims) * scales).astype(np.int64)
        for coordinates in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
            attrs = {"mode": mode, "coordinate_transformation_mode": coordinates}
            if mode == "nearest":
                attrs["nearest_mode"] = str(rng.choice(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]))
            yield Case("Resize", [floats(rng, dims), None, None, sizes], constants=(3,), **attrs)
            yield Case("Resize", [floats(rng, dims), None, scales], constants=(2,), **attrs)
    small = np.array(dims[:2] + tuple(rng.integers(1, d + 1) for d in dims[2:]))
    for mode in ("linear", "cubic"):
        yield Case("Resize", [floats(rng, dims), None, None, small], constants=(3,), mode=mode, antialias=1)
    region = np.array([0, 0, 0.1, 0.2, 1, 1, 0.8, 1.1], np.float32)
    sizes = rng.choice([2, 3, 5, 7, 10, 13], 2)  # an axis that keeps its length is not cropped there
    yield Case("Resize", [floats(rng, (1, 2, 9, 8)), region, None, np.array([1, 2, *sizes])], constants=(1, 3), mode="linear",
               coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=0.5)


def recurrent(rng):
    """ONNX Runtime refuses layout 1."""
    for op, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
        for direction in ("forward", "reverse", "bidirectional"):
            steps, batch, size, hidden = (int(d) for d in rng.integers(1, 24, 4))
            directions = 2 if direction == "bidirectional" else 1
            layout = int(rng.integers(0, 8) == 0)
            state = (batch, directions, hidden) if layout else (directions, batch, hidden)
            rows = gates * hidden
            inputs = [floats(rng, (batch, steps, size) if layout else (steps, batch, size), -1, 1),
                      floats(rng, (directions, rows, size), -1, 1), floats(rng, (directions, rows, hidden), -0.3, 0.3)]
            optional = [floats(rng, (directions, 2 * rows), -1, 1),
                        rng.integers(1, steps + 1, batch).astype(np.int32), floats(rng, state, -1, 1)]
            if op == "LSTM":
                optional += [floats(rng, state, -1, 1), floats(rng, (directions, 3 * hidden), -1, 1)]
            inputs += [value if rng.random() < 0.5 else None for value in optional]
            attrs = {"hidden_size": hidden, "direction": direction, "layout": layout}
            if rng.random() < 0.3:
                attrs["clip"] = 0.7
            if op == "GRU":
                attrs["linear_before_reset"] = int(rng.integers(0, 2))
            if op == "LSTM" and rng.random() < 0.2:
                attrs["input_forget"] = 1
            yield Case(op, inputs, 3 if op == "LSTM" else 2, constants=(1, 2) if rng.random() < 0.5 else (), **attrs)


def transformers(rng):
    """The operators of com.microsoft that exporters of transformers emit."""
    n = lambda low, high: int(rng.integers(low, high + 1))
    ms = lambda op, inputs, outputs=1, constants=(), **attrs: Case(op, inputs, outputs, constants, "com.microsoft", **attrs)
    ints = lambda low, high, *dims: rng.integers(low, high, dims).astype(np.int32)
    f = lambda *dims: floats(rng, dims, -1, 1)
    x = f(n(1, 3), n(1, 9), n(1, 70))
    hidden = x.shape[-1:]
    for op in ("Gelu", "FastGelu", "QuickGelu"):
        yield ms(op, [x * 4])
    for op in ("BiasGelu", "FastGelu"):
        yield ms(op, [x * 4, f(*hidden)])
    yield ms("SkipLayerNormalization", [x, f(*x.shape), f(*hidden), f(*hidden), f(*hidden)], 4, epsilon=1e-3)
    yield ms("SkipSimplifiedLayerNormalization", [x, f(*x.shape), f(*hidden), f(*hidden)], epsilon=1e-3)
    yield Case("SimplifiedLayerNormalization", [x, f(*hidden)], epsilon=1e-3)
    ids = ints(0, 7, *x.shape[:2])
    yield ms("EmbedLayerNormalization", [ids, ids % 2, f(7, *hidden), f(12, *hidden), f(2, *hidden), f(*hidden), f(*hidden),
                                         ids % 2], 2, epsilon=1e-3)

    batch, heads, size, value_size = n(1, 2), n(1, 3), n(1, 40), n(1, 40)
    queries, keys, past = [int(rng.choice([1, 2, 7, 65, 130])), n(1, 300), int(rng.choice([0, 3, 70]))]
    q, k, v = f(batch, queries, heads * size), f(batch, keys, heads * size), f(batch, keys, heads * value_size)
    bias = f(2 * heads * size + heads * value_size)
    lengths, mask = ints(1, keys + 1, batch), np.maximum(ints(0, 2, batch, keys), np.eye(1, keys, dtype=np.int32))
    for extra in (None, f(batch, heads, queries, keys), f(1, 1, queries, keys)):
        for m in (None, lengths, mask):
            yield ms("MultiHeadAttention", [q, k, v, bias if m is None else None, m, extra], num_heads=heads)
    yield ms("MultiHeadAttention", [q, f(batch, heads, keys, size), f(batch, heads, keys, size)], num_heads=heads, scale=0.3)
    if past:
        k, v, old = f(batch, queries, heads * size), f(batch, queries, heads * size), (batch, heads, past, size)
        yield ms("MultiHeadAttention", [q, k, v, None, None, None, f(*old), f(*old)], 3, num_heads=heads, unidirectional=1)
    width = n(1, 50)
    for causal in (0, 1):
        w, b = f(width, 3 * heads * size), f(3 * heads * size)
        yield ms("Attention", [f(batch, queries, width), w, b, ints(1, queries + 1, batch)], constants=(1, 2),
                 num_heads=heads, unidirectional=causal)
        old = f(2, batch, heads, max(past, 1), size)
        yield ms("Attention", [f(batch, queries, width), w, b, None, old], 2, constants=(1, 2), num_heads=heads,
                 unidirectional=causal)

    group, size = n(1, 6), 16 * n(1, 3)
    shape = {"num_heads": group * heads, "kv_num_heads": heads}
    total = past + queries
    extent = total + n(0, 5) if past else 0
    batch = 1 if past and queries > 1 else batch
    q, k, v = f(batch, queries, group * heads * size), f(batch, queries, heads * size), f(batch, queries, heads * size)
    cache = [f(batch, heads, extent, size) if past else None for _ in range(2)]
    tail = [np.full(batch, total - 1, np.int32), np.array([total], np.int32)]
    angles = [f(total, size // 2), f(total, size // 2)]
    for attrs in ({"do_rotary": 1}, {"do_rotary": 1, "rotary_interleaved": 1, "local_window_size": n(1, 20)},
                  {"softcap": 0.7}, {"smooth_softmax": 1}):
        packed = [np.concatenate([q, k, v], -1), None, None] if n(0, 1) else [q, k, v]
        yield ms("GroupQueryAttention", packed + cache + tail + angles, 3, constants=(6,), **shape, **attrs)
    yield ms("RotaryEmbedding", [q, np.array([0]), *angles], interleaved=n(0, 1))
    yield ms("RotaryEmbedding", [f(batch, heads, queries, size), rng.integers(0, total, (batch, queries)), *angles])

    m, depth, width, block = int(rng.choice([1, 3, 4, 5, 30])), n(1, 700), n(1, 150), int(rng.choice([16, 32, 64, 128]))
    for bits in (4, 8):
        blocks = -(-depth // block)
        w = rng.integers(0, 256, (width, blocks, block * bits // 8)).astype(np.uint8)
        zeros = rng.integers(0, 256, (width, -(-blocks * bits // 8))).astype(np.uint8)
        yield ms("MatMulNBits", [f(m, depth), w, f(width, blocks) / 100, zeros if n(0, 1) else None, None, f(width)],
                 constants=(1, 2, 3, 5), K=depth, N=width, bits=bits, block_size=block)
    a, b = f(2, m, depth), f(width, depth)
    yield ms("FusedMatMul", [a, b], alpha=0.25, transB=1)
    yield ms("FusedMatMul", [f(depth, m), f(2, depth, 7)], transA=1)
    yield ms("FusedGemm", [a[0], b, f(width)], constants=(1,), transB=1, activation="LeakyRelu", activation_alpha=0.2)


def model_of(case):
    names, inputs, constants = [], [], []
    while case.inputs and case.inputs[-1] is None:
        case.inputs.pop()
    for i, value in enumerate(case.inputs):
        names.append("" if value is None else f"x{i}")
        if value is None:
            continue
        value = np.asarray(value)
        if i in case.constants:
            constants.append(numpy_helper.from_array(value, f"x{i}"))
        else:
            dtype = helper.np_dtype_to_tensor_dtype(value.dtype)
            inputs.append((helper.make_tensor_value_info(f"x{i}", dtype, value.shape), value))
    outputs = [f"y{i}" for i in range(case.outputs)]
    graph = helper.make_graph([helper.make_node(case.op, names, outputs, domain=case.domain, **case.attrs)], "g", [i for i, _ in inputs],
                              [helper.make_empty_tensor_value_info(o) for o in outputs], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)],
                              ir_version=10)
    known = not case.domain and onnx.defs.has(case.op)
    return onnx.shape_inference.infer_shapes(model, strict_mode=True) if known else model, [v for _, v in inputs]


def write(case, folder):
    """False when ONNX Runtime does not take it."""
    model, inputs = model_of(case)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
        outputs = session.run(None, {i.name: v for i, v in zip(session.get_inputs(), inputs)})
    except Exception:  # its exceptions have no common class of their own
        return False
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    for kind, values in (("input", inputs), ("output", outputs)):
        for i, value in enumerate(values):
            (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(np.asarray(value)).SerializeToString())
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hrt_run", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=10, help="rounds of random shapes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--family", default="", help="part of the name of a family of operators")
    parser.add_argument("--keep", type=pathlib.Path, help="an empty directory for the models")
    args = parser.parse_args()

    rng = np.random.default_rng(args.seed)
    with tempfile.TemporaryDirectory() as temporary:
        root = args.keep or pathlib.Path(temporary)
        made = refused = 0
        for _ in range(args.count):
            for family in (elementwise, normalisation, movement, resize, recurrent, transformers, picking):
                if args.family not in family.__name__:
                    continue
                for case in family(rng):
                    folder = root / f"{made + refused:05}_{case.op}"
                    if write(case, folder):
                        made += 1
                    else:
                        refused += 1
        print(f"{made} cases; ONNX Runtime refused {refused} more", flush=True)
        # Sums of values of about 3 that cancel: float32 leaves some 1e-6.
        command = [str(args.hrt_run), "verify", str(root), "-d", args.device, "--atol", "1e-5"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in (result.stdout + result.stderr).splitlines():
            if not line.startswith("PASS"):
                print(line)
        return result.returncode


if __name__ == "__main__":
    sys.exit(main())
