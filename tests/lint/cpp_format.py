#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""C++ is formatted as .clang-format says. Version 14 decides, Debian 12's: each version formats a little otherwise."""

import re

from lint import Skip, at, main, run, tool


def clang_format():
    program = tool("clang-format-14", "clang-format")
    if "version 14." not in run(program, "--version").stdout:
        raise Skip("clang-format 14 is not installed")
    return program


def check_format(tree):
    files = tree.files("helpers/**/*.cpp", "helpers/**/*.hpp", "generators/**/*.cpp", "generators/**/*.hpp",
                       "tests/**/*.cpp", "tests/**/*.hpp")
    if not files:
        return

    done = run(clang_format(), "--dry-run", "-Werror", *files, cwd=tree.source)
    wrong = {}

    for name, number in re.findall(r"^(\S+?):(\d+):\d+: error: ", done.stdout, re.MULTILINE):
        wrong.setdefault(name, set()).add(int(number))

    for name, numbers in wrong.items():
        yield at(name, min(numbers),
                 f"the first of {len(numbers)} that clang-format-14 writes otherwise, run clang-format-14 -i {name}")

    if done.returncode != 0 and not wrong:
        raise RuntimeError(f"clang-format failed: {done.stdout}")


if __name__ == "__main__":
    main()
