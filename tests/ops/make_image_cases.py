#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes cases/image.txt (format: op_test.h): small pictures in every format of ImageDecoder, and what Pillow
reads in them. Needs numpy, onnx, onnxruntime, Pillow; the tests do not."""
import io
import pathlib

import numpy as np
import PIL.Image

import make_cases

rng = np.random.default_rng(5)
lines = ["# Written by make_image_cases.py.\n"]
Image = PIL.Image


def case(name, data, expected, pixel_format=None, tolerance="0 0"):
    text = [f"case {name}", "op ImageDecoder"]
    if pixel_format:
        text.append(f"attr pixel_format string {pixel_format}")
    text += ["in " + make_cases.spell(np.frombuffer(data, np.uint8)), "out " + make_cases.spell(expected)]
    lines.append("\n".join(text + [f"tolerance {tolerance}"]) + "\n")


def picture(mode="RGB", width=7, height=5):
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    smooth = rng.integers(0, 256, (2, 2, channels)).astype(np.uint8)
    image = Image.fromarray(smooth.squeeze(), mode if channels > 1 else "L")
    return image.resize((width, height), Image.Resampling.BILINEAR)


def encoded(image, format_, **options):
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def saved(name, image, format_, pixel_format=None, tolerance="0 0", **options):
    data = encoded(image, format_, **options)
    read = Image.open(io.BytesIO(data))
    rgb = np.array(read.convert("RGB"))
    expected = {None: rgb, "RGB": rgb, "BGR": rgb[:, :, ::-1], "Grayscale": np.array(read.convert("L"))[:, :, None]}
    case(name, data, expected[pixel_format], pixel_format, tolerance)


for name, format_, options in (("bmp", "BMP", {}), ("jpeg", "JPEG", {"quality": 80}), ("jpeg_444", "JPEG", {"subsampling": 0}),
                               ("jpeg_progressive", "JPEG", {"progressive": True}), ("jpeg2000", "JPEG2000", {}),
                               ("png", "PNG", {}), ("ppm", "PPM", {}), ("tiff", "TIFF", {}),
                               ("tiff_lzw", "TIFF", {"compression": "tiff_lzw"}),
                               ("tiff_deflate", "TIFF", {"compression": "tiff_adobe_deflate"}),
                               ("webp", "WEBP", {"quality": 70}), ("webp_lossless", "WEBP", {"lossless": True})):
    saved(name, picture(), format_, **options)
    saved(f"{name}_gray", picture("L"), format_, **options)
for pixel_format in ("BGR", "Grayscale", "RGB"):
    saved(f"png_as_{pixel_format}", picture(), "PNG", pixel_format)
    saved(f"jpeg_as_{pixel_format}", picture(width=16, height=9), "JPEG", pixel_format)
saved("png_palette", picture().quantize(5), "PNG")
saved("bmp_palette", picture().quantize(5), "BMP")
saved("png_bits", picture("L").convert("1"), "PNG")
saved("pbm", picture("L", 11, 3).convert("1"), "PPM")
saved("jpeg2000_stream", picture(), "JPEG2000", no_jp2=True)
saved("jpeg2000_lossy", picture(width=16, height=16), "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[4],
      tolerance="0 1")
text = np.array([[[0, 0, 0], [128, 255, 64]]], np.uint8)
case("ppm_text", b"P3 # a comment\n2 1\n255\n0 0 0 128 255 64\n", text)
case("pgm_text", b"P2 3 1 15 0 8 15\n", np.array([[[0] * 3, [136] * 3, [255] * 3]], np.uint8))
case("pbm_text", b"P1\n3 2\n101\n010", np.array([[[0] * 3, [255] * 3, [0] * 3], [[255] * 3, [0] * 3, [255] * 3]], np.uint8))
case("pgm_16", b"P5 2 1 65535\n\x00\x00\xff\xff", np.array([[[0] * 3, [255] * 3]], np.uint8))

# What cannot be decoded is empty.
empty = np.zeros((0, 0, 3), np.uint8)
case("nothing", b"", empty)
case("noise", bytes(range(64)), empty)
case("noise_gray", bytes(range(64)), np.zeros((0, 0, 1), np.uint8), "Grayscale")
for format_ in ("BMP", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP"):
    whole = encoded(picture(), format_)
    case(f"cut_off_{format_}", whole[: len(whole) * 2 // 3], empty)
case("cmyk", encoded(picture("CMYK"), "JPEG"), empty)
case("huge_png", encoded(picture(), "PNG")[:16] + b"\x7f\xff\xff\xff\x7f\xff\xff\xff" + encoded(picture(), "PNG")[24:], empty)
case("huge_pnm", b"P6 99999 99999 255\n", empty)
lines.append("case unknown_format\nop ImageDecoder\nattr pixel_format string CMYK\nin uint8 1 : 0\nerror pixel_format\n")
(pathlib.Path(__file__).parent / "cases/image.txt").write_text("\n".join(lines))
