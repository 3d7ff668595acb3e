#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A third party's operators: inference, reference kernels, a kernel for the CPU backend, and where they run.

    custom_ops.py HRT_RUN PLUGIN_FOLDER DATA_FOLDER

The expected values are NumPy's (apps/samples/custom_ops/make_models.py).
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest

PROGRAM, PLUGINS, DATA = sys.argv[1:4]
CASES = 5


def run(*arguments, plugins=True):
    environment = os.environ | {"XDG_CONFIG_HOME": "/nonexistent"}
    path = ["--plugin-path", PLUGINS] if plugins else []
    return subprocess.run([PROGRAM, *arguments, *path], capture_output=True, text=True, env=environment, timeout=60)


def report(*arguments):
    result = run(*arguments, "--json")
    if result.returncode != 0:
        raise AssertionError(result.stdout + result.stderr)
    return json.loads(result.stdout)


def placement(case, *flags):
    rows = report("inspect", f"{DATA}/{case}/model.onnx", "--placement", *flags)["placement"]
    return {row["operator"]: row["device"] for row in rows}


class CustomOps(unittest.TestCase):
    def test_give_what_numpy_computes(self):
        for device in ("cpu", "reference"):
            for threads in ("1", "3"):
                result = report("verify", DATA, "-d", device, "--threads", threads, "--rtol", "1e-5", "--atol", "1e-6")
                self.assertEqual((result["passed"], result["failed"]), (CASES, 0), result["tests"])

    def test_a_kernel_for_the_cpu_backend_runs_there(self):
        self.assertEqual(placement("rms_norm", "-d", "cpu", "--fallback", "deny"), {"acme.RMSNorm": "cpu"})
        self.assertEqual(placement("slice_gelu", "-d", "cpu"), {"acme.SliceGelu": "reference"})
        self.assertEqual(placement("rms_norm", "-d", "reference"), {"acme.RMSNorm": "reference"})

    def test_it_shares_a_cluster_with_the_backend_s_own_kernels(self):
        rows = report("inspect", f"{DATA}/block/model.onnx", "--placement", "-d", "cpu")["placement"]
        clusters = {row["operator"]: row["cluster"] for row in rows if row["device"] == "cpu"}
        self.assertIn("acme.RMSNorm", clusters)
        self.assertEqual(len(clusters), 2, rows)
        self.assertEqual(len(set(clusters.values())), 1, rows)

    def test_inference_finds_the_shapes(self):
        types = {port["name"]: port["type"] for port in report("inspect", f"{DATA}/block/model.onnx")["outputs"]}
        self.assertEqual(types, {"y": "float32[batch,6,32]"})

    def test_they_are_listed(self):
        names = [op["name"] for op in report("ops") if op["domain"] == "acme"]
        self.assertEqual(names, ["QuantMatMul", "RMSNorm", "SliceGelu"])

    def test_without_the_library_the_error_names_the_operator(self):
        result = run("run", f"{DATA}/rms_norm/model.onnx", plugins=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("no plugin provides the operator acme.RMSNorm", result.stderr)

    def test_an_attribute_that_makes_no_sense_is_refused_with_the_operator_s_reason(self):
        result = run("inspect", f"{DATA}/../refused/model.onnx")
        self.assertEqual(result.returncode, 2, result.stderr)
        for part in ("SliceGelu", "the slice ends at 9 in an axis of 8"):
            self.assertIn(part, result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
