# SPDX-License-Identifier: Apache-2.0
"""HRT behind onnx.backend.base: prepare, run_model, run_node, supports_device.

    import hrt_onnx_backend
    rep = hrt_onnx_backend.prepare(onnx.load("model.onnx"), "CPU")
    outputs = rep.run([x, y])

The module itself is a backend, as onnx.backend asks for. Values of every kind pass through: tensors of every
type (ml_dtypes for those that NumPy lacks), strings, lists for sequences, None for an absent optional.
"""

from hrt_onnx_backend.backend import Backend, BackendRep, RunError, backend_class

is_compatible = Backend.is_compatible
prepare = Backend.prepare
run_model = Backend.run_model
run_node = Backend.run_node
supports_device = Backend.supports_device

__all__ = [
    "Backend",
    "BackendRep",
    "RunError",
    "backend_class",
    "is_compatible",
    "prepare",
    "run_model",
    "run_node",
    "supports_device",
]
