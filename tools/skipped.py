#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lists the tests that a run left out, grouped by reason: skipped.py JUNIT.xml (from ctest)."""

import collections
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


def reason(case):
    """What the test itself says: a line "SKIP: why", or the text that follows GoogleTest's "Skipped"."""
    output = case.findtext("system-out") or ""
    for pattern in (r"^SKIP:? +(.+)$", r": Skipped\n(.+)$"):
        said = re.search(pattern, output, re.MULTILINE)
        if said:
            return said.group(1).strip()
    return case.find("skipped").get("message") or "no reason given"


def main():
    cases = list(ElementTree.parse(sys.argv[1]).getroot().iter("testcase"))
    by_reason = collections.defaultdict(list)
    for case in cases:
        if case.find("skipped") is not None:
            by_reason[reason(case)].append(case.get("name"))
    count = sum(map(len, by_reason.values()))
    print(f"\n{len(cases)} tests, {count} skipped.")
    for why, names in sorted(by_reason.items()):
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        print(f"  {why}: {shown}")
    if not SHARED.is_dir():
        print("The shared test data (models, conformance cases: a folder `shared` beside this one) is absent.")


if __name__ == "__main__":
    main()
