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


class Commands:
    """How each file is compiled, without g++'s precompiled headers, which clang cannot read."""

    def __init__(self, tree):
        entries = json.loads((tree.build / "compile_commands.json").read_text())
        for entry in entries:
            entry["command"] = re.sub(r" -fpch-preprocess| -include \S+\.hpp", "", entry["command"])
        self.database = tree.temporary()
        (self.database / "compile_commands.json").write_text(json.dumps(entries))

        # source file: the directory that its compiler, and so clang-tidy, runs in
        self.directories = {(Path(entry["directory"]) / entry["file"]).resolve(): Path(entry["directory"]) for entry in entries}


def sources(tree):
    """What is checked; generated sources are in the build directory and so not among the tree's files."""
    return tree.files("helpers/**/*.cpp", "generators/**/*.cpp")


def look_at(tree, path, commands):
    """The findings of one file."""
    # cwd: clang-tidy 19 takes HeaderFilterRegex from the .clang-tidy above its working directory, not above the file
    result = run(tool("clang-tidy-19"), "--quiet", "-p", commands.database, "--extra-arg=-Wno-unknown-warning-option", tree.source / path,
                 cwd=tree.source)
    findings = FINDING.findall(result.stdout)
    for file, line, _, text, check in findings:
        where = (commands.directories[tree.source / path] / file).resolve()
        # a library's own header is not ours to mend, and NOLINT cannot reach it
        if where.is_relative_to(tree.source):
            yield at(where.relative_to(tree.source), line, f"{text} [{check}]")

    if result.returncode != 0 and not findings:
        yield at(path, 1, f"clang-tidy failed: {result.stdout.strip()[-300:]}")


def check_tidy(tree):
    commands = Commands(tree)
    known = []

    for path in sources(tree):
        if tree.source / path in commands.directories:
            known.append(path)
        else:
            yield at(path, 1, "is compiled by no target, add it to meson.build or remove it")

    with ThreadPoolExecutor(JOBS) as pool:
        for findings in pool.map(lambda path: list(look_at(tree, path, commands)), known):
            yield from findings


if __name__ == "__main__":
    main()
