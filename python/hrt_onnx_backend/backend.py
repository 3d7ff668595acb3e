# SPDX-License-Identifier: Apache-2.0
"""The classes of onnx.backend.base, each run being one of the program hrt-run: models and values go through
files in a folder that lives as long as the BackendRep."""

import functools
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
import onnx.backend.base
from onnx import helper, numpy_helper

# The program: $HRT_RUN, or what a build of this source tree made.
PROGRAM = pathlib.Path(
    os.environ.get("HRT_RUN", pathlib.Path(__file__).resolve().parents[2] / "build/release/bin/hrt-run")
)
# ONNX's names of devices, as HRT's. Any name that HRT knows works too.
DEVICES = {"CPU": "cpu"}


class RunError(RuntimeError):
    """What hrt-run answered on its standard error."""


def hrt_run(program, *arguments):
    command = [str(word) for word in (program, *arguments, "--json")]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        message = result.stderr.strip() or f"hrt-run ended with {result.returncode}"
        raise RunError(message.removeprefix("hrt-run: "))
    return json.loads(result.stdout)


@functools.lru_cache(maxsize=None)
def devices(program):
    return frozenset(device["name"] for device in hrt_run(program, "devices"))


# ------------------------------------------------------------------------------- values as files


def message_of(value, kind):
    """kind: the declared type as hrt-run writes it, "seq(float32[2])"."""
    if isinstance(value, (onnx.TensorProto, onnx.SequenceProto, onnx.OptionalProto)):
        return value
    if kind.startswith("optional("):
        return numpy_helper.from_optional(value)
    if kind.startswith("seq("):
        return numpy_helper.from_list(value)
    return numpy_helper.from_array(np.asarray(value))


def value_of(data, kind):
    if kind.startswith("optional("):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    if kind.startswith("seq("):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


# ------------------------------------------------------------------------------------ the classes


class BackendRep(onnx.backend.base.BackendRep):
    def __init__(self, model, program, flags):
        self.folder = tempfile.TemporaryDirectory(prefix="hrt_onnx_")
        self.path = pathlib.Path(self.folder.name)
        self.program, self.flags = program, flags
        onnx.save(model, self.path / "model.onnx")
        # Compiles it too: what cannot run is an error of prepare.
        about = hrt_run(program, "inspect", self.path / "model.onnx", "--placement", *flags)
        self.inputs = [port["type"] for port in about["inputs"]]
        self.outputs = [port["type"] for port in about["outputs"]]
        self.placement = about["placement"]

    def run(self, inputs, **kwargs):
        """inputs: in the order of the model's. Outputs likewise, as a tuple."""
        if len(inputs) != len(self.inputs):
            raise RunError(f"{len(inputs)} inputs were given, the model has {len(self.inputs)}")
        with tempfile.TemporaryDirectory(dir=self.path) as folder:
            folder = pathlib.Path(folder)
            for i, (value, kind) in enumerate(zip(inputs, self.inputs)):
                (folder / f"input_{i}.pb").write_bytes(message_of(value, kind).SerializeToString())
            given = ["--data-dir", folder, "--output", folder / "out", "--output-format", "pb"]
            hrt_run(self.program, "run", self.path / "model.onnx", *given, *self.flags)
            files = [folder / f"out/output_{i}.pb" for i in range(len(self.outputs))]
            return tuple(value_of(file.read_bytes(), kind) for file, kind in zip(files, self.outputs))


class Backend(onnx.backend.base.Backend):
    """is_compatible stays true for every model: what HRT cannot run is an error, not a case left out."""

    program = PROGRAM
    flags = ()  # for hrt-run, with each run

    @classmethod
    def prepare(cls, model, device="CPU", **kwargs):
        name = DEVICES.get(device.split(":")[0], device)
        return BackendRep(model, cls.program, ["-d", name, *cls.flags])

    @classmethod
    def run_node(cls, node, inputs, device="CPU", outputs_info=None, **kwargs):
        """opset_version: of the node's domain, by default the newest that the onnx package knows."""
        super().run_node(node, inputs, device, outputs_info, **kwargs)
        return cls.run_model(model_of(node, inputs, kwargs.get("opset_version")), inputs, device)

    @classmethod
    def supports_device(cls, device):
        return DEVICES.get(device.split(":")[0], device) in devices(cls.program)


def model_of(node, inputs, opset):
    """A model of this node alone; absent inputs ("") are given no value."""
    names = [name for name in node.input if name]
    declared = [onnx.ValueInfoProto(name=name, type=type_of(value)) for name, value in zip(names, inputs)]
    results = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph([node], "node", declared, results)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(node.domain, opset or newest(node.domain))])


def newest(domain):
    return max((schema.since_version for schema in onnx.defs.get_all_schemas() if schema.domain == domain), default=1)


def type_of(value):
    if isinstance(value, list):
        element = type_of(value[0]) if value else helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None)
        return helper.make_sequence_type_proto(element)
    tensor = message_of(value, "")
    return helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))


def backend_class(program=PROGRAM, device="cpu", flags=()):
    """A backend whose "CPU" is this device of HRT."""

    class Chosen(Backend):
        @classmethod
        def prepare(cls, model, device_of_onnx="CPU", **kwargs):
            return BackendRep(model, program, ["-d", device, *flags])

        @classmethod
        def supports_device(cls, device_of_onnx):
            return device_of_onnx == "CPU" and device in devices(program)

    Chosen.program, Chosen.flags = program, flags
    return Chosen
