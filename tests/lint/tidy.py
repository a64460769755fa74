#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""clang-tidy 19 over helpers/ and generators/, as .clang-tidy says. Takes minutes, so it is a suite of its own."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lint import at, main, run, tool

JOBS = 2
FINDING = re.compile(r"(\S+?):(\d+):(\d+): (?:error|warning): (.*) \[([\w.-]+)[,\]]")


def check_tidy(tree):
    program = tool("clang-tidy-19")
    compiled = {}  # source file: directory that its compiler, and so clang-tidy, runs in
    for entry in json.loads((tree.build / "compile_commands.json").read_text()):
        compiled[(Path(entry["directory"]) / entry["file"]).resolve()] = Path(entry["directory"])
    # generated sources are in the build directory and so not among the tree's files
    paths = tree.files("helpers/**/*.cpp", "generators/**/*.cpp")
    for path in paths:
        if tree.source / path not in compiled:
            yield at(path, 1, "is compiled by no target, add it to meson.build or remove it")
    known = [path for path in paths if tree.source / path in compiled]
    with ThreadPoolExecutor(JOBS) as pool:
        # cwd: clang-tidy 19 takes HeaderFilterRegex from the .clang-tidy above its working directory, not above the file
        results = pool.map(lambda path: run(program, "--quiet", "-p", tree.build, "--extra-arg=-Wno-unknown-warning-option",
                                            tree.source / path, cwd=tree.source), known)
        for path, result in zip(known, results):
            findings = FINDING.findall(result.stdout)
            for file, line, _, text, check in findings:
                where = (compiled[tree.source / path] / file).resolve()
                # a library's own header is not ours to mend, and NOLINT cannot reach it
                if where.is_relative_to(tree.source):
                    yield at(where.relative_to(tree.source), line, f"{text} [{check}]")
            if result.returncode != 0 and not findings:
                yield at(path, 1, f"clang-tidy failed: {result.stdout.strip()[-300:]}")


if __name__ == "__main__":
    main()
