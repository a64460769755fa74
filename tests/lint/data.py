#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Data tables, JSON files, and the Python of the tests."""

import json
import py_compile
import re
import warnings
from pathlib import Path

from lint import at, main, run


def check_tables(tree):
    """First line: source and date; then the header; then rows, sorted by name, each name once."""
    for path in tree.files("helpers/data/**/*.tsv"):
        lines = tree.text(path).splitlines()
        if not lines or not re.match(r"# .*\bfrom\b.*, 20\d\d-[01]\d\b", lines[0]):
            yield at(path, 1, "the first line does not name source and date, write '# Facts from SOURCE, YYYY-MM.'")
        header = lines[1].split("\t") if len(lines) > 1 else []
        previous = ""

        for number, line in enumerate(lines[2:], 3):
            fields = line.split("\t")
            if len(fields) != len(header):
                yield at(path, number, f"{len(fields)} fields, the header has {len(header)}, mend the row")

            if fields[0] == previous:
                yield at(path, number, f"'{fields[0]}' a second time, keep one")
            elif fields[0] < previous:
                yield at(path, number, f"'{fields[0]}' comes after '{previous}', sort the rows as LC_ALL=C sort does")

            previous = fields[0]


def check_changelog(tree):
    """The version has an entry of what users notice; every other one has the day of its release."""
    path = "packer/packages/changelog"
    version = re.search(r"version: '([\d.]+)'", tree.text("meson.build"))[1]
    numbers = {}

    for number, line in tree.lines(path):
        if match := re.match(r"(\d\S*)( 20\d\d-[01]\d-[0-3]\d)?$", line):
            numbers[match[1]] = match[2]
            if match[1] != version and not match[2]:
                yield at(path, number, f"{match[1]} has no day, write '{match[1]} YYYY-MM-DD'")
        elif not re.match(r"# |  \* |    \S", line) or len(line) > 79 and not line.startswith("#"):
            yield at(path, number, "write '  * TEXT', continued after four blanks, in at most 79 columns")

    if version not in numbers:
        yield at(path, 1, f"no entry for {version}, say what users notice")


def check_sysctl(tree):
    """Parameters that this kernel has, one to a line, with a value that is a number."""
    for path in tree.files("dropins/sysctl.d/*.conf"):
        for number, line in tree.lines(path):
            if not line or line.startswith("#"):
                continue

            key, _, value = (word.strip() for word in line.partition("="))

            # One with a minus belongs to a module, which this machine need not have loaded.
            if not key.startswith("-") and not Path("/proc/sys", *key.split(".")).is_file():
                yield at(path, number, f"the kernel has no parameter '{key}', mend its name")
            if not re.fullmatch(r"-?\d+(?:[,-]\d+)*", value):
                yield at(path, number, f"'{value}' is neither a number nor a list of numbers")


def check_sshd(tree):
    """Algorithms that OpenSSH knows: sshd does not start with another."""
    for path in tree.files("dropins/sshd/*.conf"):
        for number, line in tree.lines(path):
            if not line or line.startswith("#"):
                continue

            key, _, names = line.partition(" ")
            known = run("ssh", "-Q", key).stdout.split()

            for name in names.split(","):
                if name not in known:
                    yield at(path, number, f"ssh knows no {key} '{name}', mend its name")


def check_json(tree):
    for path in tree.files("helpers/**/*.json", "tests/*.json", "tests/*/*.json", "packer/**/*.json"):
        try:
            json.loads(tree.text(path))
        except json.JSONDecodeError as e:
            yield at(path, e.lineno, f"not JSON: {e.msg}, mend it")


def check_python(tree):
    """It compiles, and without a warning: an invalid escape today is an error in the next Python."""
    compiled = tree.temporary() / "compiled"
    for path in tree.files("**/*"):
        if path.suffix != ".py" and not re.match(r"#!.*\bpython", tree.shebang(path)):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                py_compile.compile(str(tree.source / path), cfile=str(compiled), doraise=True)
            except py_compile.PyCompileError as e:
                m = re.search(r"line (\d+)", e.msg)
                yield at(path, m[1] if m else getattr(e.exc_value, "lineno", 1), f"does not compile: {e.exc_value}")


if __name__ == "__main__":
    main()
