#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the importer's table of adapters with the history of operators in the Python package onnx.

For every operator, each step from one version to the next either changes nothing that an existing node
can feel (types; optional inputs, outputs and attributes that are new), or it needs an adapter. Prints the
steps that need one and have none; run it by hand when a new opset appears. It sees signatures alone: a
change of meaning behind the same signature (OneHot-11) has to be read out of the standard's changelog.

    check_adapters.py [HRT_RUN]

With the program, it also prints the operators that are in the package, and in none of its plugins.
"""
import json
import pathlib
import re
import subprocess
import sys

import onnx.defs
import onnx.helper

DOMAINS = ("", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training")
REPLACED = {("", "Scatter"), ("", "Upsample"), ("ai.onnx.preview.training", "Gradient")}  # by the importer


def adapters():
    source = pathlib.Path(__file__).parents[2] / "plugins/importers/onnx/adapt.cpp"
    text = source.read_text()
    header = (source.parent / "node.hpp").read_text()
    newest = re.search(r"kOpset = (\d+)", header).group(1)
    rows = re.findall(r'\{"(\w+)", (\d+), (\w+), (\w+)\}', text.replace("kOpset", newest))
    return [(op, int(a), int(b)) for op, a, b, _ in rows]


def attributes(schema):
    out = {}
    for name, a in schema.attributes.items():
        default = onnx.helper.get_attribute_value(a.default_value) if a.default_value.type else None
        out[name] = (str(a.type), default, a.required)
    return out


def parameters(formal):
    return [(p.name, str(p.option).split(".")[-1]) for p in formal]


def changes(old, new):
    """What a node written for old may feel when it is read as new."""
    out = []
    before, after = attributes(old), attributes(new)
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            out.append(f"attribute {name} is gone")
        elif name not in before:
            if after[name][2]:
                out.append(f"attribute {name} is required now")
        elif before[name][:2] != after[name][:2]:
            out.append(f"attribute {name} was {before[name][:2]}, is {after[name][:2]}")
        elif after[name][2] and not before[name][2]:
            out.append(f"attribute {name} is required now")
    for what, was, now in (("input", old.inputs, new.inputs), ("output", old.outputs, new.outputs)):
        was, now = parameters(was), parameters(now)
        if len(now) < len(was):
            out.append(f"{what}s were {was}, are {now}")
        for _, option in now[len(was):]:
            if option != "Optional":
                out.append(f"{what}s were {was}, are {now}")
    return out


def missing_operators(program):
    there = {(o["domain"], o["name"]) for o in json.loads(subprocess.check_output([program, "ops", "--json"]))}
    asked = {(s.domain, s.name) for s in onnx.defs.get_all_schemas_with_history() if s.domain in DOMAINS}
    return sorted(asked - there - REPLACED)


def main():
    history = {}
    for s in onnx.defs.get_all_schemas_with_history():
        if s.domain in DOMAINS:
            history.setdefault(s.name, {})[s.since_version] = s
    table = adapters()
    missing = 0
    for domain, name in missing_operators(sys.argv[1]) if len(sys.argv) > 1 else []:
        missing += 1
        print(f"no plugin has {domain}.{name}")
    for name, versions in sorted(history.items()):
        for a, b in zip(sorted(versions), sorted(versions)[1:]):
            found = changes(versions[a], versions[b])
            adapted = any(op == name and first <= a and b <= last for op, first, last in table)
            if not found or adapted:
                continue
            missing += 1
            print(f"{name} {a} -> {b}: {'; '.join(found)}")
        newest = versions[max(versions)]
        if newest.deprecated and not newest.domain and not any(op == name for op, _, _ in table):
            missing += 1
            print(f"{name} was removed in {max(versions)}")
    for op, first, last in table:
        if op not in history:
            print(f"{op} is not an operator")
    print(f"{len(history)} operators, {len(table)} adapters, {missing} steps without one")
    return missing != 0


if __name__ == "__main__":
    sys.exit(main())
