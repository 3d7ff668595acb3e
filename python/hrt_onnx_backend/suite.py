# SPDX-License-Identifier: Apache-2.0
"""The standard's own runner, onnx.backend.test, over HRT."""

import concurrent.futures
import os
import re
import tempfile
import unittest

import onnx.backend.test

from hrt_onnx_backend.backend import backend_class


def cause(error):
    """One line of what an assertion or exception says."""
    text = re.sub(r"\S*/hrt_onnx_[^/]*/", "", str(error))  # the folder of a BackendRep
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {'; '.join(lines[:4])[:300]}"


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.passed, self.causes, self.reasons = 0, [], []

    def addSuccess(self, test):
        self.passed += 1

    def addError(self, test, error):
        self.causes.append((test.id().split(".")[-1], cause(error[1])))

    addFailure = addError

    def addSkip(self, test, reason):
        self.reasons.append((test.id().split(".")[-1], reason))


def cases(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from cases(test)
        else:
            yield test


def run(program, device, only=None):
    """(passed, [(case, cause)] of the failures, [(case, reason)] of what the runner itself skips). Cases for
    other devices than CPU are left out. The model data that the runner makes goes to a temporary folder."""
    runner = onnx.backend.test.BackendTest(backend_class(program, device), __name__)
    on_cpu = [test for test in cases(runner.test_suite) if test.id().endswith("_cpu")]
    chosen = [test for test in on_cpu if re.search(only or "", test.id())]

    def one(test):
        result = Result()
        test.run(result)
        return result

    with tempfile.TemporaryDirectory() as folder:
        os.environ["ONNX_MODELS"] = folder
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(one, chosen))
    failures = sorted(row for result in results for row in result.causes)
    skipped = sorted(row for result in results for row in result.reasons)
    return sum(result.passed for result in results), failures, skipped
