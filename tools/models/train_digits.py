#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the bundled model: a small convolutional network that reads handwritten digits.

    tools/models/train_digits.py [FOLDER]        (default: tools/models/digits)

Data: the 1797 handwritten digits, 8x8 pixels in 17 grey levels, that scikit-learn carries
(sklearn.datasets.load_digits; UCI "Optical Recognition of Handwritten Digits"). A third of them, fixed by
SEED and stratified by digit, is held out: it is neither trained on nor used to choose anything; the
network after the last epoch is the one that is measured and written. (The split is by picture, not by
writer. Other seeds give 99.5 to 100 %.)

Needs Debian's python3-torch and python3-sklearn; where onnxruntime can be imported too, the exported file
is measured with it as well. Writes digits.onnx, labels.txt, digits.json (split, seed, accuracy) and one
held-out picture of each digit as N.png.
"""

import io
import json
import math
import pathlib
import struct
import sys
import zlib

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F

SEED = 20240607
EPOCHS = 150
BATCH = 64
OPSET = 13
REQUIRED_ACCURACY = 0.985
GREY_LEVELS = 16  # the data's largest value


def conv(inputs, outputs):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def network():
    return nn.Sequential(
        conv(1, 24),
        conv(24, 24),
        nn.MaxPool2d(2),
        conv(24, 48),
        conv(48, 48),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(48 * 4 * 4, 10),
    )


def split():
    """Pictures as they lie in the PNGs (0 ... 255, N x 1 x 8 x 8) and digits; training and held-out part."""
    data = load_digits()
    pixels = np.rint(data.images * (255 / GREY_LEVELS)).astype(np.uint8)[:, None]
    return train_test_split(pixels, data.target, test_size=1 / 3, random_state=SEED, stratify=data.target)


def to_input(pixels):
    """What hrt-run's `--mean 0 --std 255` makes of a picture."""
    return (pixels / 255).astype(np.float32)


def augment(x):
    """Each picture turned by up to 12 degrees, scaled by up to 10 %, shifted by up to a pixel."""
    n = len(x)
    uniform = lambda bound: (torch.rand(n) * 2 - 1) * bound
    angle, scale = uniform(math.radians(12)), 1 + uniform(0.1)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    pixel = 2 / x.shape[-1]  # in the grid's coordinates, which run from -1 to 1
    rows = [torch.stack([cos, -sin, uniform(pixel)], 1), torch.stack([sin, cos, uniform(pixel)], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), x.shape, align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def train(model, x, y):
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.02)
    steps = EPOCHS * math.ceil(len(x) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    for epoch in range(EPOCHS):
        model.train()
        total = 0.0
        for index in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(model(augment(x[index])), y[index], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(index)
        if (epoch + 1) % 25 == 0:
            print(f"epoch {epoch + 1:3}: training loss {total / len(x):.4f}", flush=True)
    return model.eval()


def export(model):
    """ONNX bytes: probabilities for a batch of any size. BatchNormalization stays in the graph
    (TrainingMode.PRESERVE): folding it is the engine's job."""
    buffer = io.BytesIO()
    torch.onnx.export(
        nn.Sequential(*model, nn.Softmax(dim=1)).eval(),
        torch.zeros(1, 1, 8, 8),
        buffer,
        opset_version=OPSET,
        do_constant_folding=False,
        training=torch.onnx.TrainingMode.PRESERVE,
        input_names=["image"],
        output_names=["digit"],
        dynamic_axes={"image": {0: "batch"}, "digit": {0: "batch"}},
    )
    return buffer.getvalue()


def onnxruntime_predictions(model_bytes, x):
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(model_bytes, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": x})[0].argmax(1)


def png(pixels):
    """An 8-bit greyscale PNG of a height x width array."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "digits"
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)  # the same sums in the same order each time

    train_pixels, held_out_pixels, train_digits, held_out_digits = split()
    x = to_input(held_out_pixels)
    model = train(network(), torch.from_numpy(to_input(train_pixels)), torch.from_numpy(train_digits))

    def accuracy(predicted):
        return None if predicted is None else round(float((predicted == held_out_digits).mean()), 5)

    with torch.no_grad():
        predicted = model(torch.from_numpy(x)).argmax(1).numpy()
    model_bytes = export(model)
    report = {
        "data": "sklearn.datasets.load_digits: 1797 handwritten digits, 8x8",
        "split": f"train_test_split(test_size=1/3, random_state={SEED}, stratify=digit)",
        "seed": SEED,
        "training_pictures": len(train_digits),
        "held_out_pictures": len(held_out_digits),
        "accuracy_torch": accuracy(predicted),
        "accuracy_onnxruntime": accuracy(onnxruntime_predictions(model_bytes, x)),
        "input": "image: float32 [batch, 1, 8, 8], white strokes on black, pixel / 255",
        "preprocessing": "--mean 0 --std 255",
        "output": "digit: float32 [batch, 10], probabilities",
        "parameters": sum(p.numel() for p in model.parameters()),
        "bytes": len(model_bytes),
        "torch": torch.__version__,
    }
    print(json.dumps(report, indent=2))
    if report["accuracy_torch"] < REQUIRED_ACCURACY:
        sys.exit(f"held-out accuracy is below {REQUIRED_ACCURACY}: nothing written")

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "digits.onnx").write_bytes(model_bytes)
    (folder / "labels.txt").write_text("".join(f"{digit}\n" for digit in range(10)))
    (folder / "digits.json").write_text(json.dumps(report, indent=2) + "\n")
    for digit in range(10):
        first = int(np.argmax(held_out_digits == digit))
        (folder / f"{digit}.png").write_bytes(png(held_out_pixels[first, 0]))


if __name__ == "__main__":
    main()
