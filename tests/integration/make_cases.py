#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes cases/*: whole models in the form of ONNX's backend tests, for what its suite leaves out, with
values that ONNX Runtime, ONNX's reference evaluator, finite differences or plain numpy give. Needs numpy,
onnx, onnxruntime; the tests do not."""
import pathlib
import shutil

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

ROOT = pathlib.Path(__file__).parent / "cases"
ML, TRAINING = "ai.onnx.ml", "ai.onnx.preview.training"
rng = np.random.default_rng(3)
node = helper.make_node


def typed(name, x):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)


def model_of(nodes, inputs, outputs, opset=21, domains=(), initializers=(), sparse=(), ir=10):
    """outputs: names, or finished ValueInfoProtos."""
    ports = [o if isinstance(o, onnx.ValueInfoProto) else helper.make_empty_tensor_value_info(o) for o in outputs]
    graph = helper.make_graph(nodes, "case", [typed(n, x) for n, x in inputs.items()], ports,
                              initializer=list(initializers), sparse_initializer=list(sparse))
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, v) for d, v in domains]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir)


def spelled_map(entries):
    """onnx.numpy_helper takes no keys that are strings."""
    m = onnx.MapProto()
    if isinstance(next(iter(entries)), str):
        m.key_type = TensorProto.STRING
        m.string_keys.extend(k.encode() for k in entries)
    else:
        m.key_type = TensorProto.INT64
        m.keys.extend(entries)
    m.values.elem_type = onnx.SequenceProto.TENSOR
    m.values.tensor_values.extend(numpy_helper.from_array(np.asarray(v)) for v in entries.values())
    return m


def spelled(value, name):
    if isinstance(value, list):
        return onnx.SequenceProto(name=name, elem_type=onnx.SequenceProto.MAP,
                                  map_values=[spelled_map(m) for m in value])
    return numpy_helper.from_array(np.asarray(value), name)


def write(name, model, inputs, outputs):
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    for i, (n, x) in enumerate(inputs.items()):
        (data / f"input_{i}.pb").write_bytes(spelled(x, n).SerializeToString())
    for i, (port, y) in enumerate(zip(model.graph.output, outputs, strict=True)):
        (data / f"output_{i}.pb").write_bytes(spelled(y, port.name).SerializeToString())


def by_runtime(model, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, inputs)


# --------------------------------------------------------------------------------------- gradients

def differences(nodes, inputs, y, x, constants=()):
    """The gradient of the sum of y by x, from differences of function values."""
    forward = ReferenceEvaluator(model_of(nodes, inputs, [y], initializers=constants))
    slope = np.zeros_like(inputs[x])
    for i in np.ndindex(slope.shape):
        values = []
        for step in (1e-5, -1e-5):
            moved = dict(inputs)
            moved[x] = inputs[x].copy()
            moved[x][i] += step
            values.append(forward.run(None, moved)[0].sum())
        slope[i] = (values[0] - values[1]) / 2e-5
    return slope


def gradient(inputs, outputs, **attributes):
    return node("Gradient", inputs, outputs, domain=TRAINING, **attributes)


def gradient_case(name, forward, inputs, targets, constants=()):
    """targets: (y, [x, ...]) each."""
    nodes, expected, ports = list(forward), [], []
    for y, xs in targets:
        zs = [n for n in inputs if n not in xs] if len(xs) > 1 else []
        outs = [f"d{y}_d{x}" for x in xs]
        nodes.append(gradient(xs + zs, outs, xs=xs, y=y, **({"zs": zs} if zs else {})))
        expected += [differences(forward, inputs, y, x, constants) for x in xs]
        ports += [helper.make_tensor_value_info(o, TensorProto.DOUBLE, None) for o in outs]
    write(name, model_of(nodes, inputs, ports, domains=[(TRAINING, 1)], initializers=constants), inputs, expected)


def uniform(*shape, low=-1.0, high=1.0, dtype=np.float64):
    return np.round(rng.uniform(low, high, shape), 3).astype(dtype)


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def gradients():
    unary = ["Abs", "Cos", "Cosh", "Elu", "Exp", "Identity", "LeakyRelu", "Neg", "Reciprocal", "Relu", "Sigmoid",
             "Sin", "Sinh", "Softplus", "Softsign", "Tan", "Tanh"]
    x = {"x": np.array([[-0.9, -0.4, 0.3], [0.7, 0.2, -0.15]])}
    gradient_case("gradient_unary", [node(op, ["x"], [op]) for op in unary], x, [(op, ["x"]) for op in unary])
    # The reference evaluator's Erf is too rough to take differences.
    port = helper.make_tensor_value_info("d", TensorProto.DOUBLE, None)
    write("gradient_erf", model_of([node("Erf", ["x"], ["y"]), gradient(["x"], ["d"], xs=["x"], y="y")], x, [port],
                                   domains=[(TRAINING, 1)]), x, [2 / np.sqrt(np.pi) * np.exp(-x["x"] ** 2)])
    positive = {"x": uniform(2, 3, low=0.2, high=2)}
    gradient_case("gradient_positive", [node(op, ["x"], [op]) for op in ("Log", "Sqrt")], positive,
                  [("Log", ["x"]), ("Sqrt", ["x"])])

    a, b = uniform(2, 1, 3, low=0.5, high=2), uniform(4, 1, low=0.5, high=2)
    binary = ["Add", "Sub", "Mul", "Div", "Pow", "Sum"]
    gradient_case("gradient_broadcast", [node(op, ["a", "b"], [op]) for op in binary], {"a": a, "b": b},
                  [(op, ["a", "b"]) for op in binary])

    x = {"x": uniform(2, 3, 4)}
    forward = [
        node("Transpose", ["x"], ["t"], perm=[2, 0, 1]), node("Mul", ["t", "t"], ["T"]),
        node("Reshape", ["x", "flat"], ["r"]), node("Exp", ["r"], ["R"]),
        node("Unsqueeze", ["x", "one"], ["u"]), node("Sin", ["u"], ["U"]),
        node("Split", ["x"], ["s0", "s1"], axis=2, num_outputs=2), node("Mul", ["s0", "s0"], ["s2"]),
        node("Concat", ["s2", "s1", "s0"], ["c"], axis=-1), node("Exp", ["c"], ["C"]),
        node("Expand", ["x", "wide"], ["e"]), node("Sin", ["e"], ["E"]),
        node("ReduceSum", ["x", "one"], ["q"], keepdims=0), node("Mul", ["q", "q"], ["Q"]),
        node("ReduceMean", ["x"], ["m"], keepdims=0), node("Mul", ["m", "m"], ["M"]),
        node("Softmax", ["x"], ["f"], axis=1), node("Mul", ["f", "x"], ["F"]),
        node("LogSoftmax", ["x"], ["g"]), node("Mul", ["g", "x"], ["G"]),
        node("Greater", ["x", "zero"], ["p"]), node("Where", ["p", "T0", "x"], ["W"]),
        node("Mul", ["x", "x"], ["T0"]),
    ]
    forward.insert(0, forward.pop())
    constants = [ints("flat", 6, -1), ints("one", 1), ints("wide", 2, 2, 3, 4),
                 numpy_helper.from_array(np.array(0.0), "zero")]
    gradient_case("gradient_shapes", forward, x, [(y, ["x"]) for y in "TRUCEQMFGW"], constants)

    inputs = {"x": uniform(3, 4), "w1": uniform(4, 5), "b1": uniform(5), "w2": uniform(2, 5), "b2": uniform(2)}
    forward = [node("MatMul", ["x", "w1"], ["h"]), node("Add", ["h", "b1"], ["i"]), node("Tanh", ["i"], ["j"]),
               node("Gemm", ["j", "w2", "b2"], ["k"], transB=1, alpha=0.5, beta=2.0), node("LogSoftmax", ["k"], ["l"]),
               node("ReduceMean", ["l"], ["loss"], keepdims=0)]
    gradient_case("gradient_mlp", forward, inputs, [("loss", ["w1", "b1", "w2", "b2"])])

    # At other values than those in the graph, and of a gradient.
    x = {"x": uniform(3), "other": uniform(3)}
    cube = [node("Mul", ["x", "x"], ["square"]), node("Mul", ["square", "x"], ["cube"])]
    nodes = cube + [gradient(["other"], ["d"], xs=["x"], y="cube"), gradient(["x"], ["first"], xs=["x"], y="cube"),
                    gradient(["x"], ["second"], xs=["x"], y="first")]
    ports = [helper.make_tensor_value_info(n, TensorProto.DOUBLE, [3]) for n in ("d", "second")]
    write("gradient_elsewhere", model_of(nodes, x, ports, domains=[(TRAINING, 1)]), x,
          [3 * x["other"] ** 2, 6 * x["x"]])


# ---------------------------------------------------------------------------------- maps and types

def map_port(name, key):
    value = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    return helper.make_value_info(name, helper.make_sequence_type_proto(helper.make_map_type_proto(key, value)))


def maps():
    x = {"x": np.array([[0.25, -1, 3], [4, 5.5, 6]], np.float32)}
    for name, key, labels in (("ints", TensorProto.INT64, {"classlabels_int64s": [7, -2, 4]}),
                              ("strings", TensorProto.STRING, {"classlabels_strings": ["a", "", "c"]})):
        nodes = [node("ZipMap", ["x"], ["z"], domain=ML, **labels)]
        model = model_of(nodes, x, [map_port("z", key)], domains=[(ML, 3)])
        keys = list(labels.values())[0]
        write(f"zip_map_{name}", model, x, [[dict(zip(keys, map(np.float32, row))) for row in x["x"]]])
    nodes = [
        node("ZipMap", ["x"], ["ints"], domain=ML, classlabels_int64s=[7, 0, 4]),
        node("ZipMap", ["x"], ["strings"], domain=ML, classlabels_strings=["a", "b", "c"]),
        node("Constant", [], ["at"], value_int=1),
        node("SequenceAt", ["ints", "at"], ["m"]), node("SequenceAt", ["strings", "at"], ["n"]),
        node("DictVectorizer", ["m"], ["v"], domain=ML, int64_vocabulary=[4, 1, 7]),
        node("DictVectorizer", ["n"], ["w"], domain=ML, string_vocabulary=["c", "a", "none"]),
        node("CastMap", ["m"], ["dense"], domain=ML),
        node("CastMap", ["m"], ["sparse"], domain=ML, map_form="SPARSE", max_map=9, cast_to="TO_INT64"),
    ]
    sparse = np.zeros((1, 9), np.int64)
    sparse[0, [7, 0, 4]] = [4, 5, 6]
    write("maps_to_tensors", model_of(nodes, x, ["v", "w", "dense", "sparse"], domains=[(ML, 3)]), x,
          [np.array([6, 0, 4], np.float32), np.array([6, 4, 0], np.float32), np.array([[5.5, 6, 4]], np.float32), sparse])


def types():
    values = helper.make_tensor("s", TensorProto.FLOAT, [2], [1.5, -2.0])
    flat = helper.make_sparse_tensor(values, helper.make_tensor("i", TensorProto.INT64, [2], [1, 5]), [2, 3])
    other = helper.make_tensor("c", TensorProto.FLOAT, [1], [8.0])
    pairs = helper.make_sparse_tensor(other, helper.make_tensor("j", TensorProto.INT64, [1, 2], [1, 2]), [2, 3])
    x = {"x": np.ones((2, 3), np.float32)}
    nodes = [node("Constant", [], ["k"], sparse_value=pairs), node("Sum", ["x", "s", "k"], ["y"])]
    y = np.array([[1, 2.5, 1], [1, 1, 7]], np.float32)
    write("sparse", model_of(nodes, x, ["y"], sparse=[flat]), x, [y])

    z = np.array([[1 + 2j, -3j], [0.5, 4 - 1j]], np.complex64)
    nodes = [node("Transpose", ["z"], ["t"]), node("Concat", ["t", "c"], ["y"], axis=0),
             node("Reshape", ["y", "flat"], ["r"]), node("Gather", ["r", "pick"], ["g"])]
    constants = [numpy_helper.from_array(z.conj(), "c"), ints("flat", -1), ints("pick", 7, 0)]
    y = np.concatenate([z.T, z.conj()])
    write("complex64", model_of(nodes, {"z": z}, ["y", "g"], initializers=constants), {"z": z},
          [y, y.reshape(-1)[[7, 0]]])

    # Constants of every small type, in both places where a file may hold them.
    nodes, constants, expected = [], [], []
    numbers = {"INT4": [-8, 7, 3], "UINT4": [15, 0, 9], "FLOAT4E2M1": [6.0, -0.5, 1.5], "FLOAT8E4M3FN": [448.0, -0.25, 3.0],
               "FLOAT8E5M2": [57344.0, -0.25, 3.0], "FLOAT8E4M3FNUZ": [240.0, -0.25, 3.0],
               "FLOAT8E5M2FNUZ": [57344.0, 0.25, -3.0], "BFLOAT16": [1.5, -0.0078125, 256.0], "FLOAT16": [0.5, 65504.0, -2.0],
               "INT2": [-2, 1, 0], "UINT2": [3, 0, 2]}
    for name, values in numbers.items():
        stored = helper.make_tensor(name, getattr(TensorProto, name), [3], values)
        raw = numpy_helper.from_array(numpy_helper.to_array(stored), name + "_raw")
        for t in (stored, raw):
            constants.append(t)
            nodes.append(node("Cast", [t.name], [t.name + "_y"], to=TensorProto.FLOAT))
            expected.append(np.array(values, np.float32))
    x = {"x": np.zeros(1, np.float32)}
    nodes.append(node("Identity", ["x"], ["y"]))
    write("small_types", model_of(nodes, x, [n.output[0] for n in nodes], opset=25, ir=13, initializers=constants), x,
          expected + [x["x"]])


# ------------------------------------------------------------------------------------ control flow

def body(nodes, inputs, outputs, name="body"):
    scalars = ("k", "go")  # of Loop
    ports = [helper.make_tensor_value_info(n, t, [] if n in scalars else None) for n, t in inputs]
    return helper.make_graph(nodes, name, ports, [helper.make_tensor_value_info(n, t, None) for n, t in outputs])


def control_flow():
    f, i, b = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
    # Outer values in both levels, a trip count that is an input, a condition that ends it, scan outputs.
    small = body([node("Add", ["s", "step"], ["a"])], [], [("a", f)], "then")
    large = body([node("Mul", ["s", "x"], ["m"])], [], [("m", f)], "else")
    loop = body([node("Cast", ["k"], ["kf"], to=f), node("Less", ["kf", "limit"], ["low"]),
                 node("If", ["low"], ["t"], then_branch=small, else_branch=large), node("ReduceMax", ["t"], ["top"], keepdims=0),
                 node("Less", ["top", "enough"], ["more"]), node("Identity", ["t"], ["out"])],
                [("k", i), ("go", b), ("s", f)], [("more", b), ("t", f), ("out", f)])
    constants = [numpy_helper.from_array(np.array(v, np.float32), n)
                 for n, v in (("step", 0.5), ("limit", 3), ("enough", 40))]
    constants.append(numpy_helper.from_array(np.array(True), "yes"))
    for trips in (0, 2, 100):
        inputs = {"n": np.array(trips), "x": np.array([2, 1.5], np.float32)}
        model = model_of([node("Loop", ["n", "yes", "x"], ["last", "all"], body=loop)], inputs, ["last", "all"],
                         initializers=constants)
        last, every = by_runtime(model, inputs)  # of no iterations ONNX Runtime does not know the rank
        write(f"loop_{trips}", model, inputs, [last, every.reshape(-1, 2)])
    scan = body([node("Add", ["s", "v"], ["t"]), node("Mul", ["t", "scale"], ["o"])], [("s", f), ("v", f)], [("t", f), ("o", f)])
    inputs = {"s": np.array([0, 1], np.float32), "v": uniform(2, 3, dtype=np.float32), "scale": np.array(3, np.float32)}
    model = model_of([node("Scan", ["s", "v"], ["last", "all"], body=scan, num_scan_inputs=1, scan_input_axes=[1],
                           scan_input_directions=[1], scan_output_axes=[1])], inputs, ["last", "all"])
    write("scan", model, inputs, by_runtime(model, inputs))
    each = body([node("Add", ["e", "x"], ["r"])], [("e", f)], [("r", f)])
    inputs = {"x": np.array([1, 2, 3], np.float32)}
    nodes = [node("SplitToSequence", ["x"], ["q"]), node("SequenceMap", ["q"], ["m"], body=each),
             node("ConcatFromSequence", ["m"], ["y"], axis=0)]
    write("sequence_map", model_of(nodes, inputs, ["y"]), inputs, [np.add.outer(inputs["x"], inputs["x"]).reshape(-1)])


# ----------------------------------------------------------------------------------- older opsets

def one_model(name, opset, nodes, inputs, expected=None, constants=()):
    """One model of many nodes; each output's value from ONNX Runtime, unless it is given."""
    outputs = [o for n in nodes for o in n.output if o]
    model = model_of(nodes, inputs, outputs, opset=opset, initializers=constants, ir=4)
    known = expected or {}
    rest = [n for n in nodes if not all(o in known for o in n.output if o)]
    if rest:
        names = [o for n in rest for o in n.output if o]
        partial = model_of(rest, inputs, names, opset=opset, initializers=constants, ir=4)
        known |= dict(zip(names, by_runtime(partial, inputs)))
    write(name, model, inputs, [known[o] for o in outputs])


