# SPDX-License-Identifier: Apache-2.0
"""Models of one operator (or one small pattern) each, for tools/bench/peers --operators.

    operator_models.py FOLDER [NAME ...]

Writes NAME.onnx, NAME.meta, NAME.inN.npy and NAME.outN.npy, as the exporter of whole networks does. The
references are ONNX Runtime's without graph optimisations. Seeds are fixed; inputs look like what the
operator meets in a network: boxes overlap, scores are mostly low, quantised values fill their range.
"""

import pathlib
import sys
import zlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

F32, I64 = TensorProto.FLOAT, TensorProto.INT64
MICROSOFT = "com.microsoft"


def node(op, inputs, outputs, domain="", **attributes):
    return helper.make_node(op, inputs, outputs, domain=domain, **attributes)


class Case:
    """nodes read inputs (arrays that come with each run) and weights (constants), by name; outputs: types."""

    def __init__(self, nodes, inputs, outputs, weights=None, opset=21):
        self.nodes, self.inputs, self.outputs = nodes, inputs, outputs
        self.weights, self.opset = weights or {}, opset

    def model(self, name):
        def declared(key, array):
            dtype = helper.np_dtype_to_tensor_dtype(array.dtype)
            return helper.make_tensor_value_info(key, dtype, array.shape)

        graph = helper.make_graph(
            self.nodes,
            name,
            [declared(key, array) for key, array in self.inputs.items()],
            [helper.make_tensor_value_info(key, dtype, None) for key, dtype in self.outputs.items()],
            [numpy_helper.from_array(array, key) for key, array in self.weights.items()],
        )
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def normal(rng, *shape, scale=1.0):
    return (rng.standard_normal(shape) * scale).astype(np.float32)


def uint8s(rng, *shape):
    return rng.integers(0, 256, shape, dtype=np.uint8)


def int8s(rng, *shape):
    return rng.integers(-127, 128, shape, dtype=np.int8)


def recurrent(op, gates, rng):
    units, steps = 256, 128
    weights = {
        "w": normal(rng, 1, gates * units, units, scale=0.06),
        "r": normal(rng, 1, gates * units, units, scale=0.06),
        "b": normal(rng, 1, 2 * gates * units, scale=0.1),
    }
    attributes = {"linear_before_reset": 1} if op == "GRU" else {}
    made = node(op, ["x", "w", "r", "b"], ["y", "h"], hidden_size=units, **attributes)
    return Case([made], {"x": normal(rng, steps, 1, units)}, {"y": F32, "h": F32}, weights)


def lstm(rng):
    return recurrent("LSTM", 4, rng)


def gru(rng):
    return recurrent("GRU", 3, rng)


def rnn(rng):
    return recurrent("RNN", 1, rng)


def resize(rng, mode):
    scales = {"scales": np.array([1, 1, 2, 2], np.float32)}
    made = node("Resize", ["x", "", "scales"], ["y"], mode=mode)
    return Case([made], {"x": rng.random((1, 3, 540, 960), np.float32)}, {"y": F32}, scales)


def resize_bilinear(rng):
    return resize(rng, "linear")


def resize_cubic(rng):
    return resize(rng, "cubic")


def detections(rng, classes, count=8400, objects=60):
    """What a detector's head gives for a 640x640 picture: many boxes around each object, the rest noise."""
    centers = rng.uniform(40, 600, (objects, 2))
    sizes = rng.uniform(20, 200, (objects, 2))
    owner = rng.integers(0, objects, count)
    near = rng.random(count) < 0.1  # anchors that see an object
    center = np.where(near[:, None], centers[owner] + rng.normal(0, 4, (count, 2)), rng.uniform(0, 640, (count, 2)))
    size = np.where(near[:, None], sizes[owner] * rng.uniform(0.9, 1.1, (count, 2)), rng.uniform(8, 120, (count, 2)))
    boxes = np.concatenate([center - size / 2, center + size / 2], 1).astype(np.float32)
    scores = rng.beta(0.5, 30, (classes, count)).astype(np.float32)
    seen = np.flatnonzero(near)
    scores[owner[seen] % classes, seen] = rng.uniform(0.3, 0.95, len(seen))
    return boxes[None], scores[None]


