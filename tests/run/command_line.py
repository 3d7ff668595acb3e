#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the program: what it prints, its exit codes, and what it says about mistakes.

    command_line.py HRT_RUN SOURCE_DIR
"""

import array
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
SOURCE = pathlib.Path(sys.argv[2]).resolve()
DIGITS = SOURCE / "tools/models/digits"
MODEL = str(DIGITS / "digits.onnx")
PIXELS = ["--mean", "0", "--std", "255"]


def run(*arguments, text=None, cwd=None, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HRT_") or k == "HRT_PLUGIN_PATH"}
    environment["XDG_CONFIG_HOME"] = "/nonexistent"
    environment["HRT_CACHE_DIR"] = ""
    environment.update(variables)
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.run(command, input=text, capture_output=True, text=True, env=environment, cwd=cwd, timeout=120)


def npy(path, values, shape, kind="<f4", code="f"):
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (64 - (11 + len(header)) % 64) + "\n"
    data = array.array(code, values).tobytes()
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)
    return path


def floats(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<H", data[8:10])
    return list(array.array("f", data[10 + length :]))


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def ok(self, *arguments, **more):
        result = run(*arguments, **more)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def bad(self, code, *arguments, says=(), **more):
        """Ends with this code, and one line on standard error that says all of this."""
        result = run(*arguments, **more)
        self.assertEqual(result.returncode, code, f"{arguments}: {result.stdout} {result.stderr}")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("hrt-run: "), result.stderr)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, result.stderr)

    def json(self, *arguments, **more):
        return json.loads(self.ok(*arguments, "--json", **more))

    # ------------------------------------------------------------------------------------- usage

    def test_help(self):
        self.assertIn("bench MODEL", self.ok("help"))
        self.assertEqual(self.ok(), self.ok("--help"))
        for command in "run bench verify compare inspect devices plugins passes ops config".split():
            text = self.ok("help", command)
            self.assertEqual(text, self.ok(command, "--help"))
            self.assertIn("--plugin-path", text)
        self.assertTrue(self.ok("--version").startswith("hrt-run "))

    def test_unknown_words_name_the_nearest(self):
        self.bad(1, "bensh", says='did you mean "bench"')
        self.bad(1, "help", "verfy", says='did you mean "verify"')
        self.bad(1, "run", MODEL, "--thread", "2", says="did you mean --threads")
        self.bad(1, "run", MODEL, "-d", "cpuu", says="did you mean cpu")

    def test_mistakes_in_options(self):
        self.bad(1, "run")
        self.bad(1, "run", MODEL, "more")
        self.bad(1, "devices", "more")
        self.bad(1, "run", MODEL, "--threads", "x", says="--threads")
        self.bad(1, "run", MODEL, "--top-k", "0", says="--top-k")
        self.bad(1, "run", MODEL, "--profile", "xml", says="--profile")
        self.bad(1, "run", MODEL, "--mean", "a", says="--mean")
        self.bad(1, "run", MODEL, "--fallback", "never", says="--fallback")
        self.bad(1, "bench", MODEL, "--iters", "5", "--duration", "1")
        self.bad(1, "bench", MODEL, "--percentile", "101")
        self.bad(1, "verify", DIGITS, "--exclude", "(", says="--exclude")

    # ----------------------------------------------------------------------------------- run

    def test_reads_every_digit(self):
        for digit in range(10):
            result = self.json(MODEL, "--input", f"image=@{DIGITS}/{digit}.png", *PIXELS, "--top-k", "1")
            self.assertEqual(result["outputs"][0]["top_k"][0][0]["index"], digit)

    def test_prints_the_answer(self):
        text = self.ok("run", MODEL, "--input", f"@{DIGITS}/7.png", *PIXELS, "--labels", DIGITS / "labels.txt")
        self.assertIn("digit  float32[1,10]", text)
        first = text.splitlines()[2].split()
        self.assertEqual(first[1], (DIGITS / "labels.txt").read_text().splitlines()[7])

    def test_random_inputs_are_the_same_each_time(self):
        self.ok(MODEL, "--output", self.folder / "a")
        self.ok(MODEL, "--output", self.folder / "b", "--input", "random:0")
        self.ok(MODEL, "--output", self.folder / "c", "--input", "random:1")
        a, b, c = (floats(self.folder / name / "digit.npy") for name in "abc")
        self.assertEqual(a, b)
        self.assertNotEqual(a, c)
        self.assertAlmostEqual(sum(a), 1, places=5)

    def test_shapes(self):
        result = self.json(MODEL, "--shape", "image:3x1x8x8")
        self.assertEqual(result["outputs"][0]["shape"], [3, 10])
        self.bad(2, MODEL, "--shape", "image:3x1x8x9", says="image")
        self.bad(2, MODEL, "--input", f"image=@{npy(self.folder / 'x.npy', [0] * 9, (1, 1, 3, 3))}", says="image")
        double = npy(self.folder / "d.npy", [0] * 64, (1, 1, 8, 8), "<f8", "d")
        self.bad(2, MODEL, "--input", f"image=@{double}", says=["float32", "float64"])

    def test_expected_outputs(self):
        self.ok(MODEL, "--output", f"digit=@{self.folder}/y.npy")
        y = floats(self.folder / "y.npy")
        self.assertIn("match", self.ok(MODEL, "--expected", f"digit=@{self.folder}/y.npy"))
        y[3] += 0.25
        npy(self.folder / "z.npy", y, (1, 10))
        result = run(MODEL, "--expected", f"digit=@{self.folder}/z.npy")
        self.assertEqual(result.returncode, 4)
        self.assertIn("1 of 10 elements differ, worst at [0,3]", result.stdout)
        self.ok(MODEL, "--expected", f"digit=@{self.folder}/z.npy", "--atol", "0.26")
        self.bad(1, MODEL, "--expected", f"digits=@{self.folder}/z.npy", says='did you mean "digit"')

    def test_bad_files(self):
        missing = self.folder / "missing.onnx"
        self.bad(2, "run", missing, says=str(missing))
        junk = self.folder / "junk.onnx"
        junk.write_bytes(b"\x00junk" * 100)
        self.bad(2, "run", junk, says=str(junk))
        cut = self.folder / "cut.onnx"
        cut.write_bytes(pathlib.Path(MODEL).read_bytes()[:100000])
        self.bad(2, "run", cut, says=str(cut))
        for name in ["x.npy", "x.png", "x.jpg", "x.bmp", "x.wav", "x.bin", "x.pb"]:
            file = self.folder / name
            file.write_bytes(b"\x89PNG\r\n\x1a\n nothing of the kind")
            self.bad(2, MODEL, "--input", f"image=@{file}", says=str(file))
        self.bad(1, MODEL, "--input", "image=@x.txt", says=".npy")
        self.bad(2, MODEL, "--labels", missing, says=str(missing))

    def test_leaves_nothing_half_written(self):
        result = run(MODEL, "--output", f"digit=@{self.folder}/none/y.npy")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_memory_limit_and_deadline(self):
        self.bad(6, MODEL, "--memory-limit", "4KiB", "--log-level", "error", says=[MODEL, "4096"])
        self.bad(5, MODEL, "--deadline", "0", says=MODEL)
        endless = SOURCE / "tests/run/data/endless_loop.onnx"
        for device in ("cpu", "reference"):
            self.bad(5, endless, "--deadline", "300", "-d", device, says="endless_loop.onnx")

    def test_deny_runs_nothing_on_the_reference(self):
        self.ok(MODEL, "-d", "cpu", "--fallback", "deny")
        self.assertIn("(reference ", self.ok(MODEL, "-d", "reference").splitlines()[-1])

    def test_profile_and_trace(self):
        table = self.ok(MODEL, "--profile", "table", "--trace", self.folder / "t.json")
        self.assertIn("operator", table)
        events = json.loads((self.folder / "t.json").read_text())["traceEvents"]
        self.assertTrue(any(event.get("ph") == "X" for event in events))
        self.assertTrue(self.json(MODEL, "--profile", "csv")["profile"])
        self.ok(MODEL, "--profile", f"csv={self.folder}/p.csv")
        self.assertTrue((self.folder / "p.csv").read_text().startswith("node,operator,device,calls,total_ns"))

    # ------------------------------------------------------------------------ bench, verify, compare

    def test_bench_reports_raw_samples(self):
        report = self.folder / "r.json"
        text = self.ok("bench", MODEL, "--warmup", "2", "--iters", "20", "--percentile", "95", "--report", report)
        self.assertIn("latency p95", text)
        data = json.loads(report.read_text())
        self.assertEqual(data["schema_version"], 1)
        self.assertEqual(len(data["samples_ns"]), 20)
        self.assertEqual(data["latency_ns"]["min"], min(data["samples_ns"]))
        for key in ["load_ns", "compile_ns", "first_run_ns", "environment", "placement", "memory"]:
            self.assertTrue(data[key], key)

    def test_bench_streams_and_rate(self):
        data = self.json("bench", MODEL, "--streams", "2", "--iters", "30", "--warmup", "1")
        self.assertEqual(len(data["samples_ns"]), 30)
        data = self.json("bench", MODEL, "--rate", "200", "--duration", "0.25", "--warmup", "5ms")
        self.assertEqual(len(data["samples_ns"]), 50)

    def test_bench_interactive(self):
        lines = self.ok("bench", MODEL, "--interactive", text="run 3\nslice 0.01\nquit\n").splitlines()
        self.assertEqual(len(json.loads(lines[0])["ns"]), 3)
        self.assertGreaterEqual(len(json.loads(lines[1])["ns"]), 3)
        self.bad(1, "bench", MODEL, "--interactive", text="walk\n", says="run N")

    def test_bench_measures_the_first_answer_in_processes_of_their_own(self):
        data = self.json("bench", MODEL, "--first-run")
        for row in (data["cold"], data["warm"]):
            parts = row["plugins_ns"] + row["load_ns"] + row["compile_ns"] + row["run_ns"]
            self.assertGreater(row["run_ns"], 0)
            self.assertGreater(row["total_ns"], parts)
            self.assertLess(row["total_ns"], 60e9)
        text = self.ok("bench", MODEL, "--first-run")
        self.assertRegex(text, r"(?m)^cold +\d")
        self.assertRegex(text, r"(?m)^warm +\d")
        self.bad(1, "bench", MODEL, "--first-run", "--cache-dir", "x", says="--cache-dir")
        self.bad(1, "bench", MODEL, "--first-run", "--input", "nothing=zeros", says="no input")

    def test_a_traced_bench_has_requests_at_the_same_time(self):
        trace = self.folder / "t.json"
        self.ok("bench", MODEL, "--streams", "2", "--iters", "200", "--warmup", "2", "--trace", trace)
        events = [e for e in json.loads(trace.read_text())["traceEvents"] if e["ph"] == "X"]
        self.assertEqual({e["args"]["request"] for e in events}, {2, 3})

    def test_a_trace_becomes_a_picture(self):
        try:
            from PIL import Image
        except ImportError:
            self.skipTest("Pillow is not there")
        trace, picture = self.folder / "t.json", self.folder / "t.png"
        names = [{"ph": "M", "name": "process_name", "pid": pid, "args": {"name": f"d{pid}"}} for pid in (1, 2)]
        runs = [
            {"ph": "X", "name": "n", "pid": pid, "tid": 0, "ts": ts, "dur": 100, "args": {"request": request}}
            for pid, ts, request in ((1, 0, 0), (2, 100, 0), (1, 100, 1), (2, 200, 1))
        ]
        trace.write_text(json.dumps({"traceEvents": names + runs}))
        tool = SOURCE / "tools" / "trace_picture"
        draw = [sys.executable, tool, trace, "-o", picture, "--width", "1000", "--all"]
        subprocess.run(draw, check=True, capture_output=True)
        with Image.open(picture) as image:
            self.assertEqual(image.width, 1000)
            colours = {colour: count for count, colour in image.convert("RGB").getcolors(1 << 16)}
        # Two lanes; each request is drawn in both, and takes about a third of a lane's width there.
        for colour in ((0x44, 0x77, 0xAA), (0xEE, 0x66, 0x77)):
            self.assertGreater(colours[colour], 2 * 200 * 15)
        trace.write_text("{}")
        answer = subprocess.run(draw, capture_output=True, text=True)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("no trace of hrt-run", answer.stderr)

    # ---------------------------------------------------------------------------------- devices

    def test_devices_share_a_model_by_order_by_cost_and_by_rank(self):
        for devices in ("cpu", "cpu,reference", "hetero:reference,cpu", "auto"):
            rows = self.json("inspect", MODEL, "--placement", "-d", devices)["placement"]
            self.assertEqual({row["device"] for row in rows}, {"cpu"}, devices)
        rows = self.json("inspect", MODEL, "--placement", "-d", "reference,cpu")["placement"]
        self.assertEqual({row["device"] for row in rows}, {"reference"})
        text = self.ok("inspect", MODEL, "--placement", "-d", "hetero:reference,cpu")
        self.assertRegex(text, r"the only choice: [\d.]+ us")
        self.bad(1, "run", MODEL, "-d", "hetero:cpu,auto", says="auto stands alone")
        self.bad(1, "run", MODEL, "--policy", "speed", says="latency, throughput, energy, memory")

    def test_the_cache_directory_can_be_chosen_and_switched_off(self):
        def values(*arguments):
            return self.json("config", *arguments)["configuration"]

        chosen = values("--cache-dir", self.folder / "c")["cache.directory"]
        self.assertEqual(chosen, {"value": str(self.folder / "c"), "from": "--cache-dir"})
        self.assertEqual(values("--cache-dir", "")["cache.directory"]["value"], "")
        self.assertEqual(values()["cache.limit"], {"value": 1 << 30, "from": "default"})

    def make_test(self, name, expected, shape="(1, 10)"):
        """An ONNX test directory of the digits model with input zeros."""
        folder = self.folder / "tests" / name / "test_data_set_0"
        folder.mkdir(parents=True)
        shutil.copy(MODEL, folder.parent / "model.onnx")
        (folder / "input_0.pb").write_bytes(tensor_proto([1, 1, 8, 8], [0] * 64))
        (folder / "output_0.pb").write_bytes(tensor_proto([1, 10], expected))

    def test_verify(self):
        self.ok(MODEL, "--input", "zeros", "--output", self.folder)
        right = floats(self.folder / "digit.npy")
        wrong = right[:]
        wrong[2] += 0.01
        self.make_test("right", right)
        self.make_test("wrong", wrong)
        self.make_test("bernoulli", wrong)
        junit = self.folder / "junit.xml"
        result = run("verify", self.folder / "tests", "--exclude", "bern", "--junit", junit, "--jobs", "2")
        self.assertEqual(result.returncode, 4, result.stderr)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[0], 'SKIP tests/bernoulli excluded by "bern"')
        self.assertEqual(lines[1], "PASS tests/right")
        self.assertTrue(lines[2].startswith('FAIL tests/wrong output "digit": 1 of 10 elements differ'), lines[2])
        self.assertEqual(lines[3], "1 passed, 1 failed, 1 skipped")
        suite = xml.etree.ElementTree.parse(junit).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("skipped")), ("3", "1", "1"))
        self.assertEqual(self.ok("verify", self.folder / "tests/right").splitlines()[-1], "1 passed, 0 failed, 0 skipped")
        row = self.json("verify", self.folder / "tests/right", "-d", "cpu")["tests"][0]
        self.assertEqual(row["operators"]["Conv"], self.json("inspect", MODEL)["operators"]["Conv"])
        self.assertEqual((list(row["devices"]), row["refused"]), (["cpu"], []))
        self.ok("verify", self.folder / "tests", "--atol", "0.1")
        (self.folder / "tests/wrong/data.json").write_text('{"atol": 0.1}')
        self.ok("verify", self.folder / "tests/wrong")
        self.ok("run", MODEL, "--data-dir", self.folder / "tests/right/test_data_set_0")
        self.assertEqual(run("run", MODEL, "--data-dir", self.folder / "tests/wrong/test_data_set_0").returncode, 4)

    def test_outputs_as_test_data(self):
        data = self.folder / "data"
        self.ok(MODEL, "--input", "zeros", "--output", data, "--output-format", "pb")
        self.assertEqual([file.name for file in data.iterdir()], ["output_0.pb"])
        self.ok(MODEL, "--input", "zeros", "--output", self.folder, "--output", f"digit=@{self.folder}/one.pb")
        written = (data / "output_0.pb").read_bytes()
        self.assertEqual((self.folder / "one.pb").read_bytes(), written)
        self.assertIn(array.array("f", floats(self.folder / "digit.npy")).tobytes(), written)
        self.assertIn(b"digit", written)
        # What was written is read as what is expected.
        (data / "input_0.pb").write_bytes(tensor_proto([1, 1, 8, 8], [0] * 64))
        self.assertIn('match "digit"', self.ok("run", MODEL, "--data-dir", data))
        self.bad(1, MODEL, "--output", data, "--output-format", "csv", says=["--output-format", "csv"])
        self.bad(1, MODEL, "--output", f"digit=@{self.folder}/one.txt", says=[".npy", ".pb"])

    def test_conformance_table(self):
        self.ok(MODEL, "--input", "zeros", "--output", self.folder)
        right = floats(self.folder / "digit.npy")
        self.make_test("right", right)
        self.make_test("wrong", [right[0] + 1, *right[1:]])
        pages = []
        for name in ("a.md", "b.md"):
            page = self.folder / name
            script = [sys.executable, SOURCE / "tools/conformance", self.folder / "tests", "--hrt", PROGRAM]
            subprocess.run([*script, "--output", page], check=True, capture_output=True, timeout=120)
            pages.append(page.read_text())
        self.assertEqual(pages[0], pages[1])
        for line in (
            "| cpu | 2 | 1 (50.0 %) | 1 | 1 (50.0 %) |",
            "| reference | 2 | 1 (50.0 %) | 1 | 1 (50.0 %) |",
            "| Conv | 2 | 1 | 1 | 1 | 1 | 1 | 1 |",
        ):
            self.assertIn(line + "\n", pages[0])
        self.assertRegex(pages[0], r'- `wrong`: output "digit": 1 of 10 elements differ')
        self.assertNotIn(str(self.folder), pages[0])

    def test_verify_without_tests(self):
        self.bad(2, "verify", self.folder, says=str(self.folder))
        self.bad(2, "verify", self.folder / "none", says="none")

    def test_compare(self):
        self.assertIn("1 values agree", self.ok("compare", MODEL, "-d", "cpu", "--ref-device", "reference"))
        result = run("compare", MODEL, "--all", "--rtol", "0", "--atol", "0", "--json")
        self.assertEqual(result.returncode, 4, result.stderr)
        data = json.loads(result.stdout)
        self.assertIn("Conv", next(v["node"] for v in data["values"] if v["name"] == data["first_bad"]))

    # ----------------------------------------------------------------------------------- looking

    def test_inspect(self):
        data = self.json("inspect", MODEL, "--placement", "--memory", "--passes", "--graph")
        self.assertEqual(data["inputs"], [{"name": "image", "type": "float32[batch,1,8,8]"}])
        self.assertEqual(data["operators"]["Conv"], 4)
        self.assertTrue(all(node["device"] and node["why"] for node in data["placement"]))
        self.assertGreater(data["memory"]["arena_bytes"], 0)
        self.assertIn("Softmax", self.ok("inspect", "--placement", MODEL))
        self.assertTrue(json.loads(self.ok("inspect", MODEL, "--placement=json"))["placement"])

    def test_lists(self):
        self.assertIn("cpu", [device["name"] for device in self.json("devices")])
        self.assertIn("loaded", {plugin["state"] for plugin in self.json("plugins")})
        self.assertIn("dead-code", [one["name"] for one in self.json("passes")])
        self.assertIn("Conv", [op["name"] for op in self.json("ops")])

    def test_plugins_without_any(self):
        (self.folder / "empty").mkdir()
        broken = self.folder / "broken.hrt.json"
        broken.write_text("{")
        data = self.json("plugins", "--plugin-path", self.folder)
        mine = [plugin for plugin in data if plugin["path"] == str(broken)]
        self.assertEqual([plugin["state"] for plugin in mine], ["refused"])
        self.assertTrue(mine[0]["reason"])

    # ----------------------------------------------------------------------------------- config

    def test_config_and_where_it_came_from(self):
        file = self.folder / "hrt.toml"
        file.write_text('[execution]\nthreads = 1\nplan_cache = 3\n[log]\nlevel = "error"\n')
        data = self.json("config", "--config", file, "--threads", "2", HRT_LOG_LEVEL="debug")["configuration"]
        self.assertEqual(data["execution.threads"], {"value": 2, "from": "--threads"})
        self.assertEqual(data["execution.plan_cache"], {"value": 3, "from": f"{file}:3"})
        self.assertEqual(data["log.level"], {"value": "debug", "from": "$HRT_LOG_LEVEL"})
        self.assertEqual(data["devices.fallback"], {"value": "allow", "from": "default"})
        self.assertIn("execution.threads = 2", self.ok("config", "--threads", "2"))

    def test_config_mistakes(self):
        file = self.folder / "hrt.toml"
        file.write_text("[execution]\nthread = 1\n")
        self.bad(1, "config", "--config", file, says=[f"{file}:2", 'did you mean "execution.threads"'])
        self.bad(1, "config", HRT_CONFIG=str(file), says=f"{file}:2")
        self.bad(1, "config", HRT_THREADS="x", says="$HRT_THREADS")
        self.bad(1, "config", "--config", self.folder / "none.toml", says="none.toml")
        self.ok("config", cwd=self.folder)  # the working directory is not searched
        file.write_text('[passes]\ndisable = ["dead-cod"]\n')
        self.bad(1, "run", MODEL, "--config", file, says='did you mean "dead-code"')

    def test_disabled_passes_do_not_run(self):
        file = self.folder / "hrt.toml"
        file.write_text('[passes]\ndisable = ["conv-batchnorm"]\n')
        data = self.json("inspect", MODEL, "--passes", "--config", file)
        self.assertFalse([line for line in data["rewrites"] if line.startswith("conv-batchnorm")])


def tensor_proto(dims, values):
    """The protobuf message that ONNX's tests hold: dims (1), data_type (2) FLOAT, raw_data (9)."""
    raw = array.array("f", values).tobytes()
    size = bytes([len(raw) & 0x7F | 0x80, len(raw) >> 7]) if len(raw) > 127 else bytes([len(raw)])
    return b"".join(b"\x08" + bytes([dim]) for dim in dims) + b"\x10\x01\x4a" + size + raw


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