def old_opsets():
    x = uniform(2, 3, 4, dtype=np.float32)
    image = uniform(1, 3, 4, 6, dtype=np.float32)
    row, column = uniform(4, dtype=np.float32), uniform(3, dtype=np.float32)
    positive = np.abs(x) + np.float32(0.5)
    inputs = {"x": x, "image": image, "row": row, "column": column, "positive": positive,
              "yes": x > 0, "column_yes": column > 0}
    at = {"broadcast": 1, "axis": 1}
    c = column[:, None]

    nodes, expected = [], {}

    def add(op, names, y, **attributes):
        out = f"{op}_{len(nodes)}"
        nodes.append(node(op, names, [out], **attributes))
        expected[out] = np.asarray(y)

    arithmetic = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide}
    for op, f in arithmetic.items():
        add(op, ["x", "positive"], f(x, positive))
        add(op, ["x", "row"], f(x, row), broadcast=1)
        add(op, ["x", "column"], f(x, c), **at)
        add(op, ["x", "column"], f(x, c), consumed_inputs=[0, 0], broadcast=1, axis=-2)
    add("Pow", ["positive", "column"], positive ** c, **at)
    for op, f in {"Less": np.less, "Greater": np.greater}.items():
        add(op, ["x", "column"], f(x, c), **at)
    for op, f in {"And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor, "Equal": np.equal}.items():
        if op != "Equal":
            add(op, ["yes", "column_yes"], f(inputs["yes"], inputs["column_yes"][:, None]), **at)
    unary = {"Abs": np.abs, "Ceil": np.ceil, "Exp": np.exp, "Floor": np.floor, "Neg": np.negative, "Tanh": np.tanh,
             "Sigmoid": lambda v: 1 / (1 + np.exp(-v)), "Relu": lambda v: np.maximum(v, 0),
             "LeakyRelu": lambda v: np.where(v > 0, v, v * np.float32(0.01)), "Elu": lambda v: np.where(v > 0, v, np.exp(v) - 1),
             "HardSigmoid": lambda v: np.clip(np.float32(0.2) * v + np.float32(0.5), 0, 1),
             "Selu": lambda v: np.float32(1.0507) * np.where(v > 0, v, np.float32(1.6732) * (np.exp(v) - 1))}
    for op, f in unary.items():
        add(op, ["x"], f(x), consumed_inputs=[0])
    for op, f in {"Sqrt": np.sqrt, "Log": np.log, "Reciprocal": np.reciprocal}.items():
        add(op, ["positive"], f(positive), consumed_inputs=[0])
    for op, f in {"Sum": x + positive, "Max": np.maximum(x, positive), "Min": np.minimum(x, positive),
                  "Mean": (x + positive) / 2}.items():
        add(op, ["x", "positive"], f, consumed_inputs=[0, 0])
    add("PRelu", ["image", "column"], np.where(image > 0, image, image * column[:, None, None]), consumed_inputs=[0, 0])
    add("Clip", ["x"], np.clip(x, -0.5, 0.25), min=-0.5, max=0.25, consumed_inputs=[0])
    add("Cast", ["x"], x.astype(np.float64), to="DOUBLE")
    add("Reshape", ["x"], x.reshape(2, 12), shape=[0, -1], consumed_inputs=[0])
    add("Concat", ["x", "positive"], np.concatenate([x, positive], 1))
    add("Dropout", ["x"], x, is_test=1, ratio=0.5)
    add("Pad", ["x"], np.pad(x, [(0, 0), (1, 0), (0, 2)], constant_values=1.5), paddings=[0, 1, 0, 0, 0, 2], value=1.5)
    add("Pad", ["x"], np.pad(x, [(0, 0), (1, 1), (0, 0)], mode="reflect"), paddings=[0, 1, 0, 0, 1, 0], mode="reflect")
    add("Slice", ["x"], x[:, 1:, -3:-1], axes=[1, 2], starts=[1, -3], ends=[100, -1])
    add("Squeeze", ["image"], image[0], axes=[0])
    add("Unsqueeze", ["x"], x[None, ..., None], axes=[0, 4])
    add("Upsample", ["image"], image.repeat(2, 2).repeat(3, 3), height_scale=2.0, width_scale=3.0, mode="nearest")
    add("GlobalLpPool", ["image"], np.sqrt((image ** 2).sum((2, 3), keepdims=True)))
    add("LpPool", ["image"], np.sqrt((image.reshape(1, 3, 2, 2, 3, 2) ** 2).sum((3, 5))), kernel_shape=[2, 2], strides=[2, 2])
    two_d = x.reshape(2, 12)
    e = np.exp(two_d - two_d.max(1, keepdims=True))
    soft = (e / e.sum(1, keepdims=True)).reshape(x.shape)
    add("Softmax", ["x"], soft)
    add("LogSoftmax", ["x"], np.log(soft))
    add("Hardmax", ["x"], np.eye(12, dtype=np.float32)[two_d.argmax(1)].reshape(x.shape))
    for op, f in {"ReduceSum": np.sum, "ReduceMean": np.mean, "ReduceMax": np.max}.items():
        add(op, ["x"], f(x, (0, 2), keepdims=True), axes=[0, 2])
        add(op, ["x"], f(x, 1), axes=[1], keepdims=0)
    nodes.append(node("Split", ["x"], ["left", "right"], axis=1, split=[1, 2]))
    expected |= {"left": x[:, :1], "right": x[:, 1:]}
    nodes.append(node("TopK", ["x"], ["most", "where"], axis=1, k=2))
    order = np.argsort(-x, axis=1, kind="stable")[:, :2]
    expected |= {"most": np.take_along_axis(x, order, 1), "where": order}
    one_model("opset_1", 1, nodes, inputs, expected)

    # Inputs that were attributes.
    nodes, expected = [], {}
    add("Tile", ["x", "tiles"], np.tile(x, (1, 2, 3)))
    one_model("opset_6_tile", 6, nodes, {"x": x}, expected, [ints("tiles", 1, 2, 3)])
    nodes, expected = [], {}
    add("Tile", ["x", "two", "axis"], np.tile(x, (1, 2, 1)))
    one_model("opset_1_tile", 1, nodes, {"x": x}, expected,
              [numpy_helper.from_array(np.array(2, np.float32), "two"), numpy_helper.from_array(np.array(1, np.float32), "axis")])
    a, b, bias = uniform(3, 4, dtype=np.float32), uniform(4, 2, dtype=np.float32), uniform(2, dtype=np.float32)
    nodes, expected = [], {}
    add("Gemm", ["a", "b", "bias"], a @ b * np.float32(0.5) + 2 * bias, alpha=0.5, beta=2.0, broadcast=1)
    one_model("opset_1_gemm", 1, nodes, {"a": a, "b": b, "bias": bias}, expected)

    gamma, beta, mean, var = (uniform(3, low=0.5, high=1.5, dtype=np.float32) for _ in range(4))
    normed = {"image": image, "gamma": gamma, "beta": beta, "mean": mean, "var": var}
    shape = (1, 3, 1, 1)
    plain = (image - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + np.float32(1e-5)) * gamma.reshape(shape) + beta.reshape(shape)
    for opset, more in ((1, {"is_test": 1, "consumed_inputs": [0, 0, 0, 1, 1]}), (6, {"is_test": 1}), (7, {}), (9, {})):
        nodes, expected = [], {}
        add("BatchNormalization", list(normed), plain, **more)
        one_model(f"opset_{opset}_batch_norm", opset, nodes, normed, expected)

    seven = [
        node("Upsample", ["image"], ["u"], scales=[1.0, 1.0, 2.0, 2.0], mode="linear"),
        node("Slice", ["x"], ["s"], starts=[1], ends=[3]), node("Softmax", ["x"], ["f"], axis=2),
        node("LogSoftmax", ["x"], ["lf"], axis=1), node("Hardmax", ["x"], ["h"], axis=1),
        node("Pad", ["x"], ["p"], pads=[0, 1, 0, 0, 0, 2], mode="edge"), node("Clip", ["x"], ["c"], min=-0.25),
        node("Dropout", ["x"], ["d"]), node("TopK", ["x"], ["t", "ti"], k=2, axis=-1), node("Squeeze", ["image"], ["q"]),
        node("Split", ["x"], ["a0", "a1"], axis=2), node("ReduceL2", ["x"], ["l"], axes=[-1], keepdims=0),
        node("ReduceLogSumExp", ["x"], ["ls"], axes=[1]), node("Cast", ["x"], ["ci"], to=TensorProto.INT32),
        node("AveragePool", ["image"], ["av"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        node("MaxPool", ["image"], ["mp"], kernel_shape=[2, 2], auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Expand", ["x1", "to"], ["ex"]), node("Identity", ["x"], ["id"]),
    ]
    one_model("opset_8", 8, seven, {"x": x, "image": image, "x1": x[:, :1]}, None, [ints("to", 2, 3, 4)])
    ten = [
        node("Resize", ["image", "scales"], ["r"], mode="linear"), node("Resize", ["image", "scales"], ["rn"], mode="nearest"),
        node("Slice", ["x", "from", "end", "axes", "steps"], ["s"]), node("TopK", ["x", "two"], ["t", "ti"], axis=1),
        node("Dropout", ["x"], ["d"], ratio=0.25), node("OneHot", ["index", "depth", "values"], ["oh"]),
        node("Scatter", ["x", "where", "updates"], ["sc"], axis=1), node("AveragePool", ["image"], ["av"], kernel_shape=[2, 2], ceil_mode=1),
        node("ArgMax", ["x"], ["am"], axis=1), node("Clip", ["x"], ["c"], max=0.1), node("Pad", ["x"], ["p"], pads=[1, 0, 0, 0, 0, 0], value=7.0),
    ]
    constants = [numpy_helper.from_array(np.array([1, 1, 2, 1.5], np.float32), "scales"), ints("from", 3, 0), ints("end", 0, 2),
                 ints("axes", 2, 1), ints("steps", -1, 1), ints("two", 2), ints("index", 0, 2), ints("depth", 4),
                 numpy_helper.from_array(np.array([0, 5], np.float32), "values"),
                 numpy_helper.from_array(np.array([[[2, 0, 1, 1]]]), "where"),
                 numpy_helper.from_array(np.array([[[9, 8, 7, 6]]], np.float32), "updates")]
    one_model("opset_10", 10, ten, {"x": x, "image": image}, None, constants)

    sequence, w, r = uniform(4, 2, 3, dtype=np.float32), uniform(1, 20, 3, dtype=np.float32), uniform(1, 20, 5, dtype=np.float32)
    recurrent = [node("LSTM", ["v", "w", "r"], ["y", "h", "c"], hidden_size=5),
                 node("GRU", ["v", "wg", "rg"], ["yg", "hg"], hidden_size=5, linear_before_reset=1),
                 node("RNN", ["v", "wr", "rr"], ["yr", "hr"], hidden_size=5)]
    feeds = {"v": sequence, "w": w, "r": r, "wg": w[:, :15], "rg": r[:, :15], "wr": w[:, :5], "rr": r[:, :5]}
    one_model("opset_7_recurrent", 7, recurrent, feeds)
    values = by_runtime(model_of(recurrent, feeds, ["y", "h", "c", "yg", "hg", "yr", "hr"], opset=7, ir=4), feeds)
    for n in recurrent:
        n.attribute.append(helper.make_attribute("output_sequence", 1))
    one_model("opset_1_recurrent", 1, recurrent, feeds, dict(zip(["y", "h", "c", "yg", "hg", "yr", "hr"], values)))

    f = TensorProto.FLOAT
    scan = body([node("Add", ["s", "v"], ["t"]), node("Identity", ["t"], ["o"])], [("s", f), ("v", f)], [("t", f), ("o", f)])
    batch = {"s": uniform(2, 3, dtype=np.float32), "v": uniform(2, 4, 3, dtype=np.float32)}
    running = np.cumsum(batch["v"], 1) + batch["s"][:, None]
    model = model_of([node("Scan", ["", "s", "v"], ["last", "all"], body=scan, num_scan_inputs=1)], batch, ["last", "all"],
                     opset=8, ir=4)
    write("opset_8_scan", model, batch, [running[:, -1], running])


for make in (gradients, maps, types, control_flow, old_opsets):
    make()