def non_max_suppression(rng, classes):
    boxes, scores = detections(rng, classes)
    weights = {
        "most": np.array(300, np.int64),
        "overlap": np.array(0.45, np.float32),
        "least": np.array(0.25, np.float32),
    }
    made = node("NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["y"])
    return Case([made], {"boxes": boxes, "scores": scores}, {"y": I64}, weights)


def nms(rng):
    return non_max_suppression(rng, 1)


def nms_80_classes(rng):
    return non_max_suppression(rng, 80)


def topk(rng):
    k = {"k": np.array([100], np.int64)}
    scores = rng.beta(0.5, 30, (1, 80, 8400)).astype(np.float32)
    return Case([node("TopK", ["x", "k"], ["y", "i"])], {"x": scores}, {"y": F32, "i": I64}, k)


def layer_normalization(rng):
    weights = {"scale": normal(rng, 768), "bias": normal(rng, 768)}
    return Case(
        [node("LayerNormalization", ["x", "scale", "bias"], ["y"])], {"x": normal(rng, 128, 768)}, {"y": F32}, weights
    )


def rms_normalization(rng):
    weights = {"scale": normal(rng, 768)}
    return Case(
        [node("RMSNormalization", ["x", "scale"], ["y"])], {"x": normal(rng, 128, 768)}, {"y": F32}, weights, opset=23
    )


def group_normalization(rng):
    weights = {"scale": normal(rng, 64), "bias": normal(rng, 64)}
    made = node("GroupNormalization", ["x", "scale", "bias"], ["y"], num_groups=32)
    return Case([made], {"x": normal(rng, 1, 64, 64, 64)}, {"y": F32}, weights)


def heads(rng):
    return {key: normal(rng, 1, 12, 128, 64) for key in "qkv"}


def einsum_attention(rng):
    nodes = [
        node("Einsum", ["q", "k"], ["scores"], equation="bhid,bhjd->bhij"),
        node("Mul", ["scores", "scale"], ["scaled"]),
        node("Softmax", ["scaled"], ["weights"], axis=-1),
        node("Einsum", ["weights", "v"], ["y"], equation="bhij,bhjd->bhid"),
    ]
    return Case(nodes, heads(rng), {"y": F32}, {"scale": np.array(0.125, np.float32)})


def attention(rng):
    return Case([node("Attention", ["q", "k", "v"], ["y"])], heads(rng), {"y": F32}, opset=23)


def multi_head_attention(rng):
    inputs = {key: normal(rng, 1, 128, 768) for key in "qkv"}
    return Case([node("MultiHeadAttention", ["q", "k", "v"], ["y"], MICROSOFT, num_heads=12)], inputs, {"y": F32})


def rotary_embedding(rng):
    angle = np.outer(np.arange(128), 10000.0 ** -(np.arange(32) / 32)).astype(np.float32)
    weights = {"cos": np.cos(angle)[None], "sin": np.sin(angle)[None]}
    made = node("RotaryEmbedding", ["x", "cos", "sin"], ["y"])
    return Case([made], {"x": normal(rng, 1, 12, 128, 64)}, {"y": F32}, weights, opset=23)


def skip_layer_normalization(rng):
    inputs = {"x": normal(rng, 1, 128, 768), "skip": normal(rng, 1, 128, 768)}
    weights = {"scale": normal(rng, 768), "bias": normal(rng, 768)}
    made = node("SkipLayerNormalization", ["x", "skip", "scale", "bias"], ["y"], MICROSOFT)
    return Case([made], inputs, {"y": F32}, weights)


def gelu(rng):
    return Case([node("Gelu", ["x"], ["y"], MICROSOFT)], {"x": normal(rng, 1, 128, 3072)}, {"y": F32})


def qlinear_conv(rng):
    weights = {
        "x_scale": np.array(0.02, np.float32),
        "x_zero": np.array(128, np.uint8),
        "w": int8s(rng, 64, 64, 3, 3),
        "w_scale": rng.uniform(0.001, 0.004, 64).astype(np.float32),
        "w_zero": np.zeros(64, np.int8),
        "y_scale": np.array(0.6, np.float32),
        "y_zero": np.array(120, np.uint8),
        "b": rng.integers(-20000, 20000, 64, dtype=np.int32),
    }
    made = node("QLinearConv", ["x", *weights], ["y"], pads=[1, 1, 1, 1])
    return Case([made], {"x": uint8s(rng, 1, 64, 56, 56)}, {"y": TensorProto.UINT8}, weights)


def qlinear_matmul(rng):
    weights = {
        "a_scale": np.array(0.02, np.float32),
        "a_zero": np.array(128, np.uint8),
        "b": int8s(rng, 768, 768),
        "b_scale": np.array(0.003, np.float32),
        "b_zero": np.array(0, np.int8),
        "y_scale": np.array(0.2, np.float32),
        "y_zero": np.array(128, np.uint8),
    }
    made = node("QLinearMatMul", ["a", *weights], ["y"])
    return Case([made], {"a": uint8s(rng, 128, 768)}, {"y": TensorProto.UINT8}, weights)


def matmul_integer(rng):
    weights = {"b": int8s(rng, 768, 768), "a_zero": np.array(128, np.uint8), "b_zero": np.array(0, np.int8)}
    made = node("MatMulInteger", ["a", *weights], ["y"])
    return Case([made], {"a": uint8s(rng, 128, 768)}, {"y": TensorProto.INT32}, weights)


def dynamic_quantize_linear(rng):
    outputs = {"y": TensorProto.UINT8, "scale": F32, "zero": TensorProto.UINT8}
    return Case([node("DynamicQuantizeLinear", ["x"], list(outputs))], {"x": normal(rng, 128, 768)}, outputs)


def matmul_nbits(rng):
    k, n, block = 768, 768, 32
    weights = {
        "b": uint8s(rng, n, k // block, block // 2),
        "scales": rng.uniform(0.002, 0.01, (n, k // block)).astype(np.float32),
    }
    made = node("MatMulNBits", ["a", *weights], ["y"], MICROSOFT, K=k, N=n, bits=4, block_size=block)
    return Case([made], {"a": normal(rng, 1, k)}, {"y": F32}, weights)


def conv_transpose(rng):
    weights = {"w": normal(rng, 64, 32, 2, 2, scale=0.1), "b": normal(rng, 32)}
    made = node("ConvTranspose", ["x", "w", "b"], ["y"], strides=[2, 2])
    return Case([made], {"x": normal(rng, 1, 64, 56, 56)}, {"y": F32}, weights)


def grid_sample(rng):
    rows, columns = np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 64), indexing="ij")
    grid = np.stack([columns, rows], -1)[None] + rng.normal(0, 0.05, (1, 64, 64, 2))
    inputs = {"x": normal(rng, 1, 64, 64, 64), "grid": grid.astype(np.float32)}
    return Case([node("GridSample", ["x", "grid"], ["y"], mode="linear")], inputs, {"y": F32})


def roi_align(rng):
    corner = rng.uniform(0, 500, (100, 2))
    rois = np.concatenate([corner, corner + rng.uniform(20, 140, (100, 2))], 1).astype(np.float32)
    inputs = {"x": normal(rng, 1, 64, 40, 40), "rois": rois, "batch": np.zeros(100, np.int64)}
    made = node(
        "RoiAlign", list(inputs), ["y"], output_height=7, output_width=7, sampling_ratio=2, spatial_scale=1 / 16
    )
    return Case([made], inputs, {"y": F32})


def gather(rng):
    table = {"table": normal(rng, 30522, 128)}
    return Case([node("Gather", ["table", "ids"], ["y"])], {"ids": rng.integers(0, 30522, (1, 128))}, {"y": F32}, table)


def scatter_nd(rng):
    rows = rng.permutation(4096)[:1024].reshape(1024, 1)
    inputs = {"x": normal(rng, 4096, 64), "i": rows, "updates": normal(rng, 1024, 64)}
    return Case([node("ScatterND", list(inputs), ["y"])], inputs, {"y": F32})


def cumsum(rng):
    axis = {"axis": np.array(1, np.int64)}
    return Case([node("CumSum", ["x", "axis"], ["y"])], {"x": normal(rng, 128, 768)}, {"y": F32}, axis)


def argmax(rng):
    return Case([node("ArgMax", ["x"], ["y"], axis=1, keepdims=0)], {"x": normal(rng, 1, 21, 256, 256)}, {"y": I64})


def where(rng):
    inputs = {"c": rng.random((1, 12, 128, 128)) < 0.5, "a": normal(rng, 1, 12, 128, 128)}
    return Case([node("Where", ["c", "a", "b"], ["y"])], inputs, {"y": F32}, {"b": np.array(-1e4, np.float32)})


def stft(rng):
    weights = {
        "step": np.array(160, np.int64),
        "window": np.hanning(400).astype(np.float32),
        "length": np.array(400, np.int64),
    }
    return Case([node("STFT", ["x", *weights], ["y"])], {"x": normal(rng, 1, 16000, 1)}, {"y": F32}, weights)


CASES = {
    make.__name__: make
    for make in (
        # the speed marks
        lstm,
        resize_bilinear,
        nms,
        topk,
        layer_normalization,
        einsum_attention,
        qlinear_conv,
        # their neighbours
        gru,
        rnn,
        resize_cubic,
        nms_80_classes,
        rms_normalization,
        group_normalization,
        attention,
        multi_head_attention,
        rotary_embedding,
        skip_layer_normalization,
        gelu,
        qlinear_matmul,
        matmul_integer,
        dynamic_quantize_linear,
        matmul_nbits,
        conv_transpose,
        grid_sample,
        roi_align,
        gather,
        scatter_nd,
        cumsum,
        argmax,
        where,
        stft,
    )
}
MARKS = list(CASES)[:7]


def reference(model, inputs):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def write(folder, name):
    case = CASES[name](np.random.default_rng(zlib.crc32(name.encode())))
    model = case.model(name)
    onnx.save(model, folder / f"{name}.onnx")
    meta = []
    outputs = dict(zip(case.outputs, reference(model, case.inputs)))
    for kind, arrays in (("in", case.inputs), ("out", outputs)):
        for i, (key, array) in enumerate(arrays.items()):
            np.save(folder / f"{name}.{kind}{i}.npy", array)
            meta.append(f"{kind} {key} {array.dtype} {','.join(map(str, array.shape))}\n")
    (folder / f"{name}.meta").write_text("".join(meta))  # last: it says that the rest is there


def main():
    folder = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:] or CASES:
        write(folder, name)


if __name__ == "__main__":
    main()
