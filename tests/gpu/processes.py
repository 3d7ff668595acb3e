#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of hrt-run on a GPU backend where whole processes matter: several that share a device and a cache, no
driver, too little memory.

    processes.py HRT_RUN SOURCE_DIR DEVICE
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
DIGITS = pathlib.Path(sys.argv[2]).resolve() / "tools/models/digits"
DEVICE = sys.argv[3]
NO_DRIVER = {"vulkan": "VK_ICD_FILENAMES", "opencl": "OCL_ICD_VENDORS"}
SKIPPED = 77
RUN = ["run", DIGITS / "digits.onnx", "-d", DEVICE, "--fallback", "deny"]


def start(arguments, folder=None, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HRT_") or k == "HRT_PLUGIN_PATH"}
    environment["XDG_CONFIG_HOME"] = "/nonexistent"
    environment["HRT_CACHE_DIR"] = str(folder / "hrt") if folder else ""
    if folder:
        (folder / "pocl").mkdir(exist_ok=True)
        environment["POCL_CACHE_DIR"] = str(folder / "pocl")
    environment.update(variables)
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def end(process):
    """Its exit code, standard output and standard error."""
    output, error = process.communicate(timeout=120)
    return process.returncode, output, error


def devices():
    code, output, error = end(start(["devices", "--json"]))
    if code != 0:
        sys.exit(f"hrt-run devices ended with {code}: {error}")
    return [device["name"] for device in json.loads(output)]


class Processes(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def read_digit(self, digit):
        image = ["--input", f"image=@{DIGITS}/{digit}.png", "--mean", "0", "--std", "255"]
        return start([*RUN, *image, "--top-k", "1", "--json", "--log-level", "debug"], self.folder)

    def expect_digit(self, process, digit):
        code, output, error = end(process)
        self.assertEqual(code, 0, error)
        self.assertEqual(json.loads(output)["outputs"][0]["top_k"][0][0]["index"], digit)
        for complaint in ("damaged", "does not load", "built anew"):
            self.assertNotIn(complaint, error)

    def test_processes_that_fill_one_cache_at_once_answer_rightly_and_leave_it_whole(self):
        for count in (2, 4):
            with self.subTest(processes=count):
                for cache in ("hrt", "pocl"):
                    shutil.rmtree(self.folder / cache, ignore_errors=True)
                together = [self.read_digit(digit) for digit in range(count)]
                for digit, process in enumerate(together):
                    self.expect_digit(process, digit)
                kept = sorted((self.folder / "hrt").iterdir())
                self.assertTrue(kept)
                self.assertEqual({file.suffix for file in kept}, {".hrtc"}, "a file was left half-written")
                self.expect_digit(self.read_digit(9), 9)
                self.assertEqual(sorted((self.folder / "hrt").iterdir()), kept)

    def test_without_a_driver_the_error_lists_the_devices_that_are_there(self):
        code, _, error = end(start(RUN, **{NO_DRIVER[DEVICE]: "/nonexistent"}))
        self.assertEqual(code, 1, error)
        self.assertIn(f'there is no device "{DEVICE}"', error)
        for name in set(devices()) - {DEVICE}:
            self.assertIn(name, error)

    def test_too_little_memory_has_its_own_exit_code(self):
        config = self.folder / "hrt.toml"
        config.write_text(f'[backend.{DEVICE}]\nmax_memory = "2048"\n')
        code, _, error = end(start([*RUN, "--config", config]))
        self.assertEqual(code, 6, error)
        self.assertRegex(error, r"out of memory: \d+ bytes are wanted, \d+ of 2048 are in use")


if __name__ == "__main__":
    if DEVICE not in devices():
        print(f"no {DEVICE} device is here")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1], verbosity=2)
