#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when the tree breaks a rule of the design that a compiler does not see.

    check_structure.py ROOT          checks a source tree
    check_structure.py --self-test   plants one violation after the other in a made tree

Rules, by the name under which they are reported:
  arrow     modules of core/ include only what lies left of them: base, tensor, graph, format, plugin,
            pass, partition, plan, execute. power, cache and profile stand beside: they build on base
            alone, and whatever lies right of base may use them.
  deps      hrt_module(DEPS) in a module's CMakeLists.txt names what its sources include, and no more.
  outside   ops/, a plugin, a backend and the SDK include <hrt/...>, their own folder and system headers;
            never core/, nor each other; nor do they link a module of the core.
  names     core/ names no operator, file format or device, in a string literal or an include.
  spdx      every source begins with the licence line.
  text      no paths of a developer's machine, no marks for unfinished work.
"""

import pathlib
import re
import sys
import tempfile

CHAIN = ["base", "tensor", "graph", "format", "plugin", "pass", "partition", "plan", "execute"]
BESIDE = ["power", "cache", "profile"]

CXX = {".h", ".hpp", ".c", ".cc", ".cpp", ".inc"}
SCRIPTS = {".py", ".sh", ".cmake", ".fbs", ".proto"}
TEXT = CXX | SCRIPTS | {".md", ".txt", ".json", ".toml", ".yml", ".yaml", ".in", ""}

# Whole string literals. Common operators are enough: one that is named seldom comes alone.
OPERATORS = """Add BatchNormalization Cast Clip Concat Constant Conv ConvTranspose DequantizeLinear Div
Dropout Expand Flatten Gather Gelu Gemm GlobalAveragePool GRU Identity If LayerNormalization Loop LSTM
MatMul MaxPool Mul Pad QuantizeLinear ReduceMean Relu Reshape Resize Scan Shape Sigmoid Slice Softmax Split
Squeeze Sub Tanh Transpose Unsqueeze""".split()
DEVICES = ["cpu", "gpu", "npu", "reference"]
# Anywhere in a literal or in an include, as a word.
ANYWHERE = re.compile(r"\b(onnx|tflite|litert|caffe|ncnn|safetensors|gguf|vulkan|opencl|cuda|metal)", re.IGNORECASE)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^">]+)[">]', re.MULTILINE)
MODULE = re.compile(r"hrt_module\s*\(\s*(\w+)([^)]*)\)")
LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\((.*?)\)\1"|"((?:[^"\\\n]|\\.)*)"|\'(?:[^\'\\\n]|\\.)+\'', re.DOTALL)
HOME = re.compile(r"(?<![\w.${}/-])/(?:home/\w+|root|Users/\w+)/")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME)\b")


def files(root):
    """Paths below root, without build outputs and what lies in hidden folders (.ci excepted)."""
    for path in sorted(root.iterdir()):
        hidden = path.name.startswith(".") and path.name != ".ci" and path.is_dir()
        if hidden or path.is_symlink() or path.name in ("build", "__pycache__"):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


class Tree:
    """A source tree and the violations found in it: (rule, file and line, what is wrong)."""

    def __init__(self, root):
        self.root = root.resolve()
        self.paths = [path for path in files(self.root) if path.suffix in TEXT]
        self.problems = []

    def report(self, rule, path, position, message):
        line = read(path).count("\n", 0, position) + 1
        self.problems.append((rule, f"{path.relative_to(self.root)}:{line}", message))

    def below(self, folder, suffixes=CXX):
        parts = pathlib.PurePath(folder).parts
        for path in self.paths:
            relative = path.relative_to(self.root).parts
            if relative[: len(parts)] == parts and path.suffix in suffixes:
                yield path

    def includes(self, path):
        """(position, as written, the file of this tree that it means, relative to the root, or None)."""
        for match in INCLUDE.finditer(read(path)):
            for base in (path.parent, self.root, self.root / "sdk/include"):
                target = (base / match[1]).resolve()
                if target.is_file() and target.is_relative_to(self.root):
                    yield match.start(), match[1], target.relative_to(self.root)
                    break
            else:
                # Not there (yet): by its first folder, so that a missing or generated header counts too.
                inside = (self.root / match[1].split("/")[0]).is_dir() and "/" in match[1]
                yield match.start(), match[1], pathlib.PurePath(match[1]) if inside else None


def left_of(module):
    """The modules that one may use."""
    if module == "base":
        return set()
    if module in BESIDE:
        return {"base"}
    return set(CHAIN[: CHAIN.index(module)]) | set(BESIDE)


def check_core(tree):
    declared, used = {}, {}
    for folder in sorted((tree.root / "core").iterdir()):
        if not folder.is_dir():
            continue
        module = folder.name
        sources = list(tree.below(f"core/{module}"))
        if module not in CHAIN + BESIDE:
            if sources:
                tree.report("arrow", sources[0], 0, f"core/{module} has no place in the order of modules")
            continue
        used[module] = {}
        for path in sources:
            for position, written, target in tree.includes(path):
                check_core_include(tree, module, path, position, written, target, used[module])
        cmake = folder / "CMakeLists.txt"
        if cmake.exists():
            declared[module] = declared_dependencies(tree, module, cmake)
    for module in declared:
        check_dependencies(tree, module, declared, used[module])


def check_core_include(tree, module, path, position, written, target, used):
    if target is None or target.parts[0] == "sdk":
        return
    if target.parts[0] != "core":
        tree.report("arrow", path, position, f"core/ includes {written}")
        return
    other = target.parts[1]
    if other == module:
        return
    if other not in left_of(module):
        tree.report("arrow", path, position, f"{module} includes {written}: {other} is not left of it")
    else:
        used.setdefault(other, (path, position))


def declared_dependencies(tree, module, cmake):
    text = read(cmake)
    match = MODULE.search(text)
    if not match or match[1] != module:
        tree.report("deps", cmake, 0, f"no hrt_module({module} ...)")
        return set()
    words = match[2].split()
    begin = words.index("DEPS") + 1 if "DEPS" in words else len(words)
    end = words.index("LIBS") if "LIBS" in words else len(words)
    names = set(words[begin:end] if begin <= end else words[begin:])
    for name in sorted(names - left_of(module)):
        tree.report("arrow", cmake, match.start(), f"{module} links {name}, which is not left of it")
    return names & left_of(module)


def reachable(module, declared):
    found, todo = set(), [module]
    while todo:
        for name in declared.get(todo.pop(), ()):
            if name not in found:
                found.add(name)
                todo.append(name)
    return found


def check_dependencies(tree, module, declared, used):
    for name in sorted(set(used) - reachable(module, declared)):
        tree.report("deps", *used[name], f"{module} includes core/{name}, which its DEPS do not reach")
    for name in sorted(declared[module] - set(used)):
        cmake = tree.root / "core" / module / "CMakeLists.txt"
        tree.report("deps", cmake, 0, f"DEPS name {name}, but nothing in {module} includes it")


def unit_of(path):
    """The folder of the plugin, backend, or other piece that stands alone, to which a path belongs."""
    parts = path.parts
    depth = {"ops": 1, "sdk": 1, "backends": 2, "plugins": 2}.get(parts[0])
    if depth is None:
        return None
    if parts[:2] in (("plugins", "importers"), ("plugins", "power")):
        depth = 3
    return parts[:depth]


def check_outside(tree):
    links = re.compile(r"\bhrt_(?:" + "|".join(CHAIN + BESIDE) + r")\b")
    for folder in ("ops", "plugins", "backends", "sdk"):
        for path in tree.below(folder):
            unit = unit_of(path.relative_to(tree.root))
            for position, written, target in tree.includes(path):
                if re.match(r"(\.\./)*core/", written) or (target and target.parts[0] == "core"):
                    tree.report("outside", path, position, f"includes {written}: the SDK is all that it may see")
                elif target and unit[0] == "backends" and target.parts[:2] == ("backends", "gpu_common"):
                    continue  # what GPU backends share: compiled into each of them
                elif target and target.parts[:2] != ("sdk", "include") and unit_of(target) != unit:
                    tree.report("outside", path, position, f"includes {written}, which is not its own")
        for path in tree.below(folder, {".txt", ".cmake"}):
            for match in links.finditer(read(path)):
                tree.report("outside", path, match.start(), f"links {match[0]}, a module of the core")


def literals(text):
    """(position, contents) of the string literals, those of includes left out."""
    for match in LITERAL.finditer(text):
        content = match[2] if match[2] is not None else match[3]
        if content is not None:
            line = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
            if not line.lstrip().startswith("#include"):
                yield match.start(), content


def check_names(tree):
    exact = set(OPERATORS + DEVICES)
    for path in tree.below("core"):
        text = read(path)
        for position, content in literals(text):
            if content in exact or ANYWHERE.search(content):
                tree.report("names", path, position, f'the core names "{content[:60]}"')
        for match in INCLUDE.finditer(text):
            if ANYWHERE.search(match[1]):
                tree.report("names", path, match.start(), f"the core includes {match[1]}")


def is_source(path, text):
    script = not path.suffix and text.startswith("#!")
    return path.suffix in CXX | SCRIPTS or path.name == "CMakeLists.txt" or script


def check_text(tree):
    checkout = str(tree.root) + "/"
    for path in tree.paths:
        text = read(path)
        if is_source(path, text) and "SPDX-License-Identifier: Apache-2.0" not in "".join(
            text.splitlines(keepends=True)[:3]
        ):
            tree.report("spdx", path, 0, "no line SPDX-License-Identifier: Apache-2.0 at its beginning")
        for match in HOME.finditer(text):
            tree.report("text", path, match.start(), f"a path of somebody's machine: {match[0]}")
        if len(tree.root.parts) > 2 and checkout in text:
            tree.report("text", path, text.index(checkout), f"a path of this machine: {checkout}")
        if is_source(path, text) and (match := UNFINISHED.search(text)):
            tree.report("text", path, match.start(), f"left unfinished: {match[0]}")


def check(root):
    tree = Tree(root)
    check_core(tree)
    check_outside(tree)
    check_names(tree)
    check_text(tree)
    return tree.problems


# ---------------------------------------------------------------------------------------- self-test

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
HASH_SPDX = SPDX.replace("//", "#")

GOOD = {
    "core/base/error.h": SPDX + "#include <string>\n",
    "core/base/CMakeLists.txt": HASH_SPDX + "hrt_module(base LIBS fmt::fmt)\n",
    "core/tensor/tensor.h": SPDX + '#include "core/base/error.h"\n#include <hrt/plugin.h>\n',
    "core/tensor/CMakeLists.txt": HASH_SPDX + "hrt_module(tensor\n  DEPS base)\n",
    # comments may name anything, and so may words that only contain a name
    "core/graph/graph.cpp": SPDX
    + '#include "graph.h"\n#include "core/tensor/tensor.h"\n// the importer of "onnx" makes "Conv"\n'
    + 'const char* a = "cpu_features";  /* "vulkan" */ const char quote = \'"\';\n',
    "core/graph/graph.h": SPDX,
    "core/graph/CMakeLists.txt": HASH_SPDX + "hrt_module(graph DEPS tensor LIBS TBB::tbb)\n",
    "core/cache/store.h": SPDX + '#include "core/base/error.h"\n',
    "core/cache/CMakeLists.txt": HASH_SPDX + "hrt_module(cache DEPS base)\n",
    "core/plan/plan.h": SPDX + '#include "core/graph/graph.h"\n#include "core/cache/store.h"\n',
    "core/plan/CMakeLists.txt": HASH_SPDX + "hrt_module(plan DEPS graph cache)\n",
    "ops/conv.cpp": SPDX + '#include <hrt/plugin.hpp>\n#include "window.h"\nconst char* name = "Conv";\n',
    "ops/window.h": SPDX,
    "backends/cpu/backend.cpp": SPDX + '#include "kernels/gemm.h"\n#include <hrt/plugin.hpp>\n',
    "backends/cpu/kernels/gemm.h": SPDX,
    "backends/reference/reference.h": SPDX,
    "backends/cpu/CMakeLists.txt": HASH_SPDX + "hrt_add_plugin(hrt_cpu KINDS backend)\n",
    "plugins/importers/onnx/importer.cpp": SPDX + "#include <onnx/onnx_pb.h>\n#include <hrt/plugin.hpp>\n",
    "sdk/include/hrt/plugin.h": SPDX,
    "sdk/include/hrt/plugin.hpp": SPDX + "#include <hrt/plugin.h>\n",
    "apps/hrt-run/main.cpp": SPDX + '#include "core/plan/plan.h"\n',
    "tools/setup": "#!/bin/sh\n" + HASH_SPDX,
    "build/release/generated.cpp": "no licence line, and nobody minds\n",
    "README.md": "~/models, $HOME/x and root/home are no paths of ours\n",
}

BAD = {  # what is wrong: (rule, file, text that is added to it)
    "include to the right": ("arrow", "core/base/error.h", '#include "core/tensor/tensor.h"\n'),
    "include to the right, relative": ("arrow", "core/tensor/tensor.h", '#include "../plan/plan.h"\n'),
    "include to the right, of a missing file": ("arrow", "core/tensor/tensor.h", "#include <core/execute/x.h>\n"),
    "beside uses the chain": ("arrow", "core/cache/store.h", '#include "core/graph/graph.h"\n'),
    "core uses an app": ("arrow", "core/plan/plan.h", '#include "apps/hrt-run/main.cpp"\n'),
    "unknown module": ("arrow", "core/utils/misc.h", SPDX),
    "link to the right": ("arrow", "core/format/CMakeLists.txt", HASH_SPDX + "hrt_module(format DEPS plan)\n"),
    "include without DEPS": ("deps", "core/graph/graph.h", '#include "core/cache/store.h"\n'),
    "DEPS without include": (
        "deps",
        "core/profile/CMakeLists.txt",
        HASH_SPDX + "hrt_module(profile DEPS base)\n",
    ),
    "module under another name": ("deps", "core/pass/CMakeLists.txt", HASH_SPDX + "hrt_module(base)\n"),
    "operator includes core": ("outside", "ops/conv.cpp", "#include <core/graph/graph.h>\n"),
    "backend includes core, relative": ("outside", "backends/cpu/backend.cpp", '#include "../../core/base/error.h"\n'),
    "plugin includes core": ("outside", "plugins/passes/fold.cpp", SPDX + '#include "core/base/error.h"\n'),
    "SDK includes core": ("outside", "sdk/include/hrt/plugin.hpp", '#include "core/base/error.h"\n'),
    "backend includes another": ("outside", "backends/cpu/backend.cpp", '#include "../reference/reference.h"\n'),
    "backend includes operators": ("outside", "backends/cpu/backend.cpp", '#include "ops/window.h"\n'),
    "backend links core": (
        "outside",
        "backends/cpu/CMakeLists.txt",
        "target_link_libraries(hrt_cpu hrt_graph)\n",
    ),
    "core names an operator": ("names", "core/graph/graph.cpp", 'bool f() { return type == "Conv"; }\n'),
    "core names a format": ("names", "core/graph/graph.cpp", 'const char* e = "a.ONNX file";\n'),
    "core names a device": ("names", "core/graph/graph.cpp", 'const char* d = "cpu";\n'),
    "core names a device, raw string": ("names", "core/graph/graph.cpp", 'const char* d = R"x(Vulkan)x";\n'),
    "core includes a format": ("names", "core/graph/graph.cpp", "#include <onnx/onnx_pb.h>\n"),
    "source without licence": ("spdx", "apps/hrt-run/run.cpp", "int x;\n"),
    "CMake file without licence": ("spdx", "apps/CMakeLists.txt", "add_subdirectory(hrt-run)\n"),
    "script without licence": ("spdx", "tools/other", "#!/bin/sh\n"),
    "home in a text": ("text", "docs/use.md", "see /ho" + "me/ann/models\n"),
    "home in a script": ("text", "tools/setup", "cd /ro" + "ot/x\n"),
    "checkout in a text": ("text", "README.md", "{root}/models\n"),
    "unfinished": ("text", "apps/hrt-run/main.cpp", "// TO" + "DO more\n"),
}


def write(root, contents):
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as file:
            file.write(text.format(root=root.resolve()) if "{root}" in text else text)


def self_test():
    failed = 0
    for title, planted in {"nothing wrong": None, **BAD}.items():
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder) / "checkout"
            write(root, GOOD)
            if planted:
                write(root, {planted[1]: planted[2]})
            found = check(root)
        expected = {(planted[0], planted[1])} if planted else set()
        got = {(rule, where.rsplit(":", 1)[0]) for rule, where, _ in found}
        right = got == expected
        failed += not right
        print(f"{'ok   ' if right else 'WRONG'} {title}" + ("" if right else f": {found}"))
    return failed


def main():
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(1 if self_test() else 0)
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    problems = check(pathlib.Path(sys.argv[1]))
    for rule, where, message in problems:
        print(f"{where}: {rule}: {message}")
    print(f"{len(problems)} violation{'' if len(problems) == 1 else 's'}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
