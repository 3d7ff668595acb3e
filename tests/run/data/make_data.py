#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the files of this directory with numpy, ml_dtypes, onnx, Pillow and the standard library, whose word the
tests take: for each picture NAME.EXT also NAME.rgb, the pixels that Pillow reads from it."""

import pathlib
import wave

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper
from PIL import Image

HERE = pathlib.Path(__file__).parent


def arrays():
    count = np.arange(6).reshape(2, 3)
    np.save(HERE / "float32.npy", (count / 4).astype("f4"))
    np.save(HERE / "float64_fortran.npy", np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)))
    np.save(HERE / "int64_scalar.npy", np.int64(-(2**60)))
    np.save(HERE / "uint8_empty.npy", np.zeros((0, 3), "u1"))
    np.save(HERE / "bool.npy", np.array([True, False, True]))
    np.save(HERE / "float16.npy", np.array([1.5, -2, 65504, np.inf], "f2"))
    np.save(HERE / "complex64.npy", np.array([1 + 2j, -3j], "c8"))
    np.save(HERE / "unicode.npy", np.array([["a", "äß€"], ["", "\U0001d11e!"]]))
    np.save(HERE / "bytes.npy", np.array([b"ab", b"c"]))
    np.save(HERE / "bfloat16.npy", np.array([1, -2.5, 3], ml_dtypes.bfloat16))
    np.save(HERE / "float8e5m2.npy", np.array([1, -2.5, 3], ml_dtypes.float8_e5m2))
    np.save(HERE / "int8.npy", np.array([-8, 7, 3], "i1"))
    np.save(HERE / "big_endian.npy", count.astype(">f4"))
    np.save(HERE / "objects.npy", np.array([{}, None], object), allow_pickle=True)
    np.save(HERE / "structured.npy", np.zeros(2, [("a", "i4"), ("b", "f4")]))
    for version in (2, 3):
        with open(HERE / f"version{version}.npy", "wb") as file:
            np.lib.format.write_array(file, count.astype("i4"), version=(version, 0))


def pictures():
    random = np.random.default_rng(7)
    colours = random.integers(0, 256, (5, 7, 3), "u1")
    smooth = np.asarray(Image.fromarray(colours).resize((20, 18), Image.BILINEAR))
    colour, gray = Image.fromarray(colours), Image.fromarray(colours[..., 0])
    alpha = Image.fromarray(np.dstack([colours, random.integers(0, 256, (5, 7), "u1")]))
    deep = Image.fromarray(random.integers(0, 65536, (5, 7), "u2"))
    made = {
        "rgb.png": (colour, {}),
        "gray.png": (gray, {}),
        "alpha.png": (alpha, {}),
        "palette.png": (colour.quantize(8), {"bits": 4}),
        "bits.png": (gray.convert("1"), {}),
        "color.jpg": (Image.fromarray(smooth), {"quality": 90}),
        "progressive.jpg": (Image.fromarray(smooth), {"progressive": True, "subsampling": 0}),
        "grayscale.jpg": (Image.fromarray(smooth[..., 0]), {}),
        "rgb24.bmp": (colour, {}),
        "palette8.bmp": (colour.quantize(8), {}),
        "bits1.bmp": (gray.convert("1"), {}),
        "alpha32.bmp": (alpha, {}),
    }
    for name, (picture, options) in made.items():
        picture.save(HERE / name, **options)
        pixels = np.asarray(Image.open(HERE / name).convert("RGB"))
        (HERE / name).with_suffix(".rgb").write_bytes(pixels.tobytes())
    deep.save(HERE / "deep.png")
    high_bytes = (np.asarray(deep) >> 8).astype("u1")
    (HERE / "deep.rgb").write_bytes(np.repeat(high_bytes[..., None], 3, 2).tobytes())


def sounds():
    with wave.open(str(HERE / "stereo.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.array([[16384, 0], [-32768, -32768], [1, 3]], "<i2").tobytes())


def loops():
    """A Loop without a trip count or a condition that ends it, on scalars and on tensors for devices."""
    node, value = helper.make_node, helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Tanh", ["s"], ["t"])], "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("s", TensorProto.FLOAT, [8])],
        [value("on", TensorProto.BOOL, []), value("t", TensorProto.FLOAT, [8])])
    graph = helper.make_graph([node("Loop", ["", "", "x"], ["y"], body=body, name="forever")], "endless",
                              [value("x", TensorProto.FLOAT, [8])], [value("y", TensorProto.FLOAT, [8])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (HERE / "endless_loop.onnx").write_bytes(model.SerializeToString())


arrays()
pictures()
sounds()
loops()
