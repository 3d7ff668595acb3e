# SPDX-License-Identifier: Apache-2.0
"""One engine holding one model, driven by tools/bench/peers over a pipe.

    peer_worker.py ENGINE FOLDER MODEL THREADS [DEVICE]

FOLDER holds MODEL.onnx and what was converted from it, MODEL.meta, MODEL.inN.npy and MODEL.outN.npy.

Reads one JSON request a line from standard input and answers with one line on standard output:
    {"slice": SECONDS}     -> {"ns": [...]}: the times of single inferences for about that long
The first line, without a request, says that the engine is ready, in which settings, and how far its
outputs are from the reference. Inputs are bound before the clock starts, for every engine that can.
"""

import json
import os
import pathlib
import sys
import time

import numpy as np


class OnnxRuntime:
    """All graph optimisations, sequential executor, spinning worker threads, bound inputs and outputs."""

    def __init__(self, stem, threads, inputs, outputs):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        self.session = ort.InferenceSession(stem + ".onnx", options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for name, array in inputs:
            self.binding.bind_cpu_input(name, array)
        for name, _ in outputs:
            self.binding.bind_output(name)

    def infer(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()


class OpenVino:
    """Latency hint, fp32 (the default would be bf16 where the CPU has it), no hyper-threads."""

    def __init__(self, stem, threads, inputs, outputs):
        import openvino as ov

        core = ov.Core()
        compiled = core.compile_model(
            core.read_model(stem + ".onnx"),
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": threads,
                "INFERENCE_PRECISION_HINT": "f32",
                "ENABLE_HYPER_THREADING": False,
            },
        )
        self.request = compiled.create_infer_request()
        for name, array in inputs:
            self.request.set_tensor(name, ov.Tensor(array, shared_memory=True))
        self.names = [name for name, _ in outputs]

    def infer(self):
        self.request.infer()

    def outputs(self):
        return [self.request.get_tensor(name).data.copy() for name in self.names]


class Ncnn:
    """Converted by pnnx; packed layouts, Winograd and sgemm convolution; no 16-bit storage or arithmetic."""

    vulkan = False

    def __init__(self, stem, threads, inputs, outputs):
        import ncnn

        self.net = ncnn.Net()
        option = self.net.opt
        option.num_threads = threads
        option.lightmode = True
        option.use_packing_layout = option.use_winograd_convolution = option.use_sgemm_convolution = True
        option.use_fp16_packed = option.use_fp16_storage = option.use_fp16_arithmetic = False
        option.use_bf16_storage = False
        option.use_vulkan_compute = self.vulkan
        if self.vulkan and ncnn.get_gpu_count() == 0:
            raise RuntimeError("ncnn finds no Vulkan device")
        if self.net.load_param(stem + ".ncnn.param") != 0:
            raise RuntimeError("load_param failed")
        if self.net.load_model(stem + ".ncnn.bin") != 0:
            raise RuntimeError("load_model failed")
        for name, array in inputs:
            if array.dtype != np.float32 or array.shape[0] != 1:
                raise RuntimeError(f"input {name}: only float32 with a batch of one is driven here")
        # ncnn has no batch dimension; clone() makes the matrix own its memory.
        self.inputs = [ncnn.Mat(np.ascontiguousarray(array[0])).clone() for _, array in inputs]
        self.output_count = len(outputs)

    def infer(self):
        extractor = self.net.create_extractor()
        for i, matrix in enumerate(self.inputs):
            extractor.input(f"in{i}", matrix)
        self.results = []
        for i in range(self.output_count):
            code, matrix = extractor.extract(f"out{i}")
            if code != 0:
                raise RuntimeError(f"extract out{i} failed")
            self.results.append(matrix)

    def outputs(self):
        return [np.array(matrix)[None] for matrix in self.results]


class Mnn:
    """Converted by MNN's own converter; module interface, CPU, precision high (fp32)."""

    backend = "CPU"

    def __init__(self, stem, threads, inputs, outputs):
        import MNN.expr as expr
        import MNN.nn as nn

        runtime = nn.create_runtime_manager(({"backend": self.backend, "numThread": threads, "precision": "high"},))
        self.net = nn.load_module_from_file(
            stem + ".mnn",
            [name for name, _ in inputs],
            [name for name, _ in outputs],
            runtime_manager=runtime,
        )
        self.inputs = []
        for _, array in inputs:
            kind = expr.float if array.dtype == np.float32 else expr.int
            data = array if kind == expr.float else array.astype(np.int32)
            self.inputs.append(expr.const(data, data.shape, expr.NCHW, kind))
        self.shapes = [reference.shape for _, reference in outputs]

    def infer(self):
        self.results = [np.array(variable.read()) for variable in self.net.forward(self.inputs)]

    def outputs(self):
        return [result.reshape(shape) for result, shape in zip(self.results, self.shapes)]


class NcnnVulkan(Ncnn):
    """Converted by pnnx; its Vulkan backend, fp32 storage and arithmetic."""

    vulkan = True


def printed_while(action):
    """The result of action, and what native code printed meanwhile."""
    import ctypes
    import tempfile

    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as file:
        for fd in (1, 2):
            os.dup2(file.fileno(), fd)
        try:
            result = action()
        finally:
            ctypes.CDLL(None).fflush(None)
            for fd, old in zip((1, 2), kept):
                os.dup2(old, fd)
                os.close(old)
        file.seek(0)
        return result, file.read().decode(errors="replace")


class MnnOpenCl(Mnn):
    """Converted by MNN's own converter; module interface, its OpenCL backend, precision high (fp32)."""

    backend = "OPENCL"

    def __init__(self, *arguments):
        _, text = printed_while(lambda: (super(MnnOpenCl, self).__init__(*arguments), self.infer()))
        if "Can't Find type" in text:  # it goes on, on the CPU
            raise RuntimeError("this package has no OpenCL backend: " + " / ".join(text.strip().splitlines()))


class LiteRt:
    """Converted by onnx2tf (channels last); XNNPACK delegate, which is the interpreter's default."""

    def __init__(self, stem, threads, inputs, outputs):
        from ai_edge_litert.interpreter import Interpreter

        self.net = Interpreter(model_path=stem + ".tflite", num_threads=threads)
        self.net.allocate_tensors()
        wanted = self.net.get_input_details()
        if len(wanted) != len(inputs):
            raise RuntimeError("the converted model has other inputs")
        for detail, (_, array) in zip(wanted, inputs):
            data = channels_moved(array, tuple(detail["shape"]), to_last=True)
            self.net.set_tensor(detail["index"], data.astype(detail["dtype"]))
        self.shapes = [reference.shape for _, reference in outputs]

    def infer(self):
        self.net.invoke()

    def outputs(self):
        details = self.net.get_output_details()
        arrays = [self.net.get_tensor(detail["index"]) for detail in details]
        return [channels_moved(a, shape, to_last=False) for a, shape in zip(arrays, self.shapes)]


def channels_moved(array, shape, to_last):
    """The array in the wanted shape: as it is, or with channels moved behind or before the rest."""
    if array.shape == shape:
        return array
    moved = np.moveaxis(array, 1, -1) if to_last else np.moveaxis(array, -1, 1)
    if moved.shape != shape:
        raise RuntimeError(f"shape {array.shape} where {shape} is wanted")
    return np.ascontiguousarray(moved)


ENGINES = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "ncnn": Ncnn,
    "mnn": Mnn,
    "litert": LiteRt,
}
ON_DEVICES = {("ncnn", "vulkan"): NcnnVulkan, ("mnn", "opencl"): MnnOpenCl}


def relative_error(got, reference):
    """Largest absolute difference, as a fraction of the reference's largest value; infinite if not finite,
    and for indices and sums of integers unless equal."""
    if got.shape != reference.shape or not np.isfinite(got).all():
        return float("inf")
    if reference.dtype.kind in "iu" and reference.itemsize > 1:
        return 0.0 if np.array_equal(got, reference) else float("inf")
    largest = max(float(np.abs(reference.astype(np.float64)).max()), 1e-30)
    return float(np.abs(got.astype(np.float64) - reference).max()) / largest


def tensors(folder, model, kind):
    """(name, array) of the model's inputs ("in") or reference outputs ("out")."""
    names = [line.split() for line in (folder / f"{model}.meta").read_text().splitlines()]
    names = [fields[1] for fields in names if fields[0] == kind]
    return [(name, np.load(folder / f"{model}.{kind}{i}.npy")) for i, name in enumerate(names)]


def measure(engine, seconds):
    """A fifth of the time unmeasured, to have this engine's data in the caches again; then samples."""
    clock = time.perf_counter_ns
    end_of_warm_up = clock() + int(seconds * 0.2e9)
    while True:
        engine.infer()
        if clock() >= end_of_warm_up:
            break
    samples = []
    end = clock() + int(seconds * 0.8e9)
    while len(samples) < 3 or clock() < end:
        begin = clock()
        engine.infer()
        samples.append(clock() - begin)
    return samples


def main():
    name, folder, model, threads = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    device = sys.argv[5] if len(sys.argv) > 5 else "cpu"
    kind = ENGINES[name] if device == "cpu" else ON_DEVICES[name, device]
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what an engine prints must not get between the replies

    def reply(**fields):
        replies.write(json.dumps(fields) + "\n")

    inputs, references = tensors(folder, model, "in"), tensors(folder, model, "out")
    begin = time.perf_counter_ns()
    engine = kind(str(folder / model), threads, inputs, references)  # may refer to the arrays' memory
    load = time.perf_counter_ns() - begin
    engine.infer()
    error = max(relative_error(got, wanted) for got, (_, wanted) in zip(engine.outputs(), references))
    reply(settings=kind.__doc__, load_ns=load, error=error)
    for line in sys.stdin:
        reply(ns=measure(engine, json.loads(line)["slice"]))


if __name__ == "__main__":
    main()
